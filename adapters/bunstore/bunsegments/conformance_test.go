package bunsegments_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunsegments"
	"github.com/go-engage/engage/internal/testkit"
	"github.com/go-engage/engage/segments/segmentstest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		segmentstest.RunConformance(t, func(t *testing.T) segmentstest.Adapter {
			return adapterOf(testkit.Store(t, db, nil, bunsegments.Schema))
		})
	})
}

func adapterOf(store *bunstore.Store) segmentstest.Adapter {
	members := bunsegments.NewMembers(store)
	return segmentstest.Adapter{
		Tx: store, Segments: bunsegments.NewSegments(store), Facts: bunsegments.NewFacts(store), Members: members, Due: members,
	}
}
