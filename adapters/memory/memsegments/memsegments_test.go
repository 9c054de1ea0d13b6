package memsegments_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memsegments"
	"github.com/go-engage/engage/segments/segmentstest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	segmentstest.RunConformance(t, func(*testing.T) segmentstest.Adapter {
		store := memory.New(memory.Config{})
		members := memsegments.NewMembers(store)
		return segmentstest.Adapter{
			Tx: store, Segments: memsegments.NewSegments(store), Facts: memsegments.NewFacts(store), Members: members, Due: members,
		}
	})
}
