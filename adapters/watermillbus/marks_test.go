package watermillbus_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/watermillbus"
)

// mark marks a slice in a transaction of its own.
func (b *bundle) mark(t testing.TB, consumer string, slice engage.Slice, at time.Time) (fresh bool) {
	t.Helper()
	err := b.tx.InShard(t.Context(), shard, func(ctx context.Context) (err error) {
		fresh, err = b.marks.Mark(ctx, shard, consumer, slice, at)
		return err
	})
	if err != nil {
		t.Fatalf("Mark: %v", err)
	}
	return fresh
}

func (b *bundle) slice(partition engage.Partition, position engage.Position) engage.Slice {
	return engage.Slice{ID: engage.SliceID(b.ids.NewID()), Workspace: engage.WorkspaceID{1}, Partition: partition, Position: position}
}

func (b *bundle) wantLast(t testing.TB, consumer string, want map[engage.Partition]engage.Position) {
	t.Helper()
	got, err := b.marks.Last(t.Context(), shard, consumer)
	if err != nil {
		t.Fatalf("Last: %v", err)
	}
	if !maps.Equal(got, want) {
		t.Errorf("%s is at %v, want %v", consumer, got, want)
	}
}

func TestMarksAreOfAConsumerAndASlice(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		now := b.clock.Now()
		b.wantLast(t, "a", nil)
		first, second, other := b.slice(3, 1), b.slice(3, 2), b.slice(63, 9)
		for i, want := range []struct {
			consumer string
			slice    engage.Slice
			fresh    bool
		}{{"a", second, true}, {"a", first, true}, {"a", second, false}, {"b", second, true}, {"a", other, true}, {"a", b.slice(3, 2), true}} {
			if got := b.mark(t, want.consumer, want.slice, now); got != want.fresh {
				t.Errorf("mark %d is fresh: %v", i, got)
			}
		}
		b.wantLast(t, "a", map[engage.Partition]engage.Position{3: 2, 63: 9})
		b.wantLast(t, "b", map[engage.Partition]engage.Position{3: 2})
		b.wantLast(t, "A", nil)
	})
}

func TestAMarkIsPartOfItsTransaction(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		slice := b.slice(1, 1)
		err := b.tx.InShard(t.Context(), shard, func(ctx context.Context) error {
			if fresh, err := b.marks.Mark(ctx, shard, "a", slice, b.clock.Now()); err != nil || !fresh {
				t.Errorf("%v, %v", fresh, err)
			}
			return errOops
		})
		if !errors.Is(err, errOops) {
			t.Errorf("got %v", err)
		}
		b.wantLast(t, "a", nil)
		if _, err := b.marks.Mark(t.Context(), shard, "a", slice, b.clock.Now()); !errors.Is(err, engage.ErrFailedPrecondition) {
			t.Errorf("without a transaction: got %v, want ErrFailedPrecondition", err)
		}
		if _, err := b.marks.Last(t.Context(), "elsewhere", "a"); !errors.Is(err, engage.ErrNotFound) {
			t.Errorf("of another database: got %v, want ErrNotFound", err)
		}
	})
}

func TestOldMarksArePrunedButEachPartitionsLast(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		start := b.clock.Now()
		for partition := range engage.Partition(3) {
			for position := range engage.Position(5) {
				b.mark(t, "a", b.slice(partition, position+1), start.Add(time.Duration(position)*time.Hour))
			}
		}
		b.mark(t, "b", b.slice(0, 1), start)
		b.mark(t, "b", b.slice(0, 2), start)
		prune := func(before time.Duration, limit, want int) {
			t.Helper()
			if n, err := b.marks.PruneMarks(t.Context(), shard, "a", start.Add(before), limit); n != want || err != nil {
				t.Errorf("%d marks were pruned, %v, want %d", n, err, want)
			}
		}
		prune(0, 100, 0)
		prune(2*time.Hour, 4, 4)
		prune(2*time.Hour, 100, 2)
		prune(2*time.Hour, 100, 0)
		prune(100*time.Hour, 100, 6)
		prune(100*time.Hour, 100, 0)
		b.wantLast(t, "a", map[engage.Partition]engage.Position{0: 5, 1: 5, 2: 5})
		if n, err := b.marks.PruneMarks(t.Context(), shard, "b", start.Add(time.Hour), 100); n != 1 || err != nil {
			t.Errorf("%d marks of b were pruned, %v, want 1", n, err)
		}
	})
}

// TestOneOfManyMarksASlice lets transactions mark the same slices at once.
func TestOneOfManyMarksASlice(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		const racers, n = 4, 25
		marked := make(chan engage.Position, racers*n)
		failed := make(chan error, racers)
		slices := make([]engage.Slice, n)
		for i := range slices {
			slices[i] = b.slice(7, engage.Position(i+1))
		}
		for range racers {
			go func() {
				for _, slice := range slices {
					fresh := false
					err := b.tx.InShard(t.Context(), shard, func(ctx context.Context) (err error) {
						fresh, err = b.marks.Mark(ctx, shard, "a", slice, b.clock.Now())
						return err
					})
					if err != nil {
						failed <- fmt.Errorf("slice %d: %w", slice.Position, err)
						return
					}
					if fresh {
						marked <- slice.Position
					}
				}
				failed <- nil
			}()
		}
		for range racers {
			if err := <-failed; err != nil {
				t.Error(err)
			}
		}
		if len(marked) != n {
			t.Errorf("%d slices were marked as fresh %d times", n, len(marked))
		}
	})
}

func TestReceiversAreToldWhatIsMissing(t *testing.T) {
	t.Parallel()
	var detailed *engage.Error
	_, err := watermillbus.NewReceivers(watermillbus.ReceiverConfig{Sweep: -1, Lanes: watermillbus.Lanes{Count: 65}},
		nil, engage.NewConsumer(""), engage.NewConsumer("a"), engage.NewConsumer("a"))
	if !errors.As(err, &detailed) || len(detailed.Fields) != 9 {
		t.Errorf("got %v, want 9 faults", err)
	}
	_, err = watermillbus.NewRelay(watermillbus.RelayConfig{Lanes: watermillbus.Lanes{Count: -1}})
	if !errors.As(err, &detailed) || len(detailed.Fields) != 4 {
		t.Errorf("got %v, want 4 faults", err)
	}
}
