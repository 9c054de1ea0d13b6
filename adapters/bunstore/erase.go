package bunstore

import (
	"context"
	"slices"

	"github.com/go-engage/engage"
)

// Erase deletes every row of a workspace from all tables of its database, the
// host's of Placement.Tables among them: in the order of their keys, 1,000 a
// transaction, the tables that refer to others first. Its slices stay in the log,
// which has no gaps, without their events. It answers how many rows it deleted.
//
// It may be called again after it was interrupted. Nobody may write for the
// workspace meanwhile: what is written behind it stays.
func (s *Store) Erase(ctx context.Context, ws engage.WorkspaceID) (int64, error) {
	const op = "bunstore.Erase"
	if innermost(ctx) != nil {
		return 0, precondition(op, "it has transactions of its own")
	}
	var d *database
	err := s.whenSettled(ctx, func() (err error) {
		d, err = s.databaseOf(ctx, ws, false)
		return err
	})
	if err != nil {
		return 0, err
	}
	erased, err := s.eraseTables(ctx, d, ws)
	if err == nil {
		err = s.blankSlices(ctx, d, ws)
	}
	return erased, MapError(ctx, op, ws.String(), err)
}

func (s *Store) eraseTables(ctx context.Context, d *database, ws engage.WorkspaceID) (erased int64, err error) {
	tables, err := s.workspaceTables(ctx, d)
	if err != nil {
		return 0, err
	}
	for _, t := range slices.Backward(tables) {
		for n := engage.MaxBatch; n == engage.MaxBatch; erased += int64(n) {
			err := s.InShard(ctx, d.shard, func(ctx context.Context) error {
				db, err := s.WriteShard(ctx, d.shard)
				if err != nil {
					return err
				}
				keys := workspaceTable{name: t.name, key: t.key, columns: t.keyColumns()}
				rows, err := s.readRows(ctx, db, keys, t.name, ws, span{}, engage.MaxBatch, true)
				if n = len(rows); err != nil || n == 0 {
					return err
				}
				return s.deleteRows(ctx, db, t, t.name, ws, rows)
			})
			if err != nil {
				return erased, err
			}
		}
	}
	return erased, nil
}

// keyColumns are the columns of the key, workspace_id among them: there is one
// even where the workspace alone is the key.
func (t workspaceTable) keyColumns() []tableColumn {
	columns := []tableColumn{t.column("workspace_id")}
	for _, k := range t.key {
		columns = append(columns, t.column(k))
	}
	return columns
}

// blankSlices takes the events out of a workspace's slices.
func (s *Store) blankSlices(ctx context.Context, d *database, ws engage.WorkspaceID) error {
	part := engage.PartitionOf(ws)
	var seqs []int64
	// Positions or none: MariaDB and the partial indexes enter by both.
	err := d.polls.NewRaw(`SELECT seq FROM engage_log WHERE part = ?0 AND pos > 0 AND workspace_id = ?1 AND events > 0
		UNION ALL SELECT seq FROM engage_log WHERE part = ?0 AND pos IS NULL AND workspace_id = ?1 AND events > 0`, part, UID(ws)).Scan(ctx, &seqs)
	if err != nil {
		return err
	}
	slices.Sort(seqs)
	for chunk := range slices.Chunk(seqs, engage.MaxBatch) {
		values := make(Tuples, len(chunk))
		for i, seq := range chunk {
			values[i] = []any{seq, part}
		}
		err := s.InShard(ctx, d.shard, func(ctx context.Context) error {
			db, err := s.WriteShard(ctx, d.shard)
			if err != nil {
				return err
			}
			_, err = db.NewUpdate().Model((*logRow)(nil)).ModelTableExpr("engage_log AS l").
				Set("events = 0").Set("payload = ?", emptySlice).Where("part = ?", part).Where("(seq, part) IN ?", values).Exec(ctx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// emptySlice is the binary form of a slice without events: its version.
var emptySlice = []byte{1}
