package memory

import (
	"context"
	"math"
	"time"

	"github.com/go-engage/engage"
)

// Marks keeps which slices of the log a consumer has taken from a broker. It is
// the Marks of watermillbus.
type Marks struct {
	s    *Store
	rows *Table[markRow]
}

// markRow says that a consumer has taken a slice.
type markRow struct {
	cursorKey
	position engage.Position
	slice    engage.SliceID
	marked   time.Time
}

// NewMarks makes the marks of a store.
func NewMarks(s *Store) *Marks {
	return &Marks{s, NewTable(s, "engage_marks", Index[markRow]{Name: byKey, Less: func(a, b *markRow) bool {
		switch {
		case a.consumer != b.consumer:
			return a.consumer < b.consumer
		case a.partition != b.partition:
			return a.partition < b.partition
		case a.position != b.position:
			return a.position < b.position
		}
		return a.slice.Compare(b.slice) < 0
	}})}
}

// Last answers the position of a consumer's last mark in each partition.
func (m *Marks) Last(ctx context.Context, shard engage.Shard, consumer string) (map[engage.Partition]engage.Position, error) {
	if shard != engage.DefaultShard {
		return nil, fault(engage.NotFound, "LastMarks", string(shard), errShard)
	}
	rows := m.rows.Read(ctx)
	last := map[engage.Partition]engage.Position{}
	for partition := range engage.Partition(engage.LogPartitions) {
		end := &markRow{cursorKey: cursorKey{consumer, partition}, position: math.MaxInt64}
		for row := range rows.Descend(byKey, end) {
			if row.cursorKey == end.cursorKey {
				last[partition] = row.position
			}
			break
		}
	}
	return last, nil
}

// Mark notes that a consumer takes a slice, and answers false when it has been
// noted.
func (m *Marks) Mark(ctx context.Context, shard engage.Shard, consumer string, slice engage.Slice, now time.Time) (bool, error) {
	rows, err := m.rows.WriteShard(ctx, shard)
	if err != nil {
		return false, err
	}
	row := &markRow{cursorKey{consumer, slice.Partition}, slice.Position, slice.ID, engage.Instant(now)}
	if _, known := rows.Get(byKey, row); known {
		return false, nil
	}
	rows.Set(row)
	return true, nil
}

// PruneMarks removes up to limit of a consumer's marks that were made before an
// instant, the first positions first, and never a partition's last.
func (m *Marks) PruneMarks(ctx context.Context, shard engage.Shard, consumer string, before time.Time, limit int) (int, error) {
	pruned := 0
	err := m.s.join(ctx, "PruneMarks", shard, func(ctx context.Context) error {
		rows, err := m.rows.WriteShard(ctx, shard)
		if err != nil {
			return err
		}
		last, err := m.Last(ctx, shard, consumer)
		if err != nil {
			return err
		}
		pruned = 0
		for row := range rows.Ascend(byKey, &markRow{cursorKey: cursorKey{consumer: consumer}}) {
			if row.consumer != consumer || pruned >= limit {
				break
			}
			if row.position < last[row.partition] && row.marked.Before(before) {
				rows.Delete(row)
				pruned++
			}
		}
		return nil
	})
	return pruned, err
}
