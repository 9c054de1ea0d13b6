package bunsealing_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunsealing"
	"github.com/go-engage/engage/adapters/sealing/sealingtest"
	"github.com/go-engage/engage/internal/testkit"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *testkit.Database{
		"sqlite": testkit.SQLite, "postgres": testkit.Postgres, "mysql": testkit.MariaDB,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sealingtest.RunConformance(t, func(t *testing.T) sealingtest.Adapter {
				return adapterOf(testkit.Store(t, open(t), nil, bunsealing.Schema))
			})
		})
	}
}

func adapterOf(store *bunstore.Store) sealingtest.Adapter {
	keys := bunsealing.NewKeys(store)
	return sealingtest.Adapter{Tx: store, Keys: keys, Across: keys}
}
