package contactstest

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/contacts/timeline"
	"github.com/go-engage/engage/internal/porttest"
)

// world is a workspace with one of everything.
type world struct {
	*fixture
	c, absorbed contacts.Contact
	tag         contacts.Tag
	list        contacts.List
	member      contacts.Membership
	event       events.Event
	entry       timeline.Entry
	definition  attribute.Definition
}

func newWorld(f *fixture) *world {
	w := &world{fixture: f, c: f.contact(), absorbed: f.contact()}
	w.absorbed.Identities, w.absorbed.MergedInto = nil, w.c.ID
	w.tag = contacts.Tag{ID: contacts.TagID(f.IDs.NewID()), Name: "VIP", Key: "vip", CreatedAt: start, UpdatedAt: start, Version: 1}
	w.list = contacts.List{ID: contacts.ListID(f.IDs.NewID()), Name: "News", Visibility: contacts.Public, CreatedAt: start, UpdatedAt: start, Version: 1}
	w.member = contacts.Membership{ListID: w.list.ID, ContactID: w.c.ID, State: contacts.Subscribed, Source: "import", At: start}
	w.event = events.Event{ID: events.ID(f.IDs.NewID()), ContactID: w.c.ID, Name: "signed_in", OccurredAt: start, ReceivedAt: start, Properties: attribute.Object(nil)}
	w.entry = timeline.Entry{ID: engage.EventID(f.IDs.NewID()), ContactID: w.c.ID, Kind: timeline.EventRecorded, At: start, Title: "signed_in", Data: attribute.Object(nil)}
	w.definition = attribute.Definition{Object: contacts.ObjectType, Key: "plan", Type: attribute.TypeString, CreatedAt: start, UpdatedAt: start}
	w.fill(w.WS)
	return w
}

// fill writes the world into a workspace; two workspaces may hold the same ids.
func (w *world) fill(ws engage.WorkspaceID) {
	w.T.Helper()
	w.InOf(ws, func(ctx context.Context) error {
		_, assignErr := w.Taggings.Assign(ctx, ws, []contacts.Tagging{{ContactID: w.c.ID, TagID: w.tag.ID, At: start}})
		_, appendErr := w.Events.Append(ctx, ws, []events.Event{w.event})
		return errors.Join(
			w.Contacts.Insert(ctx, ws, []contacts.Contact{w.c, w.absorbed}), w.Tags.Insert(ctx, ws, w.tag), assignErr,
			w.Lists.Insert(ctx, ws, w.list), w.Members.Put(ctx, ws, []contacts.Membership{w.member}),
			appendErr, w.Timeline.Append(ctx, ws, []timeline.Entry{w.entry}),
			w.Attributes.Define(ctx, ws, []attribute.Definition{w.definition}))
	})
}

// calls are all methods of all ports.
func (w *world) calls() []porttest.Call {
	var calls []porttest.Call
	calls = append(calls, w.contactCalls()...)
	calls = append(calls, w.tagCalls()...)
	calls = append(calls, w.listCalls()...)
	return append(calls, w.otherCalls()...)
}

func (w *world) contactCalls() []porttest.Call {
	const port = "contacts.Repository"
	ids := []contacts.ID{w.c.ID}
	return []porttest.Call{
		porttest.Creates(port, "Insert", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Contacts.Insert(ctx, ws, []contacts.Contact{w.contact()}))
		}, porttest.Given(w.Contacts.Insert)),
		porttest.Writes(port, "Update", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Contacts.Update(ctx, ws, []contacts.Contact{w.c}))
		}, porttest.Given(w.Contacts.Update)),
		porttest.Writes(port, "Delete", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return w.Contacts.Delete(ctx, ws, ids)
		}, porttest.Asked(w.Contacts.Delete)),
		porttest.Reads(port, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Contacts.Get(ctx, ws, ids))
		}, porttest.Asked(w.Contacts.Get)),
		porttest.Writes(port, "Lock", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Contacts.Lock(ctx, ws, ids))
		}, porttest.Asked(w.Contacts.Lock)),
		porttest.Reads(port, "Owners", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			owners, err := w.Contacts.Owners(ctx, ws, []contacts.IdentityKey{w.c.Identities[0].Key()})
			return len(owners), err
		}, porttest.Asked(w.Contacts.Owners)),
		porttest.Reads(port, "Absorbed", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			absorbed, err := w.Contacts.Absorbed(ctx, ws, ids)
			return len(absorbed), err
		}, porttest.Asked(w.Contacts.Absorbed)),
		porttest.Reads(port, "List", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Contacts.List(ctx, ws, contacts.Query{}))
		}, nil),
		porttest.Reads("events.Contacts", "Existing", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Existing.Existing(ctx, ws, ids))
		}, porttest.Asked(w.Existing.Existing)),
	}
}

