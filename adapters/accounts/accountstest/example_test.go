package accountstest_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/accounts/accountstest"
)

// An adapter's test is these two lines, with open answering its ports over a
// fresh, migrated database.
func ExampleRunConformance() {
	_ = func(t *testing.T) {
		accountstest.RunConformance(t, func(*testing.T) accountstest.Adapter { return open() })
	}
	// Output:
}
