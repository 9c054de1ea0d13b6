package contacts_test

import (
	"flag"
	"testing"

	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/internal/goldens"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestEventPayloads(t *testing.T) {
	t.Parallel()
	ana, seen := contacts.ID{1}, contacts.ID{2}
	tag, list := contacts.TagID{3}, contacts.ListID{4}
	keys := []contacts.IdentityKey{{Kind: contacts.UserID, Value: "ana <1>"}, {Kind: contacts.Email, Value: "ana@acme.test"}}
	decimal, err := attribute.Decimal("12.50")
	if err != nil {
		t.Fatal(err)
	}
	goldens.Events(t, *update,
		contacts.Created{ContactID: ana, State: contacts.Identified, Identities: keys, Attributes: attribute.Set{
			"plan": attribute.String("pro"), "n": attribute.Integer(1<<53 + 1), "price": decimal, "yes": attribute.Boolean(true), "list": attribute.List(attribute.String("a")),
		}},
		contacts.Updated{ContactID: ana, Changes: []attribute.Change{
			{Key: "added", To: attribute.Integer(1)}, {Key: "changed", From: attribute.String("trial"), To: attribute.String("pro")}, {Key: "removed", From: decimal},
		}},
		contacts.IdentitiesChanged{ContactID: ana, Added: keys[:1], Removed: keys[1:], Identified: true},
		contacts.Merged{Absorbed: seen, Survivor: ana},
		contacts.Deleted{ContactID: ana, Absorbed: []contacts.ID{seen}},
		contacts.AttributeDefined{Key: "plan", Type: attribute.TypeEnum},
		contacts.TagChanged{TagID: tag, Change: contacts.ChangeUpdated, Name: "VIP"},
		contacts.TagAssigned{ContactID: ana, TagID: tag, Assigned: true},
		contacts.ListChanged{ListID: list, Change: contacts.ChangeCreated, Name: "News"},
		contacts.MembershipChanged{ListID: list, ContactID: ana, From: contacts.Pending, To: contacts.Subscribed, Source: "form"},
	)
}
