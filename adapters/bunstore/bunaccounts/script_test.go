package bunaccounts_test

import (
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage/adapters/accounts/accountstest"
	"github.com/go-engage/engage/adapters/bunstore/bunaccounts"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memaccounts"
	"github.com/go-engage/engage/internal/testkit"
)

// scriptSeeds is how many scripts there are.
const scriptSeeds = 4

var scriptOperations = flag.Int("engage.operations", 150, "operations in each script")

// TestAScriptLeavesTheSameBehindAsInMemory plays the same scripts in memory and
// on the databases and compares what was answered and told and all that is left,
// byte by byte. Long scripts are played by command:
//
//	go test ./adapters/bunstore/bunaccounts -run TestAScript -engage.operations 10000 -timeout 2h
func TestAScriptLeavesTheSameBehindAsInMemory(t *testing.T) {
	t.Parallel()
	want := make([]func() string, scriptSeeds) // played in memory once, whichever databases there are
	for seed := range want {
		want[seed] = sync.OnceValue(func() string {
			return accountstest.RunScript(t, inMemory(), uint64(seed), *scriptOperations)
		})
	}
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		stored := adapterOf(testkit.Store(t, db, nil, bunaccounts.Schema))
		for seed := range want {
			t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
				t.Parallel()
				want, got := want[seed](), accountstest.RunScript(t, stored, uint64(seed), *scriptOperations)
				if want != got {
					t.Fatalf("-memory +%s:\n%.4000s", db.Name, cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
				}
			})
		}
	})
}

func inMemory() accountstest.Adapter {
	store := memory.New(memory.Config{})
	return accountstest.Adapter{
		Tx: store, Publisher: store, Organizations: memaccounts.NewOrganizations(store), Members: memaccounts.NewMembers(store),
		Workspaces: memaccounts.NewWorkspaces(store), Settings: memaccounts.NewSettings(store), Users: memaccounts.NewUsers(store),
		Teams: memaccounts.NewTeams(store), Levels: memaccounts.NewLevels(store), Access: memaccounts.NewAccess(store),
	}
}
