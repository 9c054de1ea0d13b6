// Package automationtest is the conformance suite of the storage ports of package
// automation. Authors of storage adapters import it in their tests:
//
//	func TestConformance(t *testing.T) {
//		automationtest.RunConformance(t, open)
//	}
//
// where open answers the adapter's ports over one fresh, migrated database.
package automationtest
