package memcontacts

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/timeline"
)

// Timeline implements timeline.Repository.
type Timeline struct {
	rows *memory.Table[entryRow]
}

var _ timeline.Repository = (*Timeline)(nil)

type entryRow struct {
	ws engage.WorkspaceID
	timeline.Entry
}

// NewTimeline makes the repository of a store.
func NewTimeline(store *memory.Store) *Timeline {
	return &Timeline{rows: memory.NewTable(store, "contacts_timeline",
		memory.Index[entryRow]{Name: "id", Less: func(a, b *entryRow) bool { return before(a.ws, b.ws, a.ID.Compare(b.ID)) }},
		memory.Index[entryRow]{Name: "contact", Less: func(a, b *entryRow) bool {
			return before(a.ws, b.ws, cmp.Or(a.ContactID.Compare(b.ContactID), a.At.Compare(b.At), a.ID.Compare(b.ID)))
		}})}
}

// Append implements timeline.Repository.
func (r *Timeline) Append(ctx context.Context, ws engage.WorkspaceID, entries []timeline.Entry) error {
	rows, err := r.rows.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall("memcontacts.Append", ws, len(entries))
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, exists := rows.Get("id", &entryRow{ws: ws, Entry: e}); !exists {
			rows.Set(&entryRow{ws: ws, Entry: e})
		}
	}
	return nil
}

// List implements timeline.Repository.
func (r *Timeline) List(ctx context.Context, ws engage.WorkspaceID, query timeline.Query) (engage.Page[timeline.Entry], error) {
	rows := r.rows.Read(ctx)
	return merged(ws, query.PageRequest, query.Binding(ws), query.Contacts, true,
		func(id contacts.ID, yield func(*entryRow)) {
			for row := range rows.Ascend("contact", &entryRow{ws: ws, Entry: timeline.Entry{ContactID: id}}) {
				if row.ws != ws || row.ContactID != id {
					break
				}
				if len(query.Kinds) == 0 || slices.Contains(query.Kinds, row.Kind) {
					yield(row)
				}
			}
		},
		func(row *entryRow) (time.Time, engage.EventID) { return row.At, row.ID },
		func(row *entryRow) timeline.Entry { return row.Entry })
}

// Forget implements timeline.Repository.
func (r *Timeline) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) error {
	rows, err := r.rows.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall("memcontacts.Forget", ws, len(ids))
	}
	if err != nil {
		return err
	}
	for _, id := range sorted(ids) {
		for row := range rows.Ascend("contact", &entryRow{ws: ws, Entry: timeline.Entry{ContactID: id}}) {
			if row.ws != ws || row.ContactID != id {
				break
			}
			rows.Delete(row)
		}
	}
	return nil
}

// merged makes a page of the rows of several contacts, ordered by instant and id.
func merged[Row, T any, ID engage.ID[K], K engage.Kind](
	ws engage.WorkspaceID, request engage.PageRequest, query string, owners []contacts.ID, descending bool,
	rowsOf func(contacts.ID, func(*Row)), key func(*Row) (time.Time, ID), item func(*Row) T,
) (engage.Page[T], error) {
	var page engage.Page[T]
	if err := engage.CheckCall("memcontacts.List", ws, len(owners)); err != nil {
		return page, err
	}
	after, err := request.After.Open(query)
	if err != nil {
		return page, err
	}
	size, err := request.Size()
	if err != nil {
		return page, err
	}
	compare := func(at time.Time, id ID, bt time.Time, bid ID) int {
		order := cmp.Or(at.Compare(bt), engage.ID[K](id).Compare(engage.ID[K](bid)))
		if descending {
			order = -order
		}
		return order
	}
	var lastAt time.Time
	var lastID ID
	if after != nil {
		if lastAt, lastID, err = openKey[ID, K](after); err != nil {
			return page, err
		}
	}
	var rows []*Row
	for _, owner := range sorted(owners) {
		rowsOf(owner, func(row *Row) {
			if at, id := key(row); after == nil || compare(at, id, lastAt, lastID) > 0 {
				rows = append(rows, row)
			}
		})
	}
	slices.SortFunc(rows, func(a, b *Row) int {
		at, aid := key(a)
		bt, bid := key(b)
		return compare(at, aid, bt, bid)
	})
	return collect(slices.Values(rows), query, size, func(*Row) step { return take }, func(row *Row) (T, []byte) {
		at, id := key(row)
		return item(row), sealKey(at, engage.ID[K](id))
	}), nil
}
