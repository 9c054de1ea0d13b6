package bunsegments_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/buncontacts"
	"github.com/go-engage/engage/adapters/bunstore/bunsegments"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/internal/testkit"
	"github.com/go-engage/engage/segments"
	"github.com/go-engage/engage/segments/filter"
)

// testBundle is the domain over a database, its consumer driven by hand.
type testBundle struct {
	*testing.T
	db       *testkit.Database
	clock    *engage.ManualClock
	store    *bunstore.Store
	contacts *contacts.Service
	events   *events.Service
	segments *segments.Service
	consumer *engage.Consumer
	position engage.Position
	told     []string
	ws       engage.WorkspaceID
}

func setup(t *testing.T, db *testkit.Database) *testBundle {
	t.Helper()
	b := &testBundle{T: t, db: db, clock: engage.NewManualClock(testkit.Start), ws: engage.WorkspaceID{1, 2, 3}}
	b.store = testkit.Store(t, db, b.clock, buncontacts.Schema, bunsegments.Schema)
	// Seeded ids: the same script makes the same ids on every database.
	rt := engage.Runtime{Tx: b.store, Events: b.store, Clock: b.clock, IDs: engage.NewIDSource(b.clock, zeros{})}
	people, taggings, history := buncontacts.NewContacts(b.store), buncontacts.NewTaggings(b.store), buncontacts.NewEvents(b.store)
	tags, lists, subscriptions := buncontacts.NewTags(b.store), buncontacts.NewLists(b.store), buncontacts.NewMembers(b.store)
	schema, members := buncontacts.NewAttributes(b.store), bunsegments.NewMembers(b.store)
	var err error
	b.contacts, err = contacts.New(contacts.Deps{
		Runtime: rt, Contacts: people, Schema: schema, Tags: tags, Taggings: taggings, Lists: lists, Members: subscriptions,
	}, contacts.Config{})
	b.no(err)
	b.events, err = events.New(events.Deps{Runtime: rt, Events: history, Contacts: people}, events.Config{})
	b.no(err)
	b.segments, err = segments.New(segments.Deps{
		Runtime: rt, Segments: bunsegments.NewSegments(b.store), Facts: bunsegments.NewFacts(b.store), Members: members, Due: members,
		Contacts: people, History: history, Taggings: taggings, Subscriptions: subscriptions, Schema: schema, Tags: tags, Lists: lists,
	}, segments.Config{})
	b.no(err)
	b.consumer = b.segments.Consumer()
	return b
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return copy(p, make([]byte, len(p))), nil }

func (b *testBundle) no(err error) {
	b.Helper()
	if err != nil {
		b.Fatalf("unexpected error: %v", err)
	}
}

// drain consumes the log to its end, and notes the entries and exits in it.
func (b *testBundle) drain() {
	b.Helper()
	for {
		n, err := b.store.Sequence(b.Context())
		b.no(err)
		read, err := b.store.Log().Read(b.Context(), engage.DefaultShard, engage.PartitionOf(b.ws), b.position, 100)
		b.no(err)
		if n == 0 && len(read) == 0 {
			return
		}
		for _, slice := range read {
			b.consume(slice)
		}
	}
}

func (b *testBundle) consume(slice engage.Slice) {
	b.Helper()
	b.no(b.store.InShard(b.Context(), engage.DefaultShard, func(ctx context.Context) error {
		return b.consumer.Handle(ctx, slice.Workspace, slice.Events)
	}))
	b.position = slice.Position
	for _, e := range slice.Events {
		if strings.HasPrefix(e.Name, "segments.segment.e") {
			b.told = append(b.told, e.Name+" "+string(e.Data))
		}
	}
}

func (b *testBundle) ring() {
	b.Helper()
	for _, w := range b.segments.Workers() {
		for n := 1; n > 0; {
			var err error
			n, err = w.(*engage.Loop).Step(b.Context())
			b.no(err)
			b.drain()
		}
	}
}

const day = 24 * time.Hour

