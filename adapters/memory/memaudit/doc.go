// Package memaudit keeps audit trails in memory, over the kernel of package
// memory. Compositions and unit tests import it.
package memaudit
