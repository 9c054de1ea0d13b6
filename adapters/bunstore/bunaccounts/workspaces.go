package bunaccounts

import (
	"context"
	"errors"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/uptrace/bun"
)

// Workspaces implements accounts.WorkspaceRepository.
type Workspaces struct{ dir *Directory }

var _ accounts.WorkspaceRepository = (*Workspaces)(nil)

type workspaceRow struct {
	bun.BaseModel `bun:"table:engage_accounts_workspaces,alias:w"`

	ID           bunstore.UID    `bun:"id,pk"`
	Organization bunstore.UID    `bun:"organization_id"`
	Name         bunstore.Text   `bun:"name"`
	Locale       bunstore.Key    `bun:"locale"`
	TimeZone     bunstore.Key    `bun:"time_zone"`
	Currency     bunstore.Key    `bun:"currency"`
	CreatedAt    bunstore.Micros `bun:"created_at"`
	UpdatedAt    bunstore.Micros `bun:"updated_at"`
	ArchivedAt   bunstore.Micros `bun:"archived_at"`
	Version      int64           `bun:"version"`
}

func workspaceRowOf(w accounts.Workspace, version engage.Version) workspaceRow {
	return workspaceRow{
		ID: bunstore.UID(w.ID), Organization: bunstore.UID(w.OrganizationID), Name: bunstore.Text(w.Name),
		Locale: bunstore.Key(w.Locale), TimeZone: bunstore.Key(w.TimeZone), Currency: bunstore.Key(w.Currency),
		CreatedAt: bunstore.Micros(w.CreatedAt), UpdatedAt: bunstore.Micros(w.UpdatedAt), ArchivedAt: bunstore.Micros(w.ArchivedAt),
		Version: int64(version),
	}
}

func (r workspaceRow) workspace() accounts.Workspace {
	return accounts.Workspace{
		ID: engage.WorkspaceID(r.ID), OrganizationID: accounts.OrganizationID(r.Organization),
		WorkspaceProfile: accounts.WorkspaceProfile{
			Name: string(r.Name), Locale: string(r.Locale), TimeZone: string(r.TimeZone), Currency: engage.Currency(r.Currency),
		},
		CreatedAt: r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(), ArchivedAt: r.ArchivedAt.Time(), Version: engage.Version(r.Version),
	}
}

// NewWorkspaces makes the repository of a directory.
func NewWorkspaces(dir *Directory) *Workspaces { return &Workspaces{dir} }

// Insert implements accounts.WorkspaceRepository.
func (r *Workspaces) Insert(ctx context.Context, w accounts.Workspace) error {
	const op = "bunaccounts.Insert"
	db, err := r.dir.write(ctx, op, w.ID, 1)
	if err != nil {
		return err
	}
	row := workspaceRowOf(w, 1)
	return insertOne(ctx, op, w.ID.String(), db, &row)
}

// Update implements accounts.WorkspaceRepository.
func (r *Workspaces) Update(ctx context.Context, w accounts.Workspace) error {
	const op = "bunaccounts.Update"
	db, err := r.dir.write(ctx, op, w.ID, 1)
	if err != nil {
		return err
	}
	q := db.NewSelect().Model((*workspaceRow)(nil)).Where("id = ?", bunstore.UID(w.ID))
	if err := requireCurrent(ctx, op, w.ID.String(), q, w.ID, w.Version); err != nil {
		return err
	}
	row := workspaceRowOf(w, w.Version+1)
	_, err = db.NewUpdate().Model(&row).ExcludeColumn("organization_id").WherePK().Exec(ctx)
	return bunstore.MapError(ctx, op, w.ID.String(), err)
}

// Delete implements accounts.WorkspaceRepository. What belongs to a workspace
// goes with it, by foreign keys.
func (r *Workspaces) Delete(ctx context.Context, ws engage.WorkspaceID) error {
	const op = "bunaccounts.Delete"
	db, err := r.dir.write(ctx, op, ws, 1)
	if err != nil {
		return err
	}
	result, err := db.NewDelete().Model((*workspaceRow)(nil)).Where("id = ?", bunstore.UID(ws)).Exec(ctx)
	return requireOne(ctx, op, ws.String(), engage.NotFound, result, err)
}

// Get implements accounts.WorkspaceRepository.
func (r *Workspaces) Get(ctx context.Context, ws engage.WorkspaceID) (accounts.Workspace, error) {
	const op = "bunaccounts.Get"
	db, err := r.dir.read(ctx, op, ws, 0)
	if err != nil {
		return accounts.Workspace{}, err
	}
	var row workspaceRow
	err = db.NewSelect().Model(&row).Where("id = ?", bunstore.UID(ws)).Scan(ctx)
	return row.workspace(), bunstore.MapError(ctx, op, ws.String(), err)
}

