package planstest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/plans"
)

func counterCases(t *testing.T, a Adapter) {
	run(t, a, "counts up to the limit and not beyond", func(f *fixture) {
		limited := func(n, limit int64) plans.Addition {
			a := f.addition("m", n)
			a.Max = limit
			return a
		}
		f.counts(limited(11, 10), false, 0)
		f.Same(f.counters(key("m")), nil)
		f.counts(limited(4, 10), true, 4)
		f.counts(limited(7, 10), false, 4)
		f.counts(limited(6, 10), true, 10)
		f.counts(limited(1, 10), false, 10)
		f.counts(limited(1, 5), false, 10) // a smaller plan
		f.counts(limited(1, 11), true, 11) // a larger one
		f.counts(limited(1, 0), false, 11) // nothing included
		f.counts(f.addition("m", 5), true, 16)
		f.Same(f.counters(key("m")), []plans.Counter{{CounterKey: key("m"), Used: 16}})
		f.Same(f.shares(key("m")), []plans.Share{{Workspace: f.WS, Used: 16}})
	})
	run(t, a, "gives back what was counted and no more", func(f *fixture) {
		f.counts(f.addition("m", -1), false, 0)
		f.counts(f.addition("m", 5), true, 5)
		theirs := f.addition("m", 3)
		theirs.Workspace = f.Other
		f.counts(theirs, true, 8)
		f.counts(f.addition("m", -6), false, 8) // is partly the other workspace's
		back := f.addition("m", -5)
		back.Max = 0 // what shrinks is under any limit
		f.counts(back, true, 3)
		f.counts(f.addition("m", -1), false, 3)
		stranger := f.addition("m", -1)
		stranger.Workspace = engage.WorkspaceID(f.IDs.NewID())
		f.counts(stranger, false, 3)
		f.Same(f.counters(key("m")), []plans.Counter{{CounterKey: key("m"), Used: 3}})
	})
	run(t, a, "keeps meters and periods apart, by their bytes and to the microsecond", func(f *fixture) {
		var keys []plans.CounterKey
		var want []plans.Counter
		f.In(func(ctx context.Context) error {
			for i, text := range hostile() {
				for j, at := range []time.Time{start, start.Add(time.Microsecond), time.Unix(0, 0).UTC()} {
					a := f.addition(plans.Meter(text), int64(i*3+j+1))
					a.Start = at
					counter, ok, err := f.Usage.Add(ctx, f.WS, a)
					if err != nil {
						return err
					}
					f.Same(ok, true)
					f.Same(counter, plans.Counter{CounterKey: a.CounterKey, Used: a.N})
					keys, want = append(keys, a.CounterKey), append(want, counter)
				}
			}
			return nil
		})
		slices.SortFunc(want, func(a, b plans.Counter) int {
			if a.Meter == b.Meter {
				return a.Start.Compare(b.Start)
			}
			return map[bool]int{true: -1, false: 1}[a.Meter < b.Meter]
		})
		f.Same(f.counters(append(keys, keys...)...), want)
		f.Same(f.counters(key("ALICE")), nil)
	})
	run(t, a, "counts large amounts exactly", func(f *fixture) {
		for i := range int64(10) {
			f.counts(f.addition("m", plans.MaxAmount), true, (i+1)*plans.MaxAmount)
		}
		f.counts(f.addition("m", -1), true, 10*plans.MaxAmount-1)
	})
	run(t, a, "tells a threshold once, and none of a counter that is not there", func(f *fixture) {
		tell := func(percent int) (isNew bool) {
			f.In(func(ctx context.Context) (err error) {
				isNew, err = f.Usage.Tell(ctx, f.WS, key("m"), percent)
				return err
			})
			return isNew
		}
		f.Same(tell(80), false)
		f.counts(f.addition("m", 5), true, 5)
		for _, c := range []struct {
			percent int
			want    bool
		}{{80, true}, {80, false}, {100, true}, {80, false}, {100, false}} {
			f.Same(tell(c.percent), c.want)
		}
		counter, _ := f.add(f.addition("m", 1))
		f.Same(counter, plans.Counter{CounterKey: key("m"), Used: 6, Told: 100})
		f.Same(f.counters(key("m")), []plans.Counter{counter})
	})
	run(t, a, "has counted nothing when it refuses, even if the caller goes on", func(f *fixture) {
		f.counts(f.addition("m", 5), true, 5)
		f.In(func(ctx context.Context) error {
			theirs := f.addition("m", -1)
			theirs.Workspace = f.Other
			if _, ok, err := f.Usage.Add(ctx, f.WS, theirs); ok || err != nil {
				f.T.Errorf("%t, %v", ok, err)
			}
			_, _, err := f.Usage.Add(ctx, f.WS, f.addition("m", 1))
			return err
		})
		f.Same(f.counters(key("m")), []plans.Counter{{CounterKey: key("m"), Used: 6}})
		f.Same(f.shares(key("m")), []plans.Share{{Workspace: f.WS, Used: 6}})
	})
}

