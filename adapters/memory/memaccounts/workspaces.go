package memaccounts

import (
	"context"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/memory"
)

// Workspaces implements accounts.WorkspaceRepository.
type Workspaces struct {
	rows     *memory.Table[accounts.Workspace]
	settings *memory.Table[settingRow]
	access   *memory.Table[accounts.Access]
	levels   *memory.Table[levelRow]
	teams    *memory.Table[teamRow]
}

var _ accounts.WorkspaceRepository = (*Workspaces)(nil)

// NewWorkspaces makes the repository of a store.
func NewWorkspaces(store *memory.Store) *Workspaces {
	return &Workspaces{
		rows: workspaceTable(store), settings: settingTable(store), access: accessTable(store),
		levels: levelTable(store), teams: teamTable(store),
	}
}

// Insert implements accounts.WorkspaceRepository.
func (r *Workspaces) Insert(ctx context.Context, w accounts.Workspace) error {
	rows, err := write(ctx, r.rows, "Insert", w.ID, 1)
	if err != nil {
		return err
	}
	if _, taken := rows.Get("id", &w); taken {
		return fault(engage.AlreadyExists, "Insert", w.ID.String())
	}
	w.Version = 1
	rows.Set(&w)
	return nil
}

// Update implements accounts.WorkspaceRepository.
func (r *Workspaces) Update(ctx context.Context, w accounts.Workspace) error {
	rows, err := write(ctx, r.rows, "Update", w.ID, 1)
	if err != nil {
		return err
	}
	stored, ok := rows.Get("id", &w)
	switch {
	case !ok:
		return fault(engage.NotFound, "Update", w.ID.String())
	case stored.Version != w.Version:
		return fault(engage.Conflict, "Update", w.ID.String())
	}
	w.OrganizationID = stored.OrganizationID
	w.Version++
	rows.Set(&w)
	return nil
}

// Delete implements accounts.WorkspaceRepository.
func (r *Workspaces) Delete(ctx context.Context, ws engage.WorkspaceID) error {
	rows, err := write(ctx, r.rows, "Delete", ws, 1)
	if err != nil {
		return err
	}
	if _, ok := rows.Delete(&accounts.Workspace{ID: ws}); !ok {
		return fault(engage.NotFound, "Delete", ws.String())
	}
	for _, err := range []error{
		empty(ctx, r.settings, "key", &settingRow{ws: ws}, func(row *settingRow) bool { return row.ws == ws }, ws),
		empty(ctx, r.access, "workspace", &accounts.Access{WorkspaceID: ws}, func(row *accounts.Access) bool { return row.WorkspaceID == ws }, ws),
		empty(ctx, r.levels, "id", &levelRow{ws: ws}, func(row *levelRow) bool { return row.ws == ws }, ws),
		empty(ctx, r.teams, "id", &teamRow{ws: ws}, func(row *teamRow) bool { return row.ws == ws }, ws),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// empty deletes the rows of a table from pivot on, as long as they belong.
func empty[Row any](ctx context.Context, table *memory.Table[Row], index string, pivot *Row, belongs func(*Row) bool, ws engage.WorkspaceID) error {
	rows, err := table.Write(ctx, ws)
	if err != nil {
		return err
	}
	for row := range while(rows.View, index, pivot, belongs) {
		rows.Delete(row)
	}
	return nil
}

// Get implements accounts.WorkspaceRepository.
func (r *Workspaces) Get(ctx context.Context, ws engage.WorkspaceID) (accounts.Workspace, error) {
	if err := engage.CheckCall("memaccounts.Get", ws, 0); err != nil {
		return accounts.Workspace{}, err
	}
	row, ok := r.rows.Read(ctx).Get("id", &accounts.Workspace{ID: ws})
	if !ok {
		return accounts.Workspace{}, fault(engage.NotFound, "Get", ws.String())
	}
	return *row, nil
}

// List implements accounts.WorkspaceRepository.
func (r *Workspaces) List(ctx context.Context, org accounts.OrganizationID, request engage.PageRequest) (engage.Page[accounts.Workspace], error) {
	return memory.PageByID(accounts.LogOf(org), "accounts_workspaces", request, func(after engage.WorkspaceID, yield func(engage.WorkspaceID, accounts.Workspace) bool) {
		pivot := &accounts.Workspace{OrganizationID: org, ID: after}
		for row := range while(r.rows.Read(ctx), "organization", pivot, func(row *accounts.Workspace) bool { return row.OrganizationID == org }) {
			if !yield(row.ID, *row) {
				return
			}
		}
	})
}

// Settings implements accounts.SettingRepository.
type Settings struct{ rows *memory.Table[settingRow] }

var _ accounts.SettingRepository = (*Settings)(nil)

// NewSettings makes the repository of a store.
func NewSettings(store *memory.Store) *Settings { return &Settings{settingTable(store)} }

// Put implements accounts.SettingRepository.
func (r *Settings) Put(ctx context.Context, ws engage.WorkspaceID, setting accounts.Setting) error {
	rows, err := write(ctx, r.rows, "Put", ws, 1)
	if err != nil {
		return err
	}
	stored := engage.Version(0)
	if row, ok := rows.Get("key", &settingRow{ws, setting}); ok {
		stored = row.Version
	}
	if stored != setting.Version {
		return fault(engage.Conflict, "Put", "setting "+setting.Key)
	}
	setting.Version++
	rows.Set(&settingRow{ws, setting})
	return nil
}

// Remove implements accounts.SettingRepository.
func (r *Settings) Remove(ctx context.Context, ws engage.WorkspaceID, key string, version engage.Version) error {
	rows, err := write(ctx, r.rows, "Remove", ws, 1)
	if err != nil {
		return err
	}
	row, ok := rows.Get("key", &settingRow{ws, accounts.Setting{Key: key}})
	switch {
	case !ok:
		return fault(engage.NotFound, "Remove", "setting "+key)
	case row.Version != version:
		return fault(engage.Conflict, "Remove", "setting "+key)
	}
	rows.Delete(row)
	return nil
}

// All implements accounts.SettingRepository.
func (r *Settings) All(ctx context.Context, ws engage.WorkspaceID) ([]accounts.Setting, error) {
	if err := engage.CheckCall("memaccounts.All", ws, 0); err != nil {
		return nil, err
	}
	var all []accounts.Setting
	for row := range while(r.rows.Read(ctx), "key", &settingRow{ws: ws}, func(row *settingRow) bool { return row.ws == ws }) {
		all = append(all, row.Setting)
	}
	return all, nil
}
