package automation_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
)

func TestARunGoesThroughItsNodes(t *testing.T) {
	t.Parallel()

	t.Run("one after the other, with waits between them", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", act("hello"), wait("days", 48*time.Hour), act("again"), wait("hour", time.Hour), act("bye"))
		who := b.enter(1)[0]
		b.logs(b.runOf(who), "hello entered")
		b.drain()
		b.logs(b.runOf(who), "hello entered", "hello done", "days waiting")
		b.doneBy(who, "hello")
		b.clock.Advance(48*time.Hour - time.Microsecond)
		b.drain()
		b.doneBy(who, "hello")
		b.clock.Advance(time.Microsecond)
		b.drain()
		b.doneBy(who, "hello", "again")
		b.clock.Advance(time.Hour)
		b.drain()
		r := b.runOf(who)
		b.logs(r, "hello entered", "hello done", "days waiting", "again done", "hour waiting", "bye done", "bye finished")
		b.doneBy(who, "hello", "again", "bye")
		if r.State != automation.Completed || !r.EndedAt.Equal(start.Add(49*time.Hour)) {
			t.Errorf("the run is %s, ended at %v", r.State, r.EndedAt)
		}
		want := []automation.RunEnded{{RunID: r.ID, WorkflowID: r.WorkflowID, ContactID: who, State: automation.Completed}}
		if diff := cmp.Diff(want, published[automation.RunEnded](b)); diff != "" {
			t.Error(diff)
		}
		if len(b.actor.actors) == 0 || b.actor.actors[0].Type != "automation" {
			t.Errorf("the effects are by %v, want the automation", b.actor.actors)
		}
	})

	t.Run("from the first, to where each says, and to the end at a node that does nothing", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", act("first", "third"), automation.Node{ID: "end"}, act("third", "end"), act("never"))
		who := b.enter(1)[0]
		b.drain()
		b.doneBy(who, "first", "third")
		b.logs(b.runOf(who), "first entered", "first done", "third done", "end finished")
	})

	t.Run("and a wait counts from the entry of its node", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", wait("a", time.Hour), wait("b", time.Hour), act("done"))
		who := b.enter(1)[0]
		b.clock.Advance(10 * time.Minute) // the worker comes late to the first node
		b.drain()
		if got, want := b.runOf(who).DueAt, start.Add(time.Hour); !got.Equal(want) {
			t.Errorf("the first wait ends at %v, want %v", got, want)
		}
		b.clock.Advance(2 * time.Hour) // and to the second
		b.drain()
		if got, want := b.runOf(who).DueAt, start.Add(3*time.Hour+10*time.Minute); !got.Equal(want) {
			t.Errorf("the second wait ends at %v, want %v", got, want)
		}
	})

	t.Run("many at once, with one call of an actor for all", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", act("one"), act("two"), wait("w", time.Hour))
		people := b.enter(1500)
		b.drain()
		if diff := cmp.Diff([]int{1000, 1000, 500, 500}, b.actor.calls); diff != "" {
			t.Error(diff)
		}
		for _, who := range people {
			b.doneBy(who, "one", "two")
		}
	})

	t.Run("a part of a long way at a time, so that others have their turn", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var nodes []automation.Node
		for i := range automation.MaxNodes {
			nodes = append(nodes, act("n"+string(rune('a'+i/26%26))+string(rune('a'+i%26))+string(rune('a'+i/676))))
		}
		b.publish("", nodes...)
		who := b.enter(1)[0]
		b.step()
		if n := len(b.did(who)); n == 0 || n >= len(nodes) {
			t.Errorf("%d nodes in one step", n)
		}
		b.drain()
		if n := len(b.did(who)); n != len(nodes) {
			t.Errorf("%d effects of %d nodes", n, len(nodes))
		}
		if r := b.runOf(who); r.State != automation.Completed {
			t.Errorf("a workflow of %d nodes is %s: %s", len(nodes), r.State, r.LastError)
		}
	})

	t.Run("in circles, until it has entered too many nodes", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", act("a"), wait("b", time.Hour, "a"))
		who := b.enter(1)[0]
		for range automation.MaxVisits {
			b.drain()
			b.clock.Advance(time.Hour)
		}
		r := b.runOf(who)
		if r.State != automation.Failed || r.Visits != automation.MaxVisits+1 {
			t.Errorf("the run is %s after %d nodes", r.State, r.Visits)
		}
		if lines := b.log(r); lines[len(lines)-1] != "a gave_up" {
			t.Errorf("the log ends with %q", lines[len(lines)-1])
		}
		if n := len(b.did(who)); n != automation.MaxVisits/2 {
			t.Errorf("%d effects, want %d", n, automation.MaxVisits/2)
		}
	})
}

