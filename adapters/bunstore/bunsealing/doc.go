// Package bunsealing keeps wrapped data keys in SQLite, PostgreSQL or MariaDB,
// over the kernel of package bunstore. Compositions import it, and hosts that
// wire the suite by hand.
//
// [Schema] makes the table engage_sealing_keys, a row for each data key of each
// workspace. Each method runs a fixed number of statements. What the worker asks
// for is read in the order of the primary key, of all rows: it asks once an hour.
package bunsealing
