package messagingtest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memmessaging"
	"github.com/go-engage/engage/messaging/messagingtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open is an adapter over an empty store in memory.
func open() messagingtest.Adapter {
	store := memory.New(memory.Config{})
	messages := memmessaging.NewMessages(store)
	return messagingtest.Adapter{Tx: store, Templates: memmessaging.NewTemplates(store), Messages: messages, Due: messages}
}
