// Package contactstest is the conformance suite of the storage ports of package
// contacts and its rooms. Authors of storage adapters import it in their tests:
//
//	func TestConformance(t *testing.T) {
//		contactstest.RunConformance(t, open)
//	}
//
// where open answers the adapter's ports over one fresh, migrated database.
package contactstest
