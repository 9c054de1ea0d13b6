package stack_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/internal/scratch"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/segments/filter"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// letters is an EmailSender that hands what it is given to the test.
type letters chan messaging.Email

func (l letters) SendEmail(_ context.Context, _ engage.WorkspaceID, email messaging.Email) (messaging.Receipt, error) {
	l <- email
	return messaging.Receipt{ProviderID: "test"}, nil
}

// TestEachDatabaseDoesTheMainJob runs the workers as a server would.
func TestEachDatabaseDoesTheMainJob(t *testing.T) {
	t.Parallel()
	for _, store := range scratch.Stores {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{"postgres": "ENGAGE_TEST_POSTGRES", "mysql": "ENGAGE_TEST_MYSQL"}[store]
			if env != "" && os.Getenv(env) == "" && os.Getenv("ENGAGE_TEST_REQUIRED") == "" {
				t.Skipf("%s is not set", env)
			}
			mainJob(t, store)
		})
	}
}

func mainJob(t *testing.T, store string) {
	t.Helper()
	dsn, drop, err := scratch.Make(t.Context(), store)
	must(t, err)
	t.Cleanup(drop)
	sent := make(letters, 10)
	p, err := scratch.Open(t.Context(), store, dsn, stack.Config{Email: sent})
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()); must(t, p.Close()) })
	must(t, p.Migrate(t.Context()))
	must(t, p.Migrate(t.Context()))

	ctx, stop := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	workers.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	defer workers.Wait()
	defer stop()

	ws := engage.WorkspaceID{1}
	f, err := filter.Build(filter.And(filter.Attr("plan").Is("trial"), filter.Event("signed_in").AtLeast(2)))
	must(t, err)
	trials, err := p.Segments.Create(ctx, ws, "trials", f)
	must(t, err)
	letter, err := p.Messaging.CreateTemplate(ctx, ws, messaging.SavedTemplate{
		Name: "welcome", From: messaging.Address{Email: "team@acme.test"},
		Content: messaging.Template{Subject: "Welcome, {{ contact.name }}", Text: "Hello."},
	})
	must(t, err)
	flow, err := p.Automation.Create(ctx, ws, "welcome", automation.Definition{
		Trigger: automation.Trigger{Segment: trials.ID.String()},
		Nodes: []automation.Node{
			{ID: "wait", Wait: 10 * time.Millisecond},
			{ID: "mail", Action: &automation.Action{Kind: "send_email", Params: []byte(`{"template_id":"` + letter.ID.String() + `"}`)}},
		},
	})
	must(t, err)
	_, err = p.Automation.Publish(ctx, ws, flow.ID)
	must(t, err)
	who, err := p.Contacts.Identify(ctx, ws, contacts.Profile{
		Identities: []contacts.Identity{{Kind: contacts.Email, Value: "zoë@acme.test"}, {Kind: contacts.UserID, Value: "z 😀"}},
		Attributes: attribute.Set{"name": attribute.String("Zoë"), "plan": attribute.String("trial")},
	})
	if err != nil { // the address needs SMTPUTF8, which mail can't have yet; the contact may
		t.Fatal(err)
	}
	_, err = p.Contacts.Update(ctx, ws, who[0].Contact.ID, func(c *contacts.Contact) error {
		c.Remove(contacts.IdentityKey{Kind: contacts.Email, Value: "zoë@acme.test"})
		c.Add(contacts.Identity{Kind: contacts.Email, Value: "zoe@acme.test"})
		return nil
	})
	must(t, err)
	for {
		if _, err = p.Collector.Append(ctx, ws, events.Input{MessageID: "m-1", ContactID: who[0].Contact.ID, Name: "signed_in"}); engage.CodeOf(err) != engage.Unavailable {
			break // Run may not have begun yet
		}
	}
	must(t, err)
	_, err = p.Events.Append(ctx, ws,
		events.Input{MessageID: "m-1", ContactID: who[0].Contact.ID, Name: "signed_in"},
		events.Input{MessageID: "m-2", ContactID: who[0].Contact.ID, Name: "signed_in"})
	must(t, err)
	if email := <-sent; email.To.Email != "zoe@acme.test" || email.Subject != "Welcome, Zoë" {
		t.Fatalf("sent %q to %s", email.Subject, email.To)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
