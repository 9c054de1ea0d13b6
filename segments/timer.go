package segments

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

// ring claims the memberships that are due on every database and has them judged
// by the consumer, in order with everything else; it answers how many they were.
func (s *Service) ring(ctx context.Context) (int, error) {
	shards, err := s.rt.Tx.Shards(ctx)
	if err != nil {
		return 0, err
	}
	total := 0
	var failed []error
	for _, shard := range shards {
		claimed := 0
		failed = append(failed, s.rt.Tx.InShard(ctx, shard, func(ctx context.Context) error {
			due, err := s.due.ClaimDueAcross(ctx, shard, s.rt.Clock.Now(), timerLease, timerClaim)
			if err != nil {
				return err
			}
			claimed = len(due)
			return s.publishDue(ctx, due)
		}))
		total += claimed
	}
	return total, errors.Join(failed...)
}

func (s *Service) publishDue(ctx context.Context, due []Due) error {
	type key struct {
		ws      engage.WorkspaceID
		segment ID
	}
	var order []key
	bySegment := map[key][]contacts.ID{}
	for _, d := range due {
		k := key{d.Workspace, d.SegmentID}
		if bySegment[k] == nil {
			order = append(order, k)
		}
		bySegment[k] = append(bySegment[k], d.ContactID)
	}
	for _, k := range order {
		for ids := range slices.Chunk(bySegment[k], timerContacts) {
			if err := s.rt.Events.Publish(ctx, k.ws, TimerDue{SegmentID: k.segment, ContactIDs: ids}); err != nil {
				return err
			}
		}
	}
	return nil
}

// onTimer judges contacts whose time has come. Rows that nothing keeps up to
// date any more, of broken segments and of former revisions, are silenced.
func (s *Service) onTimer(ctx context.Context, ws engage.WorkspaceID, all []TimerDue) error {
	x, err := s.readIndex(ctx, ws)
	if err != nil {
		return err
	}
	b := s.newBatch(ws, x)
	b.renew = true
	for _, due := range all {
		if err := s.silence(ctx, ws, x, due); err != nil {
			return err
		}
		at := x.place(due.SegmentID)
		if at < 0 || x.segments[at].State == Broken {
			continue
		}
		for _, id := range due.ContactIDs {
			b.judge(id, one(at))
		}
	}
	return b.run(ctx)
}

// silence stops the timers of rows that are not judged any more.
func (s *Service) silence(ctx context.Context, ws engage.WorkspaceID, x *index, due TimerDue) error {
	at := x.place(due.SegmentID)
	if at >= 0 && x.segments[at].State == Active {
		return nil // a former revision's rows are being purged
	}
	rows, err := s.members.Lock(ctx, ws, []ID{due.SegmentID}, due.ContactIDs)
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(m Membership) bool {
		return m.DueAt.IsZero() || at >= 0 && x.segments[at].State == Building && m.Revision == x.segments[at].Revision
	})
	for i := range rows {
		rows[i].DueAt = time.Time{}
	}
	return s.members.Save(ctx, ws, rows)
}
