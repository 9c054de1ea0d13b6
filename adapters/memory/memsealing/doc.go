// Package memsealing keeps wrapped data keys in memory, over the kernel of
// package memory. Compositions and unit tests import it.
package memsealing