// script does a bit of everything and answers what came of it.
func (b *testBundle) script() string {
	b.Helper()
	ctx := b.Context()
	var profiles []contacts.Profile
	for i := range 60 {
		profiles = append(profiles, contacts.Profile{
			Identities: []contacts.Identity{{Kind: contacts.UserID, Value: fmt.Sprint("u", i)}},
			Attributes: attribute.Set{"plan": attribute.String([]string{"trial", "pro", "Straße"}[i%3]), "n": attribute.Integer(int64(i))},
		})
	}
	people, err := b.contacts.Identify(ctx, b.ws, profiles...)
	b.no(err)
	tag, err := b.contacts.CreateTag(ctx, b.ws, "VIP")
	b.no(err)
	var ids []segments.ID
	add := func(where filter.Node) segments.ID {
		s, err := b.segments.Create(ctx, b.ws, fmt.Sprint("s", len(ids)), filter.New(where))
		b.no(err)
		ids = append(ids, s.ID)
		return s.ID
	}
	trial := add(filter.And(filter.Attr("plan").Is("trial"), filter.Event("signed_in").Within(7*day)))
	add(filter.Event("bought").AtLeast(2).Within(3 * day).Matching(filter.Prop("price").AtLeast(filter.Decimal("9.99"))))
	add(filter.Or(filter.Tag(tag.ID.String()), filter.Attr("plan").IgnoreCase().Is("STRASSE")))
	add(filter.And(filter.Negate(filter.Segment(trial.String())), filter.Event("bought").AtMost(1), filter.Attr("n").LessThan(30)))
	b.drain()
	for hour := range 30 {
		var inputs []events.Input
		for i := range 20 {
			inputs = append(inputs, events.Input{
				ContactID: people[(hour*7+i*i)%60].Contact.ID, Name: []string{"signed_in", "bought", "Bought", "bought "}[(hour+i)%4],
				OccurredAt: b.clock.Now().Add(-time.Duration(i*hour) * time.Hour / 4),
				Properties: attribute.Object(attribute.Set{"price": attribute.Integer(int64(i))}),
			})
		}
		_, err := b.events.Append(ctx, b.ws, inputs...)
		b.no(err)
		_, err = b.contacts.AddTag(ctx, b.ws, tag.ID, people[hour].Contact.ID)
		b.no(err)
		if hour%10 == 9 {
			b.no(b.contacts.Delete(ctx, b.ws, people[hour+20].Contact.ID))
			people[hour+20] = people[0]
			_, err := b.segments.Update(ctx, b.ws, ids[1], func(s *segments.Segment) error {
				s.Filter = filter.New(filter.Event("bought").AtLeast(hour / 9).Within(5 * day))
				return nil
			})
			b.no(err)
		}
		b.clock.Advance(7 * time.Hour)
		b.drain()
		b.ring()
	}
	var out strings.Builder
	for _, id := range ids {
		s, err := b.segments.Get(ctx, b.ws, id)
		b.no(err)
		fmt.Fprintf(&out, "%s %s %d %d %s\n", s.Name, s.State, s.Revision, s.Served, s.Filter)
		page, err := b.segments.Members(ctx, b.ws, id, engage.PageRequest{Limit: engage.MaxPageSize})
		b.no(err)
		for _, m := range page.Items {
			fmt.Fprintln(&out, m.ContactID, m.Since.UTC(), m.DueAt.UTC())
		}
	}
	return out.String() + strings.Join(b.told, "\n")
}

// The same script has the same outcome on every database: members, times and
// what was told, in its order.
func TestEveryDatabaseTellsTheSame(t *testing.T) {
	t.Parallel()
	want := setup(t, testkit.SQLite(t)).script()
	if strings.Count(want, "segments.segment.entered") < 50 || strings.Count(want, "segments.segment.exited") < 20 {
		t.Fatalf("the script does too little:\n%s", want)
	}
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		if got := setup(t, db).script(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// A run of events costs the same number of statements, however many contacts it
// touches.
func TestARunOfEventsCostsAFixedNumberOfStatements(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		ctx := b.Context()
		_, err := b.segments.Create(ctx, b.ws, "facts", filter.New(filter.And(
			filter.Attr("plan").Is("trial"), filter.Event("signed_in").Within(7*day))))
		b.no(err)
		_, err = b.segments.Create(ctx, b.ws, "history", filter.New(filter.Event("signed_in").Matching(filter.Prop("n").Is(1))))
		b.no(err)
		for _, n := range []int{2, 40, 400} {
			profiles := make([]contacts.Profile, n)
			for i := range profiles {
				profiles[i].Identities = []contacts.Identity{{Kind: contacts.UserID, Value: fmt.Sprint(n, "-", i)}}
				profiles[i].Attributes = attribute.Set{"plan": attribute.String("trial")}
			}
			people, err := b.contacts.Identify(ctx, b.ws, profiles...)
			b.no(err)
			b.drain()
			inputs := make([]events.Input, n)
			for i := range inputs {
				inputs[i] = events.Input{ContactID: people[i].Contact.ID, Name: "signed_in", Properties: attribute.Object(attribute.Set{"n": attribute.Integer(1)})}
			}
			_, err = b.events.Append(ctx, b.ws, inputs...)
			b.no(err)
			for sequenced := 1; sequenced > 0; {
				sequenced, err = b.store.Sequence(ctx)
				b.no(err)
			}
			read, err := b.store.Log().Read(ctx, engage.DefaultShard, engage.PartitionOf(b.ws), b.position, 10)
			b.no(err)
			if len(read) != 1 {
				t.Fatalf("%d slices", len(read))
			}
			db.Count.Reset()
			b.consume(read[0])
			// The recount; heads; owners; facts added; memberships locked; contacts; their
			// identities; definitions; facts; absorbed; history; memberships added,
			// in a savepoint but for MariaDB; and the transaction with its slice, which
			// SQLite numbers at once.
			ran := db.Count.Statements()
			if want := map[string]int{"sqlite": 21, "postgres": 20, "mysql": 18}[db.Name]; len(ran) != want {
				t.Errorf("%d contacts: %d statements, want %d:\n%.200q", n, len(ran), want, ran)
			}
		}
	})
}
