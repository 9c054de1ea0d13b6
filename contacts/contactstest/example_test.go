package contactstest_test

import (
	"testing"

	"github.com/go-engage/engage/contacts/contactstest"
)

// An adapter's test is these two lines, with open answering its ports over a
// fresh, migrated database.
func ExampleRunConformance() {
	_ = func(t *testing.T) {
		contactstest.RunConformance(t, func(*testing.T) contactstest.Adapter { return open() })
	}
	// Output:
}
