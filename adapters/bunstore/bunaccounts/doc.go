// Package bunaccounts keeps organizations, workspaces, users, teams and access
// levels in SQLite, PostgreSQL or MariaDB, over the kernel of package bunstore.
// Compositions import it, and hosts that wire the suite by hand.
//
// [Schema] makes the tables, all named engage_accounts…. All of them are in one
// database, the [Directory], wherever the workspaces' own data is. A store of
// several databases resolves the logs of organizations and of users
// (accounts.LogOf, accounts.UserLogOf) to it.
//
// Each method runs a fixed number of statements, however many items it is given.
// Rows are sorted by key before they are written.
package bunaccounts
