package automation

import (
	"context"
	"strings"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

type runKind struct{}

func (runKind) IDPrefix() string { return "run" }

// RunID identifies a run.
type RunID = engage.ID[runKind]

// RunState says where a run stands.
type RunState string

// The states of a run. The last four are final.
const (
	Running   RunState = "running"   // at a node, due at a time
	Completed RunState = "completed" // reached the end
	Failed    RunState = "failed"    // an action failed for good
	Cancelled RunState = "cancelled" // its workflow was archived, or its contact has another run since a merge
	Erased    RunState = "erased"    // its contact is gone
)

// Run is one contact's way through a workflow.
type Run struct {
	ID         RunID
	WorkflowID WorkflowID
	Revision   int // of the workflow, from start to end
	ContactID  contacts.ID
	// EntryKey tells apart the entries of one contact: empty for Once, the id of
	// the event that triggered the run for Always.
	EntryKey  string
	State     RunState
	Node      string    // where it stands
	Visits    int       // nodes entered so far
	Waited    bool      // the wait at Node is over when the run is due
	Attempts  int       // failed tries of the action at Node
	LastError string    // of the last failed try
	DueAt     time.Time // when it moves on; zero once it has ended
	StartedAt time.Time
	EndedAt   time.Time // zero while running
	Logged    int       // lines of its log
	Token     int64     // of the lease that a worker holds; not for callers
}

// step is the next line of the run's log.
func (r *Run) step(outcome Outcome, cause string, now time.Time) Step {
	r.Logged++
	return Step{RunID: r.ID, Seq: r.Logged, Node: r.Node, Outcome: outcome, Error: clip(cause), At: now}
}

// withdraw ends a running run from outside, with the last line of its log.
func (r *Run) withdraw(state RunState, cause string, now time.Time) (Step, error) {
	if err := r.end(state, cause, now); err != nil {
		return Step{}, err
	}
	return r.step(Withdrawn, cause, now), nil
}

// isFurtherThan says which of two runs of one person through one workflow counts
// when their contacts become one: the one that came to the end, else the one
// that has entered more nodes.
func (r *Run) isFurtherThan(other *Run) bool {
	if done, otherDone := r.State == Completed, other.State == Completed; done != otherDone {
		return done
	}
	return r.Visits > other.Visits
}

// enter moves a running run to a node, where it is due at once; no node ends it.
func (r *Run) enter(node string, now time.Time) error {
	if r.State != Running {
		return r.illegal("enter a node")
	}
	if node == "" {
		return r.end(Completed, "", now)
	}
	r.Node, r.Waited, r.Attempts, r.LastError = node, false, 0, ""
	r.Visits++
	r.DueAt = now
	return nil
}

// wait puts the run to sleep at its node.
func (r *Run) wait(until time.Time) error {
	if r.State != Running || r.Waited {
		return r.illegal("wait")
	}
	r.Waited, r.DueAt = true, until
	return nil
}

// retry puts the run to sleep after a failed try.
func (r *Run) retry(cause string, at time.Time) error {
	if r.State != Running {
		return r.illegal("try again")
	}
	r.Attempts++
	r.LastError, r.DueAt = clip(cause), at
	return nil
}

// end finishes the run.
func (r *Run) end(state RunState, cause string, now time.Time) error {
	if r.State != Running || state == Running {
		return r.illegal("become " + string(state))
	}
	r.State, r.EndedAt, r.DueAt = state, now, time.Time{}
	if cause != "" {
		r.LastError = clip(cause)
	}
	return nil
}

func (r *Run) illegal(move string) error {
	return &engage.Error{
		Code: engage.FailedPrecondition, Op: "automation.Run", Entity: "run " + r.ID.String(),
		Fields: []engage.FieldError{{Path: "state", Code: "illegal_move", Message: "a run that is " + string(r.State) + " can't " + move}},
	}
}

// clip makes an error's text what a row takes: short, UTF-8, without NUL.
func clip(cause string) string {
	cause = strings.ReplaceAll(cause, "\x00", "")
	return strings.ToValidUTF8(cause[:min(len(cause), MaxErrorBytes)], "")
}

// Outcome is what came of one try of a node.
type Outcome string

// The outcomes of a step.
const (
	Entered   Outcome = "entered"   // a run started
	Waiting   Outcome = "waiting"   // a wait began
	Done      Outcome = "done"      // an action took effect
	Retrying  Outcome = "retrying"  // an action failed and is tried again
	GaveUp    Outcome = "gave_up"   // an action failed for good
	Finished  Outcome = "finished"  // the run completed
	Withdrawn Outcome = "withdrawn" // the run was cancelled or erased; the last line of its log
)

// Step is one line of a run's log.
type Step struct {
	RunID   RunID
	Seq     int // from 1, without gaps
	Node    string
	Outcome Outcome
	Error   string
	At      time.Time
}

// RunRepository keeps runs for one workspace. Writes need the transaction in
// ctx; slices hold at most engage.MaxBatch items.
type RunRepository interface {
	// Start stores new runs with the first line of their logs (Seq 1, Entered, at
	// StartedAt) and answers, aligned, which were new: of a workflow, contact and
	// entry key there is one run. The id of another run answers ErrAlreadyExists.
	Start(ctx context.Context, ws engage.WorkspaceID, runs []Run) ([]bool, error)
	// Get answers the runs among ids, ordered by id.
	Get(ctx context.Context, ws engage.WorkspaceID, ids []RunID) ([]Run, error)
	// OfContact answers a page of a contact's runs, ordered by id.
	OfContact(ctx context.Context, ws engage.WorkspaceID, contact contacts.ID, page engage.PageRequest) (engage.Page[Run], error)
	// Steps answers a run's log, ordered by Seq.
	Steps(ctx context.Context, ws engage.WorkspaceID, run RunID) ([]Step, error)
	// Lock answers all runs of contacts, ordered by id, and holds them until the
	// transaction in ctx ends, which it needs.
	Lock(ctx context.Context, ws engage.WorkspaceID, contacts []contacts.ID) ([]Run, error)
	// Put replaces what runs have become and whose they are, and adds lines to
	// their logs. It ends the leases of the runs and gives them new tokens, so that
	// a worker that holds one is refused. WorkflowID, Revision, EntryKey and
	// StartedAt stay as they are stored. Runs of one call may swap their contacts;
	// a missing run answers ErrNotFound, one whose contact has another run of the
	// workflow and entry key ErrAlreadyExists.
	Put(ctx context.Context, ws engage.WorkspaceID, runs []Run, steps []Step) error
}

// RunAcross is a run with its workspace.
type RunAcross struct {
	Workspace engage.WorkspaceID
	Run       Run
}

// Progress is what a worker made of a claimed run: its next state and the lines
// of its log.
type Progress struct {
	Workspace engage.WorkspaceID
	Run       Run // with the token of the claim
	Steps     []Step
}

// RunRepositoryAcross is what workers need of all workspaces of a database.
type RunRepositoryAcross interface {
	// ClaimDueAcross leases running runs that are due at now and that nobody
	// holds, at most limit, and gives each a new token. Without a lease it writes
	// nothing: it answers runs that no other claim gets until the transaction ends,
	// to be saved in it. Workspaces take turns, so that a flood queues behind its
	// own tenant. Runs of paused workflows are passed over. It needs the InShard
	// transaction in ctx.
	ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]RunAcross, error)
	// SaveAcross stores progress, at most engage.MaxBatch, ends the leases, gives
	// the runs new tokens and answers, aligned, which were stored: a run whose token
	// is no longer the stored one, or that is not running any more, is left as it
	// is. So of all who ever claimed a run at one point of its way, one moves it on,
	// whether they held it by a lease or by their transaction. What never
	// changes about a run (WorkflowID, Revision, ContactID, EntryKey, StartedAt)
	// stays as it is stored. It needs the InShard transaction in ctx.
	SaveAcross(ctx context.Context, shard engage.Shard, progress []Progress) ([]bool, error)
}

// Run answers a run, or ErrNotFound.
func (s *Service) Run(ctx context.Context, ws engage.WorkspaceID, id RunID) (Run, error) {
	found, err := s.runs.Get(ctx, ws, []RunID{id})
	if err != nil {
		return Run{}, err
	}
	if len(found) == 0 {
		return Run{}, notFound("automation.Run", "run", id)
	}
	return found[0], nil
}

// RunsOf answers a page of a contact's runs, the oldest first.
func (s *Service) RunsOf(ctx context.Context, ws engage.WorkspaceID, contact contacts.ID, page engage.PageRequest) (engage.Page[Run], error) {
	return s.runs.OfContact(ctx, ws, contact, page)
}

// Steps answers the log of a run, the oldest line first; another workspace's run
// has none.
func (s *Service) Steps(ctx context.Context, ws engage.WorkspaceID, run RunID) ([]Step, error) {
	return s.runs.Steps(ctx, ws, run)
}
