package bunaccounts

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// Directory is the database that holds the package's tables.
type Directory struct {
	store *bunstore.Store
	shard engage.Shard
}

// NewDirectory answers the directory of a store: a shard, which is that of the
// service's Config; "" is engage.DefaultShard.
func NewDirectory(store *bunstore.Store, shard engage.Shard) *Directory {
	if shard == "" {
		shard = engage.DefaultShard
	}
	return &Directory{store, shard}
}

// write answers the connection of a write for a workspace or for the log of an
// organization: the transaction of the directory, or one that is pinned to this
// very workspace.
func (d *Directory) write(ctx context.Context, op string, ws engage.WorkspaceID, items int) (bun.IDB, error) {
	if err := engage.CheckCall(op, ws, items); err != nil {
		return nil, err
	}
	db, err := d.store.WriteShard(ctx, d.shard)
	if err == nil || !errors.Is(err, engage.ErrFailedPrecondition) {
		return db, err
	}
	if db, err = d.store.Write(ctx, ws); err != nil {
		return nil, err
	}
	if here, err := d.store.ReadShard(ctx, d.shard); err != nil || here != db {
		return nil, &engage.Error{Code: engage.FailedPrecondition, Op: op, Err: errors.New("the transaction is on another database than the directory")}
	}
	return db, nil
}

// read answers the connection of a read.
func (d *Directory) read(ctx context.Context, op string, ws engage.WorkspaceID, items int) (bun.IDB, error) {
	if err := engage.CheckCall(op, ws, items); err != nil {
		return nil, err
	}
	return d.store.ReadShard(ctx, d.shard)
}

// locking keeps the rows of a query from others; a SQLite transaction has the
// database to itself.
func locking(q *bun.SelectQuery) *bun.SelectQuery {
	if bunstore.DialectOf(q) == bunstore.SQLite {
		return q
	}
	return q.For("UPDATE")
}

// among is the condition that a column is one of some ids, sorted, so that rows
// are locked in their order.
func among[T ~[16]byte](column string, ids []T) schema.QueryWithArgs {
	sorted := bunstore.UIDs(ids)
	slices.SortFunc(sorted, func(a, b bunstore.UID) int { return bytes.Compare(a[:], b[:]) })
	return bun.SafeQuery("? IN (?)", bun.Ident(column), bun.List(slices.Compact(sorted)))
}

// insertOne writes a row, or answers ErrAlreadyExists without a failed
// statement where the database has a way to.
func insertOne(ctx context.Context, op, entity string, db bun.IDB, row any) error {
	q := db.NewInsert().Model(row).Returning("NULL")
	if bunstore.DialectOf(db) != bunstore.MariaDB {
		q = q.On("CONFLICT DO NOTHING")
	}
	result, err := q.Exec(ctx)
	return requireOne(ctx, op, entity, engage.AlreadyExists, result, err)
}

// requireOne answers an error of a code unless a statement changed a row.
func requireOne(ctx context.Context, op, entity string, otherwise engage.Code, result sql.Result, err error) error {
	var n int64
	if err == nil {
		n, err = result.RowsAffected()
	}
	if err == nil && n == 0 {
		return &engage.Error{Code: otherwise, Op: op, Entity: entity}
	}
	return bunstore.MapError(ctx, op, entity, err)
}

// upsert writes rows whose only unique key is key, and replaces one column of
// those that exist.
func upsert[Row any](ctx context.Context, op string, db bun.IDB, rows []Row, key, column string) error {
	if len(rows) == 0 {
		return nil
	}
	q := db.NewInsert().Model(&rows).Returning("NULL")
	if bunstore.DialectOf(db) == bunstore.MariaDB {
		q = q.On("DUPLICATE KEY UPDATE").Set("? = VALUES(?)", bun.Ident(column), bun.Ident(column))
	} else {
		q = q.On("CONFLICT (?) DO UPDATE", bun.Safe(key)).Set("? = EXCLUDED.?", bun.Ident(column), bun.Ident(column))
	}
	_, err := q.Exec(ctx)
	return bunstore.MapError(ctx, op, "", err)
}

// stamp is what tells whether a row may be updated.
type stamp struct {
	ID      bunstore.UID `bun:"id"`
	Version int64        `bun:"version"`
}

// requireCurrent locks the rows that a query finds, those with an id or with the
// unique key that it is to have, and answers why the one may not be updated.
func requireCurrent[T ~[16]byte](ctx context.Context, op, entity string, q *bun.SelectQuery, id T, version engage.Version) error {
	var found []stamp
	if err := locking(q.Column("id", "version").OrderExpr("id")).Scan(ctx, &found); err != nil {
		return bunstore.MapError(ctx, op, entity, err)
	}
	var code engage.Code
	switch i := slices.IndexFunc(found, func(s stamp) bool { return s.ID == bunstore.UID(id) }); {
	case i < 0:
		code = engage.NotFound
	case found[i].Version != int64(version):
		code = engage.Conflict
	case len(found) > 1:
		code = engage.AlreadyExists
	default:
		return nil
	}
	return &engage.Error{Code: code, Op: op, Entity: entity}
}

// listed reads one page: q selects what belongs to the list, column orders it,
// and value makes of a cursor's key what the column is compared with.
func listed[Row, T any](
	ctx context.Context, op, query string, q *bun.SelectQuery, rows *[]Row, request engage.PageRequest, column string,
	value func([]byte) (any, error), key func(Row) []byte, item func(Row) (T, error),
) (engage.Page[T], error) {
	var page engage.Page[T]
	after, err := request.After.Open(query)
	if err != nil {
		return page, err
	}
	size, err := request.Size()
	if err != nil {
		return page, err
	}
	keyset := bunstore.Keyset{Columns: []string{column}}
	if after == nil {
		q = keyset.Apply(q, size)
	} else {
		from, err := value(after)
		if err != nil {
			return page, err
		}
		q = keyset.Apply(q, size, from)
	}
	if err := q.Scan(ctx); err != nil {
		return page, bunstore.MapError(ctx, op, "", err)
	}
	return bunstore.PageOf(*rows, size, query, key, item)
}

// idValue and keyValue are what lists ordered by id and by a folded name compare
// their cursors with.
func idValue(key []byte) (any, error) {
	var id bunstore.UID
	if len(key) != len(id) {
		var faults engage.Faults
		faults.Add("after", "invalid", "this cursor is damaged")
		return nil, faults.Err("engage.Cursor", "")
	}
	copy(id[:], key)
	return id, nil
}

func keyValue(key []byte) (any, error) { return bunstore.Key(key), nil }

// plain makes an item of a row that can't be damaged.
func plain[Row, T any](item func(Row) T) func(Row) (T, error) {
	return func(row Row) (T, error) { return item(row), nil }
}

// each makes items of rows; no rows make nil.
func each[Row, T any](rows []Row, item func(Row) T) []T {
	if len(rows) == 0 {
		return nil
	}
	out := make([]T, len(rows))
	for i, row := range rows {
		out[i] = item(row)
	}
	return out
}

// eachOf is each with items that may be damaged.
func eachOf[Row, T any](rows []Row, item func(Row) (T, error)) ([]T, error) {
	var out []T
	for _, row := range rows {
		one, err := item(row)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}
