// Package sealingtest is the conformance suite of the ports that keep data keys.
// Authors of storage adapters import it in their tests:
//
//	func TestConformance(t *testing.T) {
//		sealingtest.RunConformance(t, open)
//	}
//
// where open answers the adapter's ports over one fresh, migrated database.
package sealingtest
