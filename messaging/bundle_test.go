package messaging_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/adapters/memory/memmessaging"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/messaging"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// outbox is the other side of every send: it counts what it takes.
type outbox struct {
	mu    sync.Mutex
	taken map[string]int // by Message-ID
	mails []messaging.Email
	// answer says what becomes of the nth try of an email, from 1: whether it is
	// taken, and the error. nil takes everything.
	answer func(ctx context.Context, email messaging.Email, try int) (taken bool, err error)
	tries  map[string]int
}

func newOutbox() *outbox { return &outbox{taken: map[string]int{}, tries: map[string]int{}} }

func (o *outbox) SendEmail(ctx context.Context, _ engage.WorkspaceID, email messaging.Email) (messaging.Receipt, error) {
	o.mu.Lock()
	o.tries[email.MessageID]++
	try := o.tries[email.MessageID]
	o.mu.Unlock()
	taken, err := true, error(nil)
	if o.answer != nil {
		taken, err = o.answer(ctx, email, try)
	}
	if taken {
		o.mu.Lock()
		o.taken[email.MessageID]++
		o.mails = append(o.mails, email)
		o.mu.Unlock()
	}
	if errors.Is(err, errPanic) {
		panic("a sender's panic")
	}
	return messaging.Receipt{ProviderID: "250 " + email.MessageID, AcceptedAt: start}, err
}

// errPanic makes the outbox panic once it has decided.
var errPanic = errors.New("panic")

func (o *outbox) count(m messaging.MessageID) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.taken[m.String()+"@acme.test"]
}

// testBundle is a service over an empty store.
type testBundle struct {
	t       *testing.T
	ctx     context.Context
	clock   *engage.ManualClock
	store   *memory.Store
	people  *contacts.Service
	ledger  *memmessaging.Messages
	outbox  *outbox
	deps    messaging.Deps
	cfg     messaging.Config
	service *messaging.Service
	ws      engage.WorkspaceID
	other   engage.WorkspaceID
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	clock := engage.NewManualClock(start)
	store := memory.New(memory.Config{Clock: clock})
	rt := engage.Runtime{Tx: store, Events: store, Clock: clock}
	people, err := contacts.New(contacts.Deps{
		Runtime: rt, Contacts: memcontacts.NewContacts(store), Schema: memcontacts.NewAttributes(store),
		Tags: memcontacts.NewTags(store), Taggings: memcontacts.NewTaggings(store),
		Lists: memcontacts.NewLists(store), Members: memcontacts.NewMembers(store),
	}, contacts.Config{})
	if err != nil {
		t.Fatal(err)
	}
	b := &testBundle{
		t: t, ctx: t.Context(), clock: clock, store: store, people: people, ledger: memmessaging.NewMessages(store), outbox: newOutbox(),
		ws: engage.WorkspaceID{1}, other: engage.WorkspaceID{2},
	}
	b.deps = messaging.Deps{
		Runtime: rt, Templates: memmessaging.NewTemplates(store), Messages: b.ledger, Due: b.ledger, Contacts: people, Email: b.outbox,
	}
	b.restart()
	return b
}

// restart drops the service, as a killed process does, and makes a new one over
// the same store.
func (b *testBundle) restart() {
	b.t.Helper()
	service, err := messaging.New(b.deps, b.cfg)
	b.no(err)
	b.service = service
}

// step lets the dispatcher work once.
func (b *testBundle) step() (int, error) { return stepOf(b.ctx, b.service) }

func stepOf(ctx context.Context, s *messaging.Service) (int, error) {
	loop, ok := s.Workers()[0].(*engage.Loop)
	if !ok {
		panic("the dispatcher is no Loop")
	}
	return loop.Step(ctx)
}

// drain lets the dispatcher work until there is nothing left to do now.
func (b *testBundle) drain() {
	b.t.Helper()
	for n := -1; n != 0; {
		var err error
		n, err = b.step()
		b.no(err)
	}
}

func (b *testBundle) no(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("unexpected error: %v", err)
	}
}

func (b *testBundle) code(err error, want engage.Code, paths ...string) {
	b.t.Helper()
	if got := engage.CodeOf(err); got != want {
		b.t.Fatalf("code %q, want %q: %v", got, want, err)
	}
	var got []string
	for _, f := range engage.FieldsOf(err) {
		got = append(got, f.Path)
	}
	if len(paths) > 0 && !slices.Equal(got, paths) {
		b.t.Fatalf("faults at %q, want %q", got, paths)
	}
}

func (b *testBundle) same(got, want any) {
	b.t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b attribute.Value) bool { return a == b })); diff != "" {
		b.t.Fatalf("-want +got:\n%s", diff)
	}
}

func (b *testBundle) person(name string) contacts.Contact {
	b.t.Helper()
	return b.personOf(b.ws, name)
}

