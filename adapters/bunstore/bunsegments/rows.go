package bunsegments

import (
	"bytes"
	"context"
	"database/sql"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// writer answers the connection of a write method, after the checks that all of
// them begin with.
func writer(ctx context.Context, store *bunstore.Store, op string, ws engage.WorkspaceID, items int) (bun.IDB, error) {
	db, err := store.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall(op, ws, items)
	}
	return db, err
}

// reader answers the connection of a read method, after the same checks.
func reader(ctx context.Context, store *bunstore.Store, op string, ws engage.WorkspaceID, items int) (bun.IDB, error) {
	if err := engage.CheckCall(op, ws, items); err != nil {
		return nil, err
	}
	return store.Read(ctx, ws)
}

// affected is how many rows a statement changed.
func affected(ctx context.Context, op string, result sql.Result, err error) (int, error) {
	var n int64
	if err == nil {
		n, err = result.RowsAffected()
	}
	return int(n), bunstore.MapError(ctx, op, "", err)
}

// amongIDs is the condition that a column is one of some ids, sorted, so that
// rows are locked in one order everywhere.
type amongIDs struct {
	column bun.Ident
	ids    []bunstore.UID
}

func among[T ~[16]byte](column string, ids []T) amongIDs {
	sorted := bunstore.UIDs(ids)
	slices.SortFunc(sorted, func(a, b bunstore.UID) int { return bytes.Compare(a[:], b[:]) })
	return amongIDs{bun.Ident(column), slices.Compact(sorted)}
}

// AppendQuery implements schema.QueryAppender. MariaDB makes a join of a list of
// a thousand and may then read the whole workspace, so it gets two lists.
func (in amongIDs) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	if half := len(in.ids) / 2; len(in.ids) >= engage.MaxBatch && bunstore.DialectOf(gen) == bunstore.MariaDB {
		return gen.AppendQuery(b, "(?0 IN (?1) OR ?0 IN (?2))", in.column, bun.List(in.ids[:half]), bun.List(in.ids[half:])), nil
	}
	return gen.AppendQuery(b, "? IN (?)", in.column, bun.List(in.ids)), nil
}

// locking holds the rows of a query until the transaction ends. SQLite's writer
// is alone.
func locking(q *bun.SelectQuery) *bun.SelectQuery {
	if bunstore.DialectOf(q) == bunstore.SQLite {
		return q
	}
	return q.For("UPDATE")
}

// open begins a list that is ordered by ids: it answers what a Keyset continues
// from and the page's size.
func open(op string, ws engage.WorkspaceID, query string, request engage.PageRequest) (after []any, size int, err error) {
	if err := engage.CheckCall(op, ws, 0); err != nil {
		return nil, 0, err
	}
	key, err := request.After.Open(query)
	if err != nil {
		return nil, 0, err
	}
	if key != nil {
		var id bunstore.UID
		if len(key) != len(id) {
			var faults engage.Faults
			faults.Add("after", "invalid", "this cursor is damaged")
			return nil, 0, faults.Err("engage.Cursor", "")
		}
		copy(id[:], key)
		after = []any{id}
	}
	size, err = request.Size()
	return after, size, err
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
