package engage

import "context"

// Version counts the changes of one object, from 1. An update names the version
// it was made from and answers ErrConflict when the stored one differs.
type Version int64

// Shard names a database of an installation. With one database it is
// DefaultShard.
type Shard string

// DefaultShard is the only shard of an installation that has one database.
const DefaultShard Shard = "main"

// Transactor runs functions in transactions, which travel in ctx.
//
// Every write port and Publisher need the transaction in their ctx and answer
// ErrFailedPrecondition without one, so that a write that was handed the outer
// ctx fails at once, on every store. Reads may run without, and then see what
// is committed. The ctx of a transaction must not reach another goroutine, and
// fn must do no network call.
//
// Nesting: a call within a transaction joins it. When the inner fn fails or
// panics, its writes, events and AfterCommit functions are undone and the outer
// transaction goes on, if its fn swallows the error; be it that of a read.
//
// Conflicts between transactions (deadlock, serialization failure, a busy
// database) doom the whole: InTx rolls back and runs the outermost fn again, 3
// times at most, then answers ErrUnavailable. So fn keeps no state from a
// former run. A transaction that the host began is not run again; it answers
// ErrUnavailable.
//
// A panic of fn rolls back and goes on.
type Transactor interface {
	// InTx runs fn in a transaction on the database of ws and commits when fn
	// answers nil. Within it, a write for another workspace answers
	// ErrFailedPrecondition, as does InTx for one. The zero workspace answers
	// ErrInvalid.
	InTx(ctx context.Context, ws WorkspaceID, fn func(ctx context.Context) error) error

	// InShard is InTx for workers and consumers: it is pinned to a database
	// instead of a workspace. InTx for any workspace of that database joins it
	// (another database's answers ErrFailedPrecondition), and so does InShard
	// for the same shard. InShard inside InTx answers ErrFailedPrecondition.
	InShard(ctx context.Context, shard Shard, fn func(ctx context.Context) error) error

	// Shards lists the databases, in a stable order.
	Shards(ctx context.Context) ([]Shard, error)

	// AfterCommit runs fn once the transaction in ctx has committed, in the
	// goroutine that committed it, in the order of the calls. It never runs if
	// the transaction, or the nested call it was made in, is undone. Without a
	// transaction it answers ErrFailedPrecondition. It may be lost in a crash:
	// use it for pokes and caches, never for effects.
	AfterCommit(ctx context.Context, fn func()) error
}

// Publisher writes domain events into the log.
type Publisher interface {
	// Publish adds events of one workspace to the transaction in ctx: they are
	// in the log if and only if it commits, in the order of the calls. Without a
	// transaction it answers ErrFailedPrecondition. An event whose payload does
	// not encode, or is larger than MaxEventBytes, answers ErrInvalid, and then
	// none of the call's events is added.
	Publish(ctx context.Context, ws WorkspaceID, events ...Event) error
}
