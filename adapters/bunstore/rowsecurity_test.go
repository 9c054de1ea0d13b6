package bunstore_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunautomation"
	"github.com/go-engage/engage/adapters/bunstore/buncontacts"
	"github.com/go-engage/engage/adapters/bunstore/bunmessaging"
	"github.com/go-engage/engage/adapters/bunstore/bunsealing"
	"github.com/go-engage/engage/adapters/bunstore/bunsegments"
	"github.com/go-engage/engage/adapters/bunstore/pgxarrays"
	"github.com/go-engage/engage/adapters/sealing/sealingtest"
	"github.com/go-engage/engage/automation/automationtest"
	"github.com/go-engage/engage/contacts/contactstest"
	"github.com/go-engage/engage/internal/testkit"
	"github.com/go-engage/engage/messaging/messagingtest"
	"github.com/go-engage/engage/segments/segmentstest"
)

// secured is a database with row security, opened as a role that policies bind.
type secured struct {
	*bunstore.Store

	owner *testkit.Database
	pool  *bun.DB // of the role
	count *testkit.Counter
	role  string
}

// role makes a role that is named after the test's schema and may log in.
func roleOf(t *testing.T, db *testkit.Database, attributes string) (name string, pool *bun.DB) {
	t.Helper()
	if err := db.Write.QueryRowContext(t.Context(), "SELECT current_schema() || '_app'").Scan(&name); err != nil {
		t.Fatal(err)
	}
	name += strings.ToLower(attributes)
	if _, err := db.Write.ExecContext(t.Context(), "CREATE ROLE "+name+" LOGIN "+attributes); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, query := range []string{"DROP OWNED BY " + name, "DROP ROLE " + name} {
			if _, err := db.Write.ExecContext(context.Background(), query); err != nil {
				t.Errorf("%s: %v", query, err)
			}
		}
	})
	return name, bun.NewDB(db.ReopenWith(t, "user="+name), pgdialect.New())
}

