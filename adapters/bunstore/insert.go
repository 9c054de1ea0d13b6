package bunstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// maxStatement is the length at which a multi-row INSERT is cut in two. It stays
// under the smallest max_allowed_packet that Open takes.
const maxStatement = 8 << 20

// maxRaces is how often MariaDB may lose a row to another writer between looking
// and inserting.
const maxRaces = 5

// InsertNew inserts those rows whose key is not in their table yet and answers
// for each row whether it was inserted; of rows with one key, the first is. R is
// a bun model, key the columns of its primary key or of a unique index. Rows
// that another writer inserts meanwhile are waited for and count as there. A
// clash with another unique key than the named one answers ErrAlreadyExists.
//
// The rows are written in the order of their keys, so that two writers of the
// same rows wait for each other instead of deadlocking.
func InsertNew[R any](ctx context.Context, db bun.IDB, rows []R, key ...string) ([]bool, error) {
	inserted := make([]bool, len(rows))
	if len(rows) == 0 {
		return inserted, nil
	}
	in := inserter[R]{db: db, gen: genOf(db), key: key}
	in.table = db.Dialect().Tables().Get(reflect.TypeFor[R]())
	order, keys, err := in.sorted(rows)
	if err != nil {
		return nil, err
	}
	index := make(map[string]int, len(order))
	for _, i := range order {
		index[keys[i]] = i
	}
	chunk := make([]R, len(order))
	for n, i := range order {
		chunk[n] = rows[i]
	}
	found, err := in.insert(ctx, chunk)
	if err != nil {
		return nil, MapError(ctx, "bunstore.InsertNew", in.table.Name, err)
	}
	for _, k := range found {
		inserted[index[k]] = true
	}
	return inserted, nil
}

// Upsert writes rows, of which each key stands in the call once, and replaces
// columns of those whose key is in their table already. R is a bun model, key the
// columns of its only unique key: on MariaDB a clash with another one would
// replace another row.
//
// Rows are written in the order in which they are given, which has to be that of
// their keys, so that two writers of the same rows wait for each other.
func Upsert[R any](ctx context.Context, db bun.IDB, rows []R, key []string, columns ...string) error {
	on, set := "CONFLICT ("+strings.Join(key, ", ")+") DO UPDATE", "? = EXCLUDED.?"
	tail := " ON " + on + " SET "
	if DialectOf(db) == MariaDB {
		on, set = "DUPLICATE KEY UPDATE", "? = VALUES(?)"
	}
	for i, column := range columns {
		tail += strings.Repeat(", ", min(i, 1)) + column + " = EXCLUDED." + column
	}
	return write(ctx, db, rows, func(query *bun.InsertQuery) *bun.InsertQuery {
		query = query.On(on)
		for _, column := range columns {
			query = query.Set(set, bun.Ident(column), bun.Ident(column))
		}
		return query
	}, tail)
}

type inserter[R any] struct {
	db    bun.IDB
	gen   schema.QueryGen
	table *schema.Table
	key   []string
}

func genOf(db bun.IDB) schema.QueryGen {
	if c, ok := db.(*conn); ok {
		return c.gen
	}
	return schema.NewQueryGen(db.Dialect())
}

func indirect(row any) reflect.Value { return reflect.Indirect(reflect.ValueOf(row)) }

// keyOf is the literals of a row's key, which are equal when the keys are.
func (in inserter[R]) keyOf(row *R) (string, error) {
	var b []byte
	for i, column := range in.key {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = literal(in.gen, b, in.table, row, column); err != nil {
			return "", err
		}
	}
	return string(b), nil
}

// sorted answers the indexes of the rows in the order of their keys, the first
// alone of those with one key, and all keys.
func (in inserter[R]) sorted(rows []R) (order []int, keys []string, err error) {
	keys = make([]string, len(rows))
	order = make([]int, len(rows))
	for i := range rows {
		if keys[i], err = in.keyOf(&rows[i]); err != nil {
			return nil, nil, err
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(keys[a], keys[b]) })
	return slices.CompactFunc(order, func(a, b int) bool { return keys[a] == keys[b] }), keys, nil
}

// insert answers the keys of the rows that it inserted.
func (in inserter[R]) insert(ctx context.Context, rows []R) ([]string, error) {
	query := in.db.NewInsert().Model(&rows)
	if DialectOf(in.db) == MariaDB {
		query = query.Returning("NULL")
	} else {
		columns := strings.Join(in.key, ", ")
		query = query.On(fmt.Sprintf("CONFLICT (%s) DO NOTHING", columns)).Returning(columns)
	}
	statement, err := query.AppendQuery(in.gen, nil)
	if err != nil {
		return nil, err
	}
	if len(statement) > maxStatement && len(rows) > 1 {
		half := len(rows) / 2
		first, err := in.insert(ctx, rows[:half])
		if err != nil {
			return nil, err
		}
		second, err := in.insert(ctx, rows[half:])
		return append(first, second...), err
	}
	if DialectOf(in.db) == MariaDB {
		return in.race(ctx, rows, string(statement))
	}
	var returned []R
	if err := in.db.NewRaw(string(statement)).Scan(ctx, &returned); err != nil {
		return nil, err
	}
	return in.keysOf(returned)
}

func (in inserter[R]) keysOf(rows []R) (keys []string, err error) {
	keys = make([]string, len(rows))
	for i := range rows {
		if keys[i], err = in.keyOf(&rows[i]); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// race is the way of MariaDB, which can't say which rows of an upsert were new:
// insert all, and when that fails look which are there and insert the others.
// Its INSERT IGNORE would also hide faults of the values.
func (in inserter[R]) race(ctx context.Context, rows []R, statement string) ([]string, error) {
	keys, err := in.keysOf(rows)
	if err != nil {
		return nil, err
	}
	for range maxRaces {
		_, err := in.db.NewRaw(statement).Exec(ctx)
		if err == nil {
			return keys, nil
		}
		if codeOf(err) != engage.AlreadyExists {
			return nil, err
		}
		there, findErr := in.find(ctx, keys)
		if findErr != nil {
			return nil, findErr
		}
		if len(there) == 0 {
			return nil, err // the clash is with another key
		}
		left := rows[:0:0]
		for i, row := range rows {
			if !has(there, keys[i]) {
				left = append(left, row)
			}
		}
		if len(left) == 0 {
			return nil, nil
		}
		rows = left
		if keys, err = in.keysOf(rows); err != nil {
			return nil, err
		}
		next, err := in.db.NewInsert().Model(&rows).Returning("NULL").AppendQuery(in.gen, nil)
		if err != nil {
			return nil, err
		}
		statement = string(next)
	}
	return nil, errRaces
}

var errRaces = &engage.Error{
	Code: engage.Unavailable, Op: "bunstore.InsertNew", Err: errors.New("others kept inserting the same rows"),
}

// find answers which of the keys are in the table, and locks their rows for
// others' changes. A failed INSERT holds such a lock already: a stronger one
// would deadlock every two writers that lost to a third.
func (in inserter[R]) find(ctx context.Context, keys []string) ([]string, error) {
	columns := strings.Join(in.key, ", ")
	var there []R
	err := in.db.NewRaw(fmt.Sprintf("SELECT %s FROM %s WHERE (%s) IN ((%s)) LOCK IN SHARE MODE",
		columns, in.table.SQLName, columns, strings.Join(keys, "),("))).Scan(ctx, &there)
	if err != nil {
		return nil, err
	}
	found, err := in.keysOf(there)
	slices.Sort(found)
	return found, err
}

func has(sorted []string, key string) bool {
	_, found := slices.BinarySearch(sorted, key)
	return found
}
