package audit_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/adapters/memory/memautomation"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/adapters/memory/memmessaging"
	"github.com/go-engage/engage/adapters/memory/memsegments"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/segments"
	"github.com/go-engage/engage/segments/filter"
)

// services are audited services of four domains.
type services struct {
	contacts   *contacts.Service
	segments   *segments.Service
	automation *automation.Service
	messaging  *messaging.Service
}

func (b *testBundle) services(t *testing.T) services {
	t.Helper()
	rt := engage.Runtime{Tx: b.store, Events: b.recorder, Clock: b.clock, IDs: b.ids}
	people, did := memcontacts.NewContacts(b.store), memcontacts.NewEvents(b.store)
	schema, tags, taggings := memcontacts.NewAttributes(b.store), memcontacts.NewTags(b.store), memcontacts.NewTaggings(b.store)
	lists, members := memcontacts.NewLists(b.store), memcontacts.NewMembers(b.store)
	var s services
	var err error
	s.contacts, err = contacts.New(contacts.Deps{
		Runtime: rt, Contacts: people, Schema: schema, Tags: tags, Taggings: taggings, Lists: lists, Members: members,
	}, contacts.Config{})
	no(t, err)
	belonging := memsegments.NewMembers(b.store)
	s.segments, err = segments.New(segments.Deps{
		Runtime: rt, Segments: memsegments.NewSegments(b.store), Facts: memsegments.NewFacts(b.store), Members: belonging, Due: belonging,
		Contacts: people, History: did, Taggings: taggings, Subscriptions: members, Schema: schema, Tags: tags, Lists: lists,
	}, segments.Config{})
	no(t, err)
	runs := memautomation.NewRuns(b.store)
	s.automation, err = automation.New(automation.Deps{
		Runtime: rt, Workflows: memautomation.NewWorkflows(b.store), Runs: runs, Due: runs, Actors: []automation.Actor{idle{}},
	}, automation.Config{})
	no(t, err)
	messages := memmessaging.NewMessages(b.store)
	s.messaging, err = messaging.New(messaging.Deps{
		Runtime: rt, Templates: memmessaging.NewTemplates(b.store), Messages: messages, Due: messages, Contacts: s.contacts, Email: mute{},
	}, messaging.Config{})
	no(t, err)
	return s
}

