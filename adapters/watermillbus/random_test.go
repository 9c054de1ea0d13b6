package watermillbus_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/watermillbus"
)

var (
	seed   = flag.Uint64("engage.seed", 1, "seed of the random script")
	rounds = flag.Int("engage.rounds", 0, "rounds of the random script; 0: 150, or 40 with -short")
)

// TestARandomScriptConsumesWhatWasCommitted lets writers commit and roll back,
// handlers fail for every reason, commits crash and leases run out, on three
// runners. In the end, every event that was committed has had its effects once,
// and none other has; those of a workspace came in order, but for the parked.
func TestARandomScriptConsumesWhatWasCommitted(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		n := *rounds
		if n == 0 {
			n = 150
			if testing.Short() {
				n = 40
			}
		}
		s := &script{bundle: b, random: rand.New(rand.NewPCG(*seed, 0)), committed: map[engage.WorkspaceID][]int{}, failed: map[int]bool{}}
		s.tenants = b.workspaces(70)
		t.Logf("seed %d", *seed)
		var runners []*watermillbus.Consumers
		for range 3 {
			cfg := b.config()
			cfg.Events = 1 + s.random.IntN(60)
			cfg.Slices = 1 + s.random.IntN(6)
			cfg.Partitions = 1 + s.random.IntN(20)
			cfg.Tx = hookedTx{Transactor: b.tx, before: s.before, after: s.after}
			runners = append(runners, newRunner(t, cfg, b.adder(nil, s.check)))
		}
		for range n {
			for range s.random.IntN(5) {
				s.write(t)
			}
			b.sequence(t)
			_, _ = runners[s.random.IntN(len(runners))].Step(t.Context())
			b.clock.Advance(time.Duration(s.random.IntN(20)) * time.Second)
		}
		s.calm = true
		for range 40 {
			for _, runner := range runners {
				_, _ = drain(t, runner)
			}
			b.clock.Advance(time.Hour)
		}
		b.wantBacklog(t, "adder", 0, 0)
		for _, ws := range s.tenants {
			got, err := b.effects.All(t.Context(), ws)
			if err != nil {
				t.Fatal(err)
			}
			sorted := slices.Sorted(slices.Values(got))
			if !slices.Equal(sorted, s.committed[ws]) {
				t.Errorf("%s: %s had effects, %s were committed", ws, brief(sorted), brief(s.committed[ws]))
			}
			healthy := slices.DeleteFunc(slices.Clone(got), func(n int) bool { return s.failed[n] })
			if !slices.IsSorted(healthy) {
				t.Errorf("%s: out of order: %s", ws, brief(healthy))
			}
		}
	})
}

// script is what happens in a random run.
type script struct {
	*bundle
	random    *rand.Rand
	tenants   []engage.WorkspaceID
	next      int
	committed map[engage.WorkspaceID][]int
	failed    map[int]bool // events that a handler failed on, and may have parked
	calm      bool
}

// write commits or rolls back some events of one tenant.
func (s *script) write(t *testing.T) {
	ws := s.tenants[s.random.IntN(len(s.tenants))]
	if s.random.IntN(2) == 0 {
		ws = s.tenants[0] // one is busier than the others
	}
	var events []engage.Event
	from := s.next + 1
	for range 1 + s.random.IntN(30) {
		s.next++
		events = append(events, counted{s.next})
		if s.random.IntN(10) == 0 {
			events = append(events, ignored{})
		}
	}
	fails := s.random.IntN(4) == 0
	err := s.tx.InTx(t.Context(), ws, func(ctx context.Context) error {
		if err := s.events.Publish(ctx, ws, events...); err != nil {
			return err
		}
		if fails {
			return errOops
		}
		return nil
	})
	if fails != (err != nil) {
		t.Fatalf("InTx: %v", err)
	}
	if !fails {
		s.committed[ws] = append(s.committed[ws], upTo(from, s.next)...)
	}
}

func (s *script) check(_ context.Context, _ engage.WorkspaceID, n int) error {
	if s.calm {
		return nil
	}
	switch s.random.IntN(120) {
	case 0:
		s.failed[n] = true
		return errOops
	case 1:
		s.failed[n] = true
		panic("boom")
	case 2:
		s.failed[n] = true // in the end it may be parked, too
		return fmt.Errorf("busy: %w", engage.ErrUnavailable)
	}
	return nil
}

func (s *script) before() error {
	if !s.calm && s.random.IntN(15) == 0 {
		s.clock.Advance(watermillbus.DefaultLease) // the worker stalls
	}
	return nil
}

func (s *script) after() error {
	if !s.calm && s.random.IntN(10) == 0 {
		return errOops
	}
	return nil
}
