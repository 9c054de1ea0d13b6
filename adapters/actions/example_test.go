package actions_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/actions"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
)

// What a workflow's editor sends is checked when the workflow is published.
func ExampleSendEmail_Check() {
	err := actions.SendEmail{}.Check(json.RawMessage(`{"class":"urgent"}`))
	for _, fault := range engage.FieldsOf(err) {
		fmt.Println(fault)
	}
	// Output:
	// template_id: a message is written from a template
	// class: "urgent" is no class
}

// An actor is asked for a whole step at once and answers each request.
func ExampleSetAttributes() {
	b, err := open()
	if err != nil {
		panic(err)
	}
	made, err := b.contacts.Identify(b.ctx, b.ws, contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.UserID, Value: "ana"}}})
	if err != nil {
		panic(err)
	}
	ana := made[0].Contact.ID

	var actor automation.Actor = actions.SetAttributes{Contacts: b.contacts}
	params := json.RawMessage(`{"attributes":{"stage":"onboarded"}}`)
	err = b.store.InTx(b.ctx, b.ws, func(ctx context.Context) error {
		outcomes := actor.Act(ctx, b.ws, []automation.Request{
			{Key: "run_1:welcome:1", ContactID: ana, Params: params},
			{Key: "run_2:welcome:1", ContactID: contacts.ID{1}, Params: params},
		})
		fmt.Println(outcomes[0], engage.CodeOf(outcomes[1]))
		return nil
	})
	if err != nil {
		panic(err)
	}
	found, err := b.contacts.Get(b.ctx, b.ws, ana)
	fmt.Println(string(found.Attributes.JSON()), err)
	// Output:
	// <nil> not_found
	// {"stage":"onboarded"} <nil>
}
