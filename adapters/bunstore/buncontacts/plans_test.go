package buncontacts_test

import (
	"context"
	"flag"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/contacts/timeline"
	"github.com/go-engage/engage/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// TestHotStatementsAreReadByAnIndex compares how each database would run the
// statements that grow with its tables, with many items, against testdata. On
// PostgreSQL sequential scans are off, so that small tables plan as large ones.
func TestHotStatementsAreReadByAnIndex(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		b.settle(t)
		plans := testkit.NewPlans(db)
		plans.AsLarge = true
		for _, hot := range b.hotCalls(t) {
			statements, _ := b.ran(t, hot.call)
			plans.Add(t, hot.name, statements)
		}
		plans.Compare(t, *update)
	})
}

// settle fills the tables with more of the same in this workspace and others,
// and has the database look at them, so that the bundle is a small part.
func (b *testBundle) settle(t *testing.T) {
	t.Helper()
	mine, people := b.ws, b.people
	for i := range 6 {
		if i > 2 {
			b.ws = engage.WorkspaceID(b.ids.NewID())
		}
		b.people = b.newContacts(1000)
		tag, list := contacts.TagID(b.ids.NewID()), contacts.ListID(b.ids.NewID())
		taggings, members := make([]contacts.Tagging, len(b.people)), make([]contacts.Membership, len(b.people))
		for j, c := range b.people {
			taggings[j] = contacts.Tagging{ContactID: c.ID, TagID: tag}
			members[j] = contacts.Membership{ContactID: c.ID, ListID: list, State: contacts.Subscribed}
		}
		b.in(t, func(ctx context.Context) error {
			_, assignErr := b.Taggings.Assign(ctx, b.ws, taggings)
			_, appendErr := b.Events.Append(ctx, b.ws, b.newEvents(1000))
			return firstOf(assignErr, appendErr, b.Contacts.Insert(ctx, b.ws, b.people), b.Members.Put(ctx, b.ws, members),
				b.Timeline.Append(ctx, b.ws, b.newEntries(1000)))
		})
	}
	b.ws, b.people = mine, people
	analyze := map[string][]string{"sqlite": {"ANALYZE"}, "postgres": {"ANALYZE"}}[b.db.Name]
	for _, table := range []string{"", "_identities", "_events", "_taggings", "_members", "_timeline"} {
		if b.db.Name == "mysql" {
			analyze = append(analyze, "ANALYZE TABLE engage_contacts"+table)
		}
	}
	for _, statement := range analyze {
		if _, err := b.db.Write.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}

type hotCall struct {
	name string
	call func(ctx context.Context) error
}

func (b *testBundle) hotCalls(t *testing.T) []hotCall {
	t.Helper()
	ids := b.peopleIDs()
	page := engage.PageRequest{Limit: 10}
	list := contacts.Query{Sort: contacts.ByUpdate, Descending: true, PageRequest: page}
	history := events.Query{Contacts: ids[:1], Descending: true, PageRequest: page}
	first, err := b.Contacts.List(t.Context(), b.ws, list)
	if err != nil {
		t.Fatal(err)
	}
	next := list
	next.After = first.Next
	eventIDs := make([]events.ID, len(b.events))
	for i, e := range b.events {
		eventIDs[i] = e.ID
	}
	return []hotCall{
		{"Contacts.Lock", func(ctx context.Context) error { return ignore(b.Contacts.Lock(ctx, b.ws, ids)) }},
		{"Contacts.Update", func(ctx context.Context) error {
			swapped := []contacts.Contact{b.people[0], b.people[1]}
			swapped[0].Identities, swapped[1].Identities = swapped[1].Identities, swapped[0].Identities
			return b.Contacts.Update(ctx, b.ws, swapped)
		}},
		{"Contacts.Owners", func(ctx context.Context) error { return ignore(b.Contacts.Owners(ctx, b.ws, b.keys)) }},
		{"Contacts.Absorbed", func(ctx context.Context) error { return ignore(b.Contacts.Absorbed(ctx, b.ws, ids)) }},
		{"Contacts.Existing", func(ctx context.Context) error { return ignore(b.Existing.Existing(ctx, b.ws, ids)) }},
		{"Contacts.List by creation", func(ctx context.Context) error {
			return ignore(b.Contacts.List(ctx, b.ws, contacts.Query{PageRequest: page}))
		}},
		{"Contacts.List by update, second page", func(ctx context.Context) error { return ignore(b.Contacts.List(ctx, b.ws, next)) }},
		{"Tags.Find", func(ctx context.Context) error { return ignore(b.Tags.Find(ctx, b.ws, b.tag.Key)) }},
		{"Taggings.Unassign", func(ctx context.Context) error { return ignore(b.Taggings.Unassign(ctx, b.ws, b.taggings)) }},
		{"Taggings.Of", func(ctx context.Context) error { return ignore(b.Taggings.Of(ctx, b.ws, ids)) }},
		{"Taggings.Tagged", func(ctx context.Context) error { return ignore(b.Taggings.Tagged(ctx, b.ws, b.tag.ID, page)) }},
		{"Members.Lock", func(ctx context.Context) error { return ignore(b.Members.Lock(ctx, b.ws, b.members)) }},
		{"Members.Members", func(ctx context.Context) error {
			return ignore(b.Members.Members(ctx, b.ws, b.list.ID, contacts.Subscribed, page))
		}},
		{"Events.Append", func(ctx context.Context) error { return ignore(b.Events.Append(ctx, b.ws, b.newEvents(many))) }},
		{"Events.Get", func(ctx context.Context) error { return ignore(b.Events.Get(ctx, b.ws, eventIDs)) }},
		{"Events.History of one contact", func(ctx context.Context) error { return ignore(b.Events.History(ctx, b.ws, history)) }},
		{"Events.History of several", func(ctx context.Context) error {
			return ignore(b.Events.History(ctx, b.ws, events.Query{Contacts: ids, PageRequest: page}))
		}},
		{"Events.Scan", func(ctx context.Context) error { return ignore(b.Events.Scan(ctx, b.ws, page)) }},
		{"Events.Forget", func(ctx context.Context) error { return ignore(b.Events.Forget(ctx, b.ws, ids)) }},
		{"Timeline.List of one contact", func(ctx context.Context) error {
			return ignore(b.Timeline.List(ctx, b.ws, timeline.Query{Contacts: ids[:1], PageRequest: page}))
		}},
	}
}
