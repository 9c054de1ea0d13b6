package apikeystest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage/adapters/accounts/apikeys/apikeystest"
	"github.com/go-engage/engage/internal/saboteur"
)

func TestAScript(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		t.Run(fmt.Sprintf("of seed %d leaves the same behind in two stores", seed), func(t *testing.T) {
			t.Parallel()
			one, two := apikeystest.RunScript(t, open(), seed, 300), apikeystest.RunScript(t, open(), seed, 300)
			if one != two {
				t.Fatalf("-one +two:\n%s", cmp.Diff(strings.Split(one, "\n"), strings.Split(two, "\n")))
			}
			for _, want := range []string{"insert already_exists", "insert \n", "update conflict", "update \n", "delete \n", "touch 1", "nested internal", "record", "digests"} {
				if !strings.Contains(one, want) {
					t.Errorf("nothing of %q in\n%.2000s", want, one)
				}
			}
		})
	}
}

// What a script leaves behind shows what an adapter does wrong.
func TestAScriptNoticesAnAdapterThat(t *testing.T) {
	t.Parallel()
	for does, to := range map[string]func(a *apikeystest.Adapter){
		"folds case":                         func(a *apikeystest.Adapter) { a.Keys = changesNames{a.Keys, strings.ToLower} },
		"truncates time":                     func(a *apikeystest.Adapter) { a.Keys = roundsTime{a.Keys} },
		"keeps rows after a nested rollback": func(a *apikeystest.Adapter) { a.Tx = saboteur.JoinsWithoutSavepoint{Transactor: a.Tx} },
		"overwrites the last use":            func(a *apikeystest.Adapter) { a.Keys = forgetsUses{a.Keys} },
	} {
		t.Run(does, func(t *testing.T) {
			t.Parallel()
			spoilt := open()
			to(&spoilt)
			if apikeystest.RunScript(t, open(), 1, 300) == apikeystest.RunScript(t, spoilt, 1, 300) {
				t.Error("the script leaves the same behind")
			}
		})
	}
}
