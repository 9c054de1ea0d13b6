package bunapikeys_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/accounts/apikeys/apikeystest"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunapikeys"
	"github.com/go-engage/engage/internal/testkit"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		apikeystest.RunConformance(t, func(t *testing.T) apikeystest.Adapter {
			return adapterOf(testkit.Store(t, db, nil, bunapikeys.Schema))
		})
	})
}

func adapterOf(store *bunstore.Store) apikeystest.Adapter {
	keys := bunapikeys.NewKeys(store)
	return apikeystest.Adapter{Tx: store, Keys: keys, Across: keys}
}
