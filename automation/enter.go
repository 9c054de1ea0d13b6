package automation

import (
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

// segmentEntered is the event of package segments that starts runs, known here
// by its wire name.
type segmentEntered struct {
	SegmentID string      `json:"segment_id"`
	ContactID contacts.ID `json:"contact_id"`
	// Rebuilt entries come from building or changing the segment, not from
	// anything the contact did; they start nothing.
	Rebuilt bool `json:"rebuilt"`
}

// EventName implements engage.Event.
func (segmentEntered) EventName() string { return "segments.segment.entered.v1" }

// EventSubject implements engage.Event.
func (e segmentEntered) EventSubject() engage.Ref { return contacts.Ref(e.ContactID) }

// Consumer starts runs when contacts enter segments, and follows what becomes of
// the contacts: runs move to the survivor of a merge, and end with a contact
// that is deleted.
func (s *Service) Consumer() *engage.Consumer {
	c := engage.NewConsumer("automation")
	engage.On(c, s.enter)
	engage.On(c, s.follow)
	engage.On(c, s.erase)
	return c
}

// enter starts the runs of contacts that entered segments.
func (s *Service) enter(ctx context.Context, ws engage.WorkspaceID, entered []engage.Received[segmentEntered]) error {
	bySegment := map[string][]engage.Received[segmentEntered]{}
	var segments []string
	for _, e := range entered {
		if e.Payload.Rebuilt {
			continue
		}
		if bySegment[e.Payload.SegmentID] == nil {
			segments = append(segments, e.Payload.SegmentID)
		}
		bySegment[e.Payload.SegmentID] = append(bySegment[e.Payload.SegmentID], e)
	}
	if len(segments) == 0 {
		return nil
	}
	return s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		var runs []Run
		for chunk := range slices.Chunk(segments, engage.MaxBatch) {
			revisions, err := s.workflows.Entered(ctx, ws, chunk)
			if err != nil {
				return err
			}
			for _, revision := range revisions {
				for _, e := range bySegment[revision.Definition.Trigger.Segment] {
					runs = append(runs, s.newRun(revision, e))
				}
			}
		}
		return s.start(ctx, ws, runs)
	})
}

func (s *Service) newRun(revision Revision, e engage.Received[segmentEntered]) Run {
	now := s.rt.Clock.Now()
	run := Run{
		ID: engage.NewID[runKind](s.rt.IDs), WorkflowID: revision.WorkflowID, Revision: revision.Number,
		ContactID: e.Payload.ContactID, State: Running, Node: revision.Definition.Nodes[0].ID, Visits: 1,
		DueAt: now, StartedAt: now, Logged: 1,
	}
	if revision.Definition.Trigger.Entry == Always {
		run.EntryKey = e.ID.String()
	}
	return run
}

func (s *Service) start(ctx context.Context, ws engage.WorkspaceID, runs []Run) error {
	if len(runs) == 0 {
		return nil
	}
	for chunk := range slices.Chunk(runs, engage.MaxBatch) {
		isNew, err := s.runs.Start(ctx, ws, chunk)
		if err != nil {
			return err
		}
		var events []engage.Event
		for i, r := range chunk {
			if isNew[i] {
				events = append(events, RunStarted{RunID: r.ID, WorkflowID: r.WorkflowID, Revision: r.Revision, ContactID: r.ContactID})
			}
		}
		if len(events) == 0 {
			continue
		}
		if err := s.rt.Events.Publish(ctx, ws, events...); err != nil {
			return err
		}
	}
	// A poke spares an idle worker's poll.
	return s.rt.Tx.AfterCommit(ctx, s.worker.Poke)
}

// outside is what happens to runs from outside a worker's step.
type outside struct {
	runs   []Run
	steps  []Step
	events []engage.Event
}

// withdraw ends a run, if it is running.
func (o *outside) withdraw(s *Service, r *Run, state RunState, cause string) error {
	if r.State != Running {
		return nil
	}
	line, err := r.withdraw(state, cause, s.rt.Clock.Now())
	if err != nil {
		return err
	}
	o.steps, o.events = append(o.steps, line), append(o.events, ended(*r))
	return nil
}

