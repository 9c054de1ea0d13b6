package memapikeys_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/accounts/apikeys/apikeystest"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memapikeys"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	apikeystest.RunConformance(t, func(*testing.T) apikeystest.Adapter {
		store := memory.New(memory.Config{})
		keys := memapikeys.NewKeys(store)
		return apikeystest.Adapter{Tx: store, Keys: keys, Across: keys}
	})
}
