package buncontacts

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/timeline"
	"github.com/uptrace/bun"
)

// Timeline implements timeline.Repository.
type Timeline struct{ store *bunstore.Store }

var _ timeline.Repository = (*Timeline)(nil)

type entryRow struct {
	bun.BaseModel `bun:"table:engage_contacts_timeline,alias:t"`

	Workspace bunstore.UID    `bun:"workspace_id,pk"`
	ID        bunstore.UID    `bun:"id,pk"`
	ContactID bunstore.UID    `bun:"contact_id"`
	Kind      bunstore.Text   `bun:"kind"`
	At        bunstore.Micros `bun:"occurred_at"`
	Title     bunstore.Text   `bun:"title"`
	Data      bunstore.JSON   `bun:"data"`
}

func (r entryRow) size() int { return rowBytes + len(r.Title) + len(r.Data) }

func (r entryRow) entry() (timeline.Entry, error) {
	data, err := valueOf(r.Data)
	return timeline.Entry{
		ID: engage.EventID(r.ID), ContactID: contacts.ID(r.ContactID), Kind: timeline.Kind(r.Kind),
		At: r.At.Time(), Title: string(r.Title), Data: data,
	}, err
}

// NewTimeline makes the repository of a store.
func NewTimeline(store *bunstore.Store) *Timeline { return &Timeline{store} }

// Append implements timeline.Repository.
func (r *Timeline) Append(ctx context.Context, ws engage.WorkspaceID, entries []timeline.Entry) error {
	const op = "buncontacts.Append"
	db, err := writer(ctx, r.store, op, ws, len(entries))
	if err != nil {
		return err
	}
	rows := make([]entryRow, len(entries))
	for i, e := range entries {
		rows[i] = entryRow{
			Workspace: bunstore.UID(ws), ID: bunstore.UID(e.ID), ContactID: bunstore.UID(e.ContactID), Kind: bunstore.Text(e.Kind),
			At: bunstore.Micros(e.At), Title: bunstore.Text(e.Title), Data: jsonOf(e.Data),
		}
	}
	slices.SortStableFunc(rows, func(a, b entryRow) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	rows = slices.CompactFunc(rows, func(a, b entryRow) bool { return a.ID == b.ID })
	for chunk := range chunks(rows) {
		if err := r.appendChunk(ctx, db, ws, chunk); err != nil {
			return bunstore.MapError(ctx, op, "", err)
		}
	}
	return nil
}

const appendEntries = `INSERT INTO engage_contacts_timeline (workspace_id, id, contact_id, kind, occurred_at, title, data)
	SELECT ($1::uuid[])[1], u.id, u.contact_id, u.kind, u.occurred_at, u.title, u.data::jsonb
	FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::text[], $7::text[])
		AS u (id, contact_id, kind, occurred_at, title, data)
	ON CONFLICT (workspace_id, id) DO NOTHING`

func (r *Timeline) appendChunk(ctx context.Context, db bun.IDB, ws engage.WorkspaceID, rows []entryRow) error {
	switch r.store.Dialect() {
	case bunstore.PostgreSQL:
		written, err := r.store.QueryArrays(ctx, db, appendEntries, []bunstore.UID{bunstore.UID(ws)},
			each(rows, func(e entryRow) bunstore.UID { return e.ID }), each(rows, func(e entryRow) bunstore.UID { return e.ContactID }),
			each(rows, func(e entryRow) bunstore.Text { return e.Kind }), each(rows, func(e entryRow) bunstore.Micros { return e.At }),
			each(rows, func(e entryRow) bunstore.Text { return e.Title }), each(rows, func(e entryRow) bunstore.JSON { return e.Data }))
		if err != nil {
			return err
		}
		written.Next() // there are no rows; the statement's error comes with the first
		return errors.Join(written.Err(), written.Close())
	case bunstore.MariaDB:
		_, err := db.NewInsert().Model(&rows).On("DUPLICATE KEY UPDATE id = id").Returning("NULL").Exec(ctx)
		return err
	case bunstore.SQLite:
		_, err := db.NewInsert().Model(&rows).On("CONFLICT DO NOTHING").Returning("NULL").Exec(ctx)
		return err
	}
	return &engage.Error{Code: engage.Unimplemented, Op: "buncontacts.Append", Entity: r.store.Dialect().String()}
}

// List implements timeline.Repository.
func (r *Timeline) List(ctx context.Context, ws engage.WorkspaceID, query timeline.Query) (engage.Page[timeline.Entry], error) {
	const op = "buncontacts.List"
	var page engage.Page[timeline.Entry]
	after, size, err := open(op, ws, query.Binding(ws), query.PageRequest, len(query.Contacts))
	if err != nil {
		return page, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil || len(query.Contacts) == 0 {
		return page, err
	}
	var rows []entryRow
	q := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).
		Where("?", among("contact_id", query.Contacts))
	if len(query.Kinds) > 0 {
		kinds := each(query.Kinds, func(k timeline.Kind) bunstore.Text { return bunstore.Text(k) })
		q = q.Where("kind IN (?)", bun.List(kinds))
	}
	if q, err = byTime(q, "occurred_at", after, size, true); err != nil {
		return page, err
	}
	if err := q.Scan(ctx); err != nil {
		return page, bunstore.MapError(ctx, op, "", err)
	}
	return bunstore.PageOf(rows, size, query.Binding(ws), func(row entryRow) []byte { return sealKey(row.At, row.ID) }, entryRow.entry)
}

// Forget implements timeline.Repository.
func (r *Timeline) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) error {
	const op = "buncontacts.Forget"
	db, err := writer(ctx, r.store, op, ws, len(ids))
	if err != nil {
		return err
	}
	_, err = forget[entryRow](ctx, op, db, ws, ids)
	return err
}
