package kerneltest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
)

// logCases are the rules of positions and their order.
var logCases = []testCase{
	{"numbers a partition's slices from 1 without gaps", func(t *testing.T, k *fixture) {
		for i := range 10 {
			ws := []engage.WorkspaceID{k.ws, k.twin}[i%2]
			err := k.Tx.InTx(t.Context(), ws, func(ctx context.Context) error {
				must(t, "Publish", k.Events.Publish(ctx, ws, noted{"k", "v"}))
				if i%3 == 2 {
					return errOops
				}
				return nil
			})
			if i%3 == 2 {
				want(t, "InTx", err, errOops)
			} else {
				must(t, "InTx", err)
			}
		}
		var positions []engage.Position
		for _, slice := range k.slices(t, engage.PartitionOf(k.ws)) {
			positions = append(positions, slice.Position)
		}
		if diff := cmp.Diff([]engage.Position{1, 2, 3, 4, 5, 6, 7}, positions); diff != "" {
			t.Errorf("positions (-want +got):\n%s", diff)
		}
	}},
	{"numbers every partition on its own", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1", "2")
		k.publish(t, k.other, "3")
		got := k.slices(t, engage.PartitionOf(k.other))
		if len(got) != 1 || got[0].Position != 1 {
			t.Errorf("got %+v, want one slice at 1", got)
		}
	}},
	{"keeps the order of the commits of a workspace", func(t *testing.T, k *fixture) {
		var wanted []string
		for i := range 30 {
			value := strconv.Itoa(i)
			wanted = append(wanted, value)
			k.commit(t, k.ws, func(ctx context.Context) error { return k.Events.Publish(ctx, k.ws, noted{"k", value}) })
			if i%7 == 0 {
				k.sequence(t)
			}
		}
		k.wantEvents(t, k.ws, wanted...)
	}},
	{"answers a limit of slices behind a position", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1", "2", "3", "4", "5")
		for _, c := range []struct {
			after engage.Position
			limit int
			want  []string
		}{
			{0, 2, []string{"1", "2"}},
			{2, 2, []string{"3", "4"}},
			{4, 2, []string{"5"}},
			{5, 2, nil},
			{9, 2, nil},
			{0, 100, []string{"1", "2", "3", "4", "5"}},
		} {
			got, err := k.Log.Read(t.Context(), shard, engage.PartitionOf(k.ws), c.after, c.limit)
			must(t, "Read", err)
			var found []string
			for _, slice := range got {
				found = append(found, values(t, slice.Events)...)
			}
			if diff := cmp.Diff(c.want, found); diff != "" {
				t.Errorf("behind %d, %d at most (-want +got):\n%s", c.after, c.limit, diff)
			}
		}
	}},
	{"shows nothing behind a position that a reader has passed", readersBesideWriters},
	{"orders a workspace's events as its locks were taken", func(t *testing.T, k *fixture) {
		const writers, each = 4, 25
		k.commit(t, k.ws, func(ctx context.Context) error {
			return errors.Join(k.Notes.Put(ctx, k.ws, "lock", ""), k.Notes.Put(ctx, k.ws, "n", "0"))
		})
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range each {
					if err := k.Tx.InTx(t.Context(), k.ws, k.count); err != nil {
						t.Errorf("InTx: %v", err)
					}
				}
			})
		}
		wg.Wait()
		var wanted []string
		for i := range writers * each {
			wanted = append(wanted, strconv.Itoa(i+1))
		}
		k.wantEvents(t, k.ws, wanted...)
	}},
}

// readersBesideWriters lets writers commit late and roll back while a reader
// follows every partition. What it passed must be all there is.
func readersBesideWriters(t *testing.T, k *fixture) {
	const writers, each = 6, 40
	workspaces := []engage.WorkspaceID{k.ws, k.twin, k.other}
	var wg sync.WaitGroup
	var mu sync.Mutex
	committed := map[string]bool{}
	for w := range writers {
		random := rand.New(rand.NewPCG(1, uint64(w)))
		wg.Go(func() {
			for i := range each {
				ws, value := workspaces[random.IntN(len(workspaces))], fmt.Sprintf("%d/%d", w, i)
				late, fails := random.IntN(200), random.IntN(4) == 0
				err := k.Tx.InTx(t.Context(), ws, func(ctx context.Context) error {
					if err := k.Events.Publish(ctx, ws, noted{"k", value}); err != nil {
						return err
					}
					for range late {
						runtime.Gosched()
					}
					if fails {
						return errOops
					}
					return nil
				})
				if fails != (err != nil) || err != nil && !errors.Is(err, errOops) {
					t.Errorf("InTx: %v", err)
				}
				mu.Lock()
				committed[value] = !fails
				mu.Unlock()
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		wg.Wait()
	}()
	defer wg.Wait()

	passed := map[engage.Partition]engage.Position{}
	seen := map[string]int{}
	follow := func() {
		k.sequence(t)
		for _, ws := range []engage.WorkspaceID{k.ws, k.other} {
			partition := engage.PartitionOf(ws)
			some, err := k.Log.Read(t.Context(), shard, partition, passed[partition], 7)
			if err != nil {
				t.Fatalf("Read: %v", err)
			}
			for _, slice := range some {
				if slice.Position != passed[partition]+1 {
					t.Errorf("partition %d: %d follows %d", partition, slice.Position, passed[partition])
				}
				passed[partition] = slice.Position
				for _, value := range values(t, slice.Events) {
					seen[value]++
				}
			}
		}
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
			follow()
		}
	}
	for before := -1; before != len(seen); {
		before = len(seen)
		follow()
	}
	for value, ok := range committed {
		if want := map[bool]int{true: 1}[ok]; seen[value] != want {
			t.Errorf("event %s was passed %d times, want %d", value, seen[value], want)
		}
	}
}