// concurrentCases show that a counter is one row, whoever adds to it.
func concurrentCases(t *testing.T, a Adapter) {
	run(t, a, "never goes above a limit, and reaches it", func(f *fixture) {
		const workers, each, limit = 16, 12, 100
		var mu sync.Mutex
		counted := int64(0)
		var group sync.WaitGroup
		for i := range workers {
			group.Go(func() {
				for n := range each {
					a := f.addition("m", int64(n%3+1))
					a.Max, a.Workspace[15] = limit, byte(i%4)
					err := f.Try(func(ctx context.Context) error {
						counter, ok, err := f.Usage.Add(ctx, f.WS, a)
						if err != nil {
							return err
						}
						mu.Lock()
						defer mu.Unlock()
						if ok {
							counted += a.N
						}
						if counter.Used > limit {
							f.T.Errorf("the counter stands at %d", counter.Used)
						}
						return nil
					})
					if err != nil {
						f.T.Errorf("an addition failed: %v", err)
					}
				}
			})
		}
		group.Wait()
		used := f.counters(key("m"))
		f.Same(used, []plans.Counter{{CounterKey: key("m"), Used: limit}})
		f.Same(counted, int64(limit))
		total := int64(0)
		for _, share := range f.shares(key("m")) {
			total += share.Used
		}
		f.Same(total, int64(limit))
	})
	run(t, a, "adds and gives back without loss", func(f *fixture) {
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				for range 10 {
					for _, n := range []int64{5, -3} {
						err := f.Try(func(ctx context.Context) error {
							_, ok, err := f.Usage.Add(ctx, f.WS, f.addition("m", n))
							if !ok && err == nil {
								f.T.Error("an addition was refused")
							}
							return err
						})
						if err != nil {
							f.T.Errorf("an addition failed: %v", err)
						}
					}
				}
			})
		}
		group.Wait()
		f.Same(f.counters(key("m")), []plans.Counter{{CounterKey: key("m"), Used: 160}})
		f.Same(f.shares(key("m")), []plans.Share{{Workspace: f.WS, Used: 160}})
	})
	run(t, a, "counts all who come first to a counter", func(f *fixture) {
		for _, meter := range hostile() {
			begin := make(chan struct{})
			var group sync.WaitGroup
			for range 4 {
				group.Go(func() {
					<-begin
					a := f.addition(plans.Meter(meter), 1)
					a.Max = 4
					err := f.Try(func(ctx context.Context) error {
						_, ok, err := f.Usage.Add(ctx, f.WS, a)
						if !ok && err == nil {
							f.T.Error("an addition was refused")
						}
						return err
					})
					if err != nil {
						f.T.Errorf("an addition failed: %v", err)
					}
				})
			}
			close(begin)
			group.Wait()
			f.Same(f.counters(key(plans.Meter(meter)))[0].Used, int64(4))
		}
	})
	run(t, a, "notes a key once", func(f *fixture) {
		var mu sync.Mutex
		fresh := 0
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				isNew := f.mark(f.WS, "event", start)
				mu.Lock()
				defer mu.Unlock()
				if isNew {
					fresh++
				}
			})
		}
		group.Wait()
		f.Same(fresh, 1)
	})
}

func shareCases(t *testing.T, a Adapter) {
	filled := func(f *fixture, n int) []plans.Share {
		var want []plans.Share
		for i := range n {
			a := f.addition("m", int64(i+1))
			a.Workspace = engage.WorkspaceID(f.IDs.NewID())
			f.add(a)
			want = append(want, plans.Share{Workspace: a.Workspace, Used: a.N})
			a.Meter = "other"
			f.add(a)
			a.Meter, a.Start = "m", start.Add(time.Hour)
			f.add(a)
		}
		return want
	}
	run(t, a, "pages by workspace", func(f *fixture) {
		want := filled(f, 7)
		for _, limit := range []int{1, 2, 3, 6, 7, 8, 0} {
			var got []plans.Share
			for page := (engage.PageRequest{Limit: limit}); ; {
				part, err := f.Usage.Shares(f.Ctx, f.WS, key("m"), page)
				f.No(err)
				if limit > 0 && len(part.Items) > limit {
					f.T.Fatalf("%d items of %d", len(part.Items), limit)
				}
				got = append(got, part.Items...)
				if page.After = part.Next; part.Next == "" {
					break
				}
			}
			f.Same(got, want)
		}
	})
	run(t, a, "neither repeats nor hides a workspace when others come", func(f *fixture) {
		want := filled(f, 6)
		first, err := f.Usage.Shares(f.Ctx, f.WS, key("m"), engage.PageRequest{Limit: 3})
		f.No(err)
		early := f.addition("m", 1)
		early.Workspace = engage.WorkspaceID{1}
		f.add(early)
		want = append(want, filled(f, 1)...)
		rest, err := f.Usage.Shares(f.Ctx, f.WS, key("m"), engage.PageRequest{After: first.Next})
		f.No(err)
		f.Same(slices.Concat(first.Items, rest.Items), want)
	})
	run(t, a, "refuses a cursor of another list, a damaged one and a size out of range", func(f *fixture) {
		filled(f, 3)
		f.InOf(f.Other, func(ctx context.Context) error {
			for i := range byte(2) {
				a := f.addition("m", 1)
				a.Workspace[0] = i
				if _, _, err := f.Usage.Add(ctx, f.Other, a); err != nil {
					return err
				}
			}
			return nil
		})
		theirs, err := f.Usage.Shares(f.Ctx, f.Other, key("m"), engage.PageRequest{Limit: 1})
		f.No(err)
		another, err := f.Usage.Shares(f.Ctx, f.WS, key("other"), engage.PageRequest{Limit: 1})
		f.No(err)
		later, err := f.Usage.Shares(f.Ctx, f.WS, plans.CounterKey{Meter: "m", Start: start.Add(time.Hour)}, engage.PageRequest{Limit: 1})
		f.No(err)
		for _, page := range []engage.PageRequest{{After: theirs.Next}, {After: another.Next}, {After: later.Next}, {After: "x"}, {Limit: -1}, {Limit: engage.MaxPageSize + 1}} {
			_, err := f.Usage.Shares(f.Ctx, f.WS, key("m"), page)
			f.Code(err, engage.Invalid)
		}
	})
}

