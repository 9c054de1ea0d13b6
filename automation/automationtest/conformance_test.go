package automationtest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memautomation"
	"github.com/go-engage/engage/automation/automationtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open is an adapter over an empty store in memory.
func open() automationtest.Adapter {
	store := memory.New(memory.Config{})
	runs := memautomation.NewRuns(store)
	return automationtest.Adapter{Tx: store, Workflows: memautomation.NewWorkflows(store), Runs: runs, Due: runs}
}
