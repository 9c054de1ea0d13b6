package buncontacts_test

import (
	"context"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/contacts/timeline"
	"github.com/go-engage/engage/internal/testkit"
)

type budgetCase struct {
	name string
	call func(ctx context.Context) error
}

// TestEachCallKeepsItsBudget compares what each call runs with testdata.
func TestEachCallKeepsItsBudget(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b, budgets := setup(t, db), testkit.NewBudgets(db, many)
		for _, group := range [][]budgetCase{b.contactBudgets(), b.tagBudgets(), b.listBudgets(), b.otherBudgets()} {
			for _, c := range group {
				_, tally := b.ran(t, c.call)
				budgets.Add(c.name, tally)
			}
		}
		budgets.Compare(t, *update)
	})
}

func ignore[T any](_ T, err error) error { return err }

func (b *testBundle) contactBudgets() []budgetCase {
	ids := b.peopleIDs()
	changed := func(change func(*contacts.Contact)) []contacts.Contact {
		edited := make([]contacts.Contact, len(b.people))
		for i, c := range b.people {
			edited[i] = c.Clone()
			change(&edited[i])
		}
		return edited
	}
	swapped := changed(func(*contacts.Contact) {})
	swapped[0].Identities, swapped[1].Identities = swapped[1].Identities, swapped[0].Identities
	return []budgetCase{
		// Ids and owners are looked up, contacts and identities written.
		{"contacts are inserted", func(ctx context.Context) error {
			return b.Contacts.Insert(ctx, b.ws, b.newContacts(many))
		}},
		// Versions are locked, identities read, contacts written.
		{"contacts are updated", func(ctx context.Context) error {
			return b.Contacts.Update(ctx, b.ws, changed(func(c *contacts.Contact) { c.Locale = "fr" }))
		}},
		// And new owners are looked up, identities written.
		{"contacts get identities", func(ctx context.Context) error {
			return b.Contacts.Update(ctx, b.ws, changed(func(c *contacts.Contact) {
				c.Add(contacts.Identity{Kind: contacts.UserID, Value: c.ID.String()})
			}))
		}},
		{"contacts lose identities", func(ctx context.Context) error {
			return b.Contacts.Update(ctx, b.ws, changed(func(c *contacts.Contact) { c.Identities = nil }))
		}},
		{"identities move between contacts", func(ctx context.Context) error {
			return b.Contacts.Update(ctx, b.ws, swapped)
		}},
		{"contacts are deleted", func(ctx context.Context) error { return ignore(b.Contacts.Delete(ctx, b.ws, ids)) }},
		{"contacts are read", func(ctx context.Context) error { return ignore(b.Contacts.Get(ctx, b.ws, ids)) }},
		{"contacts are locked", func(ctx context.Context) error { return ignore(b.Contacts.Lock(ctx, b.ws, ids)) }},
		{"owners are looked up", func(ctx context.Context) error { return ignore(b.Contacts.Owners(ctx, b.ws, b.keys)) }},
		{"absorbed contacts are looked up", func(ctx context.Context) error { return ignore(b.Contacts.Absorbed(ctx, b.ws, ids)) }},
		{"contacts are listed", func(ctx context.Context) error {
			return ignore(b.Contacts.List(ctx, b.ws, contacts.Query{Sort: contacts.ByUpdate}))
		}},
		{"contacts are known to exist", func(ctx context.Context) error { return ignore(b.Existing.Existing(ctx, b.ws, ids)) }},
	}
}

func (b *testBundle) absorptions() []contacts.Absorption {
	var absorptions []contacts.Absorption
	for i := 1; i < len(b.people); i++ {
		absorptions = append(absorptions, contacts.Absorption{Absorbed: b.people[i].ID, Survivor: b.people[0].ID})
	}
	return absorptions
}

func (b *testBundle) tagBudgets() []budgetCase {
	ids := b.peopleIDs()
	other := contacts.Tag{ID: contacts.TagID(b.ids.NewID()), Name: "Other", Key: "other"}
	taggings := make([]contacts.Tagging, many)
	for i, tagging := range b.taggings {
		tagging.TagID = other.ID
		taggings[i] = tagging
	}
	return []budgetCase{
		{"a tag is inserted", func(ctx context.Context) error { return b.Tags.Insert(ctx, b.ws, other) }},
		{"a tag is updated", func(ctx context.Context) error { return b.Tags.Update(ctx, b.ws, b.tag) }},
		{"a tag is deleted", func(ctx context.Context) error { return b.Tags.Delete(ctx, b.ws, b.tag.ID) }},
		{"tags are read", func(ctx context.Context) error {
			return ignore(b.Tags.Get(ctx, b.ws, []contacts.TagID{b.tag.ID, other.ID}))
		}},
		{"a tag is found", func(ctx context.Context) error { return ignore(b.Tags.Find(ctx, b.ws, b.tag.Key)) }},
		{"tags are listed", func(ctx context.Context) error { return ignore(b.Tags.List(ctx, b.ws, engage.PageRequest{})) }},
		{"contacts are tagged", func(ctx context.Context) error { return ignore(b.Taggings.Assign(ctx, b.ws, taggings)) }},
		// MariaDB finds out which there are, and has none to insert.
		{"contacts are tagged again", func(ctx context.Context) error { return ignore(b.Taggings.Assign(ctx, b.ws, b.taggings)) }},
		// MariaDB can't say what it deletes: it locks first.
		{"contacts are untagged", func(ctx context.Context) error { return ignore(b.Taggings.Unassign(ctx, b.ws, b.taggings)) }},
		{"the tags of contacts are read", func(ctx context.Context) error { return ignore(b.Taggings.Of(ctx, b.ws, ids)) }},
		{"the contacts of a tag are listed", func(ctx context.Context) error {
			return ignore(b.Taggings.Tagged(ctx, b.ws, b.tag.ID, engage.PageRequest{}))
		}},
		// what both have is deleted, nothing inserted.
		{"tags move to a survivor that has them", func(ctx context.Context) error { return b.Taggings.Move(ctx, b.ws, b.absorptions()) }},
		{"tags are forgotten", func(ctx context.Context) error { return b.Taggings.Forget(ctx, b.ws, ids) }},
	}
}