func markCases(t *testing.T, a Adapter) {
	run(t, a, "notes each key once, by its bytes", func(f *fixture) {
		for _, again := range []bool{false, true} {
			f.In(func(ctx context.Context) error {
				for _, key := range hostile() {
					isNew, err := f.Usage.Mark(ctx, f.WS, key, start)
					if err != nil {
						return err
					}
					f.Same(isNew, !again)
				}
				return nil
			})
		}
		f.Same(f.mark(f.Other, "alice", start), true)
	})
	run(t, a, "goes on in a transaction that notes a known key", func(f *fixture) {
		f.mark(f.WS, "a", start)
		f.In(func(ctx context.Context) error {
			isNew, err := f.Usage.Mark(ctx, f.WS, "a", start)
			f.Same(isNew, false)
			f.No(err)
			isNew, err = f.Usage.Mark(ctx, f.WS, "b", start)
			f.Same(isNew, true)
			return err
		})
		f.Same(f.mark(f.WS, "b", start), false)
	})
}

func acrossCases(t *testing.T, a Adapter) {
	prune := func(f *fixture, before time.Time, limit int) (n int) {
		f.T.Helper()
		f.No(f.across(func(ctx context.Context, shard engage.Shard) (err error) {
			n, err = f.Across.PruneAcross(ctx, shard, before, limit)
			return err
		}))
		return n
	}
	runAlone(t, a, "removes old marks of all organizations, the oldest first", func(f *fixture) {
		f.mark(f.WS, "a", start)
		f.mark(f.Other, "a", start.Add(time.Second))
		f.mark(f.WS, "b", start.Add(2*time.Second))
		f.mark(f.Other, "stays", start.Add(3*time.Second))
		f.Same(prune(f, start, 10), 0)
		f.Same(prune(f, start.Add(3*time.Second), 0), 0)
		f.Same(prune(f, start.Add(3*time.Second), 2), 2)
		f.Same(f.mark(f.WS, "b", start.Add(2*time.Second)), false)
		f.Same(prune(f, start.Add(3*time.Second), 2), 1)
		f.Same(prune(f, start.Add(3*time.Second), 2), 0)
		f.Same(f.mark(f.Other, "stays", start), false)
		f.Same(f.mark(f.WS, "a", start.Add(time.Hour)), true)
	})
	runAlone(t, a, "needs the transaction of a database, and takes a batch at most", func(f *fixture) {
		f.mark(f.WS, "a", start)
		call := func(ctx context.Context, shard engage.Shard, limit int) error {
			_, err := f.Across.PruneAcross(ctx, shard, start.Add(time.Hour), limit)
			return err
		}
		f.Code(call(f.Ctx, engage.DefaultShard, 1), engage.FailedPrecondition)
		f.Code(f.Try(func(ctx context.Context) error { return call(ctx, engage.DefaultShard, 1) }), engage.FailedPrecondition)
		if err := f.across(func(ctx context.Context, _ engage.Shard) error { return call(ctx, "no such database", 1) }); err == nil {
			f.T.Error("a database that there is not: want an error")
		}
		f.Code(f.across(func(ctx context.Context, shard engage.Shard) error { return call(ctx, shard, engage.MaxBatch+1) }), engage.Invalid)
		err := f.across(func(ctx context.Context, shard engage.Shard) error {
			f.No(call(ctx, shard, 10))
			return errUndo
		})
		f.Code(err, engage.Internal)
		f.Same(f.mark(f.WS, "a", start), false)
	})
}
