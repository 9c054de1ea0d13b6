// Package watermillbus moves the log of domain events: it runs consumers, and
// makes the log a Watermill publisher and subscriber. Compositions import it to
// run the domains' consumers, and hosts to handle events with Watermill's
// routers or to feed a broker.
//
// # Consumers
//
// [NewConsumers] makes a worker of each [engage.Consumer]. A step of it claims
// partitions of the log, the longest waiting first, reads their slices, and
// calls the handlers in the transaction that moves the cursor. So what handlers
// write with their ctx happens once for each event, whatever crashes, and
// replicas share the partitions without knowing of each other.
//
// When handlers fail, the transaction rolls back and runs again behind
// savepoints that find the events at fault. They are parked in the transaction
// that moves the cursor past them: the others' effects are kept, and the
// workspace's later events go on. Parked events are tried again, one by one,
// after 1 s, then 2 s, up to an hour, until they succeed or are dropped by hand
// ([engage.ParkedEvents]); they come out of order then. A panic is an error of
// the handler.
//
// An error that passes by itself ([engage.ErrUnavailable], or that of a ctx)
// parks nothing: the partition is held back for a while and the others go on.
// After [MaxFailures] tries in a row it counts as the event's own.
//
// When its worker's ctx ends, the transaction in progress has a grace to
// finish; then it rolls back. Either way the claims are given back, and nothing
// is lost or parked.
//
// Handlers may be called several times for an event before its effects are
// committed. They keep nothing outside the transaction, and make no network
// call. Each consumer is one goroutine in a process; more processes, or more
// Consumers, share its partitions.
//
// # Watermill
//
// [Publisher] writes Watermill messages into the log, in the caller's
// transaction where their context carries one. [Subscriber] delivers the log's
// events to routers and other readers of messages, for any number of groups and
// replicas, without a broker; with Transactional, what a handler writes commits
// with the cursor.
//
// [Forwarder] is one more consumer: it publishes each event to a broker through
// Watermill's own adapters, at least once and with the event's id as UUID. A
// broker is never the source: what it lost is still in the log. Inside one
// process, [Local] takes its place for plain routers; unlike Watermill's
// GoChannel it repeats a refused message after a pause, and does not answer nil
// for a message that was not handled.
//
// [Relay] and [Receivers] put a broker between the log and consumers: slices
// travel whole, and the mark of a slice commits with the effects of its events.
// BROKERS.md beside this file says when that is worth it.
//
// A router's poison middleware should let context.Canceled pass, which is what
// handlers answer when a deployment interrupts them, and routers that share a
// publisher get it through [KeepOpen].
package watermillbus
