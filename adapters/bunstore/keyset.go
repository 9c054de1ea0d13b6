package bunstore

import (
	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// Keyset pages a list by the values of its sort columns, of which the last makes
// the order total. The columns must be an index's, after those that the query
// pins.
type Keyset struct {
	Columns []string
	Desc    bool // all columns descending
}

// Apply orders the query, continues it behind a row whose columns had the given
// values (none: at the beginning) and limits it to one row more than the page,
// which tells whether there is a next one. The condition is one group, so an OR
// in it can't escape the query's tenant.
func (k Keyset) Apply(query *bun.SelectQuery, size int, after ...any) *bun.SelectQuery {
	sign, direction := ">", "ASC"
	if k.Desc {
		sign, direction = "<", "DESC"
	}
	for _, column := range k.Columns {
		query = query.OrderExpr("? "+direction, bun.Ident(column))
	}
	query = query.Limit(int64(size) + 1)
	if len(after) == 0 {
		return query
	}
	// a >= x AND (a > x OR (a = x AND (b > y))): the first bound is what an
	// index is entered by; not every database enters one by (a, b) > (x, y).
	if len(k.Columns) > 1 {
		query = query.Where("? "+sign+"= ?", bun.Ident(k.Columns[0]), after[0])
	}
	return query.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery { return k.behind(q, sign, 0, after) })
}

func (k Keyset) behind(query *bun.SelectQuery, sign string, i int, after []any) *bun.SelectQuery {
	column := bun.Ident(k.Columns[i])
	query = query.Where("? "+sign+" ?", column, after[i])
	if i+1 == len(k.Columns) {
		return query
	}
	return query.WhereGroup(" OR ", func(q *bun.SelectQuery) *bun.SelectQuery {
		q = q.Where("? = ?", column, after[i])
		return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery { return k.behind(q, sign, i+1, after) })
	})
}

// PageOf makes the page of the rows that a Keyset query of that size read: key
// is what the cursor continues from, name what SealCursor binds it to.
func PageOf[R, T any](rows []R, size int, name string, key func(R) []byte, item func(R) (T, error)) (engage.Page[T], error) {
	var page engage.Page[T]
	if len(rows) > size {
		rows = rows[:size]
		page.Next = engage.SealCursor(name, key(rows[size-1]))
	}
	page.Items = make([]T, len(rows))
	for i, row := range rows {
		var err error
		if page.Items[i], err = item(row); err != nil {
			return engage.Page[T]{}, err
		}
	}
	return page, nil
}
