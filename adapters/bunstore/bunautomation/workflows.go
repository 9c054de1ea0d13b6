package bunautomation

import (
	"context"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/automation"
	"github.com/uptrace/bun"
)

// Workflows implements automation.WorkflowRepository.
type Workflows struct{ store *bunstore.Store }

var _ automation.WorkflowRepository = (*Workflows)(nil)

type workflowRow struct {
	bun.BaseModel `bun:"table:engage_automation_workflows,alias:w"`

	Workspace     bunstore.UID    `bun:"workspace_id,pk"`
	ID            bunstore.UID    `bun:"id,pk"`
	Name          bunstore.Text   `bun:"name"`
	State         bunstore.Text   `bun:"state"`
	Draft         bunstore.JSON   `bun:"draft"`
	Revision      int             `bun:"revision"`
	CreatedAt     bunstore.Micros `bun:"created_at"`
	UpdatedAt     bunstore.Micros `bun:"updated_at"`
	CreatedByType bunstore.Text   `bun:"created_by_type"`
	CreatedByID   bunstore.Text   `bun:"created_by_id"`
	UpdatedByType bunstore.Text   `bun:"updated_by_type"`
	UpdatedByID   bunstore.Text   `bun:"updated_by_id"`
	Version       int64           `bun:"version"`
}

func workflowRowOf(ws engage.WorkspaceID, w automation.Workflow, version engage.Version) (workflowRow, error) {
	draft, err := bunstore.JSONOf(w.Draft)
	return workflowRow{
		Workspace: bunstore.UID(ws), ID: bunstore.UID(w.ID), Name: bunstore.Text(w.Name), State: bunstore.Text(w.State),
		Draft: draft, Revision: w.Revision, CreatedAt: bunstore.Micros(w.CreatedAt), UpdatedAt: bunstore.Micros(w.UpdatedAt),
		CreatedByType: bunstore.Text(w.CreatedBy.Type), CreatedByID: bunstore.Text(w.CreatedBy.ID),
		UpdatedByType: bunstore.Text(w.UpdatedBy.Type), UpdatedByID: bunstore.Text(w.UpdatedBy.ID), Version: int64(version),
	}, err
}

func (r workflowRow) workflow() (automation.Workflow, error) {
	w := automation.Workflow{
		ID: automation.WorkflowID(r.ID), Name: string(r.Name), State: automation.WorkflowState(r.State), Revision: r.Revision,
		CreatedAt: r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(),
		CreatedBy: engage.Actor{Type: string(r.CreatedByType), ID: string(r.CreatedByID)},
		UpdatedBy: engage.Actor{Type: string(r.UpdatedByType), ID: string(r.UpdatedByID)}, Version: engage.Version(r.Version),
	}
	return w, r.Draft.Decode(&w.Draft)
}

type revisionRow struct {
	bun.BaseModel `bun:"table:engage_automation_revisions,alias:r"`

	Workspace   bunstore.UID    `bun:"workspace_id,pk"`
	WorkflowID  bunstore.UID    `bun:"workflow_id,pk"`
	Number      int             `bun:"number,pk"`
	Segment     bunstore.Key    `bun:"segment"` // the trigger's, by which entries find the revision
	Definition  bunstore.JSON   `bun:"definition"`
	PublishedAt bunstore.Micros `bun:"published_at"`
}

func (r revisionRow) revision() (automation.Revision, error) {
	revision := automation.Revision{WorkflowID: automation.WorkflowID(r.WorkflowID), Number: r.Number, PublishedAt: r.PublishedAt.Time()}
	return revision, r.Definition.Decode(&revision.Definition)
}

// NewWorkflows makes the repository of a store.
func NewWorkflows(store *bunstore.Store) *Workflows { return &Workflows{store} }

// Insert implements automation.WorkflowRepository.
func (r *Workflows) Insert(ctx context.Context, ws engage.WorkspaceID, workflow automation.Workflow) error {
	const op = "bunautomation.Insert"
	db, err := writer(ctx, r.store, op, ws, 1)
	if err != nil {
		return err
	}
	row, err := workflowRowOf(ws, workflow, 1)
	if err != nil {
		return err
	}
	return insertOne(ctx, op, "workflow "+workflow.ID.String(), db, []workflowRow{row}, "workspace_id", "id")
}

