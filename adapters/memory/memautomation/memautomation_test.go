package memautomation_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memautomation"
	"github.com/go-engage/engage/automation/automationtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	automationtest.RunConformance(t, func(*testing.T) automationtest.Adapter {
		store := memory.New(memory.Config{})
		runs := memautomation.NewRuns(store)
		return automationtest.Adapter{Tx: store, Workflows: memautomation.NewWorkflows(store), Runs: runs, Due: runs}
	})
}
