package contactstest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage/contacts/contactstest"
	"github.com/go-engage/engage/internal/saboteur"
)

func TestAScript(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprintf("of seed %d leaves the same behind in two stores", seed), func(t *testing.T) {
			t.Parallel()
			one := contactstest.RunScript(t, open(), seed, 500)
			two := contactstest.RunScript(t, open(), seed, 500)
			if one != two {
				t.Fatalf("-one +two:\n%s", cmp.Diff(strings.Split(one, "\n"), strings.Split(two, "\n")))
			}
		})
	}
}

// What a script leaves behind shows what an adapter does wrong.
func TestAScriptNoticesAnAdapterThat(t *testing.T) {
	t.Parallel()
	for does, to := range map[string]func(a *contactstest.Adapter){
		"folds case":                         func(a *contactstest.Adapter) { a.Contacts = foldsValues{a.Contacts, strings.ToLower} },
		"keeps rows after a nested rollback": func(a *contactstest.Adapter) { a.Tx = saboteur.JoinsWithoutSavepoint{Transactor: a.Tx} },
		"replaces a repeated event":          func(a *contactstest.Adapter) { a.Events = replacesEvents{a.Events} },
		"gives a survivor's tags to nobody":  func(a *contactstest.Adapter) { a.Taggings = dropsOnMove{a.Taggings} },
		"truncates time":                     func(a *contactstest.Adapter) { a.Contacts = roundsTime{a.Contacts} },
	} {
		t.Run(does, func(t *testing.T) {
			t.Parallel()
			saboteur.Fails(t, "a script", func(t *testing.T) {
				t.Run("a script", func(t *testing.T) {
					for seed := range uint64(4) {
						good, bad := open(), open()
						to(&bad)
						if contactstest.RunScript(t, good, seed, 500) != contactstest.RunScript(t, bad, seed, 500) {
							t.Fatal("the stores differ")
						}
					}
				})
			})
		})
	}
}