// Update implements automation.WorkflowRepository.
func (r *Workflows) Update(ctx context.Context, ws engage.WorkspaceID, workflow automation.Workflow) error {
	const op = "bunautomation.Update"
	entity := "workflow " + workflow.ID.String()
	db, err := writer(ctx, r.store, op, ws, 1)
	if err != nil {
		return err
	}
	row, err := workflowRowOf(ws, workflow, workflow.Version+1)
	if err != nil {
		return err
	}
	result, err := db.NewUpdate().Model(&row).WherePK().Where("version = ?", int64(workflow.Version)).Exec(ctx)
	n, err := affected(result, err)
	if err != nil || n > 0 {
		return bunstore.MapError(ctx, op, entity, err)
	}
	exists, err := db.NewSelect().Model(&row).WherePK().Exists(ctx)
	switch {
	case err != nil:
		return bunstore.MapError(ctx, op, entity, err)
	case exists:
		return &engage.Error{Code: engage.Conflict, Op: op, Entity: entity}
	}
	return &engage.Error{Code: engage.NotFound, Op: op, Entity: entity}
}

// Get implements automation.WorkflowRepository.
func (r *Workflows) Get(ctx context.Context, ws engage.WorkspaceID, ids []automation.WorkflowID) ([]automation.Workflow, error) {
	const op = "bunautomation.Get"
	db, err := reader(ctx, r.store, op, ws, len(ids))
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var rows []workflowRow
	err = db.NewSelect().Model(&rows).Where("w.workspace_id = ?", bunstore.UID(ws)).
		Where("?", amongIDs("w.id", ids)).OrderExpr("w.id").Scan(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	return each(rows, workflowRow.workflow)
}

// List implements automation.WorkflowRepository.
func (r *Workflows) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[automation.Workflow], error) {
	list := pageByID[workflowRow]{op: "bunautomation.List", name: "automation_workflows|" + ws.String()}
	rows, size, err := list.read(ctx, r.store, ws, request, func(q *bun.SelectQuery) *bun.SelectQuery { return q })
	if err != nil {
		return engage.Page[automation.Workflow]{}, err
	}
	return bunstore.PageOf(rows, size, list.name, func(row workflowRow) []byte { return row.ID[:] }, workflowRow.workflow)
}

// AddRevision implements automation.WorkflowRepository.
func (r *Workflows) AddRevision(ctx context.Context, ws engage.WorkspaceID, revision automation.Revision) error {
	const op = "bunautomation.AddRevision"
	db, err := writer(ctx, r.store, op, ws, 1)
	if err != nil {
		return err
	}
	definition, err := bunstore.JSONOf(revision.Definition)
	if err != nil {
		return err
	}
	row := revisionRow{
		Workspace: bunstore.UID(ws), WorkflowID: bunstore.UID(revision.WorkflowID), Number: revision.Number,
		Segment: bunstore.Key(revision.Definition.Trigger.Segment), Definition: definition, PublishedAt: bunstore.Micros(revision.PublishedAt),
	}
	return insertOne(ctx, op, "workflow "+revision.WorkflowID.String(), db, []revisionRow{row}, "workspace_id", "workflow_id", "number")
}

// Revisions implements automation.WorkflowRepository.
func (r *Workflows) Revisions(ctx context.Context, ws engage.WorkspaceID, keys []automation.RevisionKey) ([]automation.Revision, error) {
	const op = "bunautomation.Revisions"
	db, err := reader(ctx, r.store, op, ws, len(keys))
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	wanted := make(tuples, len(keys))
	for i, key := range keys {
		wanted[i] = []any{bunstore.UID(key.WorkflowID), key.Number}
	}
	var rows []revisionRow
	err = db.NewSelect().Model(&rows).Where("r.workspace_id = ?", bunstore.UID(ws)).
		Where("?", among{"(r.workflow_id, r.number)", wanted}).OrderExpr("r.workflow_id, r.number").Scan(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	return each(rows, revisionRow.revision)
}

// Entered implements automation.WorkflowRepository.
func (r *Workflows) Entered(ctx context.Context, ws engage.WorkspaceID, segments []string) ([]automation.Revision, error) {
	const op = "bunautomation.Entered"
	db, err := reader(ctx, r.store, op, ws, len(segments))
	if err != nil || len(segments) == 0 {
		return nil, err
	}
	wanted := make(tuples, len(segments))
	for i, segment := range segments {
		wanted[i] = []any{bunstore.Key(segment)}
	}
	var rows []revisionRow
	err = db.NewSelect().Model(&rows).
		Join("JOIN engage_automation_workflows AS w ON w.workspace_id = r.workspace_id AND w.id = r.workflow_id AND w.revision = r.number").
		Where("r.workspace_id = ?", bunstore.UID(ws)).Where("?", among{"r.segment", wanted}).
		Where("w.state = ?", bunstore.Text(automation.Active)).OrderExpr("r.workflow_id").Limit(engage.MaxBatch).Scan(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	return each(rows, revisionRow.revision)
}