// List implements accounts.WorkspaceRepository.
func (r *Workspaces) List(ctx context.Context, org accounts.OrganizationID, request engage.PageRequest) (engage.Page[accounts.Workspace], error) {
	const op = "bunaccounts.List"
	db, err := r.dir.read(ctx, op, accounts.LogOf(org), 0)
	if err != nil {
		return engage.Page[accounts.Workspace]{}, err
	}
	var rows []workspaceRow
	q := db.NewSelect().Model(&rows).Where("organization_id = ?", bunstore.UID(org))
	return listed(ctx, op, "accounts_workspaces|"+org.String(), q, &rows, request, "id", idValue,
		func(row workspaceRow) []byte { return row.ID[:] }, plain(workspaceRow.workspace))
}

// Settings implements accounts.SettingRepository.
type Settings struct{ dir *Directory }

var _ accounts.SettingRepository = (*Settings)(nil)

type settingRow struct {
	bun.BaseModel `bun:"table:engage_accounts_settings,alias:s"`

	Workspace bunstore.UID    `bun:"workspace_id,pk"`
	Key       bunstore.Key    `bun:"setting,pk"`
	Value     bunstore.JSON   `bun:"value"`
	UpdatedAt bunstore.Micros `bun:"updated_at"`
	Version   int64           `bun:"version"`
}

func (r settingRow) setting() (accounts.Setting, error) {
	value, err := attribute.Parse(r.Value)
	if err != nil {
		return accounts.Setting{}, &engage.Error{Code: engage.Internal, Op: "bunaccounts", Entity: "setting " + string(r.Key), Err: err}
	}
	return accounts.Setting{Key: string(r.Key), Value: value, UpdatedAt: r.UpdatedAt.Time(), Version: engage.Version(r.Version)}, nil
}

// NewSettings makes the repository of a directory.
func NewSettings(dir *Directory) *Settings { return &Settings{dir} }

// Put implements accounts.SettingRepository.
func (r *Settings) Put(ctx context.Context, ws engage.WorkspaceID, setting accounts.Setting) error {
	const op = "bunaccounts.Put"
	entity := "setting " + setting.Key
	db, err := r.dir.write(ctx, op, ws, 1)
	if err != nil {
		return err
	}
	row := settingRow{
		Workspace: bunstore.UID(ws), Key: bunstore.Key(setting.Key), Value: bunstore.JSON(setting.Value.String()),
		UpdatedAt: bunstore.Micros(setting.UpdatedAt), Version: int64(setting.Version) + 1,
	}
	if setting.Version == 0 {
		err := insertOne(ctx, op, entity, db, &row)
		if errors.Is(err, engage.ErrAlreadyExists) {
			return &engage.Error{Code: engage.Conflict, Op: op, Entity: entity}
		}
		return err
	}
	result, err := db.NewUpdate().Model(&row).WherePK().Where("version = ?", int64(setting.Version)).Exec(ctx)
	return requireOne(ctx, op, entity, engage.Conflict, result, err)
}

// Remove implements accounts.SettingRepository.
func (r *Settings) Remove(ctx context.Context, ws engage.WorkspaceID, key string, version engage.Version) error {
	const op = "bunaccounts.Remove"
	entity := "setting " + key
	db, err := r.dir.write(ctx, op, ws, 1)
	if err != nil {
		return err
	}
	var stored []int64
	q := db.NewSelect().Model((*settingRow)(nil)).Column("version").
		Where("workspace_id = ?", bunstore.UID(ws)).Where("setting = ?", bunstore.Key(key))
	if err := locking(q).Scan(ctx, &stored); err != nil {
		return bunstore.MapError(ctx, op, entity, err)
	}
	switch {
	case len(stored) == 0:
		return &engage.Error{Code: engage.NotFound, Op: op, Entity: entity}
	case stored[0] != int64(version):
		return &engage.Error{Code: engage.Conflict, Op: op, Entity: entity}
	}
	_, err = db.NewDelete().Model((*settingRow)(nil)).Where("workspace_id = ?", bunstore.UID(ws)).Where("setting = ?", bunstore.Key(key)).Exec(ctx)
	return bunstore.MapError(ctx, op, entity, err)
}

// All implements accounts.SettingRepository.
func (r *Settings) All(ctx context.Context, ws engage.WorkspaceID) ([]accounts.Setting, error) {
	const op = "bunaccounts.All"
	db, err := r.dir.read(ctx, op, ws, 0)
	if err != nil {
		return nil, err
	}
	var rows []settingRow
	if err := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).OrderExpr("setting").Scan(ctx); err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	return eachOf(rows, settingRow.setting)
}
