package contacts

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts/attribute"
)

// Patch changes attributes of one contact.
type Patch struct {
	ContactID  ID
	Attributes attribute.Set // absent keys do not change, attribute.Null unsets
}

// Patched is what SetAttributes made of a patch.
type Patched struct {
	// ContactID is the contact that was written: the one that absorbed the
	// patch's, or the patch's own. It is zero when there is no such contact.
	ContactID ID
	// Rejected says what is wrong with the patch, which then had no effect.
	Rejected []engage.FieldError
}

// SetAttributes writes attributes to contacts, at most engage.MaxBatch in a
// call, with as many statements for one as for all. The answers are aligned with
// the patches, which take effect in their order. What is wrong with one patch
// stays with it: a missing contact and a value that does not fit its definition
// are told in its answer.
func (s *Service) SetAttributes(ctx context.Context, ws engage.WorkspaceID, patches ...Patch) ([]Patched, error) {
	if err := engage.CheckCall("contacts.SetAttributes", ws, len(patches)); err != nil {
		return nil, err
	}
	var out []Patched
	err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) (err error) {
		out, err = s.patch(ctx, ws, patches)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) patch(ctx context.Context, ws engage.WorkspaceID, patches []Patch) ([]Patched, error) {
	standing, err := s.lockStanding(ctx, ws, patches)
	if err != nil {
		return nil, err
	}
	definitions, err := s.schema.Definitions(ctx, ws, ObjectType)
	if err != nil {
		return nil, err
	}
	out := make([]Patched, len(patches))
	edited := map[ID]*touched{}
	for i, p := range patches {
		c, found := standing[p.ContactID]
		if !found {
			continue
		}
		t := edited[c.ID]
		if t == nil {
			t = &touched{before: c, after: c.Clone()}
			edited[c.ID] = t
		}
		set, changes, rejected := t.after.Attributes.Apply(p.Attributes, definitions, s.cfg.UnknownAttributes)
		if n := len(set.JSON()); n > attribute.MaxSetBytes {
			rejected = append(rejected, engage.FieldError{
				Path: "attributes", Code: "too_long",
				Message: fmt.Sprintf("%d bytes together, at most %d", n, attribute.MaxSetBytes),
			})
		}
		out[i] = Patched{ContactID: c.ID, Rejected: rejected}
		if len(rejected) == 0 {
			t.after.Attributes = set
			t.note(changes)
		}
	}
	return out, s.savePatched(ctx, ws, edited)
}

// lockStanding locks the contacts of patches and answers whom they are about, by
// the ids that patches name.
func (s *Service) lockStanding(ctx context.Context, ws engage.WorkspaceID, patches []Patch) (map[ID]Contact, error) {
	ids := make([]ID, len(patches))
	for i, p := range patches {
		ids[i] = p.ContactID
	}
	return standing(ids, func(ids []ID) ([]Contact, error) { return s.contacts.Lock(ctx, ws, ids) })
}

// savePatched writes the contacts that patches changed and tells of them.
func (s *Service) savePatched(ctx context.Context, ws engage.WorkspaceID, edited map[ID]*touched) error {
	now, actor := s.rt.Clock.Now(), engage.ActorFrom(ctx)
	var updates []Contact
	for _, t := range edited {
		if len(t.changes()) > 0 {
			t.after.UpdatedAt, t.after.UpdatedBy = now, actor
			updates = append(updates, t.after)
		}
	}
	if len(updates) == 0 {
		return nil
	}
	slices.SortFunc(updates, func(a, b Contact) int { return a.ID.Compare(b.ID) })
	var events []engage.Event
	for _, c := range updates {
		t := edited[c.ID]
		events = append(events, changeEvents(t.before, t.after, t.changes(), nil)...)
	}
	if err := s.contacts.Update(ctx, ws, updates); err != nil {
		return err
	}
	return s.rt.Events.Publish(ctx, ws, events...)
}
