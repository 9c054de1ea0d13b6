package porttest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/go-engage/engage"
)

// World is a case's workspace with one of everything.
type World struct {
	*Fixture
	// Calls are all methods of all ports.
	Calls []Call
	// Fill writes the world into another workspace, under the same ids.
	Fill func(ws engage.WorkspaceID)
	// Dump is everything that the ports answer of a workspace.
	Dump func(ws engage.WorkspaceID) string
}

// EveryPort asks of each method what all of them promise. open makes the world
// of a case.
func EveryPort(t *testing.T, open func(t *testing.T) World, ports ...reflect.Type) {
	t.Helper()
	for _, c := range []struct {
		name string
		fn   func(w World)
	}{
		{"has a call for each of its methods", func(w World) {
			names := map[string]bool{}
			for _, c := range w.Calls {
				names[c.Name] = true
			}
			RequireCalls(w.T, names, ports...)
		}},
		{"refuses to write without a transaction", writesNeedTransaction},
		{"refuses to write in another workspace's transaction", writesNeedOwnTransaction},
		{"refuses the zero workspace", zeroWorkspaceIsRefused},
		{"refuses more than a batch", batchesAreLimited},
		{"takes no items for nothing", noItemsAreNothing},
		{"finds nothing of another workspace and changes nothing there", workspacesAreIsolated},
		{"keeps equal ids of two workspaces apart", equalIDsAreApart},
		{"leaves nothing behind after a rollback", rollbacksLeaveNothing},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.fn(open(t))
		})
	}
}

func writesNeedTransaction(w World) {
	before := w.Dump(w.WS)
	for _, c := range w.writes() {
		_, err := c.run(w.Ctx, w.WS)
		w.wants(c, err, engage.ErrFailedPrecondition)
		_ = w.Try(func(context.Context) error { // the outer ctx within a transaction
			_, err := c.run(w.Ctx, w.WS)
			w.wants(c, err, engage.ErrFailedPrecondition)
			return nil
		})
	}
	w.Same(w.Dump(w.WS), before)
}

func writesNeedOwnTransaction(w World) {
	for _, c := range w.writes() {
		err := w.tx.InTx(w.Ctx, w.Other, func(ctx context.Context) error { return Err(c.run(ctx, w.WS)) })
		w.wants(c, err, engage.ErrFailedPrecondition)
	}
}

func zeroWorkspaceIsRefused(w World) {
	var zero engage.WorkspaceID
	for _, c := range w.Calls {
		err := w.Try(func(ctx context.Context) error {
			if !c.writes {
				ctx = w.Ctx
			}
			return Err(c.run(ctx, zero))
		})
		w.wants(c, err, engage.ErrInvalid, engage.ErrFailedPrecondition)
	}
}

func batchesAreLimited(w World) {
	for _, c := range w.Calls {
		if c.many != nil {
			err := w.Try(func(ctx context.Context) error { return c.many(ctx, w.WS, engage.MaxBatch+1) })
			w.wants(c, err, engage.ErrInvalid)
		}
	}
}

func noItemsAreNothing(w World) {
	before := w.Dump(w.WS)
	for _, c := range w.Calls {
		if c.many != nil {
			w.In(func(ctx context.Context) error { return c.many(ctx, w.WS, 0) })
		}
	}
	w.Same(w.Dump(w.WS), before)
}

func workspacesAreIsolated(w World) {
	before, empty := w.Dump(w.WS), w.Dump(w.Other)
	for _, c := range w.Calls {
		if c.creates {
			continue
		}
		found := 0
		err := w.tx.InTx(w.Ctx, w.Other, func(ctx context.Context) (err error) {
			found, err = c.run(ctx, w.Other)
			return err
		})
		if err != nil && !errors.Is(err, engage.ErrNotFound) {
			w.T.Errorf("%s: want ErrNotFound or nothing, got %v", c.Name, err)
		}
		if found != 0 {
			w.T.Errorf("%s found %d items of another workspace", c.Name, found)
		}
	}
	w.Same(w.Dump(w.WS), before)
	w.Same(w.Dump(w.Other), empty)
}

func equalIDsAreApart(w World) {
	w.Fill(w.Other)
	twin := w.Dump(w.Other)
	for _, c := range w.writes() {
		_ = w.Try(func(ctx context.Context) error { return Err(c.run(ctx, w.WS)) }) // may be refused after those before it
	}
	w.Same(w.Dump(w.Other), twin)
}

func rollbacksLeaveNothing(w World) {
	before := w.Dump(w.WS)
	undo := errors.New("undo")
	for _, c := range w.writes() {
		err := w.Try(func(ctx context.Context) error {
			if _, err := c.run(ctx, w.WS); err != nil {
				return err
			}
			return undo
		})
		w.wants(c, err, undo)
		w.In(func(ctx context.Context) error { // and the same as a nested call whose error is swallowed
			_ = w.tx.InTx(ctx, w.WS, func(ctx context.Context) error {
				_, _ = c.run(ctx, w.WS)
				return undo
			})
			return nil
		})
	}
	w.Same(w.Dump(w.WS), before)
}

// writes are the calls that need a transaction.
func (w World) writes() []Call {
	return slices.DeleteFunc(slices.Clone(w.Calls), func(c Call) bool { return !c.writes })
}

// wants fails the case unless the error of a call is one of some, and goes on.
func (w World) wants(c Call, err error, some ...error) {
	w.T.Helper()
	if !slices.ContainsFunc(some, func(want error) bool { return errors.Is(err, want) }) {
		w.T.Errorf("%s: want one of %v, got %v", c.Name, some, err)
	}
}
