package apikeystest

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
	"github.com/go-engage/engage/internal/porttest"
)

// world is a workspace with one of everything.
type world struct {
	*fixture
	key, twin apikeys.Record
}

func newWorld(f *fixture) *world {
	f.T.Helper()
	w := &world{fixture: f, key: f.key()}
	w.twin = w.key
	w.twin.ID = apikeys.ID(f.IDs.NewID())
	w.fill(w.WS)
	return w
}

// fill writes the world into a workspace. Two workspaces can't hold the same key,
// so the other one has its twin.
func (w *world) fill(ws engage.WorkspaceID) {
	w.T.Helper()
	if ws == w.WS {
		w.insert(ws, w.key)
	} else {
		w.insert(ws, w.twin)
	}
}

func (w *world) dump(ws engage.WorkspaceID) string {
	w.T.Helper()
	return Dump(w.Ctx, w.T, w.Adapter, ws)
}

// calls are all methods of the port of one workspace.
func (w *world) calls() []porttest.Call {
	const port = "apikeys.Repository"
	return []porttest.Call{
		porttest.Creates(port, "Insert", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Keys.Insert(ctx, ws, w.fixture.key()))
		}, nil),
		porttest.Writes(port, "Update", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Keys.Update(ctx, ws, w.key))
		}, nil),
		porttest.Writes(port, "Delete", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Keys.Delete(ctx, ws, w.key.ID))
		}, nil),
		porttest.Reads(port, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Keys.Get(ctx, ws, []apikeys.ID{w.key.ID}))
		}, porttest.Asked(w.Keys.Get)),
		porttest.Writes(port, "Lock", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(porttest.Err(w.Keys.Lock(ctx, ws, w.key.ID)))
		}, nil),
		porttest.Reads(port, "List", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Keys.List(ctx, ws, engage.PageRequest{}))
		}, nil),
	}
}

// everyPort asks of each method what all of them promise.
func everyPort(t *testing.T, a Adapter) {
	porttest.EveryPort(t, func(t *testing.T) porttest.World {
		w := newWorld(newFixture(t, a))
		return porttest.World{Fixture: w.Fixture, Calls: w.calls(), Fill: w.fill, Dump: w.dump}
	}, reflect.TypeFor[apikeys.Repository]())
}

var errUndo = errors.New("undo")

// everyPortAcross asks of the methods of the port across workspaces what such
// ports promise.
func everyPortAcross(t *testing.T, a Adapter) {
	run(t, a, "has a case for each of its methods", func(f *fixture) {
		covered := map[string]bool{"apikeys.RepositoryAcross.FindAcross": true, "apikeys.RepositoryAcross.TouchAcross": true}
		porttest.RequireCalls(f.T, covered, reflect.TypeFor[apikeys.RepositoryAcross]())
	})
	run(t, a, "touches in the transaction of a database alone", func(f *fixture) {
		w := newWorld(f)
		before, shard, ids := w.dump(f.WS), f.shard(), []apikeys.ID{w.key.ID}
		touch := func(ctx context.Context, shard engage.Shard) error {
			return porttest.Err(f.Across.TouchAcross(ctx, shard, start, ids))
		}
		f.Code(touch(f.Ctx, shard), engage.FailedPrecondition)
		f.Code(f.Try(func(ctx context.Context) error { return touch(ctx, shard) }), engage.FailedPrecondition)
		err := f.tryAcross(func(ctx context.Context, _ engage.Shard) error { return touch(ctx, "no such database") })
		if err == nil {
			f.T.Error("a database that there is not: want an error")
		}
		err = f.tryAcross(func(ctx context.Context, shard engage.Shard) error {
			f.No(touch(ctx, shard))
			return errUndo
		})
		if !errors.Is(err, errUndo) {
			f.T.Errorf("want the rollback, got %v", err)
		}
		f.Same(w.dump(f.WS), before)
	})
	run(t, a, "touches no more than a batch, and none for nothing", func(f *fixture) {
		err := f.tryAcross(func(ctx context.Context, shard engage.Shard) error {
			return porttest.Err(f.Across.TouchAcross(ctx, shard, start, make([]apikeys.ID, engage.MaxBatch+1)))
		})
		f.Code(err, engage.Invalid)
		f.across(func(ctx context.Context, shard engage.Shard) error {
			n, err := f.Across.TouchAcross(ctx, shard, start, nil)
			f.Same(n, 0)
			return err
		})
	})
	run(t, a, "finds in the database that is asked, without a transaction and within any", func(f *fixture) {
		w := newWorld(f)
		if _, err := f.Across.FindAcross(f.Ctx, "no such database", w.key.ID); err == nil {
			f.T.Error("a database that there is not: want an error")
		}
		find := func(ctx context.Context) error { return porttest.Err(f.Across.FindAcross(ctx, f.shard(), w.key.ID)) }
		f.No(find(f.Ctx))
		f.InOf(f.Other, find)
		f.across(func(ctx context.Context, _ engage.Shard) error { return find(ctx) })
	})
}
