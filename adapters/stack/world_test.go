package stack_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/internal/testkit"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/segments"
	"github.com/go-engage/engage/segments/filter"
)

// testBundle is a platform whose clock a test moves and whose ids repeat.
type testBundle struct {
	*stack.Platform
	clock *engage.ManualClock
	ids   engage.IDSource
	db    *testkit.Database // nil in memory

	workspaces byte // so far
}

// postbox takes every email and answers by its Message-ID.
type postbox struct{}

func (postbox) SendEmail(_ context.Context, _ engage.WorkspaceID, email messaging.Email) (messaging.Receipt, error) {
	if email.To.Email == "gone@acme.test" {
		return messaging.Receipt{}, &messaging.SendError{Class: messaging.FailureAddressGone, Code: "550 5.1.1"}
	}
	return messaging.Receipt{ProviderID: "took " + email.MessageID}, nil
}

func config() (stack.Config, *testBundle) {
	b := &testBundle{clock: engage.NewManualClock(testkit.Start)}
	b.ids = engage.NewIDSource(b.clock, rand.NewChaCha8([32]byte{}))
	return stack.Config{
		Email: postbox{}, Clock: b.clock, IDs: b.ids,
		Messaging: messaging.Config{MaxUnconfirmed: 256}, // all in one step
	}, b
}

// inMemory composes the platform in memory.
func inMemory(t *testing.T) *testBundle {
	t.Helper()
	cfg, b := config()
	var err error
	b.Platform, err = stack.Memory(cfg)
	must(t, err)
	return b
}

// setup composes the platform on a database. A nil binder writes arrays into
// the statements, where the database's counter sees them.
func setup(t *testing.T, db *testkit.Database, arrays bunstore.ArrayBinder) *testBundle {
	t.Helper()
	cfg, b := config()
	var err error
	b.db = db
	b.Platform, err = stack.Over(t.Context(), cfg, bunstore.Config{Write: db.Write, Read: db.Read, Arrays: arrays})
	must(t, err)
	must(t, b.Migrate(t.Context()))
	return b
}

// workspace is a new one, whose id does not depend on what was drawn before.
func (b *testBundle) workspace() engage.WorkspaceID {
	b.workspaces++
	return engage.WorkspaceID{0: 1, 15: b.workspaces}
}

func (b *testBundle) drain(t *testing.T) {
	t.Helper()
	must(t, b.Drain(t.Context()))
}

// collect runs the collector until the test ends.
func (b *testBundle) collect(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Collector.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		must(t, <-ended)
	})
	for !b.Collector.Ready() {
		runtime.Gosched() // nothing tells when it is
	}
}

// world is a workspace with some of everything.
type world struct {
	*testBundle
	ws engage.WorkspaceID
	n  int // people, and what they have of their own
	m  int // tags, lists, templates, workflows and segments

	people    []contacts.ID // each with an email, a tag, a membership, an event, a run and a message
	survivor  contacts.ID   // of people: it absorbed n devices
	tags      []contacts.TagID
	mailed    contacts.TagID // of whom the journey has mailed
	lists     []contacts.ListID
	base      segments.ID   // everybody is in it
	referring []segments.ID // to base
	workflows []automation.WorkflowID
	templates []messaging.TemplateID
	messages  []messaging.MessageID
	run       automation.RunID

	read engage.Position // of the log
}

const day = 24 * time.Hour

// newWorld fills a new workspace with n people and m of everything else.
func newWorld(t *testing.T, b *testBundle, n, m int) *world {
	t.Helper()
	w := &world{testBundle: b, ws: b.workspace(), n: n, m: m}
	must(t, b.Tx.InTx(t.Context(), w.ws, func(ctx context.Context) error { w.furnish(ctx, t); return nil }))
	b.drain(t)
	must(t, b.Tx.InTx(t.Context(), w.ws, func(ctx context.Context) error { w.populate(ctx, t); return nil }))
	b.drain(t)
	runs, err := b.Automation.RunsOf(t.Context(), w.ws, w.survivor, engage.PageRequest{})
	must(t, err)
	w.run = runs.Items[0].ID
	return w
}

func name(kind string, i int) string { return fmt.Sprintf("%s %03d", kind, i) }

func email(i int) contacts.Identity {
	return contacts.Identity{Kind: contacts.Email, Value: fmt.Sprintf("person-%d@acme.test", i)}
}

func device(i int) contacts.Identity {
	return contacts.Identity{Kind: contacts.AnonymousID, Value: name("device", i)}
}

func letter(i int) messaging.SavedTemplate {
	return messaging.SavedTemplate{
		Name: name("letter", i), From: messaging.Address{Email: "team@acme.test"},
		Content: messaging.Template{Subject: "Hello, {{ contact.plan }}", Text: "Good to see you."},
	}
}

func definition(i int) attribute.Definition {
	return attribute.Definition{Key: fmt.Sprintf("size_%d", i), Type: attribute.TypeInteger}
}

