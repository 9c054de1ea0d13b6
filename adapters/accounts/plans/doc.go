// Package plans sells what an installation offers: plans with limits, the
// subscription of an organization to one of them, and counters of what its
// workspaces used. Hosts that meter their tenants import it; of accounts it needs
// no more than the ids of organizations.
//
// # Plans
//
// A [Plan] is a value that the host composes: for each meter how much is
// included, by calendar month or in total, and whether the limit is hard. A
// subscription is an organization's, so all of its workspaces draw on one
// allowance. [Organizations] tells whose a workspace is.
//
// # Counting
//
// [Service.Consume] counts before the thing is done, and refuses above a hard
// limit with engage.ErrResourceExhausted and a [LimitError]. A counter is one row
// that all processes of an organization write. Who does many small things asks
// for some hundreds at once, works, and gives what was left back with
// [Service.Return]: the row is locked once a chunk, and a killed process loses its
// chunk rather than the limit.
//
// Consume needs a transaction of the organization, so it can't join one that is
// pinned to a workspace: count first, then begin.
//
// # Billing
//
// Who collects the money is a [Billing]; without one it is done by hand.
// Addresses and payment methods are the provider's, and never kept here.
//
// # The log
//
// Subscriptions and counters belong to an organization, and so do their events:
// they stand in the organization's log, which is that of the workspace with its
// id, and commit with what they tell of. In an installation of several databases,
// whoever tells a workspace's database is asked for that id, too.
package plans
