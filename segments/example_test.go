package segments_test

import (
	"context"
	"fmt"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/adapters/memory/memsegments"
	"github.com/go-engage/engage/adapters/watermillbus"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/segments"
	"github.com/go-engage/engage/segments/filter"
)

// A trial user who signs in enters the segment; a composition runs the consumer
// and the timers that this example steps by hand.
func Example() {
	clock := engage.NewManualClock(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))
	store := memory.New(memory.Config{Clock: clock})
	rt := engage.Runtime{Tx: store, Events: store, Clock: clock}
	ctx, ws := context.Background(), engage.WorkspaceID{1}
	people, history, taggings := memcontacts.NewContacts(store), memcontacts.NewEvents(store), memcontacts.NewTaggings(store)
	subscriptions, members := memcontacts.NewMembers(store), memsegments.NewMembers(store)

	crm, _ := contacts.New(contacts.Deps{
		Runtime: rt, Contacts: people, Schema: memcontacts.NewAttributes(store), Tags: memcontacts.NewTags(store),
		Taggings: taggings, Lists: memcontacts.NewLists(store), Members: subscriptions,
	}, contacts.Config{})
	tracked, _ := events.New(events.Deps{Runtime: rt, Events: history, Contacts: people}, events.Config{})
	groups, _ := segments.New(segments.Deps{
		Runtime: rt, Segments: memsegments.NewSegments(store), Facts: memsegments.NewFacts(store), Members: members, Due: members,
		Contacts: people, History: history, Taggings: taggings, Subscriptions: subscriptions,
	}, segments.Config{})
	log, _ := watermillbus.NewConsumers(watermillbus.Config{Tx: store, Log: store, Clock: clock}, groups.Consumer())
	count := func(id segments.ID) int {
		for n := 1; n > 0; {
			n, _ = log.Step(ctx)
		}
		members, _ := groups.Count(ctx, ws, id)
		return members
	}

	trialists, err := groups.Create(ctx, ws, "Active trials", filter.New(filter.And(
		filter.Attr("plan").Is("trial"),
		filter.Event("signed_in").AtLeast(1).Within(7*24*time.Hour),
	)))
	fmt.Println(trialists.State, err)

	ana, _ := crm.Identify(ctx, ws, contacts.Profile{
		Identities: []contacts.Identity{{Kind: contacts.Email, Value: "ana@acme.test"}},
		Attributes: attribute.Set{"plan": attribute.String("trial")},
	})
	fmt.Println(count(trialists.ID))
	_, _ = tracked.Append(ctx, ws, events.Input{ContactID: ana[0].Contact.ID, Name: "signed_in"})
	fmt.Println(count(trialists.ID))

	clock.Advance(8 * 24 * time.Hour)
	_, _ = groups.Workers()[0].(*engage.Loop).Step(ctx)
	fmt.Println(count(trialists.ID))
	// Output:
	// building <nil>
	// 0
	// 1
	// 0
}
