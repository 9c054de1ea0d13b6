package buncontacts

import (
	"bytes"
	"context"
	"database/sql"
	"iter"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// chunkBytes bounds the rows of one statement, so that literals of twice the
// size stay far under the smallest packet that databases take.
const chunkBytes = 1 << 20

// rowBytes is what the fixed columns of a row take at most.
const rowBytes = 256

// sized is a row that knows about how long it is as SQL.
type sized interface{ size() int }

// chunks cuts rows into the statements that write them.
func chunks[Row sized](rows []Row) iter.Seq[[]Row] {
	return func(yield func([]Row) bool) {
		for len(rows) > 0 {
			n, total := 1, rows[0].size()
			for n < len(rows) && n < engage.MaxBatch && total+rows[n].size() <= chunkBytes {
				total += rows[n].size()
				n++
			}
			if !yield(rows[:n:n]) {
				return
			}
			rows = rows[n:]
		}
	}
}

// insert writes rows, none of which may exist.
func insert[Row sized](ctx context.Context, db bun.IDB, rows []Row) error {
	for chunk := range chunks(rows) {
		if err := bunstore.Insert(ctx, db, chunk); err != nil {
			return err
		}
	}
	return nil
}

// upsert writes rows whose only unique key is key, and replaces columns of those
// that exist. On MariaDB a second unique key would have another row replaced.
func upsert[Row sized](ctx context.Context, db bun.IDB, rows []Row, key []string, columns ...string) error {
	for chunk := range chunks(rows) {
		if err := bunstore.Upsert(ctx, db, chunk, key, columns...); err != nil {
			return err
		}
	}
	return nil
}

// among is the condition that a column is one of some ids, sorted: where MariaDB
// makes a join of a long list, it locks rows in the list's order.
func among[T ~[16]byte](column string, ids []T) schema.QueryWithArgs {
	sorted := bunstore.UIDs(ids)
	slices.SortFunc(sorted, func(a, b bunstore.UID) int { return bytes.Compare(a[:], b[:]) })
	return bun.SafeQuery("? IN (?)", bun.Ident(column), bun.List(slices.Compact(sorted)))
}

// ofContacts is the condition that contact_id and another column are one of some
// pairs, sorted. PostgreSQL plans a list of a thousand rows in seconds and one of
// VALUES in milliseconds; it reads the contacts' rows by index and the list
// chooses among them.
type ofContacts struct {
	column string
	pairs  [][2]bunstore.UID
}

// AppendQuery implements schema.QueryAppender.
func (in ofContacts) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	contacts := make([]bunstore.UID, len(in.pairs))
	tuples := make(bunstore.Tuples, len(in.pairs))
	for i, pair := range in.pairs {
		contacts[i] = pair[0]
		tuples[i] = []any{pair[0], pair[1]}
	}
	if bunstore.DialectOf(gen) != bunstore.PostgreSQL {
		return gen.AppendQuery(b, "(contact_id, ?) IN ?", bun.Ident(in.column), tuples), nil
	}
	b = gen.AppendQuery(b, "contact_id IN (?) AND (contact_id, ?) IN (VALUES ", bun.List(slices.Compact(contacts)), bun.Ident(in.column))
	cast := "::uuid" // the first row says what the columns are
	for i, pair := range in.pairs {
		if i > 0 {
			b, cast = append(b, ','), ""
		}
		b = gen.AppendQuery(b, "(?"+cast+", ?"+cast+")", pair[0], pair[1])
	}
	return append(b, ')'), nil
}

// writer answers the connection of a write method, after the checks that all of
// them begin with.
func writer(ctx context.Context, store *bunstore.Store, op string, ws engage.WorkspaceID, items int) (bun.IDB, error) {
	db, err := store.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall(op, ws, items)
	}
	return db, err
}

// writerAcross is writer for methods that serve all workspaces of a database.
func writerAcross(ctx context.Context, store *bunstore.Store, op string, shard engage.Shard, items int) (bun.IDB, error) {
	db, err := store.WriteShard(ctx, shard)
	if err != nil {
		return nil, err
	}
	var faults engage.Faults
	if items > engage.MaxBatch {
		faults.Add("items", "too_many", "%d, at most %d", items, engage.MaxBatch)
	}
	return db, faults.Err(op, "")
}

// affected is how many rows a statement changed.
func affected(ctx context.Context, op string, result sql.Result, err error) (int, error) {
	var n int64
	if err == nil {
		n, err = result.RowsAffected()
	}
	return int(n), bunstore.MapError(ctx, op, "", err)
}

// insertOne writes a row, or answers ErrAlreadyExists without a failed
// statement where the database has a way to.
func insertOne(ctx context.Context, op, entity string, db bun.IDB, row any) error {
	q := db.NewInsert().Model(row).Returning("NULL")
	if bunstore.DialectOf(db) != bunstore.MariaDB {
		q = q.On("CONFLICT DO NOTHING")
	}
	result, err := q.Exec(ctx)
	if err != nil {
		return bunstore.MapError(ctx, op, entity, err)
	}
	n, err := affected(ctx, op, result, nil)
	if err == nil && n == 0 {
		return &engage.Error{Code: engage.AlreadyExists, Op: op, Entity: entity}
	}
	return err
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