func (b *testBundle) listBudgets() []budgetCase {
	ids := b.peopleIDs()
	stranger := []contacts.Absorption{{Absorbed: ids[0], Survivor: contacts.ID(b.ids.NewID())}, {Absorbed: ids[1], Survivor: contacts.ID(b.ids.NewID())}}
	other := b.list
	other.ID = contacts.ListID(b.ids.NewID())
	return []budgetCase{
		{"a list is inserted", func(ctx context.Context) error { return b.Lists.Insert(ctx, b.ws, other) }},
		{"a list is updated", func(ctx context.Context) error { return b.Lists.Update(ctx, b.ws, b.list) }},
		{"a list is deleted", func(ctx context.Context) error { return b.Lists.Delete(ctx, b.ws, b.list.ID) }},
		{"lists are read", func(ctx context.Context) error { return ignore(b.Lists.Get(ctx, b.ws, []contacts.ListID{b.list.ID})) }},
		{"lists are listed", func(ctx context.Context) error { return ignore(b.Lists.List(ctx, b.ws, engage.PageRequest{})) }},
		{"memberships are put", func(ctx context.Context) error { return b.Members.Put(ctx, b.ws, b.members) }},
		{"memberships are locked", func(ctx context.Context) error { return ignore(b.Members.Lock(ctx, b.ws, b.members)) }},
		{"the memberships of contacts are read", func(ctx context.Context) error { return ignore(b.Members.Of(ctx, b.ws, ids)) }},
		{"the members of a list are listed", func(ctx context.Context) error {
			return ignore(b.Members.Members(ctx, b.ws, b.list.ID, contacts.Subscribed, engage.PageRequest{}))
		}},
		{"memberships move to survivors", func(ctx context.Context) error { return b.Members.Move(ctx, b.ws, stranger) }},
		{"memberships are forgotten", func(ctx context.Context) error { return b.Members.Forget(ctx, b.ws, ids) }},
	}
}

func (b *testBundle) otherBudgets() []budgetCase {
	ids := b.peopleIDs()
	definitions := []attribute.Definition{
		{Object: contacts.ObjectType, Key: "plan", Type: attribute.TypeString}, {Object: contacts.ObjectType, Key: "age", Type: attribute.TypeInteger},
	}
	eventIDs := make([]events.ID, len(b.events))
	for i, e := range b.events {
		eventIDs[i] = e.ID
	}
	return []budgetCase{
		{"attributes are defined", func(ctx context.Context) error { return b.Attributes.Define(ctx, b.ws, definitions) }},
		{"definitions are read", func(ctx context.Context) error {
			return ignore(b.Attributes.Definitions(ctx, b.ws, contacts.ObjectType))
		}},
		{"definitions are removed", func(ctx context.Context) error {
			return ignore(b.Attributes.Undefine(ctx, b.ws, contacts.ObjectType, []string{"plan", "age"}))
		}},
		{"events are appended", func(ctx context.Context) error { return ignore(b.Events.Append(ctx, b.ws, b.newEvents(many))) }},
		{"events are appended again", func(ctx context.Context) error { return ignore(b.Events.Append(ctx, b.ws, b.events)) }},
		// Refused, looked up, the others inserted.
		{"old and new events are appended", func(ctx context.Context) error {
			return ignore(b.Events.Append(ctx, b.ws, append(b.newEvents(many), b.events...)))
		}},
		{"events are read", func(ctx context.Context) error { return ignore(b.Events.Get(ctx, b.ws, eventIDs)) }},
		{"a history is read", func(ctx context.Context) error {
			return ignore(b.Events.History(ctx, b.ws, events.Query{Contacts: ids}))
		}},
		{"events are scanned", func(ctx context.Context) error { return ignore(b.Events.Scan(ctx, b.ws, engage.PageRequest{})) }},
		{"events are forgotten", func(ctx context.Context) error { return ignore(b.Events.Forget(ctx, b.ws, ids)) }},
		{"entries are appended", func(ctx context.Context) error { return b.Timeline.Append(ctx, b.ws, b.newEntries(many)) }},
		{"entries are appended again", func(ctx context.Context) error { return b.Timeline.Append(ctx, b.ws, b.entries) }},
		{"a timeline is read", func(ctx context.Context) error {
			return ignore(b.Timeline.List(ctx, b.ws, timeline.Query{Contacts: ids}))
		}},
		{"entries are forgotten", func(ctx context.Context) error { return b.Timeline.Forget(ctx, b.ws, ids) }},
	}
}
