package bunapikeys_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage/adapters/accounts/apikeys/apikeystest"
	"github.com/go-engage/engage/adapters/bunstore/bunapikeys"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memapikeys"
	"github.com/go-engage/engage/internal/testkit"
)

var scriptOperations = flag.Int("engage.operations", 150, "operations in each script")

// TestAScriptLeavesTheSameBehindAsInMemory plays the same scripts in memory and
// on the databases and compares what each operation answered and all that is
// left. Long scripts are played with -engage.operations.
func TestAScriptLeavesTheSameBehindAsInMemory(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		stored := adapterOf(testkit.Store(t, db, nil, bunapikeys.Schema))
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
				t.Parallel()
				store := memory.New(memory.Config{})
				keys := memapikeys.NewKeys(store)
				inMemory := apikeystest.Adapter{Tx: store, Keys: keys, Across: keys}
				want := apikeystest.RunScript(t, inMemory, seed, *scriptOperations)
				if got := apikeystest.RunScript(t, stored, seed, *scriptOperations); want != got {
					t.Fatalf("-memory +%s:\n%.4000s", db.Name, cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
				}
			})
		}
	})
}
