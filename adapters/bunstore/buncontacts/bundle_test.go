package buncontacts_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/buncontacts"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/contactstest"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/contacts/timeline"
	"github.com/go-engage/engage/internal/testkit"
)

// many is how many items the calls below are given: enough that a statement an
// item could not be overlooked.
const many = 50

// testBundle is a database with many contacts, each with an identity, a tag, a
// membership, an event and an entry.
type testBundle struct {
	contactstest.Adapter
	db    *testkit.Database
	store *bunstore.Store
	ids   engage.IDSource
	ws    engage.WorkspaceID

	people   []contacts.Contact
	keys     []contacts.IdentityKey
	tag      contacts.Tag
	list     contacts.List
	taggings []contacts.Tagging
	members  []contacts.Membership
	events   []events.Event
	entries  []timeline.Entry
}

func setup(t *testing.T, db *testkit.Database) *testBundle {
	t.Helper()
	store := testkit.Store(t, db, nil, buncontacts.Schema)
	ids := engage.NewIDSource(engage.NewManualClock(testkit.Start), nil)
	b := &testBundle{Adapter: adapterOf(store), db: db, store: store, ids: ids, ws: engage.WorkspaceID(ids.NewID())}
	b.tag = contacts.Tag{ID: contacts.TagID(ids.NewID()), Name: "VIP", Key: "vip", CreatedAt: testkit.Start, UpdatedAt: testkit.Start, Version: 1}
	b.list = contacts.List{ID: contacts.ListID(ids.NewID()), Name: "News", Visibility: contacts.Public, CreatedAt: testkit.Start, UpdatedAt: testkit.Start, Version: 1}
	b.people, b.events, b.entries = b.newContacts(many), nil, nil
	for _, c := range b.people {
		b.keys = append(b.keys, c.Identities[0].Key())
		b.taggings = append(b.taggings, contacts.Tagging{ContactID: c.ID, TagID: b.tag.ID, At: testkit.Start})
		b.members = append(b.members, contacts.Membership{ContactID: c.ID, ListID: b.list.ID, State: contacts.Subscribed, Source: "test", At: testkit.Start})
	}
	b.events, b.entries = b.newEvents(many), b.newEntries(many)
	b.in(t, func(ctx context.Context) error {
		_, assignErr := b.Taggings.Assign(ctx, b.ws, b.taggings)
		_, appendErr := b.Events.Append(ctx, b.ws, b.events)
		return firstOf(
			b.Contacts.Insert(ctx, b.ws, b.people), b.Tags.Insert(ctx, b.ws, b.tag), b.Lists.Insert(ctx, b.ws, b.list),
			assignErr, b.Members.Put(ctx, b.ws, b.members), appendErr, b.Timeline.Append(ctx, b.ws, b.entries))
	})
	return b
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *testBundle) newContacts(n int) []contacts.Contact {
	all := make([]contacts.Contact, n)
	for i := range all {
		id := contacts.ID(b.ids.NewID())
		all[i] = contacts.Contact{ID: id, State: contacts.Identified, CreatedAt: testkit.Start, UpdatedAt: testkit.Start.Add(time.Duration(i) * time.Second), Version: 1}
		all[i].Add(contacts.Identity{Kind: contacts.Email, Value: id.String() + "@acme.test", AddedAt: testkit.Start})
	}
	return all
}

func (b *testBundle) newEvents(n int) []events.Event {
	all := make([]events.Event, n)
	for i := range all {
		all[i] = events.Event{
			ID: events.ID(b.ids.NewID()), ContactID: b.people[i%len(b.people)].ID, Name: fmt.Sprintf("event %d", i%5),
			OccurredAt: testkit.Start.Add(time.Duration(i) * time.Second), ReceivedAt: testkit.Start, Properties: attribute.Object(nil),
		}
	}
	return all
}

func (b *testBundle) newEntries(n int) []timeline.Entry {
	all := make([]timeline.Entry, n)
	for i := range all {
		all[i] = timeline.Entry{
			ID: engage.EventID(b.ids.NewID()), ContactID: b.people[i%len(b.people)].ID, Kind: timeline.EventRecorded,
			At: testkit.Start.Add(time.Duration(i) * time.Second), Data: attribute.Object(nil),
		}
	}
	return all
}

func (b *testBundle) peopleIDs() []contacts.ID {
	ids := make([]contacts.ID, len(b.people))
	for i, c := range b.people {
		ids[i] = c.ID
	}
	return ids
}

func (b *testBundle) in(t *testing.T, fn func(ctx context.Context) error) {
	t.Helper()
	if err := b.store.InTx(t.Context(), b.ws, fn); err != nil {
		t.Fatalf("the transaction failed: %v", err)
	}
}

// errUndo rolls back what a call did, so that the next one finds the bundle.
var errUndo = &engage.Error{Code: engage.Internal, Op: "undo"}

// ran answers what a call runs within a transaction that is rolled back.
func (b *testBundle) ran(t *testing.T, call func(ctx context.Context) error) (statements []string, tally testkit.Tally) {
	t.Helper()
	err := b.store.InTx(t.Context(), b.ws, func(ctx context.Context) error {
		b.db.Count.Reset()
		if err := call(ctx); err != nil {
			return err
		}
		statements, tally = b.db.Count.Statements(), b.db.Count.Tally()
		return errUndo
	})
	if err != error(errUndo) { //nolint:errorlint // the very value
		t.Fatalf("the call failed: %v", err)
	}
	return statements, tally
}
