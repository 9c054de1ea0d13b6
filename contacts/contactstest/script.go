package contactstest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/contacts/timeline"
)

// RunScript plays a number of random operations through the services of contacts
// over an adapter and answers everything there is afterwards: the outcome of
// each operation, the domain events in the order of their commits, and the dump
// of both workspaces. The script depends on the seed alone, its clock is set by
// hand and its ids are drawn from the seed, so two adapters that keep the ports'
// contracts answer the same text, byte for byte. The test fails when what is
// stored differs from what a naive model says.
//
// The operations identify, promote and merge contacts, update and delete them,
// tag them, move them through lists, record events once and again, define
// attributes, roll back, roll back within a transaction that goes on, and name
// objects of the other workspace. Names, identities and attributes are those
// that databases confuse.
//
// The workspaces are new ones, so a database may be used again.
func RunScript(t *testing.T, a Adapter, seed uint64, operations int) (dump string) {
	t.Helper()
	s := newScript(t, a, seed)
	for range operations {
		s.step(t.Context())
	}
	for _, side := range s.sides {
		s.deliver(t.Context(), side)
		side.check(t.Context(), s)
		s.log.WriteString(Dump(t.Context(), t, a, side.ws))
	}
	return s.log.String()
}

// script is a run of RunScript.
type script struct {
	t      *testing.T
	a      Adapter
	random *rand.Rand
	clock  *engage.ManualClock
	log    strings.Builder
	sides  [2]*side

	devices int // that visited so far

	contacts  *contacts.Service
	events    *events.Service
	consumers []*engage.Consumer
}

// side is one of the script's two workspaces: what it was told so far.
type side struct {
	*model
	ws        engage.WorkspaceID
	ids       []contacts.ID
	tags      []contacts.TagID
	lists     []contacts.ListID
	published []engage.Envelope // committed
}

func newScript(t *testing.T, a Adapter, seed uint64) *script {
	t.Helper()
	var key [32]byte
	copy(key[:], fmt.Sprintf("%032d", seed))
	s := &script{t: t, a: a, random: rand.New(rand.NewChaCha8(key)), clock: engage.NewManualClock(start)}
	key[0] = 'i'
	ids := engage.NewIDSource(s.clock, rand.NewChaCha8(key))
	workspaces := engage.NewIDSource(s.clock, nil)
	for i := range s.sides {
		s.sides[i] = &side{ws: engage.WorkspaceID(workspaces.NewID()), model: newModel()}
	}
	runtime := engage.Runtime{Tx: a.Tx, Events: recorder{s, ids}, Clock: s.clock, IDs: ids}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	s.contacts, err = contacts.New(contacts.Deps{
		Runtime: runtime, Contacts: a.Contacts, Schema: a.Attributes, Tags: a.Tags, Taggings: a.Taggings, Lists: a.Lists, Members: a.Members,
	}, contacts.Config{})
	must(err)
	s.events, err = events.New(events.Deps{Runtime: runtime, Events: a.Events, Contacts: a.Existing}, events.Config{})
	must(err)
	lines, err := timeline.New(timeline.Deps{Runtime: runtime, Entries: a.Timeline, History: s.contacts}, timeline.Config{})
	must(err)
	s.consumers = []*engage.Consumer{lines.Consumer(), s.events.Consumer()}
	return s
}

// recorder publishes, and notes what was committed.
type recorder struct {
	*script
	ids engage.IDSource
}

func (r recorder) Publish(ctx context.Context, ws engage.WorkspaceID, published ...engage.Event) error {
	if err := r.a.Publisher.Publish(ctx, ws, published...); err != nil {
		return err
	}
	envelopes := make([]engage.Envelope, len(published))
	for i, event := range published {
		var err error
		if envelopes[i], err = engage.NewEnvelope(ctx, ws, event, engage.EventID(r.ids.NewID()), r.clock.Now()); err != nil {
			return err
		}
	}
	return r.a.Tx.AfterCommit(ctx, func() {
		for _, side := range r.sides {
			if side.ws == ws {
				side.published = append(side.published, envelopes...)
			}
		}
		for _, e := range envelopes {
			fmt.Fprintf(&r.log, "  published %s %s %s\n", e.Name, e.Subject, e.Data)
		}
	})
}

// step is an operation, or a block of them in a transaction.
func (s *script) step(ctx context.Context) {
	s.clock.Advance(pick(s.random, 0, 0, time.Microsecond, time.Millisecond, 7*time.Second, -3*time.Millisecond))
	side := s.sides[s.random.IntN(len(s.sides))]
	if s.random.IntN(12) == 0 {
		s.block(ctx, side, 0)
		return
	}
	s.operation(ctx, side)
}

