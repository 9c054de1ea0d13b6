package memory

import (
	"context"
	"time"

	"github.com/go-engage/engage"
)

// How long the log is kept. A slice goes when it is older than Retention and
// every cursor has passed it. A cursor that has not moved for AbandonedAfter no
// longer holds slices that have waited as long for it.
const (
	Retention      = 3 * 24 * time.Hour
	AbandonedAfter = 7 * 24 * time.Hour
)

// Prune removes slices that nobody needs any more, up to engage.MaxBatch in one
// transaction, and answers how many it removed. It logs a warning, once, for
// each cursor that it no longer waits for. The store's worker calls it.
func (s *Store) Prune(ctx context.Context) (int, error) {
	now := s.clock.Now()
	if !s.prunable(ctx, now) {
		return 0, nil
	}
	pruned := 0
	err := s.InShard(ctx, engage.DefaultShard, func(ctx context.Context) error {
		log, err := s.slices.WriteShard(ctx, engage.DefaultShard)
		if err != nil {
			return err
		}
		pruned = 0
		cursors := s.cursorsByPartition(ctx)
		for partition := range engage.Partition(engage.LogPartitions) {
			for row := range after(log.View, partition, 0) {
				if pruned == engage.MaxBatch || !s.free(ctx, row, cursors[partition], now) {
					break
				}
				log.Delete(row)
				pruned++
			}
		}
		return nil
	})
	return pruned, err
}

// prunable reports whether a slice is old enough to look closer, so that an
// idle pruner takes no transaction.
func (s *Store) prunable(ctx context.Context, now time.Time) bool {
	log := s.slices.Read(ctx)
	for partition := range engage.Partition(engage.LogPartitions) {
		for oldest := range after(log, partition, 0) {
			if now.Sub(oldest.published) >= Retention {
				return true
			}
			break
		}
	}
	return false
}

func (s *Store) cursorsByPartition(ctx context.Context) map[engage.Partition][]*cursorRow {
	found := map[engage.Partition][]*cursorRow{}
	for row := range s.cursors.Read(ctx).Ascend(byKey, nil) {
		found[row.partition] = append(found[row.partition], row)
	}
	return found
}

// free reports whether a slice may go.
func (s *Store) free(ctx context.Context, slice *sliceRow, cursors []*cursorRow, now time.Time) bool {
	age := now.Sub(slice.published)
	if age < Retention {
		return false
	}
	for _, cursor := range cursors {
		if cursor.position >= slice.position {
			continue
		}
		if age < AbandonedAfter || now.Sub(cursor.moved) < AbandonedAfter {
			return false
		}
		s.report(ctx, cursor)
	}
	return true
}

func (s *Store) report(ctx context.Context, cursor *cursorRow) {
	s.reportedM.Lock()
	known := s.reported[cursor.cursorKey]
	s.reported[cursor.cursorKey] = true
	s.reportedM.Unlock()
	if !known {
		s.log.WarnContext(ctx, "the log no longer waits for a cursor that nobody moves",
			"op", "memory.Prune", "consumer", cursor.consumer, "partition", cursor.partition,
			"position", cursor.position, "moved", cursor.moved)
	}
}
