package bunsegments

import (
	"context"
	"database/sql"
	"errors"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/segments"
	"github.com/uptrace/bun"
)

type recountRow struct {
	bun.BaseModel `bun:"table:engage_segments_recounts,alias:r"`

	Workspace bunstore.UID  `bun:"workspace_id,pk"`
	Run       bunstore.UID  `bun:"run"`
	Phase     bunstore.Text `bun:"phase"`
}

type markRow struct {
	bun.BaseModel `bun:"table:engage_segments_marks,alias:k"`

	Workspace bunstore.UID `bun:"workspace_id,pk"`
	EventID   bunstore.UID `bun:"event_id,pk"`
}

// Recount implements segments.FactRepository.
func (r *Facts) Recount(ctx context.Context, ws engage.WorkspaceID) (segments.Recount, error) {
	const op = "bunsegments.Recount"
	db, err := reader(ctx, r.store, op, ws, 0)
	if err != nil {
		return segments.Recount{}, err
	}
	var row recountRow
	err = db.NewSelect().Model(&row).Where("workspace_id = ?", bunstore.UID(ws)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return segments.Recount{}, nil
	}
	return segments.Recount{Run: engage.EventID(row.Run), Phase: segments.Phase(row.Phase)}, bunstore.MapError(ctx, op, "", err)
}

// SetRecount implements segments.FactRepository.
func (r *Facts) SetRecount(ctx context.Context, ws engage.WorkspaceID, recount segments.Recount) error {
	const op = "bunsegments.SetRecount"
	db, err := writer(ctx, r.store, op, ws, 0)
	if err != nil {
		return err
	}
	if recount == (segments.Recount{}) {
		_, err = db.NewDelete().Model((*recountRow)(nil)).Where("workspace_id = ?", bunstore.UID(ws)).Exec(ctx)
		return bunstore.MapError(ctx, op, "", err)
	}
	row := recountRow{Workspace: bunstore.UID(ws), Run: bunstore.UID(recount.Run), Phase: bunstore.Text(recount.Phase)}
	q := db.NewInsert().Model(&row).Returning("NULL")
	if bunstore.DialectOf(db) == bunstore.MariaDB {
		q = q.On("DUPLICATE KEY UPDATE").Set("run = VALUES(run)").Set("phase = VALUES(phase)")
	} else {
		q = q.On("CONFLICT (workspace_id) DO UPDATE").Set("run = EXCLUDED.run").Set("phase = EXCLUDED.phase")
	}
	_, err = q.Exec(ctx)
	return bunstore.MapError(ctx, op, "", err)
}

// Once implements segments.FactRepository.
func (r *Facts) Once(ctx context.Context, ws engage.WorkspaceID, ids []events.ID) ([]bool, error) {
	const op = "bunsegments.Once"
	db, err := writer(ctx, r.store, op, ws, len(ids))
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	rows := each(ids, func(id events.ID) markRow { return markRow{Workspace: bunstore.UID(ws), EventID: bunstore.UID(id)} })
	isNew, err := bunstore.InsertNew(ctx, db, rows, "workspace_id", "event_id")
	return isNew, bunstore.MapError(ctx, op, "", err)
}

// Reset implements segments.FactRepository.
func (r *Facts) Reset(ctx context.Context, ws engage.WorkspaceID, what segments.Part, limit int) (int, error) {
	const op = "bunsegments.Reset"
	db, err := writer(ctx, r.store, op, ws, limit)
	if err != nil {
		return 0, err
	}
	table, key := bun.Ident("engage_segments_facts"), bun.Safe("contact_id, event")
	if what == segments.Marks {
		table, key = "engage_segments_marks", "event_id"
	}
	query := `DELETE FROM ?0 WHERE workspace_id = ?1 AND (?2) IN (SELECT ?2 FROM ?0 WHERE workspace_id = ?1 ORDER BY ?2 LIMIT ?3)`
	if bunstore.DialectOf(db) == bunstore.MariaDB {
		query = "DELETE FROM ?0 WHERE workspace_id = ?1 ORDER BY ?2 LIMIT ?3"
	}
	result, err := db.NewRaw(query, table, bunstore.UID(ws), key, limit).Exec(ctx)
	return affected(ctx, op, result, err)
}
