package bunmessaging_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore/bunmessaging"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/testkit"
	"github.com/go-engage/engage/messaging"
)

// everybody is whom messages go to: any id is a contact.
type everybody struct{}

func (everybody) Standing(_ context.Context, _ engage.WorkspaceID, ids []contacts.ID) (map[contacts.ID]contacts.Contact, error) {
	all := make(map[contacts.ID]contacts.Contact, len(ids))
	for _, id := range ids {
		c := contacts.Contact{ID: id}
		c.Add(contacts.Identity{Kind: contacts.Email, Value: "ana@home.test"})
		all[id] = c
	}
	return all, nil
}

// counting is a sender that takes everything and counts it.
type counting struct {
	mu    sync.Mutex
	taken map[string]int
}

func (c *counting) SendEmail(_ context.Context, _ engage.WorkspaceID, email messaging.Email) (messaging.Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken[email.MessageID]++
	return messaging.Receipt{ProviderID: "\x00 250 \xff"}, nil // not everybody answers text
}

func TestServicesOnOneDatabaseShareTheWork(t *testing.T) {
	t.Parallel()
	const workspaces, messages, workers = 5, 60, 4
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		store := testkit.Store(t, db, nil, bunmessaging.Schema)
		clock, sender := engage.NewManualClock(testkit.Start), &counting{taken: map[string]int{}}
		open := func() *messaging.Service {
			ledger := bunmessaging.NewMessages(store)
			service, err := messaging.New(messaging.Deps{
				Runtime: engage.Runtime{Tx: store, Events: store, Clock: clock}, Templates: bunmessaging.NewTemplates(store),
				Messages: ledger, Due: ledger, Contacts: everybody{}, Email: sender,
			}, messaging.Config{})
			if err != nil {
				t.Fatal(err)
			}
			return service
		}
		service, sent := open(), map[messaging.MessageID]engage.WorkspaceID{}
		for w := range workspaces {
			ws := engage.WorkspaceID{byte(w + 1)}
			template, err := service.CreateTemplate(t.Context(), ws, messaging.SavedTemplate{
				Name: "t", From: messaging.Address{Email: "a@acme.test"}, Content: messaging.Template{Text: "Hi!"},
			})
			if err != nil {
				t.Fatal(err)
			}
			sends := make([]messaging.Send, messages)
			for i := range sends {
				sends[i] = messaging.Send{Key: fmt.Sprint(i), ContactID: contacts.ID{9}, TemplateID: template.ID}
			}
			answers, err := service.Enqueue(t.Context(), ws, sends...)
			if err != nil {
				t.Fatal(err)
			}
			for _, answer := range answers {
				sent[answer.ID] = ws
			}
		}
		var wg sync.WaitGroup
		for range workers {
			worker := open()
			wg.Go(func() {
				for n := -1; n != 0; {
					var err error
					loop, _ := worker.Workers()[0].(*engage.Loop)
					if n, err = loop.Step(t.Context()); err != nil {
						t.Errorf("step: %v", err)
						return
					}
				}
			})
		}
		wg.Wait()
		for id, ws := range sent {
			m, err := service.Message(t.Context(), ws, id)
			if err != nil {
				t.Fatal(err)
			}
			if n := sender.taken[id.String()+"@acme.test"]; m.State != messaging.Accepted || n != 1 || m.ProviderID != "\uFFFD 250 \uFFFD" {
				t.Errorf("%s, arrived %d times: %+v", m.State, n, m)
			}
		}
	})
}
