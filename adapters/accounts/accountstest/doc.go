// Package accountstest is the conformance suite of the storage ports of package
// accounts. Authors of storage adapters import it in their tests:
//
//	func TestConformance(t *testing.T) {
//		accountstest.RunConformance(t, open)
//	}
//
// where open answers the adapter's ports over one fresh, migrated database,
// which is engage.DefaultShard.
package accountstest
