package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
)

// callers is how many clients wait for their one event at a time, as the
// handlers of a tracking endpoint do.
const callers = 256

// startTenants answers a benchmark of the same load on a number of workspaces,
// whose floor is the load on one.
func startTenants(tenants int) func(ctx context.Context, store, dsn string) (sides, error) {
	return func(ctx context.Context, store, dsn string) (sides, error) {
		p, err := platform(ctx, store, dsn)
		if err != nil {
			return sides{}, err
		}
		ids := engage.NewIDSource(engage.SystemClock{}, nil)
		people := make([]person, tenants)
		for i := range people {
			people[i].ws = engage.WorkspaceID(ids.NewID())
			identified, err := p.Contacts.Identify(ctx, people[i].ws, contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.UserID, Value: "one"}}})
			if err != nil {
				return sides{}, err
			}
			people[i].contact = identified[0].Contact.ID
		}
		ctx, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- p.Collector.Run(ctx) }()
		for !p.Collector.Ready() {
			if err := ctx.Err(); err != nil {
				break
			}
		}
		return sides{
			floor: func(ctx context.Context, n int) error { return call(ctx, p.Collector, people[:1], n) },
			ours:  func(ctx context.Context, n int) error { return call(ctx, p.Collector, people, n) },
			close: func() error {
				stop()
				return errors.Join(<-ended, p.Close())
			},
		}, nil
	}
}

// person is the one contact of a workspace.
type person struct {
	ws      engage.WorkspaceID
	contact contacts.ID
}

// call hands n events over, one a call, to the workspaces in turn.
func call(ctx context.Context, collector *events.Collector, people []person, n int) error {
	failed := make([]error, callers)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := c; i < n && failed[c] == nil; i += callers {
				one := people[i%len(people)]
				_, failed[c] = collector.Append(ctx, one.ws, events.Input{ContactID: one.contact, Name: fmt.Sprintf("event_%d", i%20)})
			}
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}
