package bunstore_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/internal/testkit"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
)

func openSQLite(t *testing.T, query string) *bun.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "a.db")+"?"+query)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return bun.NewDB(db, sqlitedialect.New())
}

func wantFaults(t *testing.T, err error, want ...string) {
	t.Helper()
	wantCode(t, err, engage.Invalid)
	var got []string
	for _, f := range engage.FieldsOf(err) {
		got = append(got, strings.TrimPrefix(f.Path, "databases[0]."))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the faults are %q, want %q", got, want)
	}
}

func TestOpenReportsAllFaults(t *testing.T) {
	t.Parallel()
	open := func(cfg bunstore.Config) error {
		_, err := bunstore.Open(t.Context(), cfg)
		return err
	}
	t.Run("of the configuration", func(t *testing.T) {
		t.Parallel()
		wantFaults(t, open(bunstore.Config{}), "write")
		db := testkit.SQLite(t)
		err := open(bunstore.Config{Write: db.Write, Read: db.Read, More: []bunstore.Database{
			{Shard: engage.DefaultShard, Write: db.Write}, {Write: db.Write}, {Shard: "x"},
		}})
		wantFaults(t, err, "databases[1].shard", "databases[2].shard", "databases[3].write", "resolve")
	})
	t.Run("of SQLite", func(t *testing.T) {
		t.Parallel()
		wantFaults(t, open(bunstore.Config{Write: openSQLite(t, "_pragma=synchronous(NORMAL)")}),
			"write.busy_timeout", "write.foreign_keys", "write.journal_mode", "write.synchronous", "write.txlock")
		normal := openSQLite(t, "_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)&_txlock=immediate")
		wantFaults(t, open(bunstore.Config{Write: normal}), "write.synchronous")
		if err := open(bunstore.Config{Write: normal, UnsafeNormalSync: true}); err != nil {
			t.Error(err)
		}
		normal.SetMaxOpenConns(3)
		conn, err := normal.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.ExecContext(t.Context(), "PRAGMA foreign_keys = OFF"); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		wantFaults(t, open(bunstore.Config{Write: normal, UnsafeNormalSync: true}), "write.foreign_keys")
	})
	t.Run("of PostgreSQL", func(t *testing.T) {
		t.Parallel()
		db := testkit.Postgres(t)
		wantFaults(t, open(bunstore.Config{Write: db.Write, Schema: "elsewhere"}), "write.search_path")
		pool := db.ReopenWith(t, "standard_conforming_strings=off", "synchronous_commit=off")
		wantFaults(t, open(bunstore.Config{Write: bun.NewDB(pool, pgdialect.New())}),
			"write.standard_conforming_strings", "write.synchronous_commit")
	})
	t.Run("of MariaDB", func(t *testing.T) {
		t.Parallel()
		db := testkit.MariaDB(t)
		pool := db.ReopenWith(t, "clientFoundRows=false", "multiStatements=true", "sql_mode='ANSI_QUOTES'", "charset=latin1")
		wantFaults(t, open(bunstore.Config{Write: bun.NewDB(pool, mysqldialect.New())}),
			"write.character_set", "write.clientFoundRows", "write.multiStatements", "write.sql_mode", "write.sql_mode")
	})
}
