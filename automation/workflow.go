package automation

import (
	"context"
	"errors"
	"time"

	"github.com/go-engage/engage"
)

type workflowKind struct{}

func (workflowKind) IDPrefix() string { return "wfl" }

// WorkflowID identifies a workflow.
type WorkflowID = engage.ID[workflowKind]

// WorkflowState says whether contacts may enter a workflow and its runs move.
type WorkflowState string

// The states of a workflow.
const (
	Draft    WorkflowState = "draft"    // never published
	Active   WorkflowState = "active"   // contacts enter, runs move
	Paused   WorkflowState = "paused"   // nobody enters; runs stand still and move on after Resume
	Archived WorkflowState = "archived" // nobody enters; runs are cancelled where they stand
)

// Workflow is a named automation.
type Workflow struct {
	ID        WorkflowID
	Name      string
	State     WorkflowState
	Draft     Definition // what Publish publishes next
	Revision  int        // the one that contacts enter; 0: none
	CreatedAt time.Time
	UpdatedAt time.Time
	CreatedBy engage.Actor
	UpdatedBy engage.Actor
	Version   engage.Version
}

// publish makes the draft what contacts enter.
func (w *Workflow) publish() error {
	if w.State == Archived {
		return w.illegal("be published")
	}
	w.Revision++
	if w.State == Draft {
		w.State = Active
	}
	return nil
}

// pause stops entries and runs.
func (w *Workflow) pause() error {
	if w.State != Active {
		return w.illegal("be paused")
	}
	w.State = Paused
	return nil
}

// resume lets entries and runs go on.
func (w *Workflow) resume() error {
	if w.State != Paused {
		return w.illegal("be resumed")
	}
	w.State = Active
	return nil
}

// archive ends the workflow for good.
func (w *Workflow) archive() error {
	if w.State == Archived {
		return w.illegal("be archived")
	}
	w.State = Archived
	return nil
}

func (w *Workflow) illegal(move string) error {
	return &engage.Error{
		Code: engage.FailedPrecondition, Op: "automation.Workflow", Entity: "workflow " + w.ID.String(),
		Fields: []engage.FieldError{{Path: "state", Code: "illegal_move", Message: "a workflow that is " + string(w.State) + " can't " + move}},
	}
}

// Revision is a published definition. It never changes.
type Revision struct {
	WorkflowID  WorkflowID
	Number      int
	Definition  Definition
	PublishedAt time.Time
}

// RevisionKey names a revision.
type RevisionKey struct {
	WorkflowID WorkflowID
	Number     int
}

// WorkflowRepository keeps workflows and their revisions. Writes need the
// transaction in ctx and take effect whole or not at all.
type WorkflowRepository interface {
	// Insert stores a new workflow with Version 1; a taken id answers
	// ErrAlreadyExists.
	Insert(ctx context.Context, ws engage.WorkspaceID, workflow Workflow) error
	// Update replaces a workflow and raises its version; a missing one answers
	// ErrNotFound, another stored version ErrConflict.
	Update(ctx context.Context, ws engage.WorkspaceID, workflow Workflow) error
	// Get answers the workflows among ids, at most engage.MaxBatch, ordered by id.
	Get(ctx context.Context, ws engage.WorkspaceID, ids []WorkflowID) ([]Workflow, error)
	// List answers a page of workflows, ordered by id.
	List(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[Workflow], error)
	// AddRevision stores a revision; a taken number answers ErrAlreadyExists.
	AddRevision(ctx context.Context, ws engage.WorkspaceID, revision Revision) error
	// Revisions answers the revisions among keys, at most engage.MaxBatch, ordered
	// by workflow and number.
	Revisions(ctx context.Context, ws engage.WorkspaceID, keys []RevisionKey) ([]Revision, error)
	// Entered answers the published revisions of active workflows whose trigger is
	// one of the segments, at most engage.MaxBatch, ordered by workflow.
	Entered(ctx context.Context, ws engage.WorkspaceID, segments []string) ([]Revision, error)
}

// Create makes a workflow with a draft that may still be faulty.
func (s *Service) Create(ctx context.Context, ws engage.WorkspaceID, name string, draft Definition) (Workflow, error) {
	const op = "automation.Create"
	if err := checkName(op, name); err != nil {
		return Workflow{}, err
	}
	draft, err := draft.stored(op)
	if err != nil {
		return Workflow{}, err
	}
	now, actor := s.rt.Clock.Now(), engage.ActorFrom(ctx)
	w := Workflow{
		ID: engage.NewID[workflowKind](s.rt.IDs), Name: name, State: Draft, Draft: draft,
		CreatedAt: now, UpdatedAt: now, CreatedBy: actor, UpdatedBy: actor, Version: 1,
	}
	err = s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		if err := s.workflows.Insert(ctx, ws, w); err != nil {
			return err
		}
		return s.rt.Events.Publish(ctx, ws, changed(w))
	})
	if err != nil {
		return Workflow{}, err
	}
	return w, nil
}

