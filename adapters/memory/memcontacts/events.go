package memcontacts

import (
	"cmp"
	"context"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
)

// Events implements events.Repository and events.RepositoryAcross.
type Events struct {
	rows *memory.Table[eventRow]
}

var (
	_ events.Repository       = (*Events)(nil)
	_ events.RepositoryAcross = (*Events)(nil)
)

type eventRow struct {
	ws engage.WorkspaceID
	events.Event
}

// NewEvents makes the repository of a store.
func NewEvents(store *memory.Store) *Events {
	return &Events{rows: memory.NewTable(store, "contacts_events",
		memory.Index[eventRow]{Name: "id", Less: func(a, b *eventRow) bool { return before(a.ws, b.ws, a.ID.Compare(b.ID)) }},
		memory.Index[eventRow]{Name: "contact", Less: func(a, b *eventRow) bool {
			return before(a.ws, b.ws, cmp.Or(a.ContactID.Compare(b.ContactID), a.OccurredAt.Compare(b.OccurredAt), a.ID.Compare(b.ID)))
		}})}
}

// Append implements events.Repository.
func (r *Events) Append(ctx context.Context, ws engage.WorkspaceID, all []events.Event) ([]bool, error) {
	rows, err := r.rows.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall("memcontacts.Append", ws, len(all))
	}
	if err != nil {
		return nil, err
	}
	isNew := make([]bool, len(all))
	for i, e := range all {
		isNew[i] = appendNew(rows, &eventRow{ws: ws, Event: e})
	}
	return isNew, nil
}

// AppendAcross implements events.RepositoryAcross.
func (r *Events) AppendAcross(ctx context.Context, shard engage.Shard, all []events.EventAcross) ([]bool, error) {
	rows, err := r.rows.WriteShard(ctx, shard)
	if err != nil {
		return nil, err
	}
	if err := checkAcross("memcontacts.AppendAcross", len(all)); err != nil {
		return nil, err
	}
	isNew := make([]bool, len(all))
	for i, e := range all {
		isNew[i] = appendNew(rows, &eventRow{ws: e.Workspace, Event: e.Event})
	}
	return isNew, nil
}

func appendNew(rows memory.Writer[eventRow], row *eventRow) bool {
	_, exists := rows.Get("id", row)
	if !exists {
		rows.Set(row)
	}
	return !exists
}

// checkAcross is engage.CheckCall for calls that name no workspace.
func checkAcross(op string, items int) error {
	var faults engage.Faults
	if items > engage.MaxBatch {
		faults.Add("items", "too_many", "%d, at most %d", items, engage.MaxBatch)
	}
	return faults.Err(op, "")
}

// Get implements events.Repository.
func (r *Events) Get(ctx context.Context, ws engage.WorkspaceID, ids []events.ID) ([]events.Event, error) {
	if err := engage.CheckCall("memcontacts.Get", ws, len(ids)); err != nil {
		return nil, err
	}
	var found []events.Event
	rows := r.rows.Read(ctx)
	for _, id := range sorted(ids) {
		if row, ok := rows.Get("id", &eventRow{ws: ws, Event: events.Event{ID: id}}); ok {
			found = append(found, row.Event)
		}
	}
	return found, nil
}

// History implements events.Repository.
func (r *Events) History(ctx context.Context, ws engage.WorkspaceID, query events.Query) (engage.Page[events.Event], error) {
	rows := r.rows.Read(ctx)
	return merged(ws, query.PageRequest, query.Binding(ws), query.Contacts, query.Descending,
		func(id contacts.ID, yield func(*eventRow)) {
			for row := range rows.Ascend("contact", &eventRow{ws: ws, Event: events.Event{ContactID: id}}) {
				if row.ws != ws || row.ContactID != id {
					break
				}
				if query.Name == "" || row.Name == query.Name {
					yield(row)
				}
			}
		},
		func(row *eventRow) (time.Time, events.ID) { return row.OccurredAt, row.ID },
		func(row *eventRow) events.Event { return row.Event })
}

// Scan implements events.Repository.
func (r *Events) Scan(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[events.Event], error) {
	var page engage.Page[events.Event]
	after, size, query, err := open(ws, "contacts_events", request)
	if err != nil {
		return page, err
	}
	pivot := &eventRow{ws: ws}
	if after != nil {
		if pivot.ID, err = openID[events.ID](after); err != nil {
			return page, err
		}
	}
	return collect(r.rows.Read(ctx).Ascend("id", pivot), query, size, func(row *eventRow) step {
		return verdict(row.ws == ws, row.ID == pivot.ID)
	}, func(row *eventRow) (events.Event, []byte) { return row.Event, row.ID[:] }), nil
}

// Forget implements events.Repository.
func (r *Events) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) (int, error) {
	rows, err := r.rows.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall("memcontacts.Forget", ws, len(ids))
	}
	if err != nil {
		return 0, err
	}
	n := 0
	for _, id := range sorted(ids) {
		for row := range rows.Ascend("contact", &eventRow{ws: ws, Event: events.Event{ContactID: id}}) {
			if row.ws != ws || row.ContactID != id {
				break
			}
			rows.Delete(row)
			n++
		}
	}
	return n, nil
}
