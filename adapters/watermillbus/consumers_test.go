package watermillbus_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/watermillbus"
)

var errOops = errors.New("oops")

func TestEffectsHappenOnceWhateverCrashes(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		workspaces := b.workspaces(3)
		for i := range 12 {
			b.publish(t, workspaces[i%3], i*100+1, i*100+100)
		}
		crashes := 0
		cfg := b.config()
		cfg.Events = 150
		cfg.Tx = hookedTx{Transactor: b.tx, after: func() error {
			if crashes++; crashes%3 != 0 {
				return fmt.Errorf("the process dies before the commit: %w", errOops)
			}
			return nil
		}}
		runner := newRunner(t, cfg, b.adder(nil, nil))
		for range 100 {
			_, _ = drain(t, runner)
			b.clock.Advance(watermillbus.MaxHold)
		}
		for i, ws := range workspaces {
			var want []int
			for j := i; j < 12; j += 3 {
				want = append(want, upTo(j*100+1, j*100+100)...)
			}
			b.wantEffects(t, ws, want)
		}
		b.wantBacklog(t, "adder", 0, 0)
	})
}

func TestTwoRunnersShareALog(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		t.Run("a claim that was lost in the middle of the work is dropped, with its effects", func(t *testing.T) {
			workspaces := b.workspaces(2)
			for _, ws := range workspaces {
				b.publish(t, ws, 1, 10)
			}
			other := newRunner(t, b.config(), b.adder(nil, nil))
			overtaken := false
			cfg := b.config()
			cfg.Tx = hookedTx{Transactor: b.tx, before: func() error {
				if !overtaken { // after Claim and Read, before the transaction
					overtaken = true
					b.clock.Advance(watermillbus.DefaultLease)
					if n, err := drain(t, other); n != 20 || err != nil {
						t.Errorf("the other runner passed %d events, %v; want 20", n, err)
					}
				}
				return nil
			}}
			late := newRunner(t, cfg, b.adder(nil, nil))
			if n, err := drain(t, late); n != 0 || err != nil {
				t.Errorf("the late runner passed %d events, %v; want 0", n, err)
			}
			for _, ws := range workspaces {
				b.wantEffects(t, ws, upTo(1, 10))
			}
			b.wantBacklog(t, "adder", 0, 0)
		})
		t.Run("what is claimed by one waits for nobody and is nobody else's", func(t *testing.T) {
			ws := b.workspaces(1)[0]
			b.publish(t, ws, 1, 10)
			claims, err := b.log.Claim(t.Context(), shard, "adder", "somebody", b.clock.Now(), time.Minute, 64)
			if err != nil || len(claims) != 1 {
				t.Fatalf("%d claims, %v", len(claims), err)
			}
			runner := newRunner(t, b.config(), b.adder(nil, nil))
			if n, err := drain(t, runner); n != 0 || err != nil {
				t.Errorf("passed %d events of another owner, %v", n, err)
			}
			b.clock.Advance(time.Minute)
			if n, err := drain(t, runner); n != 10 || err != nil {
				t.Errorf("passed %d events after the lease's end, %v", n, err)
			}
		})
	})
}

func TestPoison(t *testing.T) {
	t.Parallel()
	every := func(k int) func(n int) bool { return func(n int) bool { return n%k == 0 } }
	for _, c := range []struct {
		name   string
		events int
		bad    func(n int) bool
		fail   func() error
	}{
		{"one event of 500", 500, func(n int) bool { return n == 137 }, func() error { return errOops }},
		{"50 events of 500", 500, every(10), func() error { return errOops }},
		{"the first and the last", 500, func(n int) bool { return n == 1 || n == 500 }, func() error { return errOops }},
		{"all of a few", 7, every(1), func() error { return errOops }},
		{"a panic", 500, func(n int) bool { return n == 77 }, func() error { panic("boom") }},
		{"a panic with an error that passes", 500, func(n int) bool { return n == 77 }, func() error { panic(engage.ErrUnavailable) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			eachStore(t, func(t *testing.T, b *bundle) {
				ws := b.workspaces(1)[0]
				b.publish(t, ws, 1, c.events)
				calls := 0
				runner := newRunner(t, b.config(), b.adder(&calls, func(_ context.Context, _ engage.WorkspaceID, n int) error {
					if c.bad(n) {
						return c.fail()
					}
					return nil
				}))
				if n, err := drain(t, runner); n != c.events || err != nil {
					t.Errorf("passed %d events, %v; want all %d", n, err, c.events)
				}
				var good []int
				bad := 0
				for n := 1; n <= c.events; n++ {
					if c.bad(n) {
						bad++
					} else {
						good = append(good, n)
					}
				}
				b.wantEffects(t, ws, good)
				b.wantBacklog(t, "adder", 0, int64(bad))
				k, n := float64(bad), float64(c.events)
				if bound := 2 + 2*k*(math.Ceil(math.Log2(n/k))+1); float64(calls) > bound {
					t.Errorf("the handler was called %d times, want %v at most", calls, bound)
				}
			})
		})
	}
}

