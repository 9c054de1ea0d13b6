package bunsealing_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore/bunsealing"
	"github.com/go-engage/engage/adapters/sealing"
	"github.com/go-engage/engage/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// many is enough that a statement an item could not be overlooked.
const many = 50

var errUndo = errors.New("undo")

// TestEachCallKeepsItsBudget compares what each call runs with testdata, and how
// each database runs what it reads. Outdated keys are read in the order of the
// primary key, once an hour.
func TestEachCallKeepsItsBudget(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		store := testkit.Store(t, db, nil, bunsealing.Schema)
		keys := bunsealing.NewKeys(store)
		ids := engage.NewIDSource(engage.NewManualClock(testkit.Start), nil)
		newKey := func(number int) sealing.DataKey {
			return sealing.DataKey{
				ID: sealing.KeyID(ids.NewID()), Number: number, WrappedBy: "host-1", Wrapped: bytes.Repeat([]byte{1}, 72),
				CreatedAt: testkit.Start, WrappedAt: testkit.Start, Version: 1,
			}
		}
		var all []sealing.DataKeyAcross
		no(t, store.InShard(t.Context(), engage.DefaultShard, func(ctx context.Context) error {
			for range 20 * many {
				k := sealing.DataKeyAcross{Workspace: engage.WorkspaceID(ids.NewID()), Key: newKey(1)}
				all = append(all, k)
				if _, err := keys.Add(ctx, k.Workspace, k.Key); err != nil {
					return err
				}
			}
			return nil
		}))
		analyze := map[string]string{"mysql": "ANALYZE TABLE engage_sealing_keys"}[db.Name]
		if _, err := db.Write.Exec(cmp.Or(analyze, "ANALYZE")); err != nil {
			t.Fatal(err)
		}
		one := all[7*many]
		ws := one.Workspace
		budgets, plans := testkit.NewBudgets(db, many), testkit.NewPlans(db)
		plans.AsLarge = true
		for _, c := range []struct {
			name string
			run  func(ctx context.Context) error
		}{
			{"a key is added", func(ctx context.Context) error { return ignore(keys.Add(ctx, ws, newKey(2))) }},
			{"a key is there already", func(ctx context.Context) error { return ignore(keys.Add(ctx, ws, newKey(1))) }},
			{"the newest is read", func(ctx context.Context) error { return ignore(keys.Newest(ctx, ws)) }},
			{"a key is read", func(ctx context.Context) error { return ignore(keys.Get(ctx, ws, one.Key.ID)) }},
			{"keys are listed", func(ctx context.Context) error { return ignore(keys.List(ctx, ws, engage.PageRequest{})) }},
			{"keys are erased", func(ctx context.Context) error { return ignore(keys.Erase(ctx, ws)) }},
			{"outdated keys are read", func(ctx context.Context) error {
				return ignore(keys.OutdatedAcross(ctx, engage.DefaultShard, "host-2", one, many))
			}},
			{"keys are wrapped anew", func(ctx context.Context) error {
				done, err := keys.RewrapAcross(ctx, engage.DefaultShard, all[:many])
				for i, ok := range done {
					if !ok {
						t.Errorf("key %d was not replaced", i)
					}
				}
				return err
			}},
			{"keys are counted", func(ctx context.Context) error { return ignore(keys.CountAcross(ctx, engage.DefaultShard)) }},
		} {
			var statements []string
			err := store.InShard(t.Context(), engage.DefaultShard, func(ctx context.Context) error {
				db.Count.Reset()
				if err := c.run(ctx); err != nil {
					return err
				}
				budgets.Add(c.name, db.Count.Tally())
				statements = db.Count.Statements()
				return errUndo
			})
			if !errors.Is(err, errUndo) {
				t.Fatalf("%s: %v", c.name, err)
			}
			if c.name != "keys are wrapped anew" { // a statement of 50 cases
				plans.Add(t, c.name, statements)
			}
		}
		budgets.Compare(t, *update)
		plans.Compare(t, *update)
	})
}

func no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func ignore[T any](_ T, err error) error { return err }
