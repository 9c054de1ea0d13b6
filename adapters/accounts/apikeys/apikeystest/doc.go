// Package apikeystest is the conformance suite of the storage ports of package
// apikeys. Authors of storage adapters import it in their tests:
//
//	func TestConformance(t *testing.T) {
//		apikeystest.RunConformance(t, open)
//	}
//
// where open answers the adapter's ports over one fresh, migrated database.
package apikeystest
