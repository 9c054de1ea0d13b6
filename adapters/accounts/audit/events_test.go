package audit_test

import (
	"flag"
	"testing"

	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/internal/goldens"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestEventPayloads(t *testing.T) {
	t.Parallel()
	goldens.Events(t, *update, audit.Recorded{Entries: []audit.Digested{{ID: audit.EntryID{1}, Digest: audit.Hash{2, 0xff}}}})
}
