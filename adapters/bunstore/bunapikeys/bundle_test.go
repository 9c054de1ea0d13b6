package bunapikeys_test

import (
	"cmp"
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
	"github.com/go-engage/engage/adapters/accounts/apikeys/apikeystest"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunapikeys"
	"github.com/go-engage/engage/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite the plans in testdata")

// testBundle is a database with many keys in each of many workspaces.
type testBundle struct {
	apikeystest.Adapter
	db    *testkit.Database
	store *bunstore.Store
	ids   engage.IDSource
	ws    engage.WorkspaceID // one in the middle
	keys  []apikeys.Record   // of ws
}

// many is how many items the calls below are given.
const many = 50

func setup(t *testing.T, db *testkit.Database) *testBundle {
	t.Helper()
	store := testkit.Store(t, db, nil, bunapikeys.Schema)
	b := &testBundle{Adapter: adapterOf(store), db: db, store: store, ids: engage.NewIDSource(engage.NewManualClock(testkit.Start), nil)}
	for i := range 20 {
		ws := engage.WorkspaceID(b.ids.NewID())
		err := store.InTx(t.Context(), ws, func(ctx context.Context) error {
			for range many {
				key := b.newKey()
				if i == 10 {
					b.ws, b.keys = ws, append(b.keys, key)
				}
				if err := b.Keys.Insert(ctx, ws, key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Write.Exec(cmp.Or(map[string]string{"mysql": "ANALYZE TABLE engage_accounts_keys"}[db.Name], "ANALYZE")); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *testBundle) newKey() apikeys.Record {
	return apikeys.Record{Key: apikeys.Key{ID: apikeys.ID(b.ids.NewID()), Name: "x", Kind: apikeys.WriteKey, Version: 1}}
}

// call is one call of a port and the statements it may run on each database.
type call struct {
	name                    string
	across                  bool
	sqlite, postgres, mysql int
	run                     func(ctx context.Context) error
}

func (b *testBundle) calls() []call {
	ids := make([]apikeys.ID, 10)
	for i, key := range b.keys[:10] {
		ids[i] = key.ID
	}
	one := b.keys[7]
	stale := one
	stale.Version = 9
	page := engage.PageRequest{Limit: 10}
	first, _ := b.Keys.List(context.Background(), b.ws, page)
	next := page
	next.After = first.Next
	return []call{
		{"a key is inserted", false, 1, 1, 1, func(ctx context.Context) error { return b.Keys.Insert(ctx, b.ws, b.newKey()) }},
		{"a key is updated", false, 1, 1, 1, func(ctx context.Context) error { return b.Keys.Update(ctx, b.ws, one) }},
		// and looked for, to tell why not.
		{"a stale key is updated", false, 2, 2, 2, func(ctx context.Context) error {
			if err := b.Keys.Update(ctx, b.ws, stale); engage.CodeOf(err) != engage.Conflict {
				return fmt.Errorf("want a conflict, got %w", err)
			}
			return nil
		}},
		{"a key is deleted", false, 1, 1, 1, func(ctx context.Context) error { return b.Keys.Delete(ctx, b.ws, one.ID) }},
		{"keys are read", false, 1, 1, 1, func(ctx context.Context) error { return ignore(b.Keys.Get(ctx, b.ws, ids)) }},
		{"a key is locked", false, 1, 1, 1, func(ctx context.Context) error { return ignore(b.Keys.Lock(ctx, b.ws, one.ID)) }},
		{"keys are listed", false, 1, 1, 1, func(ctx context.Context) error { return ignore(b.Keys.List(ctx, b.ws, page)) }},
		{"the next keys are listed", false, 1, 1, 1, func(ctx context.Context) error { return ignore(b.Keys.List(ctx, b.ws, next)) }},
		{"a key is found by its id", true, 1, 1, 1, func(ctx context.Context) error {
			return ignore(b.Across.FindAcross(ctx, engage.DefaultShard, one.ID))
		}},
		{"keys are touched", true, 1, 1, 1, func(ctx context.Context) error {
			return ignore(b.Across.TouchAcross(ctx, engage.DefaultShard, testkit.Start, ids))
		}},
	}
}

func ignore[T any](_ T, err error) error { return err }

// errUndo rolls back what a call did, so that the next one finds the bundle.
var errUndo = &engage.Error{Code: engage.Internal, Op: "undo"}

// statements answers what a call runs within a transaction that is rolled back.
func (b *testBundle) statements(t *testing.T, c call) []string {
	t.Helper()
	var ran []string
	measured := func(ctx context.Context) error {
		b.db.Count.Reset()
		if err := c.run(ctx); err != nil {
			return err
		}
		ran = b.db.Count.Statements()
		return errUndo
	}
	var err error
	if c.across {
		err = b.store.InShard(t.Context(), engage.DefaultShard, measured)
	} else {
		err = b.store.InTx(t.Context(), b.ws, measured)
	}
	if err != error(errUndo) { //nolint:errorlint // the very value
		t.Fatalf("the call failed: %v", err)
	}
	return ran
}

func TestEachCallRunsAFixedNumberOfStatements(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		for _, c := range b.calls() {
			t.Run(c.name, func(t *testing.T) {
				ran := b.statements(t, c)
				if want := map[string]int{"sqlite": c.sqlite, "postgres": c.postgres, "mysql": c.mysql}[db.Name]; len(ran) != want {
					t.Errorf("%d statements, want %d: %.300q", len(ran), want, ran)
				}
			})
		}
	})
}

// TestHotStatementsAreReadByAnIndex compares how each database would run the
// statements against testdata.
func TestHotStatementsAreReadByAnIndex(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		plans := testkit.NewPlans(db)
		plans.AsLarge = true
		for _, c := range b.calls() {
			plans.Add(t, c.name, b.statements(t, c))
		}
		plans.Compare(t, *update)
	})
}

// What a thief of the whole database reads opens nothing.
func TestADumpOfTheDatabaseHoldsNoUsableKey(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		store := testkit.Store(t, db, nil, bunapikeys.Schema)
		keys := bunapikeys.NewKeys(store)
		service, err := apikeys.New(apikeys.Deps{Runtime: engage.Runtime{Tx: store, Events: store}, Keys: keys, Across: keys}, apikeys.Config{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, ws := t.Context(), engage.WorkspaceID{1}
		key, first, err := service.Create(ctx, ws, apikeys.NewKey{Name: "Deploy", Kind: apikeys.SecretKey, Permissions: []string{"a"}})
		if err != nil {
			t.Fatal(err)
		}
		_, second, err := service.Rotate(ctx, ws, key.ID, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []engage.Secret{first, second} {
			if grant, err := service.VerifyKey(ctx, text); err != nil || grant.Workspace != ws {
				t.Fatalf("%v, %v", grant, err)
			}
		}
		if _, err := service.Workers()[0].(*engage.Loop).Step(ctx); err != nil {
			t.Fatal(err)
		}
		var dump strings.Builder
		for _, table := range tables(t, db) {
			for _, row := range db.Rows(t, "SELECT * FROM "+table) {
				for column, value := range row {
					fmt.Fprintf(&dump, "%s.%s %s %x\n", table, column, value, value)
				}
			}
		}
		if !strings.Contains(dump.String(), "accounts.key.rotated.v1") || !strings.Contains(dump.String(), "engage_accounts_keys.digest") {
			t.Fatalf("the dump misses tables:\n%s", dump.String())
		}
		for _, text := range []engage.Secret{first, second} {
			token := text.Reveal()
			for _, part := range []string{token, token[31:83], token[31:57], token[57:83], token[70:]} {
				for _, spelling := range []string{part, strings.ToUpper(part), hex.EncodeToString([]byte(part))} {
					if strings.Contains(dump.String(), spelling) {
						t.Errorf("%d characters of a key's text are in the database", len(part))
					}
				}
			}
		}
	})
}

func tables(t *testing.T, db *testkit.Database) []string {
	t.Helper()
	query := map[string]string{
		"sqlite":   "SELECT name FROM sqlite_master WHERE type = 'table'",
		"postgres": "SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()",
		"mysql":    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = database()",
	}[db.Name]
	var names []string
	for _, row := range db.Rows(t, query) {
		names = append(names, row["name"])
	}
	return names
}
