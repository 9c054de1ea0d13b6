package audittest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/go-engage/engage/adapters/accounts/audit/audittest"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memaudit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open is an adapter over an empty store in memory.
func open() audittest.Adapter {
	store := memory.New(memory.Config{})
	return audittest.Adapter{Tx: store, Entries: memaudit.NewEntries(store)}
}
