package memautomation

import (
	"cmp"
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/automation"
)

// Workflows implements automation.WorkflowRepository.
type Workflows struct {
	rows      *memory.Table[workflowRow]
	revisions *memory.Table[revisionRow]
}

var _ automation.WorkflowRepository = (*Workflows)(nil)

type workflowRow struct {
	ws engage.WorkspaceID
	automation.Workflow
}

type revisionRow struct {
	ws engage.WorkspaceID
	automation.Revision
}

// NewWorkflows makes the repository of a store.
func NewWorkflows(store *memory.Store) *Workflows {
	return &Workflows{rows: workflowTable(store), revisions: memory.NewTable(store, "automation_revisions",
		memory.Index[revisionRow]{Name: "number", Less: func(a, b *revisionRow) bool {
			return memory.Before(a.ws, b.ws, cmp.Or(a.WorkflowID.Compare(b.WorkflowID), cmp.Compare(a.Number, b.Number)))
		}})}
}

func workflowTable(store *memory.Store) *memory.Table[workflowRow] {
	return memory.NewTable(store, "automation_workflows",
		memory.Index[workflowRow]{Name: "id", Less: func(a, b *workflowRow) bool { return memory.Before(a.ws, b.ws, a.ID.Compare(b.ID)) }})
}

// clone copies a definition, as a database would.
func clone(d automation.Definition) automation.Definition {
	d.Nodes = slices.Clone(d.Nodes)
	for i, n := range d.Nodes {
		if n.Action != nil {
			action := *n.Action
			action.Params = slices.Clone(action.Params)
			d.Nodes[i].Action = &action
		}
	}
	return d
}

func cloneWorkflow(w automation.Workflow) automation.Workflow {
	w.Draft = clone(w.Draft)
	return w
}

// Insert implements automation.WorkflowRepository.
func (r *Workflows) Insert(ctx context.Context, ws engage.WorkspaceID, workflow automation.Workflow) error {
	rows, err := r.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	if _, taken := rows.Get("id", &workflowRow{ws: ws, Workflow: workflow}); taken {
		return fault(engage.AlreadyExists, "Insert", "workflow "+workflow.ID.String())
	}
	workflow = cloneWorkflow(workflow)
	workflow.Version = 1
	rows.Set(&workflowRow{ws: ws, Workflow: workflow})
	return nil
}

// Update implements automation.WorkflowRepository.
func (r *Workflows) Update(ctx context.Context, ws engage.WorkspaceID, workflow automation.Workflow) error {
	rows, err := r.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	old, exists := rows.Get("id", &workflowRow{ws: ws, Workflow: workflow})
	switch {
	case !exists:
		return fault(engage.NotFound, "Update", "workflow "+workflow.ID.String())
	case old.Version != workflow.Version:
		return fault(engage.Conflict, "Update", "workflow "+workflow.ID.String())
	}
	workflow = cloneWorkflow(workflow)
	workflow.Version++
	rows.Set(&workflowRow{ws: ws, Workflow: workflow})
	return nil
}

// Get implements automation.WorkflowRepository.
func (r *Workflows) Get(ctx context.Context, ws engage.WorkspaceID, ids []automation.WorkflowID) ([]automation.Workflow, error) {
	if err := engage.CheckCall("memautomation.Get", ws, len(ids)); err != nil {
		return nil, err
	}
	rows := r.rows.Read(ctx)
	var found []automation.Workflow
	for _, id := range memory.SortedIDs(ids) {
		if row, ok := rows.Get("id", &workflowRow{ws: ws, Workflow: automation.Workflow{ID: id}}); ok {
			found = append(found, cloneWorkflow(row.Workflow))
		}
	}
	return found, nil
}

// List implements automation.WorkflowRepository.
func (r *Workflows) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[automation.Workflow], error) {
	return memory.PageByID(ws, "automation_workflows", request, func(after automation.WorkflowID, yield func(automation.WorkflowID, automation.Workflow) bool) {
		for row := range r.rows.Read(ctx).Ascend("id", &workflowRow{ws: ws, Workflow: automation.Workflow{ID: after}}) {
			if row.ws != ws || !yield(row.ID, cloneWorkflow(row.Workflow)) {
				return
			}
		}
	})
}

// AddRevision implements automation.WorkflowRepository.
func (r *Workflows) AddRevision(ctx context.Context, ws engage.WorkspaceID, revision automation.Revision) error {
	rows, err := r.revisions.Write(ctx, ws)
	if err != nil {
		return err
	}
	if _, taken := rows.Get("number", &revisionRow{ws: ws, Revision: revision}); taken {
		return fault(engage.AlreadyExists, "AddRevision", "workflow "+revision.WorkflowID.String())
	}
	revision.Definition = clone(revision.Definition)
	rows.Set(&revisionRow{ws: ws, Revision: revision})
	return nil
}

// Revisions implements automation.WorkflowRepository.
func (r *Workflows) Revisions(ctx context.Context, ws engage.WorkspaceID, keys []automation.RevisionKey) ([]automation.Revision, error) {
	if err := engage.CheckCall("memautomation.Revisions", ws, len(keys)); err != nil {
		return nil, err
	}
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b automation.RevisionKey) int {
		return cmp.Or(a.WorkflowID.Compare(b.WorkflowID), cmp.Compare(a.Number, b.Number))
	})
	rows := r.revisions.Read(ctx)
	var found []automation.Revision
	for _, key := range slices.Compact(keys) {
		if row, ok := rows.Get("number", &revisionRow{ws: ws, Revision: automation.Revision{WorkflowID: key.WorkflowID, Number: key.Number}}); ok {
			revision := row.Revision
			revision.Definition = clone(revision.Definition)
			found = append(found, revision)
		}
	}
	return found, nil
}

// Entered implements automation.WorkflowRepository.
func (r *Workflows) Entered(ctx context.Context, ws engage.WorkspaceID, segments []string) ([]automation.Revision, error) {
	if err := engage.CheckCall("memautomation.Entered", ws, len(segments)); err != nil {
		return nil, err
	}
	var keys []automation.RevisionKey
	for row := range r.rows.Read(ctx).Ascend("id", &workflowRow{ws: ws}) {
		if row.ws != ws {
			break
		}
		if row.State == automation.Active {
			keys = append(keys, automation.RevisionKey{WorkflowID: row.ID, Number: row.Revision})
		}
	}
	var found []automation.Revision
	for chunk := range slices.Chunk(keys, engage.MaxBatch) {
		revisions, err := r.Revisions(ctx, ws, chunk)
		if err != nil {
			return nil, err
		}
		for _, revision := range revisions {
			if slices.Contains(segments, revision.Definition.Trigger.Segment) {
				found = append(found, revision)
			}
		}
	}
	return found[:min(len(found), engage.MaxBatch)], nil
}

func fault(code engage.Code, op, entity string) error {
	return &engage.Error{Code: code, Op: "memautomation." + op, Entity: entity}
}