func TestRevisions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.publish("", wait("w", time.Hour), act("old"))
	before := b.enter(1)[0]
	b.drain()
	edited, err := b.service.Update(b.ctx, b.ws, w.ID, func(w *automation.Workflow) error {
		w.Name, w.State, w.Revision = "Other", automation.Archived, 99
		w.Draft = defined("", wait("w", time.Minute), act("new"))
		return nil
	})
	b.no(err)
	if edited.Name != "Other" || edited.State != automation.Active || edited.Revision != 1 {
		t.Errorf("the edit made %+v", edited)
	}
	between := b.enter(1)[0] // an edit changes nothing until it is published
	w, err = b.service.Publish(b.ctx, b.ws, w.ID)
	b.no(err)
	if w.Revision != 2 || w.Version != 4 {
		t.Errorf("revision %d, version %d", w.Revision, w.Version)
	}
	after := b.enter(1)[0]
	b.drain()
	b.clock.Advance(time.Hour)
	b.drain()
	b.doneBy(before, "old")
	b.doneBy(between, "old")
	b.doneBy(after, "new")
	for who, revision := range map[contacts.ID]int{before: 1, between: 1, after: 2} {
		if got := b.runOf(who).Revision; got != revision {
			t.Errorf("revision %d, want %d", got, revision)
		}
	}
}

func TestEntry(t *testing.T) {
	t.Parallel()

	t.Run("once is once, whatever happens", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish(automation.Once, act("hello"))
		who := b.enter(1)[0]
		b.consume(entered{SegmentID: "joined", ContactID: who}, entered{SegmentID: "joined", ContactID: who})
		b.drain()
		b.consume(entered{SegmentID: "joined", ContactID: who})
		b.drain()
		b.doneBy(who, "hello")
		if n := len(published[automation.RunStarted](b)); n != 1 {
			t.Errorf("%d runs were told of", n)
		}
	})

	t.Run("always is once for each event, however often it is delivered", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish(automation.Always, act("hello"))
		who := contacts.ID(b.ids.NewID())
		envelopes := make([]engage.Envelope, 3)
		for i := range envelopes {
			var err error
			envelopes[i], err = engage.NewEnvelope(b.ctx, b.ws, entered{SegmentID: "joined", ContactID: who}, engage.EventID(b.ids.NewID()), b.clock.Now())
			b.no(err)
		}
		b.redeliver(envelopes[0], envelopes[1], envelopes[0])
		b.drain()
		b.redeliver(envelopes...)
		b.drain()
		b.doneBy(who, "hello", "hello", "hello")
	})

	t.Run("ten thousand equal triggers start one run", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", act("hello"))
		storm := make([]engage.Event, 10_000)
		for i := range storm {
			storm[i] = entered{SegmentID: "joined", ContactID: contacts.ID{7}}
		}
		b.consume(storm...)
		b.drain()
		b.doneBy(contacts.ID{7}, "hello")
		b.runOf(contacts.ID{7})
	})

	t.Run("of a rebuilt segment, or of another, starts nothing", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", act("hello"))
		b.consume(entered{SegmentID: "joined", ContactID: contacts.ID{7}, Rebuilt: true}, entered{SegmentID: "Joined", ContactID: contacts.ID{7}})
		if runs := b.runsOf(contacts.ID{7}); len(runs) != 0 {
			t.Errorf("started %+v", runs)
		}
		b.consume(entered{SegmentID: "joined", ContactID: contacts.ID{7}, Rebuilt: true}, entered{SegmentID: "joined", ContactID: contacts.ID{7}})
		b.runOf(contacts.ID{7})
	})

	t.Run("starts a run of each workflow of the segment", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", act("one"))
		b.publish("", act("two"))
		who := b.enter(1)[0]
		b.drain()
		if got := b.did(who); !slices.Contains(got, `{"do":"one"}`) || !slices.Contains(got, `{"do":"two"}`) || len(got) != 2 {
			t.Errorf("done %q", got)
		}
	})
}

func TestPauseResumeArchive(t *testing.T) {
	t.Parallel()

	t.Run("runs of a paused workflow stand still, and move at once when it goes on", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := b.publish("", wait("w", time.Hour), act("hello"))
		who := b.enter(1)[0]
		b.drain()
		_, err := b.service.Pause(b.ctx, b.ws, w.ID)
		b.no(err)
		late := b.enter(1)[0]
		b.clock.Advance(2 * time.Hour)
		b.drain()
		b.logs(b.runOf(who), "w entered", "w waiting")
		if runs := b.runsOf(late); len(runs) != 0 {
			t.Errorf("a contact entered a paused workflow: %+v", runs)
		}
		_, err = b.service.Resume(b.ctx, b.ws, w.ID)
		b.no(err)
		b.drain()
		b.doneBy(who, "hello")
	})

	t.Run("a workflow that is paused after the claim holds what was claimed", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := b.publish("", act("hello"))
		who := b.enter(1)[0]
		other := b.restart()
		b.afterClaim(func() {
			_, err := other.Pause(b.ctx, b.ws, w.ID)
			b.no(err)
		})
		b.step()
		b.doneBy(who)
		b.logs(b.runOf(who), "hello entered")
		_, err := b.service.Resume(b.ctx, b.ws, w.ID)
		b.no(err)
		b.drain() // its lease ended with the step
		b.doneBy(who, "hello")
	})

	t.Run("runs of an archived workflow are cancelled where they stand", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := b.publish("", wait("w", time.Hour), act("hello"))
		who := b.enter(1)[0]
		b.drain()
		_, err := b.service.Archive(b.ctx, b.ws, w.ID)
		b.no(err)
		b.clock.Advance(time.Hour)
		b.drain()
		r := b.runOf(who)
		b.logs(r, "w entered", "w waiting", "w withdrawn")
		b.doneBy(who)
		if r.State != automation.Cancelled || len(published[automation.RunEnded](b)) != 1 {
			t.Errorf("the run is %s", r.State)
		}
	})
}
