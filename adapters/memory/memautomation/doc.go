// Package memautomation keeps workflows and runs in memory, over the kernel of
// package memory. Compositions and unit tests import it.
package memautomation
