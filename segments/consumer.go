package segments

import (
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
)

// Consumer follows what happens to contacts: it counts facts, judges the
// contacts that were touched, and tells of those that entered and exited
// segments. It also runs the builds and timers of this package.
//
// Identities are not among what conditions ask for, so their changes are passed
// over.
func (s *Service) Consumer() *engage.Consumer {
	c := engage.NewConsumer("segments")
	on(s, c, s.onCreated)
	on(s, c, s.onUpdated)
	on(s, c, s.onRecorded)
	on(s, c, s.onTagged)
	on(s, c, s.onSubscribed)
	on(s, c, s.onMerged)
	on(s, c, s.onDeleted)
	on(s, c, s.onTagChanged)
	on(s, c, s.onListChanged)
	on(s, c, s.onDefined)
	on(s, c, s.onBuild)
	on(s, c, s.onPurge)
	on(s, c, s.onTimer)
	on(s, c, s.onRecount)
	return c
}

// on runs a handler in the workspace's part of the consumer's transaction.
func on[E engage.Event](s *Service, c *engage.Consumer, handle func(ctx context.Context, ws engage.WorkspaceID, all []E) error) {
	engage.On(c, func(ctx context.Context, ws engage.WorkspaceID, received []engage.Received[E]) error {
		all := make([]E, len(received))
		for i, r := range received {
			all[i] = r.Payload
		}
		return s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error { return handle(ctx, ws, all) })
	})
}

func (s *Service) onCreated(ctx context.Context, ws engage.WorkspaceID, all []contacts.Created) error {
	return touch(ctx, s, ws, all, func(e contacts.Created) contacts.ID { return e.ContactID },
		func(x *index, _ contacts.Created) places { return x.everyone() })
}

func (s *Service) onUpdated(ctx context.Context, ws engage.WorkspaceID, all []contacts.Updated) error {
	return touch(ctx, s, ws, all, func(e contacts.Updated) contacts.ID { return e.ContactID },
		func(x *index, e contacts.Updated) places {
			var p places
			if len(e.Changes) == 0 { // the locale or the time zone
				p.join(x.zoned)
			}
			for _, change := range e.Changes {
				p.join(x.attributes[change.Key])
			}
			return p
		})
}

func (s *Service) onTagged(ctx context.Context, ws engage.WorkspaceID, all []contacts.TagAssigned) error {
	return touch(ctx, s, ws, all, func(e contacts.TagAssigned) contacts.ID { return e.ContactID },
		func(x *index, e contacts.TagAssigned) places { return x.tags[e.TagID.String()] })
}

func (s *Service) onSubscribed(ctx context.Context, ws engage.WorkspaceID, all []contacts.MembershipChanged) error {
	return touch(ctx, s, ws, all, func(e contacts.MembershipChanged) contacts.ID { return e.ContactID },
		func(x *index, e contacts.MembershipChanged) places { return x.lists[e.ListID.String()] })
}

// touch judges the contacts of events in the segments that those can concern.
func touch[E any](ctx context.Context, s *Service, ws engage.WorkspaceID, all []E, of func(E) contacts.ID, concerns func(*index, E) places) error {
	x, err := s.readIndex(ctx, ws)
	if err != nil {
		return err
	}
	b := s.newBatch(ws, x)
	for _, e := range all {
		b.judge(of(e), concerns(x, e))
	}
	return b.run(ctx)
}

// onRecorded counts events, and judges those whom they belong to now.
func (s *Service) onRecorded(ctx context.Context, ws engage.WorkspaceID, all []events.Recorded) error {
	recount, err := s.facts.Recount(ctx, ws)
	if err != nil {
		return err
	}
	did := make([]record, len(all))
	for i, e := range all {
		did[i] = record{e.EventID, e.ContactID, e.Name, e.OccurredAt}
	}
	touched, err := s.count(ctx, ws, recount, did)
	if err != nil || len(touched) == 0 {
		return err
	}
	x, err := s.readIndex(ctx, ws)
	if err != nil {
		return err
	}
	b := s.newBatch(ws, x)
	b.recount = &recount
	for _, key := range touched {
		b.judge(key.contact, x.events[key.event])
	}
	return b.run(ctx)
}

