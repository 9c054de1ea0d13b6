package timeline_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/contacts/timeline"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// testBundle is contacts, their events and their timeline over an empty store.
type testBundle struct {
	t        *testing.T
	ctx      context.Context
	clock    *engage.ManualClock
	store    *memory.Store
	contacts *contacts.Service
	events   *events.Service
	service  *timeline.Service
	ws       engage.WorkspaceID
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	clock := engage.NewManualClock(start)
	store := memory.New(memory.Config{Clock: clock})
	runtime := engage.Runtime{Tx: store, Events: store, Clock: clock}
	b := &testBundle{t: t, ctx: t.Context(), clock: clock, store: store, ws: engage.WorkspaceID{1}}
	people := memcontacts.NewContacts(store)
	var err error
	b.contacts, err = contacts.New(contacts.Deps{
		Runtime: runtime, Contacts: people, Schema: memcontacts.NewAttributes(store), Tags: memcontacts.NewTags(store),
		Taggings: memcontacts.NewTaggings(store), Lists: memcontacts.NewLists(store), Members: memcontacts.NewMembers(store),
	}, contacts.Config{})
	b.no(err)
	b.events, err = events.New(events.Deps{Runtime: runtime, Events: memcontacts.NewEvents(store), Contacts: people}, events.Config{})
	b.no(err)
	b.service, err = timeline.New(timeline.Deps{Runtime: runtime, Entries: memcontacts.NewTimeline(store), History: b.contacts}, timeline.Config{})
	b.no(err)
	return b
}

func (b *testBundle) no(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("unexpected error: %v", err)
	}
}

func (b *testBundle) same(got, want any) {
	b.t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b attribute.Value) bool { return a == b })); diff != "" {
		b.t.Fatalf("-want +got:\n%s", diff)
	}
}

func (b *testBundle) identify(identities ...contacts.Identity) contacts.Contact {
	b.t.Helper()
	got, err := b.contacts.Identify(b.ctx, b.ws, contacts.Profile{Identities: identities})
	b.no(err)
	return got[0].Contact
}

func user(value string) contacts.Identity {
	return contacts.Identity{Kind: contacts.UserID, Value: value}
}

func device(value string) contacts.Identity {
	return contacts.Identity{Kind: contacts.AnonymousID, Value: value}
}

// consume gives the consumer the whole log of the workspace.
func (b *testBundle) consume() {
	b.t.Helper()
	read, err := b.store.Read(b.ctx, engage.DefaultShard, engage.PartitionOf(b.ws), 0, 1000)
	b.no(err)
	for _, slice := range read {
		b.no(b.service.Consumer().Handle(b.ctx, b.ws, slice.Events))
	}
}

// told are the entries of a contact, the newest first, as "kind title data".
func (b *testBundle) told(id contacts.ID, kinds ...timeline.Kind) []string {
	b.t.Helper()
	var lines []string
	page := engage.PageRequest{Limit: 2}
	for {
		got, err := b.service.Of(b.ctx, b.ws, id, page, kinds...)
		b.no(err)
		for _, e := range got.Items {
			lines = append(lines, fmt.Sprintf("%s %s %s %s", e.At.Format(time.TimeOnly), e.Kind, e.Title, e.Data))
		}
		if page.After = got.Next; got.Next == "" {
			return lines
		}
	}
}

