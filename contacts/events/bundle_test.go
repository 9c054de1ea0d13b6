package events_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// testBundle is a service over an empty store, with a contact in each of two
// workspaces.
type testBundle struct {
	t       *testing.T
	ctx     context.Context
	clock   *engage.ManualClock
	store   *memory.Store
	deps    events.Deps
	service *events.Service
	people  *contacts.Service
	ws      engage.WorkspaceID
	other   engage.WorkspaceID
	ana     contacts.ID // of ws
	bea     contacts.ID // of other
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	clock := engage.NewManualClock(start)
	store := memory.New(memory.Config{Clock: clock})
	runtime := engage.Runtime{Tx: store, Events: store, Clock: clock}
	people := memcontacts.NewContacts(store)
	b := &testBundle{
		t: t, ctx: t.Context(), clock: clock, store: store, ws: engage.WorkspaceID{1}, other: engage.WorkspaceID{2},
		deps: events.Deps{Runtime: runtime, Events: memcontacts.NewEvents(store), Contacts: people},
	}
	var err error
	b.people, err = contacts.New(contacts.Deps{
		Runtime: runtime, Contacts: people, Schema: memcontacts.NewAttributes(store), Tags: memcontacts.NewTags(store),
		Taggings: memcontacts.NewTaggings(store), Lists: memcontacts.NewLists(store), Members: memcontacts.NewMembers(store),
	}, contacts.Config{})
	b.no(err)
	b.configure()
	b.ana, b.bea = b.contact(b.ws, "ana"), b.contact(b.other, "bea")
	return b
}

func (b *testBundle) configure() {
	b.t.Helper()
	var err error
	b.service, err = events.New(b.deps, events.Config{})
	b.no(err)
}

func (b *testBundle) contact(ws engage.WorkspaceID, userID string) contacts.ID {
	b.t.Helper()
	got, err := b.people.Identify(b.ctx, ws, contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.UserID, Value: userID}}})
	b.no(err)
	return got[0].Contact.ID
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

func (b *testBundle) append(inputs ...events.Input) []events.Appended {
	b.t.Helper()
	got, err := b.service.Append(b.ctx, b.ws, inputs...)
	b.no(err)
	return got
}

// envelopes are the workspace's domain events, in order.
func (b *testBundle) envelopes(ws engage.WorkspaceID) []engage.Envelope {
	b.t.Helper()
	read, err := b.store.Read(b.ctx, engage.DefaultShard, engage.PartitionOf(ws), 0, 1_000_000)
	b.no(err)
	var all []engage.Envelope
	for _, slice := range read {
		for _, e := range slice.Events {
			if e.Workspace == ws {
				all = append(all, e)
			}
		}
	}
	return all
}

// recorded are the payloads of the events that the workspace's log tells of.
func (b *testBundle) recorded(ws engage.WorkspaceID) []string {
	b.t.Helper()
	var all []string
	for _, e := range b.envelopes(ws) {
		if e.Name == (events.Recorded{}).EventName() {
			all = append(all, string(e.Data))
		}
	}
	return all
}

// stored are the names of the workspace's events, sorted.
func (b *testBundle) stored(ws engage.WorkspaceID) []string {
	b.t.Helper()
	var names []string
	for e, err := range b.service.All(b.ctx, ws) {
		b.no(err)
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return names
}

func (b *testBundle) did(name, messageID string) events.Input {
	return events.Input{ContactID: b.ana, Name: name, MessageID: messageID}
}

// long is a text of n bytes.
func long(n int) string { return strings.Repeat("x", n) }
