package planstest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/go-engage/engage/adapters/accounts/plans/planstest"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memplans"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open is an adapter over an empty store in memory.
func open() planstest.Adapter {
	store := memory.New(memory.Config{})
	usage := memplans.NewUsage(store)
	return planstest.Adapter{Tx: store, Subscriptions: memplans.NewSubscriptions(store), Usage: usage, Across: usage}
}
