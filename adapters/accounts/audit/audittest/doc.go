// Package audittest is the conformance suite of the port that keeps audit trails.
// Authors of storage adapters import it in their tests:
//
//	func TestConformance(t *testing.T) {
//		audittest.RunConformance(t, open)
//	}
//
// where open answers the adapter's port over one fresh, migrated database.
package audittest
