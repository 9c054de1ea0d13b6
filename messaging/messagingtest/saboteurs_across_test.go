package messagingtest_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/messaging"
)

// claimsTwice gives out again what it gave out last.
type claimsTwice struct {
	messaging.MessageRepositoryAcross
	mu   sync.Mutex
	last []messaging.MessageAcross
}

func (r *claimsTwice) ClaimPlannedAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]messaging.MessageAcross, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	claimed, err := r.MessageRepositoryAcross.ClaimPlannedAcross(ctx, shard, now, lease, limit)
	again := r.last
	r.last = claimed
	return append(claimed, again...), err
}

type readsTheClock struct {
	messaging.MessageRepositoryAcross
}

func (r readsTheClock) ClaimPlannedAcross(ctx context.Context, shard engage.Shard, _ time.Time, lease time.Duration, limit int) ([]messaging.MessageAcross, error) {
	return r.MessageRepositoryAcross.ClaimPlannedAcross(ctx, shard, time.Now(), lease, limit)
}

// early claims as if it were later.
type early struct {
	messaging.MessageRepositoryAcross
	lost, planned time.Duration
}

func (r early) ClaimPlannedAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]messaging.MessageAcross, error) {
	return r.MessageRepositoryAcross.ClaimPlannedAcross(ctx, shard, now.Add(r.planned), lease, limit)
}

func (r early) ClaimLostAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]messaging.MessageAcross, error) {
	return r.MessageRepositoryAcross.ClaimLostAcross(ctx, shard, now.Add(r.lost), lease, limit)
}

type keepsLeases struct {
	messaging.MessageRepositoryAcross
}

func (r keepsLeases) SaveAcross(ctx context.Context, shard engage.Shard, all []messaging.MessageAcross) ([]bool, error) {
	all = slices.Clone(all)
	for i := range all {
		if all[i].Message.State == messaging.Planned {
			all[i].Message.State = messaging.Intended // whose lease goes on
		}
	}
	return r.MessageRepositoryAcross.SaveAcross(ctx, shard, all)
}

// chooses claims all there is, orders it its own way and gives back what is over
// the limit.
type chooses struct {
	messaging.MessageRepositoryAcross
	order func([]messaging.MessageAcross)
}

func (r chooses) ClaimPlannedAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]messaging.MessageAcross, error) {
	all, err := r.MessageRepositoryAcross.ClaimPlannedAcross(ctx, shard, now, lease, engage.MaxBatch)
	if err != nil || len(all) <= limit {
		return all, err
	}
	slices.SortFunc(all, func(a, b messaging.MessageAcross) int { return a.Message.ID.Compare(b.Message.ID) })
	r.order(all)
	_, err = r.SaveAcross(ctx, shard, all[limit:])
	return all[:limit], err
}

type ignoresTokens struct {
	messaging.MessageRepositoryAcross
	messages messaging.MessageRepository
}

func (r ignoresTokens) SaveAcross(ctx context.Context, shard engage.Shard, all []messaging.MessageAcross) ([]bool, error) {
	all = slices.Clone(all)
	for i, m := range all {
		if found, err := r.messages.Get(ctx, m.Workspace, []messaging.MessageID{m.Message.ID}); err == nil && len(found) == 1 {
			all[i].Message.Token = found[0].Token
		}
	}
	return r.MessageRepositoryAcross.SaveAcross(ctx, shard, all)
}

type savesAll struct {
	messaging.MessageRepositoryAcross
}

func (r savesAll) SaveAcross(ctx context.Context, shard engage.Shard, all []messaging.MessageAcross) ([]bool, error) {
	_, err := r.MessageRepositoryAcross.SaveAcross(ctx, shard, all)
	return slices.Repeat([]bool{true}, len(all)), err
}

type allOrNothing struct {
	messaging.MessageRepositoryAcross
}

func (r allOrNothing) SaveAcross(ctx context.Context, shard engage.Shard, all []messaging.MessageAcross) ([]bool, error) {
	saved, err := r.MessageRepositoryAcross.SaveAcross(ctx, shard, all)
	if err == nil && slices.Contains(saved, false) {
		return nil, engage.ErrConflict
	}
	return saved, err
}

type remembersSaves struct {
	messaging.MessageRepositoryAcross
	mu   sync.Mutex
	done map[messaging.MessageAcross]bool
}

func (r *remembersSaves) SaveAcross(ctx context.Context, shard engage.Shard, all []messaging.MessageAcross) ([]bool, error) {
	saved, err := r.MessageRepositoryAcross.SaveAcross(ctx, shard, all)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range saved {
		saved[i] = saved[i] || r.done[all[i]]
		r.done[all[i]] = saved[i]
	}
	return saved, err
}

type changesOnSave struct {
	messaging.MessageRepositoryAcross
	change func(*messaging.Message)
}

func (r changesOnSave) SaveAcross(ctx context.Context, shard engage.Shard, all []messaging.MessageAcross) ([]bool, error) {
	all = slices.Clone(all)
	for i := range all {
		r.change(&all[i].Message)
	}
	return r.MessageRepositoryAcross.SaveAcross(ctx, shard, all)
}
