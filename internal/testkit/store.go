package testkit

import (
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
)

// Store opens a store on a fresh database with the tables of the schemas. A nil
// clock is the system's.
func Store(t testing.TB, db *Database, clock engage.Clock, schemas ...bunstore.Schema) *bunstore.Store {
	t.Helper()
	store, err := bunstore.Open(t.Context(), bunstore.Config{Write: db.Write, Read: db.Read, Clock: clock})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if err := store.Migrate(t.Context(), schemas...); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	db.Count.Reset()
	return store
}

// Start is where tests' manual clocks begin.
var Start = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
