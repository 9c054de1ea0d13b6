package stacktest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/stack/stacktest"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/segments/filter"
)

// journey is the suite's main job: whoever has a trial and signs in is mailed two
// days later.
func journey(t *testing.T, kit *stacktest.Kit) contacts.ID {
	t.Helper()
	ctx, ws := t.Context(), kit.Workspace
	f, err := filter.Build(filter.And(filter.Attr("plan").Is("trial"), filter.Event("signed_in").AtLeast(1).Within(7*24*time.Hour)))
	must(t, err)
	trials, err := kit.Segments.Create(ctx, ws, "trials", f)
	must(t, err)
	letter, err := kit.Messaging.CreateTemplate(ctx, ws, messaging.SavedTemplate{
		Name: "welcome", From: messaging.Address{Email: "team@acme.test"},
		Content: messaging.Template{Subject: "Welcome, {{ contact.name }}", Text: "Hello."},
	})
	must(t, err)
	flow, err := kit.Automation.Create(ctx, ws, "welcome", automation.Definition{
		Trigger: automation.Trigger{Segment: trials.ID.String()},
		Nodes: []automation.Node{
			{ID: "wait", Wait: 48 * time.Hour},
			{ID: "mail", Action: &automation.Action{Kind: "send_email", Params: []byte(`{"template_id":"` + letter.ID.String() + `"}`)}},
		},
	})
	must(t, err)
	_, err = kit.Automation.Publish(ctx, ws, flow.ID)
	must(t, err)
	kit.Drain()
	who, err := kit.Contacts.Identify(ctx, ws, contacts.Profile{
		Identities: []contacts.Identity{{Kind: contacts.Email, Value: "ana@acme.test"}},
		Attributes: attribute.Set{"name": attribute.String("Ana"), "plan": attribute.String("trial")},
	})
	must(t, err)
	_, err = kit.Events.Append(ctx, ws, events.Input{ContactID: who[0].Contact.ID, Name: "signed_in"})
	must(t, err)
	kit.Drain()
	return who[0].Contact.ID
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestKit(t *testing.T) {
	t.Parallel()

	t.Run("a journey happens when its time has come, once", func(t *testing.T) {
		t.Parallel()
		kit := stacktest.New(t)
		journey(t, kit)
		kit.Advance(47 * time.Hour)
		kit.RequireNotSent("ana@acme.test")
		kit.Advance(2 * time.Hour)
		kit.RequireSent("ana@acme.test", "Welcome, Ana")
		kit.Advance(30 * 24 * time.Hour)
		if n := len(kit.Sent()); n != 1 {
			t.Fatalf("%d mails were sent, want 1", n)
		}
	})

	t.Run("a refused mail is tried again, a gone address is not", func(t *testing.T) {
		t.Parallel()
		kit := stacktest.New(t)
		id := journey(t, kit)
		kit.FailNext(
			&messaging.SendError{Class: messaging.FailureRetryable},
			&messaging.SendError{Class: messaging.FailureAddressGone},
		)
		kit.Advance(72 * time.Hour)
		kit.RequireNotSent("ana@acme.test")
		settled := stacktest.RequirePublished(kit, func(e messaging.MessageSettled) bool { return e.ContactID == id })
		if settled.State != messaging.Failed || settled.Attempts != 2 || settled.Failure != messaging.FailureAddressGone {
			t.Fatalf("settled as %+v", settled)
		}
	})

	t.Run("a sender whose password is refused is held, and the mail waits", func(t *testing.T) {
		t.Parallel()
		kit := stacktest.New(t)
		journey(t, kit)
		kit.FailNext(&messaging.SendError{Class: messaging.FailureConfig, Code: "535 5.7.8"})
		kit.Clock.Advance(48 * time.Hour)
		kit.Drain()
		kit.RequireNotSent("ana@acme.test")
		kit.Clock.Advance(59 * time.Second)
		kit.Drain()
		kit.RequireNotSent("ana@acme.test")
		kit.Clock.Advance(time.Second)
		kit.Drain()
		kit.RequireSent("ana@acme.test", "Welcome")
		if settled := stacktest.RequirePublished[messaging.MessageSettled](kit, nil); settled.Attempts != 1 {
			t.Fatalf("%d attempts were counted", settled.Attempts)
		}
	})

	t.Run("another workspace sees nothing", func(t *testing.T) {
		t.Parallel()
		kit := stacktest.New(t)
		id := journey(t, kit)
		if _, err := kit.Contacts.Get(t.Context(), kit.Other, id); !errors.Is(err, engage.ErrNotFound) {
			t.Fatalf("want ErrNotFound, got %v", err)
		}
		if all := stacktest.Published[contacts.Created](kit, kit.Other); len(all) != 0 {
			t.Fatalf("%d events were published in it", len(all))
		}
	})

	t.Run("two kits make the same ids", func(t *testing.T) {
		t.Parallel()
		if one, two := journey(t, stacktest.New(t)), journey(t, stacktest.New(t)); one != two {
			t.Fatalf("%s and %s", one, two)
		}
	})
}
