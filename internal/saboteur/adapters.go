package saboteur

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/go-engage/engage"
)

// Spoil checks, as Fails does, that a suite fails in the named case once the
// adapter that open answers is spoilt.
func Spoil[A any](t *testing.T, want string, suite func(*testing.T, func(*testing.T) A), open func() A, spoil func(*A)) {
	t.Helper()
	Fails(t, want, func(t *testing.T) {
		suite(t, func(*testing.T) A {
			a := open()
			spoil(&a)
			return a
		})
	})
}

// Seen are the workspaces that an adapter was asked about. A saboteur that
// ignores the workspace has to know others to answer from.
type Seen struct {
	mu  sync.Mutex
	all []engage.WorkspaceID
}

// Note adds a workspace and answers all.
func (s *Seen) Note(ws engage.WorkspaceID) []engage.WorkspaceID {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ws.IsZero() && !slices.Contains(s.all, ws) {
		s.all = append(s.all, ws)
	}
	return slices.Clone(s.all)
}

// Unpinned runs every transaction on the shard, as an adapter does that never
// compares the workspace of its transaction.
type Unpinned struct{ engage.Transactor }

// InTx runs fn in a transaction of no workspace.
func (x Unpinned) InTx(ctx context.Context, ws engage.WorkspaceID, fn func(context.Context) error) error {
	if ws.IsZero() {
		return x.Transactor.InTx(ctx, ws, fn)
	}
	return x.InShard(ctx, engage.DefaultShard, fn)
}

// CommitsAlways has no rollback.
type CommitsAlways struct{ engage.Transactor }

// InTx answers the error of fn, and commits.
func (x CommitsAlways) InTx(ctx context.Context, ws engage.WorkspaceID, fn func(context.Context) error) error {
	var failed error
	err := x.Transactor.InTx(ctx, ws, func(ctx context.Context) error { failed = fn(ctx); return nil })
	return cmp.Or(err, failed)
}

// InShard answers the error of fn, and commits.
func (x CommitsAlways) InShard(ctx context.Context, shard engage.Shard, fn func(context.Context) error) error {
	var failed error
	err := x.Transactor.InShard(ctx, shard, func(ctx context.Context) error { failed = fn(ctx); return nil })
	return cmp.Or(err, failed)
}

// JoinsWithoutSavepoint runs nested calls in the outer transaction.
type JoinsWithoutSavepoint struct{ engage.Transactor }

type inTransaction struct{}

// InTx runs fn as a part of the transaction that there is.
func (x JoinsWithoutSavepoint) InTx(ctx context.Context, ws engage.WorkspaceID, fn func(context.Context) error) error {
	if ctx.Value(inTransaction{}) == ws {
		return fn(ctx)
	}
	return x.Transactor.InTx(ctx, ws, func(ctx context.Context) error { return fn(context.WithValue(ctx, inTransaction{}, ws)) })
}