var errUndo = errors.New("undo")

// block runs operations in a transaction, some of them nested, and undoes half
// of the transactions.
func (s *script) block(ctx context.Context, side *side, depth int) {
	fmt.Fprintf(&s.log, "begin %d\n", depth)
	before := side.clone()
	err := s.a.Tx.InTx(ctx, side.ws, func(ctx context.Context) error {
		for range 1 + s.random.IntN(4) {
			if depth < 2 && s.random.IntN(4) == 0 {
				s.block(ctx, side, depth+1)
			} else {
				s.operation(ctx, side)
			}
		}
		if s.random.IntN(2) == 0 {
			return errUndo
		}
		return nil
	})
	if errors.Is(err, errUndo) {
		side.model = before
	} else if err != nil {
		s.t.Fatalf("a transaction failed: %v", err)
	}
	fmt.Fprintf(&s.log, "end %d %t\n", depth, err == nil)
}

// operation is one call of a service, of each kind as often as its weight says.
func (s *script) operation(ctx context.Context, side *side) {
	type operation struct {
		weight int
		name   string
		run    func(context.Context, *target) error
	}
	x := &target{side: side, names: side}
	if s.random.IntN(10) == 0 { // with the ids of the other workspace
		x.names = s.sides[0]
		if side == s.sides[0] {
			x.names = s.sides[1]
		}
	}
	all := []operation{
		{8, "identify", s.identify},
		{14, "visit", s.visit},
		{10, "meet", s.meet},
		{6, "update", s.update},
		{1, "delete", s.remove},
		{3, "create tag", s.createTag},
		{1, "rename tag", s.renameTag},
		{1, "delete tag", s.deleteTag},
		{8, "tag", s.tag},
		{3, "create list", s.createList},
		{1, "update list", s.updateList},
		{1, "delete list", s.deleteList},
		{8, "move", s.moveMembers},
		{10, "append", s.appendEvents},
		{1, "define", s.define},
		{1, "deliver", s.deliverNow},
	}
	sum := 0
	for _, o := range all {
		sum += o.weight
	}
	n := s.random.IntN(sum)
	for _, o := range all {
		if n -= o.weight; n < 0 {
			err := o.run(ctx, x)
			fmt.Fprintf(&s.log, "%s: %s\n", o.name, engage.CodeOf(err))
			if code := engage.CodeOf(err); code == engage.Internal || code == engage.Unavailable {
				s.t.Errorf("%s: %v", o.name, err)
			}
			return
		}
	}
}

// target is a workspace and the one whose objects an operation names: the same,
// but for one operation in ten.
type target struct {
	*side
	names *side
}

func (x *target) foreign() bool { return x.names != x.side }

func (s *script) identify(ctx context.Context, x *target) error {
	var profiles []contacts.Profile
	for range 1 + s.random.IntN(3) {
		p := contacts.Profile{
			Attributes: s.attributes(), Locale: pick(s.random, "", "", "de-CH", "fr", "not a locale"),
			TimeZone: pick(s.random, "", "", "Asia/Kolkata", "Europe/Zurich", "Mars/Olympus"),
		}
		if s.random.IntN(20) > 0 { // invalid ones spoil the whole call
			p.Locale, p.TimeZone = strings.TrimPrefix(p.Locale, "not a locale"), strings.TrimPrefix(p.TimeZone, "Mars/Olympus")
		}
		for range 1 + s.random.IntN(3) {
			p.Identities = append(p.Identities, s.identity())
		}
		profiles = append(profiles, p)
	}
	return s.identified(ctx, x, profiles)
}

// visit names a device alone, which makes anonymous contacts.
func (s *script) visit(ctx context.Context, x *target) error {
	s.devices++
	return s.identified(ctx, x, []contacts.Profile{{Identities: []contacts.Identity{s.device()}, Attributes: s.attributes()}})
}

// device is one of those seen last, or any that is hard to keep apart.
func (s *script) device() contacts.Identity {
	value := fmt.Sprintf("Device-%d ", s.devices-s.random.IntN(12))
	if s.random.IntN(5) == 0 {
		value = pick(s.random, hostile()...)
	}
	return contacts.Identity{Kind: contacts.AnonymousID, Value: value}
}

// meet names a user and several devices in one profile, so that contacts merge.
func (s *script) meet(ctx context.Context, x *target) error {
	p := contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.UserID, Value: pick(s.random, hostile()[:5]...)}}}
	for range 4 {
		p.Identities = append(p.Identities, s.device())
	}
	return s.identified(ctx, x, []contacts.Profile{p})
}

