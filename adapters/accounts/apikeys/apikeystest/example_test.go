package apikeystest_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/accounts/apikeys/apikeystest"
)

// An adapter's test is these two lines, with open answering its ports over a
// fresh, migrated database.
func ExampleRunConformance() {
	_ = func(t *testing.T) {
		apikeystest.RunConformance(t, func(*testing.T) apikeystest.Adapter { return open() })
	}
	// Output:
}
