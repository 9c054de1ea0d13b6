// Package bunplans keeps subscriptions and usage counters in SQLite, PostgreSQL
// or MariaDB, over the kernel of package bunstore. Compositions import it, and
// hosts that wire the suite by hand.
//
// [Schema] makes the tables engage_accounts_subscriptions and
// engage_accounts_usage…. In all of them workspace_id is the organization's: the
// id of the workspace that its log is kept under.
//
// A counter is one row, which an UPDATE adds to under the condition that the sum
// stays under the limit; who comes at the same time waits for its commit.
package bunplans
