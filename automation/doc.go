// Package automation runs workflows: a contact enters by a trigger and goes from
// node to node, through waits and actions, at the right time and once. Teams
// that react to what contacts do import it; what its actions do in other domains
// is composed from package adapters/actions or written by the host.
//
// A workflow is edited as a draft. [Service.Publish] makes an immutable revision
// of it, and runs keep the revision they started on. A [Run] is a row with a
// time at which it is due; the worker of [Service.Workers] takes due runs in
// batches, moves them on, and commits their log, their next state and the effects
// of their actions together. What leaves the process is left to the domain that
// sends it.
package automation