// TestEveryMutatingMethodLeavesAnEntryForEachEvent calls the methods that change
// something, as a user does, one after another.
func TestEveryMutatingMethodLeavesAnEntryForEachEvent(t *testing.T) {
	t.Parallel()
	b := setup(t, audit.Config{})
	s, ws := b.services(t), b.ws
	var ana, ben contacts.ID
	var tag contacts.Tag
	var list contacts.List
	var segment segments.Segment
	var workflow automation.Workflow
	var template messaging.SavedTemplate
	everybody := filter.New(filter.And())
	for _, c := range []struct {
		method string
		call   func(ctx context.Context) error
	}{
		{"contacts.DefineAttributes", func(ctx context.Context) error {
			return s.contacts.DefineAttributes(ctx, ws, attribute.Definition{Key: "plan", Type: attribute.TypeString})
		}},
		{"contacts.Identify", func(ctx context.Context) error {
			who, err := s.contacts.Identify(ctx, ws,
				contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.UserID, Value: "ana"}}},
				contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.UserID, Value: "ben"}}})
			if err == nil {
				ana, ben = who[0].Contact.ID, who[1].Contact.ID
			}
			return err
		}},
		{"contacts.Update", func(ctx context.Context) error {
			_, err := s.contacts.Update(ctx, ws, ana, func(c *contacts.Contact) error { c.Locale = "de"; return nil })
			return err
		}},
		{"contacts.SetAttributes", func(ctx context.Context) error {
			_, err := s.contacts.SetAttributes(ctx, ws, contacts.Patch{ContactID: ana, Attributes: attribute.Set{"plan": attribute.String("pro")}})
			return err
		}},
		{"contacts.CreateTag", func(ctx context.Context) (err error) { tag, err = s.contacts.CreateTag(ctx, ws, "vip"); return err }},
		{"contacts.RenameTag", func(ctx context.Context) error { _, err := s.contacts.RenameTag(ctx, ws, tag.ID, "VIP!"); return err }},
		{"contacts.AddTag", func(ctx context.Context) error { _, err := s.contacts.AddTag(ctx, ws, tag.ID, ana, ben); return err }},
		{"contacts.RemoveTag", func(ctx context.Context) error { _, err := s.contacts.RemoveTag(ctx, ws, tag.ID, ana); return err }},
		{"contacts.DeleteTag", func(ctx context.Context) error { return s.contacts.DeleteTag(ctx, ws, tag.ID) }},
		{"contacts.CreateList", func(ctx context.Context) (err error) {
			list, err = s.contacts.CreateList(ctx, ws, "news", contacts.Public)
			return err
		}},
		{"contacts.UpdateList", func(ctx context.Context) error {
			_, err := s.contacts.UpdateList(ctx, ws, list.ID, func(l *contacts.List) error { l.Name = "News"; return nil })
			return err
		}},
		{"contacts.SetMemberships", func(ctx context.Context) error {
			_, err := s.contacts.SetMemberships(ctx, ws, contacts.Membership{ListID: list.ID, ContactID: ana, State: contacts.Subscribed})
			return err
		}},
		{"contacts.DeleteList", func(ctx context.Context) error { return s.contacts.DeleteList(ctx, ws, list.ID) }},
		{"segments.Create", func(ctx context.Context) (err error) {
			segment, err = s.segments.Create(ctx, ws, "all", everybody)
			return err
		}},
		{"segments.Update", func(ctx context.Context) error {
			_, err := s.segments.Update(ctx, ws, segment.ID, func(g *segments.Segment) error { g.Name = "none"; return nil })
			return err
		}},
		{"segments.Rebuild", func(ctx context.Context) error { return s.segments.Rebuild(ctx, ws) }},
		{"segments.Delete", func(ctx context.Context) error { return s.segments.Delete(ctx, ws, segment.ID) }},
		{"automation.Create", func(ctx context.Context) (err error) {
			draft, err := automation.ParseDefinition([]byte(`{"trigger": {"segment": "seg_1"}, "nodes": [{"id": "a", "action": {"kind": "idle", "params": {}}}]}`))
			no(t, err)
			workflow, err = s.automation.Create(ctx, ws, "hello", draft)
			return err
		}},
		{"automation.Update", func(ctx context.Context) error {
			_, err := s.automation.Update(ctx, ws, workflow.ID, func(w *automation.Workflow) error { w.Name = "Hello"; return nil })
			return err
		}},
		{"automation.Publish", func(ctx context.Context) error { _, err := s.automation.Publish(ctx, ws, workflow.ID); return err }},
		{"automation.Pause", func(ctx context.Context) error { _, err := s.automation.Pause(ctx, ws, workflow.ID); return err }},
		{"automation.Resume", func(ctx context.Context) error { _, err := s.automation.Resume(ctx, ws, workflow.ID); return err }},
		{"automation.Archive", func(ctx context.Context) error { _, err := s.automation.Archive(ctx, ws, workflow.ID); return err }},
		{"messaging.CreateTemplate", func(ctx context.Context) (err error) {
			template, err = s.messaging.CreateTemplate(ctx, ws, messaging.SavedTemplate{
				Name: "hello", From: messaging.Address{Email: "a@acme.test"}, Content: messaging.Template{Subject: "Hi", Text: "Hi"},
			})
			return err
		}},
		{"messaging.UpdateTemplate", func(ctx context.Context) error {
			_, err := s.messaging.UpdateTemplate(ctx, ws, template.ID, func(m *messaging.SavedTemplate) error { m.Name = "Hello"; return nil })
			return err
		}},
		{"contacts.Delete", func(ctx context.Context) error { return s.contacts.Delete(ctx, ws, ben) }},
	} {
		before := len(b.entries(t))
		b.tap.commands()
		b.clock.Advance(1000)
		no(t, c.call(engage.WithActor(t.Context(), user)))
		published, entries := b.tap.commands(), b.entries(t)
		entries = entries[:len(entries)-before]
		if len(published) == 0 || len(entries) != len(published) {
			t.Errorf("%s published %d events and left %d entries", c.method, len(published), len(entries))
			continue
		}
		slices.SortFunc(entries, func(a, b audit.Entry) int { return a.ID.Compare(b.ID) })
		for i, e := range entries {
			if e.Name != published[i].EventName() || e.Subject != published[i].EventSubject() || e.Actor != user || !e.At.Equal(b.clock.Now()) {
				t.Errorf("%s: entry %+v of event %+v", c.method, e, published[i])
			}
		}
	}
	b.drain(t)
	if report := b.verify(t); report.Fault != nil || report.Waiting != 0 {
		t.Errorf("report %+v", report)
	}
}

// idle is an action that does nothing.
type idle struct{}

func (idle) Kind() string                { return "idle" }
func (idle) Check(json.RawMessage) error { return nil }
func (idle) Act(context.Context, engage.WorkspaceID, []automation.Request) []error {
	return nil
}

// mute is a sender that nothing is handed to.
type mute struct{}

func (mute) SendEmail(context.Context, engage.WorkspaceID, messaging.Email) (messaging.Receipt, error) {
	return messaging.Receipt{}, nil
}
