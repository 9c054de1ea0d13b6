package contacts_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
)

// patchBundle is a contacts service over an empty store, with one definition.
type patchBundle struct {
	store   *memory.Store
	service *contacts.Service
	ctx     context.Context
	ws      engage.WorkspaceID
}

func setupPatch(t *testing.T) *patchBundle {
	t.Helper()
	store := memory.New(memory.Config{})
	service, err := contacts.New(contacts.Deps{
		Runtime: engage.Runtime{Tx: store, Events: store}, Contacts: memcontacts.NewContacts(store), Schema: memcontacts.NewAttributes(store),
		Tags: memcontacts.NewTags(store), Taggings: memcontacts.NewTaggings(store),
		Lists: memcontacts.NewLists(store), Members: memcontacts.NewMembers(store),
	}, contacts.Config{})
	if err != nil {
		t.Fatal(err)
	}
	b := &patchBundle{store: store, service: service, ctx: engage.WithActor(t.Context(), engage.Actor{Type: "automation"}), ws: engage.WorkspaceID{1}}
	if err := service.DefineAttributes(b.ctx, b.ws, attribute.Definition{Key: "age", Type: attribute.TypeInteger}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *patchBundle) contact(t *testing.T, identities ...contacts.Identity) contacts.Contact {
	t.Helper()
	made, err := b.service.Identify(b.ctx, b.ws, contacts.Profile{Identities: identities})
	if err != nil {
		t.Fatal(err)
	}
	return made[0].Contact
}

func (b *patchBundle) attributes(t *testing.T, id contacts.ID) string {
	t.Helper()
	c, err := b.service.Get(b.ctx, b.ws, id)
	if err != nil {
		t.Fatal(err)
	}
	return string(c.Attributes.JSON())
}

func TestSetAttributes(t *testing.T) {
	t.Parallel()

	t.Run("keeps what is wrong with one patch to that one", func(t *testing.T) {
		t.Parallel()
		b := setupPatch(t)
		one := b.contact(t, contacts.Identity{Kind: contacts.UserID, Value: "1"})
		two := b.contact(t, contacts.Identity{Kind: contacts.UserID, Value: "2"})
		got, err := b.service.SetAttributes(b.ctx, b.ws,
			contacts.Patch{ContactID: one.ID, Attributes: attribute.Set{"plan": attribute.String("pro"), "gone": attribute.String("x")}},
			contacts.Patch{ContactID: contacts.ID{9}, Attributes: attribute.Set{"plan": attribute.String("pro")}},
			contacts.Patch{ContactID: two.ID, Attributes: attribute.Set{"age": attribute.String("old"), "plan": attribute.String("free")}},
			contacts.Patch{ContactID: one.ID, Attributes: attribute.Set{"gone": attribute.Null, "age": attribute.Integer(7)}},
		)
		if err != nil {
			t.Fatal(err)
		}
		if got[0].ContactID != one.ID || !got[1].ContactID.IsZero() || got[2].ContactID != two.ID || got[3].ContactID != one.ID {
			t.Errorf("the answers are not aligned: %+v", got)
		}
		if len(got[2].Rejected) != 1 || got[2].Rejected[0].Path != "attributes.age" {
			t.Errorf("rejected %v, want attributes.age alone", got[2].Rejected)
		}
		if diff := cmp.Diff(`{"age":7,"plan":"pro"}`, b.attributes(t, one.ID)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(`{}`, b.attributes(t, two.ID)); diff != "" {
			t.Error(diff)
		}
		if c, _ := b.service.Get(b.ctx, b.ws, one.ID); c.Version != 2 || c.UpdatedBy.Type != "automation" {
			t.Errorf("version %d by %v, want one change by the automation", c.Version, c.UpdatedBy)
		}
	})

	t.Run("writes to the survivor of an absorbed contact", func(t *testing.T) {
		t.Parallel()
		b := setupPatch(t)
		device := contacts.Identity{Kind: contacts.AnonymousID, Value: "device"}
		absorbed := b.contact(t, device)
		user := contacts.Identity{Kind: contacts.UserID, Value: "1"}
		survivor := b.contact(t, user)
		b.contact(t, user, device)
		got, err := b.service.SetAttributes(b.ctx, b.ws, contacts.Patch{ContactID: absorbed.ID, Attributes: attribute.Set{"plan": attribute.String("pro")}})
		if err != nil {
			t.Fatal(err)
		}
		if got[0].ContactID != survivor.ID {
			t.Errorf("wrote to %s, want %s", got[0].ContactID, survivor.ID)
		}
		if diff := cmp.Diff(`{"plan":"pro"}`, b.attributes(t, survivor.ID)); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("changes nothing and tells nothing when nothing differs", func(t *testing.T) {
		t.Parallel()
		b := setupPatch(t)
		c := b.contact(t, contacts.Identity{Kind: contacts.UserID, Value: "1"})
		for _, value := range []attribute.Value{attribute.String("x"), attribute.Null} {
			if _, err := b.service.SetAttributes(b.ctx, b.ws,
				contacts.Patch{ContactID: c.ID, Attributes: attribute.Set{"plan": value}},
				contacts.Patch{ContactID: c.ID, Attributes: attribute.Set{"plan": attribute.Null}}); err != nil {
				t.Fatal(err)
			}
		}
		if got, _ := b.service.Get(b.ctx, b.ws, c.ID); got.Version != 1 {
			t.Errorf("version %d, want 1", got.Version)
		}
	})

	t.Run("finds nothing of another workspace, and refuses the zero one and too many", func(t *testing.T) {
		t.Parallel()
		b := setupPatch(t)
		c := b.contact(t, contacts.Identity{Kind: contacts.UserID, Value: "1"})
		patch := contacts.Patch{ContactID: c.ID, Attributes: attribute.Set{"plan": attribute.String("pro")}}
		got, err := b.service.SetAttributes(b.ctx, engage.WorkspaceID{2}, patch)
		if err != nil || !got[0].ContactID.IsZero() {
			t.Errorf("got %v, %v", got, err)
		}
		if _, err := b.service.SetAttributes(b.ctx, engage.WorkspaceID{}, patch); engage.CodeOf(err) != engage.Invalid {
			t.Errorf("want ErrInvalid, got %v", err)
		}
		if _, err := b.service.SetAttributes(b.ctx, b.ws, make([]contacts.Patch, engage.MaxBatch+1)...); engage.CodeOf(err) != engage.Invalid {
			t.Errorf("want ErrInvalid, got %v", err)
		}
	})
}
