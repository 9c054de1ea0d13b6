package segments_test

import (
	"context"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the rules of zones, wherever the tests run

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/adapters/memory/memsegments"
	"github.com/go-engage/engage/adapters/watermillbus"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/segments"
	"github.com/go-engage/engage/segments/filter"
)

var start = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// testBundle is a workspace with contacts, events and segments in memory, whose
// log a test moves on by hand.
type testBundle struct {
	t        *testing.T
	ctx      context.Context
	clock    *engage.ManualClock
	store    *memory.Store
	contacts *contacts.Service
	events   *events.Service
	segments *segments.Service
	log      *watermillbus.Consumers
	moves    *moves
	settings *settings
	members  *memsegments.Members
	facts    *memsegments.Facts
	ws       engage.WorkspaceID
}

// settings are those of every workspace of a test.
type settings struct{ of engage.Settings }

func (s *settings) Settings(context.Context, engage.WorkspaceID) (engage.Settings, error) {
	return s.of, nil
}

// move is an entry or an exit that was told.
type move struct {
	Contact contacts.ID
	Segment segments.ID
	Entered bool
	Rebuilt bool
}

// moves collects what is told.
type moves struct{ all []move }

func (m *moves) consumer() *engage.Consumer {
	c := engage.NewConsumer("test")
	engage.On(c, func(_ context.Context, _ engage.WorkspaceID, all []engage.Received[segments.Entered]) error {
		for _, e := range all {
			m.all = append(m.all, move{e.Payload.ContactID, e.Payload.SegmentID, true, e.Payload.Rebuilt})
		}
		return nil
	})
	engage.On(c, func(_ context.Context, _ engage.WorkspaceID, all []engage.Received[segments.Exited]) error {
		for _, e := range all {
			m.all = append(m.all, move{e.Payload.ContactID, e.Payload.SegmentID, false, e.Payload.Rebuilt})
		}
		return nil
	})
	return c
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	clock := engage.NewManualClock(start)
	store := memory.New(memory.Config{Clock: clock})
	b := &testBundle{
		t: t, ctx: t.Context(), clock: clock, store: store, moves: &moves{}, settings: &settings{},
		members: memsegments.NewMembers(store), facts: memsegments.NewFacts(store),
		ws: engage.WorkspaceID(engage.NewIDSource(clock, nil).NewID()),
	}
	rt := engage.Runtime{Tx: store, Events: store, Clock: clock}
	people, schema := memcontacts.NewContacts(store), memcontacts.NewAttributes(store)
	tags, taggings := memcontacts.NewTags(store), memcontacts.NewTaggings(store)
	lists, subscriptions := memcontacts.NewLists(store), memcontacts.NewMembers(store)
	history := memcontacts.NewEvents(store)
	var err error
	b.contacts, err = contacts.New(contacts.Deps{
		Runtime: rt, Contacts: people, Schema: schema, Tags: tags, Taggings: taggings, Lists: lists, Members: subscriptions,
	}, contacts.Config{})
	b.no(err)
	b.events, err = events.New(events.Deps{Runtime: rt, Events: history, Contacts: people}, events.Config{})
	b.no(err)
	b.segments, err = segments.New(segments.Deps{
		Runtime: rt, Segments: memsegments.NewSegments(store), Facts: b.facts, Members: b.members, Due: b.members,
		Contacts: people, History: history, Taggings: taggings, Subscriptions: subscriptions,
		Schema: schema, Tags: tags, Lists: lists, Settings: b.settings,
	}, segments.Config{})
	b.no(err)
	b.log, err = watermillbus.NewConsumers(watermillbus.Config{Tx: store, Log: store, Clock: clock},
		b.segments.Consumer(), b.moves.consumer())
	b.no(err)
	return b
}

func (b *testBundle) no(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("unexpected error: %v %v", err, engage.FieldsOf(err))
	}
}

// drain has the log consumed to its end.
func (b *testBundle) drain() {
	b.t.Helper()
	for {
		n, err := b.log.Step(b.ctx)
		b.no(err)
		if n == 0 {
			break
		}
	}
	backlog, err := b.store.Backlog(b.ctx, engage.DefaultShard, "segments")
	b.no(err)
	if backlog.Parked != 0 || backlog.Slices != 0 {
		b.t.Fatalf("events were parked or left: %+v", backlog)
	}
}

// pass moves the clock in steps that ring every timer in its second.
func (b *testBundle) pass(d time.Duration) {
	b.t.Helper()
	b.clock.Advance(d)
	b.ring()
}

// ring has due memberships judged.
func (b *testBundle) ring() {
	b.t.Helper()
	for _, w := range b.segments.Workers() {
		for {
			n, err := w.(*engage.Loop).Step(b.ctx)
			b.no(err)
			b.drain()
			if n == 0 {
				break
			}
		}
	}
}

// contact makes a contact with a user id and attributes.
func (b *testBundle) contact(user string, attributes attribute.Set) contacts.ID {
	b.t.Helper()
	out, err := b.contacts.Identify(b.ctx, b.ws, contacts.Profile{
		Identities: []contacts.Identity{{Kind: contacts.UserID, Value: user}}, Attributes: attributes,
	})
	b.no(err)
	return out[0].Contact.ID
}

func (b *testBundle) set(id contacts.ID, key string, value attribute.Value) {
	b.t.Helper()
	_, err := b.contacts.Update(b.ctx, b.ws, id, func(c *contacts.Contact) error {
		if c.Attributes == nil {
			c.Attributes = attribute.Set{}
		}
		c.Attributes[key] = value
		return nil
	})
	b.no(err)
}

// did records an event at a time relative to now.
func (b *testBundle) did(id contacts.ID, name string, ago time.Duration) {
	b.t.Helper()
	_, err := b.events.Append(b.ctx, b.ws, events.Input{ContactID: id, Name: name, OccurredAt: b.clock.Now().Add(-ago)})
	b.no(err)
}

func (b *testBundle) segment(where filter.Node) segments.ID {
	b.t.Helper()
	s, err := b.segments.Create(b.ctx, b.ws, "test", filter.New(where))
	b.no(err)
	return s.ID
}

// of answers the members of a segment.
func (b *testBundle) of(id segments.ID) []contacts.ID {
	b.t.Helper()
	var ids []contacts.ID
	for m, err := range engage.Walk(b.ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[segments.Membership], error) {
		return b.segments.Members(ctx, b.ws, id, page)
	}) {
		b.no(err)
		ids = append(ids, m.ContactID)
	}
	return ids
}

func (b *testBundle) requireMembers(id segments.ID, want ...contacts.ID) {
	b.t.Helper()
	want = slices.Clone(want)
	slices.SortFunc(want, contacts.ID.Compare)
	if got := b.of(id); !slices.Equal(got, want) {
		b.t.Fatalf("members are %v, want %v", got, want)
	}
}

// requireMoves checks what was told since the last call.
func (b *testBundle) requireMoves(want ...move) {
	b.t.Helper()
	if !slices.Equal(b.moves.all, want) {
		b.t.Fatalf("told %+v, want %+v", b.moves.all, want)
	}
	b.moves.all = nil
}
