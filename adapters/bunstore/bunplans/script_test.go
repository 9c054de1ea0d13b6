package bunplans_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage/adapters/accounts/plans/planstest"
	"github.com/go-engage/engage/adapters/bunstore/bunplans"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memplans"
	"github.com/go-engage/engage/internal/testkit"
)

var scriptOperations = flag.Int("engage.operations", 150, "operations in each script")

// TestAScriptLeavesTheSameBehindAsInMemory plays the same scripts in memory and
// on the databases and compares what each operation answered and all that is
// left. Long scripts are played with -engage.operations.
func TestAScriptLeavesTheSameBehindAsInMemory(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		stored := adapterOf(testkit.Store(t, db, nil, bunplans.Schema))
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
				t.Parallel()
				store := memory.New(memory.Config{})
				usage := memplans.NewUsage(store)
				inMemory := planstest.Adapter{Tx: store, Subscriptions: memplans.NewSubscriptions(store), Usage: usage, Across: usage}
				want := planstest.RunScript(t, inMemory, seed, *scriptOperations)
				if got := planstest.RunScript(t, stored, seed, *scriptOperations); want != got {
					t.Fatalf("-memory +%s:\n%.4000s", db.Name, cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
				}
			})
		}
	})
}
