package buncontacts_test

import (
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage/adapters/bunstore/buncontacts"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/contacts/contactstest"
	"github.com/go-engage/engage/internal/testkit"
)

// scriptSeeds is how many scripts there are.
const scriptSeeds = 20

var scriptOperations = flag.Int("engage.operations", 500, "operations in each script")

// TestAScriptLeavesTheSameBehindAsInMemory plays the same scripts in memory and
// on the databases and compares all that is left, byte by byte. Long scripts are
// played by command:
//
//	go test ./adapters/bunstore/buncontacts -run TestAScript -engage.operations 10000 -timeout 2h
func TestAScriptLeavesTheSameBehindAsInMemory(t *testing.T) {
	t.Parallel()
	want := make([]func() string, scriptSeeds) // played in memory once, whichever databases there are
	for seed := range want {
		want[seed] = sync.OnceValue(func() string {
			return contactstest.RunScript(t, inMemory(), uint64(seed), *scriptOperations)
		})
	}
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		stored := adapterOf(testkit.Store(t, db, nil, buncontacts.Schema))
		for seed := range want {
			t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
				t.Parallel()
				want, got := want[seed](), contactstest.RunScript(t, stored, uint64(seed), *scriptOperations)
				if want != got {
					t.Fatalf("-memory +%s:\n%.4000s", db.Name, cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
				}
			})
		}
	})
}

func inMemory() contactstest.Adapter {
	store := memory.New(memory.Config{})
	contacts := memcontacts.NewContacts(store)
	return contactstest.Adapter{
		Tx: store, Publisher: store, Contacts: contacts, Existing: contacts,
		Attributes: memcontacts.NewAttributes(store),
		Tags:       memcontacts.NewTags(store), Taggings: memcontacts.NewTaggings(store),
		Lists: memcontacts.NewLists(store), Members: memcontacts.NewMembers(store),
		Events: memcontacts.NewEvents(store), Timeline: memcontacts.NewTimeline(store),
	}
}
