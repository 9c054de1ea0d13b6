package bunstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/internal/testkit"
)

// park parks so many events of a workspace for a consumer and answers their ids.
func (b *testBundle) park(t *testing.T, ws engage.WorkspaceID, consumer string, n int) []engage.EventID {
	t.Helper()
	ids, parked := make([]engage.EventID, n), make([]engage.Parked, n)
	for i := range ids {
		ids[i] = engage.EventID(b.ids.NewID())
		event, err := engage.NewEnvelope(t.Context(), ws, *b.probe("p"), ids[i], b.clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		parked[i] = engage.Parked{Consumer: consumer, Event: event, Attempts: 1, NotBefore: b.clock.Now().Add(time.Hour), Cause: "c"}
	}
	err := b.InShard(t.Context(), engage.DefaultShard, func(ctx context.Context) error {
		return b.Log().Park(ctx, engage.DefaultShard, parked)
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// TestParkedEventsTakeOneStatementAndAnIndex compares the plans with testdata.
func TestParkedEventsTakeOneStatementAndAnIndex(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b, plans := setup(t, db), testkit.NewPlans(db)
		plans.Name = "parked"
		for range 4 {
			b.park(t, b.ot, "c", engage.MaxBatch)
			b.park(t, b.ot, "d", engage.MaxBatch)
		}
		ids := b.park(t, b.ws, "c", 500)
		gather := map[string]string{"sqlite": "ANALYZE", "postgres": "ANALYZE engage_log_parked", "mysql": "ANALYZE TABLE engage_log_parked"}
		if _, err := db.Write.ExecContext(t.Context(), gather[db.Name]); err != nil {
			t.Fatal(err)
		}
		require := func(what string, want int, do func() error) {
			t.Helper()
			db.Count.Require(t, want, func() {
				if err := do(); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			})
			plans.Add(t, what, db.Count.Statements())
		}
		for _, consumer := range []string{"", "c"} {
			var next engage.Cursor
			list := func() error {
				page, err := b.Parked().List(t.Context(), b.ot, consumer, engage.PageRequest{After: next})
				next = page.Next
				return err
			}
			require("the first page", 1, list)
			require("the next page", 1, list)
		}
		for _, consumer := range []string{"", "c"} {
			require("Redrive", 3, func() error {
				return b.InTx(t.Context(), b.ws, func(ctx context.Context) error {
					return ignore(b.Parked().Redrive(ctx, b.ws, consumer, ids[:100]))
				})
			})
			require("Drop", 3, func() error {
				return b.InTx(t.Context(), b.ws, func(ctx context.Context) error {
					return ignore(b.Parked().Drop(ctx, b.ws, consumer, ids[:100]))
				})
			})
		}
		plans.Compare(t, *update)
	})
}

func ignore[T any](_ T, err error) error { return err }
