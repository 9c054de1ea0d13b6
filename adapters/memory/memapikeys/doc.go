// Package memapikeys keeps API keys in memory, over the kernel of package memory.
// Compositions and unit tests import it.
package memapikeys
