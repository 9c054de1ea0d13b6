package memory

import (
	"context"
	"errors"
	"time"

	"github.com/go-engage/engage"
)

var (
	errHeld    = errors.New("another owner holds the lease")
	errNotHeld = errors.New("the lease is no longer held")
)

type leaseRow struct{ engage.Lease }

func newLeaseTable(s *Store) *Table[leaseRow] {
	return NewTable(s, "engage_leases", Index[leaseRow]{Name: byKey, Less: func(a, b *leaseRow) bool {
		return a.Name < b.Name
	}})
}

// Leases are the store's named leases. They are a port of their own because
// engage.EventLog has a Release, too.
func (s *Store) Leases() engage.Leases { return leases{s} }

type leases struct{ store *Store }

var _ engage.Leases = leases{}

// Acquire implements engage.Leases.
func (l leases) Acquire(ctx context.Context, shard engage.Shard, name, owner string, now time.Time, ttl time.Duration) (engage.Lease, error) {
	var acquired engage.Lease
	err := l.store.join(ctx, "Acquire", shard, func(ctx context.Context) error {
		table, err := l.store.leases.WriteShard(ctx, shard)
		if err != nil {
			return err
		}
		row := leaseRow{engage.Lease{Name: name}}
		if known, ok := table.Get(byKey, &row); ok {
			row = *known
		}
		held := row.Until.After(now)
		if held && row.Owner != owner {
			return fault(engage.Conflict, "Acquire", name, errHeld)
		}
		if !held {
			row.Token++
		}
		row.Owner, row.Until = owner, engage.Instant(now.Add(ttl))
		table.Set(&row)
		acquired = row.Lease
		return nil
	})
	return acquired, err
}

// Check implements engage.Leases.
func (l leases) Check(ctx context.Context, shard engage.Shard, lease engage.Lease, now time.Time) error {
	const op = "Check"
	if shard != engage.DefaultShard {
		return fault(engage.NotFound, op, string(shard), errShard)
	}
	if _, err := l.store.require(ctx, op); err != nil {
		return err
	}
	row, ok := l.store.leases.Read(ctx).Get(byKey, &leaseRow{lease})
	if !ok || row.Token != lease.Token || row.Owner != lease.Owner || !row.Until.After(now) {
		return fault(engage.Conflict, op, lease.Name, errNotHeld)
	}
	return nil
}

// Release implements engage.Leases.
func (l leases) Release(ctx context.Context, shard engage.Shard, lease engage.Lease) error {
	return l.store.join(ctx, "Release", shard, func(ctx context.Context) error {
		table, err := l.store.leases.WriteShard(ctx, shard)
		if err != nil {
			return err
		}
		row, ok := table.Get(byKey, &leaseRow{lease})
		if !ok || row.Token != lease.Token {
			return nil
		}
		ended := *row
		ended.Owner, ended.Until = "", time.Time{}
		table.Set(&ended)
		return nil
	})
}
