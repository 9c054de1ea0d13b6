package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/messaging"
)

// leaseEnds is longer than an intent's lease.
const leaseEnds = time.Hour

// mailing plans messages of a class to one person.
func (b *testBundle) mailing(n int, class messaging.Class) []messaging.MessageID {
	b.t.Helper()
	return b.mailingOf(b.ws, n, class)
}

func (b *testBundle) mailingOf(ws engage.WorkspaceID, n int, class messaging.Class) []messaging.MessageID {
	b.t.Helper()
	ana, template := b.personOf(ws, "ana"), b.templateOf(ws)
	sends := make([]messaging.Send, n)
	for i := range sends {
		sends[i] = messaging.Send{Key: fmt.Sprint(class, i), ContactID: ana.ID, TemplateID: template.ID, Class: class}
	}
	return b.enqueueOf(ws, sends...)
}

// total counts messages by state.
func total(all []messaging.Message) map[messaging.State]int {
	n := map[messaging.State]int{}
	for _, m := range all {
		n[m.State]++
	}
	return n
}

func refusal(class messaging.FailureClass) error {
	return &messaging.SendError{Class: class, Code: "421", Err: errors.New("refused")}
}

func TestARetryableFailureIsTriedAgainWithTheSameMessageID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.outbox.answer = func(_ context.Context, _ messaging.Email, try int) (bool, error) {
		if try < 3 {
			return false, refusal(messaging.FailureRetryable)
		}
		return true, nil
	}
	ids := b.mailing(1, messaging.Marketing)
	b.drain()
	for range 10 {
		b.clock.Advance(time.Hour)
		b.drain()
	}
	m := b.message(ids[0])
	if m.State != messaging.Accepted || m.Attempts != 3 || m.Repeats != 0 || b.outbox.count(m.ID) != 1 {
		t.Errorf("%+v", m)
	}
	b.toldOnce(b.ws, []messaging.Message{m})
}

func TestARetryGoesToTheAddressOfNowAndARepeatToThatOfTheFirstAttempt(t *testing.T) {
	t.Parallel()
	for class, want := range map[messaging.FailureClass]string{
		messaging.FailureRetryable: "new@home.test", messaging.FailureUnknown: "ana@home.test",
	} {
		b := setup(t)
		b.outbox.answer = func(_ context.Context, _ messaging.Email, try int) (bool, error) {
			if try == 1 {
				return false, refusal(class)
			}
			return true, nil
		}
		ids := b.mailing(1, messaging.Transactional)
		_, err := b.step()
		b.no(err)
		b.moveAddress("ana", "new")
		b.clock.Advance(time.Hour)
		b.drain()
		if got := b.message(ids[0]).Address; got != want || b.outbox.mails[0].To.Email != want {
			t.Errorf("after %s it went to %s, want %s", class, got, want)
		}
	}
}

func TestTheWorstSendersHurtOnlyTheirOwnMessage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.mailing(6, messaging.Marketing)
	at := map[string]int{}
	for i, id := range ids {
		at[id.String()+"@acme.test"] = i
	}
	b.outbox.answer = func(_ context.Context, email messaging.Email, _ int) (bool, error) {
		switch at[email.MessageID] {
		case 0:
			return true, errPanic
		case 1:
			return false, errors.New("an error without a class")
		case 2:
			return false, &engage.Error{Code: engage.Invalid, Op: "send"}
		case 3:
			return false, &messaging.SendError{Class: messaging.FailurePermanent, Code: "5\x00\xff"}
		case 4:
			return false, fmt.Errorf("wrapped: %w", refusal(messaging.FailureAddressGone))
		}
		return true, nil
	}
	b.drain()
	want := []messaging.State{messaging.Unknown, messaging.Unknown, messaging.Failed, messaging.Failed, messaging.Failed, messaging.Accepted}
	all := b.messages(b.ws, ids)
	for i, m := range all {
		if m.State != want[i] {
			t.Errorf("message %d: %s (%s), want %s", i, m.State, m.Failure, want[i])
		}
	}
	b.toldOnce(b.ws, all)
}

func TestNeverMoreIntentsThanMaxUnconfirmed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.MaxUnconfirmed = 5
	down := false
	b.deps.Runtime.Tx = &brokenTx{Transactor: b.store, fails: func(n int) (bool, error) {
		if down = n%7 == 3; down {
			return false, errDown
		}
		return true, nil
	}}
	b.restart()
	ids := b.mailing(60, messaging.Marketing)
	most := 0
	var mu sync.Mutex
	b.outbox.answer = func(ctx context.Context, _ messaging.Email, _ int) (bool, error) {
		found, err := b.ledger.Get(ctx, b.ws, ids)
		if err != nil {
			return false, err
		}
		mu.Lock()
		defer mu.Unlock()
		most = max(most, total(found)[messaging.Intended])
		return true, nil
	}
	for range 200 {
		_, _ = b.step()
	}
	b.same(most, 5)
	b.same(total(b.messages(b.ws, ids)), map[messaging.State]int{messaging.Accepted: 60})
}

