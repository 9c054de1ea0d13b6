package memmessaging

import (
	"context"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/messaging"
)

// Templates implements messaging.TemplateRepository.
type Templates struct {
	rows *memory.Table[templateRow]
}

var _ messaging.TemplateRepository = (*Templates)(nil)

type templateRow struct {
	ws engage.WorkspaceID
	messaging.SavedTemplate
}

// NewTemplates makes the repository of a store.
func NewTemplates(store *memory.Store) *Templates {
	return &Templates{rows: memory.NewTable(store, "messaging_templates",
		memory.Index[templateRow]{Name: "id", Less: func(a, b *templateRow) bool { return memory.Before(a.ws, b.ws, a.ID.Compare(b.ID)) }})}
}

// Insert implements messaging.TemplateRepository.
func (r *Templates) Insert(ctx context.Context, ws engage.WorkspaceID, template messaging.SavedTemplate) error {
	rows, err := r.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	if _, taken := rows.Get("id", &templateRow{ws: ws, SavedTemplate: template}); taken {
		return fault(engage.AlreadyExists, "Insert", template.ID)
	}
	template.Version = 1
	rows.Set(&templateRow{ws: ws, SavedTemplate: template})
	return nil
}

// Update implements messaging.TemplateRepository.
func (r *Templates) Update(ctx context.Context, ws engage.WorkspaceID, template messaging.SavedTemplate) error {
	rows, err := r.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	old, exists := rows.Get("id", &templateRow{ws: ws, SavedTemplate: template})
	switch {
	case !exists:
		return fault(engage.NotFound, "Update", template.ID)
	case old.Version != template.Version:
		return fault(engage.Conflict, "Update", template.ID)
	}
	template.Version++
	rows.Set(&templateRow{ws: ws, SavedTemplate: template})
	return nil
}

// Get implements messaging.TemplateRepository.
func (r *Templates) Get(ctx context.Context, ws engage.WorkspaceID, ids []messaging.TemplateID) ([]messaging.SavedTemplate, error) {
	if err := engage.CheckCall("memmessaging.Get", ws, len(ids)); err != nil {
		return nil, err
	}
	rows := r.rows.Read(ctx)
	var found []messaging.SavedTemplate
	for _, id := range memory.SortedIDs(ids) {
		if row, ok := rows.Get("id", &templateRow{ws: ws, SavedTemplate: messaging.SavedTemplate{ID: id}}); ok {
			found = append(found, row.SavedTemplate)
		}
	}
	return found, nil
}

// List implements messaging.TemplateRepository.
func (r *Templates) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[messaging.SavedTemplate], error) {
	return memory.PageByID(ws, "messaging_templates", request, func(after messaging.TemplateID, yield func(messaging.TemplateID, messaging.SavedTemplate) bool) {
		for row := range r.rows.Read(ctx).Ascend("id", &templateRow{ws: ws, SavedTemplate: messaging.SavedTemplate{ID: after}}) {
			if row.ws != ws || !yield(row.ID, row.SavedTemplate) {
				return
			}
		}
	})
}

func fault(code engage.Code, op string, id messaging.TemplateID) error {
	return &engage.Error{Code: code, Op: "memmessaging." + op, Entity: "template " + id.String()}
}
