package bunplans_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/adapters/accounts/plans/planstest"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunplans"
	"github.com/go-engage/engage/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite the plans in testdata")

// testBundle is a database with many counters, shares and marks of some
// organizations.
type testBundle struct {
	planstest.Adapter
	db    *testkit.Database
	store *bunstore.Store
	ids   engage.IDSource
	org   engage.WorkspaceID // one in the middle
	work  engage.WorkspaceID // a workspace of it
	keys  []plans.CounterKey // which it used
}

// many is how many items the calls below are given.
const many = 20

func setup(t *testing.T, db *testkit.Database) *testBundle {
	t.Helper()
	store := testkit.Store(t, db, nil, bunplans.Schema)
	b := &testBundle{Adapter: adapterOf(store), db: db, store: store, ids: engage.NewIDSource(engage.NewManualClock(testkit.Start), nil)}
	for i := range many {
		b.keys = append(b.keys, plans.CounterKey{Meter: plans.Meter(fmt.Sprintf("meter.%02d", i)), Start: testkit.Start})
	}
	for i := range 10 {
		org := engage.WorkspaceID(b.ids.NewID())
		err := store.InTx(t.Context(), org, func(ctx context.Context) error {
			for _, key := range b.keys {
				work := engage.WorkspaceID(b.ids.NewID())
				if i == 5 {
					b.org, b.work = org, work
				}
				if _, _, err := b.Usage.Add(ctx, org, plans.Addition{CounterKey: key, Workspace: work, N: 10, Max: plans.Unlimited, At: testkit.Start}); err != nil {
					return err
				}
				if _, err := b.Usage.Mark(ctx, org, string(key.Meter), testkit.Start); err != nil {
					return err
				}
			}
			return b.Subscriptions.Put(ctx, org, plans.Subscription{Plan: "free", State: plans.Active})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range []string{"subscriptions", "usage", "usage_shares", "usage_marks"} {
		if _, err := db.Write.Exec(cmp.Or(map[string]string{"mysql": "ANALYZE TABLE engage_accounts_" + table}[db.Name], "ANALYZE")); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// call is one call of a port and the statements it may run on each database.
type call struct {
	name                    string
	across                  bool
	sqlite, postgres, mysql int
	run                     func(ctx context.Context) error
}

func (b *testBundle) addition(n, limit int64) plans.Addition {
	return plans.Addition{CounterKey: b.keys[many-1], Workspace: b.work, N: n, Max: limit, At: testkit.Start}
}

func (b *testBundle) add(a plans.Addition, want bool) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		if _, ok, err := b.Usage.Add(ctx, b.org, a); ok != want || err != nil {
			return fmt.Errorf("counted %t: %w", ok, err)
		}
		return nil
	}
}

func (b *testBundle) calls() []call {
	const shard = engage.DefaultShard
	sub := plans.Subscription{Plan: "pro", State: plans.Active, Version: 1}
	first, theirs := b.addition(1, 100), b.addition(-1, 0)
	first.Meter, theirs.Workspace = "first", engage.WorkspaceID{1}
	page := engage.PageRequest{Limit: 10}
	return []call{
		{"a subscription is put", false, 1, 1, 1, func(ctx context.Context) error { return b.Subscriptions.Put(ctx, b.org, sub) }},
		{"a subscription is read", false, 1, 1, 1, func(ctx context.Context) error { return ignore(b.Subscriptions.Get(ctx, b.org)) }},
		{"a subscription is locked", false, 1, 1, 1, func(ctx context.Context) error { return ignore(b.Subscriptions.Lock(ctx, b.org)) }},
		// counter, share; MariaDB reads what it counted.
		{"a use is counted", false, 2, 2, 3, b.add(b.addition(5, 100), true)},
		{"a use is given back", false, 2, 2, 3, b.add(b.addition(-5, 0), true)},
		{"a use is refused", false, 2, 2, 2, b.add(b.addition(5, 12), false)},
		// and once more to undo it.
		{"another's use is not given back", false, 3, 3, 5, b.add(theirs, false)},
		// looked for twice, made in between.
		{"the first use of a period is counted", false, 5, 5, 6, b.add(first, true)},
		{"a threshold is told", false, 1, 1, 1, func(ctx context.Context) error { return ignore(b.Usage.Tell(ctx, b.org, b.keys[0], 80)) }},
		{"counters are read", false, 1, 1, 1, func(ctx context.Context) error { return ignore(b.Usage.Counters(ctx, b.org, b.keys[:5])) }},
		{"shares are listed", false, 1, 1, 1, func(ctx context.Context) error { return ignore(b.Usage.Shares(ctx, b.org, b.keys[0], page)) }},
		{"a key is noted", false, 1, 1, 1, func(ctx context.Context) error { return ignore(b.Usage.Mark(ctx, b.org, "new", testkit.Start)) }},
		// MariaDB finds it.
		{"a known key is noted", false, 1, 1, 2, func(ctx context.Context) error {
			return ignore(b.Usage.Mark(ctx, b.org, string(b.keys[0].Meter), testkit.Start))
		}},
		{"marks are pruned", true, 1, 1, 1, func(ctx context.Context) error {
			return ignore(b.Across.PruneAcross(ctx, shard, testkit.Start.Add(time.Second), 5))
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
		err = b.store.InTx(t.Context(), b.org, measured)
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

// whoever owns every workspace.
type owner accounts.OrganizationID

func (o owner) OrganizationOf(context.Context, engage.WorkspaceID) (accounts.OrganizationID, error) {
	return accounts.OrganizationID(o), nil
}

// Two processes, each with several consumers, use up an allowance to the last and
// no further, and each threshold is told once.
func TestProcessesShareALimitExactly(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		store := testkit.Store(t, db, engage.NewManualClock(testkit.Start), bunplans.Schema)
		org := accounts.OrganizationID{1}
		open := func() *plans.Service {
			usage := bunplans.NewUsage(store)
			service, err := plans.New(plans.Deps{
				Runtime:       engage.Runtime{Tx: store, Events: store, Clock: engage.NewManualClock(testkit.Start)},
				Subscriptions: bunplans.NewSubscriptions(store), Usage: usage, Across: usage, Organizations: owner(org),
			}, plans.Config{Plans: []plans.Plan{{ID: "free", Limits: []plans.Limit{{Meter: "m", Included: 50}}}}})
			if err != nil {
				t.Fatal(err)
			}
			return service
		}
		services := []*plans.Service{open(), open()}
		if _, err := services[0].Subscribe(t.Context(), org, plans.Subscribe{Plan: "free"}); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		counted := int64(0)
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				for range 8 {
					receipt, err := services[i%2].Consume(t.Context(), engage.WorkspaceID{byte(i + 1)}, "m", 1)
					if err != nil && !errors.Is(err, engage.ErrResourceExhausted) {
						t.Error(err)
					}
					mu.Lock()
					counted += receipt.N
					mu.Unlock()
				}
			})
		}
		group.Wait()
		report, err := services[1].Usage(t.Context(), org)
		if err != nil || counted != 50 || report[0].Used != 50 {
			t.Errorf("%d counted, %+v, %v", counted, report, err)
		}
		told := 0
		for _, row := range logged(t, db) {
			told += strings.Count(row, "accounts.usage.threshold_crossed.v1")
		}
		if told != 2 {
			t.Errorf("%d thresholds are told, want 2", told)
		}
	})
}

// logged are the slices of the log, as they are stored.
func logged(t *testing.T, db *testkit.Database) []string {
	t.Helper()
	var all []string
	for _, row := range db.Rows(t, "SELECT * FROM engage_log") {
		for _, value := range row {
			all = append(all, value)
		}
	}
	return all
}
