package memaccounts

import (
	"context"
	"iter"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/memory"
)

// Members implements accounts.MemberRepository.
type Members struct {
	rows       *memory.Table[memberRow]
	workspaces *memory.Table[accounts.Workspace]
	access     *memory.Table[accounts.Access]
	teams      *memory.Table[teamRow]
}

var _ accounts.MemberRepository = (*Members)(nil)

// NewMembers makes the repository of a store.
func NewMembers(store *memory.Store) *Members {
	return &Members{rows: memberTable(store), workspaces: workspaceTable(store), access: accessTable(store), teams: teamTable(store)}
}

// membersOf answers an organization's members from a user on.
func membersOf(rows memory.View[memberRow], org accounts.OrganizationID, from engage.UserID) iter.Seq[*memberRow] {
	return while(rows, "organization", &memberRow{org, accounts.Member{UserID: from}}, func(row *memberRow) bool { return row.org == org })
}

// Put implements accounts.MemberRepository.
func (r *Members) Put(ctx context.Context, org accounts.OrganizationID, members []accounts.Member) error {
	rows, err := write(ctx, r.rows, "Put", accounts.LogOf(org), len(members))
	if err != nil {
		return err
	}
	for _, m := range members {
		if stored, ok := rows.Get("organization", &memberRow{org, m}); ok {
			m.JoinedAt = stored.JoinedAt
		}
		rows.Set(&memberRow{org, m})
	}
	return nil
}

// Remove implements accounts.MemberRepository.
func (r *Members) Remove(ctx context.Context, org accounts.OrganizationID, user engage.UserID) ([]accounts.Access, error) {
	rows, err := write(ctx, r.rows, "Remove", accounts.LogOf(org), 1)
	if err != nil {
		return nil, err
	}
	if _, ok := rows.Delete(&memberRow{org, accounts.Member{UserID: user}}); !ok {
		return nil, fault(engage.NotFound, "Remove", "member "+user.String())
	}
	// The table's writer is the organization's: its transaction may be pinned to
	// the organization's log, and its workspaces are the organization's own.
	var lost []accounts.Access
	workspaces := r.workspaces.Read(ctx)
	for a := range while(r.access.Read(ctx), "user", &accounts.Access{UserID: user}, func(a *accounts.Access) bool { return a.UserID == user }) {
		if w, ok := workspaces.Get("id", &accounts.Workspace{ID: a.WorkspaceID}); ok && w.OrganizationID == org {
			lost = append(lost, *a)
		}
	}
	return lost, leave(ctx, accounts.LogOf(org), r.access, r.teams, lost)
}

// leave removes accesses, and their users from the workspaces' teams. pinned is
// what the transaction may be pinned to.
func leave(ctx context.Context, pinned engage.WorkspaceID, access *memory.Table[accounts.Access], teams *memory.Table[teamRow], lost []accounts.Access) error {
	accessRows, err := access.Write(ctx, pinned)
	if err != nil {
		return err
	}
	teamRows, err := teams.Write(ctx, pinned)
	if err != nil {
		return err
	}
	for _, a := range lost {
		accessRows.Delete(&a)
		for row := range teamsOf(teamRows.View, a.WorkspaceID, a.UserID) {
			teamRows.Set(&teamRow{row.ws, without(row.Team, a.UserID)})
		}
	}
	return nil
}

// Get implements accounts.MemberRepository.
func (r *Members) Get(ctx context.Context, org accounts.OrganizationID, users []engage.UserID) ([]accounts.Member, error) {
	if err := engage.CheckCall("memaccounts.Get", accounts.LogOf(org), len(users)); err != nil {
		return nil, err
	}
	var found []accounts.Member
	rows := r.rows.Read(ctx)
	for _, id := range memory.SortedIDs(users) {
		if row, ok := rows.Get("organization", &memberRow{org, accounts.Member{UserID: id}}); ok {
			found = append(found, row.Member)
		}
	}
	return found, nil
}

// Count implements accounts.MemberRepository.
func (r *Members) Count(ctx context.Context, org accounts.OrganizationID, role accounts.Role) (int, error) {
	if err := engage.CheckCall("memaccounts.Count", accounts.LogOf(org), 0); err != nil {
		return 0, err
	}
	n := 0
	for row := range membersOf(r.rows.Read(ctx), org, engage.UserID{}) {
		if row.Role == role {
			n++
		}
	}
	return n, nil
}

// List implements accounts.MemberRepository.
func (r *Members) List(ctx context.Context, org accounts.OrganizationID, request engage.PageRequest) (engage.Page[accounts.Member], error) {
	return memory.PageByID(accounts.LogOf(org), "accounts_members", request, func(after engage.UserID, yield func(engage.UserID, accounts.Member) bool) {
		for row := range membersOf(r.rows.Read(ctx), org, after) {
			if !yield(row.UserID, row.Member) {
				return
			}
		}
	})
}
