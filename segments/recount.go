package segments

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
)

// Phase is a part of a recount.
type Phase string

// The phases of a recount, in their order.
const (
	Clearing Phase = "clearing" // facts and marks are removed; nothing is counted
	Scanning Phase = "scanning" // stored events are counted, and new ones, each once
	Cleaning Phase = "cleaning" // facts are whole again; marks are removed
)

// Recount is where counting a workspace's facts anew stands. The zero Recount is
// none.
type Recount struct {
	Run   engage.EventID // tells one recount from the next
	Phase Phase
}

// isPartial reports whether facts say less than what happened.
func (r Recount) isPartial() bool { return r.Phase == Clearing || r.Phase == Scanning }

// Rebuild counts all facts of a workspace anew from its events, and then builds
// the segments that ask for them. It begins when the consumer gets there and
// goes on page by page, in order with everything else; conditions on events
// read the history until it is done. A second call begins anew.
//
// Facts follow events by themselves. Call it after events were written or
// removed in the database by other means.
func (s *Service) Rebuild(ctx context.Context, ws engage.WorkspaceID) error {
	return s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		return s.rt.Events.Publish(ctx, ws, RecountStep{Run: engage.EventID(s.rt.IDs.NewID()), Phase: Clearing, First: true})
	})
}

// onRecount takes the steps that were asked for.
//
// That each event is counted once does not depend on when it becomes visible:
// while stored events are scanned, both the scan and the consumer mark what they
// count and pass over what is marked. The scan ends with a step behind
// everything that it saw in the log, so that what comes after it is new.
func (s *Service) onRecount(ctx context.Context, ws engage.WorkspaceID, all []RecountStep) error {
	for _, step := range all {
		now, err := s.facts.Recount(ctx, ws)
		if err != nil {
			return err
		}
		if !step.First && now.Run != step.Run {
			continue // another one has begun since
		}
		if err := s.recountStep(ctx, ws, step); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) recountStep(ctx context.Context, ws engage.WorkspaceID, step RecountStep) error {
	next, done := step, false
	next.First = false
	var err error
	switch step.Phase {
	case Clearing:
		var facts, marks int
		if facts, err = s.facts.Reset(ctx, ws, Facts, purgeSize); err == nil {
			marks, err = s.facts.Reset(ctx, ws, Marks, purgeSize)
		}
		if facts+marks == 0 {
			next.Phase = Scanning
		}
	case Scanning:
		if step.Last { // what the scan saw has been consumed
			next.Phase, next.Last, next.After = Cleaning, false, ""
			err = s.rebuildCounted(ctx, ws)
			break
		}
		next.After, err = s.scan(ctx, ws, step)
		next.Last = next.After == ""
	case Cleaning:
		var marks int
		marks, err = s.facts.Reset(ctx, ws, Marks, purgeSize)
		done = marks == 0
	}
	if err != nil {
		return err
	}
	if done {
		return s.facts.SetRecount(ctx, ws, Recount{})
	}
	if step.First || next.Phase != step.Phase {
		if err := s.facts.SetRecount(ctx, ws, Recount{Run: step.Run, Phase: next.Phase}); err != nil {
			return err
		}
	}
	return s.rt.Events.Publish(ctx, ws, next)
}

// scan counts a page of stored events and answers where the next one begins.
func (s *Service) scan(ctx context.Context, ws engage.WorkspaceID, step RecountStep) (engage.Cursor, error) {
	page, err := s.history.Scan(ctx, ws, engage.PageRequest{After: step.After, Limit: engage.MaxPageSize})
	if err != nil {
		return "", err
	}
	did := make([]record, len(page.Items))
	for i, e := range page.Items {
		did[i] = record{e.ID, e.ContactID, e.Name, e.OccurredAt}
	}
	_, err = s.count(ctx, ws, Recount{Run: step.Run, Phase: Scanning}, did)
	return page.Next, err
}

// rebuildCounted has the segments built anew that facts decide.
func (s *Service) rebuildCounted(ctx context.Context, ws engage.WorkspaceID) error {
	x, err := s.lockIndex(ctx, ws)
	if err != nil {
		return err
	}
	var p places
	for _, concerned := range x.events {
		p.join(concerned)
	}
	return s.rebuild(ctx, ws, x, p.list())
}

// record is an event as counting needs it.
type record struct {
	id      events.ID
	contact contacts.ID
	event   string
	at      time.Time
}

// count adds events to the facts of those whom they belong to now, as far as a
// recount leaves that to it, and answers whose facts they concern, ordered.
func (s *Service) count(ctx context.Context, ws engage.WorkspaceID, recount Recount, did []record) ([]factKey, error) {
	ids := map[contacts.ID]bool{}
	for _, d := range did {
		ids[d.contact] = true
	}
	owners, err := s.owners(ctx, ws, slices.SortedFunc(maps.Keys(ids), contacts.ID.Compare))
	if err != nil {
		return nil, err
	}
	isNew := slices.Repeat([]bool{recount.Phase != Clearing}, len(did))
	if recount.Phase == Scanning {
		if isNew, err = s.mark(ctx, ws, did); err != nil {
			return nil, err
		}
	}
	touched, counted := map[factKey]bool{}, map[factKey]*Fact{}
	for i, d := range did {
		owner, stands := owners[d.contact]
		if !stands {
			continue // deleted meanwhile
		}
		key := factKey{owner, d.event}
		touched[key] = true
		if !isNew[i] {
			continue
		}
		if counted[key] == nil {
			counted[key] = &Fact{ContactID: owner, Event: d.event}
		}
		counted[key].add(Fact{Count: 1, FirstAt: d.at, LastAt: d.at})
	}
	facts := make([]Fact, 0, len(counted))
	for _, key := range slices.SortedFunc(maps.Keys(counted), factKey.compare) {
		facts = append(facts, *counted[key])
	}
	for chunk := range slices.Chunk(facts, engage.MaxBatch) {
		if err := s.facts.Add(ctx, ws, chunk); err != nil {
			return nil, err
		}
	}
	return slices.SortedFunc(maps.Keys(touched), factKey.compare), nil
}

func (s *Service) mark(ctx context.Context, ws engage.WorkspaceID, did []record) ([]bool, error) {
	var isNew []bool
	for chunk := range slices.Chunk(did, engage.MaxBatch) {
		ids := make([]events.ID, len(chunk))
		for i, d := range chunk {
			ids[i] = d.id
		}
		marked, err := s.facts.Once(ctx, ws, ids)
		if err != nil {
			return nil, err
		}
		isNew = append(isNew, marked...)
	}
	return isNew, nil
}

// owners answers whom ids stand for now: an absorbed contact's id for its
// survivor. Deleted ones are left out.
func (s *Service) owners(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) (map[contacts.ID]contacts.ID, error) {
	owners := make(map[contacts.ID]contacts.ID, len(ids))
	for chunk := range slices.Chunk(ids, engage.MaxBatch) {
		found, err := s.contacts.Get(ctx, ws, chunk)
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			if owners[c.ID] = c.ID; c.IsAbsorbed() {
				owners[c.ID] = c.MergedInto
			}
		}
	}
	return owners, nil
}
