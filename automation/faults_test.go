package automation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
)

// hooked is a port of workers that a test reaches into.
type hooked struct {
	automation.RunRepositoryAcross
	tx    engage.Transactor
	parts bool   // steps in one transaction fail, so that runs are leased
	after func() // once, behind the next claim's commit
	saves func(progress []automation.Progress) error
}

func (h *hooked) ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]automation.RunAcross, error) {
	if h.parts && lease == 0 {
		return nil, errors.New("not in one transaction")
	}
	claimed, err := h.RunRepositoryAcross.ClaimDueAcross(ctx, shard, now, lease, limit)
	if after := h.after; after != nil && err == nil {
		h.after = nil
		err = h.tx.AfterCommit(ctx, after)
	}
	return claimed, err
}

func (h *hooked) SaveAcross(ctx context.Context, shard engage.Shard, progress []automation.Progress) ([]bool, error) {
	if h.saves != nil {
		if err := h.saves(progress); err != nil {
			return nil, err
		}
	}
	return h.RunRepositoryAcross.SaveAcross(ctx, shard, progress)
}

// afterClaim has fn run between the lease that the service's next step takes and
// what it does with it.
func (b *testBundle) afterClaim(fn func()) {
	b.t.Helper()
	h := b.hook()
	h.parts, h.after = true, fn
}

func (b *testBundle) hook() *hooked {
	b.t.Helper()
	h := &hooked{RunRepositoryAcross: b.deps.Due, tx: b.store}
	deps := b.deps
	deps.Due = h
	var err error
	b.service, err = automation.New(deps, automation.Config{})
	b.no(err)
	return h
}

func TestALateOwner(t *testing.T) {
	t.Parallel()

	t.Run("does nothing twice, and goes on with what is still its own", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", act("one"), act("two"), wait("w", time.Hour), act("three"))
		people := b.enter(40)
		other := b.restart()
		b.afterClaim(func() {
			b.clock.Advance(lease) // the machine slept; somebody else has the runs now
			n, err := stepOf(other)(b.ctx)
			b.no(err)
			if n != len(people) {
				t.Errorf("the other moved %d runs, want %d", n, len(people))
			}
		})
		b.step()
		b.clock.Advance(time.Hour)
		b.drain()
		for _, who := range people {
			b.doneBy(who, "one", "two", "three")
			b.logs(b.runOf(who), "one entered", "one done", "two done", "w waiting", "three done", "three finished")
		}
		if n := len(published[automation.RunEnded](b)); n != len(people) {
			t.Errorf("%d ends were told of, want %d", n, len(people))
		}
	})

	t.Run("leaves those out that were taken from it, all at once", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", act("one"))
		people := b.enter(100)
		b.afterClaim(func() {
			var gone []engage.Event
			for _, who := range people[:50] {
				gone = append(gone, contacts.Deleted{ContactID: who})
			}
			b.consume(gone...)
		})
		b.step()
		if diff := cmp.Diff([]int{100, 50}, b.actor.calls); diff != "" {
			t.Error(diff)
		}
		for i, who := range people {
			if i < 50 {
				b.doneBy(who)
				b.logs(b.runOf(who), "one entered", "one withdrawn")
				continue
			}
			b.doneBy(who, "one")
		}
	})

	t.Run("of a process that died is followed by whoever claims next", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", act("one"))
		who := b.enter(1)[0]
		dying, kill := context.WithCancel(b.ctx)
		b.afterClaim(kill)
		if _, err := stepOf(b.service)(dying); !errors.Is(err, context.Canceled) {
			t.Fatalf("want the context's end, got %v", err)
		}
		b.service = b.restart()
		b.clock.Advance(lease - time.Microsecond)
		b.drain()
		b.doneBy(who)
		b.clock.Advance(time.Microsecond)
		b.drain()
		b.doneBy(who, "one")
	})
}

