package memaudit_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/accounts/audit/audittest"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memaudit"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	audittest.RunConformance(t, func(*testing.T) audittest.Adapter {
		store := memory.New(memory.Config{})
		return audittest.Adapter{Tx: store, Entries: memaudit.NewEntries(store)}
	})
}
