package contacts_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
)

// world is one of everything in the bundle's workspace.
type world struct {
	contact contacts.Contact
	tag     contacts.Tag
	list    contacts.List
}

func newWorld(b *testBundle) world {
	b.t.Helper()
	w := world{contact: b.identify(user("1"), email("a@acme.test")).Contact}
	b.identify(device("d"))
	b.identify(user("1"), device("d"))
	var err error
	w.tag, err = b.service.CreateTag(b.ctx, b.ws, "VIP")
	b.no(err)
	w.list, err = b.service.CreateList(b.ctx, b.ws, "News", contacts.Public)
	b.no(err)
	_, err = b.service.AddTag(b.ctx, b.ws, w.tag.ID, w.contact.ID)
	b.no(err)
	_, err = b.service.SetMemberships(b.ctx, b.ws, w.membership(contacts.Subscribed))
	b.no(err)
	b.no(b.service.DefineAttributes(b.ctx, b.ws, attribute.Definition{Key: "plan", Type: attribute.TypeString}))
	w.contact = b.get(w.contact.ID)
	return w
}

func (w world) membership(state contacts.MembershipState) contacts.Membership {
	return contacts.Membership{ListID: w.list.ID, ContactID: w.contact.ID, State: state}
}

// isolationCase calls a method for a workspace about the objects of another. It
// answers how much the method found there, and its error.
type isolationCase struct {
	// makes marks methods that make something of the caller's own and look for
	// nothing.
	makes bool
	call  func(ctx context.Context, ws engage.WorkspaceID) (found int, err error)
}

func isolationCases(s *contacts.Service, w world) map[string]isolationCase {
	locale := func(c *contacts.Contact) error { c.Locale = "fr"; return nil }
	rename := func(l *contacts.List) error { l.Name = "Mine"; return nil }
	return map[string]isolationCase{
		"AddTag": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return s.AddTag(ctx, ws, w.tag.ID, w.contact.ID)
		}},
		"All": {call: func(ctx context.Context, ws engage.WorkspaceID) (n int, failure error) {
			for _, err := range s.All(ctx, ws, contacts.Query{}) {
				n, failure = n+1, errors.Join(failure, err)
			}
			if failure != nil {
				n = 0
			}
			return n, failure
		}},
		"Attributes": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			got, err := s.Attributes(ctx, ws)
			return len(got), err
		}},
		"CreateList": {makes: true, call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, err := s.CreateList(ctx, ws, "News", "")
			return 0, err
		}},
		"CreateTag": {makes: true, call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, err := s.CreateTag(ctx, ws, "VIP")
			return 0, err
		}},
		"DefineAttributes": {makes: true, call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return 0, s.DefineAttributes(ctx, ws, attribute.Definition{Key: "plan", Type: attribute.TypeInteger})
		}},
		"Delete": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return 1, s.Delete(ctx, ws, w.contact.ID)
		}},
		"DeleteList": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return 1, s.DeleteList(ctx, ws, w.list.ID)
		}},
		"DeleteTag": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return 1, s.DeleteTag(ctx, ws, w.tag.ID)
		}},
		"Find": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, err := s.Find(ctx, ws, contacts.UserID, "1")
			return 1, err
		}},
		"FindTag": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, err := s.FindTag(ctx, ws, "vip")
			return 1, err
		}},
		"Get": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, err := s.Get(ctx, ws, w.contact.ID)
			return 1, err
		}},
		"GetAll": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			got, err := s.GetAll(ctx, ws, []contacts.ID{w.contact.ID})
			return len(got), err
		}},
		"History": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			got, err := s.History(ctx, ws, w.contact.ID)
			return len(got), err
		}},
		"Identify": {makes: true, call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			got, err := s.Identify(ctx, ws, profile(user("1")))
			if err == nil && (!got[0].Created || got[0].Contact.ID == w.contact.ID) {
				return 1, nil
			}
			return 0, err
		}},
		"List": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			page, err := s.List(ctx, ws, contacts.Query{})
			return len(page.Items), err
		}},
		"Lists": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			page, err := s.Lists(ctx, ws, engage.PageRequest{})
			return len(page.Items), err
		}},
		"Members": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			page, err := s.Members(ctx, ws, w.list.ID, "", engage.PageRequest{})
			return len(page.Items), err
		}},
		"MembershipsOf": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			got, err := s.MembershipsOf(ctx, ws, w.contact.ID)
			return len(got), err
		}},
		"RemoveTag": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return s.RemoveTag(ctx, ws, w.tag.ID, w.contact.ID)
		}},
		"RenameTag": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, err := s.RenameTag(ctx, ws, w.tag.ID, "Mine")
			return 1, err
		}},
		"SetAttributes": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			got, err := s.SetAttributes(ctx, ws, contacts.Patch{ContactID: w.contact.ID, Attributes: attribute.Set{"plan": attribute.String("mine")}})
			if err == nil && got[0].ContactID.IsZero() {
				return 0, nil
			}
			return 1, err
		}},
		"SetMemberships": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return s.SetMemberships(ctx, ws, w.membership(contacts.Unsubscribed))
		}},
		"Standing": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			got, err := s.Standing(ctx, ws, []contacts.ID{w.contact.ID})
			return len(got), err
		}},
		"Tags": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			page, err := s.Tags(ctx, ws, engage.PageRequest{})
			return len(page.Items), err
		}},
		"TagsOf": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			got, err := s.TagsOf(ctx, ws, w.contact.ID)
			return len(got), err
		}},
		"Update": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, err := s.Update(ctx, ws, w.contact.ID, locale)
			return 1, err
		}},
		"UpdateList": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, err := s.UpdateList(ctx, ws, w.list.ID, rename)
			return 1, err
		}},
	}
}

