// Package bunaudit keeps audit trails in SQLite, PostgreSQL or MariaDB, over the
// kernel of package bunstore. Compositions import it, and hosts that wire the
// suite by hand.
//
// [Schema] makes the tables engage_audit_entries and engage_audit_heads. Payloads
// are text, not JSON: what is hashed must come back byte for byte. Each method
// runs a fixed number of statements, however many items it is given, except that
// a statement holds at most 8 MiB of rows.
package bunaudit
