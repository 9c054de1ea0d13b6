package sealingtest

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/sealing"
	"github.com/go-engage/engage/internal/porttest"
)

// world is a workspace with one of everything.
type world struct {
	*fixture
	stored sealing.DataKey
}

func newWorld(f *fixture) *world {
	f.T.Helper()
	w := &world{fixture: f, stored: f.key(1)}
	w.fill(w.WS)
	return w
}

// fill writes the world into a workspace; two workspaces may hold the same ids.
func (w *world) fill(ws engage.WorkspaceID) {
	w.T.Helper()
	w.addOf(ws, w.stored)
}

func (w *world) dump(ws engage.WorkspaceID) string {
	w.T.Helper()
	return Dump(w.Ctx, w.T, w.Adapter, ws)
}

// calls are all methods of the port of one workspace.
func (w *world) calls() []porttest.Call {
	const port = "sealing.DataKeys"
	number := 1
	found := func(key sealing.DataKey, err error) (int, error) {
		if key.ID.IsZero() {
			return 0, err
		}
		return 1, err
	}
	return []porttest.Call{
		porttest.Creates(port, "Add", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			number++
			added, err := w.Keys.Add(ctx, ws, w.key(number))
			return porttest.CountTrue([]bool{added}, err)
		}, nil),
		porttest.Reads(port, "Newest", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return found(w.Keys.Newest(ctx, ws))
		}, nil),
		porttest.Reads(port, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return found(w.Keys.Get(ctx, ws, w.stored.ID))
		}, nil),
		porttest.Reads(port, "List", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Keys.List(ctx, ws, engage.PageRequest{}))
		}, nil),
		porttest.Writes(port, "Erase", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return w.Keys.Erase(ctx, ws)
		}, nil),
	}
}

var errUndo = errors.New("undo")

// everyPort asks of each method what all of them promise.
func everyPort(t *testing.T, a Adapter) {
	porttest.EveryPort(t, func(t *testing.T) porttest.World {
		w := newWorld(newFixture(t, a))
		return porttest.World{Fixture: w.Fixture, Calls: w.calls(), Fill: w.fill, Dump: w.dump}
	}, reflect.TypeFor[sealing.DataKeys]())
}

// acrossCall is one method of the worker's port.
type acrossCall struct {
	method string
	writes bool
	run    func(ctx context.Context, shard engage.Shard) error
	many   func(ctx context.Context, shard engage.Shard, n int) error
}

func (w *world) acrossCalls() []acrossCall {
	return []acrossCall{
		{"OutdatedAcross", false, func(ctx context.Context, shard engage.Shard) error {
			return porttest.Err(w.Across.OutdatedAcross(ctx, shard, "host-2", sealing.DataKeyAcross{}, 10))
		}, func(ctx context.Context, shard engage.Shard, n int) error {
			return porttest.Err(w.Across.OutdatedAcross(ctx, shard, "host-2", sealing.DataKeyAcross{}, n))
		}},
		{"RewrapAcross", true, func(ctx context.Context, shard engage.Shard) error {
			key := w.stored
			key.WrappedBy, key.Wrapped = "host-2", []byte("another")
			return porttest.Err(w.Across.RewrapAcross(ctx, shard, []sealing.DataKeyAcross{{Workspace: w.WS, Key: key}}))
		}, func(ctx context.Context, shard engage.Shard, n int) error {
			return porttest.Err(w.Across.RewrapAcross(ctx, shard, make([]sealing.DataKeyAcross, n)))
		}},
		{"CountAcross", false, func(ctx context.Context, shard engage.Shard) error {
			return porttest.Err(w.Across.CountAcross(ctx, shard))
		}, nil},
	}
}

// everyPortAcross asks of each method of the worker what all of them promise.
func everyPortAcross(t *testing.T, a Adapter) {
	runAlone(t, a, "has a call for each of its methods", func(f *fixture) {
		covered := map[string]bool{}
		for _, c := range newWorld(f).acrossCalls() {
			covered["sealing.DataKeysAcross."+c.method] = true
		}
		porttest.RequireCalls(f.T, covered, reflect.TypeFor[sealing.DataKeysAcross]())
	})
	runAlone(t, a, "writes in the transaction of a database alone", func(f *fixture) {
		w := newWorld(f)
		before, shard := w.dump(f.WS), f.shard()
		for _, c := range w.acrossCalls() {
			if err := c.run(f.Ctx, "no such database"); err == nil {
				f.T.Errorf("%s of a database that there is not: want an error", c.method)
			}
			if !c.writes {
				f.No(c.run(f.Ctx, shard))
				continue
			}
			if err := c.run(f.Ctx, shard); !errors.Is(err, engage.ErrFailedPrecondition) {
				f.T.Errorf("%s without a transaction: want ErrFailedPrecondition, got %v", c.method, err)
			}
			err := f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error { return c.run(ctx, shard) })
			if !errors.Is(err, engage.ErrFailedPrecondition) {
				f.T.Errorf("%s in a workspace's transaction: want ErrFailedPrecondition, got %v", c.method, err)
			}
		}
		f.Same(w.dump(f.WS), before)
	})
	runAlone(t, a, "refuses more than a batch, and takes none for nothing", func(f *fixture) {
		w := newWorld(f)
		before, shard := w.dump(f.WS), f.shard()
		for _, c := range w.acrossCalls() {
			if c.many == nil {
				continue
			}
			err := f.Tx.InShard(f.Ctx, shard, func(ctx context.Context) error { return c.many(ctx, shard, engage.MaxBatch+1) })
			if !errors.Is(err, engage.ErrInvalid) {
				f.T.Errorf("%s: want ErrInvalid, got %v", c.method, err)
			}
			f.across(func(ctx context.Context) error { return c.many(ctx, shard, 0) })
		}
		f.Same(w.dump(f.WS), before)
	})
	runAlone(t, a, "leaves nothing behind after a rollback", func(f *fixture) {
		w := newWorld(f)
		before, shard := w.dump(f.WS), f.shard()
		for _, c := range w.acrossCalls() {
			err := f.Tx.InShard(f.Ctx, shard, func(ctx context.Context) error {
				if err := c.run(ctx, shard); err != nil {
					return err
				}
				return errUndo
			})
			if !errors.Is(err, errUndo) {
				f.T.Errorf("%s: %v", c.method, err)
			}
		}
		f.Same(w.dump(f.WS), before)
	})
}
