// Package bunstore is the SQL kernel of the suite: transactions, the log of
// domain events, leases and migrations over a host's own *bun.DB, on SQLite,
// PostgreSQL and MariaDB. Programs that compose the suite on a database import
// it, and so do the storage adapters of the domains; domains and handlers never
// do.
//
// # Opening
//
// The host brings its pools with the driver it likes; [Open] checks what they
// need and reports all faults at once.
//
//	store, err := bunstore.Open(ctx, bunstore.Config{Write: writer, Read: readers})
//	err = store.Migrate(ctx, buncontacts.Schema)
//
// [Store] is an engage.Transactor and Publisher; its methods Log, Parked and
// Leases answer the other ports of the kernel.
//
//   - SQLite: a writer pool of one connection with _txlock=immediate and a pool
//     of readers, both with the pragmas journal_mode(WAL), synchronous(FULL),
//     foreign_keys(1) and busy_timeout.
//   - PostgreSQL 13 or later, with standard_conforming_strings. The tables stand
//     in the first schema of the connections' search_path; name it in
//     [Config.Schema] and Open verifies it on every pool. No statement of the
//     suite names a schema, so the path belongs into the DSN or to the role.
//   - MariaDB 10.6 or later (MySQL 8 gets the same statements), with strict
//     sql_mode, clientFoundRows=true and max_allowed_packet of 16 MiB or more.
//
// # For authors of storage adapters
//
// A port's write method asks [Store.Write] for its connection, a read method
// [Store.Read]; both answer what the ports promise when the transaction is
// missing or another workspace's. Rows are written with the types [UID],
// [Micros], [Text], [Key] and [JSON], which mean the same in each database, and
// errors go through [MapError].
//
// Statements that fail for a reason the caller may live with (a taken key) are
// avoided rather than caught: PostgreSQL refuses every further statement of a
// transaction after one that failed. [InsertNew] says which rows were new
// without failing, and a nested InTx keeps a failure to itself: its savepoint is
// made before its first write, and on PostgreSQL before its first read, too.
//
// # The log
//
// A transaction's events are written as its last statement, one row for up to
// 500 events of a workspace. A row's position comes later, from the sequencer
// among [Store.Workers], for committed rows alone: so positions have no gaps and
// nothing appears behind one that a reader has passed. A step takes about 20 ms
// for 512 rows, whatever one workspace has waiting. SQLite, with one writer at a
// time, numbers rows as it writes them.
//
// # Many databases
//
// With a [Placement] a directory says which database each workspace is on, and
// [Store.Move] brings one to another while it is in use. Writers wait while the
// consumers read its log to the end and while its rows change places, which
// takes as long as there are rows; readers wait for the second part of that. The
// tables that move are found in the database's catalogue: all of the suite that
// hold workspace_id, parked events among them. The log stays where it was
// written, and [Store.Feed] reads a workspace's slices across its moves.
//
// # Row-level security
//
// With [Config.RowSecurity] PostgreSQL itself shows a transaction the rows of its
// workspace alone. A transaction of InShard sees all, be there an InTx in it or
// not: consumers and workers serve many workspaces with one.
package bunstore
