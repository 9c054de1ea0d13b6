package audit_test

import (
	"context"
	"fmt"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memaudit"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/adapters/watermillbus"
	"github.com/go-engage/engage/contacts"
)

// A service that is given the Recorder in the place of the store's Publisher is
// audited. Programs run the consumer; tests step it by hand.
func Example() {
	ctx, ws := context.Background(), engage.WorkspaceID{1}
	store := memory.New(memory.Config{})
	entries := memaudit.NewEntries(store)
	recorder, err := audit.NewRecorder(audit.RecorderDeps{Events: store, Entries: entries}, audit.Config{})
	if err != nil {
		panic(err)
	}
	trail, err := audit.New(audit.Deps{Runtime: engage.Runtime{Tx: store, Events: store}, Entries: entries}, audit.Config{})
	if err != nil {
		panic(err)
	}
	people, err := contacts.New(contacts.Deps{
		Runtime:  engage.Runtime{Tx: store, Events: recorder},
		Contacts: memcontacts.NewContacts(store), Schema: memcontacts.NewAttributes(store),
		Tags: memcontacts.NewTags(store), Taggings: memcontacts.NewTaggings(store),
		Lists: memcontacts.NewLists(store), Members: memcontacts.NewMembers(store),
	}, contacts.Config{})
	if err != nil {
		panic(err)
	}

	ana := engage.WithActor(ctx, engage.Actor{Type: "user", ID: "ana"})
	tag, err := people.CreateTag(ana, ws, "vip")
	if err != nil {
		panic(err)
	}
	if err := people.DeleteTag(ana, ws, tag.ID); err != nil {
		panic(err)
	}
	bus, err := watermillbus.NewConsumers(watermillbus.Config{Tx: store, Log: store}, trail.Consumer())
	if err != nil {
		panic(err)
	}
	if _, err := bus.Step(ctx); err != nil {
		panic(err)
	}

	page, err := trail.Entries(ctx, ws, audit.Query{Subject: engage.RefTo("tag", tag.ID)})
	if err != nil {
		panic(err)
	}
	for _, e := range page.Items {
		fmt.Println(e.Number, e.Actor, e.Name)
	}
	report, err := trail.Verify(ctx, ws)
	fmt.Println("whole:", report.Fault == nil && err == nil, "entries:", report.Entries)
	// Output:
	// 2 user:ana contacts.tag.changed.v1
	// 1 user:ana contacts.tag.changed.v1
	// whole: true entries: 2
}
