package automationtest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/porttest"
)

// Adapter is what a storage adapter gives to the suite: its ports, over one
// database.
type Adapter struct {
	Tx        engage.Transactor
	Workflows automation.WorkflowRepository
	Runs      automation.RunRepository
	Due       automation.RunRepositoryAcross
}

// RunConformance runs the suite. open is called once. Claims see the runs of
// every workspace, so the cases of workers come first, one after the other; all
// others keep apart by using workspaces of their own, and run in parallel.
func RunConformance(t *testing.T, open func(t *testing.T) Adapter) {
	t.Helper()
	a := open(t)
	t.Run("workers", func(t *testing.T) { workerCases(t, a) })
	for _, group := range []struct {
		name  string
		cases func(*testing.T, Adapter)
	}{
		{"every port", everyPort},
		{"workflows", workflowCases},
		{"revisions", revisionCases},
		{"runs", runCases},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			group.cases(t, a)
		})
	}
}

// start is when every case begins; runs outside the workers' cases are due at
// never, so that no claim meets them.
var (
	start = porttest.Start
	never = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// fixture is a case's two workspaces, with the ports.
type fixture struct {
	*porttest.Fixture
	Adapter
}

func newFixture(t *testing.T, a Adapter) *fixture {
	t.Helper()
	return &fixture{Fixture: porttest.New(t, a.Tx), Adapter: a}
}

// run makes a case of a function.
func run(t *testing.T, a Adapter, name string, fn func(f *fixture)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		fn(newFixture(t, a))
	})
}

func (f *fixture) contactID() contacts.ID { return contacts.ID(f.IDs.NewID()) }

// definition is a small workflow that a segment's entry starts.
func definition(segment string) automation.Definition {
	return automation.Definition{Trigger: automation.Trigger{Segment: segment}, Nodes: []automation.Node{
		{ID: "wait", Wait: 48 * time.Hour},
		{ID: "act", Action: &automation.Action{Kind: "send", Params: json.RawMessage(`{"template":"welcome","n":1}`)}, Next: "end"},
		{ID: "end"},
	}}
}

// workflow is a new active workflow with one revision.
func (f *fixture) workflow() automation.Workflow {
	id := automation.WorkflowID(f.IDs.NewID())
	return automation.Workflow{
		ID: id, Name: "Welcome", State: automation.Active, Draft: definition(id.String()), Revision: 1,
		CreatedAt: start, UpdatedAt: start, CreatedBy: engage.Actor{Type: "user", ID: "u-1"}, Version: 1,
	}
}

func revisionOf(w automation.Workflow) automation.Revision {
	return automation.Revision{WorkflowID: w.ID, Number: w.Revision, Definition: w.Draft, PublishedAt: start}
}

// newRun is a run that starts now and is never due.
func (f *fixture) newRun(workflow automation.WorkflowID) automation.Run {
	return automation.Run{
		ID: automation.RunID(f.IDs.NewID()), WorkflowID: workflow, Revision: 1, ContactID: f.contactID(), State: automation.Running,
		Node: "wait", Visits: 1, DueAt: never, StartedAt: start, Logged: 1,
	}
}

func entered(r automation.Run) automation.Step {
	return automation.Step{RunID: r.ID, Seq: 1, Node: r.Node, Outcome: automation.Entered, At: r.StartedAt}
}

// publish stores workflows with their revisions.
func (f *fixture) publish(ws engage.WorkspaceID, all ...automation.Workflow) {
	f.T.Helper()
	f.InOf(ws, func(ctx context.Context) error {
		for _, w := range all {
			if err := f.Workflows.Insert(ctx, ws, w); err != nil {
				return err
			}
			if err := f.Workflows.AddRevision(ctx, ws, revisionOf(w)); err != nil {
				return err
			}
		}
		return nil
	})
}

// begin stores new runs and fails the case unless all are new.
func (f *fixture) begin(ws engage.WorkspaceID, runs ...automation.Run) {
	f.T.Helper()
	for chunk := range slices.Chunk(runs, engage.MaxBatch) {
		f.InOf(ws, func(ctx context.Context) error {
			isNew, err := f.Runs.Start(ctx, ws, chunk)
			if err == nil && (len(isNew) != len(chunk) || slices.Contains(isNew, false)) {
				return fmt.Errorf("started %v, want all of %d", isNew, len(chunk))
			}
			return err
		})
	}
}

func (f *fixture) runs(ws engage.WorkspaceID, ids ...automation.RunID) []automation.Run {
	f.T.Helper()
	found, err := f.Runs.Get(f.Ctx, ws, ids)
	f.No(err)
	return found
}

func (f *fixture) steps(ws engage.WorkspaceID, id automation.RunID) []automation.Step {
	f.T.Helper()
	found, err := f.Runs.Steps(f.Ctx, ws, id)
	f.No(err)
	return found
}

// sameRuns compares runs but for their tokens, which are the store's.
func (f *fixture) sameRuns(got, want []automation.Run) {
	f.T.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(automation.Run{}, "Token")); diff != "" {
		f.T.Fatalf("-want +got:\n%s", diff)
	}
}

// hostile are values that databases confuse: case, outer space, accents in two
// spellings, letters with special folds, 4-byte characters, wildcards, quotes,
// and the longest one.
func hostile() []string {
	return []string{
		"vip", "Vip", "VIP", "vip ", " vip", "v ip", "víp", "vi\u0301p", "vıp", "vİp", "straße", "strasse",
		"😀", "😁", "%", "_", "v_p", `\`, `'`, `"`, "?", "$1", "--", "null", "0", "00", "\u200bvip",
		strings.Repeat("x", engage.MaxKeyBytes), strings.Repeat("x", engage.MaxKeyBytes-1) + "y", strings.Repeat("é", 127),
	}
}

// Dump is everything that the ports answer of a workspace and some contacts, as
// JSON lines. Two adapters that were told the same have equal dumps.
func Dump(ctx context.Context, t *testing.T, a Adapter, ws engage.WorkspaceID, people ...contacts.ID) string {
	t.Helper()
	out := porttest.NewDump(t)
	for w, err := range engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[automation.Workflow], error) {
		return a.Workflows.List(ctx, ws, page)
	}) {
		out.Add("workflow", w, err)
		keys := make([]automation.RevisionKey, w.Revision+1) // one above is there only by mistake
		for i := range keys {
			keys[i] = automation.RevisionKey{WorkflowID: w.ID, Number: i + 1}
		}
		for chunk := range slices.Chunk(keys, engage.MaxBatch) {
			revisions, err := a.Workflows.Revisions(ctx, ws, chunk)
			out.Add("revisions", revisions, err)
		}
	}
	for _, contact := range people {
		for r, err := range engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[automation.Run], error) {
			return a.Runs.OfContact(ctx, ws, contact, page)
		}) {
			out.Add("run", r, err)
			steps, err := a.Runs.Steps(ctx, ws, r.ID)
			out.Add("steps", steps, err)
		}
	}
	return out.String()
}