func TestAPayloadThatDoesNotDecodeIsParked(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		ws := b.workspaces(1)[0]
		b.publishEvents(t, ws, counted{1}, garbled{"one"}, counted{2})
		if n, err := drain(t, newRunner(t, b.config(), b.adder(nil, nil))); n != 3 || err != nil {
			t.Errorf("passed %d events, %v", n, err)
		}
		b.wantEffects(t, ws, upTo(1, 2))
		b.wantBacklog(t, "adder", 0, 1)
	})
}

func TestOneTenantsPoisonLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		const tenants, each = 100, 5 // several share a partition, and a transaction
		workspaces := b.workspaces(tenants)
		for round := range each {
			for _, ws := range workspaces {
				b.publish(t, ws, round+1, round+1)
			}
		}
		broken := map[engage.WorkspaceID]bool{}
		for i := range tenants / 5 {
			broken[workspaces[i*5]] = true
		}
		runner := newRunner(t, b.config(), b.adder(nil, func(_ context.Context, ws engage.WorkspaceID, _ int) error {
			if broken[ws] {
				return errOops
			}
			return nil
		}))
		if n, err := drain(t, runner); n != tenants*each || err != nil {
			t.Errorf("passed %d events, %v; want %d", n, err, tenants*each)
		}
		for _, ws := range workspaces {
			want := upTo(1, each)
			if broken[ws] {
				want = nil
			}
			b.wantEffects(t, ws, want)
		}
		b.wantBacklog(t, "adder", 0, tenants/5*each)
	})
}

func TestAParkedEventSucceedsLaterOnce(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		ws := b.workspaces(1)[0]
		b.publish(t, ws, 1, 10)
		broken, tries := true, 0
		runner := newRunner(t, b.config(), b.adder(nil, func(_ context.Context, _ engage.WorkspaceID, n int) error {
			if n == 5 {
				tries++
				if broken {
					return errOops
				}
			}
			return nil
		}))
		_, _ = drain(t, runner)
		first := tries
		b.wantEffects(t, ws, upTo(1, 10, 5))

		_, _ = drain(t, runner)
		if tries != first {
			t.Errorf("tried again before it is due")
		}
		// The n-th wait is n seconds, and a try is due at its end.
		for attempt := 1; attempt <= 3; attempt++ {
			b.clock.Advance(time.Duration(attempt)*time.Second - time.Microsecond)
			_, _ = drain(t, runner)
			if tries != first+attempt-1 {
				t.Fatalf("tried %d times before attempt %d is due", tries-first, attempt+1)
			}
			b.clock.Advance(time.Microsecond)
			_, _ = drain(t, runner)
			if tries != first+attempt {
				t.Fatalf("tried %d times when attempt %d was due", tries-first, attempt+1)
			}
		}
		b.wantBacklog(t, "adder", 0, 1)
		broken = false
		b.clock.Advance(time.Minute)
		if n, err := drain(t, runner); n != 1 || err != nil {
			t.Errorf("passed %d parked events, %v", n, err)
		}
		b.clock.Advance(24 * time.Hour)
		_, _ = drain(t, runner)
		b.wantEffects(t, ws, append(upTo(1, 10, 5), 5))
		b.wantBacklog(t, "adder", 0, 0)
	})
}