// planned is who has one of some plans. Filters that mean the same are compiled
// once in a process, so those of one world differ from those of another.
func (w *world) planned(plans ...string) filter.Filter {
	var either filter.Any
	for _, plan := range append(plans, w.ws.String()) {
		either = append(either, filter.Attr("plan").Is(plan))
	}
	return filter.New(either)
}

// journey waits and then acts in each way there is.
func journey(segment string, letter messaging.TemplateID, tag contacts.TagID) automation.Definition {
	return automation.Definition{Trigger: automation.Trigger{Segment: segment}, Nodes: []automation.Node{
		{ID: "wait", Wait: day},
		{ID: "mail", Action: &automation.Action{Kind: "send_email", Params: []byte(`{"template_id":"` + letter.String() + `"}`)}},
		{ID: "tag", Action: &automation.Action{Kind: "add_tag", Params: []byte(`{"tag_id":"` + tag.String() + `"}`)}},
		{ID: "set", Action: &automation.Action{Kind: "set_attributes", Params: []byte(`{"attributes":{"stage":"mailed"}}`)}},
	}}
}

// furnish makes what contacts are sorted by and sent.
func (w *world) furnish(ctx context.Context, t *testing.T) {
	t.Helper()
	for i := range w.m {
		tag, err := w.Contacts.CreateTag(ctx, w.ws, name("tag", i))
		must(t, err)
		list, err := w.Contacts.CreateList(ctx, w.ws, name("list", i), contacts.Public)
		must(t, err)
		template, err := w.Messaging.CreateTemplate(ctx, w.ws, letter(i))
		must(t, err)
		w.tags, w.lists, w.templates = append(w.tags, tag.ID), append(w.lists, list.ID), append(w.templates, template.ID)
		must(t, w.Contacts.DefineAttributes(ctx, w.ws, definition(i)))
	}
	mailed, err := w.Contacts.CreateTag(ctx, w.ws, "mailed")
	must(t, err)
	w.mailed = mailed.ID
	base, err := w.Segments.Create(ctx, w.ws, "base", w.planned("trial"))
	must(t, err)
	w.base = base.ID
	for i := range w.m {
		referring, err := w.Segments.Create(ctx, w.ws, name("referring", i), filter.New(filter.Or(
			filter.And(filter.Segment(base.ID.String()), filter.Event("signed_in").Within(7*day)),
			filter.Tag(w.tags[0].String()), filter.List(w.lists[0].String()), filter.Attr("stage").Is(name("stage", i)),
		)))
		must(t, err)
		w.referring = append(w.referring, referring.ID)
		trigger := "nobody's"
		if i == 0 {
			trigger = base.ID.String()
		}
		flow, err := w.Automation.Create(ctx, w.ws, name("flow", i), journey(trigger, w.templates[0], w.mailed))
		must(t, err)
		_, err = w.Automation.Publish(ctx, w.ws, flow.ID)
		must(t, err)
		w.workflows = append(w.workflows, flow.ID)
	}
}

// populate makes contacts of whom there is something to say.
func (w *world) populate(ctx context.Context, t *testing.T) {
	t.Helper()
	profiles := make([]contacts.Profile, w.n)
	for i := range profiles {
		profiles[i] = contacts.Profile{
			Identities: []contacts.Identity{email(i)},
			Attributes: attribute.Set{"plan": attribute.String("trial")},
		}
	}
	known, err := w.Contacts.Identify(ctx, w.ws, profiles...)
	must(t, err)
	w.survivor = known[0].Contact.ID
	var did []events.Input
	var members []contacts.Membership
	var sends []messaging.Send
	for i, k := range known {
		id := k.Contact.ID
		w.people = append(w.people, id)
		did = append(did, events.Input{MessageID: name("m", i), ContactID: id, Name: "signed_in"})
		members = append(members, contacts.Membership{ListID: w.lists[0], ContactID: id, State: contacts.Subscribed, Source: "test"})
		sends = append(sends, messaging.Send{Key: name("send", i), ContactID: id, TemplateID: w.templates[0]})
	}
	visits, meeting := make([]contacts.Profile, w.n), contacts.Profile{Identities: []contacts.Identity{email(0)}}
	for i := range visits {
		visits[i].Identities = []contacts.Identity{device(i)}
		meeting.Identities = append(meeting.Identities, device(i))
	}
	_, err = w.Contacts.Identify(ctx, w.ws, visits...)
	must(t, err)
	_, err = w.Contacts.Identify(ctx, w.ws, meeting)
	must(t, err)
	_, err = w.Events.Append(ctx, w.ws, did...)
	must(t, err)
	_, err = w.Contacts.AddTag(ctx, w.ws, w.tags[0], w.people...)
	must(t, err)
	_, err = w.Contacts.SetMemberships(ctx, w.ws, members...)
	must(t, err)
	sent, err := w.Messaging.Enqueue(ctx, w.ws, sends...)
	must(t, err)
	for _, s := range sent {
		w.messages = append(w.messages, s.ID)
	}
}