// Get answers a workflow, or ErrNotFound.
func (s *Service) Get(ctx context.Context, ws engage.WorkspaceID, id WorkflowID) (Workflow, error) {
	found, err := s.workflows.Get(ctx, ws, []WorkflowID{id})
	if err != nil {
		return Workflow{}, err
	}
	if len(found) == 0 {
		return Workflow{}, notFound("automation.Get", "workflow", id)
	}
	return found[0], nil
}

// List answers a page of the workspace's workflows, the oldest first.
func (s *Service) List(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[Workflow], error) {
	return s.workflows.List(ctx, ws, page)
}

// Update changes a workflow's name and draft by a function; what else it changes
// is ignored. What contacts enter stays until Publish. fn is called again, up to
// 3 times, when somebody else changed the workflow meanwhile; to refuse an
// outdated edit, compare the version in fn.
func (s *Service) Update(ctx context.Context, ws engage.WorkspaceID, id WorkflowID, fn func(*Workflow) error) (Workflow, error) {
	const op = "automation.Update"
	return s.change(ctx, ws, op, id, func(w *Workflow) error {
		edited := *w
		if err := fn(&edited); err != nil {
			return err
		}
		if err := checkName(op, edited.Name); err != nil {
			return err
		}
		draft, err := edited.Draft.stored(op)
		w.Name, w.Draft = edited.Name, draft
		return err
	}, nil)
}

// Publish makes the draft the revision that contacts enter from now on, and a
// draft workflow active. A faulty draft answers ErrInvalid with every fault.
func (s *Service) Publish(ctx context.Context, ws engage.WorkspaceID, id WorkflowID) (Workflow, error) {
	const op = "automation.Publish"
	return s.change(ctx, ws, op, id, func(w *Workflow) error {
		var faults engage.Faults
		w.Draft.validate(&faults, s.actors)
		if err := faults.Err(op, "workflow "+id.String()); err != nil {
			return err
		}
		return w.publish()
	}, func(ctx context.Context, w Workflow) error {
		return s.workflows.AddRevision(ctx, ws, Revision{
			WorkflowID: id, Number: w.Revision, Definition: w.Draft, PublishedAt: w.UpdatedAt,
		})
	})
}

// Pause stops an active workflow: nobody enters, and its runs stand still.
func (s *Service) Pause(ctx context.Context, ws engage.WorkspaceID, id WorkflowID) (Workflow, error) {
	return s.change(ctx, ws, "automation.Pause", id, (*Workflow).pause, nil)
}

// Resume lets a paused workflow go on; runs that were due meanwhile move at once.
func (s *Service) Resume(ctx context.Context, ws engage.WorkspaceID, id WorkflowID) (Workflow, error) {
	return s.change(ctx, ws, "automation.Resume", id, (*Workflow).resume, nil)
}

// Archive ends a workflow for good; its runs are cancelled when they are next
// due.
func (s *Service) Archive(ctx context.Context, ws engage.WorkspaceID, id WorkflowID) (Workflow, error) {
	return s.change(ctx, ws, "automation.Archive", id, (*Workflow).archive, nil)
}

// change edits a workflow in a transaction and tells of it. after, if any, runs
// once the edit is stored, so that the loser of a race has written nothing else.
func (s *Service) change(
	ctx context.Context, ws engage.WorkspaceID, op string, id WorkflowID, edit func(*Workflow) error, after func(context.Context, Workflow) error,
) (w Workflow, err error) {
	for range changeAttempts {
		err = s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
			found, err := s.workflows.Get(ctx, ws, []WorkflowID{id})
			if err != nil {
				return err
			}
			if len(found) == 0 {
				return notFound(op, "workflow", id)
			}
			w = found[0]
			if err := edit(&w); err != nil {
				return err
			}
			w.UpdatedAt, w.UpdatedBy = s.rt.Clock.Now(), engage.ActorFrom(ctx)
			if err := s.workflows.Update(ctx, ws, w); err != nil {
				return err
			}
			w.Version++
			if after != nil {
				if err := after(ctx, w); err != nil {
					return err
				}
			}
			return s.rt.Events.Publish(ctx, ws, changed(w))
		})
		if !errors.Is(err, engage.ErrConflict) {
			break
		}
	}
	if err != nil {
		return Workflow{}, err
	}
	return w, nil
}

func checkName(op, name string) error {
	var faults engage.Faults
	switch {
	case name == "":
		faults.Add("name", "required", "a workflow needs a name")
	case len(name) > MaxNameBytes || !isPlain(name):
		faults.Add("name", "invalid", "at most %d bytes of UTF-8 without control characters", MaxNameBytes)
	}
	return faults.Err(op, "")
}