func TestAParkedEventThatCrashesItsRetryHasItsEffectsOnce(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		workspaces := b.workspaces(2)
		for _, ws := range workspaces {
			b.publish(t, ws, 1, 20)
		}
		broken, crash := true, false
		cfg := b.config()
		crashes := 0
		cfg.Tx = hookedTx{Transactor: b.tx, after: func() error {
			if crash && crashes < 5 {
				crashes++
				return errOops
			}
			return nil
		}}
		runner := newRunner(t, cfg, b.adder(nil, func(_ context.Context, _ engage.WorkspaceID, n int) error {
			if broken && n%2 == 0 {
				return errOops
			}
			return nil
		}))
		_, _ = drain(t, runner)
		b.wantBacklog(t, "adder", 0, 20)
		broken, crash = false, true
		for range 10 {
			b.clock.Advance(time.Minute)
			_, _ = drain(t, runner)
		}
		for _, ws := range workspaces {
			got, _ := b.effects.All(t.Context(), ws)
			seen := map[int]int{}
			for _, n := range got {
				seen[n]++
			}
			for n := 1; n <= 20; n++ {
				if seen[n] != 1 {
					t.Errorf("event %d had %d effects", n, seen[n])
				}
			}
		}
		b.wantBacklog(t, "adder", 0, 0)
	})
}

func TestAnErrorThatPassesParksNothing(t *testing.T) {
	t.Parallel()
	unavailable := &engage.Error{Code: engage.Unavailable, Op: "test"}
	for name, passing := range map[string]error{
		"an unavailable dependency": fmt.Errorf("wrapped: %w", unavailable),
		"a canceled context":        context.Canceled,
		"a deadline":                context.DeadlineExceeded,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachStore(t, func(t *testing.T, b *bundle) {
				workspaces := b.workspaces(3)
				for _, ws := range workspaces {
					b.publish(t, ws, 1, 10)
				}
				down := true
				runner := newRunner(t, b.config(), b.adder(nil, func(_ context.Context, ws engage.WorkspaceID, _ int) error {
					if down && ws == workspaces[1] {
						return passing
					}
					return nil
				}))
				n, _ := drain(t, runner)
				if n != 20 {
					t.Errorf("passed %d events, want those of the others, 20", n)
				}
				for range watermillbus.MaxFailures - 2 {
					b.clock.Advance(watermillbus.MaxHold)
					if n, err := runner.Step(t.Context()); n != 0 || err == nil {
						t.Errorf("passed %d events, %v", n, err)
					}
				}
				b.wantBacklog(t, "adder", 1, 0)
				down = false
				b.clock.Advance(watermillbus.MaxHold)
				if n, err := drain(t, runner); n != 10 || err != nil {
					t.Errorf("passed %d events at last, %v", n, err)
				}
				for _, ws := range workspaces {
					b.wantEffects(t, ws, upTo(1, 10))
				}
				b.wantBacklog(t, "adder", 0, 0)
			})
		})
	}
}

func TestAnEventThatIsNeverAvailableIsParkedInTheEnd(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		ws := b.workspaces(1)[0]
		b.publish(t, ws, 1, 10)
		runner := newRunner(t, b.config(), b.adder(nil, func(_ context.Context, _ engage.WorkspaceID, n int) error {
			if n == 3 {
				return engage.ErrUnavailable
			}
			return nil
		}))
		for range watermillbus.MaxFailures + 1 {
			_, _ = drain(t, runner)
			b.clock.Advance(watermillbus.MaxHold)
		}
		b.wantEffects(t, ws, upTo(1, 10, 3))
		b.wantBacklog(t, "adder", 0, 1)
	})
}

func TestEventsWithoutAHandlerArePassedOver(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		ws := b.workspaces(1)[0]
		b.publishEvents(t, ws, ignored{}, ignored{})
		b.publishEvents(t, ws, counted{1}, ignored{}, counted{2})
		b.publishEvents(t, ws, ignored{})
		calls := 0
		if n, err := drain(t, newRunner(t, b.config(), b.adder(&calls, nil))); n != 6 || err != nil {
			t.Errorf("passed %d events, %v", n, err)
		}
		if calls != 1 {
			t.Errorf("the handler was called %d times, want once with both", calls)
		}
		b.wantEffects(t, ws, upTo(1, 2))
		b.wantBacklog(t, "adder", 0, 0)
	})
}

