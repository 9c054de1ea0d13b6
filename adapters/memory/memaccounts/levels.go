package memaccounts

import (
	"context"
	"iter"
	"maps"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/memory"
)

// Levels implements accounts.LevelRepository.
type Levels struct{ rows *memory.Table[levelRow] }

var _ accounts.LevelRepository = (*Levels)(nil)

// NewLevels makes the repository of a store.
func NewLevels(store *memory.Store) *Levels { return &Levels{levelTable(store)} }

func ownLevel(l accounts.Level) accounts.Level {
	l.Permissions = maps.Clone(l.Permissions)
	return l
}

// Insert implements accounts.LevelRepository.
func (r *Levels) Insert(ctx context.Context, ws engage.WorkspaceID, level accounts.Level) error {
	rows, err := write(ctx, r.rows, "Insert", ws, 1)
	if err != nil {
		return err
	}
	_, sameID := rows.Get("id", &levelRow{ws, level})
	_, sameKey := rows.Get("key", &levelRow{ws, level})
	if sameID || sameKey {
		return fault(engage.AlreadyExists, "Insert", "access level "+level.ID.String())
	}
	level.Version = 1
	rows.Set(&levelRow{ws, ownLevel(level)})
	return nil
}

// Update implements accounts.LevelRepository.
func (r *Levels) Update(ctx context.Context, ws engage.WorkspaceID, level accounts.Level) error {
	rows, err := write(ctx, r.rows, "Update", ws, 1)
	if err != nil {
		return err
	}
	stored, ok := rows.Get("id", &levelRow{ws, level})
	switch {
	case !ok:
		return fault(engage.NotFound, "Update", "access level "+level.ID.String())
	case stored.Version != level.Version:
		return fault(engage.Conflict, "Update", "access level "+level.ID.String())
	}
	if holder, taken := rows.Get("key", &levelRow{ws, level}); taken && holder.ID != level.ID {
		return fault(engage.AlreadyExists, "Update", "access level "+level.ID.String())
	}
	level.Version++
	rows.Set(&levelRow{ws, ownLevel(level)})
	return nil
}

// Delete implements accounts.LevelRepository.
func (r *Levels) Delete(ctx context.Context, ws engage.WorkspaceID, id accounts.LevelID) error {
	rows, err := write(ctx, r.rows, "Delete", ws, 1)
	if err != nil {
		return err
	}
	if _, ok := rows.Delete(&levelRow{ws, accounts.Level{ID: id}}); !ok {
		return fault(engage.NotFound, "Delete", "access level "+id.String())
	}
	return nil
}

// Get implements accounts.LevelRepository.
func (r *Levels) Get(ctx context.Context, ws engage.WorkspaceID, ids []accounts.LevelID) ([]accounts.Level, error) {
	if err := engage.CheckCall("memaccounts.Get", ws, len(ids)); err != nil {
		return nil, err
	}
	var found []accounts.Level
	rows := r.rows.Read(ctx)
	for _, id := range memory.SortedIDs(ids) {
		if row, ok := rows.Get("id", &levelRow{ws, accounts.Level{ID: id}}); ok {
			found = append(found, ownLevel(row.Level))
		}
	}
	return found, nil
}

// List implements accounts.LevelRepository.
func (r *Levels) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[accounts.Level], error) {
	return pageByKey(ws, "accounts_levels", request, func(after string) iter.Seq2[string, accounts.Level] {
		return func(yield func(string, accounts.Level) bool) {
			for row := range while(r.rows.Read(ctx), "key", &levelRow{ws, accounts.Level{Key: after}}, func(row *levelRow) bool { return row.ws == ws }) {
				if !yield(row.Key, ownLevel(row.Level)) {
					return
				}
			}
		}
	})
}
