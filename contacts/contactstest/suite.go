package contactstest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/contacts/timeline"
	"github.com/go-engage/engage/internal/porttest"
)

// Adapter is what a storage adapter gives to the suite: its ports, over one
// database.
type Adapter struct {
	Tx         engage.Transactor
	Publisher  engage.Publisher
	Contacts   contacts.Repository
	Attributes attribute.Repository
	Tags       contacts.TagRepository
	Taggings   contacts.TaggingRepository
	Lists      contacts.ListRepository
	Members    contacts.MembershipRepository
	Events     events.Repository
	Existing   events.Contacts
	Timeline   timeline.Repository
}

// RunConformance runs the suite. open is called once; the cases keep apart by
// using workspaces of their own, and run in parallel.
func RunConformance(t *testing.T, open func(t *testing.T) Adapter) {
	t.Helper()
	a := open(t)
	for _, group := range []struct {
		name  string
		cases func(*testing.T, Adapter)
	}{
		{"every port", everyPort},
		{"contacts", contactCases},
		{"lists of contacts", pagingCases},
		{"attributes", attributeCases},
		{"tags", tagCases},
		{"lists", listCases},
		{"events", eventCases},
		{"events of all workspaces", acrossCases},
		{"timeline", timelineCases},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			group.cases(t, a)
		})
	}
}

var start = porttest.Start

// fixture is a case's two workspaces, with the ports.
type fixture struct {
	*porttest.Fixture
	Adapter
}

func newFixture(t *testing.T, a Adapter) *fixture {
	t.Helper()
	return &fixture{Fixture: porttest.New(t, a.Tx, cmp.Comparer(func(a, b attribute.Value) bool { return a == b })), Adapter: a}
}

// run makes a case of a function.
func run(t *testing.T, a Adapter, name string, fn func(f *fixture)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		fn(newFixture(t, a))
	})
}

func (f *fixture) contactID() contacts.ID { return contacts.ID(f.IDs.NewID()) }

// contact is a new contact with identities of its own.
func (f *fixture) contact() contacts.Contact {
	id := f.contactID()
	c := contacts.Contact{
		ID: id, State: contacts.Anonymous, CreatedAt: start, UpdatedAt: start,
		CreatedBy: engage.Actor{Type: "user", ID: "u-1"}, Version: 1,
	}
	c.Add(contacts.Identity{Kind: contacts.UserID, Value: id.String(), AddedAt: start})
	return c
}

func (f *fixture) insert(all ...contacts.Contact) {
	f.T.Helper()
	f.In(func(ctx context.Context) error { return f.Contacts.Insert(ctx, f.WS, all) })
}

func (f *fixture) get(ids ...contacts.ID) []contacts.Contact {
	f.T.Helper()
	found, err := f.Contacts.Get(f.Ctx, f.WS, ids)
	f.No(err)
	return found
}
