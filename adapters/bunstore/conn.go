package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// conn is the connection that adapters and hosts work with: bun's, behind a
// guard that sees each statement and its error. So a deadlock dooms the
// transaction even if the caller swallows it, and a value that must not be
// written is refused before it reaches the database.
type conn struct {
	bun.IDB // makes the query builders
	gen     schema.QueryGen
	direct  bun.IConn // runs formatted SQL with the query hooks
	guard   guard
}

// guard is what the builders run their SQL on.
type guard struct {
	raw bun.IConn // the driver's side: *sql.Tx or *sql.DB
	t   *tx       // nil outside a transaction
}

var (
	_ bun.IDB   = (*conn)(nil)
	_ bun.IConn = guard{}
)

// connOfPool wraps a pool for reads outside a transaction.
func connOfPool(db *bun.DB) *conn {
	return &conn{IDB: db, gen: db.QueryGen(), direct: db, guard: guard{raw: db.DB}}
}

var errNotInTx = errors.New("the transaction in ctx has ended")

// check answers why a statement must not run.
func (g guard) check(query string) error {
	if g.t != nil {
		if g.t.over {
			return &engage.Error{Code: engage.FailedPrecondition, Op: "bunstore", Err: errNotInTx}
		}
		if g.t.doomed != nil {
			return unavailable("bunstore", g.t.doomed)
		}
	}
	_, rest, found := strings.Cut(query, "\x00")
	if !found {
		return nil
	}
	why, _, _ := strings.Cut(rest, "\x00")
	return &engage.Error{Code: engage.Invalid, Op: "bunstore", Err: errors.New("refused: " + why)}
}

// ready is check for a statement that is about to run: it may need a savepoint
// before it.
func (g guard) ready(ctx context.Context, query string) error {
	if err := g.check(query); err != nil || g.t == nil || !g.t.db.spoils {
		return err
	}
	return g.t.open(ctx)
}

func (g guard) note(err error) error {
	if g.t != nil && err != nil {
		g.t.note(err)
	}
	return err
}

func (g guard) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := g.ready(ctx, query); err != nil {
		return nil, err
	}
	result, err := g.raw.ExecContext(ctx, query, args...)
	return result, g.note(err)
}

func (g guard) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := g.ready(ctx, query); err != nil {
		return nil, err
	}
	rows, err := g.raw.QueryContext(ctx, query, args...)
	return rows, g.note(err)
}

func (g guard) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	row := g.raw.QueryRowContext(g.refused(ctx, query), query, args...)
	_ = g.note(row.Err())
	return row
}

// refused ends ctx with an error of ours when the statement must not run: a
// *sql.Row can only be made by database/sql, which answers ctx.Err().
func (g guard) refused(ctx context.Context, query string) context.Context {
	if err := g.ready(ctx, query); err != nil {
		return refusedContext{ctx, err}
	}
	return ctx
}

type refusedContext struct {
	context.Context //nolint:containedctx // it is a context
	err             error
}

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (c refusedContext) Done() <-chan struct{} { return closed }
func (c refusedContext) Err() error            { return c.err }

func (c *conn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	query = c.gen.FormatQuery(query, args...)
	if err := c.guard.ready(ctx, query); err != nil {
		return nil, err
	}
	result, err := c.direct.ExecContext(ctx, query)
	return result, c.guard.note(err)
}

func (c *conn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	query = c.gen.FormatQuery(query, args...)
	if err := c.guard.ready(ctx, query); err != nil {
		return nil, err
	}
	rows, err := c.direct.QueryContext(ctx, query)
	return rows, c.guard.note(err)
}

func (c *conn) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	query = c.gen.FormatQuery(query, args...)
	row := c.direct.QueryRowContext(c.guard.refused(ctx, query), query)
	_ = c.guard.note(row.Err())
	return row
}

func (c *conn) NewValues(model any) *bun.ValuesQuery { return c.IDB.NewValues(model).Conn(c.guard) }
func (c *conn) NewSelect() *bun.SelectQuery          { return c.IDB.NewSelect().Conn(c.guard) }
func (c *conn) NewInsert() *bun.InsertQuery          { return c.IDB.NewInsert().Conn(c.guard) }
func (c *conn) NewUpdate() *bun.UpdateQuery          { return c.IDB.NewUpdate().Conn(c.guard) }
func (c *conn) NewDelete() *bun.DeleteQuery          { return c.IDB.NewDelete().Conn(c.guard) }
func (c *conn) NewMerge() *bun.MergeQuery            { return c.IDB.NewMerge().Conn(c.guard) }
func (c *conn) NewRaw(query string, args ...any) *bun.RawQuery {
	return c.IDB.NewRaw(query, args...).Conn(c.guard)
}

func (c *conn) NewCreateTable() *bun.CreateTableQuery {
	return c.IDB.NewCreateTable().Conn(c.guard)
}
func (c *conn) NewDropTable() *bun.DropTableQuery { return c.IDB.NewDropTable().Conn(c.guard) }
func (c *conn) NewCreateIndex() *bun.CreateIndexQuery {
	return c.IDB.NewCreateIndex().Conn(c.guard)
}
func (c *conn) NewDropIndex() *bun.DropIndexQuery { return c.IDB.NewDropIndex().Conn(c.guard) }
func (c *conn) NewTruncateTable() *bun.TruncateTableQuery {
	return c.IDB.NewTruncateTable().Conn(c.guard)
}
func (c *conn) NewAddColumn() *bun.AddColumnQuery   { return c.IDB.NewAddColumn().Conn(c.guard) }
func (c *conn) NewDropColumn() *bun.DropColumnQuery { return c.IDB.NewDropColumn().Conn(c.guard) }

// BeginTx is refused: InTx is the way to nest, and keeps events and savepoints
// in step.
func (c *conn) BeginTx(context.Context, *sql.TxOptions) (bun.Tx, error) {
	return bun.Tx{}, errNest
}

// RunInTx is refused as BeginTx is.
func (c *conn) RunInTx(context.Context, *sql.TxOptions, func(context.Context, bun.Tx) error) error {
	return errNest
}

var errNest = &engage.Error{
	Code: engage.FailedPrecondition, Op: "bunstore",
	Err: errors.New("begin transactions with Store.InTx, which nests"),
}

func unavailable(op string, cause error) error {
	return &engage.Error{Code: engage.Unavailable, Op: op, Err: cause}
}
