// Package scratch makes empty databases for programs that measure or torture the
// suite, on SQLite in a temporary folder and on the servers that the environment
// names. The maintainers' commands internal/bench and internal/crashlab import
// it; tests have internal/testkit.
package scratch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/sealing"
	"github.com/go-engage/engage/adapters/stack"
)

// Stores are the names of the databases there are.
var Stores = []string{"sqlite", "postgres", "mysql"}

// Make makes an empty database and answers its DSN, or path, and how to drop it.
func Make(ctx context.Context, store string) (dsn string, drop func(), err error) {
	name := fmt.Sprintf("scratch_%x", rand.Uint64()) //nolint:gosec // a name, not a secret
	switch store {
	case "sqlite":
		dir, err := os.MkdirTemp("", name)
		return filepath.Join(dir, "engage.db"), func() { _ = os.RemoveAll(dir) }, err
	case "postgres":
		dsn := os.Getenv("ENGAGE_TEST_POSTGRES")
		separator := "?"
		if strings.Contains(dsn, "?") {
			separator = "&"
		}
		drop, err := server(ctx, "pgx", dsn, "CREATE SCHEMA "+name, "DROP SCHEMA "+name+" CASCADE")
		return dsn + separator + "search_path=" + name, drop, err
	case "mysql":
		dsn := os.Getenv("ENGAGE_TEST_MYSQL")
		conf, err := mysql.ParseDSN(dsn)
		if err != nil {
			return "", nil, err
		}
		conf.DBName = name
		drop, err := server(ctx, "mysql", dsn, "CREATE DATABASE "+name, "DROP DATABASE "+name)
		return conf.FormatDSN(), drop, err
	}
	return "", nil, fmt.Errorf("no store %q", store)
}

func server(ctx context.Context, driver, dsn, create, drop string) (func(), error) {
	if dsn == "" {
		return nil, errors.New("ENGAGE_TEST_POSTGRES or ENGAGE_TEST_MYSQL is not set")
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, create); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return func() {
		_, _ = db.ExecContext(ctx, drop)
		_ = db.Close()
	}, nil
}

// Open composes the suite on a database that Make answered, under a key that
// every process of a run has.
func Open(ctx context.Context, store, dsn string, cfg stack.Config) (*stack.Platform, error) {
	if cfg.Keys == nil {
		keys, err := sealing.NewStaticKeys(engage.NewSecret(strings.Repeat("k", sealing.KeyBytes)))
		if err != nil {
			return nil, err
		}
		cfg.Keys = keys
	}
	switch store {
	case "postgres":
		return stack.Postgres(ctx, dsn, cfg)
	case "mysql":
		return stack.MariaDB(ctx, dsn, cfg)
	default:
		return stack.SQLite(ctx, dsn, cfg)
	}
}
