// Package messagingtest is the conformance suite of messaging's storage ports.
// Authors of storage adapters import it in their tests:
//
//	func TestConformance(t *testing.T) {
//		messagingtest.RunConformance(t, open)
//	}
//
// where open answers the adapter's ports over one fresh, migrated database.
package messagingtest
