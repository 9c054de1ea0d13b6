// Package buncontacts keeps contacts, their tags, lists, attributes, events and
// timelines in SQLite, PostgreSQL or MariaDB, over the kernel of package
// bunstore. Compositions import it, and hosts that wire the suite by hand.
//
// [Schema] makes the tables, all named engage_contacts…; every key and index
// leads with workspace_id, which the names of indexes therefore leave out.
//
// Each method runs a fixed number of statements, however many items it is given,
// except that a statement holds at most 1 MiB of rows. Rows are sorted by key
// before they are written, and a call writes contacts first, then identities, so
// that two calls lock in one order.
//
// Instants by which rows are ordered (Contact.UpdatedAt, Event.OccurredAt,
// Entry.At) must not be zero: a zero one answers ErrInvalid. Services set all of
// them.
package buncontacts
