package memsealing_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memsealing"
	"github.com/go-engage/engage/adapters/sealing/sealingtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	sealingtest.RunConformance(t, func(*testing.T) sealingtest.Adapter {
		store := memory.New(memory.Config{})
		keys := memsealing.NewKeys(store)
		return sealingtest.Adapter{Tx: store, Keys: keys, Across: keys}
	})
}
