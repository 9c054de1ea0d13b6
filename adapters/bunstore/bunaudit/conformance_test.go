package bunaudit_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/accounts/audit/audittest"
	"github.com/go-engage/engage/adapters/bunstore/bunaudit"
	"github.com/go-engage/engage/internal/testkit"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		store := testkit.Store(t, db, nil, bunaudit.Schema)
		audittest.RunConformance(t, func(*testing.T) audittest.Adapter {
			return audittest.Adapter{Tx: store, Entries: bunaudit.NewEntries(store)}
		})
	})
}
