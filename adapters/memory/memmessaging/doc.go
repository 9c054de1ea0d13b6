// Package memmessaging keeps templates and the ledger of messages in memory,
// over the kernel of package memory. Compositions and unit tests import it.
package memmessaging
