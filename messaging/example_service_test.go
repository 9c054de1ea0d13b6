package messaging_test

import (
	"context"
	"fmt"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/adapters/memory/memmessaging"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/messaging"
)

// printer is an EmailSender that prints.
type printer struct{}

func (printer) SendEmail(_ context.Context, _ engage.WorkspaceID, email messaging.Email) (messaging.Receipt, error) {
	fmt.Printf("to %s: %s\n", email.To.Email, email.Subject)
	return messaging.Receipt{ProviderID: "250 2.0.0 queued"}, nil
}

func ExampleService() {
	ctx, ws := context.Background(), engage.WorkspaceID{1}
	store := memory.New(memory.Config{})
	rt := engage.Runtime{Tx: store, Events: store, Clock: engage.NewManualClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	people, err := contacts.New(contacts.Deps{
		Runtime: rt, Contacts: memcontacts.NewContacts(store), Schema: memcontacts.NewAttributes(store),
		Tags: memcontacts.NewTags(store), Taggings: memcontacts.NewTaggings(store),
		Lists: memcontacts.NewLists(store), Members: memcontacts.NewMembers(store),
	}, contacts.Config{})
	if err != nil {
		panic(err)
	}
	ledger := memmessaging.NewMessages(store)
	service, err := messaging.New(messaging.Deps{
		Runtime: rt, Templates: memmessaging.NewTemplates(store), Messages: ledger, Due: ledger, Contacts: people, Email: printer{},
	}, messaging.Config{})
	if err != nil {
		panic(err)
	}

	identified, err := people.Identify(ctx, ws, contacts.Profile{
		Identities: []contacts.Identity{{Kind: contacts.Email, Value: "ana@home.test"}},
		Attributes: attribute.Set{"first_name": attribute.String("Ana")},
	})
	if err != nil {
		panic(err)
	}
	template, err := service.CreateTemplate(ctx, ws, messaging.SavedTemplate{
		Name: "Order shipped", From: messaging.Address{Email: "shop@acme.test"},
		Content: messaging.Template{Subject: `{{ contact.first_name }}, order {{ data.order }} is on its way`, Text: "Thank you!"},
	})
	if err != nil {
		panic(err)
	}

	// Within a transaction of the host, the message is sent if that commits; the
	// key makes it one message, however often the request is repeated.
	send := messaging.Send{
		Key: "order-7-shipped", ContactID: identified[0].Contact.ID, TemplateID: template.ID,
		Class: messaging.Transactional, Data: attribute.Object(attribute.Set{"order": attribute.Integer(7)}),
	}
	sent, err := service.Enqueue(ctx, ws, send)
	if err != nil {
		panic(err)
	}
	again, err := service.Enqueue(ctx, ws, send)
	if err != nil {
		panic(err)
	}
	fmt.Println("duplicate:", again[0].Duplicate)

	// A host runs the workers; a test may step them.
	if err := step(ctx, service.Workers()); err != nil {
		panic(err)
	}
	message, err := service.Message(ctx, ws, sent[0].ID)
	if err != nil {
		panic(err)
	}
	fmt.Println(message.State, "by", message.ProviderID)
	// Output:
	// duplicate: true
	// to ana@home.test: Ana, order 7 is on its way
	// accepted by 250 2.0.0 queued
}

func step(ctx context.Context, workers []engage.Worker) error {
	for _, worker := range workers {
		if loop, ok := worker.(*engage.Loop); ok {
			if _, err := loop.Step(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}
