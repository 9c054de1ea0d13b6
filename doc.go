// Package engage is the vocabulary of a suite for customer engagement that runs
// inside a Go program: contacts and their events, segments, automations and
// messaging, many tenants in one installation. It holds ids, errors, time,
// money, pages, domain events, transactions, secrets and the small ports that a
// host implements; every other package of the module imports it, and it imports
// the standard library alone.
//
// # Concepts
//
// A workspace is a tenant: [WorkspaceID] is the first argument after ctx of
// every method that serves one, and another workspace's ids answer
// [ErrNotFound] or nothing at all.
//
// A domain is a package of models, services and ports. Services hold the rules
// and are concrete; ports are interfaces that storage and transports implement,
// and each has a public conformance suite.
//
// A transaction travels in ctx. [Transactor] begins or joins it; write ports and
// [Publisher] refuse to run without one. Domain events ([Event]) are written in
// the transaction that makes the change, so neither exists without the other.
//
// The log keeps those events in slices. A [Consumer] reads it in order, and what
// its handlers write commits together with its cursor: once for each event,
// whatever fails.
//
// A [Worker] is background work that runs where the host wants it.
//
// # Map
//
//   - [github.com/go-engage/engage/contacts]: contacts, identities, attributes,
//     tags, lists; their events and timelines
//   - [github.com/go-engage/engage/segments]: filters and who matches them
//   - [github.com/go-engage/engage/automation]: workflows and their runs
//   - [github.com/go-engage/engage/messaging]: templates and what is sent
//   - [github.com/go-engage/engage/adapters/stack]: ready compositions; start here
//   - [github.com/go-engage/engage/adapters/stack/stacktest]: the same in your
//     unit tests, in memory, in milliseconds
//   - [github.com/go-engage/engage/adapters/bunstore]: the SQL kernel for
//     SQLite, PostgreSQL and MariaDB
//   - [github.com/go-engage/engage/adapters/memory]: the same ports in memory
//   - [github.com/go-engage/engage/adapters/watermillbus]: consumers, and the log
//     as a Watermill publisher and subscriber
//
// # Errors
//
// Every error has a [Code], and branching is on sentinels:
//
//	if errors.Is(err, engage.ErrNotFound) { … }
//
// What is wrong with an input is listed whole, with paths: [FieldsOf].
package engage
