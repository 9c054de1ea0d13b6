package contacts

import (
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts/attribute"
)

// DefineAttributes declares attributes of contacts, replacing definitions of the
// same keys; Object and times are filled in. Faulty definitions answer ErrInvalid,
// all of them listed by index, and then nothing is written; more than
// attribute.MaxDefinitions of them all answer ErrResourceExhausted.
func (s *Service) DefineAttributes(ctx context.Context, ws engage.WorkspaceID, definitions ...attribute.Definition) error {
	const op = "contacts.DefineAttributes"
	var faults engage.Faults
	now, keys := s.rt.Clock.Now(), map[string]bool{}
	definitions = slices.Clone(definitions)
	for i := range definitions {
		d := &definitions[i]
		d.Object, d.CreatedAt, d.UpdatedAt = ObjectType, now, now
		d.Validate(&faults, item(i, "")+".")
		if keys[d.Key] {
			faults.Add(item(i, "key"), "duplicate", "the key stands in the call twice")
		}
		keys[d.Key] = true
	}
	if err := faults.Err(op, ""); err != nil {
		return err
	}
	return s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		defined, err := s.schema.Definitions(ctx, ws, ObjectType)
		if err != nil {
			return err
		}
		for _, d := range defined {
			keys[d.Key] = true
		}
		if len(keys) > attribute.MaxDefinitions {
			return &engage.Error{Code: engage.ResourceExhausted, Op: op, Entity: "attributes of contacts"}
		}
		if err := s.schema.Define(ctx, ws, definitions); err != nil {
			return err
		}
		events := make([]engage.Event, len(definitions))
		for i, d := range definitions {
			events[i] = AttributeDefined{Key: d.Key, Type: d.Type}
		}
		return s.rt.Events.Publish(ctx, ws, events...)
	})
}

// Attributes answers the definitions of contacts' attributes, ordered by key.
func (s *Service) Attributes(ctx context.Context, ws engage.WorkspaceID) ([]attribute.Definition, error) {
	return s.schema.Definitions(ctx, ws, ObjectType)
}
