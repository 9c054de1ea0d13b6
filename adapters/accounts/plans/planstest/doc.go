// Package planstest is the conformance suite of the storage ports of package
// plans, and of its port to billing providers. Authors of adapters import it in
// their tests:
//
//	func TestConformance(t *testing.T) {
//		planstest.RunConformance(t, open)
//	}
//
// where open answers the adapter's ports over one fresh, migrated database.
package planstest