func TestATimeline(t *testing.T) {
	t.Parallel()
	t.Run("tells what happened to a contact, the newest first, with what it absorbed", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		next := func() { b.clock.Advance(time.Minute) }
		seen := b.identify(device("d"))
		next()
		_, err := b.events.Append(b.ctx, b.ws, events.Input{ContactID: seen.ID, Name: "Page Viewed", Properties: attribute.Object(attribute.Set{"path": attribute.String("/")})})
		b.no(err)
		next()
		ana := b.identify(user("ana"))
		next()
		tag, err := b.contacts.CreateTag(b.ctx, b.ws, "VIP")
		b.no(err)
		_, err = b.contacts.AddTag(b.ctx, b.ws, tag.ID, ana.ID)
		b.no(err)
		next()
		list, err := b.contacts.CreateList(b.ctx, b.ws, "News", "")
		b.no(err)
		_, err = b.contacts.SetMemberships(b.ctx, b.ws, contacts.Membership{ListID: list.ID, ContactID: ana.ID, State: contacts.Subscribed})
		b.no(err)
		next()
		b.identify(user("ana"), device("d"))
		_, err = b.events.Append(b.ctx, b.ws, events.Input{ContactID: ana.ID, Name: "Late", OccurredAt: start.Add(90 * time.Second)})
		b.no(err)
		b.consume()
		want := []string{
			`12:05:00 contact_merged  {"absorbed":"` + seen.ID.String() + `"}`,
			`12:05:00 contact_identified  {"added":["anonymous_id:d"],"identified":false,"removed":[]}`,
			`12:04:00 list  {"list_id":"` + list.ID.String() + `","to":"subscribed"}`,
			`12:03:00 tag  {"assigned":true,"tag_id":"` + tag.ID.String() + `"}`,
			`12:02:00 contact_created  {}`,
			`12:01:30 event Late {}`,
			`12:01:00 event Page Viewed {"path":"/"}`,
			`12:00:00 contact_created  {}`,
		}
		b.same(b.told(ana.ID), want)
		b.same(b.told(seen.ID), want) // the old id leads to it
		b.same(b.told(ana.ID, timeline.EventRecorded, timeline.TagAssigned), []string{want[3], want[5], want[6]})
		b.consume() // delivered again
		b.same(b.told(ana.ID), want)
	})
	t.Run("is stable while entries come and go between two pages", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		ana := b.identify(user("ana"))
		for i := range 5 {
			b.clock.Advance(time.Second)
			_, err := b.events.Append(b.ctx, b.ws, events.Input{ContactID: ana.ID, Name: fmt.Sprint(i)})
			b.no(err)
		}
		b.consume()
		first, err := b.service.Of(b.ctx, b.ws, ana.ID, engage.PageRequest{Limit: 2})
		b.no(err)
		_, err = b.events.Append(b.ctx, b.ws, events.Input{ContactID: ana.ID, Name: "newer"})
		b.no(err)
		b.consume()
		second, err := b.service.Of(b.ctx, b.ws, ana.ID, engage.PageRequest{Limit: 2, After: first.Next})
		b.no(err)
		b.same([]string{first.Items[0].Title, first.Items[1].Title, second.Items[0].Title, second.Items[1].Title}, []string{"4", "3", "2", "1"})
	})
	t.Run("is forgotten with its contact, and with those it absorbed", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.identify(device("e"))
		ana, bea := b.identify(user("ana")), b.identify(user("bea"))
		b.identify(user("ana"), device("e"))
		b.no(b.contacts.Delete(b.ctx, b.ws, ana.ID))
		b.consume()
		if _, err := b.service.Of(b.ctx, b.ws, ana.ID, engage.PageRequest{}); !errors.Is(err, engage.ErrNotFound) {
			t.Errorf("want ErrNotFound, got %v", err)
		}
		left, err := memcontacts.NewTimeline(b.store).List(b.ctx, b.ws, timeline.Query{Contacts: []contacts.ID{ana.ID}})
		b.no(err)
		b.same(len(left.Items), 0)
		b.same(len(b.told(bea.ID)), 1)
	})
	t.Run("forgets more contacts than a batch", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		deleted := contacts.Deleted{ContactID: contacts.ID{9}}
		for i := range engage.MaxBatch + 1 {
			deleted.Absorbed = append(deleted.Absorbed, contacts.ID{1, byte(i), byte(i >> 8)})
		}
		envelope, err := engage.NewEnvelope(b.ctx, b.ws, deleted, engage.EventID{1}, start)
		b.no(err)
		b.no(b.service.Consumer().Handle(b.ctx, b.ws, []engage.Envelope{envelope}))
	})
	t.Run("shows the newest contacts of one that absorbed more than a batch", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var asked timeline.Query
		ids := make([]contacts.ID, engage.MaxBatch+10)
		for i := range ids {
			ids[i] = contacts.ID{1, byte(i >> 8), byte(i)}
		}
		service, err := timeline.New(timeline.Deps{
			Runtime: engage.Runtime{Tx: b.store, Events: b.store}, History: fixed(ids), Entries: asks{&asked},
		}, timeline.Config{})
		b.no(err)
		_, err = service.Of(b.ctx, b.ws, ids[0], engage.PageRequest{})
		b.no(err)
		b.same(len(asked.Contacts), engage.MaxBatch)
		b.same([]contacts.ID{asked.Contacts[0], asked.Contacts[1], asked.Contacts[engage.MaxBatch-1]}, []contacts.ID{ids[0], ids[11], ids[len(ids)-1]})
	})
}

// fixed is a History that answers the same ids to every question.
type fixed []contacts.ID

func (f fixed) History(context.Context, engage.WorkspaceID, contacts.ID) ([]contacts.ID, error) {
	return f, nil
}

// asks is a Repository that notes what it is asked.
type asks struct{ query *timeline.Query }

func (a asks) List(_ context.Context, _ engage.WorkspaceID, query timeline.Query) (engage.Page[timeline.Entry], error) {
	*a.query = query
	return engage.Page[timeline.Entry]{}, nil
}

func (asks) Append(context.Context, engage.WorkspaceID, []timeline.Entry) error { return nil }
func (asks) Forget(context.Context, engage.WorkspaceID, []contacts.ID) error    { return nil }

func TestWorkspacesAreKeptApart(t *testing.T) {
	t.Parallel()
	covered := map[string]bool{"Of": true}
	for method := range reflect.TypeFor[*timeline.Service]().Methods() {
		if takes := method.Type.NumIn() > 2 && method.Type.In(2) == reflect.TypeFor[engage.WorkspaceID](); takes != covered[method.Name] {
			t.Errorf("%s: takes a workspace %t, has a case here %t", method.Name, takes, covered[method.Name])
		}
	}
	b := setup(t)
	ana := b.identify(user("ana"))
	b.consume()
	before := b.told(ana.ID)
	_, err := b.service.Of(b.ctx, engage.WorkspaceID{2}, ana.ID, engage.PageRequest{})
	if !errors.Is(err, engage.ErrNotFound) {
		t.Errorf("another workspace's contact: want ErrNotFound, got %v", err)
	}
	_, err = b.service.Of(b.ctx, engage.WorkspaceID{}, ana.ID, engage.PageRequest{})
	if !errors.Is(err, engage.ErrInvalid) {
		t.Errorf("the zero workspace: want ErrInvalid, got %v", err)
	}
	b.same(b.told(ana.ID), before)
}

func TestNew(t *testing.T) {
	t.Parallel()
	t.Run("lists everything that is missing", func(t *testing.T) {
		t.Parallel()
		_, err := timeline.New(timeline.Deps{}, timeline.Config{})
		if got := len(engage.FieldsOf(err)); got != 4 {
			t.Errorf("%d faults, want 4: %v", got, err)
		}
	})
}
