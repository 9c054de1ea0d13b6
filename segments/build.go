package segments

import (
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

// onBuild judges one page of contacts for each step that was asked for. Builds
// that stand at the same contact share the page.
func (s *Service) onBuild(ctx context.Context, ws engage.WorkspaceID, all []Build) error {
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].After == all[0].After {
			n++
		}
		if err := s.buildSteps(ctx, ws, all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// buildSteps takes steps that begin behind the same contact.
func (s *Service) buildSteps(ctx context.Context, ws engage.WorkspaceID, steps []Build) error {
	x, err := s.lockIndex(ctx, ws)
	if err != nil {
		return err
	}
	b := s.newBatch(ws, x)
	b.renew = true
	waiting := x.waiting()
	for _, step := range steps {
		at := x.place(step.SegmentID)
		if at < 0 || x.segments[at].State != Building || x.segments[at].Revision != step.Revision {
			continue // deleted, broken or edited since
		}
		if !waiting.has(at) { // the end of the build below begins it anew
			b.builds.add(at)
		}
	}
	building := b.builds.list()
	if len(building) == 0 {
		return nil
	}
	page, err := s.contacts.List(ctx, ws, contacts.Query{PageRequest: engage.PageRequest{After: steps[0].After, Limit: buildPage}})
	if err != nil {
		return err
	}
	for _, c := range page.Items {
		b.judge(c.ID, b.builds)
		for _, at := range building {
			if err := x.segments[at].advance(c.ID); err != nil {
				return err
			}
		}
	}
	if err := b.run(ctx); err != nil {
		return err
	}
	return s.endSteps(ctx, ws, x, building, page.Next)
}

// endSteps asks for the next step of builds, or has members answered by the
// revisions that are built, and builds those segments anew that refer to them.
func (s *Service) endSteps(ctx context.Context, ws engage.WorkspaceID, x *index, building []int, next engage.Cursor) error {
	var above places
	err := s.edit(ctx, ws, x, building, func(segment *Segment) ([]engage.Event, error) {
		at := x.place(segment.ID)
		if next != "" {
			segment.BuiltTo = x.segments[at].BuiltTo
			return []engage.Event{segment.build(next)}, nil
		}
		if err := segment.finish(); err != nil {
			return nil, err
		}
		x.segments[at].State = segment.State
		above.join(x.referrers[at])
		told := []engage.Event{segment.changed(ChangeBuilt)}
		if segment.Revision > 1 {
			told = append(told, Purge{SegmentID: segment.ID, Keep: segment.Revision})
		}
		return told, nil
	})
	if err != nil {
		return err
	}
	return s.rebuild(ctx, ws, x, above.list())
}

// rebuild has the segments at places of a locked index built by their own
// filters once more, without the broken ones.
func (s *Service) rebuild(ctx context.Context, ws engage.WorkspaceID, x *index, at []int) error {
	at = slices.DeleteFunc(at, func(at int) bool { return x.segments[at].State == Broken })
	return s.edit(ctx, ws, x, at, func(segment *Segment) ([]engage.Event, error) {
		segment.revise(segment.Filter)
		return []engage.Event{segment.build("")}, nil
	})
}

// edit changes the segments at places of a locked index and publishes what fn
// answers.
func (s *Service) edit(ctx context.Context, ws engage.WorkspaceID, x *index, at []int, fn func(*Segment) ([]engage.Event, error)) error {
	if len(at) == 0 {
		return nil
	}
	ids := make([]ID, len(at))
	for i, place := range at {
		ids[i] = x.segments[place].ID
	}
	found, err := s.segments.Get(ctx, ws, ids)
	if err != nil {
		return err
	}
	var told []engage.Event
	for i := range found {
		events, err := fn(&found[i])
		if err != nil {
			return err
		}
		told = append(told, events...)
	}
	if err := s.segments.Update(ctx, ws, found); err != nil {
		return err
	}
	return s.rt.Events.Publish(ctx, ws, told...)
}

// onPurge removes a part of what is left of segments and revisions, and asks for
// the rest.
func (s *Service) onPurge(ctx context.Context, ws engage.WorkspaceID, all []Purge) error {
	left := purgeSize
	for chunk := range slices.Chunk(all, engage.MaxBatch) {
		n := 0
		if left > 0 {
			var err error
			if n, err = s.members.Discard(ctx, ws, chunk, left); err != nil {
				return err
			}
		}
		if left -= n; left > 0 {
			continue
		}
		rest := make([]engage.Event, len(chunk))
		for i, p := range chunk {
			rest[i] = p
		}
		if err := s.rt.Events.Publish(ctx, ws, rest...); err != nil {
			return err
		}
	}
	return nil
}
