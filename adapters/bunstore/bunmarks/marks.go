package bunmarks

import (
	"context"
	"database/sql"
	"time"

	"github.com/uptrace/bun"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
)

// Marks keeps which slices of the log a consumer has taken from a broker, in the
// database that holds the effects. It is the Marks of watermillbus.
type Marks struct{ store *bunstore.Store }

// New makes the marks of a store.
func New(store *bunstore.Store) *Marks { return &Marks{store} }

// markRow says that a consumer has taken a slice.
type markRow struct {
	bun.BaseModel `bun:"table:engage_marks_slices,alias:m"`

	Consumer bunstore.Key    `bun:"consumer,pk"`
	Part     int             `bun:"part,pk"`
	Pos      engage.Position `bun:"pos,pk"`
	Slice    bunstore.UID    `bun:"slice_id,pk"`
	MarkedAt bunstore.Micros `bun:"marked_at"`
}

// Last answers the position of a consumer's last mark in each partition. It asks
// the writing side: a replica that lags would have slices handled twice.
func (m *Marks) Last(ctx context.Context, shard engage.Shard, consumer string) (map[engage.Partition]engage.Position, error) {
	var ends []end
	err := m.store.InShard(ctx, shard, func(ctx context.Context) (err error) {
		ends, err = m.ends(ctx, shard, consumer)
		return err
	})
	if err != nil {
		return nil, bunstore.MapError(ctx, "bunmarks.Last", consumer, err)
	}
	last := map[engage.Partition]engage.Position{}
	for _, e := range ends {
		if e.Last != nil {
			last[engage.Partition(e.Part)] = *e.Last
		}
	}
	return last, nil
}

// end is what stands at both ends of a partition's marks; nil: there are none.
type end struct {
	Part   int              `bun:"part"`
	Last   *engage.Position `bun:"last_pos"`
	Oldest bunstore.Micros  `bun:"oldest"`
}

// ends looks at both ends of the key for each partition: max(pos) GROUP BY part
// would read a week of marks.
func (m *Marks) ends(ctx context.Context, shard engage.Shard, consumer string) ([]end, error) {
	db, err := m.store.WriteShard(ctx, shard)
	if err != nil {
		return nil, err
	}
	var ends []end
	err = db.NewRaw(`SELECT p.part,
			(SELECT m.pos FROM engage_marks_slices AS m WHERE m.consumer = ?0 AND m.part = p.part ORDER BY m.pos DESC LIMIT 1) AS last_pos,
			(SELECT m.marked_at FROM engage_marks_slices AS m WHERE m.consumer = ?0 AND m.part = p.part ORDER BY m.pos LIMIT 1) AS oldest
		FROM engage_log_partitions AS p ORDER BY p.part`, bunstore.Key(consumer)).Scan(ctx, &ends)
	return ends, err
}

// Mark notes that a consumer takes a slice, and answers false when it has been
// noted.
func (m *Marks) Mark(ctx context.Context, shard engage.Shard, consumer string, slice engage.Slice, now time.Time) (bool, error) {
	const op = "bunmarks.Mark"
	db, err := m.store.WriteShard(ctx, shard)
	if err != nil {
		return false, err
	}
	row := markRow{
		Consumer: bunstore.Key(consumer), Part: int(slice.Partition), Pos: slice.Position, Slice: bunstore.UID(slice.ID), MarkedAt: bunstore.Micros(now),
	}
	query := db.NewInsert().Model(&row).Returning("NULL")
	if m.store.Dialect() == bunstore.MariaDB {
		query = query.Ignore()
	} else {
		query = query.On("CONFLICT DO NOTHING")
	}
	n, err := affected(query.Exec(ctx))
	return n > 0, bunstore.MapError(ctx, op, slice.ID.String(), err)
}

// PruneMarks removes up to limit of a consumer's marks that were made before an
// instant, the first positions first, and never a partition's last.
func (m *Marks) PruneMarks(ctx context.Context, shard engage.Shard, consumer string, before time.Time, limit int) (int, error) {
	pruned := 0
	err := m.store.InShard(ctx, shard, func(ctx context.Context) error {
		pruned = 0
		ends, err := m.ends(ctx, shard, consumer)
		for _, e := range ends {
			if err != nil || pruned >= limit {
				return err
			}
			if e.Last == nil || !e.Oldest.Time().Before(before) {
				continue
			}
			var n int
			n, err = m.prune(ctx, shard, consumer, e.Part, before, limit-pruned)
			pruned += n
		}
		return err
	})
	if err != nil {
		return 0, bunstore.MapError(ctx, "bunmarks.PruneMarks", consumer, err)
	}
	return pruned, nil
}

// prune removes a prefix of a partition's marks. It reads one more than it may
// remove, so that the last one is known.
func (m *Marks) prune(ctx context.Context, shard engage.Shard, consumer string, part int, before time.Time, limit int) (int, error) {
	db, err := m.store.WriteShard(ctx, shard)
	if err != nil {
		return 0, err
	}
	var oldest []markRow
	err = db.NewSelect().Model(&oldest).Column("pos", "marked_at").
		Where("consumer = ?", bunstore.Key(consumer)).Where("part = ?", part).Order("pos").Limit(int64(limit) + 1).Scan(ctx)
	if err != nil {
		return 0, err
	}
	free := 0
	for free < len(oldest)-1 && oldest[free].MarkedAt.Time().Before(before) {
		free++
	}
	// Two slices may stand at one position after a database was restored.
	for free > 0 && oldest[free].Pos == oldest[free-1].Pos {
		free--
	}
	if free == 0 {
		return 0, nil
	}
	n, err := affected(db.NewDelete().Model((*markRow)(nil)).
		Where("consumer = ?", bunstore.Key(consumer)).Where("part = ?", part).Where("pos <= ?", oldest[free-1].Pos).Exec(ctx))
	return int(n), err
}

// affected is the number of rows that a statement met.
func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
