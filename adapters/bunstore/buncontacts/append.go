package buncontacts

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/contacts/events"
	"github.com/uptrace/bun"
)

// appendEvents writes events whose ids are not taken, and answers how many those
// were, and which unless all were: the answer is one row in the common case, and
// the statement's text is constant, so that it stays prepared.
const appendEvents = `WITH fresh AS (
	INSERT INTO engage_contacts_events (workspace_id, id, contact_id, name, occurred_at, received_at, properties)
	SELECT ($1::uuid[])[1], u.id, u.contact_id, u.name, u.occurred_at, u.received_at, u.properties::jsonb
	FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::text[])
		AS u (id, contact_id, name, occurred_at, received_at, properties)
	ON CONFLICT (workspace_id, id) DO NOTHING RETURNING id
) SELECT count(*), CASE WHEN count(*) < ($8::bigint[])[1] THEN string_agg(encode(uuid_send(id), 'hex'), '') END FROM fresh`

// Append implements events.Repository.
func (r *Events) Append(ctx context.Context, ws engage.WorkspaceID, all []events.Event) ([]bool, error) {
	const op = "buncontacts.Append"
	db, err := writer(ctx, r.store, op, ws, len(all))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	rows := make([]eventRow, len(all))
	for i, e := range all {
		rows[i] = eventRow{
			Workspace: bunstore.UID(ws), ID: bunstore.UID(e.ID), ContactID: bunstore.UID(e.ContactID), Name: bunstore.Key(e.Name),
			OccurredAt: bunstore.Micros(e.OccurredAt), ReceivedAt: bunstore.Micros(e.ReceivedAt), Properties: jsonOf(e.Properties),
		}
	}
	if r.store.Dialect() == bunstore.MariaDB {
		isNew, err := bunstore.InsertNew(ctx, db, rows, "workspace_id", "id")
		return isNew, bunstore.MapError(ctx, op, "", err)
	}
	slices.SortStableFunc(rows, func(a, b eventRow) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	rows = slices.CompactFunc(rows, func(a, b eventRow) bool { return a.ID == b.ID })
	appendChunk := r.appendArrays
	if r.store.Dialect() == bunstore.SQLite {
		appendChunk = r.appendAlone
	}
	fresh := make(map[bunstore.UID]bool, len(rows))
	for chunk := range chunks(rows) {
		ids, err := appendChunk(ctx, db, ws, chunk)
		if err != nil {
			return nil, bunstore.MapError(ctx, op, "", err)
		}
		for _, id := range ids {
			fresh[id] = true
		}
	}
	isNew := make([]bool, len(all))
	for i, e := range all {
		isNew[i] = fresh[bunstore.UID(e.ID)]
		delete(fresh, bunstore.UID(e.ID))
	}
	return isNew, nil
}

// appendAlone is the way of SQLite, whose writer is alone: to insert all, and only
// when that fails to look which are there, is a tenth faster than to ask each
// time which were inserted.
func (r *Events) appendAlone(ctx context.Context, db bun.IDB, ws engage.WorkspaceID, rows []eventRow) ([]bunstore.UID, error) {
	ids := each(rows, func(e eventRow) bunstore.UID { return e.ID })
	err := insert(ctx, db, rows)
	if engage.CodeOf(bunstore.MapError(ctx, "", "", err)) != engage.AlreadyExists {
		return ids, err
	}
	var there []bunstore.UID
	err = db.NewSelect().Model((*eventRow)(nil)).Column("id").Where("workspace_id = ?", bunstore.UID(ws)).
		Where("?", among("id", ids)).Scan(ctx, &there)
	if err != nil {
		return nil, err
	}
	old := make(map[bunstore.UID]bool, len(there))
	for _, id := range there {
		old[id] = true
	}
	rows = slices.DeleteFunc(rows, func(e eventRow) bool { return old[e.ID] })
	return each(rows, func(e eventRow) bunstore.UID { return e.ID }), insert(ctx, db, rows)
}

// appendArrays runs appendEvents and answers which ids were new.
func (r *Events) appendArrays(ctx context.Context, db bun.IDB, ws engage.WorkspaceID, rows []eventRow) ([]bunstore.UID, error) {
	ids := each(rows, func(e eventRow) bunstore.UID { return e.ID })
	fresh, all, err := whichOf(ctx, r.store, db, appendEvents, []bunstore.UID{bunstore.UID(ws)}, ids,
		each(rows, func(e eventRow) bunstore.UID { return e.ContactID }), each(rows, func(e eventRow) bunstore.Key { return e.Name }),
		each(rows, func(e eventRow) bunstore.Micros { return e.OccurredAt }), each(rows, func(e eventRow) bunstore.Micros { return e.ReceivedAt }),
		each(rows, func(e eventRow) bunstore.JSON { return e.Properties }), []int64{int64(len(rows))})
	if all {
		return ids, err
	}
	return fresh, err
}

// whichOf runs a statement with arrays, the last of which holds a count, that
// answers a count and, if that is less, ids in hexadecimal. all says that it is
// not.
func whichOf(ctx context.Context, store *bunstore.Store, db bun.IDB, query string, arrays ...any) (ids []bunstore.UID, all bool, err error) {
	rows, err := store.QueryArrays(ctx, db, query, arrays...)
	if err != nil {
		return nil, false, err
	}
	var count int64
	var packed sql.NullString
	if rows.Next() {
		err = rows.Scan(&count, &packed)
	}
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return nil, false, err
	}
	if packed.Valid {
		raw, err := hex.DecodeString(packed.String)
		if err != nil {
			return nil, false, err
		}
		for id := range slices.Chunk(raw, len(bunstore.UID{})) {
			ids = append(ids, bunstore.UID(id))
		}
		return ids, false, nil
	}
	return nil, count > 0, nil
}
