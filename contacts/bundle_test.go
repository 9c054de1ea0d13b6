package contacts_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// testBundle is a service over an empty store.
type testBundle struct {
	t       *testing.T
	ctx     context.Context
	clock   *engage.ManualClock
	store   *memory.Store
	deps    contacts.Deps
	service *contacts.Service
	ws      engage.WorkspaceID
	other   engage.WorkspaceID
	read    map[engage.WorkspaceID]int // of the log
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	clock := engage.NewManualClock(start)
	store := memory.New(memory.Config{Clock: clock})
	b := &testBundle{
		t: t, ctx: t.Context(), clock: clock, store: store, ws: engage.WorkspaceID{1}, other: engage.WorkspaceID{2}, read: map[engage.WorkspaceID]int{},
		deps: contacts.Deps{
			Runtime: engage.Runtime{Tx: store, Events: store, Clock: clock}, Contacts: memcontacts.NewContacts(store), Schema: memcontacts.NewAttributes(store),
			Tags: memcontacts.NewTags(store), Taggings: memcontacts.NewTaggings(store),
			Lists: memcontacts.NewLists(store), Members: memcontacts.NewMembers(store),
		},
	}
	b.configure(contacts.Config{})
	return b
}

func (b *testBundle) configure(cfg contacts.Config) {
	b.t.Helper()
	var err error
	b.service, err = contacts.New(b.deps, cfg)
	b.no(err)
}

func (b *testBundle) no(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("unexpected error: %v", err)
	}
}

func (b *testBundle) code(err error, want engage.Code, paths ...string) {
	b.t.Helper()
	if got := engage.CodeOf(err); got != want {
		b.t.Fatalf("code %q, want %q: %v", got, want, err)
	}
	var got []string
	for _, f := range engage.FieldsOf(err) {
		got = append(got, f.Path)
	}
	if len(paths) > 0 && !slices.Equal(got, paths) {
		b.t.Fatalf("faults at %q, want %q", got, paths)
	}
}

func (b *testBundle) same(got, want any) {
	b.t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b attribute.Value) bool { return a == b })); diff != "" {
		b.t.Fatalf("-want +got:\n%s", diff)
	}
}

// published answers the domain events of the workspace since the last call, as
// "name payload".
func (b *testBundle) published() []string {
	b.t.Helper()
	return b.publishedIn(b.ws)
}

func (b *testBundle) publishedIn(ws engage.WorkspaceID) []string {
	b.t.Helper()
	read, err := b.store.Read(b.ctx, engage.DefaultShard, engage.PartitionOf(ws), 0, 1_000_000)
	b.no(err)
	var all []string
	for _, slice := range read {
		for _, e := range slice.Events {
			if e.Workspace == ws {
				all = append(all, e.Name+" "+string(e.Data))
			}
		}
	}
	seen := b.read[ws]
	b.read[ws] = len(all)
	return all[seen:]
}

// tells fails the test unless exactly these domain events were published since
// the last look, in this order. In a pattern, each "*" stands for anything.
func (b *testBundle) tells(patterns ...string) {
	b.t.Helper()
	got := b.published()
	ok := len(got) == len(patterns)
	for i := range min(len(got), len(patterns)) {
		ok = ok && matches(got[i], patterns[i])
	}
	if !ok {
		b.t.Fatalf("published:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(patterns, "\n  "))
	}
}

func matches(s, pattern string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return s == pattern
	}
	s, ok := strings.CutPrefix(s, parts[0])
	for _, part := range parts[1 : len(parts)-1] {
		_, s, ok = cut(s, part, ok)
	}
	return ok && strings.HasSuffix(s, parts[len(parts)-1])
}

func cut(s, part string, ok bool) (before, after string, found bool) {
	before, after, found = strings.Cut(s, part)
	return before, after, found && ok
}

// dump is everything that the service answers of a workspace.
func (b *testBundle) dump(ws engage.WorkspaceID) string {
	b.t.Helper()
	var out bytes.Buffer
	for c, err := range b.service.All(b.ctx, ws, contacts.Query{}) {
		b.no(err)
		history, err := b.service.History(b.ctx, ws, c.ID)
		b.no(err)
		tags, err := b.service.TagsOf(b.ctx, ws, history...)
		b.no(err)
		memberships, err := b.service.MembershipsOf(b.ctx, ws, history...)
		b.no(err)
		fmt.Fprintf(&out, "%+v %v %v %v\n", c, history, tags, memberships)
	}
	tags, err := b.service.Tags(b.ctx, ws, engage.PageRequest{})
	b.no(err)
	lists, err := b.service.Lists(b.ctx, ws, engage.PageRequest{})
	b.no(err)
	attributes, err := b.service.Attributes(b.ctx, ws)
	b.no(err)
	fmt.Fprintf(&out, "%+v\n%+v\n%+v\n%v\n", tags, lists, attributes, len(b.publishedIn(ws)))
	b.read[ws] = 0
	return out.String()
}

func user(value string) contacts.Identity {
	return contacts.Identity{Kind: contacts.UserID, Value: value}
}

func device(value string) contacts.Identity {
	return contacts.Identity{Kind: contacts.AnonymousID, Value: value}
}

func email(value string) contacts.Identity {
	return contacts.Identity{Kind: contacts.Email, Value: value}
}

func profile(identities ...contacts.Identity) contacts.Profile {
	return contacts.Profile{Identities: identities}
}

// identify is Identify of one profile.
func (b *testBundle) identify(identities ...contacts.Identity) contacts.Identification {
	b.t.Helper()
	return b.identifyAll(profile(identities...))[0]
}

func (b *testBundle) identifyAll(profiles ...contacts.Profile) []contacts.Identification {
	b.t.Helper()
	got, err := b.service.Identify(b.ctx, b.ws, profiles...)
	b.no(err)
	return got
}

// contact makes a contact with a user id.
func (b *testBundle) contact(userID string) contacts.Contact {
	b.t.Helper()
	return b.identify(user(userID)).Contact
}

func (b *testBundle) get(id contacts.ID) contacts.Contact {
	b.t.Helper()
	c, err := b.service.Get(b.ctx, b.ws, id)
	b.no(err)
	return c
}

// keys are a contact's identities, as "kind:value".
func keys(c contacts.Contact) []string {
	var out []string
	for _, i := range c.Identities {
		out = append(out, i.Key().String())
	}
	return out
}
