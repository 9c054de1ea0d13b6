package plans_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memplans"
)

// A worker counts a chunk before it works, and gives back what it did not need.
func Example() {
	ctx := context.Background()
	clock := engage.NewManualClock(time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC))
	store := memory.New(memory.Config{Clock: clock})
	usage := memplans.NewUsage(store)
	acme, ws := accounts.OrganizationID{1}, engage.WorkspaceID{2}
	service, err := plans.New(plans.Deps{
		Runtime:       engage.Runtime{Tx: store, Events: store, Clock: clock},
		Subscriptions: memplans.NewSubscriptions(store), Usage: usage, Across: usage,
		Organizations: directory{ws: acme},
	}, plans.Config{Plans: []plans.Plan{
		{ID: "starter", Limits: []plans.Limit{{Meter: "messages.email", Included: 1000}}},
	}})
	if err != nil {
		panic(err)
	}
	_, err = service.Subscribe(ctx, acme, plans.Subscribe{Plan: "starter", AnchorDay: 1, TimeZone: "Europe/Paris"})
	fmt.Println(err)

	chunk, _ := service.Consume(ctx, ws, "messages.email", 500)
	sent := int64(137)
	fmt.Println(service.Return(ctx, ws, chunk, chunk.N-sent))

	_, err = service.Consume(ctx, ws, "messages.email", 1000)
	limit, _ := errors.AsType[*plans.LimitError](err)
	fmt.Println(errors.Is(err, engage.ErrResourceExhausted), limit)
	// Output:
	// <nil>
	// <nil>
	// true 863 of 1000 messages.email left until 2026-03-31T22:00:00Z
}
