package bunplans_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/accounts/plans/planstest"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunplans"
	"github.com/go-engage/engage/internal/testkit"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *testkit.Database{
		"sqlite": testkit.SQLite, "postgres": testkit.Postgres, "mysql": testkit.MariaDB,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			planstest.RunConformance(t, func(t *testing.T) planstest.Adapter {
				return adapterOf(testkit.Store(t, open(t), nil, bunplans.Schema))
			})
		})
	}
}

func adapterOf(store *bunstore.Store) planstest.Adapter {
	usage := bunplans.NewUsage(store)
	return planstest.Adapter{Tx: store, Subscriptions: bunplans.NewSubscriptions(store), Usage: usage, Across: usage}
}
