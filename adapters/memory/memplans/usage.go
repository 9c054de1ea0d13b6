package memplans

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/adapters/memory"
)

// Usage implements plans.UsageRepository and plans.UsageRepositoryAcross.
type Usage struct {
	counters *memory.Table[counterRow]
	shares   *memory.Table[shareRow]
	marks    *memory.Table[markRow]
}

var (
	_ plans.UsageRepository       = (*Usage)(nil)
	_ plans.UsageRepositoryAcross = (*Usage)(nil)
)

type counterRow struct {
	ws engage.WorkspaceID
	plans.Counter
}

type shareRow struct {
	ws  engage.WorkspaceID
	key plans.CounterKey
	plans.Share
}

type markRow struct {
	ws  engage.WorkspaceID
	key string
	at  time.Time
}

// NewUsage makes the repository of a store.
func NewUsage(store *memory.Store) *Usage {
	return &Usage{
		counters: memory.NewTable(store, "accounts_usage", memory.Index[counterRow]{Name: "key", Less: func(a, b *counterRow) bool {
			return memory.Before(a.ws, b.ws, compare(a.CounterKey, b.CounterKey))
		}}),
		shares: memory.NewTable(store, "accounts_usage_shares", memory.Index[shareRow]{Name: "key", Less: func(a, b *shareRow) bool {
			return memory.Before(a.ws, b.ws, cmp.Or(compare(a.key, b.key), a.Workspace.Compare(b.Workspace)))
		}}),
		marks: memory.NewTable(store, "accounts_usage_marks",
			memory.Index[markRow]{Name: "key", Less: func(a, b *markRow) bool { return memory.Before(a.ws, b.ws, strings.Compare(a.key, b.key)) }},
			memory.Index[markRow]{Name: "age", Less: func(a, b *markRow) bool {
				return cmp.Or(a.at.Compare(b.at), bytes.Compare(a.ws[:], b.ws[:]), strings.Compare(a.key, b.key)) < 0
			}}),
	}
}

func compare(a, b plans.CounterKey) int {
	return cmp.Or(strings.Compare(string(a.Meter), string(b.Meter)), a.Start.Compare(b.Start))
}

// Add implements plans.UsageRepository.
func (u *Usage) Add(ctx context.Context, ws engage.WorkspaceID, a plans.Addition) (plans.Counter, bool, error) {
	counters, err := u.counters.Write(ctx, ws)
	if err != nil {
		return plans.Counter{}, false, err
	}
	shares, err := u.shares.Write(ctx, ws)
	if err != nil {
		return plans.Counter{}, false, err
	}
	counter := &counterRow{ws: ws, Counter: plans.Counter{CounterKey: a.CounterKey}}
	if known, ok := counters.Get("key", counter); ok {
		counter.Counter = known.Counter
	}
	share := &shareRow{ws: ws, key: a.CounterKey, Share: plans.Share{Workspace: a.Workspace}}
	if known, ok := shares.Get("key", share); ok {
		share.Share = known.Share
	}
	if a.N > 0 && a.Max != plans.Unlimited && counter.Used+a.N > a.Max || share.Used+a.N < 0 || counter.Used+a.N < 0 {
		return counter.Counter, false, nil
	}
	counter.Used += a.N
	share.Used += a.N
	counters.Set(counter)
	shares.Set(share)
	return counter.Counter, true, nil
}

// Tell implements plans.UsageRepository.
func (u *Usage) Tell(ctx context.Context, ws engage.WorkspaceID, key plans.CounterKey, percent int) (bool, error) {
	counters, err := u.counters.Write(ctx, ws)
	if err != nil {
		return false, err
	}
	known, ok := counters.Get("key", &counterRow{ws: ws, Counter: plans.Counter{CounterKey: key}})
	if !ok || known.Told >= percent {
		return false, nil
	}
	changed := *known
	changed.Told = percent
	counters.Set(&changed)
	return true, nil
}

// Counters implements plans.UsageRepository.
func (u *Usage) Counters(ctx context.Context, ws engage.WorkspaceID, keys []plans.CounterKey) ([]plans.Counter, error) {
	if err := engage.CheckCall("memplans.Counters", ws, len(keys)); err != nil {
		return nil, err
	}
	keys = slices.Clone(keys)
	slices.SortFunc(keys, compare)
	keys = slices.CompactFunc(keys, func(a, b plans.CounterKey) bool { return compare(a, b) == 0 })
	counters := u.counters.Read(ctx)
	var found []plans.Counter
	for _, key := range keys {
		if row, ok := counters.Get("key", &counterRow{ws: ws, Counter: plans.Counter{CounterKey: key}}); ok {
			found = append(found, row.Counter)
		}
	}
	return found, nil
}

// Shares implements plans.UsageRepository.
func (u *Usage) Shares(ctx context.Context, ws engage.WorkspaceID, key plans.CounterKey, request engage.PageRequest) (engage.Page[plans.Share], error) {
	name := "accounts_usage_shares|" + string(key.Meter) + "|" + key.Start.UTC().Format(time.RFC3339Nano)
	return memory.PageByID(ws, name, request, func(after engage.WorkspaceID, yield func(engage.WorkspaceID, plans.Share) bool) {
		for row := range u.shares.Read(ctx).Ascend("key", &shareRow{ws: ws, key: key, Share: plans.Share{Workspace: after}}) {
			if row.ws != ws || compare(row.key, key) != 0 || !yield(row.Workspace, row.Share) {
				return
			}
		}
	})
}

// Mark implements plans.UsageRepository.
func (u *Usage) Mark(ctx context.Context, ws engage.WorkspaceID, key string, at time.Time) (bool, error) {
	marks, err := u.marks.Write(ctx, ws)
	if err != nil {
		return false, err
	}
	mark := &markRow{ws, key, at}
	if _, known := marks.Get("key", mark); known {
		return false, nil
	}
	marks.Set(mark)
	return true, nil
}

// PruneAcross implements plans.UsageRepositoryAcross.
func (u *Usage) PruneAcross(ctx context.Context, shard engage.Shard, before time.Time, limit int) (int, error) {
	marks, err := u.marks.WriteShard(ctx, shard)
	if err != nil {
		return 0, err
	}
	if limit > engage.MaxBatch {
		var faults engage.Faults
		faults.Add("limit", "too_many", "%d, at most %d a call", limit, engage.MaxBatch)
		return 0, faults.Err("memplans.PruneAcross", "")
	}
	n := 0
	for row := range marks.Ascend("age", nil) {
		if n >= limit || !row.at.Before(before) {
			break
		}
		marks.Delete(row)
		n++
	}
	return n, nil
}
