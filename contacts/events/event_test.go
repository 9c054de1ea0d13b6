package events_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
)

func TestAppend(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		does string
		test func(b *testBundle)
	}{
		{"stores an event and tells of it", func(b *testBundle) {
			got := b.append(events.Input{
				MessageID: "m-1", ContactID: b.ana, Name: "Order Completed", OccurredAt: start.Add(-time.Hour),
				Properties: attribute.Object(attribute.Set{"total": attribute.Integer(1999)}),
			})
			want := events.Event{
				ID: events.IDOf("m-1"), ContactID: b.ana, Name: "Order Completed", OccurredAt: start.Add(-time.Hour), ReceivedAt: start,
				Properties: attribute.Object(attribute.Set{"total": attribute.Integer(1999)}),
			}
			b.same(got, []events.Appended{{ID: want.ID}})
			stored, err := b.service.Get(b.ctx, b.ws, want.ID)
			b.no(err)
			b.same(stored, want)
			b.same(b.recorded(b.ws), []string{fmt.Sprintf(
				`{"event_id":"%s","contact_id":"%s","name":"Order Completed","occurred_at":"2026-03-01T11:00:00.123456Z","received_at":"2026-03-01T12:00:00.123456Z","properties":{"total":1999}}`, want.ID, b.ana)})
		}},
		{"counts a message once, however often and in whatever call it comes", func(b *testBundle) {
			got := b.append(b.did("a", "m-1"), b.did("b", "m-2"), b.did("again", "m-1"))
			b.same([]bool{got[0].Duplicate, got[1].Duplicate, got[2].Duplicate}, []bool{false, false, true})
			again := b.append(b.did("later", "m-2"), b.did("c", "m-3"))
			b.same(again, []events.Appended{{ID: events.IDOf("m-2"), Duplicate: true}, {ID: events.IDOf("m-3")}})
			b.same(b.stored(b.ws), []string{"a", "b", "c"})
			b.same(len(b.recorded(b.ws)), 3)
			b.append(b.did("a", "m-1"))
			b.same(len(b.recorded(b.ws)), 3)
		}},
		{"counts a message of each workspace by itself", func(b *testBundle) {
			b.append(b.did("mine", "m-1"))
			got, err := b.service.Append(b.ctx, b.other, events.Input{ContactID: b.bea, Name: "theirs", MessageID: "m-1"})
			b.no(err)
			b.same(got[0].Duplicate, false)
		}},
		{"takes an event without a message id as a new one each time", func(b *testBundle) {
			got := b.append(b.did("a", ""), b.did("a", ""))
			b.same(got[0].ID == got[1].ID, false)
			b.same(b.stored(b.ws), []string{"a", "a"})
		}},
		{"takes events that are late or from the future, and keeps both times", func(b *testBundle) {
			var inputs []events.Input
			for _, at := range []time.Time{start.Add(-3 * 365 * 24 * time.Hour), start.Add(48 * time.Hour), time.Unix(0, 0), {}} {
				in := b.did("a", "")
				in.OccurredAt = at
				inputs = append(inputs, in)
			}
			b.append(inputs...)
			page, err := b.service.History(b.ctx, b.ws, events.Query{Contacts: []contacts.ID{b.ana}})
			b.no(err)
			var at []time.Time
			for _, e := range page.Items {
				at = append(at, e.OccurredAt)
				b.same(e.ReceivedAt, start)
			}
			b.same(at, []time.Time{time.Unix(0, 0).UTC(), start.Add(-3 * 365 * 24 * time.Hour), start, start.Add(48 * time.Hour)})
		}},
		{"brings instants to UTC and whole microseconds", func(b *testBundle) {
			in := b.did("a", "m-1")
			in.OccurredAt = time.Date(2026, 3, 1, 13, 0, 0, 1999, time.FixedZone("", 3600))
			b.append(in)
			got, err := b.service.Get(b.ctx, b.ws, events.IDOf("m-1"))
			b.no(err)
			b.same(got.OccurredAt, time.Date(2026, 3, 1, 12, 0, 0, 1000, time.UTC))
		}},
		{"lists everything that is wrong, by index, and writes nothing", func(b *testBundle) {
			in := func(change func(*events.Input)) events.Input {
				good := b.did("a", "")
				change(&good)
				return good
			}
			deep := attribute.Object(nil)
			for range attribute.MaxDepth {
				deep = attribute.Object(attribute.Set{"a": deep})
			}
			_, err := b.service.Append(b.ctx, b.ws,
				b.did("good", "m"), in(func(i *events.Input) { i.Name = "" }), in(func(i *events.Input) { i.Name = long(events.MaxNameBytes + 1) }),
				in(func(i *events.Input) { i.Name = "a\x00" }), in(func(i *events.Input) { i.Name = "\xff" }), in(func(i *events.Input) { i.ContactID = contacts.ID{} }),
				in(func(i *events.Input) { i.MessageID = long(events.MaxMessageIDBytes + 1) }), in(func(i *events.Input) { i.MessageID = "a\n" }),
				in(func(i *events.Input) { i.OccurredAt = time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC) }), in(func(i *events.Input) { i.Properties = attribute.Integer(1) }),
				in(func(i *events.Input) { i.Properties = attribute.Null }), in(func(i *events.Input) { i.Properties = deep }),
				in(func(i *events.Input) {
					i.Properties = attribute.Object(attribute.Set{"a": attribute.String(long(events.MaxPropertiesBytes))})
				}))
			b.code(err, engage.Invalid, "[1].name", "[2].name", "[3].name", "[4].name", "[5].contact_id", "[6].message_id", "[7].message_id",
				"[8].occurred_at", "[9].properties", "[10].properties", "[11].properties", "[12].properties")
			b.same(len(b.stored(b.ws)), 0)
		}},
		{"names unknown contacts by index, and writes nothing", func(b *testBundle) {
			_, err := b.service.Append(b.ctx, b.ws, b.did("a", ""), events.Input{ContactID: contacts.ID{9}, Name: "a"}, events.Input{ContactID: b.bea, Name: "a"})
			b.code(err, engage.NotFound, "[1].contact_id", "[2].contact_id")
			b.same(len(b.stored(b.ws)), 0)
		}},
		{"stores the largest properties, whatever they hold", func(b *testBundle) {
			in := b.did("a", "m-1")
			in.Properties = attribute.Object(attribute.Set{"a": attribute.String(fmt.Sprintf("%0*d", events.MaxPropertiesBytes-8, 0))})
			b.same(len(in.Properties.String()), events.MaxPropertiesBytes)
			html := b.did("b", "m-2")
			html.Properties = attribute.Object(attribute.Set{"a": attribute.String(string(make17k('<')))})
			b.append(in, html)
			b.same(b.stored(b.ws), []string{"a", "b"})
		}},
		{"joins the caller's transaction", func(b *testBundle) {
			undo := errors.New("undo")
			_ = b.store.InTx(b.ctx, b.ws, func(ctx context.Context) error {
				_, err := b.service.Append(ctx, b.ws, b.did("a", "m-1"))
				b.no(err)
				return undo
			})
			b.same(len(b.stored(b.ws)), 0)
			b.same(len(b.recorded(b.ws)), 0)
			b.same(b.append(b.did("a", "m-1"))[0].Duplicate, false)
		}},
		{"runs more than a batch in chunks, and says where it stopped", func(b *testBundle) {
			inputs := make([]events.Input, 2*engage.MaxBatch+1)
			for i := range inputs {
				inputs[i] = b.did("a", fmt.Sprint(i))
			}
			inputs[2*engage.MaxBatch].ContactID = contacts.ID{9}
			got, err := b.service.Append(b.ctx, b.ws, inputs...)
			partial, ok := errors.AsType[*engage.PartialError](err)
			if !ok || partial.Done != 2*engage.MaxBatch || len(got) != partial.Done {
				b.t.Fatalf("%d answers, %v", len(got), err)
			}
			b.same(len(b.stored(b.ws)), 2*engage.MaxBatch)
		}},
		{"answers nothing for nothing", func(b *testBundle) {
			b.same(b.append(), []events.Appended{})
		}},
	} {
		t.Run(c.does, func(t *testing.T) {
			t.Parallel()
			c.test(setup(t))
		})
	}
}

