package bunstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/internal/testkit"
	"github.com/uptrace/bun"
)

// schemaOf makes a schema whose versions each make some tables.
func schemaOf(domain string, requires []string, versions ...[]string) bunstore.Schema {
	files := fstest.MapFS{}
	for i, tables := range versions {
		var statements []string
		for _, table := range tables {
			statements = append(statements, "CREATE TABLE IF NOT EXISTS "+table+" (n INTEGER NOT NULL)")
		}
		for _, d := range []bunstore.Dialect{bunstore.SQLite, bunstore.PostgreSQL, bunstore.MariaDB} {
			name := fmt.Sprintf("migrations/%s/%04d_step.sql", d, i+1)
			files[name] = &fstest.MapFile{Data: []byte(strings.Join(statements, "\n--engage:split\n"))}
		}
	}
	return bunstore.Schema{Domain: domain, Requires: requires, FS: files}
}

func names(migrations []bunstore.Migration) []string {
	out := []string{}
	for _, m := range migrations {
		out = append(out, m.String())
	}
	return out
}

func openStore(t *testing.T, write, read *bun.DB) *bunstore.Store {
	t.Helper()
	store, err := bunstore.Open(t.Context(), bunstore.Config{Write: write, Read: read})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func applied(t *testing.T, db *bun.DB) []string {
	t.Helper()
	var got []string
	err := db.NewRaw("SELECT domain FROM engage_migrations ORDER BY applied_at, domain, version").Scan(t.Context(), &got)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		ctx := t.Context()
		store := openStore(t, db.Write, db.Read)
		pending := func(schemas ...bunstore.Schema) []string {
			t.Helper()
			got, err := store.Pending(ctx, schemas...)
			if err != nil {
				t.Fatal(err)
			}
			return names(got)
		}
		one := schemaOf("b", []string{"a"}, []string{"b1"})
		two := schemaOf("b", []string{"a"}, []string{"b1"}, []string{"b2"})
		three := schemaOf("b", []string{"a"}, []string{"b1"}, []string{"b2"}, []string{"b3"})
		a := schemaOf("a", nil, []string{"a1", "a2"})

		if got := pending(one, a); !slices.Equal(got, []string{"core/0001_kernel", "core/0002_placements", "a/0001_step", "b/0001_step"}) {
			t.Errorf("pending are %q", got)
		}
		for range 2 {
			if err := store.Migrate(ctx, one, a); err != nil {
				t.Fatal(err)
			}
		}
		if got := pending(one, a); len(got) != 0 {
			t.Errorf("pending are %q", got)
		}
		if err := store.Migrate(ctx, three, a); err != nil {
			t.Fatal(err)
		}
		if err := store.Migrate(ctx, two, a); err != nil {
			t.Errorf("a program one version behind is refused: %v", err)
		}
		wantCode(t, store.Migrate(ctx, one, a), engage.FailedPrecondition)
		_, err := store.Pending(ctx, one, a)
		wantCode(t, err, engage.FailedPrecondition)
		edited := schemaOf("a", nil, []string{"a1", "a2", "a3"})
		wantCode(t, store.Migrate(ctx, edited), engage.FailedPrecondition)
		if err := store.Migrate(ctx); err != nil {
			t.Errorf("domains that are not given are not ignored: %v", err)
		}
		if n := len(applied(t, db.Write)); n != 6 {
			t.Errorf("%d migrations are applied", n)
		}
	})
}

func TestMigrateFaultsAreListed(t *testing.T) {
	t.Parallel()
	gap := schemaOf("gap", nil, []string{"x"})
	gap.FS.(fstest.MapFS)["migrations/sqlite/0003_far.sql"] = &fstest.MapFile{}
	gap.FS.(fstest.MapFS)["migrations/sqlite/readme.txt"] = &fstest.MapFile{}
	err := bunstore.DumpSQL(&strings.Builder{}, bunstore.SQLite,
		schemaOf("a", []string{"b"}, []string{"a1"}), schemaOf("b", []string{"a", "nowhere"}, []string{"b1"}), gap,
		bunstore.Schema{Domain: "empty", FS: fstest.MapFS{}}, gap)
	wantCode(t, err, engage.Invalid)
	if n := len(engage.FieldsOf(err)); n != 6 {
		t.Errorf("%d faults: %v", n, engage.FieldsOf(err))
	}
}

