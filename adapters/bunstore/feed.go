package bunstore

import (
	"context"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// FeedPosition is how far a reader of one workspace's slices is: the last one's
// position in the log of a database. Zero is before the oldest that is kept.
type FeedPosition struct {
	Shard    engage.Shard
	Position engage.Position
}

// stayRow is a time that a workspace spent on a database, between two positions
// of its partition's log. A workspace that never moved has none.
type stayRow struct {
	bun.BaseModel `bun:"table:engage_stays,alias:t"`

	Workspace UID             `bun:"workspace_id,pk"`
	Version   int64           `bun:"version,pk"`
	Shard     Key             `bun:"shard"`
	After     engage.Position `bun:"after_pos"`
	Last      engage.Position `bun:"last_pos,nullzero"` // 0: it is still there
	open      bool
}

// recordStay ends the stay at the old place and begins one at the new.
func (m *move) recordStay(ctx context.Context, db bun.IDB, last, after partition, version int64) error {
	ended, err := db.NewUpdate().Model((*stayRow)(nil)).Set("last_pos = ?", last.Last).
		Where("workspace_id = ?", UID(m.ws)).Where("version = ?", version-1).Exec(ctx)
	n, err := affected(ended, err)
	if err != nil {
		return err
	}
	stays := []stayRow{{Workspace: UID(m.ws), Version: version, Shard: Key(m.to), After: engage.Position(after.Last)}}
	if n == 0 {
		first := stayRow{Workspace: UID(m.ws), Version: version - 1, Shard: Key(m.from), Last: engage.Position(last.Last)}
		if _, err := db.NewInsert().Model(&first).Returning("NULL").Exec(ctx); err != nil {
			return err
		}
	}
	_, err = db.NewInsert().Model(&stays).Returning("NULL").Exec(ctx)
	return err
}

// Feed answers the next slices of a workspace behind a position, in their order
// and without a gap, and the position to go on from: also across the moves of the
// workspace, whose slices stay in the logs that they were written to, for as long
// as those keep them. None and the same position say that there is no more yet.
//
// Consumers do not need it: they read each database's log, and a move waits for
// them. It is for readers elsewhere that keep a position of their own.
func (s *Store) Feed(ctx context.Context, ws engage.WorkspaceID, after FeedPosition, limit int) ([]engage.Slice, FeedPosition, error) {
	const op = "bunstore.Feed"
	if err := engage.CheckCall(op, ws, 0); err != nil || limit <= 0 {
		return nil, after, err
	}
	stays, err := s.stays(ctx, ws)
	if err != nil {
		return nil, after, MapError(ctx, op, ws.String(), err)
	}
	first := 0
	if after.Shard != "" {
		first = len(stays)
		for i, stay := range stays {
			if engage.Shard(stay.Shard) == after.Shard && (stay.open || after.Position <= stay.Last) {
				first = i
				break
			}
		}
		if first == len(stays) {
			return nil, after, &engage.Error{Code: engage.NotFound, Op: op, Entity: ws.String()}
		}
	}
	for i, stay := range stays[first:] {
		from := stay.After
		if i == 0 && after.Shard != "" {
			from = max(from, after.Position)
		}
		found, err := s.readStay(ctx, ws, stay, from, limit)
		if err != nil {
			return nil, after, MapError(ctx, op, ws.String(), err)
		}
		if len(found) > 0 {
			return found, FeedPosition{engage.Shard(stay.Shard), found[len(found)-1].Position}, nil
		}
	}
	return nil, after, nil
}

// stays are where the workspace was, in order; the last is open.
func (s *Store) stays(ctx context.Context, ws engage.WorkspaceID) ([]stayRow, error) {
	home, err := s.Home(ctx, ws)
	if err != nil {
		return nil, err
	}
	var stays []stayRow
	if s.placer != nil {
		err := s.placer.connection(ctx).NewSelect().Model(&stays).Where("workspace_id = ?", UID(ws)).Order("version").Scan(ctx)
		if err != nil {
			return nil, err
		}
	}
	if len(stays) == 0 {
		stays = []stayRow{{Shard: Key(home.Shard)}}
	}
	stays[len(stays)-1].open = true
	return stays, nil
}

func (s *Store) readStay(ctx context.Context, ws engage.WorkspaceID, stay stayRow, after engage.Position, limit int) ([]engage.Slice, error) {
	db, err := s.Log().connection(ctx, engage.Shard(stay.Shard))
	if err != nil {
		return nil, err
	}
	part := engage.PartitionOf(ws)
	var rows []logRow
	query := db.NewSelect().Model(&rows).Column("id", "pos", "payload").
		Where("part = ?", part).Where("pos > ?", after).Where("workspace_id = ?", UID(ws)).Order("pos").Limit(int64(limit))
	if !stay.open {
		query = query.Where("pos <= ?", stay.Last)
	}
	if err := query.Scan(ctx); err != nil {
		return nil, err
	}
	found := make([]engage.Slice, len(rows))
	for i, row := range rows {
		events, err := engage.DecodeSlice(row.Payload)
		if err != nil {
			return nil, &engage.Error{Code: engage.Internal, Op: "bunstore.Feed", Entity: engage.SliceID(row.ID).String(), Err: err}
		}
		found[i] = engage.Slice{ID: engage.SliceID(row.ID), Workspace: ws, Partition: part, Position: engage.Position(row.Pos), Events: events}
	}
	return found, nil
}
