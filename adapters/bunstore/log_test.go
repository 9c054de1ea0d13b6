package bunstore_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/internal/testkit"
	"go.uber.org/goleak"
)

func (b *testBundle) publish(t *testing.T, ws engage.WorkspaceID, texts ...string) {
	t.Helper()
	for _, text := range texts {
		err := b.InTx(t.Context(), ws, func(ctx context.Context) error { return b.Publish(ctx, ws, *b.probe(text)) })
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (b *testBundle) sequence(t *testing.T) {
	t.Helper()
	for {
		n, err := b.Sequence(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

func (b *testBundle) slices(t *testing.T, p engage.Partition) []engage.Slice {
	t.Helper()
	got, err := b.Log().Read(t.Context(), engage.DefaultShard, p, 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// twin is another workspace of ws's partition.
func (b *testBundle) twin(ws engage.WorkspaceID) engage.WorkspaceID {
	for {
		if other := engage.WorkspaceID(b.ids.NewID()); engage.PartitionOf(other) == engage.PartitionOf(ws) {
			return other
		}
	}
}

func TestTheSequencer(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		if db.Name == "sqlite" {
			t.Skip("SQLite numbers slices as it writes them")
		}
		b := setup(t, db)
		t.Run("looks for work with one statement and numbers with seven more", func(t *testing.T) {
			db.Count.Require(t, 1, func() { b.sequence(t) })
			b.publish(t, b.ws, "a", "b")
			b.publish(t, b.ot, "c")
			db.Count.Require(t, 9, func() { b.sequence(t) })
		})
		t.Run("serves workspaces of a partition in turns", func(t *testing.T) {
			flood, small := b.twin(b.ws), b.twin(b.ws)
			for range 40 {
				b.publish(t, flood, "f")
			}
			b.publish(t, small, "s")
			b.sequence(t)
			all := b.slices(t, engage.PartitionOf(b.ws))
			at := slices.IndexFunc(all, func(s engage.Slice) bool { return s.Workspace == small })
			if at < 0 || at > 4 || len(all) != 43 {
				t.Errorf("the small workspace's slice is number %d of %d", at+1, len(all))
			}
			for i, slice := range all {
				if slice.Position != engage.Position(i+1) {
					t.Fatalf("position %d follows %d", slice.Position, i)
				}
			}
		})
		t.Run("comes to every workspace while more than a step takes flood", func(t *testing.T) {
			var flooding []engage.WorkspaceID
			for range 300 {
				flooding = append(flooding, b.twin(b.ws))
			}
			flood := func(times int) {
				t.Helper()
				for range times {
					if err := b.InShard(t.Context(), engage.DefaultShard, func(ctx context.Context) error {
						for _, ws := range flooding {
							if err := b.Publish(ctx, ws, *b.probe("f")); err != nil {
								return err
							}
						}
						return nil
					}); err != nil {
						t.Fatal(err)
					}
				}
			}
			last := b.twin(b.ws) // in the order of the ids
			flood(16)
			b.publish(t, last, "l")
			for range 3 {
				if _, err := b.Sequence(t.Context()); err != nil {
					t.Fatal(err)
				}
				flood(4)
			}
			if !slices.ContainsFunc(b.slices(t, engage.PartitionOf(last)), func(s engage.Slice) bool { return s.Workspace == last }) {
				t.Error("the last one waits for ever")
			}
			b.sequence(t)
		})
		t.Run("wakes those who asked", func(t *testing.T) {
			woken := 0
			b.OnSequenced(func() { woken++ })
			b.sequence(t)
			b.publish(t, b.ws, "d")
			b.sequence(t)
			if woken != 1 {
				t.Errorf("woken %d times", woken)
			}
		})
	})
}

func TestTheLogTakesFewStatements(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		ctx, log, now := t.Context(), b.Log(), b.clock.Now()
		claim := func() []engage.Claim {
			claims, err := log.Claim(ctx, engage.DefaultShard, "c", "me", now, time.Minute, 64)
			if err != nil {
				t.Fatal(err)
			}
			return claims
		}
		claim()
		db.Count.Require(t, 1, func() { claim() })
		for range 20 {
			b.publish(t, engage.WorkspaceID(b.ids.NewID()), "a")
		}
		b.sequence(t)
		var claims []engage.Claim
		db.Count.Require(t, 5, func() { claims = claim() })
		if len(claims) < 10 {
			t.Fatalf("%d claims", len(claims))
		}
		db.Count.Require(t, 3, func() {
			err := b.InShard(ctx, engage.DefaultShard, func(ctx context.Context) error {
				return log.Advance(ctx, claims[0], claims[0].Position+1, now, time.Minute)
			})
			if err != nil {
				t.Fatal(err)
			}
		})
		db.Count.Require(t, 3, func() {
			if err := log.Release(ctx, claims); err != nil {
				t.Fatal(err)
			}
		})
		db.Count.Require(t, 1, func() {
			if _, err := log.ClaimParked(ctx, engage.DefaultShard, "c", now, time.Minute, 10); err != nil {
				t.Fatal(err)
			}
		})
		db.Count.Require(t, 2, func() {
			if _, err := log.Backlog(ctx, engage.DefaultShard, "c"); err != nil {
				t.Fatal(err)
			}
		})
		db.Count.Require(t, 1, func() {
			if _, err := b.Prune(ctx, now); err != nil {
				t.Fatal(err)
			}
		})
		// BEGIN, lock, insert, lock, update, COMMIT and the look before it; then
		// the look, and BEGIN, lock, update, COMMIT.
		acquire := func() {
			if _, err := b.Leases().Acquire(ctx, engage.DefaultShard, "l", "me", now, time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		db.Count.Require(t, 7, acquire)
		db.Count.Require(t, 5, acquire)
		db.Count.Require(t, 1, func() {
			_, err := b.Leases().Acquire(ctx, engage.DefaultShard, "l", "you", now, time.Minute)
			wantCode(t, err, engage.Conflict)
		})
	})
}

func TestPruningReportsAbandonedCursors(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		var log bytes.Buffer
		store, err := bunstore.Open(t.Context(), bunstore.Config{
			Write: db.Write, Read: db.Read, Clock: b.clock, Log: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		b.publish(t, b.ws, "a", "b")
		b.sequence(t)
		if _, err := store.Log().Claim(t.Context(), engage.DefaultShard, "gone", "me", b.clock.Now(), time.Minute, 1); err != nil {
			t.Fatal(err)
		}
		prune := func(want int) {
			t.Helper()
			if n, err := store.Prune(t.Context(), b.clock.Now()); n != want || err != nil {
				t.Errorf("Prune removed %d, %v, want %d", n, err, want)
			}
		}
		b.clock.Advance(bunstore.Retention)
		prune(0)
		b.clock.Advance(bunstore.AbandonedAfter - bunstore.Retention)
		prune(2)
		prune(0)
		if strings.Count(log.String(), "nobody moves") != 1 {
			t.Errorf("the log says %s", log.String())
		}
		b.publish(t, b.ws, "c")
		b.sequence(t)
		claims, err := store.Log().Claim(t.Context(), engage.DefaultShard, "gone", "me", b.clock.Now(), time.Minute, 1)
		if err != nil || len(claims) != 1 {
			t.Fatalf("%v, %v", claims, err)
		}
		got, err := store.Log().Read(t.Context(), engage.DefaultShard, claims[0].Partition, claims[0].Position, 10)
		if err != nil || len(got) != 1 || got[0].Position != 3 {
			t.Errorf("the cursor goes on with %+v, %v", got, err)
		}
	})
}

func TestWorkersRunAndDrain(t *testing.T) { //nolint:paralleltest // it counts goroutines
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	b := setup(t, testkit.SQLite(t))
	ctx, cancel := context.WithCancel(t.Context())
	numbered := make(chan struct{}, 1)
	b.OnSequenced(func() {
		select {
		case numbered <- struct{}{}:
		default:
		}
	})
	done := make(chan error)
	workers := b.Workers()
	for _, w := range workers {
		go func() { done <- w.Run(ctx) }()
	}
	b.publish(t, b.ws, "a")
	<-numbered
	cancel()
	for range workers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestClockIsTheDatabases(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		clock, err := bunstore.NewClock(t.Context(), db.Write)
		if err != nil {
			t.Fatal(err)
		}
		first := clock.Now()
		second := clock.Now()
		if second.Before(first) || first.Location() != time.UTC || first != engage.Instant(first) {
			t.Errorf("%v, then %v", first, second)
		}
		// Both run on this machine: more than an hour apart is another unit or
		// another zone.
		if gap := clock.Now().Sub(engage.SystemClock{}.Now()).Abs(); gap > time.Hour {
			t.Errorf("the clock is %v off", gap)
		}
	})
}
