package memaccounts

import (
	"cmp"
	"context"
	"iter"
	"strings"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/memory"
)

type memberRow struct {
	org accounts.OrganizationID
	accounts.Member
}

type settingRow struct {
	ws engage.WorkspaceID
	accounts.Setting
}

type teamRow struct {
	ws engage.WorkspaceID
	accounts.Team
}

type levelRow struct {
	ws engage.WorkspaceID
	accounts.Level
}

// What several repositories share are tables, which a store has once by name.

func organizationTable(store *memory.Store) *memory.Table[accounts.Organization] {
	return memory.NewTable(store, "accounts_organizations",
		memory.Index[accounts.Organization]{Name: "id", Less: func(a, b *accounts.Organization) bool { return a.ID.Compare(b.ID) < 0 }})
}

func memberTable(store *memory.Store) *memory.Table[memberRow] {
	return memory.NewTable(store, "accounts_members",
		memory.Index[memberRow]{Name: "organization", Less: func(a, b *memberRow) bool {
			return cmp.Or(a.org.Compare(b.org), a.UserID.Compare(b.UserID)) < 0
		}},
		memory.Index[memberRow]{Name: "user", Less: func(a, b *memberRow) bool {
			return cmp.Or(a.UserID.Compare(b.UserID), a.org.Compare(b.org)) < 0
		}})
}

func workspaceTable(store *memory.Store) *memory.Table[accounts.Workspace] {
	return memory.NewTable(store, "accounts_workspaces",
		memory.Index[accounts.Workspace]{Name: "id", Less: func(a, b *accounts.Workspace) bool { return a.ID.Compare(b.ID) < 0 }},
		memory.Index[accounts.Workspace]{Name: "organization", Less: func(a, b *accounts.Workspace) bool {
			return cmp.Or(a.OrganizationID.Compare(b.OrganizationID), a.ID.Compare(b.ID)) < 0
		}})
}

func settingTable(store *memory.Store) *memory.Table[settingRow] {
	return memory.NewTable(store, "accounts_settings",
		memory.Index[settingRow]{Name: "key", Less: func(a, b *settingRow) bool { return memory.Before(a.ws, b.ws, strings.Compare(a.Key, b.Key)) }})
}

func teamTable(store *memory.Store) *memory.Table[teamRow] {
	return memory.NewTable(store, "accounts_teams",
		memory.Index[teamRow]{Name: "id", Less: func(a, b *teamRow) bool { return memory.Before(a.ws, b.ws, a.ID.Compare(b.ID)) }},
		memory.Index[teamRow]{Name: "key", Less: func(a, b *teamRow) bool { return memory.Before(a.ws, b.ws, strings.Compare(a.Key, b.Key)) }})
}

func levelTable(store *memory.Store) *memory.Table[levelRow] {
	return memory.NewTable(store, "accounts_levels",
		memory.Index[levelRow]{Name: "id", Less: func(a, b *levelRow) bool { return memory.Before(a.ws, b.ws, a.ID.Compare(b.ID)) }},
		memory.Index[levelRow]{Name: "key", Less: func(a, b *levelRow) bool { return memory.Before(a.ws, b.ws, strings.Compare(a.Key, b.Key)) }})
}

func accessTable(store *memory.Store) *memory.Table[accounts.Access] {
	return memory.NewTable(store, "accounts_access",
		memory.Index[accounts.Access]{Name: "workspace", Less: func(a, b *accounts.Access) bool {
			return memory.Before(a.WorkspaceID, b.WorkspaceID, a.UserID.Compare(b.UserID))
		}},
		memory.Index[accounts.Access]{Name: "user", Less: func(a, b *accounts.Access) bool {
			return cmp.Or(a.UserID.Compare(b.UserID), a.WorkspaceID.Compare(b.WorkspaceID)) < 0
		}})
}

// write begins a write of a workspace, or of the log of an organization.
func write[Row any](ctx context.Context, table *memory.Table[Row], op string, ws engage.WorkspaceID, items int) (memory.Writer[Row], error) {
	rows, err := table.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall("memaccounts."+op, ws, items)
	}
	return rows, err
}

// while answers the rows from pivot on in an index's order, as long as they
// belong.
func while[Row any](rows memory.View[Row], index string, pivot *Row, belongs func(*Row) bool) iter.Seq[*Row] {
	return func(yield func(*Row) bool) {
		for row := range rows.Ascend(index, pivot) {
			if !belongs(row) || !yield(row) {
				return
			}
		}
	}
}

// pageByKey makes a page of a list that is ordered by a folded name. walk
// answers the items from a key on, that one included.
func pageByKey[T any](
	ws engage.WorkspaceID, name string, request engage.PageRequest, walk func(after string) iter.Seq2[string, T],
) (engage.Page[T], error) {
	var page engage.Page[T]
	query := name + "|" + ws.String()
	if err := engage.CheckCall("memaccounts.List", ws, 0); err != nil {
		return page, err
	}
	size, err := request.Size()
	if err != nil {
		return page, err
	}
	after, err := request.After.Open(query)
	if err != nil {
		return page, err
	}
	last := ""
	for key, item := range walk(string(after)) {
		if after != nil && key == string(after) {
			continue
		}
		if len(page.Items) == size {
			page.Next = engage.SealCursor(query, []byte(last))
			break
		}
		last = key
		page.Items = append(page.Items, item)
	}
	return page, nil
}

func fault(code engage.Code, op, entity string) error {
	return &engage.Error{Code: code, Op: "memaccounts." + op, Entity: entity}
}
