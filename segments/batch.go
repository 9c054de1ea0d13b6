package segments

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
)

// batch judges contacts in segments, with a number of statements that does not
// depend on how many they are.
type batch struct {
	s  *Service
	ws engage.WorkspaceID
	x  *index
	// builds are the segments that are judged for a build: what differs from
	// their former revisions is told as rebuilt.
	builds places
	// renew has due times stored exactly. Otherwise a timer that is set stays as
	// long as it rings early enough: it costs a verdict more, and saves a write
	// with every event.
	renew bool
	// recount is how far facts say all that happened; nil: not asked yet.
	recount *Recount

	work map[contacts.ID]*places // what to judge, closed by references

	setting  *setting
	subjects []*subject
	rows     map[contacts.ID][]Membership
}

func (s *Service) newBatch(ws engage.WorkspaceID, x *index) *batch {
	return &batch{s: s, ws: ws, x: x, work: map[contacts.ID]*places{}}
}

// judge adds segments to what is judged of a contact.
func (b *batch) judge(id contacts.ID, p places) {
	if b.work[id] == nil {
		b.work[id] = &places{}
	}
	b.work[id].join(p)
}

// run judges all that was added, chunk by chunk.
func (b *batch) run(ctx context.Context) error {
	var ids []contacts.ID
	for id, p := range b.work {
		closed := b.x.closed(*p)
		if b.builds.bits.BitLen() > 0 {
			closed = *p // those that refer to them are built when they are
		}
		b.work[id] = &closed
		if closed.bits.BitLen() > 0 {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var err error
	if b.setting, err = b.s.setting(ctx, b.ws); err != nil {
		return err
	}
	slices.SortFunc(ids, contacts.ID.Compare)
	for chunk := range slices.Chunk(ids, engage.MaxBatch) {
		if err := b.chunk(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) chunk(ctx context.Context, ids []contacts.ID) error {
	var union places
	for _, id := range ids {
		union.join(*b.work[id])
	}
	if err := b.load(ctx, ids, union.list()); err != nil {
		return err
	}
	var asking []*subject
	for _, sub := range b.subjects {
		b.evaluate(sub)
		if len(sub.wants) > 0 {
			asking = append(asking, sub)
		}
	}
	if len(asking) > 0 {
		if err := b.recall(ctx, asking); err != nil {
			return err
		}
		for _, sub := range asking {
			b.evaluate(sub)
		}
	}
	return b.save(ctx)
}

// load reads all that conditions of the segments may ask of the contacts but
// their history. Memberships are locked before anything else is read, so that of
// two evaluations of a contact at once the later one sees what the former saw.
// Contacts that were absorbed or deleted meanwhile are left to the event that
// says so.
func (b *batch) load(ctx context.Context, ids []contacts.ID, union []int) error {
	var refs struct{ attributes, events, tags, lists bool }
	names, segments := map[string]bool{}, map[ID]bool{}
	for _, at := range union {
		r := b.x.segments[at].program.refs
		refs.attributes = refs.attributes || len(r.Attributes) > 0
		refs.events = refs.events || len(r.Events) > 0
		refs.tags = refs.tags || len(r.Tags) > 0
		refs.lists = refs.lists || len(r.Lists) > 0
		for _, name := range r.Events {
			names[name] = true
		}
		segments[b.x.segments[at].ID] = true
		for _, id := range parseAll(ID{}, r.Segments) {
			segments[id] = true
		}
	}
	if err := b.loadRows(ctx, slices.SortedFunc(maps.Keys(segments), ID.Compare), ids); err != nil {
		return err
	}
	found, err := b.s.contacts.Get(ctx, b.ws, ids)
	if err != nil {
		return err
	}
	b.subjects = b.subjects[:0]
	byID := make(map[contacts.ID]*subject, len(ids))
	for _, c := range found {
		if !c.IsAbsorbed() {
			byID[c.ID] = newSubject(b.setting, c)
			b.subjects = append(b.subjects, byID[c.ID])
		}
	}
	ids = slices.DeleteFunc(slices.Clone(ids), func(id contacts.ID) bool { return byID[id] == nil })
	if refs.attributes && b.s.schema != nil && b.setting.types == nil {
		definitions, err := b.s.schema.Definitions(ctx, b.ws, contacts.ObjectType)
		if err != nil {
			return err
		}
		b.setting.types = make(map[string]attribute.Type, len(definitions))
		for _, d := range definitions {
			b.setting.types[d.Key] = d.Type
		}
	}
	if refs.events {
		if b.recount == nil {
			recount, err := b.s.facts.Recount(ctx, b.ws)
			if err != nil {
				return err
			}
			b.recount = &recount
		}
		b.setting.counting = b.recount.isPartial()
		if err := b.loadFacts(ctx, ids, slices.Sorted(maps.Keys(names)), byID); err != nil {
			return err
		}
	}
	if refs.tags {
		taggings, err := b.s.taggings.Of(ctx, b.ws, ids)
		if err != nil {
			return err
		}
		for _, t := range taggings {
			sub := byID[t.ContactID]
			if sub.tags == nil {
				sub.tags = map[string]bool{}
			}
			sub.tags[t.TagID.String()] = true
		}
	}
	if refs.lists {
		subscriptions, err := b.s.subscriptions.Of(ctx, b.ws, ids)
		if err != nil {
			return err
		}
		for _, m := range subscriptions {
			sub := byID[m.ContactID]
			if sub.lists == nil {
				sub.lists = map[string]contacts.MembershipState{}
			}
			sub.lists[m.ListID.String()] = m.State
		}
	}
	return nil
}

func (b *batch) loadFacts(ctx context.Context, ids []contacts.ID, names []string, byID map[contacts.ID]*subject) error {
	for chunk := range slices.Chunk(names, engage.MaxBatch) {
		facts, err := b.s.facts.Get(ctx, b.ws, ids, chunk)
		if err != nil {
			return err
		}
		for _, f := range facts {
			sub := byID[f.ContactID]
			if sub.facts == nil {
				sub.facts = map[string]Fact{}
			}
			sub.facts[f.Event] = f
		}
	}
	return nil
}

func (b *batch) loadRows(ctx context.Context, segments []ID, ids []contacts.ID) error {
	b.rows = make(map[contacts.ID][]Membership, len(ids))
	rows, err := b.s.members.Lock(ctx, b.ws, segments, ids)
	if err != nil {
		return err
	}
	for _, m := range rows {
		b.rows[m.ContactID] = append(b.rows[m.ContactID], m)
	}
	return nil
}

// row is what is stored of a contact in a revision of a segment, if anything is.
func (b *batch) row(contact contacts.ID, segment ID, revision int) (m Membership, stored bool) {
	for _, m := range b.rows[contact] {
		if m.SegmentID == segment && m.Revision == revision {
			return m, true
		}
	}
	return Membership{SegmentID: segment, ContactID: contact, Revision: revision}, false
}

// evaluate judges a contact in its segments, those that others refer to first.
func (b *batch) evaluate(sub *subject) {
	sub.wants = sub.wants[:0]
	sub.segments, sub.verdicts = map[string]verdict{}, map[ID]verdict{}
	for _, at := range b.work[sub.contact.ID].list() {
		segment := &b.x.segments[at]
		for _, id := range parseAll(ID{}, segment.program.refs.Segments) {
			if _, known := sub.segments[id.String()]; !known {
				sub.segments[id.String()] = b.served(sub.contact.ID, id)
			}
		}
		v := segment.program.where.judge(sub)
		if v.next.Year() > 9999 {
			v.next = time.Time{} // no store keeps it, and nobody waits for it
		}
		if segment.State == Active {
			sub.segments[segment.ID.String()] = v
		}
		sub.verdicts[segment.ID] = v
	}
}

// served is what readers of a segment are told of a contact.
func (b *batch) served(contact contacts.ID, segment ID) verdict {
	at := b.x.place(segment)
	if at < 0 {
		return steady(false)
	}
	m, _ := b.row(contact, segment, b.x.segments[at].Served)
	return steady(m.Member)
}

// recall reads the history that subjects ask for: what they and those they
// absorbed did, the newest first, back to the earliest time that any asks for.
func (b *batch) recall(ctx context.Context, asking []*subject) error {
	ids := make([]contacts.ID, 0, len(asking))
	owner := make(map[contacts.ID]*subject, len(asking))
	names, since := map[string]bool{}, b.setting.now
	for _, sub := range asking {
		ids, owner[sub.contact.ID] = append(ids, sub.contact.ID), sub
		sub.history = map[string][]occurrence{}
		for _, w := range sub.wants {
			names[w.event] = true
			if w.since.Before(since) {
				since = w.since
			}
		}
	}
	absorbed, err := b.s.contacts.Absorbed(ctx, b.ws, ids)
	if err != nil {
		return err
	}
	for _, survivor := range slices.SortedFunc(maps.Keys(absorbed), contacts.ID.Compare) {
		for _, id := range absorbed[survivor] {
			ids, owner[id] = append(ids, id), owner[survivor]
		}
	}
	for chunk := range slices.Chunk(ids, engage.MaxBatch) {
		if err := b.recallChunk(ctx, chunk, owner, names, since); err != nil {
			return err
		}
	}
	for _, sub := range asking {
		for _, did := range sub.history {
			slices.SortFunc(did, func(x, y occurrence) int { return cmp.Or(x.at.Compare(y.at), x.id.Compare(y.id)) })
		}
	}
	return nil
}

func (b *batch) recallChunk(ctx context.Context, ids []contacts.ID, owner map[contacts.ID]*subject, names map[string]bool, since time.Time) error {
	query := events.Query{Contacts: ids, Descending: true, PageRequest: engage.PageRequest{Limit: engage.MaxPageSize}}
	if len(names) == 1 {
		for name := range names {
			query.Name = name
		}
	}
	for range historyPages {
		page, err := b.s.history.History(ctx, b.ws, query)
		if err != nil {
			return err
		}
		for _, e := range page.Items {
			if e.OccurredAt.Before(since) {
				return nil
			}
			if names[e.Name] {
				sub := owner[e.ContactID]
				sub.history[e.Name] = append(sub.history[e.Name], occurrence{e.OccurredAt, e.ID, e.Properties})
			}
		}
		if query.After = page.Next; page.Next == "" {
			return nil
		}
	}
	return &engage.Error{Code: engage.ResourceExhausted, Op: "segments.evaluate", Entity: "history"}
}

// save writes what the verdicts change and tells of it.
func (b *batch) save(ctx context.Context) error {
	var added, saved []Membership
	var told []engage.Event
	for _, sub := range b.subjects {
		id := sub.contact.ID
		for _, at := range b.work[id].list() {
			segment := &b.x.segments[at]
			if !segment.reached(id) {
				continue // the build judges the contact when it gets there
			}
			before, stored := b.row(id, segment.ID, segment.Revision)
			after, former := b.change(at, before, sub.verdicts[segment.ID])
			if former.Member != after.Member {
				told = append(told, transition(after, b.builds.has(at)))
			}
			switch {
			case after == before:
			case stored:
				saved = append(saved, after)
			case after.Member || !after.DueAt.IsZero(): // others need no row
				added = append(added, after)
			}
		}
	}
	if err := inBatches(ctx, b.ws, added, b.s.members.Add); err != nil {
		if errors.Is(err, engage.ErrAlreadyExists) { // another evaluation was faster: begin anew
			return &engage.Error{Code: engage.Unavailable, Op: "segments.evaluate", Err: err}
		}
		return err
	}
	if err := inBatches(ctx, b.ws, saved, b.s.members.Save); err != nil {
		return err
	}
	if len(told) == 0 {
		return nil
	}
	return b.s.rt.Events.Publish(ctx, b.ws, told...)
}

func inBatches(ctx context.Context, ws engage.WorkspaceID, rows []Membership, write func(context.Context, engage.WorkspaceID, []Membership) error) error {
	slices.SortFunc(rows, compareMemberships)
	for chunk := range slices.Chunk(rows, engage.MaxBatch) {
		if err := write(ctx, ws, chunk); err != nil {
			return err
		}
	}
	return nil
}

// change is what a verdict makes of a membership, and what readers were told
// before: in a build of a new filter, what the former one said.
func (b *batch) change(at int, before Membership, v verdict) (after, former Membership) {
	segment := &b.x.segments[at]
	after, former = before, before
	after.Member, after.DueAt = v.truth, b.due(before, v.next)
	if b.builds.has(at) && segment.Served > 0 {
		former, _ = b.row(before.ContactID, segment.ID, segment.Served)
	}
	switch {
	case former.Member != after.Member:
		after.Since = b.setting.now
	case after.Member:
		after.Since = former.Since
	}
	return after, former
}

// due is the time to store of a verdict that may change at next.
func (b *batch) due(before Membership, next time.Time) time.Time {
	stands := !before.DueAt.IsZero() && before.DueAt.After(b.setting.now) && (next.IsZero() || !before.DueAt.After(next))
	if stands && !b.renew {
		return before.DueAt
	}
	return next
}

func transition(m Membership, rebuilt bool) engage.Event {
	if m.Member {
		return Entered{SegmentID: m.SegmentID, ContactID: m.ContactID, Rebuilt: rebuilt}
	}
	return Exited{SegmentID: m.SegmentID, ContactID: m.ContactID, Rebuilt: rebuilt}
}

func compareMemberships(a, b Membership) int {
	return cmp.Or(a.ContactID.Compare(b.ContactID), a.SegmentID.Compare(b.SegmentID), cmp.Compare(a.Revision, b.Revision))
}
