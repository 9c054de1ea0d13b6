package memaccounts

import (
	"context"
	"iter"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/memory"
)

// Access implements accounts.AccessRepository.
type Access struct {
	rows  *memory.Table[accounts.Access]
	teams *memory.Table[teamRow]
}

var _ accounts.AccessRepository = (*Access)(nil)

// NewAccess makes the repository of a store.
func NewAccess(store *memory.Store) *Access {
	return &Access{rows: accessTable(store), teams: teamTable(store)}
}

// Put implements accounts.AccessRepository.
func (r *Access) Put(ctx context.Context, ws engage.WorkspaceID, all []accounts.Access) error {
	rows, err := write(ctx, r.rows, "Put", ws, len(all))
	if err != nil {
		return err
	}
	for _, a := range all {
		a.WorkspaceID = ws
		if stored, ok := rows.Get("workspace", &a); ok {
			a.GrantedAt = stored.GrantedAt
		}
		rows.Set(&a)
	}
	return nil
}

// Remove implements accounts.AccessRepository.
func (r *Access) Remove(ctx context.Context, ws engage.WorkspaceID, user engage.UserID) error {
	rows, err := write(ctx, r.rows, "Remove", ws, 1)
	if err != nil {
		return err
	}
	row, ok := rows.Get("workspace", &accounts.Access{WorkspaceID: ws, UserID: user})
	if !ok {
		return fault(engage.NotFound, "Remove", "access "+user.String())
	}
	return leave(ctx, ws, r.rows, r.teams, []accounts.Access{*row})
}

// Get implements accounts.AccessRepository.
func (r *Access) Get(ctx context.Context, ws engage.WorkspaceID, users []engage.UserID) ([]accounts.Access, error) {
	if err := engage.CheckCall("memaccounts.Get", ws, len(users)); err != nil {
		return nil, err
	}
	var found []accounts.Access
	rows := r.rows.Read(ctx)
	for _, id := range memory.SortedIDs(users) {
		if row, ok := rows.Get("workspace", &accounts.Access{WorkspaceID: ws, UserID: id}); ok {
			found = append(found, *row)
		}
	}
	return found, nil
}

// of answers who has access to a workspace, from a user on.
func (r *Access) of(ctx context.Context, ws engage.WorkspaceID, from engage.UserID) iter.Seq[*accounts.Access] {
	return while(r.rows.Read(ctx), "workspace", &accounts.Access{WorkspaceID: ws, UserID: from}, func(row *accounts.Access) bool { return row.WorkspaceID == ws })
}

// Count implements accounts.AccessRepository.
func (r *Access) Count(ctx context.Context, ws engage.WorkspaceID, level accounts.LevelID) (int, error) {
	if err := engage.CheckCall("memaccounts.Count", ws, 0); err != nil {
		return 0, err
	}
	n := 0
	for row := range r.of(ctx, ws, engage.UserID{}) {
		if row.LevelID == level {
			n++
		}
	}
	return n, nil
}

// List implements accounts.AccessRepository.
func (r *Access) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[accounts.Access], error) {
	return memory.PageByID(ws, "accounts_access", request, func(after engage.UserID, yield func(engage.UserID, accounts.Access) bool) {
		for row := range r.of(ctx, ws, after) {
			if !yield(row.UserID, *row) {
				return
			}
		}
	})
}
