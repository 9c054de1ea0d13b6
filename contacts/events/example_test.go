package events_test

import (
	"context"
	"fmt"
	"runtime"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
)

// newService is events in memory, with one contact.
func newService(ctx context.Context) (*events.Service, engage.WorkspaceID, contacts.ID) {
	store, ws, ana := memory.New(memory.Config{}), engage.WorkspaceID{1}, contacts.ID{7}
	people := memcontacts.NewContacts(store)
	if err := store.InTx(ctx, ws, func(ctx context.Context) error {
		return people.Insert(ctx, ws, []contacts.Contact{{ID: ana, State: contacts.Anonymous}})
	}); err != nil {
		panic(err)
	}
	service, err := events.New(events.Deps{
		Runtime: engage.Runtime{Tx: store, Events: store}, Events: memcontacts.NewEvents(store), Contacts: people,
	}, events.Config{})
	if err != nil {
		panic(err)
	}
	return service, ws, ana
}

// A message counts once, however often it is sent.
func ExampleService_Append() {
	ctx := context.Background()
	service, ws, ana := newService(ctx)
	order := events.Input{
		MessageID: "order-7", ContactID: ana, Name: "Order Completed",
		Properties: attribute.Object(attribute.Set{"total": attribute.Integer(1999)}),
	}
	for range 2 {
		got, err := service.Append(ctx, ws, order)
		fmt.Println(got[0].Duplicate, err)
	}
	page, _ := service.History(ctx, ws, events.Query{Contacts: []contacts.ID{ana}})
	fmt.Println(len(page.Items), page.Items[0].Name, page.Items[0].Properties)
	// Output:
	// false <nil>
	// true <nil>
	// 1 Order Completed {"total":1999}
}

// A collector answers after the commit that holds the events of many callers.
func ExampleCollector() {
	ctx, cancel := context.WithCancel(context.Background())
	service, ws, ana := newService(ctx)
	collector := events.NewCollector(service)
	ended := make(chan error)
	go func() { ended <- collector.Run(ctx) }()
	for !collector.Ready() {
		runtime.Gosched()
	}

	got, err := collector.Append(ctx, ws, events.Input{ContactID: ana, Name: "Signed In", MessageID: "m-1"})
	fmt.Println(got[0].ID == events.IDOf("m-1"), err)

	cancel() // what was accepted is still written
	fmt.Println(<-ended, collector.Stats().Events)
	// Output:
	// true <nil>
	// <nil> 1
}