func TestWorkspacesAreKeptApart(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for method := range reflect.TypeFor[*contacts.Service]().Methods() {
		if method.Type.NumIn() > 2 && method.Type.In(2) == reflect.TypeFor[engage.WorkspaceID]() {
			names[method.Name] = true
		}
	}
	for name := range isolationCases(nil, world{}) {
		if !names[name] {
			t.Errorf("there is no method %s", name)
		}
	}
	for name := range names {
		if _, covered := isolationCases(nil, world{})[name]; !covered {
			t.Errorf("%s takes a workspace and has no case here", name)
		}
	}
	for name := range names {
		t.Run(name+" finds nothing of another workspace and changes nothing there", func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			w := newWorld(b)
			c := isolationCases(b.service, w)[name]
			if c.call == nil {
				t.Skip("reported above")
			}
			mine, theirs := b.dump(b.ws), b.dump(b.other)
			found, err := c.call(b.ctx, b.other)
			switch {
			case err != nil && !errors.Is(err, engage.ErrNotFound):
				t.Errorf("want ErrNotFound or nothing, got %v", err)
			case err == nil && found != 0:
				t.Errorf("found %d objects of another workspace", found)
			}
			b.same(b.dump(b.ws), mine)
			if !c.makes {
				b.same(b.dump(b.other), theirs)
			}
		})
		t.Run(name+" refuses the zero workspace", func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			w := newWorld(b)
			c := isolationCases(b.service, w)[name]
			if c.call == nil {
				t.Skip("reported above")
			}
			before := b.dump(b.ws)
			_, err := c.call(b.ctx, engage.WorkspaceID{})
			b.code(err, engage.Invalid)
			b.same(b.dump(b.ws), before)
		})
		t.Run(name+" refuses another workspace within a transaction", func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			w := newWorld(b)
			c := isolationCases(b.service, w)[name]
			if c.call == nil {
				t.Skip("reported above")
			}
			before := b.dump(b.ws)
			_ = b.store.InTx(b.ctx, b.other, func(ctx context.Context) error {
				// Reads may answer; a write in the other's transaction may not.
				_, err := c.call(ctx, b.ws)
				if err != nil && !errors.Is(err, engage.ErrFailedPrecondition) {
					t.Errorf("want ErrFailedPrecondition, got %v", err)
				}
				return nil
			})
			b.same(b.dump(b.ws), before)
		})
	}
}
