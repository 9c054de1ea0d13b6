package segmentstest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memsegments"
	"github.com/go-engage/engage/segments/segmentstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open is an adapter over an empty store in memory.
func open() segmentstest.Adapter {
	store := memory.New(memory.Config{})
	members := memsegments.NewMembers(store)
	return segmentstest.Adapter{
		Tx: store, Segments: memsegments.NewSegments(store), Facts: memsegments.NewFacts(store), Members: members, Due: members,
	}
}