func make17k(r rune) []rune {
	text := make([]rune, 17<<10)
	for i := range text {
		text[i] = r
	}
	return text
}

func TestHistory(t *testing.T) {
	t.Parallel()
	t.Run("answers what contacts did by time, both ways, by name", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		cleo := b.contact(b.ws, "cleo")
		for i, at := range []int{3, 1, 2} {
			in := events.Input{ContactID: []contacts.ID{b.ana, cleo, b.ana}[i], Name: fmt.Sprint("e", at), OccurredAt: start.Add(time.Duration(at) * time.Minute)}
			b.append(in)
		}
		names := func(query events.Query) (names []string) {
			query.Limit = 1
			for {
				page, err := b.service.History(b.ctx, b.ws, query)
				b.no(err)
				for _, e := range page.Items {
					names = append(names, e.Name)
				}
				if query.After = page.Next; page.Next == "" {
					return names
				}
			}
		}
		both := []contacts.ID{cleo, b.ana}
		b.same(names(events.Query{Contacts: both}), []string{"e1", "e2", "e3"})
		b.same(names(events.Query{Contacts: both, Descending: true}), []string{"e3", "e2", "e1"})
		b.same(names(events.Query{Contacts: both[:1]}), []string{"e1"})
		b.same(names(events.Query{Contacts: both, Name: "e2"}), []string{"e2"})
		_, err := b.service.History(b.ctx, b.ws, events.Query{Contacts: make([]contacts.ID, engage.MaxBatch+1)})
		b.code(err, engage.Invalid, "contacts")
	})
}