func (w *world) tagCalls() []porttest.Call {
	const tags, taggings = "contacts.TagRepository", "contacts.TaggingRepository"
	all := []contacts.Tagging{{ContactID: w.c.ID, TagID: w.tag.ID, At: start}}
	return []porttest.Call{
		porttest.Creates(tags, "Insert", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Tags.Insert(ctx, ws, contacts.Tag{ID: contacts.TagID(w.IDs.NewID()), Name: "New", Key: "new", CreatedAt: start, UpdatedAt: start}))
		}, nil),
		porttest.Writes(tags, "Update", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Tags.Update(ctx, ws, w.tag))
		}, nil),
		porttest.Writes(tags, "Delete", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Tags.Delete(ctx, ws, w.tag.ID))
		}, nil),
		porttest.Reads(tags, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Tags.Get(ctx, ws, []contacts.TagID{w.tag.ID}))
		}, porttest.Asked(w.Tags.Get)),
		porttest.Writes(tags, "Lock", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(porttest.Err(w.Tags.Lock(ctx, ws, w.tag.ID)))
		}, nil),
		porttest.Reads(tags, "Find", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(porttest.Err(w.Tags.Find(ctx, ws, w.tag.Key)))
		}, nil),
		porttest.Reads(tags, "List", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Tags.List(ctx, ws, engage.PageRequest{}))
		}, nil),
		porttest.Creates(taggings, "Assign", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountTrue(w.Taggings.Assign(ctx, ws, all))
		}, porttest.Asked(w.Taggings.Assign)),
		porttest.Writes(taggings, "Unassign", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountTrue(w.Taggings.Unassign(ctx, ws, all))
		}, porttest.Asked(w.Taggings.Unassign)),
		porttest.Reads(taggings, "Of", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Taggings.Of(ctx, ws, []contacts.ID{w.c.ID}))
		}, porttest.Asked(w.Taggings.Of)),
		porttest.Reads(taggings, "Tagged", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Taggings.Tagged(ctx, ws, w.tag.ID, engage.PageRequest{}))
		}, nil),
		porttest.Writes(taggings, "Move", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Taggings.Move(ctx, ws, []contacts.Absorption{{Absorbed: w.c.ID, Survivor: w.absorbed.ID}}))
		}, porttest.Given(w.Taggings.Move)),
		porttest.Writes(taggings, "Forget", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Taggings.Forget(ctx, ws, []contacts.ID{w.c.ID}))
		}, porttest.Given(w.Taggings.Forget)),
	}
}

func (w *world) listCalls() []porttest.Call {
	const lists, members = "contacts.ListRepository", "contacts.MembershipRepository"
	return []porttest.Call{
		porttest.Creates(lists, "Insert", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Lists.Insert(ctx, ws, contacts.List{ID: contacts.ListID(w.IDs.NewID()), Name: "New", Visibility: contacts.Private, CreatedAt: start, UpdatedAt: start}))
		}, nil),
		porttest.Writes(lists, "Update", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Lists.Update(ctx, ws, w.list))
		}, nil),
		porttest.Writes(lists, "Delete", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Lists.Delete(ctx, ws, w.list.ID))
		}, nil),
		porttest.Reads(lists, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Lists.Get(ctx, ws, []contacts.ListID{w.list.ID}))
		}, porttest.Asked(w.Lists.Get)),
		porttest.Reads(lists, "List", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Lists.List(ctx, ws, engage.PageRequest{}))
		}, nil),
		porttest.Creates(members, "Put", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Members.Put(ctx, ws, []contacts.Membership{w.member}))
		}, porttest.Given(w.Members.Put)),
		porttest.Writes(members, "Lock", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Members.Lock(ctx, ws, []contacts.Membership{w.member}))
		}, porttest.Asked(w.Members.Lock)),
		porttest.Reads(members, "Of", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Members.Of(ctx, ws, []contacts.ID{w.c.ID}))
		}, porttest.Asked(w.Members.Of)),
		porttest.Reads(members, "Members", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Members.Members(ctx, ws, w.list.ID, "", engage.PageRequest{}))
		}, nil),
		porttest.Writes(members, "Move", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Members.Move(ctx, ws, []contacts.Absorption{{Absorbed: w.c.ID, Survivor: w.absorbed.ID}}))
		}, porttest.Given(w.Members.Move)),
		porttest.Writes(members, "Forget", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Members.Forget(ctx, ws, []contacts.ID{w.c.ID}))
		}, porttest.Given(w.Members.Forget)),
	}
}

