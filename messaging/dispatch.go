package messaging

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/go-engage/engage"
)

// dispatch sends what is due on every database and answers how many messages it
// worked on.
func (s *Service) dispatch(ctx context.Context) (int, error) {
	// One step at a time: MaxUnconfirmed holds even if a host runs the worker
	// twice.
	s.dispatching.Lock()
	defer s.dispatching.Unlock()
	shards, err := s.rt.Tx.Shards(ctx)
	if err != nil {
		return 0, err
	}
	total := 0
	var failed []error
	for _, shard := range shards {
		n, err := s.dispatchShard(ctx, shard)
		total += n
		failed = append(failed, err)
	}
	return total, errors.Join(failed...)
}

// dispatchShard follows the protocol of every external effect: what a dead
// process left is settled, plans become intents in one transaction, intents
// leave the process outside of any, and their outcomes are committed together.
func (s *Service) dispatchShard(ctx context.Context, shard engage.Shard) (int, error) {
	// Outcomes that could not be committed come first; those of other databases
	// count against MaxUnconfirmed.
	if err := s.saveOutcomes(ctx, shard, nil); err != nil {
		return 0, err
	}
	lost, err := s.settleLost(ctx, shard)
	if err != nil {
		return lost, err
	}
	if s.rt.Clock.Now().Before(s.heldUntil) {
		return lost, nil
	}
	// The time to hand over begins before the leases do, so that a process that
	// was halted sends nothing that others have settled meanwhile.
	handing, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Lease/5*4)
	defer cancel()
	letters, skipped, err := s.intend(ctx, shard)
	if err != nil || len(letters) == 0 {
		return lost + skipped, err
	}
	// From here on the messages may leave. What happens to them is written down
	// even while the worker is asked to stop.
	ctx = context.WithoutCancel(ctx)
	outcomes := s.handOver(handing, letters)
	if slices.ContainsFunc(outcomes, func(m MessageAcross) bool { return m.Message.Failure.HoldsSender() }) {
		s.heldUntil = s.rt.Clock.Now().Add(senderHold)
		s.rt.Log.ErrorContext(ctx, "the sender is held: its credentials or settings were refused", "op", "messaging.dispatch", "until", s.heldUntil)
	}
	return lost + skipped + len(letters), s.saveOutcomes(ctx, shard, outcomes)
}

// settleLost notes the intents of workers that died.
func (s *Service) settleLost(ctx context.Context, shard engage.Shard) (int, error) {
	n := 0
	err := s.rt.Tx.InShard(ctx, shard, func(ctx context.Context) error {
		lost, err := s.due.ClaimLostAcross(ctx, shard, s.rt.Clock.Now(), s.cfg.Lease, lostAtOnce)
		n = len(lost)
		if err != nil || n == 0 {
			return err
		}
		for i := range lost {
			if err := lost[i].Message.lose(s.rt.Clock.Now()); err != nil {
				return err
			}
		}
		_, err = s.save(ctx, shard, lost)
		return err
	})
	return n, err
}

// letter is an intent with what leaves the process for it.
type letter struct {
	MessageAcross
	email Email
}

// intend claims what is due and makes intents of it, but for what must not be
// sent; it answers the intents and the number of the others.
func (s *Service) intend(ctx context.Context, shard engage.Shard) (letters []letter, skipped int, err error) {
	limit := s.cfg.MaxUnconfirmed - s.unconfirmed()
	if limit <= 0 {
		return nil, 0, nil
	}
	err = s.rt.Tx.InShard(ctx, shard, func(ctx context.Context) error {
		letters, skipped = nil, 0
		claimed, err := s.due.ClaimPlannedAcross(ctx, shard, s.rt.Clock.Now(), s.cfg.Lease, limit)
		if err != nil || len(claimed) == 0 {
			return err
		}
		slices.SortStableFunc(claimed, func(a, b MessageAcross) int { return a.Workspace.Compare(b.Workspace) })
		written := make([]*Email, len(claimed))
		for start := 0; start < len(claimed); {
			end := start + 1
			for end < len(claimed) && claimed[end].Workspace == claimed[start].Workspace {
				end++
			}
			if err := s.write(ctx, claimed[start:end], written[start:end]); err != nil {
				return err
			}
			start = end
		}
		saved, err := s.save(ctx, shard, claimed)
		if err != nil {
			return err
		}
		for i, email := range written {
			switch {
			case email == nil:
				skipped++
			case saved[i]: // only what is an intent in the store may leave
				letters = append(letters, letter{claimed[i], *email})
			}
		}
		return nil
	})
	return letters, skipped, err
}

