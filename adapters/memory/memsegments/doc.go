// Package memsegments keeps segments, their members and facts in memory, over
// the kernel of package memory. Compositions and unit tests import it.
package memsegments
