package contacts_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
)

// newService is contacts in memory; adapters/bunstore keeps them in a database.
func newService() (*contacts.Service, engage.WorkspaceID) {
	store := memory.New(memory.Config{})
	service, err := contacts.New(contacts.Deps{
		Runtime: engage.Runtime{Tx: store, Events: store}, Contacts: memcontacts.NewContacts(store), Schema: memcontacts.NewAttributes(store),
		Tags: memcontacts.NewTags(store), Taggings: memcontacts.NewTaggings(store),
		Lists: memcontacts.NewLists(store), Members: memcontacts.NewMembers(store),
	}, contacts.Config{})
	if err != nil {
		panic(err)
	}
	return service, engage.WorkspaceID{1}
}

// A device is a contact of its own until it turns out to be a known person's.
func ExampleService_Identify() {
	ctx := context.Background()
	service, ws := newService()

	visit, _ := service.Identify(ctx, ws, contacts.Profile{
		Identities: []contacts.Identity{{Kind: contacts.AnonymousID, Value: "browser-7"}},
		Attributes: attribute.Set{"landed_on": attribute.String("/pricing")},
	})
	fmt.Println(visit[0].Created, visit[0].Contact.State)

	login, _ := service.Identify(ctx, ws, contacts.Profile{Identities: []contacts.Identity{
		{Kind: contacts.AnonymousID, Value: "browser-7"},
		{Kind: contacts.Email, Value: "Ana@Example.com"},
	}})
	ana := login[0].Contact
	fmt.Println(login[0].Created, ana.State, ana.Identity(contacts.Email).Value, string(ana.Attributes.JSON()))
	// Output:
	// true anonymous
	// false identified ana@example.com {"landed_on":"/pricing"}
}

// An update works on the newest version, in one transaction.
func ExampleService_Update() {
	ctx := context.Background()
	service, ws := newService()
	made, _ := service.Identify(ctx, ws, contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.UserID, Value: "7"}}})

	ana, err := service.Update(ctx, ws, made[0].Contact.ID, func(c *contacts.Contact) error {
		c.TimeZone = "Europe/Paris"
		c.Attributes = attribute.Set{"plan": attribute.String("pro")}
		return nil
	})
	fmt.Println(err, ana.Version, ana.TimeZone, ana.Attributes["plan"])

	_, err = service.Update(ctx, ws, ana.ID, func(c *contacts.Contact) error {
		c.TimeZone = "Mars/Olympus"
		return nil
	})
	fmt.Println(engage.FieldsOf(err))
	// Output:
	// <nil> 2 Europe/Paris "pro"
	// [time_zone: "Mars/Olympus" is no IANA time zone]
}

// Tags are found in any case.
func ExampleService_AddTag() {
	ctx := context.Background()
	service, ws := newService()
	made, _ := service.Identify(ctx, ws, contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.UserID, Value: "7"}}})

	vip, _ := service.CreateTag(ctx, ws, "VIP")
	changed, err := service.AddTag(ctx, ws, vip.ID, made[0].Contact.ID)
	fmt.Println(changed, err)

	found, _ := service.FindTag(ctx, ws, "vip")
	fmt.Println(found.Name, found.ID == vip.ID)

	_, err = service.CreateTag(ctx, ws, "Vip")
	fmt.Println(errors.Is(err, engage.ErrAlreadyExists))
	// Output:
	// 1 <nil>
	// VIP true
	// true
}

// A membership goes through states, and refuses illegal moves.
func ExampleService_SetMemberships() {
	ctx := context.Background()
	service, ws := newService()
	made, _ := service.Identify(ctx, ws, contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.Email, Value: "ana@example.com"}}})
	news, _ := service.CreateList(ctx, ws, "News", contacts.Public)

	for _, state := range []contacts.MembershipState{contacts.Pending, contacts.Subscribed, contacts.Subscribed, contacts.Pending} {
		changed, err := service.SetMemberships(ctx, ws, contacts.Membership{
			ListID: news.ID, ContactID: made[0].Contact.ID, State: state, Source: "form",
		})
		fmt.Println(state, changed, errors.Is(err, engage.ErrFailedPrecondition))
	}
	// Output:
	// pending 1 false
	// subscribed 1 false
	// subscribed 0 false
	// pending 0 true
}

// Values that do not fit their definition are left out and listed.
func ExampleService_DefineAttributes() {
	ctx := context.Background()
	service, ws := newService()
	_ = service.DefineAttributes(ctx, ws,
		attribute.Definition{Key: "age", Type: attribute.TypeInteger},
		attribute.Definition{Key: "plan", Type: attribute.TypeEnum, Options: []string{"free", "pro"}},
	)
	made, _ := service.Identify(ctx, ws, contacts.Profile{
		Identities: []contacts.Identity{{Kind: contacts.UserID, Value: "7"}},
		Attributes: attribute.Set{"age": attribute.String("42"), "plan": attribute.String("gold")},
	})
	fmt.Println(string(made[0].Contact.Attributes.JSON()), made[0].Rejected)
	// Output:
	// {"age":42} [attributes.plan: "gold" is not among the options]
}

// Addresses have one form in which they are compared.
func ExampleNormaliseEmail() {
	address, err := contacts.NormaliseEmail(" Ana@Straße.example ")
	fmt.Println(address, err)
	_, err = contacts.NormaliseEmail("Ana <ana@example.com>")
	fmt.Println(errors.Is(err, engage.ErrInvalid))
	// Output:
	// ana@strasse.example <nil>
	// true
}