func (s *script) identified(ctx context.Context, x *target, profiles []contacts.Profile) error {
	got, err := s.contacts.Identify(ctx, x.ws, profiles...)
	if err == nil {
		for _, one := range got {
			x.ids = append(append(x.ids, one.Contact.ID), one.Absorbed...)
		}
		if problem := x.identify(s.clock.Now(), profiles, got); problem != "" {
			s.t.Errorf("identify %+v: %s", profiles, problem)
		}
	}
	return err
}

func (s *script) update(ctx context.Context, x *target) error {
	id := s.contact(x.names)
	edits, added := s.attributes(), s.identity()
	removes, locale := s.random.IntN(3), pick(s.random, "", "fr", "en-GB")
	got, err := s.contacts.Update(ctx, x.ws, id, func(c *contacts.Contact) error {
		if c.Attributes == nil {
			c.Attributes = attribute.Set{}
		}
		for key, value := range edits {
			c.Attributes[key] = value
		}
		if len(c.Identities) > removes {
			c.Remove(c.Identities[removes].Key())
		}
		if removes == 0 {
			c.Add(added)
		}
		c.Locale = locale
		return nil
	})
	if problem := x.updated(id, got, err, x.foreign()); problem != "" {
		s.t.Errorf("update: %s", problem)
	}
	return err
}

func (s *script) remove(ctx context.Context, x *target) error {
	id := s.contact(x.names)
	err := s.contacts.Delete(ctx, x.ws, id)
	if problem := x.deleted(id, err); problem != "" {
		s.t.Errorf("delete: %s", problem)
	}
	return err
}

func (s *script) createTag(ctx context.Context, x *target) error {
	tag, err := s.contacts.CreateTag(ctx, x.ws, pick(s.random, hostile()...))
	if err == nil {
		x.tags = append(x.tags, tag.ID)
	}
	return err
}

func (s *script) renameTag(ctx context.Context, x *target) error {
	_, err := s.contacts.RenameTag(ctx, x.ws, pick(s.random, x.names.tags...), pick(s.random, hostile()...))
	return err
}

func (s *script) deleteTag(ctx context.Context, x *target) error {
	return s.contacts.DeleteTag(ctx, x.ws, pick(s.random, x.names.tags...))
}

func (s *script) tag(ctx context.Context, x *target) error {
	change := pick(s.random, s.contacts.AddTag, s.contacts.AddTag, s.contacts.AddTag, s.contacts.RemoveTag)
	n, err := change(ctx, x.ws, pick(s.random, x.names.tags...), s.contact(x.side), s.contact(x.side))
	fmt.Fprintf(&s.log, "  %d\n", n)
	return err
}

func (s *script) createList(ctx context.Context, x *target) error {
	list, err := s.contacts.CreateList(ctx, x.ws, pick(s.random, hostile()...), pick(s.random, contacts.Public, contacts.Private, ""))
	if err == nil {
		x.lists = append(x.lists, list.ID)
	}
	return err
}

func (s *script) updateList(ctx context.Context, x *target) error {
	_, err := s.contacts.UpdateList(ctx, x.ws, pick(s.random, x.names.lists...), func(l *contacts.List) error {
		l.Name, l.Visibility = pick(s.random, hostile()...), contacts.Public
		return nil
	})
	return err
}

func (s *script) deleteList(ctx context.Context, x *target) error {
	return s.contacts.DeleteList(ctx, x.ws, pick(s.random, x.names.lists...))
}

func (s *script) moveMembers(ctx context.Context, x *target) error {
	var wanted []contacts.Membership
	for range 1 + s.random.IntN(2) {
		wanted = append(wanted, contacts.Membership{
			ListID: pick(s.random, x.lists...), ContactID: s.contact(x.names), Source: pick(s.random, "form", "import 😀", ""),
			State: pick(s.random, contacts.Pending, contacts.Subscribed, contacts.Subscribed, contacts.Unsubscribed, contacts.Bounced, contacts.Complained),
		})
	}
	n, err := s.contacts.SetMemberships(ctx, x.ws, wanted...)
	fmt.Fprintf(&s.log, "  %d\n", n)
	return err
}

