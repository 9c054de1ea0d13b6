package memaccounts

import (
	"context"
	"iter"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/memory"
)

// Teams implements accounts.TeamRepository.
type Teams struct{ rows *memory.Table[teamRow] }

var _ accounts.TeamRepository = (*Teams)(nil)

// NewTeams makes the repository of a store.
func NewTeams(store *memory.Store) *Teams { return &Teams{teamTable(store)} }

// own answers a team that shares nothing with t.
func own(t accounts.Team) accounts.Team {
	t.Members = slices.Clone(t.Members)
	return t
}

// without answers a team that a user has left.
func without(t accounts.Team, user engage.UserID) accounts.Team {
	t.Members = slices.DeleteFunc(slices.Clone(t.Members), func(id engage.UserID) bool { return id == user })
	return t
}

// teamsOf answers the teams of a workspace that a user is in.
func teamsOf(rows memory.View[teamRow], ws engage.WorkspaceID, user engage.UserID) iter.Seq[*teamRow] {
	return func(yield func(*teamRow) bool) {
		for row := range while(rows, "id", &teamRow{ws: ws}, func(row *teamRow) bool { return row.ws == ws }) {
			if slices.Contains(row.Members, user) && !yield(row) {
				return
			}
		}
	}
}

// Insert implements accounts.TeamRepository.
func (r *Teams) Insert(ctx context.Context, ws engage.WorkspaceID, team accounts.Team) error {
	rows, err := write(ctx, r.rows, "Insert", ws, 1)
	if err != nil {
		return err
	}
	_, sameID := rows.Get("id", &teamRow{ws, team})
	_, sameKey := rows.Get("key", &teamRow{ws, team})
	if sameID || sameKey {
		return fault(engage.AlreadyExists, "Insert", "team "+team.ID.String())
	}
	team.Version = 1
	rows.Set(&teamRow{ws, own(team)})
	return nil
}

// Update implements accounts.TeamRepository.
func (r *Teams) Update(ctx context.Context, ws engage.WorkspaceID, team accounts.Team) error {
	rows, err := write(ctx, r.rows, "Update", ws, 1)
	if err != nil {
		return err
	}
	stored, ok := rows.Get("id", &teamRow{ws, team})
	switch {
	case !ok:
		return fault(engage.NotFound, "Update", "team "+team.ID.String())
	case stored.Version != team.Version:
		return fault(engage.Conflict, "Update", "team "+team.ID.String())
	}
	if holder, taken := rows.Get("key", &teamRow{ws, team}); taken && holder.ID != team.ID {
		return fault(engage.AlreadyExists, "Update", "team "+team.ID.String())
	}
	team.Version++
	rows.Set(&teamRow{ws, own(team)})
	return nil
}

// Delete implements accounts.TeamRepository.
func (r *Teams) Delete(ctx context.Context, ws engage.WorkspaceID, id engage.TeamID) error {
	rows, err := write(ctx, r.rows, "Delete", ws, 1)
	if err != nil {
		return err
	}
	if _, ok := rows.Delete(&teamRow{ws, accounts.Team{ID: id}}); !ok {
		return fault(engage.NotFound, "Delete", "team "+id.String())
	}
	return nil
}

// Get implements accounts.TeamRepository.
func (r *Teams) Get(ctx context.Context, ws engage.WorkspaceID, ids []engage.TeamID) ([]accounts.Team, error) {
	if err := engage.CheckCall("memaccounts.Get", ws, len(ids)); err != nil {
		return nil, err
	}
	var found []accounts.Team
	rows := r.rows.Read(ctx)
	for _, id := range memory.SortedIDs(ids) {
		if row, ok := rows.Get("id", &teamRow{ws, accounts.Team{ID: id}}); ok {
			found = append(found, own(row.Team))
		}
	}
	return found, nil
}

// Of implements accounts.TeamRepository.
func (r *Teams) Of(ctx context.Context, ws engage.WorkspaceID, user engage.UserID) ([]accounts.Team, error) {
	if err := engage.CheckCall("memaccounts.Of", ws, 0); err != nil {
		return nil, err
	}
	var found []accounts.Team
	for row := range teamsOf(r.rows.Read(ctx), ws, user) {
		found = append(found, own(row.Team))
	}
	return found, nil
}

// List implements accounts.TeamRepository.
func (r *Teams) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[accounts.Team], error) {
	return pageByKey(ws, "accounts_teams", request, func(after string) iter.Seq2[string, accounts.Team] {
		return func(yield func(string, accounts.Team) bool) {
			for row := range while(r.rows.Read(ctx), "key", &teamRow{ws, accounts.Team{Key: after}}, func(row *teamRow) bool { return row.ws == ws }) {
				if !yield(row.Key, own(row.Team)) {
					return
				}
			}
		}
	})
}