func (w *world) otherCalls() []porttest.Call {
	const schema, log, line = "attribute.Repository", "events.Repository", "timeline.Repository"
	ids := []contacts.ID{w.c.ID}
	return []porttest.Call{
		porttest.Creates(schema, "Define", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Attributes.Define(ctx, ws, []attribute.Definition{w.definition}))
		}, porttest.Given(w.Attributes.Define)),
		porttest.Reads(schema, "Definitions", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Attributes.Definitions(ctx, ws, contacts.ObjectType))
		}, nil),
		porttest.Writes(schema, "Undefine", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return w.Attributes.Undefine(ctx, ws, contacts.ObjectType, []string{w.definition.Key})
		}, func(ctx context.Context, ws engage.WorkspaceID, n int) error {
			return porttest.Err(w.Attributes.Undefine(ctx, ws, contacts.ObjectType, make([]string, n)))
		}),
		porttest.Creates(log, "Append", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountTrue(w.Events.Append(ctx, ws, []events.Event{w.event}))
		}, porttest.Asked(w.Events.Append)),
		porttest.Reads(log, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Events.Get(ctx, ws, []events.ID{w.event.ID}))
		}, porttest.Asked(w.Events.Get)),
		porttest.Reads(log, "History", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Events.History(ctx, ws, events.Query{Contacts: ids}))
		}, func(ctx context.Context, ws engage.WorkspaceID, n int) error {
			return porttest.Err(w.Events.History(ctx, ws, events.Query{Contacts: make([]contacts.ID, n)}))
		}),
		porttest.Reads(log, "Scan", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Events.Scan(ctx, ws, engage.PageRequest{}))
		}, nil),
		porttest.Writes(log, "Forget", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return w.Events.Forget(ctx, ws, ids)
		}, porttest.Asked(w.Events.Forget)),
		porttest.Creates(line, "Append", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Timeline.Append(ctx, ws, []timeline.Entry{w.entry}))
		}, porttest.Given(w.Timeline.Append)),
		porttest.Reads(line, "List", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Timeline.List(ctx, ws, timeline.Query{Contacts: ids}))
		}, func(ctx context.Context, ws engage.WorkspaceID, n int) error {
			return porttest.Err(w.Timeline.List(ctx, ws, timeline.Query{Contacts: make([]contacts.ID, n)}))
		}),
		porttest.Writes(line, "Forget", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Timeline.Forget(ctx, ws, ids))
		}, porttest.Given(w.Timeline.Forget)),
	}
}

// everyPort asks of each method what all of them promise.
func everyPort(t *testing.T, a Adapter) {
	porttest.EveryPort(t, func(t *testing.T) porttest.World {
		w := newWorld(newFixture(t, a))
		return porttest.World{Fixture: w.Fixture, Calls: w.calls(), Fill: w.fill, Dump: func(ws engage.WorkspaceID) string { return Dump(w.Ctx, t, a, ws) }}
	},
		reflect.TypeFor[contacts.Repository](), reflect.TypeFor[contacts.TagRepository](), reflect.TypeFor[contacts.TaggingRepository](),
		reflect.TypeFor[contacts.ListRepository](), reflect.TypeFor[contacts.MembershipRepository](), reflect.TypeFor[attribute.Repository](),
		reflect.TypeFor[events.Repository](), reflect.TypeFor[events.Contacts](), reflect.TypeFor[timeline.Repository]())
}
