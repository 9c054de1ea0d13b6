package buncontacts_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/buncontacts"
	"github.com/go-engage/engage/adapters/bunstore/pgxarrays"
	"github.com/go-engage/engage/contacts/contactstest"
	"github.com/go-engage/engage/internal/testkit"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		contactstest.RunConformance(t, func(t *testing.T) contactstest.Adapter {
			return adapterOf(testkit.Store(t, db, nil, buncontacts.Schema))
		})
	})
}

func TestConformanceWithBinaryArrays(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	contactstest.RunConformance(t, func(t *testing.T) contactstest.Adapter {
		testkit.Store(t, db, nil, buncontacts.Schema)
		store, err := bunstore.Open(t.Context(), bunstore.Config{Write: db.Write, Arrays: pgxarrays.Binder{}})
		if err != nil {
			t.Fatal(err)
		}
		return adapterOf(store)
	})
}

func adapterOf(store *bunstore.Store) contactstest.Adapter {
	contacts := buncontacts.NewContacts(store)
	return contactstest.Adapter{
		Tx: store, Publisher: store, Contacts: contacts, Existing: contacts,
		Attributes: buncontacts.NewAttributes(store),
		Tags:       buncontacts.NewTags(store), Taggings: buncontacts.NewTaggings(store),
		Lists: buncontacts.NewLists(store), Members: buncontacts.NewMembers(store),
		Events: buncontacts.NewEvents(store), Timeline: buncontacts.NewTimeline(store),
	}
}
