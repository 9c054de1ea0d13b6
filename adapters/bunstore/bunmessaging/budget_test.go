package bunmessaging_test

import (
	"testing"

	"github.com/go-engage/engage/internal/testkit"
)

// TestEachCallKeepsItsBudget compares what each call runs with testdata.
func TestEachCallKeepsItsBudget(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b, budgets := setup(t, db), testkit.NewBudgets(db, many)
		for _, c := range b.calls() {
			_, tally := b.ran(t, c)
			budgets.Add(c.name, tally)
		}
		budgets.Compare(t, *update)
	})
}