func TestAnActionThatFails(t *testing.T) {
	t.Parallel()
	for _, code := range []engage.Code{engage.Unavailable, engage.ResourceExhausted, engage.Conflict, engage.Internal} {
		t.Run("with "+string(code)+" is tried again, and in the end its run fails", func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.publish("", act("one"))
			who := b.enter(1)[0]
			b.actor.does = func(automation.Request) error { return &engage.Error{Code: code, Op: "test"} }
			want := []string{"one entered"}
			for attempt := 1; attempt < automation.MaxAttempts; attempt++ {
				b.step()
				r := b.runOf(who)
				want = append(want, "one retrying")
				b.logs(r, want...)
				if r.Attempts != attempt || r.LastError == "" || r.DueAt.Sub(b.clock.Now()) > time.Second<<(attempt-1) {
					t.Fatalf("after %d attempts: %d, %q, due in %v", attempt, r.Attempts, r.LastError, r.DueAt.Sub(b.clock.Now()))
				}
				b.clock.Advance(r.DueAt.Sub(b.clock.Now()))
			}
			b.step()
			r := b.runOf(who)
			b.logs(r, append(want, "one gave_up")...)
			if r.State != automation.Failed || r.Attempts != automation.MaxAttempts-1 {
				t.Errorf("the run is %s after %d attempts", r.State, r.Attempts)
			}
		})
		t.Run("with "+string(code)+" may succeed later", func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.publish("", act("one"), act("two"))
			who, tries := b.enter(1)[0], 0
			b.actor.does = func(automation.Request) error {
				if tries++; tries < 4 {
					return &engage.Error{Code: code, Op: "test"}
				}
				return nil
			}
			for range 4 {
				b.step()
				b.clock.Advance(time.Hour)
			}
			r := b.runOf(who)
			b.logs(r, "one entered", "one retrying", "one retrying", "one retrying", "one done", "two done", "two finished")
			if r.LastError != "" || r.Attempts != 0 {
				t.Errorf("a run that goes on says %d attempts, %q", r.Attempts, r.LastError)
			}
			b.doneBy(who, "one", "two")
		})
	}
	for _, code := range []engage.Code{
		engage.NotFound, engage.AlreadyExists, engage.Invalid, engage.FailedPrecondition, engage.PermissionDenied, engage.Unauthenticated, engage.Unimplemented,
	} {
		t.Run("with "+string(code)+" ends its run", func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.publish("", act("one"), act("two"))
			who := b.enter(1)[0]
			b.actor.does = func(automation.Request) error { return &engage.Error{Code: code, Op: "test"} }
			b.drain()
			r := b.runOf(who)
			b.logs(r, "one entered", "one gave_up")
			b.doneBy(who)
			if r.State != automation.Failed || !strings.Contains(r.LastError, "test") {
				t.Errorf("the run is %s: %q", r.State, r.LastError)
			}
			if ended := published[automation.RunEnded](b); len(ended) != 1 || ended[0].State != automation.Failed {
				t.Errorf("told of %+v", ended)
			}
		})
	}

	t.Run("is the same request whenever it is tried", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", act("a"), wait("b", time.Hour, "a"))
		b.enter(1)
		keys := map[string]int{}
		b.actor.does = func(r automation.Request) error {
			if keys[r.Key]++; keys[r.Key] < 3 {
				return engage.ErrUnavailable
			}
			return nil
		}
		for range 9 {
			b.step()
			b.clock.Advance(time.Hour)
		}
		if len(keys) != 3 {
			t.Errorf("keys %v, want one for each of 3 visits", keys)
		}
		for key := range keys {
			if len(key) > engage.MaxKeyBytes {
				t.Errorf("a key of %d bytes", len(key))
			}
		}
	})

	t.Run("says why in words that any store takes", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", act("one"))
		who := b.enter(1)[0]
		b.actor.does = func(automation.Request) error {
			return fmt.Errorf("%w: \x00\xff%s", engage.ErrInvalid, strings.Repeat("é", automation.MaxErrorBytes))
		}
		b.drain()
		cause := b.runOf(who).LastError
		if len(cause) > automation.MaxErrorBytes || strings.Contains(cause, "\x00") || !utf8.ValidString(cause) || !strings.HasPrefix(cause, "invalid: é") {
			t.Errorf("%d bytes: %.40q", len(cause), cause)
		}
	})
}

