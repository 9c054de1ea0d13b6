package memplans_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/accounts/plans/planstest"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memplans"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	planstest.RunConformance(t, func(*testing.T) planstest.Adapter {
		store := memory.New(memory.Config{})
		usage := memplans.NewUsage(store)
		return planstest.Adapter{Tx: store, Subscriptions: memplans.NewSubscriptions(store), Usage: usage, Across: usage}
	})
}
