package messaging

import (
	"context"
	"time"

	"github.com/go-engage/engage"
)

type templateKind struct{}

func (templateKind) IDPrefix() string { return "tpl" }

// TemplateID identifies a saved template.
type TemplateID = engage.ID[templateKind]

// SavedTemplate is a template that a workspace keeps, with who sends it.
type SavedTemplate struct {
	ID        TemplateID
	Name      string
	From      Address
	ReplyTo   Address // zero: none
	Content   Template
	CreatedAt time.Time
	UpdatedAt time.Time
	CreatedBy engage.Actor
	UpdatedBy engage.Actor
	Version   engage.Version
}

// TemplateRepository keeps saved templates. Writes need the transaction in ctx
// and take effect whole or not at all.
type TemplateRepository interface {
	// Insert stores a new template with Version 1; a taken id answers
	// ErrAlreadyExists.
	Insert(ctx context.Context, ws engage.WorkspaceID, template SavedTemplate) error
	// Update replaces a template and raises its version; a missing one answers
	// ErrNotFound, another stored version ErrConflict.
	Update(ctx context.Context, ws engage.WorkspaceID, template SavedTemplate) error
	// Get answers the templates among ids, at most engage.MaxBatch, ordered by id.
	Get(ctx context.Context, ws engage.WorkspaceID, ids []TemplateID) ([]SavedTemplate, error)
	// List answers a page of templates, ordered by id.
	List(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[SavedTemplate], error)
}

// CreateTemplate saves a template. One that does not compile, and a sender that
// is no address, answer ErrInvalid with every fault. ID, times and Version are
// filled in.
func (s *Service) CreateTemplate(ctx context.Context, ws engage.WorkspaceID, template SavedTemplate) (SavedTemplate, error) {
	if err := checkTemplate("messaging.CreateTemplate", template); err != nil {
		return SavedTemplate{}, err
	}
	now, actor := s.rt.Clock.Now(), engage.ActorFrom(ctx)
	template.ID, template.Version = engage.NewID[templateKind](s.rt.IDs), 1
	template.CreatedAt, template.UpdatedAt, template.CreatedBy, template.UpdatedBy = now, now, actor, actor
	err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		if err := s.templates.Insert(ctx, ws, template); err != nil {
			return err
		}
		return s.rt.Events.Publish(ctx, ws, TemplateChanged{TemplateID: template.ID, Name: template.Name})
	})
	return template, err
}

// UpdateTemplate changes a template by a function. Messages that are not sent
// yet are written from the new version.
func (s *Service) UpdateTemplate(ctx context.Context, ws engage.WorkspaceID, id TemplateID, fn func(*SavedTemplate) error) (SavedTemplate, error) {
	const op = "messaging.UpdateTemplate"
	var template SavedTemplate
	err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		found, err := s.templates.Get(ctx, ws, []TemplateID{id})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return notFound(op, "template", id)
		}
		edited := found[0]
		if err := fn(&edited); err != nil {
			return err
		}
		if err := checkTemplate(op, edited); err != nil {
			return err
		}
		template = found[0]
		template.Name, template.From, template.ReplyTo, template.Content = edited.Name, edited.From, edited.ReplyTo, edited.Content
		template.UpdatedAt, template.UpdatedBy = s.rt.Clock.Now(), engage.ActorFrom(ctx)
		if err := s.templates.Update(ctx, ws, template); err != nil {
			return err
		}
		template.Version++
		return s.rt.Events.Publish(ctx, ws, TemplateChanged{TemplateID: id, Name: template.Name})
	})
	return template, err
}

// Template answers a saved template, or ErrNotFound.
func (s *Service) Template(ctx context.Context, ws engage.WorkspaceID, id TemplateID) (SavedTemplate, error) {
	found, err := s.templates.Get(ctx, ws, []TemplateID{id})
	if err != nil {
		return SavedTemplate{}, err
	}
	if len(found) == 0 {
		return SavedTemplate{}, notFound("messaging.Template", "template", id)
	}
	return found[0], nil
}

// Templates answers a page of the workspace's templates, the oldest first.
func (s *Service) Templates(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[SavedTemplate], error) {
	return s.templates.List(ctx, ws, page)
}

func checkTemplate(op string, template SavedTemplate) error {
	var faults engage.Faults
	if template.Name == "" || len(template.Name) > MaxTemplateNameBytes || hasControl(template.Name) {
		faults.Add("name", "invalid", "1 to %d bytes without control characters", MaxTemplateNameBytes)
	}
	// An email of this sender, valid but for what is being checked.
	probe := Email{
		From: template.From, ReplyTo: template.ReplyTo, To: Address{Email: "probe@example.com"},
		MessageID: "probe@example.com", Text: "probe",
	}
	faults = append(faults, engage.FieldsOf(probe.Validate())...)
	if _, err := template.Content.Compile(); err != nil {
		for _, f := range engage.FieldsOf(err) {
			f.Path = "content." + f.Path
			faults = append(faults, f)
		}
	}
	return faults.Err(op, "")
}
