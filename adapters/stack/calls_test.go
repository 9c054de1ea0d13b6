package stack_test

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"strings"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/uptrace/bun"
)

// serviceCall is one way to call a method of one of the platform's services for
// a workspace, about the objects of a world: about n of them where the method
// takes so many. It answers how many of the world's objects it found.
type serviceCall struct {
	method string // the platform's field and its method
	about  string // tells the calls of a method apart
	// makes marks calls that make something of the caller's own, whoever's
	// objects they name.
	makes bool
	call  func(ctx context.Context, ws engage.WorkspaceID, w *world) (found int, err error)
}

func (c serviceCall) String() string {
	if c.about == "" {
		return c.method
	}
	return c.method + ", " + c.about
}

// serviceCalls are in the order of an object's life: what a later call needs the
// earlier ones leave.
func serviceCalls() []serviceCall {
	var all []serviceCall
	for _, group := range [][]serviceCall{
		contactCalls(), groupCalls(), historyCalls(), segmentCalls(), workflowCalls(), messageCalls(), removals(),
	} {
		all = append(all, group...)
	}
	return all
}

// tenantMethods are the methods of the domains' services that serve one
// workspace. The kernel's parts do, too, and are held to it by their own tests:
// they know no objects. So are accounts and sealing, whose tests have people and
// organizations around a workspace.
func tenantMethods() map[string]bool {
	names := map[string]bool{}
	workspace := reflect.TypeFor[engage.WorkspaceID]()
	platform := reflect.TypeFor[stack.Platform]()
	for i := range platform.NumField() {
		field := platform.Field(i)
		if !field.IsExported() || field.Type.Kind() != reflect.Pointer ||
			strings.Contains(field.Type.Elem().PkgPath(), "/adapters/") || field.Type == reflect.TypeFor[*bun.DB]() {
			continue
		}
		for method := range field.Type.Methods() {
			if method.Type.NumIn() > 2 && method.Type.In(2) == workspace {
				names[field.Name+"."+method.Name] = true
			}
		}
	}
	return names
}

func TestEveryMethodThatServesAWorkspaceIsCalledHere(t *testing.T) {
	t.Parallel()
	methods, called := tenantMethods(), map[string]bool{}
	for _, c := range serviceCalls() {
		called[c.method] = true
		if !methods[c.method] {
			t.Errorf("there is no method %s that takes a workspace", c.method)
		}
	}
	for method := range methods {
		if !called[method] {
			t.Errorf("%s takes a workspace and is not called: it has neither a budget nor a proof of isolation", method)
		}
	}
	if len(methods) < 60 {
		t.Errorf("only %d methods were found", len(methods))
	}
}

func one[T any](_ T, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return 1, nil
}

func none[T any](_ T, err error) (int, error) { return 0, err }

func several[T any](all []T, err error) (int, error) { return len(all), err }

func items[T any](page engage.Page[T], err error) (int, error) { return len(page.Items), err }

func done(err error) (int, error) { return one(struct{}{}, err) }

func walked[T any](all iter.Seq2[T, error]) (n int, failure error) {
	for _, err := range all {
		if err != nil {
			failure = errors.Join(failure, err)
			continue
		}
		n++
	}
	return n, failure
}

// each makes a thing for each of n.
func each[T any](n int, of func(i int) T) []T {
	all := make([]T, n)
	for i := range all {
		all[i] = of(i)
	}
	return all
}

func contactCalls() []serviceCall {
	type ws = engage.WorkspaceID
	identified := func(found []contacts.Identification, err error) (int, error) {
		n := 0
		for _, f := range found {
			if !f.Created {
				n++
			}
		}
		return n, err
	}
	return []serviceCall{
		{method: "Contacts.Get", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return one(w.Contacts.Get(ctx, ws, w.survivor))
		}},
		{method: "Contacts.GetAll", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return several(w.Contacts.GetAll(ctx, ws, w.people))
		}},
		{method: "Contacts.Standing", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			standing, err := w.Contacts.Standing(ctx, ws, w.people)
			return len(standing), err
		}},
		{method: "Contacts.Find", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return one(w.Contacts.Find(ctx, ws, contacts.Email, email(0).Value))
		}},
		{method: "Contacts.History", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return several(w.Contacts.History(ctx, ws, w.survivor))
		}},
		{method: "Contacts.List", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return items(w.Contacts.List(ctx, ws, contacts.Query{}))
		}},
		{method: "Contacts.All", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return walked(w.Contacts.All(ctx, ws, contacts.Query{}))
		}},
		{method: "Contacts.Attributes", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return several(w.Contacts.Attributes(ctx, ws))
		}},
		{method: "Contacts.DefineAttributes", makes: true, call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return 0, w.Contacts.DefineAttributes(ctx, ws, each(w.n, func(i int) attribute.Definition { return definition(1000 + i) })...)
		}},
		{method: "Contacts.Identify", about: "strangers", makes: true, call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return identified(w.Contacts.Identify(ctx, ws, each(w.n, func(i int) contacts.Profile {
				return contacts.Profile{Identities: []contacts.Identity{email(1000 + i)}}
			})...))
		}},
		{method: "Contacts.Identify", about: "the known", makes: true, call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return identified(w.Contacts.Identify(ctx, ws, each(w.n, func(i int) contacts.Profile {
				return contacts.Profile{Identities: []contacts.Identity{email(i)}, Locale: "fr"}
			})...))
		}},
		{method: "Contacts.Identify", about: "devices", makes: true, call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return identified(w.Contacts.Identify(ctx, ws, each(w.n, func(i int) contacts.Profile {
				return contacts.Profile{Identities: []contacts.Identity{device(1000 + i)}}
			})...))
		}},
		{method: "Contacts.Identify", about: "owners of devices", makes: true, call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return identified(w.Contacts.Identify(ctx, ws, each(w.n, func(i int) contacts.Profile {
				return contacts.Profile{Identities: []contacts.Identity{email(i), device(1000 + i)}}
			})...))
		}},
		{method: "Contacts.SetAttributes", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			patched, err := w.Contacts.SetAttributes(ctx, ws, each(w.n, func(i int) contacts.Patch {
				return contacts.Patch{ContactID: w.people[i], Attributes: attribute.Set{"plan": attribute.String("pro")}}
			})...)
			n := 0
			for _, p := range patched {
				if !p.ContactID.IsZero() {
					n++
				}
			}
			return n, err
		}},
		{method: "Contacts.Update", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return one(w.Contacts.Update(ctx, ws, w.people[w.n-1], func(c *contacts.Contact) error { c.Locale = "de"; return nil }))
		}},
	}
}

