// Package bunmessaging keeps saved templates and the ledger of messages in
// SQLite, PostgreSQL or MariaDB, over the kernel of package bunstore.
// Compositions import it, and hosts that wire the suite by hand.
//
// [Schema] makes the tables engage_messaging_templates and
// engage_messaging_messages. Of the ledger's indexes only the one that claims
// are made by does not lead with workspace_id; on SQLite and PostgreSQL it holds
// unfinished messages alone, so that sending does not slow down as the ledger
// grows.
//
// Each method runs a fixed number of statements, however many items it is given
// and however many messages wait, except that a statement holds at most 8 MiB of
// rows.
package bunmessaging
