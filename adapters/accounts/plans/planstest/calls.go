package planstest

import (
	"context"
	"reflect"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/internal/porttest"
)

// world is an organization with one of everything.
type world struct{ *fixture }

const meter plans.Meter = "messages.email"

func newWorld(f *fixture) *world {
	f.T.Helper()
	w := &world{f}
	w.fill(w.WS)
	return w
}

// fill writes the world of an organization. The other one has the same, shares of
// the first one's workspace among them.
func (w *world) fill(ws engage.WorkspaceID) {
	w.T.Helper()
	w.put(ws, w.subscription())
	w.InOf(ws, func(ctx context.Context) error {
		_, _, err := w.Usage.Add(ctx, ws, w.addition(meter, 10))
		return err
	})
	w.mark(ws, "event-1", start)
}

// dump tells of the marks, too, by noting one again.
func (w *world) dump(ws engage.WorkspaceID) string {
	w.T.Helper()
	out := Dump(w.Ctx, w.T, w.Adapter, ws, key(meter), key("new"))
	for _, mark := range []string{"event-1", "event-2"} {
		undone := w.Tx.InTx(w.Ctx, ws, func(ctx context.Context) error {
			isNew, err := w.Usage.Mark(ctx, ws, mark, start)
			if err == nil && isNew {
				out += mark + " is new\n"
			}
			return errUndo
		})
		if undone != error(errUndo) { //nolint:errorlint // the very value
			w.T.Fatalf("the transaction failed: %v", undone)
		}
	}
	return out
}

var errUndo = &engage.Error{Code: engage.Internal, Op: "undo"}

// calls are all methods of the ports of one organization.
func (w *world) calls() []porttest.Call {
	const subscriptions, usage = "plans.SubscriptionRepository", "plans.UsageRepository"
	current := w.subscription()
	current.Version = 1
	return []porttest.Call{
		porttest.Writes(subscriptions, "Put", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Subscriptions.Put(ctx, ws, current))
		}, nil),
		porttest.Reads(subscriptions, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(porttest.Err(w.Subscriptions.Get(ctx, ws)))
		}, nil),
		porttest.Writes(subscriptions, "Lock", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(porttest.Err(w.Subscriptions.Lock(ctx, ws)))
		}, nil),
		porttest.Creates(usage, "Add", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, ok, err := w.Usage.Add(ctx, ws, w.addition("new", 1))
			return porttest.CountTrue([]bool{ok}, err)
		}, nil),
		porttest.Writes(usage, "Tell", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			told, err := w.Usage.Tell(ctx, ws, key(meter), 80)
			return porttest.CountTrue([]bool{told}, err)
		}, nil),
		porttest.Reads(usage, "Counters", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Usage.Counters(ctx, ws, []plans.CounterKey{key(meter)}))
		}, porttest.Asked(w.Usage.Counters)),
		porttest.Reads(usage, "Shares", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Usage.Shares(ctx, ws, key(meter), engage.PageRequest{}))
		}, nil),
		porttest.Creates(usage, "Mark", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			isNew, err := w.Usage.Mark(ctx, ws, "event-2", start)
			return porttest.CountTrue([]bool{isNew}, err)
		}, nil),
	}
}

// everyPort asks of each method what all of them promise.
func everyPort(t *testing.T, a Adapter) {
	porttest.EveryPort(t, func(t *testing.T) porttest.World {
		w := newWorld(newFixture(t, a))
		return porttest.World{Fixture: w.Fixture, Calls: w.calls(), Fill: w.fill, Dump: w.dump}
	}, reflect.TypeFor[plans.SubscriptionRepository](), reflect.TypeFor[plans.UsageRepository]())
	run(t, a, "gives back nothing of another organization", func(f *fixture) {
		w := newWorld(f)
		before := w.dump(w.WS)
		f.InOf(f.Other, func(ctx context.Context) error {
			counter, ok, err := f.Usage.Add(ctx, f.Other, f.addition(meter, -1))
			f.Same(counter.Used, int64(0))
			f.Same(ok, false)
			return err
		})
		f.Same(w.dump(w.WS), before)
	})
}
