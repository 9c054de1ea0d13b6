package customadapter_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/contacts/contactstest"
	"github.com/go-engage/engage/examples/customadapter"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	contactstest.RunConformance(t, func(*testing.T) contactstest.Adapter {
		store := memory.New(memory.Config{})
		contacts := memcontacts.NewContacts(store)
		return contactstest.Adapter{
			Tx: store, Publisher: store, Contacts: contacts, Existing: contacts,
			Attributes: memcontacts.NewAttributes(store),
			Tags:       memcontacts.NewTags(store), Taggings: memcontacts.NewTaggings(store),
			Lists: memcontacts.NewLists(store), Members: memcontacts.NewMembers(store),
			Events:   memcontacts.NewEvents(store),
			Timeline: customadapter.NewTimeline(store), // the adapter under test; the others are the suite's
		}
	})
}
