// Package audit keeps who commanded what in a workspace, in a trail that shows
// when somebody has changed it. Programs that compose the suite import it, or
// hosts that want the trail alone; no domain knows of it.
//
// # Writing
//
// A [Recorder] stands before the store's Publisher. Of the events that are
// commands of operators and administrators ([Config] says which) it writes an
// [Entry] each, in the transaction of the change and by one statement a call, with
// fields of secret names masked. A change without its entry, or an entry without
// its change, is never committed.
//
// # Chaining
//
// With the entries the Recorder publishes [Recorded], which holds their digests.
// The Consumer of the [Service] gives them numbers in the order of the log, and
// each the SHA-256 of the one before it, its number and its digest. The log is
// consumed in order and by one owner at a time, so there is one chain, whatever
// transactions ran side by side, and writers never wait for it. The digest was
// made in the transaction of the change: an entry that was altered before it had
// its number shows, too.
//
// # What the chain proves
//
// [Service.Verify] finds the first entry that was changed, removed, put in or
// put elsewhere, and a chain whose end was cut off behind the back of its head.
// Who may write to every table can make a whole chain anew, with another head, or
// shorten both. Against that, hand [Service.Head] to somebody outside the
// database from time to time, and give what they kept to Verify: the chain must
// lead through it.
//
// Entries are never removed by the library, but for [Service.Erase], which
// removes a workspace's whole trail.
package audit
