// Package events records what contacts do: append-only, deduplicated by the
// client's message id, kept with the time it happened and the time it arrived.
// Whoever lets events in imports it, and so do the domains that react to them.
//
// There are two doors. [Service.Append] writes within the caller's transaction
// and is done when it returns. A [Collector] gathers concurrent callers into one
// transaction, which is many times cheaper for single events, and answers each
// after the commit.
package events
