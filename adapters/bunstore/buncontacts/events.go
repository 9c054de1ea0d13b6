package buncontacts

import (
	"context"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/uptrace/bun"
)

// Events implements events.Repository and events.RepositoryAcross.
type Events struct{ store *bunstore.Store }

var (
	_ events.Repository       = (*Events)(nil)
	_ events.RepositoryAcross = (*Events)(nil)
)

type eventRow struct {
	bun.BaseModel `bun:"table:engage_contacts_events,alias:e"`

	Workspace  bunstore.UID    `bun:"workspace_id,pk"`
	ID         bunstore.UID    `bun:"id,pk"`
	ContactID  bunstore.UID    `bun:"contact_id"`
	Name       bunstore.Key    `bun:"name"`
	OccurredAt bunstore.Micros `bun:"occurred_at"`
	ReceivedAt bunstore.Micros `bun:"received_at"`
	Properties bunstore.JSON   `bun:"properties"`
}

func eventRowOf(ws engage.WorkspaceID, e events.Event) eventRow {
	return eventRow{
		Workspace: bunstore.UID(ws), ID: bunstore.UID(e.ID), ContactID: bunstore.UID(e.ContactID), Name: bunstore.Key(e.Name),
		OccurredAt: bunstore.Micros(e.OccurredAt), ReceivedAt: bunstore.Micros(e.ReceivedAt), Properties: jsonOf(e.Properties),
	}
}

func (r eventRow) key() key { return key{r.Workspace, r.ID} }

func (r eventRow) size() int { return rowBytes + len(r.Name) + len(r.Properties) }

func (r eventRow) event() (events.Event, error) {
	properties, err := valueOf(r.Properties)
	return events.Event{
		ID: events.ID(r.ID), ContactID: contacts.ID(r.ContactID), Name: string(r.Name),
		OccurredAt: r.OccurredAt.Time(), ReceivedAt: r.ReceivedAt.Time(), Properties: properties,
	}, err
}

// jsonOf is how a value stands in a row; the zero Value is NULL.
func jsonOf(v attribute.Value) bunstore.JSON {
	if v.IsZero() {
		return nil
	}
	return bunstore.JSON(v.String())
}

// valueOf reads what jsonOf wrote. The database may have reordered it.
func valueOf(j bunstore.JSON) (attribute.Value, error) {
	if j == nil {
		return attribute.Value{}, nil
	}
	v, err := attribute.Parse(j)
	if err != nil {
		return v, &engage.Error{Code: engage.Internal, Op: "buncontacts", Err: err}
	}
	return v, nil
}

// NewEvents makes the repository of a store.
func NewEvents(store *bunstore.Store) *Events { return &Events{store} }

// Get implements events.Repository.
func (r *Events) Get(ctx context.Context, ws engage.WorkspaceID, ids []events.ID) ([]events.Event, error) {
	const op = "buncontacts.Get"
	if err := engage.CheckCall(op, ws, len(ids)); err != nil {
		return nil, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var rows []eventRow
	err = db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).
		Where("?", among("id", ids)).OrderExpr("id").Scan(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	var found []events.Event
	for _, row := range rows {
		e, err := row.event()
		if err != nil {
			return nil, err
		}
		found = append(found, e)
	}
	return found, nil
}

// History implements events.Repository. The index gives the events of one contact
// in the order of the page, and it stops at its end; those of several contacts
// are all read and sorted.
func (r *Events) History(ctx context.Context, ws engage.WorkspaceID, query events.Query) (engage.Page[events.Event], error) {
	const op = "buncontacts.History"
	var page engage.Page[events.Event]
	after, size, err := open(op, ws, query.Binding(ws), query.PageRequest, len(query.Contacts))
	if err != nil {
		return page, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil || len(query.Contacts) == 0 {
		return page, err
	}
	var rows []eventRow
	q := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).
		Where("?", among("contact_id", query.Contacts))
	if query.Name != "" {
		q = q.Where("name = ?", bunstore.Key(query.Name))
	}
	if q, err = byTime(q, "occurred_at", after, size, query.Descending); err != nil {
		return page, err
	}
	if err := q.Scan(ctx); err != nil {
		return page, bunstore.MapError(ctx, op, "", err)
	}
	return bunstore.PageOf(rows, size, query.Binding(ws), func(row eventRow) []byte { return sealKey(row.OccurredAt, row.ID) }, eventRow.event)
}

// Scan implements events.Repository.
func (r *Events) Scan(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[events.Event], error) {
	const op = "buncontacts.Scan"
	query := "contacts_events|" + ws.String()
	var page engage.Page[events.Event]
	after, size, err := open(op, ws, query, request, 0)
	if err != nil {
		return page, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil {
		return page, err
	}
	var rows []eventRow
	q, err := byID(db.NewSelect().Model(&rows).
		Where("workspace_id = ?", bunstore.UID(ws)), "id", after, size, false)
	if err != nil {
		return page, err
	}
	if err := q.Scan(ctx); err != nil {
		return page, bunstore.MapError(ctx, op, "", err)
	}
	return bunstore.PageOf(rows, size, query, func(row eventRow) []byte { return row.ID[:] }, eventRow.event)
}

// Forget implements events.Repository.
func (r *Events) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) (int, error) {
	const op = "buncontacts.Forget"
	db, err := writer(ctx, r.store, op, ws, len(ids))
	if err != nil {
		return 0, err
	}
	return forget[eventRow](ctx, op, db, ws, ids)
}