func openSecured(t *testing.T, schemas ...bunstore.Schema) *secured {
	t.Helper()
	db := testkit.Postgres(t)
	s := &secured{owner: db, count: &testkit.Counter{}}
	s.role, s.pool = roleOf(t, db, "")
	s.pool = s.pool.WithQueryHook(s.count)
	store, err := bunstore.Open(t.Context(), bunstore.Config{Write: s.pool, Owner: db.Write, RowSecurity: true, Arrays: pgxarrays.Binder{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context(), schemas...); err != nil {
		t.Fatal(err)
	}
	s.Store = store
	return s
}

func TestConformanceUnderRowSecurity(t *testing.T) {
	t.Parallel()
	t.Run("contacts", func(t *testing.T) {
		t.Parallel()
		contactstest.RunConformance(t, func(t *testing.T) contactstest.Adapter {
			store := openSecured(t, buncontacts.Schema).Store
			contacts := buncontacts.NewContacts(store)
			return contactstest.Adapter{
				Tx: store, Publisher: store, Contacts: contacts, Existing: contacts,
				Attributes: buncontacts.NewAttributes(store),
				Tags:       buncontacts.NewTags(store), Taggings: buncontacts.NewTaggings(store),
				Lists: buncontacts.NewLists(store), Members: buncontacts.NewMembers(store),
				Events: buncontacts.NewEvents(store), Timeline: buncontacts.NewTimeline(store),
			}
		})
	})
	t.Run("segments", func(t *testing.T) {
		t.Parallel()
		segmentstest.RunConformance(t, func(t *testing.T) segmentstest.Adapter {
			store := openSecured(t, bunsegments.Schema).Store
			members := bunsegments.NewMembers(store)
			return segmentstest.Adapter{
				Tx: store, Segments: bunsegments.NewSegments(store), Facts: bunsegments.NewFacts(store), Members: members, Due: members,
			}
		})
	})
	t.Run("automation", func(t *testing.T) {
		t.Parallel()
		automationtest.RunConformance(t, func(t *testing.T) automationtest.Adapter {
			store := openSecured(t, bunautomation.Schema).Store
			runs := bunautomation.NewRuns(store)
			return automationtest.Adapter{Tx: store, Workflows: bunautomation.NewWorkflows(store), Runs: runs, Due: runs}
		})
	})
	t.Run("messaging", func(t *testing.T) {
		t.Parallel()
		messagingtest.RunConformance(t, func(t *testing.T) messagingtest.Adapter {
			store := openSecured(t, bunmessaging.Schema).Store
			messages := bunmessaging.NewMessages(store)
			return messagingtest.Adapter{Tx: store, Templates: bunmessaging.NewTemplates(store), Messages: messages, Due: messages}
		})
	})
	t.Run("sealing", func(t *testing.T) {
		t.Parallel()
		sealingtest.RunConformance(t, func(t *testing.T) sealingtest.Adapter {
			store := openSecured(t, bunsealing.Schema).Store
			keys := bunsealing.NewKeys(store)
			return sealingtest.Adapter{Tx: store, Keys: keys, Across: keys}
		})
	})
}

func TestRowSecurityStopsAForgottenWorkspace(t *testing.T) { //nolint:tparallel // its parts look at what the ones before left
	t.Parallel()
	s := openSecured(t, buncontacts.Schema)
	ctx := t.Context()
	mine, theirs := engage.WorkspaceID{1}, engage.WorkspaceID{2}
	tag := func(ctx context.Context, ws engage.WorkspaceID, n byte) error {
		db, ok := s.Conn(ctx)
		if !ok {
			t.Fatal("no transaction")
		}
		_, err := db.ExecContext(ctx, `INSERT INTO engage_contacts_events (workspace_id, id, contact_id, name, occurred_at, properties)
			VALUES (?, ?, ?, 'n', '2026-01-01', '{}')`, bunstore.UID(ws), bunstore.UID{n}, bunstore.UID{n})
		return err
	}
	count := func(db bun.IDB) int64 {
		t.Helper()
		n, err := db.NewSelect().Table("engage_contacts_events").Count(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for i, ws := range []engage.WorkspaceID{mine, mine, theirs} {
		if err := s.InTx(ctx, ws, func(ctx context.Context) error { return tag(ctx, ws, byte(i+1)) }); err != nil {
			t.Fatal(err)
		}
	}
	err := s.InTx(ctx, mine, func(ctx context.Context) error {
		db, _ := s.Conn(ctx)
		if n := count(db); n != 2 {
			t.Errorf("a read without a workspace sees %d rows", n)
		}
		for _, query := range []string{"UPDATE engage_contacts_events SET name = 'changed'", "DELETE FROM engage_contacts_events WHERE name = 'changed'"} {
			result, err := db.ExecContext(ctx, query)
			if err != nil {
				t.Fatal(err)
			}
			if n, _ := result.RowsAffected(); n != 2 {
				t.Errorf("%s met %d rows", query, n)
			}
		}
		err := s.InTx(ctx, mine, func(ctx context.Context) error { return tag(ctx, theirs, 9) })
		if err == nil || !strings.Contains(err.Error(), "row-level security") {
			t.Errorf("writing another's row answers %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("in a read outside a transaction", func(t *testing.T) {
		for ws, want := range map[engage.WorkspaceID]int64{mine: 0, theirs: 1} {
			db, err := s.Read(ctx, ws)
			if err != nil {
				t.Fatal(err)
			}
			if n := count(db); n != want {
				t.Errorf("a read of %s sees %d rows", ws, n)
			}
			var names []string
			if err := db.NewRaw("SELECT name FROM engage_contacts_events").Scan(ctx, &names); err != nil || int64(len(names)) != want {
				t.Errorf("a read of %s sees %q, %v", ws, names, err)
			}
			var none string
			if err := db.QueryRowContext(ctx, "SELECT nowhere").Scan(&none); err == nil {
				t.Error("a read that fails does not say so")
			}
		}
	})
	t.Run("on the bare pool, which sees nothing", func(t *testing.T) {
		if n := count(s.pool); n != 0 {
			t.Errorf("it sees %d rows", n)
		}
	})
	t.Run("but not of workers", func(t *testing.T) {
		db, err := s.ReadShard(ctx, engage.DefaultShard)
		if err != nil {
			t.Fatal(err)
		}
		if n := count(db); n != 1 {
			t.Errorf("a worker sees %d rows", n)
		}
		err = s.InShard(ctx, engage.DefaultShard, func(ctx context.Context) error {
			db, _ := s.Conn(ctx)
			if n := count(db); n != 1 {
				t.Errorf("a worker's transaction sees %d rows", n)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Run("in a transaction of the host", func(t *testing.T) {
		tx, err := s.pool.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback() //nolint:errcheck // nothing was written
		_, err = s.InHostTx(ctx, mine, tx, func(ctx context.Context) error {
			db, _ := s.Conn(ctx)
			if n := count(db); n != 0 {
				t.Errorf("it sees %d rows", n)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestRowSecurityBudget holds what the policies cost: one statement a
// transaction, and one, with a BEGIN and a ROLLBACK, a read outside.
func TestRowSecurityBudget(t *testing.T) {
	t.Parallel()
	s := openSecured(t, buncontacts.Schema)
	ctx := t.Context()
	ws := engage.WorkspaceID{1}
	count := func(ctx context.Context, db bun.IDB) error {
		_, err := db.NewSelect().Table("engage_contacts_tags").Count(ctx)
		return err
	}
	for _, c := range []struct {
		name string
		want testkit.Statements
		run  func() error
	}{
		{"a transaction", testkit.Statements{Work: 2, Control: 2}, func() error {
			return s.InTx(ctx, ws, func(ctx context.Context) error {
				db, err := s.Read(ctx, ws)
				if err != nil {
					return err
				}
				return count(ctx, db)
			})
		}},
		{"a transaction of a worker", testkit.Statements{Work: 1, Control: 2}, func() error {
			return s.InShard(ctx, engage.DefaultShard, func(ctx context.Context) error {
				return s.InTx(ctx, ws, func(context.Context) error { return nil })
			})
		}},
		{"a read outside", testkit.Statements{Work: 2, Control: 2}, func() error {
			db, err := s.Read(ctx, ws)
			if err != nil {
				return err
			}
			return count(ctx, db)
		}},
	} {
		s.count.Reset()
		if err := c.run(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := s.count.Tally().Statements; got != c.want {
			t.Errorf("%s takes %+v statements, want %+v:\n%q", c.name, got, c.want, s.count.Statements())
		}
	}
}

func TestRowSecurityReportsFaults(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	open := func(pool *bun.DB) error {
		_, err := bunstore.Open(t.Context(), bunstore.Config{Write: pool, RowSecurity: true})
		return err
	}
	wantFaults(t, open(db.Write), "write.role") // a superuser
	bypassing, pool := roleOf(t, db, "BYPASSRLS")
	wantFaults(t, open(pool), "write.role")
	if _, err := db.Write.ExecContext(t.Context(), "ALTER ROLE "+bypassing+" NOBYPASSRLS"); err != nil {
		t.Fatal(err)
	}
	if err := open(pool); err != nil {
		t.Errorf("a role that policies bind is refused: %v", err)
	}
	schema := strings.TrimSuffix(bypassing, "_appbypassrls")
	for _, query := range []string{
		"GRANT USAGE ON SCHEMA " + schema + " TO " + bypassing, "CREATE TABLE engage_probe (n integer)", "ALTER TABLE engage_probe OWNER TO " + bypassing,
	} {
		if _, err := db.Write.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	wantFaults(t, open(pool), "write.role")
	lite := testkit.SQLite(t)
	wantFaults(t, func() error {
		_, err := bunstore.Open(t.Context(), bunstore.Config{Write: lite.Write, Read: lite.Read, RowSecurity: true})
		return err
	}(), "row_security")
}

// TestDumpRowSecurity checks that the dumped statements make what Migrate makes.
func TestDumpRowSecurity(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	role, _ := roleOf(t, db, "")
	all := schemas(t)
	var dump strings.Builder
	if err := bunstore.DumpSQL(&dump, bunstore.PostgreSQL, all...); err != nil {
		t.Fatal(err)
	}
	if err := bunstore.DumpRowSecurity(&dump, role, all...); err != nil {
		t.Fatal(err)
	}
	for statement := range strings.SplitSeq(dump.String(), ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := db.Write.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	state := func() (rows []string) {
		t.Helper()
		err := db.Write.NewRaw(`SELECT c.relname || ' ' || c.relforcerowsecurity || ' ' || coalesce(pg_get_expr(p.polqual, p.polrelid), '')
			FROM pg_class AS c LEFT JOIN pg_policy AS p ON p.polrelid = c.oid WHERE c.relkind = 'r' AND c.relname <> 'engage_migrations'
			AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) ORDER BY 1`).Scan(t.Context(), &rows)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	dumped := state()
	db = openSecured(t, all...).owner
	if got := state(); !slices.Equal(got, dumped) {
		t.Errorf("Migrate and the dump differ:\n%q\n%q", got, dumped)
	}
}

func TestMoveUnderRowSecurity(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	cfg := bunstore.Config{
		Clock:       &tickingClock{engage.NewManualClock(testkit.Start)},
		RowSecurity: true, Placement: &bunstore.Placement{Directory: east, CacheFor: 1},
	}
	for _, shard := range []engage.Shard{east, west} {
		db := testkit.Postgres(t)
		_, pool := roleOf(t, db, "")
		cfg.More = append(cfg.More, bunstore.Database{Shard: shard, Write: pool, Owner: db.Write})
	}
	store, err := bunstore.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(ctx, buncontacts.Schema); err != nil {
		t.Fatal(err)
	}
	mine, theirs := engage.WorkspaceID{1}, engage.WorkspaceID{2}
	for _, ws := range []engage.WorkspaceID{mine, theirs} {
		err := store.InTx(ctx, ws, func(ctx context.Context) error {
			db, _ := store.Conn(ctx)
			_, err := db.ExecContext(ctx, `INSERT INTO engage_contacts_events (workspace_id, id, contact_id, name, occurred_at, properties)
				VALUES (?, ?, ?, 'n', '2026-01-01', '{}')`, bunstore.UID(ws), bunstore.UID{1}, bunstore.UID{1})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	moved, err := store.Move(ctx, mine, west)
	if err != nil || moved.Rows != 1 {
		t.Fatalf("moved %+v, %v", moved, err)
	}
	for shard, want := range map[engage.Shard]int64{east: 1, west: 1} {
		db, err := store.ReadShard(ctx, shard)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := db.NewSelect().Table("engage_contacts_events").Count(ctx); err != nil || n != want {
			t.Errorf("%d rows on %s, %v", n, shard, err)
		}
	}
}
