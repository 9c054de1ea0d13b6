package stack

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"sync"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver "sqlite", in Go alone

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunaccounts"
	"github.com/go-engage/engage/adapters/bunstore/bunapikeys"
	"github.com/go-engage/engage/adapters/bunstore/bunaudit"
	"github.com/go-engage/engage/adapters/bunstore/bunautomation"
	"github.com/go-engage/engage/adapters/bunstore/buncontacts"
	"github.com/go-engage/engage/adapters/bunstore/bunmessaging"
	"github.com/go-engage/engage/adapters/bunstore/bunplans"
	"github.com/go-engage/engage/adapters/bunstore/bunsealing"
	"github.com/go-engage/engage/adapters/bunstore/bunsegments"
	"github.com/go-engage/engage/adapters/bunstore/pgxarrays"
)

// poolSize is the number of connections a platform opens to a server: one for
// each kind of worker, and four for the host's own calls.
const poolSize = 20

// Schemas are the tables of all domains of the suite, in the order in which they
// need each other. Migrate makes them; a host that has other tools for that dumps
// them with bunstore.DumpSQL.
func Schemas() []bunstore.Schema {
	return []bunstore.Schema{
		buncontacts.Schema, bunsegments.Schema, bunautomation.Schema, bunmessaging.Schema,
		bunaccounts.Schema, bunapikeys.Schema, bunaudit.Schema, bunplans.Schema, bunsealing.Schema,
	}
}

// SQLite composes the suite on a database file, which it makes if it is missing:
// one writer and a pool of readers, with WAL and synchronous=FULL, so that what
// was acknowledged survives the loss of power. Without Config.Keys it makes the key
// that secrets are sealed under, too, in the file <path>.key.
func SQLite(ctx context.Context, path string, cfg Config) (*Platform, error) {
	if path == "" || path == ":memory:" {
		return nil, &engage.Error{Code: engage.Invalid, Op: "stack.SQLite", Err: errors.New("want the path of a file; Memory keeps everything in memory")}
	}
	var err error
	if cfg.Keys, err = keysBesideFile(cfg.Keys, path); err != nil {
		return nil, err
	}
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)"
	writer, err := sql.Open("sqlite", dsn+"&_txlock=immediate")
	if err != nil {
		return nil, unavailable("stack.SQLite", err)
	}
	writer.SetMaxOpenConns(1)
	// The first connection makes the file and its WAL, which readers may not.
	if err := writer.PingContext(ctx); err != nil {
		return nil, errors.Join(unavailable("stack.SQLite", err), writer.Close())
	}
	reader, err := sql.Open("sqlite", dsn+"&_pragma=query_only(1)")
	if err != nil {
		return nil, errors.Join(unavailable("stack.SQLite", err), writer.Close())
	}
	reader.SetMaxOpenConns(poolSize)
	return openSQL(ctx, cfg, bunstore.Config{
		Write: bun.NewDB(writer, sqlitedialect.New()),
		Read:  bun.NewDB(reader, sqlitedialect.New()),
	})
}

// Postgres composes the suite on a PostgreSQL database, named by a connection
// string of pgx. The tables go into the first schema of its search_path. Without
// Config.Keys it answers ErrInvalid: every replica needs the same key.
func Postgres(ctx context.Context, dsn string, cfg Config) (*Platform, error) {
	conf, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, &engage.Error{Code: engage.Invalid, Op: "stack.Postgres", Err: errors.New("the connection string does not parse")} // it may hold a password
	}
	if cfg.Keys, err = keysRequired("stack.Postgres", cfg.Keys); err != nil {
		return nil, err
	}
	// bun writes values into its statements, so a cache of them would only churn.
	conf.DefaultQueryExecMode = pgx.QueryExecModeExec
	db := stdlib.OpenDB(*conf)
	db.SetMaxOpenConns(poolSize)
	db.SetMaxIdleConns(poolSize)
	return openSQL(ctx, cfg, bunstore.Config{Write: bun.NewDB(db, pgdialect.New()), Arrays: pgxarrays.Binder{}})
}

// MariaDB composes the suite on a MariaDB database, named by a DSN of
// go-sql-driver. What the suite needs of the connection is set here. Without
// Config.Keys it answers ErrInvalid: every replica needs the same key.
func MariaDB(ctx context.Context, dsn string, cfg Config) (*Platform, error) {
	conf, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, &engage.Error{Code: engage.Invalid, Op: "stack.MariaDB", Err: errors.New("the DSN does not parse")} // it may hold a password
	}
	if cfg.Keys, err = keysRequired("stack.MariaDB", cfg.Keys); err != nil {
		return nil, err
	}
	conf.ClientFoundRows, conf.InterpolateParams, conf.MultiStatements = true, false, false
	connector, err := mysql.NewConnector(conf)
	if err != nil {
		return nil, unavailable("stack.MariaDB", err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(poolSize)
	db.SetMaxIdleConns(poolSize)
	return openSQL(ctx, cfg, bunstore.Config{Write: bun.NewDB(db, mysqldialect.New())})
}

// openSQL composes the suite over pools, which it closes when it fails.
func openSQL(ctx context.Context, cfg Config, open bunstore.Config) (*Platform, error) {
	closeAll := func() error {
		if open.Read == nil {
			return open.Write.Close()
		}
		return errors.Join(open.Read.Close(), open.Write.Close())
	}
	platform, err := composeOn(ctx, cfg, open, closeAll)
	if err != nil {
		return nil, errors.Join(err, closeAll())
	}
	return platform, nil
}

func composeOn(ctx context.Context, cfg Config, open bunstore.Config, closeAll func() error) (*Platform, error) {
	var workers []engage.Worker
	if cfg.Clock == nil {
		clock, err := bunstore.NewClock(ctx, open.Write)
		if err != nil {
			return nil, err
		}
		cfg.Clock, workers = clock, append(workers, clock.Worker())
	}
	cfg = cfg.resolve()
	open.Clock, open.IDs, open.Log = cfg.Clock, cfg.IDs, cfg.Log
	kept, err := bunstore.Open(ctx, open)
	if err != nil {
		return nil, err
	}
	platform, err := composeSQL(cfg, kept, store{
		workers: append(workers, kept.Workers()...),
		migrate: func(ctx context.Context) error { return kept.Migrate(ctx, Schemas()...) },
		close:   sync.OnceValue(closeAll),
	})
	if err != nil {
		return nil, err
	}
	platform.SQL, platform.Database = kept, open.Write
	kept.OnSequenced(platform.Consumers.Poke)
	return platform, nil
}

func unavailable(op string, err error) error {
	return &engage.Error{Code: engage.Unavailable, Op: op, Err: err}
}
