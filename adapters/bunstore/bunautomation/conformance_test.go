package bunautomation_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunautomation"
	"github.com/go-engage/engage/automation/automationtest"
	"github.com/go-engage/engage/internal/testkit"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		automationtest.RunConformance(t, func(t *testing.T) automationtest.Adapter {
			return adapterOf(testkit.Store(t, db, nil, bunautomation.Schema))
		})
	})
}

func adapterOf(store *bunstore.Store) automationtest.Adapter {
	runs := bunautomation.NewRuns(store)
	return automationtest.Adapter{Tx: store, Workflows: bunautomation.NewWorkflows(store), Runs: runs, Due: runs}
}
