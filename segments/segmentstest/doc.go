// Package segmentstest is the conformance suite of the storage ports of package
// segments. Authors of storage adapters import it in their tests:
//
//	func TestConformance(t *testing.T) {
//		segmentstest.RunConformance(t, open)
//	}
//
// where open answers the adapter's ports over one fresh, migrated database.
package segmentstest