func TestAnOutcomeWhoseCommitFailedIsWrittenDownBeforeAnythingElseIsSent(t *testing.T) {
	t.Parallel()
	for name, commits := range map[string]bool{"it was not committed": false, "it was committed and the answer lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			failing := 0
			b.deps.Runtime.Tx = &brokenTx{Transactor: b.store, fails: func(int) (bool, error) {
				if failing > 0 {
					failing--
					return commits, errDown
				}
				return true, nil
			}}
			b.restart()
			ids := b.mailing(20, messaging.Transactional)
			b.outbox.answer = func(context.Context, messaging.Email, int) (bool, error) {
				b.outbox.mu.Lock()
				defer b.outbox.mu.Unlock()
				if len(b.outbox.tries) == messaging.DefaultMaxUnconfirmed && failing == 0 {
					failing = 3 // the commit of the outcomes, twice again
				}
				return true, nil
			}
			for n := range 3 {
				if _, err := b.step(); !errors.Is(err, engage.ErrUnavailable) {
					t.Fatalf("step %d: want the outage, got %v", n, err)
				}
				b.same(len(b.outbox.mails), messaging.DefaultMaxUnconfirmed)
			}
			b.outbox.answer = nil
			b.clock.Advance(leaseEnds) // longer than the intents' leases: their outcomes come first
			b.drain()
			all := b.messages(b.ws, ids)
			b.same(total(all), map[messaging.State]int{messaging.Accepted: 20})
			for _, m := range all {
				b.same(b.outbox.count(m.ID), 1)
			}
			b.toldOnce(b.ws, all)
		})
	}
}

func TestAKilledWorkerLosesNothingAndRepeatsNothingSilently(t *testing.T) {
	t.Parallel()
	const before, after = "before it took effect", "after it took effect"
	for _, c := range []struct {
		name string
		// dies is the transaction the process dies at, of: settling the lost,
		// claiming, writing outcomes down.
		dies   int
		when   string
		taken  func(n int) bool // which of the letters left before
		want   messaging.State  // of the marketing ones in flight
		repeat int              // how often transactional ones that had left arrive
	}{
		{"after the claim", 2, before, func(int) bool { return false }, messaging.Accepted, 1},
		{"after the intents are committed", 2, after, func(int) bool { return false }, messaging.Unknown, 1},
		{"while it sends", 3, before, func(n int) bool { return n%2 == 0 }, messaging.Unknown, 2},
		{"after it has sent", 3, before, func(int) bool { return true }, messaging.Unknown, 2},
		{"after the outcomes are committed", 3, after, func(int) bool { return true }, messaging.Accepted, 1},
	} {
		for _, class := range []messaging.Class{messaging.Marketing, messaging.Transactional} {
			t.Run(fmt.Sprintf("%s, %s", c.name, class), func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				ids := b.mailing(20, class)
				n := 0
				b.outbox.answer = func(context.Context, messaging.Email, int) (bool, error) {
					b.outbox.mu.Lock()
					defer b.outbox.mu.Unlock()
					n++
					return c.taken(n), nil
				}
				b.deps.Runtime.Tx = &brokenTx{Transactor: b.store, fails: func(n int) (bool, error) {
					if n < c.dies {
						return true, nil
					}
					return c.when == after && n == c.dies, errDown
				}}
				b.restart()
				if _, err := b.step(); err == nil {
					t.Fatal("the process lives on")
				}
				b.deps.Runtime.Tx, b.outbox.answer = b.store, nil
				left := map[messaging.MessageID]int{}
				for _, id := range ids {
					left[id] = b.outbox.count(id)
				}
				b.restart()
				b.drain()
				b.clock.Advance(leaseEnds)
				b.drain()
				all := b.messages(b.ws, ids)
				for i, m := range all {
					want, arrivals := messaging.Accepted, 1
					if i < messaging.DefaultMaxUnconfirmed { // in flight at the kill
						if class == messaging.Marketing {
							want, arrivals = c.want, left[m.ID]
							if want == messaging.Accepted {
								arrivals = 1
							}
						} else if left[m.ID] > 0 {
							arrivals = c.repeat
						}
					}
					if m.State != want || b.outbox.count(m.ID) != arrivals {
						t.Errorf("message %d: %s and arrived %d times, want %s and %d", i, m.State, b.outbox.count(m.ID), want, arrivals)
					}
					if m.Repeats > 1 {
						t.Errorf("message %d was repeated %d times", i, m.Repeats)
					}
				}
				b.toldOnce(b.ws, all)
			})
		}
	}
}

