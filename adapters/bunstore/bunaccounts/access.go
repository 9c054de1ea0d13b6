package bunaccounts

import (
	"bytes"
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/uptrace/bun"
)

// Access implements accounts.AccessRepository.
type Access struct{ dir *Directory }

var _ accounts.AccessRepository = (*Access)(nil)

type accessRow struct {
	bun.BaseModel `bun:"table:engage_accounts_access,alias:a"`

	Workspace bunstore.UID    `bun:"workspace_id,pk"`
	UserID    bunstore.UID    `bun:"user_id,pk"`
	LevelID   bunstore.UID    `bun:"level_id"`
	GrantedAt bunstore.Micros `bun:"granted_at"`
}

func (r accessRow) access() accounts.Access {
	return accounts.Access{
		WorkspaceID: engage.WorkspaceID(r.Workspace), UserID: engage.UserID(r.UserID), LevelID: accounts.LevelID(r.LevelID), GrantedAt: r.GrantedAt.Time(),
	}
}

// NewAccess makes the repository of a directory.
func NewAccess(dir *Directory) *Access { return &Access{dir} }

// Put implements accounts.AccessRepository.
func (r *Access) Put(ctx context.Context, ws engage.WorkspaceID, all []accounts.Access) error {
	const op = "bunaccounts.Put"
	db, err := r.dir.write(ctx, op, ws, len(all))
	if err != nil {
		return err
	}
	rows := each(all, func(a accounts.Access) accessRow {
		return accessRow{Workspace: bunstore.UID(ws), UserID: bunstore.UID(a.UserID), LevelID: bunstore.UID(a.LevelID), GrantedAt: bunstore.Micros(a.GrantedAt)}
	})
	slices.SortFunc(rows, func(a, b accessRow) int { return bytes.Compare(a.UserID[:], b.UserID[:]) })
	return upsert(ctx, op, db, rows, "workspace_id, user_id", "level_id")
}

// Remove implements accounts.AccessRepository.
func (r *Access) Remove(ctx context.Context, ws engage.WorkspaceID, user engage.UserID) error {
	const op = "bunaccounts.Remove"
	entity := "access " + user.String()
	db, err := r.dir.write(ctx, op, ws, 1)
	if err != nil {
		return err
	}
	result, err := db.NewDelete().Model((*accessRow)(nil)).
		Where("workspace_id = ?", bunstore.UID(ws)).Where("user_id = ?", bunstore.UID(user)).Exec(ctx)
	if err := requireOne(ctx, op, entity, engage.NotFound, result, err); err != nil {
		return err
	}
	_, err = db.NewDelete().Model((*teamMemberRow)(nil)).
		Where("workspace_id = ?", bunstore.UID(ws)).Where("user_id = ?", bunstore.UID(user)).Exec(ctx)
	return bunstore.MapError(ctx, op, entity, err)
}

// Get implements accounts.AccessRepository.
func (r *Access) Get(ctx context.Context, ws engage.WorkspaceID, users []engage.UserID) ([]accounts.Access, error) {
	const op = "bunaccounts.Get"
	db, err := r.dir.read(ctx, op, ws, len(users))
	if err != nil || len(users) == 0 {
		return nil, err
	}
	var rows []accessRow
	err = db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("user_id", users)).
		OrderExpr("user_id").Scan(ctx)
	return each(rows, accessRow.access), bunstore.MapError(ctx, op, "", err)
}

// Count implements accounts.AccessRepository.
func (r *Access) Count(ctx context.Context, ws engage.WorkspaceID, level accounts.LevelID) (int, error) {
	const op = "bunaccounts.Count"
	db, err := r.dir.read(ctx, op, ws, 0)
	if err != nil {
		return 0, err
	}
	n, err := db.NewSelect().Model((*accessRow)(nil)).Where("workspace_id = ?", bunstore.UID(ws)).
		Where("level_id = ?", bunstore.UID(level)).Count(ctx)
	return int(n), bunstore.MapError(ctx, op, "", err)
}

// List implements accounts.AccessRepository.
func (r *Access) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[accounts.Access], error) {
	const op = "bunaccounts.List"
	db, err := r.dir.read(ctx, op, ws, 0)
	if err != nil {
		return engage.Page[accounts.Access]{}, err
	}
	var rows []accessRow
	q := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws))
	return listed(ctx, op, "accounts_access|"+ws.String(), q, &rows, request, "user_id", idValue,
		func(row accessRow) []byte { return row.UserID[:] }, plain(accessRow.access))
}
