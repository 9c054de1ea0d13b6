package buncontacts

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/contacts/events"
	"github.com/uptrace/bun"
)

// appendEvents writes events whose ids are not taken, and answers how many those
// were, and which unless all were: the answer is one row in the common case, and
// the statement's text is constant, so that it stays prepared. Its first array
// holds the workspace of each event, or one for all.
const appendEvents = `WITH fresh AS (
	INSERT INTO engage_contacts_events (workspace_id, id, contact_id, name, occurred_at, received_at, properties)
	SELECT COALESCE(u.workspace_id, ($1::uuid[])[1]), u.id, u.contact_id, u.name, u.occurred_at, u.received_at, u.properties::jsonb
	FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::text[])
		AS u (workspace_id, id, contact_id, name, occurred_at, received_at, properties)
	ON CONFLICT (workspace_id, id) DO NOTHING RETURNING workspace_id, id
) SELECT count(*), CASE WHEN count(*) < ($8::bigint[])[1] THEN string_agg(encode(uuid_send(workspace_id) || uuid_send(id), 'hex'), '') END FROM fresh`

// key is what tells rows of all workspaces apart.
type key struct{ workspace, id bunstore.UID }

func (k key) uid() bunstore.UID { return k.id }

func (k key) compare(other key) int {
	return cmp.Or(bytes.Compare(k.workspace[:], other.workspace[:]), bytes.Compare(k.id[:], other.id[:]))
}

// Append implements events.Repository.
func (r *Events) Append(ctx context.Context, ws engage.WorkspaceID, all []events.Event) ([]bool, error) {
	const op = "buncontacts.Append"
	db, err := writer(ctx, r.store, op, ws, len(all))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	rows := make([]eventRow, len(all))
	for i, e := range all {
		rows[i] = eventRowOf(ws, e)
	}
	isNew, err := r.append(ctx, db, rows)
	return isNew, bunstore.MapError(ctx, op, "", err)
}

// AppendAcross implements events.RepositoryAcross.
func (r *Events) AppendAcross(ctx context.Context, shard engage.Shard, all []events.EventAcross) ([]bool, error) {
	const op = "buncontacts.AppendAcross"
	db, err := writerAcross(ctx, r.store, op, shard, len(all))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	rows := make([]eventRow, len(all))
	for i, e := range all {
		rows[i] = eventRowOf(e.Workspace, e.Event)
	}
	isNew, err := r.append(ctx, db, rows)
	return isNew, bunstore.MapError(ctx, op, "", err)
}

// append writes rows of any workspaces and answers which were new.
func (r *Events) append(ctx context.Context, db bun.IDB, rows []eventRow) ([]bool, error) {
	if r.store.Dialect() == bunstore.MariaDB {
		return bunstore.InsertNew(ctx, db, rows, "workspace_id", "id")
	}
	keys := each(rows, eventRow.key)
	slices.SortStableFunc(rows, func(a, b eventRow) int { return a.key().compare(b.key()) })
	rows = slices.CompactFunc(rows, func(a, b eventRow) bool { return a.key() == b.key() })
	appendChunk := r.appendArrays
	if r.store.Dialect() == bunstore.SQLite {
		appendChunk = r.appendAlone
	}
	fresh := make(map[key]bool, len(rows))
	for chunk := range chunks(rows) {
		written, err := appendChunk(ctx, db, chunk)
		if err != nil {
			return nil, err
		}
		for _, k := range written {
			fresh[k] = true
		}
	}
	isNew := make([]bool, len(keys))
	for i, k := range keys {
		isNew[i] = fresh[k]
		delete(fresh, k)
	}
	return isNew, nil
}

// appendAlone is the way of SQLite, whose writer is alone: to insert all, and only
// when that fails to look which are there, is a tenth faster than to ask each
// time which were inserted.
func (r *Events) appendAlone(ctx context.Context, db bun.IDB, rows []eventRow) ([]key, error) {
	err := insert(ctx, db, rows)
	if engage.CodeOf(bunstore.MapError(ctx, "", "", err)) != engage.AlreadyExists {
		return each(rows, eventRow.key), err
	}
	there, err := present[eventRow](ctx, db, each(rows, eventRow.key))
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(e eventRow) bool { return there[e.key()] })
	return each(rows, eventRow.key), insert(ctx, db, rows)
}

// present answers which of the keys, sorted, the table of a model holds.
func present[Row any](ctx context.Context, db bun.IDB, keys []key) (map[key]bool, error) {
	var found []struct {
		Workspace bunstore.UID `bun:"workspace_id"`
		ID        bunstore.UID `bun:"id"`
	}
	var err error
	if workspaces := workspacesOf(keys); len(workspaces) == 1 {
		err = db.NewSelect().Model((*Row)(nil)).Column("workspace_id", "id").
			Where("workspace_id = ?", workspaces[0]).Where("?", among("id", each(keys, key.uid))).Scan(ctx, &found)
	} else {
		// An IN over two columns of a table with several indexes takes MariaDB
		// 360 ms to plan for 256 rows. SQLite reads the left side of a CROSS JOIN
		// first.
		table := db.Dialect().Tables().Get(reflect.TypeFor[Row]())
		err = db.NewRaw("WITH asked (w, i) AS (VALUES ?) SELECT workspace_id, id FROM asked CROSS JOIN ? ON workspace_id = w AND id = i",
			tuplesOf(keys).Rows(), table.SQLName).Scan(ctx, &found)
	}
	there := make(map[key]bool, len(found))
	for _, one := range found {
		there[key{one.Workspace, one.ID}] = true
	}
	return there, err
}

func tuplesOf(keys []key) bunstore.Tuples {
	tuples := make(bunstore.Tuples, len(keys))
	for i, k := range keys {
		tuples[i] = []any{k.workspace, k.id}
	}
	return tuples
}

// appendArrays runs appendEvents and answers which keys were new.
func (r *Events) appendArrays(ctx context.Context, db bun.IDB, rows []eventRow) ([]key, error) {
	keys := each(rows, eventRow.key)
	fresh, all, err := whichOf(ctx, r.store, db, appendEvents, workspacesOf(keys), each(keys, key.uid),
		each(rows, func(e eventRow) bunstore.UID { return e.ContactID }), each(rows, func(e eventRow) bunstore.Key { return e.Name }),
		each(rows, func(e eventRow) bunstore.Micros { return e.OccurredAt }), each(rows, func(e eventRow) bunstore.Micros { return e.ReceivedAt }),
		each(rows, func(e eventRow) bunstore.JSON { return e.Properties }), []int64{int64(len(rows))})
	if all {
		return keys, err
	}
	return fresh, err
}

// workspacesOf is the workspace of each key, or the one of all, in keys sorted by
// it.
func workspacesOf(keys []key) []bunstore.UID {
	if keys[0].workspace == keys[len(keys)-1].workspace {
		return []bunstore.UID{keys[0].workspace}
	}
	return each(keys, func(k key) bunstore.UID { return k.workspace })
}

// whichOf runs a statement with arrays, the last of which holds a count, that
// answers a count and, if that is less, keys in hexadecimal. all says that it is
// not.
func whichOf(ctx context.Context, store *bunstore.Store, db bun.IDB, query string, arrays ...any) (keys []key, all bool, err error) {
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
		for k := range slices.Chunk(raw, 2*len(bunstore.UID{})) {
			keys = append(keys, key{bunstore.UID(k[:16]), bunstore.UID(k[16:])})
		}
		return keys, false, nil
	}
	return nil, count > 0, nil
}
