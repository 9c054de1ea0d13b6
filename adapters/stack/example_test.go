package stack_test

import (
	"context"
	"fmt"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/messaging"
)

// printer is a host's own way to send emails.
type printer struct{}

func (printer) SendEmail(_ context.Context, _ engage.WorkspaceID, email messaging.Email) (messaging.Receipt, error) {
	fmt.Println("to", email.To, "-", email.Subject)
	return messaging.Receipt{ProviderID: "printed"}, nil
}

func Example() {
	ctx := context.Background()
	platform, err := stack.Memory(stack.Config{Email: printer{}}) // or SQLite, Postgres, MariaDB
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = platform.Close() }()

	ws := engage.WorkspaceID{1} // the host knows its tenants' ids
	who, err := platform.Contacts.Identify(ctx, ws, contacts.Profile{
		Identities: []contacts.Identity{{Kind: contacts.Email, Value: "ana@acme.test"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	letter, err := platform.Messaging.CreateTemplate(ctx, ws, messaging.SavedTemplate{
		Name: "hello", From: messaging.Address{Email: "team@acme.test"},
		Content: messaging.Template{Subject: `Hello, {{ contact.name | default: "friend" }}`, Text: "Good to see you."},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := platform.Messaging.Enqueue(ctx, ws, messaging.Send{Key: "hello-1", ContactID: who[0].Contact.ID, TemplateID: letter.ID}); err != nil {
		fmt.Println(err)
		return
	}
	if err := platform.Drain(ctx); err != nil { // a server runs platform.Run
		fmt.Println(err)
	}
	// Output: to <ana@acme.test> - Hello, friend
}
