package planstest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage/adapters/accounts/plans/planstest"
	"github.com/go-engage/engage/internal/saboteur"
)

func TestAScript(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		t.Run(fmt.Sprintf("of seed %d leaves the same behind in two stores", seed), func(t *testing.T) {
			t.Parallel()
			one, two := planstest.RunScript(t, open(), seed, 300), planstest.RunScript(t, open(), seed, 300)
			if one != two {
				t.Fatalf("-one +two:\n%s", cmp.Diff(strings.Split(one, "\n"), strings.Split(two, "\n")))
			}
			for _, want := range []string{"add", "tell true", "mark true", "mark false", "put", "conflict", "nested internal", "counter", "share"} {
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
	for does, to := range map[string]func(a *planstest.Adapter){
		"folds case":                         func(a *planstest.Adapter) { a.Usage = foldsMeters{a.Usage} },
		"truncates time":                     func(a *planstest.Adapter) { a.Subscriptions = roundsTime{a.Subscriptions} },
		"keeps rows after a nested rollback": func(a *planstest.Adapter) { a.Tx = saboteur.JoinsWithoutSavepoint{Transactor: a.Tx} },
		"counts beyond the limit":            func(a *planstest.Adapter) { a.Usage = softens{a.Usage} },
	} {
		t.Run(does, func(t *testing.T) {
			t.Parallel()
			spoilt := open()
			to(&spoilt)
			if planstest.RunScript(t, open(), 1, 300) == planstest.RunScript(t, spoilt, 1, 300) {
				t.Error("the script leaves the same behind")
			}
		})
	}
}
