package kerneltest

import (
	"context"
	"sync"
	"testing"

	"github.com/go-engage/engage"
)

// leaseCases are the rules of named leases.
var leaseCases = []testCase{
	{"is one owner's until it ends", func(t *testing.T, k *fixture) {
		mine := k.acquire(t, "l", "me")
		if mine.Name != "l" || mine.Owner != "me" || !mine.Until.Equal(k.Clock.Now().Add(minute)) {
			t.Errorf("got %+v", mine)
		}
		k.Clock.Advance(minute - 1000)
		_, err := k.Leases.Acquire(t.Context(), shard, "l", "you", k.Clock.Now(), minute)
		want(t, "Acquire before the end", err, engage.ErrConflict)
		k.Clock.Advance(1000)
		if yours := k.acquire(t, "l", "you"); yours.Token <= mine.Token || yours.Owner != "you" {
			t.Errorf("mine %+v, then %+v", mine, yours)
		}
	}},
	{"is extended by its owner, with the same token", func(t *testing.T, k *fixture) {
		first := k.acquire(t, "l", "me")
		k.Clock.Advance(minute / 2)
		second := k.acquire(t, "l", "me")
		if second.Token != first.Token || !second.Until.Equal(k.Clock.Now().Add(minute)) {
			t.Errorf("first %+v, then %+v", first, second)
		}
		k.Clock.Advance(minute / 2)
		_, err := k.Leases.Acquire(t.Context(), shard, "l", "you", k.Clock.Now(), minute)
		want(t, "Acquire", err, engage.ErrConflict)
		must(t, "Check of the first", k.check(t, first))
	}},
	{"is given to one of many", func(t *testing.T, k *fixture) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for _, owner := range []string{"a", "b", "c", "d", "e", "f"} {
			wg.Go(func() {
				_, err := k.Leases.Acquire(t.Context(), shard, "l", owner, k.Clock.Now(), minute)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else {
					want(t, "Acquire", err, engage.ErrConflict)
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Errorf("%d owners", won)
		}
	}},
	{"is of one name", func(t *testing.T, k *fixture) {
		k.acquire(t, "l", "me")
		k.acquire(t, "L", "you")
		k.acquire(t, "l ", "they")
	}},
	{"is checked in a transaction, and only there", func(t *testing.T, k *fixture) {
		mine := k.acquire(t, "l", "me")
		want(t, "Check", k.Leases.Check(t.Context(), shard, mine, k.Clock.Now()), engage.ErrFailedPrecondition)
		must(t, "Check in InShard", k.check(t, mine))
		k.commit(t, k.ws, func(ctx context.Context) error { return k.Leases.Check(ctx, shard, mine, k.Clock.Now()) })
	}},
	{"rolls back what a late owner writes", func(t *testing.T, k *fixture) {
		mine := k.acquire(t, "l", "me")
		write := func() error {
			return k.Tx.InTx(t.Context(), k.ws, func(ctx context.Context) error {
				must(t, "put", k.put(ctx, k.ws, "k", "late"))
				return k.Leases.Check(ctx, shard, mine, k.Clock.Now())
			})
		}
		k.Clock.Advance(minute)
		want(t, "after the end", write(), engage.ErrConflict)
		k.acquire(t, "l", "you")
		want(t, "after the takeover", write(), engage.ErrConflict)
		k.wantNotes(t, k.ws, map[string]string{})
		k.wantEvents(t, k.ws)
	}},
	{"that nobody ever had is not held", func(t *testing.T, k *fixture) {
		want(t, "Check", k.check(t, engage.Lease{Name: "l", Owner: "me"}), engage.ErrConflict)
		want(t, "Check", k.check(t, engage.Lease{Name: "l", Owner: "me", Token: 1}), engage.ErrConflict)
	}},
	{"that was released is free", func(t *testing.T, k *fixture) {
		mine := k.acquire(t, "l", "me")
		must(t, "Release", k.Leases.Release(t.Context(), shard, mine))
		want(t, "Check", k.check(t, mine), engage.ErrConflict)
		yours := k.acquire(t, "l", "you")
		if yours.Token <= mine.Token {
			t.Errorf("mine %+v, then %+v", mine, yours)
		}
		must(t, "Release of a lost lease", k.Leases.Release(t.Context(), shard, mine))
		must(t, "Release of an unknown lease", k.Leases.Release(t.Context(), shard, engage.Lease{Name: "x", Owner: "me", Token: 1}))
		must(t, "Check", k.check(t, yours))
	}},
}

func (k *fixture) acquire(t *testing.T, name, owner string) engage.Lease {
	t.Helper()
	lease, err := k.Leases.Acquire(t.Context(), shard, name, owner, k.Clock.Now(), minute)
	if err != nil {
		t.Fatalf("Acquire: %v", err)
	}
	return lease
}

func (k *fixture) check(t *testing.T, lease engage.Lease) error {
	t.Helper()
	return k.Tx.InShard(t.Context(), shard, func(ctx context.Context) error {
		return k.Leases.Check(ctx, shard, lease, k.Clock.Now())
	})
}
