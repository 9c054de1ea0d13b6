package bunstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// confined runs each statement outside a transaction in a read-only one of its
// own, in which it sees what it may. The answer is read to its end before that is
// over, and handed on from memory.
type confined struct {
	db  *bun.DB
	ws  engage.WorkspaceID // zero: a worker's
	raw bool               // the query hooks have run: bun's builders call them
}

var _ bun.IConn = confined{}

// confinedConn wraps a pool for reads outside a transaction under row security.
func confinedConn(db *bun.DB, ws engage.WorkspaceID) *conn {
	return &conn{IDB: db, gen: db.QueryGen(), direct: confined{db: db, ws: ws}, guard: guard{raw: confined{db: db, ws: ws, raw: true}}}
}

func (c confined) run(ctx context.Context, fn func(tx bun.IConn) error) error {
	tx, err := c.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted, ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	if err := confine(ctx, tx, c.ws); err != nil {
		return err
	}
	if c.raw {
		return fn(tx.Tx)
	}
	return fn(tx)
}

func (c confined) ExecContext(ctx context.Context, query string, args ...any) (result sql.Result, err error) {
	err = c.run(ctx, func(tx bun.IConn) error {
		result, err = tx.ExecContext(ctx, query, args...)
		return err
	})
	return result, err
}

func (c confined) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	answer, err := c.record(ctx, query, args)
	if err != nil {
		return nil, err
	}
	db := answer.db()
	defer db.Close()                //nolint:errcheck // it holds nothing
	return db.QueryContext(ctx, "") //nolint:sqlclosecheck // the caller closes them
}

func (c confined) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	answer, err := c.record(ctx, query, args)
	if err != nil {
		ctx = refusedContext{ctx, err}
	}
	db := answer.db()
	defer db.Close() //nolint:errcheck // it holds nothing
	return db.QueryRowContext(ctx, "")
}

func (c confined) record(ctx context.Context, query string, args []any) (answer recorded, err error) {
	err = c.run(ctx, func(tx bun.IConn) error {
		rows, err := tx.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		answer, err = read(rows)
		return errors.Join(err, rows.Close())
	})
	return answer, err
}

// recorded is an answer in memory, and the driver that gives it out again:
// database/sql makes rows of no other thing.
type recorded struct {
	columns []string
	rows    [][]driver.Value
}

func read(rows *sql.Rows) (r recorded, err error) {
	if r.columns, err = rows.Columns(); err != nil {
		return r, err
	}
	for rows.Next() {
		values := make([]driver.Value, len(r.columns))
		into := make([]any, len(values))
		for i := range values {
			into[i] = (*any)(&values[i])
		}
		if err := rows.Scan(into...); err != nil {
			return r, err
		}
		r.rows = append(r.rows, values)
	}
	return r, rows.Err()
}

func (r recorded) db() *sql.DB { return sql.OpenDB(r) }

// Connect implements driver.Connector, as Driver does.
func (r recorded) Connect(context.Context) (driver.Conn, error) { return recordedConn{r}, nil }

// Driver implements driver.Connector.
func (r recorded) Driver() driver.Driver { return recordedDriver{} }

type recordedDriver struct{}

func (recordedDriver) Open(string) (driver.Conn, error) { return nil, errors.ErrUnsupported }

type recordedConn struct{ recorded }

func (recordedConn) Prepare(string) (driver.Stmt, error) { return nil, errors.ErrUnsupported }
func (recordedConn) Begin() (driver.Tx, error)           { return nil, errors.ErrUnsupported }
func (recordedConn) Close() error                        { return nil }

// QueryContext implements driver.QueryerContext.
func (c recordedConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return &recordedRows{recorded: c.recorded}, nil
}

type recordedRows struct {
	recorded
	next int
}

func (r *recordedRows) Columns() []string { return r.columns }
func (r *recordedRows) Close() error      { return nil }

func (r *recordedRows) Next(dest []driver.Value) error {
	if r.next == len(r.rows) {
		return io.EOF
	}
	copy(dest, r.rows[r.next])
	r.next++
	return nil
}
