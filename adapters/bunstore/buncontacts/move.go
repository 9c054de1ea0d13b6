package buncontacts

import (
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/contacts"
	"github.com/uptrace/bun"
)

// involved answers all contacts of absorptions, sorted.
func involved(absorptions []contacts.Absorption) []contacts.ID {
	ids := make([]contacts.ID, 0, 2*len(absorptions))
	for _, a := range absorptions {
		ids = append(ids, a.Absorbed, a.Survivor)
	}
	slices.SortFunc(ids, contacts.ID.Compare)
	return slices.Compact(ids)
}

// moved gives the rows of absorbed contacts to their survivors, one absorption
// after the other, and answers the keys of the rows that go and the rows that
// come or change. owner leads to a row's contact; where both contacts have a
// row, wins says whether the absorbed one's replaces the survivor's.
func moved[Row any, K comparable](
	before []Row, absorptions []contacts.Absorption, key func(Row) K, owner func(*Row) *bunstore.UID, wins func(absorbed, survivor Row) bool,
) (gone []K, added []Row) {
	rows := make(map[K]Row, len(before))
	byOwner := map[bunstore.UID]map[K]bool{}
	put := func(row Row) {
		id, k := *owner(&row), key(row)
		if byOwner[id] == nil {
			byOwner[id] = map[K]bool{}
		}
		rows[k], byOwner[id][k] = row, true
	}
	for _, row := range before {
		put(row)
	}
	changed := map[K]bool{}
	for _, a := range absorptions {
		keys := byOwner[bunstore.UID(a.Absorbed)]
		delete(byOwner, bunstore.UID(a.Absorbed))
		for k := range keys {
			row := rows[k]
			delete(rows, k)
			*owner(&row) = bunstore.UID(a.Survivor)
			theirs, both := rows[key(row)]
			if !both || wins(row, theirs) {
				put(row)
				changed[key(row)] = true
			}
		}
	}
	for _, row := range before {
		if _, stays := rows[key(row)]; !stays {
			gone = append(gone, key(row))
		}
	}
	for k := range changed {
		if row, stays := rows[k]; stays {
			added = append(added, row)
		}
	}
	return gone, added
}

// forget removes the rows of contacts from a table and answers how many there
// were.
func forget[Row any](ctx context.Context, op string, db bun.IDB, ws engage.WorkspaceID, ids []contacts.ID) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	result, err := db.NewDelete().Model((*Row)(nil)).
		Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("contact_id", ids)).Exec(ctx)
	return affected(ctx, op, result, err)
}
