// Package memory is the kernel of the suite in memory: transactions with real
// rollback, the log of domain events, consumers' cursors and leases. Unit tests
// import it through adapters/stack/stacktest, and authors of memory adapters
// for a domain write theirs on its tables; a service that must keep what it was
// given across a restart takes adapters/bunstore instead.
//
// # Transactions
//
// One transaction runs at a time; others wait, or give up when their ctx ends.
// A reader outside a transaction never waits: it sees the last commit, whole.
// Rows, events, cursors and leases all live in [Table]s, so everything that a
// failed transaction or nested call did is undone together.
//
// # Writing an adapter
//
// An adapter makes its tables once, with [NewTable], and gives each the orders
// it needs, as a database has indexes. A write port takes a [Writer], which it
// gets only from a transaction; a read port takes a [View].
//
// A row is immutable once it is stored. Ports copy what they are given before
// Set, and copy again what they answer, or a caller's later change would show
// up in the store.
package memory
