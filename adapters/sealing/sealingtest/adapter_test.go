package sealingtest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memsealing"
	"github.com/go-engage/engage/adapters/sealing/sealingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open is an adapter over an empty store in memory.
func open() sealingtest.Adapter {
	store := memory.New(memory.Config{})
	keys := memsealing.NewKeys(store)
	return sealingtest.Adapter{Tx: store, Keys: keys, Across: keys}
}