func TestConsumer(t *testing.T) {
	t.Parallel()
	t.Run("forgets the events of a deleted contact, of those it absorbed too, and of no other", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var met []contacts.Identity
		for i := range 3 {
			device := contacts.Identity{Kind: contacts.AnonymousID, Value: fmt.Sprint(i)}
			seen, err := b.people.Identify(b.ctx, b.ws, contacts.Profile{Identities: []contacts.Identity{device}})
			b.no(err)
			b.append(events.Input{ContactID: seen[0].Contact.ID, Name: "seen"})
			met = append(met, device)
		}
		_, err := b.people.Identify(b.ctx, b.ws, contacts.Profile{Identities: append(met, contacts.Identity{Kind: contacts.UserID, Value: "ana"})})
		b.no(err)
		b.append(b.did("ana", ""), events.Input{ContactID: b.contact(b.ws, "cleo"), Name: "cleo"})
		b.no(b.people.Delete(b.ctx, b.ws, b.ana))
		for range 2 { // again is no harm
			b.no(b.service.Consumer().Handle(b.ctx, b.ws, b.envelopes(b.ws)))
		}
		b.same(b.stored(b.ws), []string{"cleo"})
	})
	t.Run("takes a deletion of more than a batch", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.append(b.did("a", ""))
		deleted := contacts.Deleted{ContactID: b.ana}
		for i := range engage.MaxBatch + 1 {
			deleted.Absorbed = append(deleted.Absorbed, contacts.ID{1, byte(i), byte(i >> 8)})
		}
		envelope, err := engage.NewEnvelope(b.ctx, b.ws, deleted, engage.EventID{1}, start)
		b.no(err)
		b.no(b.service.Consumer().Handle(b.ctx, b.ws, []engage.Envelope{envelope}))
		b.same(len(b.stored(b.ws)), 0)
	})
}

func TestNew(t *testing.T) {
	t.Parallel()
	t.Run("lists everything that is missing", func(t *testing.T) {
		t.Parallel()
		_, err := events.New(events.Deps{}, events.Config{})
		setup(t).code(err, engage.Invalid, "runtime.tx", "runtime.events", "events", "contacts")
	})
}

func TestIDOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		does, message string
		want          func(id events.ID) bool
	}{
		{"keeps a UUIDv7", "019c0000-0000-7000-8000-000000000001", func(id events.ID) bool { return uuid.UUID(id).Version() == 7 && id[15] == 1 }},
		{"keeps a UUIDv4 in any case", "F47AC10B-58CC-4372-A567-0E02B2C3D479", func(id events.ID) bool {
			return uuid.UUID(id).String() == "f47ac10b-58cc-4372-a567-0e02b2c3d479"
		}},
		{"hashes the nil UUID", "00000000-0000-0000-0000-000000000000", func(id events.ID) bool { return uuid.UUID(id).Version() == 8 }},
		{"hashes a UUID in another spelling", "{f47ac10b-58cc-4372-a567-0e02b2c3d479}", func(id events.ID) bool { return uuid.UUID(id).Version() == 8 }},
		{"leads a hash by the milliseconds in it", "ajs-next-1767225600000-abc", func(id events.ID) bool {
			return uuid.UUID(id).Version() == 8 && id.Time().Equal(time.UnixMilli(1767225600000))
		}},
		{"takes 14 digits for no instant", "17672256000001", func(id events.ID) bool { return !id.Time().Equal(time.UnixMilli(1767225600000)) }},
		{"hashes anything else", "order 7", func(id events.ID) bool {
			return uuid.UUID(id).Version() == 8 && uuid.UUID(id).Variant() == uuid.RFC4122
		}},
	} {
		t.Run(c.does, func(t *testing.T) {
			t.Parallel()
			id := events.IDOf(c.message)
			if !c.want(id) {
				t.Errorf("%s", uuid.UUID(id))
			}
			if id != events.IDOf(c.message) || id == events.IDOf(c.message+" ") {
				t.Error("not a function of the message id")
			}
		})
	}
}