// onMerged gives survivors the facts of those they absorbed, whose memberships
// vanish, and judges the survivors.
func (s *Service) onMerged(ctx context.Context, ws engage.WorkspaceID, all []contacts.Merged) error {
	x, err := s.readIndex(ctx, ws)
	if err != nil {
		return err
	}
	b := s.newBatch(ws, x)
	absorptions, absorbed := make([]contacts.Absorption, len(all)), make([]contacts.ID, len(all))
	for i, m := range all {
		absorptions[i], absorbed[i] = contacts.Absorption(m), m.Absorbed
		b.judge(m.Survivor, x.everyone())
	}
	for chunk := range slices.Chunk(absorptions, engage.MaxBatch) {
		if err := s.facts.Move(ctx, ws, chunk); err != nil {
			return err
		}
	}
	if err := s.forgetMembers(ctx, ws, absorbed); err != nil {
		return err
	}
	return b.run(ctx)
}

// onDeleted forgets contacts. They exit nothing: who reacts to a contact's end
// has contacts.Deleted.
func (s *Service) onDeleted(ctx context.Context, ws engage.WorkspaceID, all []contacts.Deleted) error {
	var ids []contacts.ID
	for _, d := range all {
		ids = append(append(ids, d.ContactID), d.Absorbed...)
	}
	for chunk := range slices.Chunk(ids, engage.MaxBatch) {
		if err := s.facts.Forget(ctx, ws, chunk); err != nil {
			return err
		}
	}
	return s.forgetMembers(ctx, ws, ids)
}

func (s *Service) forgetMembers(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) error {
	for chunk := range slices.Chunk(ids, engage.MaxBatch) {
		if err := s.members.Forget(ctx, ws, chunk); err != nil {
			return err
		}
	}
	return nil
}

// onTagChanged breaks the segments that refer to tags that were deleted.
func (s *Service) onTagChanged(ctx context.Context, ws engage.WorkspaceID, all []contacts.TagChanged) error {
	var gone []string
	for _, e := range all {
		if e.Change == contacts.ChangeDeleted {
			gone = append(gone, e.TagID.String())
		}
	}
	return s.breakReferring(ctx, ws, "tag", gone, func(x *index, id string) places { return x.tags[id] })
}

// onListChanged breaks the segments that refer to lists that were deleted.
func (s *Service) onListChanged(ctx context.Context, ws engage.WorkspaceID, all []contacts.ListChanged) error {
	var gone []string
	for _, e := range all {
		if e.Change == contacts.ChangeDeleted {
			gone = append(gone, e.ListID.String())
		}
	}
	return s.breakReferring(ctx, ws, "list", gone, func(x *index, id string) places { return x.lists[id] })
}

// breakReferring breaks the segments that refer to what is gone, each for the
// first of it.
func (s *Service) breakReferring(ctx context.Context, ws engage.WorkspaceID, what string, gone []string, referring func(x *index, id string) places) error {
	if len(gone) == 0 {
		return nil
	}
	x, err := s.lockIndex(ctx, ws)
	if err != nil {
		return err
	}
	causes := map[int]string{}
	for _, id := range slices.Backward(gone) {
		p := referring(x, id)
		for _, at := range p.list() {
			causes[at] = "the " + what + " " + id + " was deleted"
		}
	}
	return s.breakThose(ctx, ws, x, causes)
}

// onDefined builds the segments anew that refer to an attribute whose values
// may now mean something else.
func (s *Service) onDefined(ctx context.Context, ws engage.WorkspaceID, all []contacts.AttributeDefined) error {
	x, err := s.lockIndex(ctx, ws)
	if err != nil {
		return err
	}
	var p places
	for _, e := range all {
		p.join(x.attributes[e.Key])
	}
	return s.rebuild(ctx, ws, x, p.list())
}