func (b *testBundle) personOf(ws engage.WorkspaceID, name string) contacts.Contact {
	b.t.Helper()
	identified, err := b.people.Identify(b.ctx, ws, contacts.Profile{
		Identities: []contacts.Identity{{Kind: contacts.Email, Value: name + "@home.test"}},
		Attributes: attribute.Set{"first_name": attribute.String(name)},
	})
	b.no(err)
	return identified[0].Contact
}

func greeting() messaging.SavedTemplate {
	return messaging.SavedTemplate{
		Name: "Greeting", From: messaging.Address{Email: "news@acme.test"},
		Content: messaging.Template{Subject: `Hello {{ contact.first_name }}`, Text: `{{ data.text | default: "…" }}`},
	}
}

func (b *testBundle) template() messaging.SavedTemplate {
	b.t.Helper()
	return b.templateOf(b.ws)
}

func (b *testBundle) templateOf(ws engage.WorkspaceID) messaging.SavedTemplate {
	b.t.Helper()
	template, err := b.service.CreateTemplate(b.ctx, ws, greeting())
	b.no(err)
	return template
}

// enqueue plans messages and answers their ids.
func (b *testBundle) enqueue(sends ...messaging.Send) []messaging.MessageID {
	b.t.Helper()
	return b.enqueueOf(b.ws, sends...)
}

func (b *testBundle) enqueueOf(ws engage.WorkspaceID, sends ...messaging.Send) []messaging.MessageID {
	b.t.Helper()
	var ids []messaging.MessageID
	for chunk := range slices.Chunk(sends, engage.MaxBatch) {
		sent, err := b.service.Enqueue(b.ctx, ws, chunk...)
		b.no(err)
		for _, s := range sent {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

func (b *testBundle) message(id messaging.MessageID) messaging.Message {
	b.t.Helper()
	m, err := b.service.Message(b.ctx, b.ws, id)
	b.no(err)
	return m
}

// messages answers the messages of a workspace, by id.
func (b *testBundle) messages(ws engage.WorkspaceID, ids []messaging.MessageID) []messaging.Message {
	b.t.Helper()
	var all []messaging.Message
	for chunk := range slices.Chunk(ids, engage.MaxBatch) {
		found, err := b.ledger.Get(b.ctx, ws, chunk)
		b.no(err)
		all = append(all, found...)
	}
	return all
}

// settledEvents are the payloads of settled messages that the log holds, by
// message.
func (b *testBundle) settledEvents(ws engage.WorkspaceID) map[string]int {
	b.t.Helper()
	read, err := b.store.Read(b.ctx, engage.DefaultShard, engage.PartitionOf(ws), 0, 1_000_000)
	b.no(err)
	told := map[string]int{}
	for _, slice := range read {
		for _, e := range slice.Events {
			if e.Workspace == ws && e.Name == (messaging.MessageSettled{}).EventName() {
				_, rest, _ := strings.Cut(string(e.Data), `"message_id":"`)
				id, _, _ := strings.Cut(rest, `"`)
				told[id]++
			}
		}
	}
	return told
}

// toldOnce fails the test unless each of the messages that is settled was told of
// once, and the others were not.
func (b *testBundle) toldOnce(ws engage.WorkspaceID, all []messaging.Message) {
	b.t.Helper()
	told := b.settledEvents(ws)
	for _, m := range all {
		want := 0
		if m.State.IsFinal() {
			want = 1
		}
		if got := told[m.ID.String()]; got != want {
			b.t.Errorf("message %s, %s: %d events, want %d", m.ID, m.State, got, want)
		}
	}
}

// brokenTx is a transactor whose shard transactions fail when it says so.
type brokenTx struct {
	engage.Transactor
	mu sync.Mutex
	// fails decides about the nth transaction, from 1: whether it takes effect,
	// and its error.
	fails func(n int) (commits bool, err error)
	n     int
}

func (o *brokenTx) InShard(ctx context.Context, shard engage.Shard, fn func(context.Context) error) error {
	o.mu.Lock()
	o.n++
	commits, failure := o.fails(o.n)
	o.mu.Unlock()
	if failure == nil || commits {
		if err := o.Transactor.InShard(ctx, shard, fn); err != nil {
			return err
		}
		return failure
	}
	return o.Transactor.InShard(ctx, shard, func(ctx context.Context) error {
		if err := fn(ctx); err != nil {
			return err
		}
		return failure
	})
}

var errDown = &engage.Error{Code: engage.Unavailable, Op: "outage"}

// moveAddress gives a person another address.
func (b *testBundle) moveAddress(from, to string) {
	b.t.Helper()
	ana := b.person(from)
	_, err := b.people.Update(b.ctx, b.ws, ana.ID, func(c *contacts.Contact) error {
		c.Remove(contacts.IdentityKey{Kind: contacts.Email, Value: from + "@home.test"})
		c.Add(contacts.Identity{Kind: contacts.Email, Value: to + "@home.test"})
		return nil
	})
	b.no(err)
}
