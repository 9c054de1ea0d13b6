package bunautomation

import (
	"context"
	"database/sql"
	"iter"

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

// reader is writer for read methods.
func reader(ctx context.Context, store *bunstore.Store, op string, ws engage.WorkspaceID, items int) (bun.IDB, error) {
	if err := engage.CheckCall(op, ws, items); err != nil {
		return nil, err
	}
	return store.Read(ctx, ws)
}

// each makes items of rows; no rows make nil.
func each[Row, T any](rows []Row, item func(Row) (T, error)) ([]T, error) {
	var out []T
	for _, row := range rows {
		made, err := item(row)
		if err != nil {
			return nil, err
		}
		out = append(out, made)
	}
	return out, nil
}

// affected is how many rows a statement changed.
func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// insertOne writes a row, or answers ErrAlreadyExists when its key is taken.
func insertOne[Row any](ctx context.Context, op, entity string, db bun.IDB, row []Row, key ...string) error {
	isNew, err := bunstore.InsertNew(ctx, db, row, key...)
	if err == nil && !isNew[0] {
		err = &engage.Error{Code: engage.AlreadyExists, Op: op, Entity: entity}
	}
	return bunstore.MapError(ctx, op, entity, err)
}

// chunkBytes bounds the rows of one statement, so that literals of twice the
// size stay far under the smallest packet that databases take.
const chunkBytes = 1 << 20

// chunks cuts rows of known sizes into the statements that write them.
func chunks[Row any](rows []Row, size func(Row) int) iter.Seq[[]Row] {
	return func(yield func([]Row) bool) {
		for len(rows) > 0 {
			n, total := 1, size(rows[0])
			for n < len(rows) && n < engage.MaxBatch && total+size(rows[n]) <= chunkBytes {
				total += size(rows[n])
				n++
			}
			if !yield(rows[:n:n]) {
				return
			}
			rows = rows[n:]
		}
	}
}

// listSize is the number of values of one IN on MariaDB. From 1,000 on, which is
// its in_predicate_conversion_threshold, it makes a table of them and reads every
// row in search of it.
const listSize = 500

// among is "columns IN (…)" over rows of values. SQLite and PostgreSQL join a list
// of VALUES by an index, where a list of rows would become as many ORs; MariaDB
// knows only the latter and makes ranges of them.
type among struct {
	columns string // as "id" or "(workspace_id, id)"
	rows    tuples
}

var _ schema.QueryAppender = among{}

// amongIDs is "column IN (…)" over ids.
func amongIDs[ID ~[16]byte](column string, ids []ID) among {
	rows := make(tuples, len(ids))
	for i, id := range ids {
		rows[i] = []any{bunstore.UID(id)}
	}
	return among{column, rows}
}

// AppendQuery implements schema.QueryAppender.
func (in among) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	size := len(in.rows)
	if bunstore.DialectOf(gen) == bunstore.MariaDB {
		size = listSize
	}
	b = append(b, '(')
	for i := 0; i < len(in.rows); i += size {
		if i > 0 {
			b = append(b, " OR "...)
		}
		b = gen.AppendQuery(b, in.columns+" IN (?)", in.rows[i:min(i+size, len(in.rows))])
	}
	return append(b, ')'), nil
}

// tuples are rows of values. An id among them is cast on PostgreSQL, which takes
// the types of VALUES from the first row.
type tuples [][]any

var _ schema.QueryAppender = tuples(nil)

// AppendQuery implements schema.QueryAppender.
func (t tuples) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	dialect := bunstore.DialectOf(gen)
	isList := dialect == bunstore.MariaDB || len(t[0]) == 1
	if !isList {
		b = append(b, "VALUES "...)
	}
	for i, row := range t {
		if i > 0 {
			b = append(b, ',')
		}
		if len(row) > 1 {
			b = append(b, '(')
		}
		for j, value := range row {
			if j > 0 {
				b = append(b, ',')
			}
			b = gen.Append(b, value)
			if _, isUID := value.(bunstore.UID); isUID && i == 0 && dialect == bunstore.PostgreSQL {
				b = append(b, "::uuid"...)
			}
		}
		if len(row) > 1 {
			b = append(b, ')')
		}
	}
	return b, nil
}

// pageByID is a list of a workspace that is ordered by id.
type pageByID[Row any] struct {
	op   string
	name string // tells the list and its selection from others, for its cursors
}

// read answers one row more than the page's size, if there is one.
func (p pageByID[Row]) read(
	ctx context.Context, store *bunstore.Store, ws engage.WorkspaceID, request engage.PageRequest, where func(*bun.SelectQuery) *bun.SelectQuery,
) (rows []Row, size int, err error) {
	db, err := reader(ctx, store, p.op, ws, 0)
	if err != nil {
		return nil, 0, err
	}
	if size, err = request.Size(); err != nil {
		return nil, 0, err
	}
	key, err := request.After.Open(p.name)
	if err != nil {
		return nil, 0, err
	}
	var after []any
	if key != nil {
		var id bunstore.UID
		if copy(id[:], key) != len(id) || len(key) != len(id) {
			var faults engage.Faults
			faults.Add("after", "invalid", "this cursor is damaged")
			return nil, 0, faults.Err("engage.Cursor", "")
		}
		after = []any{id}
	}
	query := where(db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)))
	err = bunstore.Keyset{Columns: []string{"id"}}.Apply(query, size, after...).Scan(ctx)
	return rows, size, bunstore.MapError(ctx, p.op, "", err)
}
