package bunstore

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// How long the log is kept. A slice goes when it is older than Retention and
// every cursor has passed it. A cursor that has not moved for AbandonedAfter no
// longer holds slices that have waited as long for it.
const (
	Retention      = 3 * 24 * time.Hour
	AbandonedAfter = 7 * 24 * time.Hour
)

// pruneEvery is how often the worker looks for slices to remove.
const pruneEvery = time.Minute

// pruning is what the pruner remembers.
type pruning struct {
	mu       sync.Mutex
	looked   time.Time
	reported map[abandoned]bool
}

type abandoned struct {
	set  cursorSet
	part int
}

// pruneStep is the worker's step: often while there is work, else once a minute.
func (s *Store) pruneStep(ctx context.Context) (int, error) {
	now := s.clock.Now()
	s.pruning.mu.Lock()
	early := now.Sub(s.pruning.looked) < pruneEvery && !now.Before(s.pruning.looked)
	s.pruning.mu.Unlock()
	if early {
		return 0, nil
	}
	n, err := s.Prune(ctx, now)
	if n == 0 && err == nil {
		s.pruning.mu.Lock()
		s.pruning.looked = now
		s.pruning.mu.Unlock()
	}
	return n, err
}

// Prune removes slices that nobody needs any more, up to engage.MaxBatch a
// database, each partition in a transaction of its own, and answers how many it
// removed. It logs a warning, once a process, for each cursor that it no longer
// waits for. The store's worker calls it; it may run in several processes.
func (s *Store) Prune(ctx context.Context, now time.Time) (int, error) {
	total := 0
	for _, shard := range s.shards {
		n, err := s.pruneDatabase(ctx, s.databases[shard], now)
		total += n
		if err != nil {
			return total, MapError(ctx, "bunstore.Prune", "shard "+string(shard), err)
		}
	}
	return total, nil
}

func (s *Store) pruneDatabase(ctx context.Context, d *database, now time.Time) (int, error) {
	var parts []int
	err := d.polls.NewRaw(`SELECT w.part FROM (
			SELECT p.part, (SELECT l.created_at FROM engage_log AS l WHERE l.part = p.part AND l.pos > 0 ORDER BY l.pos LIMIT 1) AS oldest
			FROM engage_log_partitions AS p
		) AS w WHERE w.oldest <= ? ORDER BY w.part`, Micros(now.Add(-Retention))).Scan(ctx, &parts)
	if err != nil || len(parts) == 0 {
		return 0, err
	}
	var cursors []cursorRow
	err = d.polls.NewSelect().Model(&cursors).Column("consumer", "part", "pos", "moved_at").Where("part IN (?)", bun.List(parts)).Scan(ctx)
	if err != nil {
		return 0, err
	}
	pruned := 0
	for _, part := range parts {
		of := slices.DeleteFunc(slices.Clone(cursors), func(c cursorRow) bool { return c.Part != part })
		n, err := s.prunePartition(ctx, d, part, of, now, engage.MaxBatch-pruned)
		pruned += n
		if err != nil || pruned == engage.MaxBatch {
			return pruned, err
		}
	}
	return pruned, nil
}

// prunePartition removes a prefix of the partition, so that positions stay
// without gaps.
func (s *Store) prunePartition(ctx context.Context, d *database, part int, cursors []cursorRow, now time.Time, limit int) (int, error) {
	var oldest []logRow
	err := d.polls.NewSelect().Model(&oldest).Column("pos", "created_at").
		Where("part = ?", part).Where("pos > 0").Order("pos").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return 0, err
	}
	free := 0
	for free < len(oldest) && s.free(ctx, d, oldest[free], cursors, now) {
		free++
	}
	if free == 0 {
		return 0, nil
	}
	var removed int64
	err = s.InShard(ctx, d.shard, func(ctx context.Context) error {
		db, err := s.WriteShard(ctx, d.shard)
		if err != nil {
			return err
		}
		result, err := db.NewDelete().Model((*logRow)(nil)).Where("part = ?", part).Where("pos <= ?", oldest[free-1].Pos).Exec(ctx)
		removed, err = affected(result, err)
		return err
	})
	return int(removed), err
}

// free reports whether a slice may go.
func (s *Store) free(ctx context.Context, d *database, slice logRow, cursors []cursorRow, now time.Time) bool {
	age := now.Sub(slice.CreatedAt.Time())
	if age < Retention {
		return false
	}
	for _, cursor := range cursors {
		if int64(cursor.Pos) >= slice.Pos {
			continue
		}
		if age < AbandonedAfter || now.Sub(cursor.MovedAt.Time()) < AbandonedAfter {
			return false
		}
		s.report(ctx, d, cursor)
	}
	return true
}

func (s *Store) report(ctx context.Context, d *database, cursor cursorRow) {
	key := abandoned{cursorSet{d.shard, string(cursor.Consumer)}, cursor.Part}
	s.pruning.mu.Lock()
	known := s.pruning.reported[key]
	if s.pruning.reported == nil {
		s.pruning.reported = map[abandoned]bool{}
	}
	s.pruning.reported[key] = true
	s.pruning.mu.Unlock()
	if !known {
		s.log.WarnContext(ctx, "the log no longer waits for a cursor that nobody moves", "op", "bunstore.Prune",
			"shard", d.shard, "consumer", cursor.Consumer, "partition", cursor.Part, "position", cursor.Pos, "moved", cursor.MovedAt.Time())
	}
}
