// Package bunapikeys keeps API keys in SQLite, PostgreSQL or MariaDB, over the
// kernel of package bunstore. Compositions import it, and hosts that wire the
// suite by hand.
//
// [Schema] makes the table engage_accounts_keys. It belongs into one database,
// where keys are found by their id alone; digests are all that it holds of their
// texts.
package bunapikeys