func TestAFloodQueuesBehindItsOwnTenant(t *testing.T) {
	t.Parallel()
	b := inMemory()
	workspaces := b.workspaces(6)
	for from := 1; from < 60_000; from += 5000 {
		b.publish(t, workspaces[0], from, from+4999)
	}
	b.clock.Advance(time.Minute)
	for _, ws := range workspaces[1:] {
		b.publish(t, ws, 1, 100)
	}
	runner := newRunner(t, b.config(), b.adder(nil, nil))
	n, err := runner.Step(t.Context())
	if err != nil || n > 10_000+500+watermillbus.DefaultSlices*engage.MaxSliceEvents {
		t.Errorf("a step passed %d events, %v", n, err)
	}
	for _, ws := range workspaces[1:] {
		b.wantEffects(t, ws, upTo(1, 100))
	}
	if n, err := drain(t, runner); err != nil {
		t.Errorf("passed %d events, %v", n, err)
	}
	b.wantEffects(t, workspaces[0], upTo(1, 60_000))
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	// begin runs a consumer whose handler says when it is at work.
	begin := func(t *testing.T, b *bundle, work func(ctx context.Context) error) (stop func()) {
		at := make(chan struct{})
		first := true
		runner := newRunner(t, b.config(), b.adder(nil, func(ctx context.Context, _ engage.WorkspaceID, n int) error {
			if n == 5 && first {
				first = false
				close(at)
				return work(ctx)
			}
			return nil
		}))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- runner.Workers()[0].Run(ctx) }()
		<-at
		return func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		}
	}
	goesOn := func(t *testing.T, b *bundle, ws engage.WorkspaceID, left int) {
		b.wantBacklog(t, "adder", int64(left/10), 0)
		if n, err := drain(t, newRunner(t, b.config(), b.adder(nil, nil))); n != left || err != nil {
			t.Errorf("another process passed %d events at once, %v; want %d", n, err, left)
		}
		b.wantEffects(t, ws, upTo(1, 10))
		b.wantBacklog(t, "adder", 0, 0)
	}
	t.Run("lets the transaction in progress finish", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := inMemory()
			ws := b.workspaces(1)[0]
			b.publish(t, ws, 1, 10)
			release := make(chan struct{})
			stop := begin(t, b, func(ctx context.Context) error {
				<-release
				return ctx.Err()
			})
			go func() {
				time.Sleep(watermillbus.DefaultGrace / 2)
				close(release)
			}()
			stop()
			goesOn(t, b, ws, 0)
		})
	})
	t.Run("rolls back what takes longer than the grace, and parks nothing", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := inMemory()
			ws := b.workspaces(1)[0]
			b.publish(t, ws, 1, 10)
			stop := begin(t, b, func(ctx context.Context) error {
				<-ctx.Done()
				return fmt.Errorf("the handler was interrupted: %w", ctx.Err())
			})
			stop()
			b.wantEffects(t, ws, nil)
			goesOn(t, b, ws, 10)
		})
	})
	t.Run("gives back what is held back", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := inMemory()
			ws := b.workspaces(1)[0]
			b.publish(t, ws, 1, 10)
			stop := begin(t, b, func(context.Context) error { return engage.ErrUnavailable })
			synctest.Wait()
			stop()
			goesOn(t, b, ws, 10)
		})
	})
	t.Run("of a worker that has not begun claims nothing", func(t *testing.T) {
		t.Parallel()
		b := inMemory()
		ws := b.workspaces(1)[0]
		b.publish(t, ws, 1, 10)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if n, err := newRunner(t, b.config(), b.adder(nil, nil)).Step(ctx); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("passed %d events, %v", n, err)
		}
		goesOn(t, b, ws, 10)
	})
}

func TestNewConsumersReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := watermillbus.NewConsumers(watermillbus.Config{Slices: -1}, nil, engage.NewConsumer(""), engage.NewConsumer("a"), engage.NewConsumer("a"))
	if !errors.Is(err, engage.ErrInvalid) || len(engage.FieldsOf(err)) != 6 {
		t.Errorf("got %v with %d faults", err, len(engage.FieldsOf(err)))
	}
}
