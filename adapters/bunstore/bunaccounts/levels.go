package bunaccounts

import (
	"context"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/uptrace/bun"
)

// Levels implements accounts.LevelRepository.
type Levels struct{ dir *Directory }

var _ accounts.LevelRepository = (*Levels)(nil)

type levelRow struct {
	bun.BaseModel `bun:"table:engage_accounts_levels,alias:l"`

	Workspace   bunstore.UID    `bun:"workspace_id,pk"`
	ID          bunstore.UID    `bun:"id,pk"`
	Name        bunstore.Text   `bun:"name"`
	Key         bunstore.Key    `bun:"name_key"`
	Permissions bunstore.JSON   `bun:"permissions"`
	CreatedAt   bunstore.Micros `bun:"created_at"`
	UpdatedAt   bunstore.Micros `bun:"updated_at"`
	Version     int64           `bun:"version"`
}

func levelRowOf(ws engage.WorkspaceID, l accounts.Level, version engage.Version) (levelRow, error) {
	permissions, err := bunstore.JSONOf(l.Permissions)
	return levelRow{
		Workspace: bunstore.UID(ws), ID: bunstore.UID(l.ID), Name: bunstore.Text(l.Name), Key: bunstore.Key(l.Key), Permissions: permissions,
		CreatedAt: bunstore.Micros(l.CreatedAt), UpdatedAt: bunstore.Micros(l.UpdatedAt), Version: int64(version),
	}, err
}

func (r levelRow) level() (accounts.Level, error) {
	l := accounts.Level{
		ID: accounts.LevelID(r.ID), LevelProfile: accounts.LevelProfile{Name: string(r.Name)}, Key: string(r.Key),
		CreatedAt: r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(), Version: engage.Version(r.Version),
	}
	return l, r.Permissions.Decode(&l.Permissions)
}

// NewLevels makes the repository of a directory.
func NewLevels(dir *Directory) *Levels { return &Levels{dir} }

// Insert implements accounts.LevelRepository.
func (r *Levels) Insert(ctx context.Context, ws engage.WorkspaceID, level accounts.Level) error {
	const op = "bunaccounts.Insert"
	db, err := r.dir.write(ctx, op, ws, 1)
	if err != nil {
		return err
	}
	row, err := levelRowOf(ws, level, 1)
	if err != nil {
		return err
	}
	return insertOne(ctx, op, level.ID.String(), db, &row)
}

// Update implements accounts.LevelRepository.
func (r *Levels) Update(ctx context.Context, ws engage.WorkspaceID, level accounts.Level) error {
	const op = "bunaccounts.Update"
	db, err := r.dir.write(ctx, op, ws, 1)
	if err != nil {
		return err
	}
	row, err := levelRowOf(ws, level, level.Version+1)
	if err != nil {
		return err
	}
	q := db.NewSelect().Model((*levelRow)(nil)).Where("workspace_id = ?", row.Workspace).Where("id = ? OR name_key = ?", row.ID, row.Key)
	if err := requireCurrent(ctx, op, level.ID.String(), q, level.ID, level.Version); err != nil {
		return err
	}
	_, err = db.NewUpdate().Model(&row).WherePK().Exec(ctx)
	return bunstore.MapError(ctx, op, level.ID.String(), err)
}

// Delete implements accounts.LevelRepository.
func (r *Levels) Delete(ctx context.Context, ws engage.WorkspaceID, id accounts.LevelID) error {
	const op = "bunaccounts.Delete"
	db, err := r.dir.write(ctx, op, ws, 1)
	if err != nil {
		return err
	}
	result, err := db.NewDelete().Model((*levelRow)(nil)).Where("workspace_id = ?", bunstore.UID(ws)).Where("id = ?", bunstore.UID(id)).Exec(ctx)
	return requireOne(ctx, op, id.String(), engage.NotFound, result, err)
}

// Get implements accounts.LevelRepository.
func (r *Levels) Get(ctx context.Context, ws engage.WorkspaceID, ids []accounts.LevelID) ([]accounts.Level, error) {
	const op = "bunaccounts.Get"
	db, err := r.dir.read(ctx, op, ws, len(ids))
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var rows []levelRow
	err = db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("id", ids)).OrderExpr("id").Scan(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	return eachOf(rows, levelRow.level)
}

// List implements accounts.LevelRepository.
func (r *Levels) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[accounts.Level], error) {
	const op = "bunaccounts.List"
	db, err := r.dir.read(ctx, op, ws, 0)
	if err != nil {
		return engage.Page[accounts.Level]{}, err
	}
	var rows []levelRow
	q := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws))
	return listed(ctx, op, "accounts_levels|"+ws.String(), q, &rows, request, "name_key", keyValue,
		func(row levelRow) []byte { return []byte(row.Key) }, levelRow.level)
}
