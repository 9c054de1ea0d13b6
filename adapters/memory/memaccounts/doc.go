// Package memaccounts keeps organizations, workspaces, users, teams and access
// levels in memory, over the kernel of package memory. Compositions and unit
// tests import it.
package memaccounts
