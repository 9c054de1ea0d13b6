package sealing_test

import (
	"flag"
	"testing"

	"github.com/go-engage/engage/adapters/sealing"
	"github.com/go-engage/engage/internal/goldens"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestEventPayloads(t *testing.T) {
	t.Parallel()
	goldens.Events(t, *update, sealing.KeyCreated{KeyID: sealing.KeyID{1}, Number: 2}, sealing.KeysErased{Keys: 3})
}
