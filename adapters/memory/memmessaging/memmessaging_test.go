package memmessaging_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memmessaging"
	"github.com/go-engage/engage/messaging/messagingtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	messagingtest.RunConformance(t, func(*testing.T) messagingtest.Adapter {
		store := memory.New(memory.Config{})
		messages := memmessaging.NewMessages(store)
		return messagingtest.Adapter{Tx: store, Templates: memmessaging.NewTemplates(store), Messages: messages, Due: messages}
	})
}