// unconfirmed is the number of outcomes that could not be committed yet.
func (s *Service) unconfirmed() int {
	s.unsavedMu.Lock()
	defer s.unsavedMu.Unlock()
	n := 0
	for _, outcomes := range s.unsaved {
		n += len(outcomes)
	}
	return n
}

// handOver sends the letters, all at once: there are at most MaxUnconfirmed.
func (s *Service) handOver(ctx context.Context, letters []letter) []MessageAcross {
	outcomes := make([]MessageAcross, len(letters))
	var wg sync.WaitGroup
	for i, l := range letters {
		wg.Go(func() {
			receipt, err := s.sendOne(ctx, l)
			m := l.Message
			now := s.rt.Clock.Now()
			if err == nil {
				err = m.accept(receipt, now)
			} else {
				failure, ok := errors.AsType[*SendError](err)
				if !ok {
					failure = &SendError{Class: ClassOf(err), Err: err}
				}
				s.rt.Log.InfoContext(ctx, "message not accepted", "workspace", l.Workspace, "op", "messaging.dispatch",
					"entity", m.ID, "attempt", m.Attempts, "class", failure.Class, "code", failure.Code)
				err = m.refuse(failure, now)
			}
			if err != nil { // an intent takes every outcome
				panic(err)
			}
			outcomes[i] = MessageAcross{Workspace: l.Workspace, Message: m}
		})
	}
	wg.Wait()
	return outcomes
}

// sendOne makes an unknown outcome of a sender's panic. What could not be begun
// in time stays here.
func (s *Service) sendOne(ctx context.Context, l letter) (receipt Receipt, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &SendError{Class: FailureUnknown, Err: engage.PanicError("messaging.send", p)}
		}
	}()
	if err := ctx.Err(); err != nil {
		return Receipt{}, &SendError{Class: FailureRetryable, Err: err}
	}
	return s.email.SendEmail(ctx, l.Workspace, l.email)
}

// saveOutcomes commits outcomes, and those that an earlier call could not
// commit; what fails is kept for the next call.
func (s *Service) saveOutcomes(ctx context.Context, shard engage.Shard, outcomes []MessageAcross) error {
	s.unsavedMu.Lock()
	defer s.unsavedMu.Unlock()
	outcomes = append(s.unsaved[shard], outcomes...)
	if len(outcomes) == 0 {
		return nil
	}
	err := s.rt.Tx.InShard(ctx, shard, func(ctx context.Context) error {
		_, err := s.save(ctx, shard, outcomes)
		return err
	})
	s.unsaved[shard] = nil
	if err != nil {
		s.unsaved[shard] = outcomes
	}
	return err
}

// save stores moved messages, answers which were stored, and tells of those that
// are settled.
func (s *Service) save(ctx context.Context, shard engage.Shard, moved []MessageAcross) ([]bool, error) {
	saved, err := s.due.SaveAcross(ctx, shard, moved)
	if err != nil {
		return nil, err
	}
	events := map[engage.WorkspaceID][]engage.Event{}
	for i, m := range moved {
		if saved[i] && m.Message.State.IsFinal() {
			events[m.Workspace] = append(events[m.Workspace], settled(m.Message))
		}
	}
	for _, ws := range slices.SortedFunc(maps.Keys(events), engage.WorkspaceID.Compare) {
		if err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
			return s.rt.Events.Publish(ctx, ws, events[ws]...)
		}); err != nil {
			return nil, err
		}
	}
	return saved, nil
}