func (s *script) appendEvents(ctx context.Context, x *target) error {
	var inputs []events.Input
	for range 1 + s.random.IntN(4) {
		in := events.Input{ContactID: s.contact(x.names), Name: pick(s.random, hostile()...), Properties: attribute.Object(s.attributes())}
		if s.random.IntN(4) > 0 {
			in.MessageID = fmt.Sprintf("message-%d", s.random.IntN(200))
		}
		in.OccurredAt = pick(s.random, time.Time{}, s.clock.Now().Add(-90*24*time.Hour), s.clock.Now().Add(time.Hour), time.Unix(1, 1))
		if len(in.Name) > events.MaxNameBytes && s.random.IntN(4) > 0 {
			in.Name = "signed_in"
		}
		inputs = append(inputs, in)
	}
	got, err := s.events.Append(ctx, x.ws, inputs...)
	if problem := x.appended(inputs, got, err); problem != "" {
		s.t.Errorf("append: %s", problem)
	}
	return err
}

func (s *script) define(ctx context.Context, x *target) error {
	d := attribute.Definition{Key: pick(s.random, attributeKeys...), Type: pick(s.random, attribute.Types()...), Label: pick(s.random, hostile()...)}
	if d.Type == attribute.TypeEnum {
		d.Options = hostile()
	}
	if d.Type == attribute.TypeList {
		d.Element = attribute.TypeString
	}
	return s.contacts.DefineAttributes(ctx, x.ws, d)
}

func (s *script) deliverNow(ctx context.Context, x *target) error {
	s.deliver(ctx, x.side)
	return nil
}

// deliver gives what was committed to the consumers, and a part of it again.
func (s *script) deliver(ctx context.Context, side *side) {
	from := max(0, side.delivered-s.random.IntN(3))
	for _, consumer := range s.consumers {
		if err := consumer.Handle(ctx, side.ws, side.published[from:]); err != nil {
			s.t.Fatalf("%s: %v", consumer.Name(), err)
		}
	}
	side.forget(side.published[from:])
	side.delivered = len(side.published)
}

// contact answers a contact that stands, or now and then any that ever was.
func (s *script) contact(x *side) contacts.ID {
	if s.random.IntN(8) == 0 {
		return pick(s.random, x.ids...)
	}
	return pick(s.random, slices.SortedFunc(maps.Keys(x.people), contacts.ID.Compare)...)
}

func (s *script) identity() contacts.Identity {
	kind := pick(s.random, contacts.UserID, contacts.Email, contacts.Phone, contacts.AnonymousID, contacts.Custom("crm"))
	values := hostile()
	switch kind {
	case contacts.Email:
		values = []string{
			"Ana@Acme.test", "ana@acme.test", "\u00a0ana@acme.test ", "ÅSA@acme.test", "a\u030asa@acme.test", "straße@acme.test",
			"STRASSE@acme.test", "ﬁ@acme.test", "fi@acme.test", "dotless\u0131@acme.test", strings.Repeat("x", 244) + "@acme.test",
		}
	case contacts.Phone:
		values = []string{"+33 6 12 34 56 78", "+33612345678", "+41 (79) 123-45-67", "+41791234567"}
	case contacts.AnonymousID:
		return s.device()
	case contacts.UserID:
	default:
		values = values[:8]
	}
	i := contacts.Identity{Kind: kind, Value: pick(s.random, values...)}
	if s.random.IntN(60) == 0 {
		i.Value = pick(s.random, "", "a\x00b", "tab\t", strings.Repeat("x", engage.MaxKeyBytes+1))
	}
	if s.random.IntN(5) == 0 {
		i.VerifiedAt = s.clock.Now()
	}
	return i
}

var attributeKeys = []string{"plan", "Plan", "plan ", "pläne", "😀", "n", "a b", "<a>", strings.Repeat("k", attribute.MaxKeyBytes)}

func (s *script) attributes() attribute.Set {
	set := attribute.Set{}
	for range s.random.IntN(4) {
		text := attribute.String(pick(s.random, hostile()...) + "<&>\u2028")
		big, _ := attribute.Decimal("12345678901234567890.000000000000000000001")
		exact, _ := attribute.Parse([]byte(`{"b":1e3,"a":[1.50,-0,null],"a b":9007199254740993}`))
		set[pick(s.random, attributeKeys...)] = pick(s.random, text, text, attribute.Null, attribute.Integer(1<<53+1), attribute.Integer(-1),
			attribute.Boolean(true), attribute.Datetime(s.clock.Now()), attribute.Date(2024, 2, 29), big, exact,
			attribute.List(text, attribute.Null), attribute.String("12"), attribute.String(""))
	}
	return set
}

// pick answers one of the values, the zero value of none.
func pick[T any](random *rand.Rand, values ...T) T {
	if len(values) == 0 {
		var zero T
		return zero
	}
	return values[random.IntN(len(values))]
}
