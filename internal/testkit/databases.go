package testkit

import (
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// The variables that name a server. Each test makes a database or a schema of its
// own on it and drops it.
const (
	PostgresEnv = "ENGAGE_TEST_POSTGRES" // a pgx connection string
	MySQLEnv    = "ENGAGE_TEST_MYSQL"    // a go-sql-driver DSN
)

// poolSize is what a test's pools hold at most.
const poolSize = 8

// Database is an empty database of one test.
type Database struct {
	Name  string  // "sqlite", "postgres" or "mysql"
	DSN   string  // what another process opens it with
	Write *bun.DB // counts into Count
	Read  *bun.DB // counts into Count; another pool on SQLite, Write elsewhere
	Count *Counter
}

// Each runs fn as a parallel subtest on each database, skipping those whose
// server the environment does not name.
func Each(t *testing.T, fn func(t *testing.T, db *Database)) {
	t.Helper()
	for name, open := range map[string]func(testing.TB) *Database{"sqlite": SQLite, "postgres": Postgres, "mysql": MariaDB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fn(t, open(t))
		})
	}
}

// SQLite opens a file in the test's directory: a writer of one connection and a
// pool of readers, as a production program would.
func SQLite(t testing.TB) *Database {
	t.Helper()
	base := "file:" + filepath.Join(t.TempDir(), "engage.db") +
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)"
	writer := open(t, "sqlite", base+"&_txlock=immediate")
	writer.SetMaxOpenConns(1)
	writer.SetMaxIdleConns(1)
	ping(t, writer)
	reader := open(t, "sqlite", base+"&_pragma=query_only(1)")
	count := &Counter{}
	return &Database{
		Name: "sqlite", DSN: base + "&_txlock=immediate", Count: count,
		Write: bun.NewDB(writer, sqlitedialect.New()).WithQueryHook(count),
		Read:  bun.NewDB(reader, sqlitedialect.New()).WithQueryHook(count),
	}
}

// Postgres makes a schema in the database of ENGAGE_TEST_POSTGRES, or skips the
// test. A schema keeps tests apart as well as a database does, and is made in a
// twentieth of the time.
func Postgres(t testing.TB) *Database {
	t.Helper()
	dsn := os.Getenv(PostgresEnv)
	if dsn == "" {
		missing(t, PostgresEnv, "PostgreSQL")
	}
	name := randomName()
	provide(t, openPostgres(t, dsn), "CREATE SCHEMA "+name, "DROP SCHEMA "+name+" CASCADE")
	dsn = withParam(dsn, "search_path="+name)
	count := &Counter{}
	both := bun.NewDB(openPostgres(t, dsn), pgdialect.New()).WithQueryHook(count)
	return &Database{Name: "postgres", DSN: dsn, Write: both, Read: both, Count: count}
}

// RequiredEnv makes a server that is missing fail tests instead of skipping them.
const RequiredEnv = "ENGAGE_TEST_REQUIRED"

// missing ends a test whose server the environment does not name.
func missing(t testing.TB, env, server string) {
	t.Helper()
	if os.Getenv(RequiredEnv) != "" {
		t.Fatalf("%s is not set, and %s is required", env, server)
	}
	t.Skipf("%s is not set: %s is not tested", env, server)
}

// withParam adds a parameter to a URL or a keyword string.
func withParam(dsn, param string) string {
	switch {
	case !strings.Contains(dsn, "://"):
		return dsn + " " + param
	case strings.Contains(dsn, "?"):
		return dsn + "&" + param
	default:
		return dsn + "?" + param
	}
}

// openPostgres opens a pool without prepared statements: bun writes values into
// the SQL, so a cache of them would only churn.
func openPostgres(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatalf("%s: %v", PostgresEnv, err)
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	return limit(t, stdlib.OpenDB(*cfg))
}

// MariaDB makes a database on the server of ENGAGE_TEST_MYSQL, or skips the
// test.
func MariaDB(t testing.TB) *Database {
	t.Helper()
	dsn := os.Getenv(MySQLEnv)
	if dsn == "" {
		missing(t, MySQLEnv, "MariaDB")
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatalf("%s: %v", MySQLEnv, err)
	}
	cfg.DBName = randomName()
	provide(t, open(t, "mysql", dsn), "CREATE DATABASE "+cfg.DBName, "DROP DATABASE "+cfg.DBName)
	cfg.ClientFoundRows = true
	cfg.ParseTime = true
	if err := cfg.Apply(mysql.Charset("utf8mb4", "")); err != nil {
		t.Fatal(err)
	}
	db := limit(t, open(t, "mysql", cfg.FormatDSN()))
	count := &Counter{}
	both := bun.NewDB(db, mysqldialect.New()).WithQueryHook(count)
	return &Database{Name: "mysql", DSN: cfg.FormatDSN(), Write: both, Read: both, Count: count}
}

func open(t testing.TB, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatalf("open %s: %v", driver, err)
	}
	return limit(t, db)
}

func limit(t testing.TB, db *sql.DB) *sql.DB {
	db.SetMaxOpenConns(poolSize)
	db.SetMaxIdleConns(poolSize)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

// ping makes the file, so that the readers find it in WAL mode.
func ping(t testing.TB, db *sql.DB) {
	t.Helper()
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatalf("ping: %v", err)
	}
}

func randomName() string {
	var random [6]byte
	_, _ = rand.Read(random[:])
	return "engage_" + hex.EncodeToString(random[:])
}

// provide makes a test's database or schema, and drops it when the test's own
// pools are closed.
func provide(t testing.TB, admin *sql.DB, create, drop string) {
	t.Helper()
	if _, err := admin.ExecContext(t.Context(), create); err != nil {
		t.Fatalf("%s: %v", create, err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(drop); err != nil {
			t.Errorf("%s: %v", drop, err)
		}
	})
}

// ReopenWith opens another pool with further parameters in the DSN, for tests of
// what a wrong one does. On MariaDB a parameter replaces one of the same name.
func (d *Database) ReopenWith(t testing.TB, params ...string) *sql.DB {
	t.Helper()
	dsn := d.DSN
	for _, param := range params {
		key, value, _ := strings.Cut(param, "=")
		if d.Name == "mysql" {
			head, query, _ := strings.Cut(dsn, "?")
			values, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(err)
			}
			values.Set(key, value)
			dsn = head + "?" + values.Encode()
			continue
		}
		dsn = withParam(dsn, param)
	}
	if d.Name == "postgres" {
		return openPostgres(t, dsn)
	}
	return open(t, d.Name, dsn)
}

// Reopen opens another pool on the same database, as another process would.
func (d *Database) Reopen(t testing.TB) *bun.DB {
	t.Helper()
	switch d.Name {
	case "sqlite":
		db := open(t, "sqlite", d.DSN)
		db.SetMaxOpenConns(1)
		return bun.NewDB(db, sqlitedialect.New())
	case "postgres":
		return bun.NewDB(openPostgres(t, d.DSN), pgdialect.New())
	case "mysql":
		return bun.NewDB(open(t, "mysql", d.DSN), mysqldialect.New())
	}
	panic(fmt.Sprintf("testkit: no database %q", d.Name))
}
