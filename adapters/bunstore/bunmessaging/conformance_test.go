package bunmessaging_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunmessaging"
	"github.com/go-engage/engage/internal/testkit"
	"github.com/go-engage/engage/messaging/messagingtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *testkit.Database{
		"sqlite": testkit.SQLite, "postgres": testkit.Postgres, "mysql": testkit.MariaDB,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			messagingtest.RunConformance(t, func(t *testing.T) messagingtest.Adapter {
				return adapterOf(testkit.Store(t, open(t), nil, bunmessaging.Schema))
			})
		})
	}
}

func adapterOf(store *bunstore.Store) messagingtest.Adapter {
	messages := bunmessaging.NewMessages(store)
	return messagingtest.Adapter{Tx: store, Templates: bunmessaging.NewTemplates(store), Messages: messages, Due: messages}
}
