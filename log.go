package engage

import (
	"context"
	"hash/fnv"
	"time"
)

// Partition is one of the LogPartitions parts of a database's log. A workspace's
// events are all in one, so their order is total.
type Partition uint8

// LogPartitions is the number of partitions of a log. It never changes: stored
// rows carry their partition.
const LogPartitions = 64

// PartitionOf is the partition of a workspace's events.
func PartitionOf(ws WorkspaceID) Partition {
	h := fnv.New32a()
	_, _ = h.Write(ws[:])
	return Partition(h.Sum32() % LogPartitions)
}

// Position counts the slices of a partition, from 1, without gaps. A slice gets
// its position after its commit, so nothing ever appears behind a position that
// a reader has passed.
type Position int64

// Slice is one row of the log: up to MaxSliceEvents events that one transaction
// published for one workspace. It is never cut anew: a redelivery has the same
// ID and events.
type Slice struct {
	ID        SliceID
	Workspace WorkspaceID
	Partition Partition
	Position  Position
	Events    []Envelope
}

// Claim is a worker's lease on a consumer's cursor in one partition. Token
// fences it: once another worker has claimed the cursor, the former one's
// Advance is refused.
type Claim struct {
	Consumer  string
	Shard     Shard
	Partition Partition
	Position  Position // of the last slice consumed; 0: none
	Token     int64
}

// EventLog is the consumers' side of the log of one installation. Effects and
// cursor move together: a consumer writes both in one InShard transaction.
type EventLog interface {
	// Claim leases to owner, until now+lease, up to limit of the consumer's
	// partitions that hold slices behind its cursor and that nobody holds, the
	// longest waiting first. A consumer that is new starts at the oldest slice
	// that is still kept.
	Claim(ctx context.Context, shard Shard, consumer, owner string, now time.Time, lease time.Duration, limit int) ([]Claim, error)

	// Read answers up to limit slices of a partition behind a position, in
	// order.
	Read(ctx context.Context, shard Shard, partition Partition, after Position, limit int) ([]Slice, error)

	// Advance moves the claimed cursor to a position, inside the InShard
	// transaction that holds the effects, and extends the lease to now+lease; a
	// lease of 0 ends the claim with the commit, as Release would. A claim that
	// was lost answers ErrConflict, and the caller rolls back.
	Advance(ctx context.Context, claim Claim, to Position, now time.Time, lease time.Duration) error

	// Release gives claims up before they end; lost ones are passed over.
	Release(ctx context.Context, claims []Claim) error

	// Park keeps failed events, inside the InShard transaction that moves the
	// cursor past them. Parking the same event of the same consumer again
	// replaces Attempts, NotBefore and Cause.
	Park(ctx context.Context, shard Shard, events []Parked) error

	// ClaimParked leases up to limit parked events of a consumer that are due,
	// the oldest first, and counts an attempt for each. ctx needs no
	// transaction.
	ClaimParked(ctx context.Context, shard Shard, consumer string, now time.Time, lease time.Duration, limit int) ([]Parked, error)

	// Unpark removes a claimed event, inside the InShard transaction that holds
	// its effects. It may be parked again in the same transaction, if it failed
	// again. A claim that was lost answers ErrConflict.
	Unpark(ctx context.Context, shard Shard, event Parked) error

	// Backlog says how far a consumer is behind.
	Backlog(ctx context.Context, shard Shard, consumer string) (Backlog, error)
}

// Backlog is a consumer's distance to the end of the log.
type Backlog struct {
	Slices int64     // not consumed yet
	Oldest time.Time // when the oldest of them was published; zero: none
	Parked int64     // events that failed and wait
}
