package engage

import (
	"context"
	"time"
)

// Lease is a right to do something alone for a while. Token grows with every
// owner: a store that is given it refuses an owner whose time is over.
type Lease struct {
	Name  string
	Owner string
	Token int64
	Until time.Time
}

// Leases hands out named leases for work that one process at a time may do.
type Leases interface {
	// Acquire takes or extends the named lease on a shard for owner until
	// now+ttl. While another owner holds it, it answers ErrConflict.
	Acquire(ctx context.Context, shard Shard, name, owner string, now time.Time, ttl time.Duration) (Lease, error)

	// Check locks the lease in the transaction in ctx (InShard or InTx of its
	// database) and answers ErrConflict when it is no longer held, so that a
	// late owner's writes roll back.
	Check(ctx context.Context, shard Shard, lease Lease, now time.Time) error

	// Release ends the lease; one that was lost already is no error.
	Release(ctx context.Context, shard Shard, lease Lease) error
}
