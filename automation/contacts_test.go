package automation_test

import (
	"slices"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
)

func merged(absorbed, survivor contacts.ID) engage.Event {
	return contacts.Merged{Absorbed: absorbed, Survivor: survivor}
}

func TestDeletedContacts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.publish(automation.Always, wait("w", time.Hour), act("hello"))
	people := b.enter(3)
	b.consume(entered{SegmentID: "joined", ContactID: people[0]})
	b.drain()
	b.consume(contacts.Deleted{ContactID: people[0], Absorbed: []contacts.ID{people[1]}}, contacts.Deleted{ContactID: contacts.ID{9}})
	b.clock.Advance(time.Hour)
	b.drain()
	b.doneBy(people[2], "hello")
	for _, who := range people[:2] {
		b.doneBy(who)
		for _, r := range b.runsOf(who) {
			b.logs(r, "w entered", "w waiting", "w withdrawn")
			if r.State != automation.Erased {
				t.Errorf("the run of a deleted contact is %s", r.State)
			}
		}
	}
	ended := published[automation.RunEnded](b)
	if n := len(slices.DeleteFunc(ended, func(e automation.RunEnded) bool { return e.State != automation.Erased })); n != 3 {
		t.Errorf("%d erased runs were told of, want 3", n)
	}
	b.consume(contacts.Deleted{ContactID: people[2]}) // what has ended stays as it was
	if r := b.runOf(people[2]); r.State != automation.Completed {
		t.Errorf("the run is %s", r.State)
	}
}

func TestMergedContacts(t *testing.T) {
	t.Parallel()

	setupRuns := func(t *testing.T) *testBundle {
		t.Helper()
		b := setup(t)
		b.publish("", act("a"), wait("w", time.Hour), act("b"), wait("x", time.Hour), act("c"))
		return b
	}

	t.Run("a run moves to the survivor, and goes on for it", func(t *testing.T) {
		t.Parallel()
		b := setupRuns(t)
		absorbed, survivor := b.enter(1)[0], contacts.ID(b.ids.NewID())
		b.drain()
		b.consume(merged(absorbed, survivor))
		b.clock.Advance(time.Hour)
		b.drain()
		b.doneBy(absorbed, "a")
		b.doneBy(survivor, "b")
		if runs := b.runsOf(absorbed); len(runs) != 0 {
			t.Errorf("the absorbed contact has %+v", runs)
		}
		b.consume(entered{SegmentID: "joined", ContactID: survivor})
		b.runOf(survivor) // once is once for the person
	})

	t.Run("of two runs the further one goes on, whoever's it was", func(t *testing.T) {
		t.Parallel()
		for _, survivorFirst := range []bool{true, false} {
			b := setupRuns(t)
			ahead := b.enter(1)[0]
			b.drain()
			b.clock.Advance(time.Hour)
			b.drain() // ahead has done a and b
			behind := b.enter(1)[0]
			b.drain() // and behind a
			survivor, absorbed := ahead, behind
			if !survivorFirst {
				survivor, absorbed = behind, ahead
			}
			b.consume(merged(absorbed, survivor))
			b.clock.Advance(time.Hour)
			b.drain()
			r, ended := b.runOf(survivor), b.runOf(absorbed)
			if r.State != automation.Completed || ended.State != automation.Cancelled {
				t.Errorf("survivor first %t: the runs are %s and %s", survivorFirst, r.State, ended.State)
			}
			b.logs(r, "a entered", "a done", "w waiting", "b done", "x waiting", "c done", "c finished")
			b.logs(ended, "a entered", "a done", "w waiting", "w withdrawn")
			if told := published[automation.RunEnded](b); len(told) != 2 || told[0].ContactID != absorbed || told[0].State != automation.Cancelled {
				t.Errorf("told of %+v", told)
			}
		}
	})

	t.Run("who came to the end stays there, and the other run ends", func(t *testing.T) {
		t.Parallel()
		b := setupRuns(t)
		done := b.enter(1)[0]
		for range 3 {
			b.drain()
			b.clock.Advance(time.Hour)
		}
		running := b.enter(1)[0]
		b.drain()
		b.consume(merged(done, running))
		b.clock.Advance(time.Hour)
		b.drain()
		b.doneBy(running, "a")
		if r := b.runOf(running); r.State != automation.Completed {
			t.Errorf("the person's run is %s", r.State)
		}
		if r := b.runOf(done); r.State != automation.Cancelled {
			t.Errorf("the other is %s", r.State)
		}
	})

	t.Run("a contact that merges again takes all its runs along", func(t *testing.T) {
		t.Parallel()
		b := setupRuns(t)
		people := b.enter(3)
		b.drain()
		last := contacts.ID(b.ids.NewID())
		b.consume(merged(people[0], people[1]), merged(people[1], people[2]), merged(people[2], last))
		b.clock.Advance(time.Hour)
		b.drain()
		b.doneBy(last, "b")
		if r := b.runOf(last); r.State != automation.Running {
			t.Errorf("the run is %s", r.State)
		}
	})

	t.Run("a worker that holds the run is refused, so that its effects are the survivor's", func(t *testing.T) {
		t.Parallel()
		b := setupRuns(t)
		absorbed, survivor := b.enter(1)[0], contacts.ID(b.ids.NewID())
		b.afterClaim(func() { b.consume(merged(absorbed, survivor)) })
		b.step()
		b.doneBy(absorbed)
		b.drain()
		b.doneBy(survivor, "a")
	})

	t.Run("many merge at once", func(t *testing.T) {
		t.Parallel()
		b := setupRuns(t)
		people := b.enter(1200)
		b.drain()
		var events []engage.Event
		for i := 0; i < len(people); i += 2 {
			events = append(events, merged(people[i], people[i+1]))
		}
		b.consume(events...)
		b.clock.Advance(time.Hour)
		b.drain()
		for i := 0; i < len(people); i += 2 {
			b.doneBy(people[i], "a")
			b.doneBy(people[i+1], "a", "b")
		}
	})
}
