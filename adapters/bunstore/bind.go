package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// execBound runs a statement whose arguments the driver binds. bun would write
// them into it; so its hooks see the statement alone.
func (c *conn) execBound(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return c.IDB.NewRaw(query).Conn(bound{c.guard, args}).Exec(ctx)
}

// bound is a guard with the arguments of one statement.
type bound struct {
	guard
	args []any
}

// ExecContext runs the statement with its arguments.
func (b bound) ExecContext(ctx context.Context, query string, _ ...any) (sql.Result, error) {
	return b.guard.ExecContext(ctx, query, b.args...)
}

// maxVariables is how many arguments a statement of SQLite takes.
const maxVariables = 32_766

// Insert writes rows, none of which may exist, in as few statements as their size
// allows. R is a bun model.
func Insert[R any](ctx context.Context, db bun.IDB, rows []R) error {
	return write(ctx, db, rows, func(q *bun.InsertQuery) *bun.InsertQuery { return q }, "")
}

// write writes rows. A tail stands behind them: as a clause of bun's, and as the
// text of it on SQLite, where values are bound, which takes a fifth less than to
// write them into the statement and read them there. On MariaDB it takes as long,
// and a round trip more.
func write[R any](ctx context.Context, db bun.IDB, rows []R, clause func(*bun.InsertQuery) *bun.InsertQuery, tail string) error {
	if len(rows) == 0 {
		return nil
	}
	c, ours := db.(*conn)
	table := db.Dialect().Tables().Get(reflect.TypeFor[R]())
	if ours && DialectOf(db) == SQLite && !slices.ContainsFunc(table.Fields, isMade) {
		return c.writeBound(ctx, table, len(rows), func(i int) reflect.Value { return reflect.ValueOf(&rows[i]).Elem() }, tail)
	}
	statement, err := clause(db.NewInsert().Model(&rows).Returning("NULL")).AppendQuery(genOf(db), nil)
	if err != nil {
		return err
	}
	if len(statement) > maxStatement && len(rows) > 1 {
		half := len(rows) / 2
		if err := write(ctx, db, rows[:half], clause, tail); err != nil {
			return err
		}
		return write(ctx, db, rows[half:], clause, tail)
	}
	_, err = db.NewRaw(string(statement)).Exec(ctx)
	return err
}

// isMade tells columns that the database fills.
func isMade(f *schema.Field) bool { return f.AutoIncrement || f.SQLDefault != "" }

// writeBound writes n rows with bound values.
func (c *conn) writeBound(ctx context.Context, table *schema.Table, n int, row func(i int) reflect.Value, tail string) error {
	columns, marks := make([]string, len(table.Fields)), strings.Repeat(", ?", len(table.Fields))
	for i, f := range table.Fields {
		columns[i] = string(f.SQLName)
	}
	head := "INSERT INTO " + string(table.SQLName) + " (" + strings.Join(columns, ", ") + ") VALUES "
	for from := 0; from < n; {
		to := min(n, from+maxVariables/len(columns))
		args := make([]any, 0, (to-from)*len(columns))
		for i := from; i < to; i++ {
			for _, f := range table.Fields {
				value, err := argument(f, row(i))
				if err != nil {
					return &engage.Error{
						Code: engage.Invalid, Op: "bunstore", Entity: table.Name, Err: errors.New(f.Name + ": refused: " + strings.Trim(err.Error(), "\x00")),
					}
				}
				args = append(args, value)
			}
		}
		values := strings.Repeat("("+marks[2:]+"), ", to-from)
		if _, err := c.execBound(ctx, head+values[:len(values)-2]+tail, args...); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// argument is a column's value as a driver binds it.
func argument(f *schema.Field, row reflect.Value) (any, error) {
	if f.NullZero && f.HasZeroValue(row) {
		return nil, nil
	}
	value := f.Value(row)
	switch v := value.Interface().(type) {
	case UID:
		return v[:], nil
	case Micros:
		if v.IsZero() {
			return nil, nil
		}
		return floorMicros(v.Time()), nil
	case Text:
		return string(v), checkText(string(v))
	case Key:
		return string(v), v.check()
	case JSON:
		if v == nil {
			return nil, nil
		}
		return string(v), v.check()
	}
	switch value.Kind() {
	case reflect.String:
		return value.String(), nil
	case reflect.Bool:
		return value.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return value.Int(), nil
	case reflect.Float32, reflect.Float64:
		return value.Float(), nil
	}
	if b, ok := value.Interface().([]byte); ok {
		if b == nil {
			return nil, nil
		}
		return b, nil
	}
	return nil, errors.New("a value of type " + value.Type().String() + " can't be bound")
}
