package kerneltest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/conformance/kerneltest"
)

// reads breaks what Read answers.
func reads(change func([]engage.Slice) []engage.Slice) func(k *kerneltest.Kernel) {
	return func(k *kerneltest.Kernel) { k.Log = &changedReads{EventLog: k.Log, change: change} }
}

type changedReads struct {
	engage.EventLog
	mu     sync.Mutex
	change func([]engage.Slice) []engage.Slice
}

func (c *changedReads) Read(ctx context.Context, shard engage.Shard, partition engage.Partition, after engage.Position, limit int) ([]engage.Slice, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices, err := c.EventLog.Read(ctx, shard, partition, after, limit)
	return c.change(slices), err
}

// late holds every second slice back for one read.
type late struct {
	engage.EventLog
	shown map[engage.SliceID]bool
}

func (l *late) Read(ctx context.Context, shard engage.Shard, partition engage.Partition, after engage.Position, limit int) ([]engage.Slice, error) {
	slices, err := l.EventLog.Read(ctx, shard, partition, after, limit)
	var shown []engage.Slice
	for i, slice := range slices {
		if l.shown[slice.ID] || i%2 == 0 {
			shown = append(shown, slice)
		}
		l.shown[slice.ID] = true
	}
	return shown, err
}

// generous gives everybody what somebody holds already.
type generous struct {
	engage.EventLog
	mu    sync.Mutex
	given []engage.Claim
}

func (g *generous) Claim(ctx context.Context, shard engage.Shard, consumer, owner string, now time.Time, lease time.Duration, limit int) ([]engage.Claim, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.Release(ctx, g.given); err != nil {
		return nil, err
	}
	claims, err := g.EventLog.Claim(ctx, shard, consumer, owner, now, lease, limit)
	g.given = claims
	return claims, err
}

type unfenced struct {
	engage.EventLog
	mu   sync.Mutex
	last map[engage.Partition]int64
}

func (u *unfenced) Claim(ctx context.Context, shard engage.Shard, consumer, owner string, now time.Time, lease time.Duration, limit int) ([]engage.Claim, error) {
	claims, err := u.EventLog.Claim(ctx, shard, consumer, owner, now, lease, limit)
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, claim := range claims {
		u.last[claim.Partition] = claim.Token
	}
	return claims, err
}

func (u *unfenced) Advance(ctx context.Context, claim engage.Claim, to engage.Position, now time.Time, lease time.Duration) error {
	u.mu.Lock()
	claim.Token = u.last[claim.Partition]
	u.mu.Unlock()
	return u.EventLog.Advance(ctx, claim, to, now, lease)
}

// cursorApart moves cursors in transactions of their own, after the one they
// belong to, whatever became of that.
type cursorApart struct {
	engage.EventLog
	engage.Transactor
}

func (c *cursorApart) InShard(ctx context.Context, shard engage.Shard, fn func(context.Context) error) error {
	if ctx.Value(inside{}) != nil {
		return c.Transactor.InShard(ctx, shard, fn)
	}
	moves := &[]func(context.Context) error{}
	err := c.Transactor.InShard(ctx, shard, func(ctx context.Context) error {
		return fn(context.WithValue(ctx, inside{}, moves))
	})
	for _, move := range *moves {
		err = errors.Join(err, c.Transactor.InShard(ctx, shard, move))
	}
	return err
}

// apartLog is the log of a cursorApart.
type apartLog struct{ *cursorApart }

func (c apartLog) Advance(ctx context.Context, claim engage.Claim, to engage.Position, now time.Time, lease time.Duration) error {
	moves, ok := ctx.Value(inside{}).(*[]func(context.Context) error)
	if !ok {
		return c.EventLog.Advance(ctx, claim, to, now, lease)
	}
	*moves = append(*moves, func(ctx context.Context) error { return c.EventLog.Advance(ctx, claim, to, now, lease) })
	return nil
}

type fromTheEnd struct{ engage.EventLog }

func (f fromTheEnd) Claim(ctx context.Context, shard engage.Shard, consumer, owner string, now time.Time, lease time.Duration, limit int) ([]engage.Claim, error) {
	claims, err := f.EventLog.Claim(ctx, shard, consumer, owner, now, lease, limit)
	for i := range claims {
		if claims[i].Position != 0 {
			continue
		}
		slices, err := f.Read(ctx, shard, claims[i].Partition, 0, 1000)
		if err != nil {
			return nil, err
		}
		claims[i].Position = engage.Position(len(slices))
	}
	return claims, err
}

type noBacklog struct{ engage.EventLog }

func (noBacklog) Backlog(context.Context, engage.Shard, string) (engage.Backlog, error) {
	return engage.Backlog{}, nil
}

type unparksAnyway struct {
	engage.EventLog
	last map[engage.EventID]int64
}

func (u *unparksAnyway) ClaimParked(ctx context.Context, shard engage.Shard, consumer string, now time.Time, lease time.Duration, limit int) ([]engage.Parked, error) {
	claimed, err := u.EventLog.ClaimParked(ctx, shard, consumer, now, lease, limit)
	for _, event := range claimed {
		u.last[event.Event.ID] = event.Token
	}
	return claimed, err
}

func (u *unparksAnyway) Unpark(ctx context.Context, shard engage.Shard, event engage.Parked) error {
	event.Token = u.last[event.Event.ID]
	return u.EventLog.Unpark(ctx, shard, event)
}

type parksOnce struct {
	engage.EventLog
	parked map[engage.EventID]bool
}

func (p *parksOnce) Park(ctx context.Context, shard engage.Shard, events []engage.Parked) error {
	var fresh []engage.Parked
	for _, event := range events {
		if !p.parked[event.Event.ID] {
			fresh = append(fresh, event)
		}
		p.parked[event.Event.ID] = true
	}
	return p.EventLog.Park(ctx, shard, fresh)
}

// unparkedForEver takes an event that is parked after its Unpark for a late
// one.
type unparkedForEver struct {
	engage.EventLog
	gone map[engage.EventID]bool
}

func (u *unparkedForEver) Unpark(ctx context.Context, shard engage.Shard, event engage.Parked) error {
	u.gone[event.Event.ID] = true
	return u.EventLog.Unpark(ctx, shard, event)
}

func (u *unparkedForEver) Park(ctx context.Context, shard engage.Shard, events []engage.Parked) error {
	events = slices.DeleteFunc(slices.Clone(events), func(e engage.Parked) bool { return u.gone[e.Event.ID] })
	return u.EventLog.Park(ctx, shard, events)
}

// aSecondMore gives every claim a second at least.
type aSecondMore struct{ engage.EventLog }

func (a aSecondMore) Advance(ctx context.Context, claim engage.Claim, to engage.Position, now time.Time, lease time.Duration) error {
	return a.EventLog.Advance(ctx, claim, to, now, max(lease, time.Second))
}

type takeover struct {
	engage.Leases
	mu   sync.Mutex
	last engage.Lease
}

func (l *takeover) Acquire(ctx context.Context, shard engage.Shard, name, owner string, now time.Time, ttl time.Duration) (engage.Lease, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.Release(ctx, shard, l.last); err != nil {
		return engage.Lease{}, err
	}
	lease, err := l.Leases.Acquire(ctx, shard, name, owner, now, ttl)
	l.last = lease
	return lease, err
}

type unchecked struct{ engage.Leases }

func (unchecked) Check(context.Context, engage.Shard, engage.Lease, time.Time) error { return nil }
