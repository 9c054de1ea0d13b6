package stack_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/contacts"
)

// An event that a consumer fails on is parked and tried again with back-off. An
// operator sees it, and tries it again at once when the cause is gone.
func ExamplePlatform_parked() {
	ctx := context.Background()
	down := true
	crm := engage.NewConsumer("host.crm")
	engage.On(crm, func(_ context.Context, _ engage.WorkspaceID, events []engage.Received[contacts.Created]) error {
		if down {
			return errors.New("no such account")
		}
		fmt.Println("handled", len(events))
		return nil
	})
	platform, err := stack.Memory(stack.Config{Email: printer{}, Consumers: []*engage.Consumer{crm}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = platform.Close() }()

	ws := engage.WorkspaceID{1}
	_, err = platform.Contacts.Identify(ctx, ws, contacts.Profile{
		Identities: []contacts.Identity{{Kind: contacts.Email, Value: "ana@acme.test"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	drain := func() {
		if err := platform.Drain(ctx); err != nil {
			fmt.Println(err)
		}
	}
	drain()

	page, err := platform.Parked.List(ctx, ws, "", engage.PageRequest{})
	if err != nil {
		fmt.Println(err)
		return
	}
	var ids []engage.EventID
	for _, p := range page.Items {
		fmt.Println(p.Consumer, p.Event.Name, p.Attempts, p.Cause)
		ids = append(ids, p.Event.ID)
	}

	down = false
	err = platform.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		_, err := platform.Parked.Redrive(ctx, ws, "host.crm", ids)
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	drain()
	// Output:
	// host.crm contacts.contact.created.v1 1 no such account
	// handled 1
}
