// Package testkit opens the databases that the suite's own storage tests run on:
// SQLite in a temporary file always, PostgreSQL and MariaDB where the
// environment names a server. Tests of storage adapters inside this module
// import it; nothing else does.
package testkit
