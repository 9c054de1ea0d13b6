package bunmessaging

import (
	"context"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/messaging"
	"github.com/uptrace/bun"
)

// Templates implements messaging.TemplateRepository.
type Templates struct{ store *bunstore.Store }

var _ messaging.TemplateRepository = (*Templates)(nil)

type templateRow struct {
	bun.BaseModel `bun:"table:engage_messaging_templates,alias:t"`

	Workspace     bunstore.UID    `bun:"workspace_id,pk"`
	ID            bunstore.UID    `bun:"id,pk"`
	Name          bunstore.Text   `bun:"name"`
	FromName      bunstore.Text   `bun:"from_name"`
	FromEmail     bunstore.Text   `bun:"from_email"`
	ReplyToName   bunstore.Text   `bun:"reply_to_name"`
	ReplyToEmail  bunstore.Text   `bun:"reply_to_email"`
	Subject       bunstore.Text   `bun:"subject"`
	HTML          bunstore.Text   `bun:"body_html"`
	Text          bunstore.Text   `bun:"body_text"`
	Missing       uint8           `bun:"missing"`
	CreatedAt     bunstore.Micros `bun:"created_at"`
	UpdatedAt     bunstore.Micros `bun:"updated_at"`
	CreatedByType bunstore.Text   `bun:"created_by_type"`
	CreatedByID   bunstore.Text   `bun:"created_by_id"`
	UpdatedByType bunstore.Text   `bun:"updated_by_type"`
	UpdatedByID   bunstore.Text   `bun:"updated_by_id"`
	Version       int64           `bun:"version"`
}

func templateRowOf(ws engage.WorkspaceID, t messaging.SavedTemplate, version engage.Version) templateRow {
	return templateRow{
		Workspace: bunstore.UID(ws), ID: bunstore.UID(t.ID), Name: bunstore.Text(t.Name),
		FromName: bunstore.Text(t.From.Name), FromEmail: bunstore.Text(t.From.Email),
		ReplyToName: bunstore.Text(t.ReplyTo.Name), ReplyToEmail: bunstore.Text(t.ReplyTo.Email),
		Subject: bunstore.Text(t.Content.Subject), HTML: bunstore.Text(t.Content.HTML), Text: bunstore.Text(t.Content.Text),
		Missing: uint8(t.Content.Missing), CreatedAt: bunstore.Micros(t.CreatedAt), UpdatedAt: bunstore.Micros(t.UpdatedAt),
		CreatedByType: bunstore.Text(t.CreatedBy.Type), CreatedByID: bunstore.Text(t.CreatedBy.ID),
		UpdatedByType: bunstore.Text(t.UpdatedBy.Type), UpdatedByID: bunstore.Text(t.UpdatedBy.ID), Version: int64(version),
	}
}

func (r templateRow) id() bunstore.UID { return r.ID }

func (r templateRow) template() (messaging.SavedTemplate, error) {
	return messaging.SavedTemplate{
		ID: messaging.TemplateID(r.ID), Name: string(r.Name),
		From:    messaging.Address{Name: string(r.FromName), Email: string(r.FromEmail)},
		ReplyTo: messaging.Address{Name: string(r.ReplyToName), Email: string(r.ReplyToEmail)},
		Content: messaging.Template{
			Subject: string(r.Subject), HTML: string(r.HTML), Text: string(r.Text), Missing: messaging.MissingPolicy(r.Missing),
		},
		CreatedAt: r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(),
		CreatedBy: engage.Actor{Type: string(r.CreatedByType), ID: string(r.CreatedByID)},
		UpdatedBy: engage.Actor{Type: string(r.UpdatedByType), ID: string(r.UpdatedByID)},
		Version:   engage.Version(r.Version),
	}, nil
}

// NewTemplates makes the repository of a store.
func NewTemplates(store *bunstore.Store) *Templates { return &Templates{store} }

// Insert implements messaging.TemplateRepository.
func (r *Templates) Insert(ctx context.Context, ws engage.WorkspaceID, template messaging.SavedTemplate) error {
	const op = "bunmessaging.Insert"
	db, err := writer(ctx, r.store, op, ws, 1)
	if err != nil {
		return err
	}
	isNew, err := bunstore.InsertNew(ctx, db, []templateRow{templateRowOf(ws, template, 1)}, "workspace_id", "id")
	entity := "template " + template.ID.String()
	if err == nil && !isNew[0] {
		return &engage.Error{Code: engage.AlreadyExists, Op: op, Entity: entity}
	}
	return bunstore.MapError(ctx, op, entity, err)
}

// Update implements messaging.TemplateRepository.
func (r *Templates) Update(ctx context.Context, ws engage.WorkspaceID, template messaging.SavedTemplate) error {
	const op = "bunmessaging.Update"
	entity := "template " + template.ID.String()
	db, err := writer(ctx, r.store, op, ws, 1)
	if err != nil {
		return err
	}
	row := templateRowOf(ws, template, template.Version+1)
	result, err := db.NewUpdate().Model(&row).WherePK().Where("version = ?", int64(template.Version)).Exec(ctx)
	var n int64
	if err == nil {
		n, err = result.RowsAffected()
	}
	if err != nil || n > 0 {
		return bunstore.MapError(ctx, op, entity, err)
	}
	exists, err := db.NewSelect().Model(&row).WherePK().Exists(ctx)
	if err != nil {
		return bunstore.MapError(ctx, op, entity, err)
	}
	if !exists {
		return &engage.Error{Code: engage.NotFound, Op: op, Entity: entity}
	}
	return &engage.Error{Code: engage.Conflict, Op: op, Entity: entity}
}

// Get implements messaging.TemplateRepository.
func (r *Templates) Get(ctx context.Context, ws engage.WorkspaceID, ids []messaging.TemplateID) ([]messaging.SavedTemplate, error) {
	const op = "bunmessaging.Get"
	if err := engage.CheckCall(op, ws, len(ids)); err != nil {
		return nil, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var rows []templateRow
	err = db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("id", ids)).OrderExpr("id").Scan(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	found := make([]messaging.SavedTemplate, len(rows))
	for i, row := range rows {
		found[i], _ = row.template()
	}
	return found, nil
}

// List implements messaging.TemplateRepository.
func (r *Templates) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[messaging.SavedTemplate], error) {
	return page(ctx, r.store, "bunmessaging.List", ws, "messaging_templates", request,
		bun.SafeQuery("1 = 1"), templateRow.id, templateRow.template)
}
