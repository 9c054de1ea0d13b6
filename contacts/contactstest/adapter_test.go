package contactstest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/contacts/contactstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open is an adapter over an empty store in memory.
func open() contactstest.Adapter {
	store := memory.New(memory.Config{})
	contacts := memcontacts.NewContacts(store)
	return contactstest.Adapter{
		Tx: store, Publisher: store, Contacts: contacts, Existing: contacts,
		Attributes: memcontacts.NewAttributes(store),
		Tags:       memcontacts.NewTags(store), Taggings: memcontacts.NewTaggings(store),
		Lists: memcontacts.NewLists(store), Members: memcontacts.NewMembers(store),
		Events: memcontacts.NewEvents(store), Timeline: memcontacts.NewTimeline(store),
	}
}
