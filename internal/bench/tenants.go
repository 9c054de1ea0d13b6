package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/internal/scratch"
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
			runtime.Gosched() // nothing tells when it is
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

// startFlood measures one tenant's delay, from its append until a consumer has
// the event, while another appends as fast as the store takes it.
func startFlood(ctx context.Context, store, dsn string) (sides, error) {
	arrived := make(chan string, 1)
	watcher := engage.NewConsumer("bench.watcher")
	engage.On(watcher, func(_ context.Context, _ engage.WorkspaceID, all []engage.Received[events.Recorded]) error {
		for _, e := range all {
			if e.Payload.Name != "flood" {
				arrived <- e.Payload.Name
			}
		}
		return nil
	})
	p, err := scratch.Open(ctx, store, dsn, stack.Config{Email: mute{}, Consumers: []*engage.Consumer{watcher}})
	if err != nil {
		return sides{}, err
	}
	if err := p.Migrate(ctx); err != nil {
		return sides{}, err
	}
	quiet, flooding := person{}, person{}
	for _, one := range []*person{&quiet, &flooding} {
		one.ws = engage.WorkspaceID(engage.NewIDSource(engage.SystemClock{}, nil).NewID())
		identified, err := p.Contacts.Identify(ctx, one.ws, contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.UserID, Value: "one"}}})
		if err != nil {
			return sides{}, err
		}
		one.contact = identified[0].Contact.ID
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.Run(running) }()
	var delays []time.Duration
	turns := 0
	paced := func(ctx context.Context, n int) error {
		delays = delays[:0]
		for range n {
			turns++
			name, began := fmt.Sprint(turns), time.Now()
			if _, err := p.Events.Append(ctx, quiet.ws, events.Input{ContactID: quiet.contact, Name: name}); err != nil {
				return err
			}
			for got := ""; got != name; {
				select {
				case got = <-arrived:
				case err := <-ended:
					return fmt.Errorf("the platform ended: %w", err)
				}
			}
			delays = append(delays, time.Since(began))
		}
		return nil
	}
	return sides{
		floor: paced,
		ours: func(ctx context.Context, n int) error {
			flood, dam := context.WithCancel(ctx)
			flooded := make(chan error, 1)
			go func() { flooded <- pour(flood, p, flooding) }()
			err := paced(ctx, n)
			dam()
			return errors.Join(err, <-flooded)
		},
		figure: func() float64 {
			slices.Sort(delays)
			return 1 / delays[len(delays)*99/100].Seconds()
		},
		close: func() error {
			stop()
			return errors.Join(<-ended, p.Close())
		},
	}, nil
}

// maxFlood is how many events a flood has at most.
const maxFlood = 1_000_000

// pour appends batches for a workspace until ctx ends.
func pour(ctx context.Context, p *stack.Platform, to person) error {
	inputs := make([]events.Input, batch)
	for i := range inputs {
		inputs[i] = events.Input{ContactID: to.contact, Name: "flood"}
	}
	for poured := 0; poured < maxFlood && ctx.Err() == nil; poured += batch {
		if _, err := p.Events.Append(ctx, to.ws, inputs...); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}
