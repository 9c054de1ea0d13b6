// Package bunsegments keeps segments, their members and facts in SQLite,
// PostgreSQL or MariaDB, over the kernel of package bunstore. Compositions
// import it, and hosts that wire the suite by hand.
//
// [Schema] makes the tables, all named engage_segments…; every key and index
// leads with workspace_id, which the names of indexes therefore leave out.
//
// Each method runs a fixed number of statements, however many items it is given.
// Rows are sorted by key before they are written, so that two calls lock in one
// order.
package bunsegments