// put stores what happened, if anything did.
func (s *Service) put(ctx context.Context, ws engage.WorkspaceID, o outside) error {
	if len(o.runs) == 0 {
		return nil
	}
	if err := s.runs.Put(ctx, ws, o.runs, o.steps); err != nil {
		return err
	}
	if len(o.events) == 0 {
		return nil
	}
	return s.rt.Events.Publish(ctx, ws, o.events...)
}

// erase ends the runs of contacts that are gone.
func (s *Service) erase(ctx context.Context, ws engage.WorkspaceID, deleted []engage.Received[contacts.Deleted]) error {
	return s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		for chunk := range slices.Chunk(contacts.Gone(deleted), engage.MaxBatch) {
			runs, err := s.runs.Lock(ctx, ws, chunk)
			if err != nil {
				return err
			}
			runs = slices.DeleteFunc(runs, func(r Run) bool { return r.State != Running })
			for part := range slices.Chunk(runs, engage.MaxBatch) {
				o := outside{runs: part}
				for i := range part {
					if err := o.withdraw(s, &part[i], Erased, "the contact was deleted"); err != nil {
						return err
					}
				}
				if err := s.put(ctx, ws, o); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// follow gives the runs of absorbed contacts to their survivors.
func (s *Service) follow(ctx context.Context, ws engage.WorkspaceID, merged []engage.Received[contacts.Merged]) error {
	return s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		for len(merged) > 0 {
			// A contact that merges again belongs to the next part, so that the runs
			// of one absorption are all that another has to do with.
			seen, n := map[contacts.ID]bool{}, 0
			for n < len(merged) && len(seen) < engage.MaxBatch-1 && !seen[merged[n].Payload.Absorbed] && !seen[merged[n].Payload.Survivor] {
				seen[merged[n].Payload.Absorbed], seen[merged[n].Payload.Survivor] = true, true
				n++
			}
			if err := s.followPart(ctx, ws, merged[:n]); err != nil {
				return err
			}
			merged = merged[n:]
		}
		return nil
	})
}

// entry is what a contact has one run of.
type entry struct {
	workflow WorkflowID
	key      string
}

func (s *Service) followPart(ctx context.Context, ws engage.WorkspaceID, merged []engage.Received[contacts.Merged]) error {
	var ids []contacts.ID
	for _, m := range merged {
		ids = append(ids, m.Payload.Absorbed, m.Payload.Survivor)
	}
	runs, err := s.runs.Lock(ctx, ws, ids)
	if err != nil {
		return err
	}
	of := map[contacts.ID][]*Run{}
	for i := range runs {
		of[runs[i].ContactID] = append(of[runs[i].ContactID], &runs[i])
	}
	var o outside
	for _, m := range merged {
		survivor := m.Payload.Survivor
		theirs := map[entry]*Run{}
		for _, r := range of[survivor] {
			theirs[entry{r.WorkflowID, r.EntryKey}] = r
		}
		for _, r := range of[m.Payload.Absorbed] {
			if len(o.runs)+2 > engage.MaxBatch {
				if err := s.put(ctx, ws, o); err != nil {
					return err
				}
				o = outside{}
			}
			if err := o.absorb(s, r, theirs[entry{r.WorkflowID, r.EntryKey}], survivor); err != nil {
				return err
			}
		}
	}
	return s.put(ctx, ws, o)
}

// absorb gives a run to a survivor. When both contacts went through the workflow
// the further run is the survivor's, and the other one ends, so that nobody is
// sent anything twice.
func (o *outside) absorb(s *Service, r, theirs *Run, survivor contacts.ID) error {
	const cause = "the contact was merged with another that was further"
	switch {
	case theirs == nil:
		r.ContactID = survivor
		o.runs = append(o.runs, *r)
	case r.isFurtherThan(theirs):
		r.ContactID, theirs.ContactID = survivor, r.ContactID
		if err := o.withdraw(s, theirs, Cancelled, cause); err != nil {
			return err
		}
		o.runs = append(o.runs, *r, *theirs)
	case r.State == Running:
		if err := o.withdraw(s, r, Cancelled, cause); err != nil {
			return err
		}
		o.runs = append(o.runs, *r)
	}
	return nil
}