func TestOneBadRunInAThousand(t *testing.T) {
	t.Parallel()
	// A batch that is halved until the bad one stands alone is tried whole, and
	// then two halves on each of ten levels.
	const most = 1 + 2*10

	alone := func(t *testing.T, b *testBundle, people []contacts.ID, bad contacts.ID) {
		t.Helper()
		if len(b.actor.calls) > most {
			t.Errorf("%d calls of the actor, at most %d", len(b.actor.calls), most)
		}
		for _, who := range people {
			if who != bad {
				b.doneBy(who, "one")
				b.logs(b.runOf(who), "one entered", "one done", "one finished")
			}
		}
		b.doneBy(bad)
	}

	t.Run("is found when the actor panics", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", act("one"))
		people := b.enter(1000)
		bad := people[637]
		b.actor.breaks = func(requests []automation.Request, outcomes []error) []error {
			if slices.ContainsFunc(requests, func(r automation.Request) bool { return r.ContactID == bad }) {
				panic("no such contact")
			}
			return outcomes
		}
		b.step()
		alone(t, b, people, bad)
		r := b.runOf(bad)
		b.logs(r, "one entered", "one gave_up") // what panics once panics again
		if !strings.Contains(r.LastError, "no such contact") || !strings.Contains(r.LastError, "faults_test.go") {
			t.Errorf("the error does not say where: %q", r.LastError)
		}
	})

	t.Run("is found when the actor answers too little", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", act("one"))
		people := b.enter(1000)
		bad := people[0]
		b.actor.breaks = func(requests []automation.Request, outcomes []error) []error {
			if slices.ContainsFunc(requests, func(r automation.Request) bool { return r.ContactID == bad }) {
				return append(outcomes, nil)
			}
			return outcomes
		}
		b.step()
		alone(t, b, people, bad)
		b.logs(b.runOf(bad), "one entered", "one retrying")
	})

	t.Run("is answered for by itself", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", act("one"))
		people := b.enter(1000)
		bad := people[999]
		b.actor.does = func(r automation.Request) error {
			if r.ContactID == bad {
				return engage.ErrInvalid
			}
			return nil
		}
		b.step()
		if diff := cmp.Diff([]int{1000}, b.actor.calls); diff != "" {
			t.Error(diff)
		}
		alone(t, b, people, bad)
	})

	t.Run("is found when it can't be stored", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", act("one"))
		people := b.enter(1000)
		bad := people[500]
		b.hook().saves = func(progress []automation.Progress) error {
			if slices.ContainsFunc(progress, func(p automation.Progress) bool { return p.Run.ContactID == bad && p.Run.State == automation.Completed }) {
				return engage.ErrInvalid
			}
			return nil
		}
		b.step()
		alone(t, b, people, bad)
		r := b.runOf(bad)
		b.logs(r, "one entered", "one gave_up")
		if ended := published[automation.RunEnded](b); len(ended) != 1000 {
			t.Errorf("%d ends were told of, want 1000", len(ended))
		}
	})

	t.Run("leaves the runs of other workspaces alone", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", act("one"))
		people := b.enter(10)
		bad, mine := people[3], b.ws
		b.ws = engage.WorkspaceID(b.ids.NewID())
		b.publish("", act("one"))
		others := b.enter(10)
		b.actor.breaks = func(requests []automation.Request, outcomes []error) []error {
			if slices.ContainsFunc(requests, func(r automation.Request) bool { return r.ContactID == bad }) {
				panic("no")
			}
			return outcomes
		}
		b.step()
		for _, who := range others {
			b.logs(b.runOf(who), "one entered", "one done", "one finished")
		}
		b.ws = mine
		alone(t, b, people, bad)
	})

	t.Run("and an outage fails no run", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish("", act("one"))
		people := b.enter(10)
		h := b.hook()
		h.saves = func([]automation.Progress) error { return engage.ErrUnavailable }
		if _, err := stepOf(b.service)(b.ctx); !errors.Is(err, engage.ErrUnavailable) {
			t.Fatalf("want ErrUnavailable, got %v", err)
		}
		h.saves = nil
		b.clock.Advance(lease)
		b.drain()
		for _, who := range people {
			b.doneBy(who, "one")
		}
	})
}

func TestAnActorThatIsGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.publish("", act("one"))
	who := b.enter(1)[0]
	b.deps.Actors = nil
	b.service = b.restart()
	b.drain()
	r := b.runOf(who)
	b.logs(r, "one entered", "one gave_up")
	if !strings.Contains(r.LastError, `no actor does "spy"`) {
		t.Errorf("the error is %q", r.LastError)
	}
}
