package planstest_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/adapters/accounts/plans/planstest"
)

// An adapter's test is these two lines, with open answering its ports over a
// fresh, migrated database.
func ExampleRunConformance() {
	_ = func(t *testing.T) {
		planstest.RunConformance(t, func(*testing.T) planstest.Adapter { return open() })
	}
	// Output:
}

// The suite of billing providers takes an adapter to a provider's sandbox.
func ExampleRunBilling() {
	_ = func(t *testing.T) {
		planstest.RunBilling(t, func(*testing.T) plans.Billing { return planstest.NewBilling() })
	}
	// Output:
}
