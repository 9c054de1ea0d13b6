package automationtest

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/porttest"
)

// acrossCall is one method of a port that serves all workspaces.
type acrossCall struct {
	method string
	run    func(ctx context.Context, shard engage.Shard) error
	many   func(ctx context.Context, shard engage.Shard, n int) error // nil: it takes no slice
}

// world is a workspace with one of everything.
type world struct {
	*fixture
	w automation.Workflow
	r automation.Run
}

func newWorld(f *fixture) *world {
	w := &world{fixture: f, w: f.workflow()}
	w.r = f.newRun(w.w.ID)
	w.fill(w.WS)
	return w
}

// fill writes the world into a workspace; two workspaces may hold the same ids.
func (w *world) fill(ws engage.WorkspaceID) {
	w.T.Helper()
	w.publish(ws, w.w)
	w.begin(ws, w.r)
}

func (w *world) dump(ws engage.WorkspaceID) string {
	w.T.Helper()
	return Dump(w.Ctx, w.T, w.Adapter, ws, w.r.ContactID)
}

// calls are all methods of the ports that serve one workspace.
func (w *world) calls() []porttest.Call {
	return append(w.workflowCalls(), w.runCalls()...)
}

func (w *world) workflowCalls() []porttest.Call {
	const port = "automation.WorkflowRepository"
	return []porttest.Call{
		porttest.Creates(port, "Insert", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Workflows.Insert(ctx, ws, w.workflow()))
		}, nil),
		porttest.Writes(port, "Update", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Workflows.Update(ctx, ws, w.w))
		}, nil),
		porttest.Reads(port, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Workflows.Get(ctx, ws, []automation.WorkflowID{w.w.ID}))
		}, porttest.Asked(w.Workflows.Get)),
		porttest.Reads(port, "List", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Workflows.List(ctx, ws, engage.PageRequest{}))
		}, nil),
		porttest.Creates(port, "AddRevision", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			next := revisionOf(w.w)
			next.Number++
			return porttest.CountNone(w.Workflows.AddRevision(ctx, ws, next))
		}, nil),
		porttest.Reads(port, "Revisions", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Workflows.Revisions(ctx, ws, []automation.RevisionKey{{WorkflowID: w.w.ID, Number: 1}}))
		}, porttest.Asked(w.Workflows.Revisions)),
		porttest.Reads(port, "Entered", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Workflows.Entered(ctx, ws, []string{w.w.Draft.Trigger.Segment}))
		}, porttest.Asked(w.Workflows.Entered)),
	}
}

func (w *world) runCalls() []porttest.Call {
	const port = "automation.RunRepository"
	people := []contacts.ID{w.r.ContactID}
	return []porttest.Call{
		porttest.Creates(port, "Start", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			again := w.newRun(w.w.ID)
			again.ContactID, again.EntryKey = w.r.ContactID, again.ID.String()
			_, err := w.Runs.Start(ctx, ws, []automation.Run{again})
			return 0, err
		}, porttest.Asked(w.Runs.Start)),
		porttest.Reads(port, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Runs.Get(ctx, ws, []automation.RunID{w.r.ID}))
		}, porttest.Asked(w.Runs.Get)),
		porttest.Reads(port, "OfContact", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Runs.OfContact(ctx, ws, w.r.ContactID, engage.PageRequest{}))
		}, nil),
		porttest.Reads(port, "Steps", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Runs.Steps(ctx, ws, w.r.ID))
		}, nil),
		porttest.Writes(port, "Lock", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Runs.Lock(ctx, ws, people))
		}, porttest.Asked(w.Runs.Lock)),
		porttest.Writes(port, "Put", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			moved := w.r
			moved.Node, moved.Logged = "act", 2
			return porttest.CountNone(w.Runs.Put(ctx, ws, []automation.Run{moved}, []automation.Step{{RunID: w.r.ID, Seq: 2, Node: "act", Outcome: automation.Done, At: start}}))
		}, func(ctx context.Context, ws engage.WorkspaceID, n int) error {
			return w.Runs.Put(ctx, ws, make([]automation.Run, n), nil)
		}),
	}
}

func (f *fixture) acrossCalls() []acrossCall {
	return []acrossCall{
		{"ClaimDueAcross", func(ctx context.Context, shard engage.Shard) error {
			return porttest.Err(f.Due.ClaimDueAcross(ctx, shard, start.Add(-time.Hour), time.Minute, 1))
		}, nil},
		{"SaveAcross", func(ctx context.Context, shard engage.Shard) error {
			return porttest.Err(f.Due.SaveAcross(ctx, shard, []automation.Progress{{Workspace: f.WS, Run: f.newRun(automation.WorkflowID{1})}}))
		}, func(ctx context.Context, shard engage.Shard, n int) error {
			return porttest.Err(f.Due.SaveAcross(ctx, shard, make([]automation.Progress, n)))
		}},
	}
}

// everyPort asks of each method what all of them promise.
func everyPort(t *testing.T, a Adapter) {
	porttest.EveryPort(t, func(t *testing.T) porttest.World {
		w := newWorld(newFixture(t, a))
		return porttest.World{Fixture: w.Fixture, Calls: w.calls(), Fill: w.fill, Dump: w.dump}
	}, reflect.TypeFor[automation.WorkflowRepository](), reflect.TypeFor[automation.RunRepository]())

	run(t, a, "serves all workspaces in the transaction of a shard alone", func(f *fixture) {
		covered := map[string]bool{}
		for _, c := range f.acrossCalls() {
			covered["automation.RunRepositoryAcross."+c.method] = true
			if err := c.run(f.Ctx, engage.DefaultShard); !errors.Is(err, engage.ErrFailedPrecondition) {
				f.T.Errorf("%s without a transaction: want ErrFailedPrecondition, got %v", c.method, err)
			}
			_ = f.Try(func(ctx context.Context) error {
				if err := c.run(ctx, engage.DefaultShard); !errors.Is(err, engage.ErrFailedPrecondition) {
					f.T.Errorf("%s in a workspace's: want ErrFailedPrecondition, got %v", c.method, err)
				}
				return nil
			})
			if c.many == nil {
				continue
			}
			for n, want := range map[int]engage.Code{0: "", engage.MaxBatch + 1: engage.Invalid} {
				err := f.Tx.InShard(f.Ctx, engage.DefaultShard, func(ctx context.Context) error { return c.many(ctx, engage.DefaultShard, n) })
				f.Code(err, want)
			}
		}
		porttest.RequireCalls(f.T, covered, reflect.TypeFor[automation.RunRepositoryAcross]())
	})
}