func groupCalls() []serviceCall {
	type ws = engage.WorkspaceID
	return []serviceCall{
		{method: "Contacts.CreateTag", makes: true, call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return none(w.Contacts.CreateTag(ctx, ws, "new tag"))
		}},
		{method: "Contacts.FindTag", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return one(w.Contacts.FindTag(ctx, ws, "TAG 000"))
		}},
		{method: "Contacts.RenameTag", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return one(w.Contacts.RenameTag(ctx, ws, w.tags[0], "renamed"))
		}},
		{method: "Contacts.Tags", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			page, err := w.Contacts.Tags(ctx, ws, engage.PageRequest{})
			return of(page, w.tags, func(t contacts.Tag) contacts.TagID { return t.ID }), err
		}},
		{method: "Contacts.RemoveTag", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return w.Contacts.RemoveTag(ctx, ws, w.tags[0], w.people...)
		}},
		{method: "Contacts.AddTag", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return w.Contacts.AddTag(ctx, ws, w.tags[0], w.people...)
		}},
		{method: "Contacts.AddTag", about: "that they have", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			n, err := w.Contacts.AddTag(ctx, ws, w.tags[0], w.people...)
			return w.n - n, err
		}},
		{method: "Contacts.TagsOf", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return several(w.Contacts.TagsOf(ctx, ws, w.people...))
		}},
		{method: "Contacts.CreateList", makes: true, call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return none(w.Contacts.CreateList(ctx, ws, "new list", ""))
		}},
		{method: "Contacts.UpdateList", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return one(w.Contacts.UpdateList(ctx, ws, w.lists[0], func(l *contacts.List) error { l.Name = "renamed"; return nil }))
		}},
		{method: "Contacts.Lists", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			page, err := w.Contacts.Lists(ctx, ws, engage.PageRequest{})
			return of(page, w.lists, func(l contacts.List) contacts.ListID { return l.ID }), err
		}},
		{method: "Contacts.SetMemberships", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return w.Contacts.SetMemberships(ctx, ws, each(w.n, func(i int) contacts.Membership {
				return contacts.Membership{ListID: w.lists[0], ContactID: w.people[i], State: contacts.Unsubscribed}
			})...)
		}},
		{method: "Contacts.SetMemberships", about: "in many lists", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return w.Contacts.SetMemberships(ctx, ws, each(w.n, func(i int) contacts.Membership {
				return contacts.Membership{ListID: w.lists[w.n-1-i], ContactID: w.people[i], State: contacts.Pending}
			})...)
		}},
		{method: "Contacts.Members", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return items(w.Contacts.Members(ctx, ws, w.lists[0], "", engage.PageRequest{}))
		}},
		{method: "Contacts.MembershipsOf", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return several(w.Contacts.MembershipsOf(ctx, ws, w.people...))
		}},
	}
}

// of counts a page's items that are among ids.
func of[T any, ID comparable](page engage.Page[T], ids []ID, id func(T) ID) int {
	mine := map[ID]bool{}
	for _, i := range ids {
		mine[i] = true
	}
	n := 0
	for _, item := range page.Items {
		if mine[id(item)] {
			n++
		}
	}
	return n
}

// removals come last.
func removals() []serviceCall {
	type ws = engage.WorkspaceID
	return []serviceCall{
		{method: "Contacts.DeleteTag", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return done(w.Contacts.DeleteTag(ctx, ws, w.tags[0]))
		}},
		{method: "Contacts.DeleteList", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return done(w.Contacts.DeleteList(ctx, ws, w.lists[0]))
		}},
		{method: "Segments.Delete", about: "that others refer to", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return done(w.Segments.Delete(ctx, ws, w.base))
		}},
		{method: "Segments.Delete", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return done(w.Segments.Delete(ctx, ws, w.referring[0]))
		}},
		{method: "Contacts.Delete", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return done(w.Contacts.Delete(ctx, ws, w.survivor))
		}},
	}
}
