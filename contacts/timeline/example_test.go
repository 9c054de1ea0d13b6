package timeline_test

import (
	"context"
	"fmt"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/timeline"
)

// Entries are written by a consumer of the log. Here it is called by hand; a
// runner of consumers does it in a program.
func ExampleService_Of() {
	ctx, ws := context.Background(), engage.WorkspaceID{1}
	store := memory.New(memory.Config{})
	runtime := engage.Runtime{Tx: store, Events: store}
	people, err := contacts.New(contacts.Deps{
		Runtime: runtime, Contacts: memcontacts.NewContacts(store), Schema: memcontacts.NewAttributes(store),
		Tags: memcontacts.NewTags(store), Taggings: memcontacts.NewTaggings(store),
		Lists: memcontacts.NewLists(store), Members: memcontacts.NewMembers(store),
	}, contacts.Config{})
	if err != nil {
		panic(err)
	}
	lines, err := timeline.New(timeline.Deps{Runtime: runtime, Entries: memcontacts.NewTimeline(store), History: people}, timeline.Config{})
	if err != nil {
		panic(err)
	}

	visitor := contacts.Identity{Kind: contacts.AnonymousID, Value: "browser-7"}
	made, _ := people.Identify(ctx, ws, contacts.Profile{Identities: []contacts.Identity{visitor}})
	_, _ = people.Identify(ctx, ws, contacts.Profile{Identities: []contacts.Identity{visitor, {Kind: contacts.Email, Value: "ana@example.com"}}})

	committed, _ := store.Read(ctx, engage.DefaultShard, engage.PartitionOf(ws), 0, 10)
	for _, slice := range committed {
		_ = lines.Consumer().Handle(ctx, slice.Workspace, slice.Events)
	}
	page, _ := lines.Of(ctx, ws, made[0].Contact.ID, engage.PageRequest{})
	for _, entry := range page.Items {
		fmt.Println(entry.Kind, entry.Data)
	}
	// Output:
	// contact_identified {"added":["email:ana@example.com"],"identified":true,"removed":[]}
	// contact_created {}
}