func TestDumpSQLIsWhatMigrateRuns(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		var b strings.Builder
		a := schemaOf("a", nil, []string{"a1", "a2"})
		if err := bunstore.DumpSQL(&b, bunstore.DialectOf(db.Write), a); err != nil {
			t.Fatal(err)
		}
		for statement := range strings.SplitSeq(b.String(), ";\n") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if _, err := db.Write.ExecContext(t.Context(), statement); err != nil {
				t.Errorf("%s: %v", statement, err)
			}
		}
		if _, err := openStore(t, db.Write, db.Read).Sequence(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// killed ends the migrator's ctx before its nth statement, as a kill would end
// the process there.
type killed struct {
	mu   sync.Mutex
	left int
	kill context.CancelFunc
}

func (k *killed) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.left--; k.left < 0 {
		k.kill()
	}
	return ctx
}

func (k *killed) AfterQuery(context.Context, *bun.QueryEvent) {}

func TestMigrateGoesOnAfterAKillAtEachStatement(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		a := schemaOf("a", nil, []string{"a1", "a2"}, []string{"a3"})
		for n := 1; ; n++ {
			ctx, kill := context.WithCancel(t.Context())
			hook := &killed{left: n, kill: kill}
			store, err := bunstore.Open(t.Context(), bunstore.Config{Write: db.Write.WithQueryHook(&armed{hook, t.Context()})})
			if err != nil {
				t.Fatal(err)
			}
			err = store.Migrate(ctx, a)
			kill()
			if err == nil {
				if n < 6 {
					t.Fatalf("done after %d statements", n)
				}
				break
			}
			if n > 200 {
				t.Fatalf("never done: %v", err)
			}
		}
		if got := applied(t, db.Write); len(got) != 4 {
			t.Errorf("applied are %q", got)
		}
		var partitions int
		if err := db.Write.NewRaw("SELECT COUNT(*) FROM engage_log_partitions").Scan(t.Context(), &partitions); err != nil || partitions != engage.LogPartitions {
			t.Errorf("there are %d partitions, %v", partitions, err)
		}
	})
}

// armed passes on the statements of other contexts than Open's.
type armed struct {
	*killed

	open context.Context //nolint:containedctx // compared, not used
}

func (a *armed) BeforeQuery(ctx context.Context, e *bun.QueryEvent) context.Context {
	if ctx == a.open {
		return ctx
	}
	return a.killed.BeforeQuery(ctx, e)
}

func TestMigrateOfManyReplicasAtOnce(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		a := schemaOf("a", nil, []string{"a1", "a2"}, []string{"a3"})
		var group sync.WaitGroup
		for range 8 {
			pool := db.Reopen(t)
			pool.SetMaxOpenConns(1)
			store := openStore(t, pool, nil)
			group.Go(func() {
				if err := store.Migrate(t.Context(), a); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if got := applied(t, db.Write); len(got) != 4 {
			t.Errorf("applied are %q", got)
		}
	})
}

func TestAFailedMigrationLeavesNothing(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		if db.Name == "mysql" {
			t.Skip("MariaDB commits every DDL statement")
		}
		store := openStore(t, db.Write, db.Read)
		bad := schemaOf("bad", nil, []string{"good1", "good2"})
		for _, file := range bad.FS.(fstest.MapFS) {
			file.Data = append(file.Data, "\n--engage:split\nNOT SQL"...)
		}
		wantCode(t, store.Migrate(t.Context(), bad), engage.Internal)
		if _, err := db.Write.ExecContext(t.Context(), "SELECT * FROM good1"); err == nil {
			t.Error("a table of the failed migration is there")
		}
		if got := applied(t, db.Write); !slices.Equal(got, []string{"core", "core"}) {
			t.Errorf("applied are %q", got)
		}
	})
}
