package memory

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/go-engage/engage"
)

// cursorKey names a consumer's cursor in one partition.
type cursorKey struct {
	consumer  string
	partition engage.Partition
}

// cursorRow is how far a consumer is in one partition, and who works on it.
type cursorRow struct {
	cursorKey
	position engage.Position
	moved    time.Time // when position last changed; the pruner asks
	owner    string
	until    time.Time
	token    int64 // grows with every claim and release
}

var (
	errLost      = errors.New("the claim was lost")
	errBackwards = errors.New("the cursor is past that position already")
)

func newCursorTable(s *Store) *Table[cursorRow] {
	return NewTable(s, "engage_cursors", Index[cursorRow]{Name: byKey, Less: func(a, b *cursorRow) bool {
		if a.consumer != b.consumer {
			return a.consumer < b.consumer
		}
		return a.partition < b.partition
	}})
}

// Claim implements engage.EventLog. A consumer's first claim makes its cursors
// in every partition, so that the pruner waits for it in all of them.
func (s *Store) Claim(ctx context.Context, shard engage.Shard, consumer, owner string, now time.Time, lease time.Duration, limit int) ([]engage.Claim, error) {
	var claims []engage.Claim
	err := s.join(ctx, "Claim", shard, func(ctx context.Context) error {
		cursors, err := s.cursors.WriteShard(ctx, shard)
		if err != nil {
			return err
		}
		log := s.slices.Read(ctx)
		s.introduce(ctx, cursors, consumer, now)
		for _, waiting := range behind(cursors.View, log, consumer) {
			if len(claims) >= limit {
				break
			}
			if waiting.cursor.until.After(now) {
				continue
			}
			held := *waiting.cursor
			held.owner, held.until = owner, engage.Instant(now.Add(lease))
			held.token++
			cursors.Set(&held)
			claims = append(claims, engage.Claim{
				Consumer: consumer, Shard: shard, Partition: held.partition,
				Position: held.position, Token: held.token,
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claims, nil
}

// Read implements engage.EventLog.
func (s *Store) Read(ctx context.Context, shard engage.Shard, partition engage.Partition, position engage.Position, limit int) ([]engage.Slice, error) {
	if shard != engage.DefaultShard {
		return nil, fault(engage.NotFound, "Read", string(shard), errShard)
	}
	var read []engage.Slice
	for row := range after(s.slices.Read(ctx), partition, position) {
		if len(read) >= limit {
			break
		}
		events, err := engage.DecodeSlice(row.events)
		if err != nil {
			return nil, fault(engage.Internal, "Read", row.id.String(), err)
		}
		read = append(read, engage.Slice{
			ID: row.id, Workspace: row.workspace, Partition: partition, Position: row.position, Events: events,
		})
	}
	return read, ctx.Err()
}

// Advance implements engage.EventLog. A position behind the cursor answers
// ErrInvalid.
func (s *Store) Advance(ctx context.Context, claim engage.Claim, to engage.Position, now time.Time, lease time.Duration) error {
	const op = "Advance"
	cursors, err := s.cursors.WriteShard(ctx, claim.Shard)
	if err != nil {
		return err
	}
	row, ok := cursors.Get(byKey, &cursorRow{cursorKey: keyOf(claim)})
	switch {
	case !ok || row.token != claim.Token:
		return fault(engage.Conflict, op, claim.Consumer, errLost)
	case to < row.position:
		return fault(engage.Invalid, op, claim.Consumer, errBackwards)
	}
	moved := *row
	moved.position, moved.moved, moved.until = to, engage.Instant(now), engage.Instant(now.Add(lease))
	cursors.Set(&moved)
	return nil
}

// Release implements engage.EventLog.
func (s *Store) Release(ctx context.Context, claims []engage.Claim) error {
	return s.join(ctx, "Release", engage.DefaultShard, func(ctx context.Context) error {
		for _, claim := range claims {
			cursors, err := s.cursors.WriteShard(ctx, claim.Shard)
			if err != nil {
				return err
			}
			row, ok := cursors.Get(byKey, &cursorRow{cursorKey: keyOf(claim)})
			if !ok || row.token != claim.Token {
				continue
			}
			free := *row
			free.owner, free.until = "", time.Time{}
			free.token++
			cursors.Set(&free)
		}
		return nil
	})
}

// Backlog implements engage.EventLog.
func (s *Store) Backlog(ctx context.Context, shard engage.Shard, consumer string) (engage.Backlog, error) {
	if shard != engage.DefaultShard {
		return engage.Backlog{}, fault(engage.NotFound, "Backlog", string(shard), errShard)
	}
	var backlog engage.Backlog
	cursors, log := s.cursors.Read(ctx), s.slices.Read(ctx)
	for partition := range engage.Partition(engage.LogPartitions) {
		var consumed engage.Position
		if cursor, ok := cursors.Get(byKey, &cursorRow{cursorKey: cursorKey{consumer, partition}}); ok {
			consumed = cursor.position
		}
		for row := range after(log, partition, consumed) {
			backlog.Slices++
			if backlog.Oldest.IsZero() || row.published.Before(backlog.Oldest) {
				backlog.Oldest = row.published
			}
		}
	}
	for row := range s.parked.Read(ctx).Ascend(byKey, &parkedRow{Parked: engage.Parked{Consumer: consumer}}) {
		if row.Consumer != consumer {
			break
		}
		backlog.Parked++
	}
	return backlog, ctx.Err()
}

// waiting is a cursor with slices behind it.
type waiting struct {
	cursor *cursorRow
	since  time.Time // when the first of them was published
}

// behind answers a consumer's cursors that have slices to consume, the longest
// waiting first.
func behind(cursors View[cursorRow], log View[sliceRow], consumer string) []waiting {
	var found []waiting
	for cursor := range cursors.Ascend(byKey, &cursorRow{cursorKey: cursorKey{consumer: consumer}}) {
		if cursor.consumer != consumer {
			break
		}
		for next := range after(log, cursor.partition, cursor.position) {
			found = append(found, waiting{cursor, next.published})
			break
		}
	}
	slices.SortStableFunc(found, func(a, b waiting) int {
		return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.cursor.partition, b.cursor.partition))
	})
	return found
}

// after answers the slices of a partition behind a position, in order.
func after(log View[sliceRow], partition engage.Partition, position engage.Position) iter.Seq[*sliceRow] {
	return func(yield func(*sliceRow) bool) {
		for row := range log.Ascend(byKey, &sliceRow{partition: partition, position: position + 1}) {
			if row.partition != partition || !yield(row) {
				return
			}
		}
	}
}

// introduce makes the cursors of a consumer that has none, just before the
// oldest slice of each partition that is still kept.
func (s *Store) introduce(ctx context.Context, cursors Writer[cursorRow], consumer string, now time.Time) {
	if _, known := cursors.Get(byKey, &cursorRow{cursorKey: cursorKey{consumer: consumer}}); known {
		return
	}
	log, heads := s.slices.Read(ctx), s.heads.Read(ctx)
	for partition := range engage.Partition(engage.LogPartitions) {
		row := &cursorRow{cursorKey: cursorKey{consumer, partition}, moved: engage.Instant(now)}
		if head, ok := heads.Get(byKey, &headRow{partition: partition}); ok {
			row.position = head.position
		}
		for oldest := range after(log, partition, 0) {
			row.position = oldest.position - 1
			break
		}
		cursors.Set(row)
	}
}

func keyOf(claim engage.Claim) cursorKey { return cursorKey{claim.Consumer, claim.Partition} }