func TestWorkersKilledAnywhereKeepThePromises(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		b := setup(t)
		ids := append(b.mailing(40, messaging.Marketing), b.mailing(40, messaging.Transactional)...)
		kills := 0
		for range 12 {
			dies, commits := random.IntN(12)+1, random.IntN(2) == 0
			b.deps.Runtime.Tx = &brokenTx{Transactor: b.store, fails: func(n int) (bool, error) {
				if n < dies {
					return true, nil
				}
				return commits && n == dies, errDown
			}}
			b.restart()
			for {
				n, err := b.step()
				if err != nil {
					kills++
				}
				if err != nil || n == 0 {
					break
				}
			}
			b.clock.Advance(time.Duration(random.IntN(20)) * time.Minute)
		}
		b.deps.Runtime.Tx = b.store
		b.restart()
		for range 3 {
			b.clock.Advance(leaseEnds)
			b.drain()
		}
		all := b.messages(b.ws, ids)
		unknown := 0
		for _, m := range all {
			arrived := b.outbox.count(m.ID)
			switch {
			case m.State == messaging.Unknown:
				unknown++
			case m.State != messaging.Accepted || arrived == 0:
				t.Errorf("seed %d: message %s is %s and arrived %d times", seed, m.ID, m.State, arrived)
			}
			if limit := map[messaging.Class]int{messaging.Marketing: 1, messaging.Transactional: 2}[m.Class]; arrived > limit {
				t.Errorf("seed %d: a %s message arrived %d times", seed, m.Class, arrived)
			}
		}
		if unknown > kills*messaging.DefaultMaxUnconfirmed {
			t.Errorf("seed %d: %d unknown after %d kills", seed, unknown, kills)
		}
		b.toldOnce(b.ws, all)
	}
}

func TestALateWorkersOutcomeIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.mailing(1, messaging.Marketing)
	other, err := messaging.New(b.deps, messaging.Config{})
	b.no(err)
	b.outbox.answer = func(ctx context.Context, _ messaging.Email, _ int) (bool, error) {
		b.clock.Advance(leaseEnds) // the sender took too long
		_, err := stepOf(ctx, other)
		return true, err
	}
	b.drain()
	m := b.message(ids[0])
	b.same(m.State, messaging.Unknown)
	b.toldOnce(b.ws, []messaging.Message{m})
}

func TestWhatCouldNotBeHandedOverInTimeStays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.Lease = time.Nanosecond // over before the hand-over begins, as in a process that was halted
	b.restart()
	ids := b.mailing(3, messaging.Marketing)
	_, err := b.step()
	b.no(err)
	b.same(len(b.outbox.mails), 0)
	b.cfg.Lease = 0
	b.restart()
	b.clock.Advance(leaseEnds)
	b.drain()
	for _, id := range ids {
		b.same(b.message(id).State, messaging.Accepted)
	}
}

func TestServicesOnOneStoreShareTheWork(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.mailing(300, messaging.Transactional)
	var wg sync.WaitGroup
	for range 4 {
		service, err := messaging.New(b.deps, messaging.Config{})
		b.no(err)
		for range 2 { // and a host that runs a worker twice
			wg.Go(func() {
				for n := -1; n != 0; {
					var err error
					if n, err = stepOf(b.ctx, service); err != nil {
						t.Errorf("step: %v", err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	all := b.messages(b.ws, ids)
	b.same(total(all), map[messaging.State]int{messaging.Accepted: 300})
	for _, m := range all {
		b.same(b.outbox.count(m.ID), 1)
	}
	b.toldOnce(b.ws, all)
}

func TestAWorkerThatIsAskedToStopWritesOutcomesDown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.mailing(40, messaging.Marketing)
	ctx, stop := context.WithCancel(b.ctx)
	b.outbox.answer = func(ctx context.Context, _ messaging.Email, _ int) (bool, error) {
		stop()
		return ctx.Err() == nil, ctx.Err() // what a sender of ours would do
	}
	b.no(b.service.Workers()[0].Run(ctx))
	got := total(b.messages(b.ws, ids))
	b.same(got, map[messaging.State]int{messaging.Accepted: messaging.DefaultMaxUnconfirmed, messaging.Planned: 40 - messaging.DefaultMaxUnconfirmed})
}

func TestASenderThatHangsIsEndedBeforeItsIntentCountsAsLost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mailing(1, messaging.Marketing)
	b.outbox.answer = func(ctx context.Context, _ messaging.Email, _ int) (bool, error) {
		if _, limited := ctx.Deadline(); !limited {
			t.Error("the sender has no deadline")
		}
		return true, nil
	}
	b.drain()
}

func TestAFloodWaitsBehindItsOwnWorkspace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mailing(500, messaging.Marketing)
	few := b.mailingOf(b.other, 8, messaging.Marketing)
	for range 2 {
		_, err := b.step()
		b.no(err)
	}
	b.same(total(b.messages(b.other, few)), map[messaging.State]int{messaging.Accepted: 8})
}

func TestAMessageIsPokedAfterTheCommitThatPlannedIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sent := make(chan struct{}, 1)
	b.outbox.answer = func(context.Context, messaging.Email, int) (bool, error) {
		sent <- struct{}{}
		return true, nil
	}
	ctx, stop := context.WithCancel(b.ctx)
	done := make(chan error, 1)
	go func() { done <- b.service.Workers()[0].Run(ctx) }()
	b.mailing(1, messaging.Marketing)
	<-sent
	stop()
	b.no(<-done)
}
