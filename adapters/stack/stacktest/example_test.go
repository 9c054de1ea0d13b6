package stacktest_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/stack/stacktest"
	"github.com/go-engage/engage/contacts"
)

// TestOfAUser is what a user's test looks like; the README shows it.
func TestOfAUser(t *testing.T) {
	t.Parallel()
	kit := stacktest.New(t)
	who, err := kit.Contacts.Identify(t.Context(), kit.Workspace, contacts.Profile{
		Identities: []contacts.Identity{{Kind: contacts.Email, Value: "ana@acme.test"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	kit.Drain()
	created := stacktest.RequirePublished[contacts.Created](kit, nil)
	if created.ContactID != who[0].Contact.ID {
		t.Fatalf("told of %s, want %s", created.ContactID, who[0].Contact.ID)
	}
}
