package messagingtest

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/porttest"
	"github.com/go-engage/engage/messaging"
)

// world is a workspace with one of everything.
type world struct {
	*fixture
	template messaging.SavedTemplate
	message  messaging.Message
}

func newWorld(f *fixture) *world {
	f.T.Helper()
	w := &world{fixture: f, template: f.template(), message: f.message("order-1")}
	w.message.TemplateID = w.template.ID
	w.fill(w.WS)
	return w
}

// fill writes the world into a workspace; two workspaces may hold the same ids.
func (w *world) fill(ws engage.WorkspaceID) {
	w.T.Helper()
	w.InOf(ws, func(ctx context.Context) error { return w.Templates.Insert(ctx, ws, w.template) })
	w.planOf(ws, w.message)
}

func (w *world) dump(ws engage.WorkspaceID) string {
	w.T.Helper()
	return Dump(w.Ctx, w.T, w.Adapter, ws, w.message.ContactID)
}

// calls are all methods of the ports of one workspace.
func (w *world) calls() []porttest.Call {
	const templates, messages = "messaging.TemplateRepository", "messaging.MessageRepository"
	return []porttest.Call{
		porttest.Creates(templates, "Insert", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Templates.Insert(ctx, ws, w.fixture.template()))
		}, nil),
		porttest.Writes(templates, "Update", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Templates.Update(ctx, ws, w.template))
		}, nil),
		porttest.Reads(templates, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Templates.Get(ctx, ws, []messaging.TemplateID{w.template.ID}))
		}, porttest.Asked(w.Templates.Get)),
		porttest.Reads(templates, "List", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Templates.List(ctx, ws, engage.PageRequest{}))
		}, nil),
		porttest.Creates(messages, "Plan", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			m := w.fixture.message(messaging.MessageID(w.IDs.NewID()).String())
			m.ContactID = w.message.ContactID
			return porttest.CountTrue(w.Messages.Plan(ctx, ws, []messaging.Message{m}))
		}, porttest.Asked(w.Messages.Plan)),
		porttest.Reads(messages, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Messages.Get(ctx, ws, []messaging.MessageID{w.message.ID}))
		}, porttest.Asked(w.Messages.Get)),
		porttest.Reads(messages, "OfContact", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Messages.OfContact(ctx, ws, w.message.ContactID, engage.PageRequest{}))
		}, nil),
		porttest.Writes(messages, "Forget", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return w.Messages.Forget(ctx, ws, []contacts.ID{w.message.ContactID})
		}, porttest.Asked(w.Messages.Forget)),
	}
}

var errUndo = errors.New("undo")

// everyPort asks of each method what all of them promise.
func everyPort(t *testing.T, a Adapter) {
	porttest.EveryPort(t, func(t *testing.T) porttest.World {
		w := newWorld(newFixture(t, a))
		return porttest.World{Fixture: w.Fixture, Calls: w.calls(), Fill: w.fill, Dump: w.dump}
	}, reflect.TypeFor[messaging.TemplateRepository](), reflect.TypeFor[messaging.MessageRepository]())
}

// acrossCall is one method of the port of workers.
type acrossCall struct {
	method string
	run    func(ctx context.Context, shard engage.Shard) (int, error)
	many   func(ctx context.Context, shard engage.Shard, n int) error
}

func (w *world) acrossCalls() []acrossCall {
	later := start.Add(time.Hour)
	return []acrossCall{
		{"ClaimPlannedAcross", func(ctx context.Context, shard engage.Shard) (int, error) {
			return porttest.Count(w.Due.ClaimPlannedAcross(ctx, shard, later, time.Minute, 10))
		}, func(ctx context.Context, shard engage.Shard, n int) error {
			return porttest.Err(w.Due.ClaimPlannedAcross(ctx, shard, later, time.Minute, n))
		}},
		{"ClaimLostAcross", func(ctx context.Context, shard engage.Shard) (int, error) {
			return porttest.Count(w.Due.ClaimLostAcross(ctx, shard, later, time.Minute, 10))
		}, func(ctx context.Context, shard engage.Shard, n int) error {
			return porttest.Err(w.Due.ClaimLostAcross(ctx, shard, later, time.Minute, n))
		}},
		{"SaveAcross", func(ctx context.Context, shard engage.Shard) (int, error) {
			moved := w.message
			moved.State, moved.SettledAt, moved.DueAt = messaging.Accepted, later, time.Time{}
			return porttest.CountTrue(w.Due.SaveAcross(ctx, shard, []messaging.MessageAcross{{Workspace: w.WS, Message: moved}}))
		}, func(ctx context.Context, shard engage.Shard, n int) error {
			return porttest.Err(w.Due.SaveAcross(ctx, shard, make([]messaging.MessageAcross, n)))
		}},
	}
}

// everyPortAcross asks of each method of workers what all of them promise.
func everyPortAcross(t *testing.T, a Adapter) {
	runAlone(t, a, "has a call for each of its methods", func(f *fixture) {
		covered := map[string]bool{}
		for _, c := range newWorld(f).acrossCalls() {
			covered["messaging.MessageRepositoryAcross."+c.method] = true
		}
		porttest.RequireCalls(f.T, covered, reflect.TypeFor[messaging.MessageRepositoryAcross]())
	})
	runAlone(t, a, "needs the transaction of a database", func(f *fixture) {
		w := newWorld(f)
		before, shard := w.dump(f.WS), f.shard()
		for _, c := range w.acrossCalls() {
			if _, err := c.run(f.Ctx, shard); !errors.Is(err, engage.ErrFailedPrecondition) {
				f.T.Errorf("%s without a transaction: want ErrFailedPrecondition, got %v", c.method, err)
			}
			err := f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error { return porttest.Err(c.run(ctx, shard)) })
			if !errors.Is(err, engage.ErrFailedPrecondition) {
				f.T.Errorf("%s in a workspace's transaction: want ErrFailedPrecondition, got %v", c.method, err)
			}
			if err := f.Tx.InShard(f.Ctx, shard, func(ctx context.Context) error { return porttest.Err(c.run(ctx, "no such database")) }); err == nil {
				f.T.Errorf("%s of a database that there is not: want an error", c.method)
			}
		}
		f.Same(w.dump(f.WS), before)
	})
	runAlone(t, a, "refuses more than a batch, and takes none for nothing", func(f *fixture) {
		w := newWorld(f)
		before, shard := w.dump(f.WS), f.shard()
		for _, c := range w.acrossCalls() {
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
				if _, err := c.run(ctx, shard); err != nil {
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
