package apikeystest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/go-engage/engage/adapters/accounts/apikeys/apikeystest"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memapikeys"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open is an adapter over an empty store in memory.
func open() apikeystest.Adapter {
	store := memory.New(memory.Config{})
	keys := memapikeys.NewKeys(store)
	return apikeystest.Adapter{Tx: store, Keys: keys, Across: keys}
}
