package events_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
)

// isolationCases call each method that takes a workspace about another one's
// objects, and answer how much they found there.
func isolationCases(b *testBundle, collector *events.Collector) map[string]func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
	return map[string]func(ctx context.Context, ws engage.WorkspaceID) (int, error){
		"Service.Append": func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			got, err := b.service.Append(ctx, ws, b.did("stolen", "m-1"))
			return len(got), err
		},
		"Service.Get": func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, err := b.service.Get(ctx, ws, events.IDOf("m-1"))
			return 1, err
		},
		"Service.History": func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			page, err := b.service.History(ctx, ws, events.Query{Contacts: []contacts.ID{b.ana}})
			return len(page.Items), err
		},
		"Service.All": func(ctx context.Context, ws engage.WorkspaceID) (n int, failure error) {
			for e, err := range b.service.All(ctx, ws) {
				if err != nil {
					return 0, err
				}
				if e.ContactID == b.ana {
					n++
				}
			}
			return n, nil
		},
		"Collector.Append": func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			got, err := collector.Append(ctx, ws, b.did("stolen", "m-1"))
			return len(got), err
		},
	}
}

func TestWorkspacesAreKeptApart(t *testing.T) {
	t.Parallel()
	cases := isolationCases(&testBundle{}, nil)
	for _, of := range []reflect.Type{reflect.TypeFor[*events.Service](), reflect.TypeFor[*events.Collector]()} {
		for method := range of.Methods() {
			name := of.Elem().Name() + "." + method.Name
			takes := method.Type.NumIn() > 2 && method.Type.In(2) == reflect.TypeFor[engage.WorkspaceID]()
			if _, covered := cases[name]; takes != covered {
				t.Errorf("%s: takes a workspace %t, has a case here %t", name, takes, covered)
			}
		}
	}
	for name := range cases {
		t.Run(name+" finds nothing of another workspace, changes nothing there and refuses the zero one", func(t *testing.T) {
			t.Parallel()
			collecting(t, func(c *collectorBundle) {
				c.append(c.did("mine", "m-1"))
				c.run()
				call := isolationCases(c.testBundle, c.collector)[name]
				dump := func() string {
					return fmt.Sprint(c.stored(c.ws), c.stored(c.other), c.recorded(c.ws), c.recorded(c.other))
				}
				before := dump()
				found, err := call(c.ctx, c.other)
				if err != nil && !errors.Is(err, engage.ErrNotFound) {
					t.Errorf("want ErrNotFound or nothing, got %v", err)
				}
				if err == nil && found != 0 {
					t.Errorf("found %d of another workspace", found)
				}
				_, err = call(c.ctx, engage.WorkspaceID{})
				c.code(err, engage.Invalid)
				c.same(dump(), before)
				c.stop()
			})
		})
	}
}
