package messaging_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/messaging"
)

func TestEnqueueListsEveryFaultByIndex(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ok := messaging.Send{Key: "k", ContactID: contacts.ID{1}, TemplateID: messaging.TemplateID{1}}
	with := func(change func(*messaging.Send)) messaging.Send {
		s := ok
		change(&s)
		return s
	}
	for name, key := range map[string]string{
		"no key": "", "a long key": strings.Repeat("k", engage.MaxKeyBytes+1), "a key with a line end": "a\nb", "a key that is not UTF-8": "\xff",
	} {
		_, err := b.service.Enqueue(b.ctx, b.ws, with(func(s *messaging.Send) { s.Key = key }))
		if engage.CodeOf(err) != engage.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	deep := attribute.Null
	for range 100 {
		deep = attribute.List(deep)
	}
	_, err := b.service.Enqueue(b.ctx, b.ws, ok, messaging.Send{},
		with(func(s *messaging.Send) { s.Class = "service" }), with(func(s *messaging.Send) { s.Data = attribute.List() }),
		with(func(s *messaging.Send) {
			s.Data = attribute.Object(attribute.Set{"a": attribute.String(strings.Repeat("x", messaging.MaxDataBytes))})
		}), with(func(s *messaging.Send) { s.Data = attribute.Object(attribute.Set{"a": deep}) }))
	b.code(err, engage.Invalid, "[1].key", "[1].contact_id", "[1].template_id", "[2].class", "[3].data", "[4].data", "[5].data")
	_, err = b.service.Enqueue(b.ctx, b.ws, make([]messaging.Send, engage.MaxBatch+1)...)
	b.code(err, engage.Invalid)
	page, err := b.service.MessagesOf(b.ctx, b.ws, ok.ContactID, engage.PageRequest{})
	b.no(err)
	b.same(page.Items, []messaging.Message{})
}

func TestEnqueuePlansOneMessageOfAKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	send := messaging.Send{Key: "k", ContactID: b.person("ana").ID, TemplateID: b.template().ID}
	sent, err := b.service.Enqueue(b.ctx, b.ws, send, send)
	b.no(err)
	if sent[0].Duplicate || sent[0].ID.IsZero() || !sent[1].Duplicate || !sent[1].ID.IsZero() {
		t.Fatalf("%+v", sent)
	}
	again, err := b.service.Enqueue(b.ctx, b.ws, send)
	b.no(err)
	b.same(again, []messaging.Sent{{Duplicate: true}})
	b.drain()
	again, err = b.service.Enqueue(b.ctx, b.ws, send) // after it was sent, too
	b.no(err)
	b.same(again, []messaging.Sent{{Duplicate: true}})
	b.drain()
	b.same(b.outbox.count(sent[0].ID), 1)
	b.same(len(b.outbox.mails), 1)
}

func TestEnqueueFillsInWhatWasLeftOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.enqueue(
		messaging.Send{Key: "a", ContactID: contacts.ID{1}, TemplateID: messaging.TemplateID{1}, At: start.Add(-time.Hour)},
		messaging.Send{Key: "b", ContactID: contacts.ID{1}, TemplateID: messaging.TemplateID{1}, At: start.Add(time.Hour + time.Nanosecond), Class: messaging.Transactional})
	m := b.message(ids[0])
	if m.Class != messaging.Marketing || m.Data != attribute.Object(nil) || !m.DueAt.Equal(start) || !m.PlannedAt.Equal(start) || m.State != messaging.Planned {
		t.Errorf("%+v", m)
	}
	if m = b.message(ids[1]); m.Class != messaging.Transactional || !m.DueAt.Equal(start.Add(time.Hour)) {
		t.Errorf("%+v", m)
	}
}

func TestAMessageIsSentIfAndOnlyIfTheCallersTransactionCommits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	send := messaging.Send{Key: "k", ContactID: b.person("ana").ID, TemplateID: b.template().ID}
	undo := errors.New("undo")
	enqueue := func(answer error) error {
		return b.store.InTx(b.ctx, b.ws, func(ctx context.Context) error {
			if _, err := b.service.Enqueue(ctx, b.ws, send); err != nil {
				return err
			}
			return answer
		})
	}
	if err := enqueue(undo); !errors.Is(err, undo) {
		t.Fatal(err)
	}
	b.drain()
	b.same(len(b.outbox.mails), 0)
	b.no(enqueue(nil))
	b.drain()
	b.same(len(b.outbox.mails), 1)
}

func TestAMessageIsWrittenForItsRecipient(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.enqueue(messaging.Send{
		Key: "k", ContactID: b.person("ana").ID, TemplateID: b.template().ID, Data: attribute.Object(attribute.Set{"text": attribute.String("Hi!")}),
	})
	b.drain()
	want := messaging.Email{
		From: messaging.Address{Email: "news@acme.test"}, To: messaging.Address{Email: "ana@home.test"},
		MessageID: ids[0].String() + "@acme.test", Subject: "Hello ana", Text: "Hi!",
	}
	b.same(b.outbox.mails, []messaging.Email{want})
	m := b.message(ids[0])
	if m.State != messaging.Accepted || m.Address != "ana@home.test" || m.ProviderID != "250 "+want.MessageID || m.Attempts != 1 || !m.SettledAt.Equal(start) {
		t.Errorf("%+v", m)
	}
	b.toldOnce(b.ws, []messaging.Message{m})
}

func TestAMessageWaitsForItsTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.enqueue(messaging.Send{Key: "k", ContactID: b.person("ana").ID, TemplateID: b.template().ID, At: start.Add(time.Hour)})
	b.clock.Advance(time.Hour - time.Microsecond)
	b.drain()
	b.same(len(b.outbox.mails), 0)
	b.clock.Advance(time.Microsecond)
	b.drain()
	b.same(len(b.outbox.mails), 1)
}

func TestWhatCannotBeSentIsSettledAndLeavesItsNeighboursAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana, template := b.person("ana"), b.template()
	nobody, err := b.people.Identify(b.ctx, b.ws, contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.UserID, Value: "u"}}})
	b.no(err)
	nameless, err := b.people.Identify(b.ctx, b.ws, contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.Email, Value: "x@home.test"}}})
	b.no(err)
	send := func(key string, contact contacts.ID, template messaging.TemplateID) messaging.Send {
		return messaging.Send{Key: key, ContactID: contact, TemplateID: template}
	}
	ids := b.enqueue(
		send("first", ana.ID, template.ID), send("gone contact", contacts.ID{9}, template.ID), send("no address", nobody[0].Contact.ID, template.ID),
		send("no template", ana.ID, messaging.TemplateID{9}), send("does not render", nameless[0].Contact.ID, template.ID), send("last", ana.ID, template.ID))
	b.drain()
	want := []struct {
		state   messaging.State
		reason  messaging.Reason
		failure messaging.FailureClass
	}{
		{messaging.Accepted, "", ""},
		{messaging.Skipped, messaging.NoContact, ""},
		{messaging.Skipped, messaging.NoAddress, ""},
		{messaging.Failed, messaging.NoTemplate, ""},
		{messaging.Failed, messaging.BadContent, messaging.FailurePayload},
		{messaging.Accepted, "", ""},
	}
	var all []messaging.Message
	for i, id := range ids {
		m := b.message(id)
		all = append(all, m)
		if m.State != want[i].state || m.Reason != want[i].reason || m.Failure != want[i].failure {
			t.Errorf("%s: %s, %q, %q: want %+v", m.Key, m.State, m.Reason, m.Failure, want[i])
		}
	}
	b.same(len(b.outbox.mails), 2)
	b.toldOnce(b.ws, all)
}

func TestAnAbsorbedContactsMessageGoesToTheSurvivor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	device := contacts.Identity{Kind: contacts.AnonymousID, Value: "d"}
	anonymous, err := b.people.Identify(b.ctx, b.ws, contacts.Profile{Identities: []contacts.Identity{device}})
	b.no(err)
	b.person("ana")
	ids := b.enqueue(messaging.Send{Key: "k", ContactID: anonymous[0].Contact.ID, TemplateID: b.template().ID})
	_, err = b.people.Identify(b.ctx, b.ws, contacts.Profile{Identities: []contacts.Identity{device, {Kind: contacts.Email, Value: "ana@home.test"}}})
	b.no(err)
	b.drain()
	b.same(b.message(ids[0]).Address, "ana@home.test")
	b.same(b.outbox.count(ids[0]), 1)
}

func TestADeletedContactsMessagesAreForgotten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ana := b.person("ana")
	ids := b.enqueue(
		messaging.Send{Key: "a", ContactID: ana.ID, TemplateID: b.template().ID},
		messaging.Send{Key: "b", ContactID: contacts.ID{9}, TemplateID: messaging.TemplateID{1}, At: start.Add(time.Hour)})
	var absorbed []contacts.ID
	for i := range engage.MaxBatch + 1 {
		absorbed = append(absorbed, contacts.ID{8, byte(i >> 8), byte(i)})
	}
	deleted, err := engage.NewEnvelope(b.ctx, b.ws, contacts.Deleted{ContactID: ana.ID, Absorbed: absorbed}, engage.EventID{1}, start)
	b.no(err)
	consumer := b.service.Consumer()
	b.same(consumer.Events(), []string{deleted.Name})
	b.no(b.store.InShard(b.ctx, engage.DefaultShard, func(ctx context.Context) error {
		return consumer.Handle(ctx, b.ws, []engage.Envelope{deleted})
	}))
	_, err = b.service.Message(b.ctx, b.ws, ids[0])
	b.code(err, engage.NotFound)
	b.same(b.message(ids[1]).Key, "b")
}

func TestNewNamesEverythingThatIsMissing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := messaging.New(messaging.Deps{}, messaging.Config{MaxUnconfirmed: engage.MaxBatch + 1})
	b.code(err, engage.Invalid, "runtime.tx", "runtime.events", "templates", "messages", "contacts", "email", "max_unconfirmed")
	_, err = messaging.New(b.deps, messaging.Config{MaxUnconfirmed: -1, Lease: -1})
	b.code(err, engage.Invalid, "max_unconfirmed", "lease")
}
