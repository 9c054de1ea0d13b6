package automation

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-engage/engage"
)

// step claims due runs on every database and moves them on; it answers how many.
func (s *Service) step(ctx context.Context) (int, error) {
	shards, err := s.rt.Tx.Shards(ctx)
	if err != nil {
		return 0, err
	}
	total := 0
	var failed []error
	for _, shard := range shards {
		n, err := s.stepShard(ctx, shard)
		total += n
		failed = append(failed, err)
	}
	return total, errors.Join(failed...)
}

// stepShard claims due runs and moves them on in one transaction, which writes
// each run once. When that fails, they are leased first: so that what is wrong
// with one of them can be found by halves, in transactions of their own.
func (s *Service) stepShard(ctx context.Context, shard engage.Shard) (int, error) {
	moved := 0
	err := s.rt.Tx.InShard(ctx, shard, func(ctx context.Context) error {
		claimed, err := s.due.ClaimDueAcross(ctx, shard, s.rt.Clock.Now(), 0, claimSize)
		moved = len(claimed)
		if err != nil || len(claimed) == 0 {
			return err
		}
		return s.moveIn(ctx, shard, claimed)
	})
	if err == nil {
		return moved, nil
	}
	if isOutage(ctx, err) {
		return 0, err
	}
	s.rt.Log.WarnContext(ctx, "a step of runs failed and is done in parts", "op", "automation.runs", "runs", moved, "err", err)
	var claimed []RunAcross
	err = s.rt.Tx.InShard(ctx, shard, func(ctx context.Context) (err error) {
		claimed, err = s.due.ClaimDueAcross(ctx, shard, s.rt.Clock.Now(), claimLease, claimSize)
		return err
	})
	if err != nil || len(claimed) == 0 {
		return 0, err
	}
	return len(claimed), s.moveAll(ctx, shard, claimed)
}

// isOutage tells an error that no run is to blame for.
func isOutage(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, engage.ErrUnavailable)
}

// moveIn moves claimed runs on in the transaction in ctx.
func (s *Service) moveIn(ctx context.Context, shard engage.Shard, claimed []RunAcross) error {
	ctx = engage.WithActor(ctx, engage.Actor{Type: "automation"})
	var progress []Progress
	for group := range byWorkspace(claimed) {
		ws := group[0].Workspace
		if err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
			moved, err := s.move(ctx, ws, group)
			progress = append(progress, moved...)
			return err
		}); err != nil {
			return err
		}
	}
	saved, err := s.due.SaveAcross(ctx, shard, progress)
	if err != nil {
		return err
	}
	var stale staleError
	for i, p := range progress {
		if !saved[i] {
			stale = append(stale, runKey{p.Workspace, p.Run.ID})
		}
	}
	if len(stale) > 0 {
		// Others have these runs now: what was done for them here must not be.
		return stale
	}
	return nil
}

// moveAll moves leased runs on in one transaction. When that fails, halves are
// tried, so that what is wrong with one run stays with it.
func (s *Service) moveAll(ctx context.Context, shard engage.Shard, claimed []RunAcross) error {
	err := s.rt.Tx.InShard(ctx, shard, func(ctx context.Context) error { return s.moveIn(ctx, shard, claimed) })
	if stale, ok := errors.AsType[staleError](err); ok {
		rest := slices.DeleteFunc(slices.Clone(claimed), func(c RunAcross) bool {
			return slices.Contains(stale, runKey{c.Workspace, c.Run.ID})
		})
		if len(rest) == 0 {
			return nil
		}
		return s.moveAll(ctx, shard, rest)
	}
	if err == nil || isOutage(ctx, err) {
		return err
	}
	if len(claimed) > 1 {
		half := len(claimed) / 2
		return errors.Join(s.moveAll(ctx, shard, claimed[:half]), s.moveAll(ctx, shard, claimed[half:]))
	}
	return s.fail(ctx, shard, claimed[0], err)
}

// runKey names a run among all workspaces.
type runKey struct {
	ws  engage.WorkspaceID
	run RunID
}

// staleError says which runs' claims were lost.
type staleError []runKey

func (e staleError) Error() string {
	return fmt.Sprintf("run %s and %d more belong to other workers", e[0].run, len(e)-1)
}

// fail writes down that moving a run failed as a whole.
func (s *Service) fail(ctx context.Context, shard engage.Shard, claimed RunAcross, cause error) error {
	m := &mover{s: s, now: s.rt.Clock.Now(), run: claimed.Run}
	if err := m.failed(cause); err != nil {
		return err
	}
	return s.rt.Tx.InShard(ctx, shard, func(ctx context.Context) error {
		saved, err := s.due.SaveAcross(ctx, shard, []Progress{{Workspace: claimed.Workspace, Run: m.run, Steps: m.steps}})
		if err != nil || !saved[0] || m.run.State == Running {
			return err
		}
		return s.rt.Tx.InTx(ctx, claimed.Workspace, func(ctx context.Context) error {
			return s.rt.Events.Publish(ctx, claimed.Workspace, ended(m.run))
		})
	})
}

// byWorkspace yields the runs of each workspace in turn, in the order of their
// ids, so that all workers write in one order.
func byWorkspace(claimed []RunAcross) func(yield func([]RunAcross) bool) {
	sorted := slices.Clone(claimed)
	slices.SortFunc(sorted, func(a, b RunAcross) int {
		if order := a.Workspace.Compare(b.Workspace); order != 0 {
			return order
		}
		return a.Run.ID.Compare(b.Run.ID)
	})
	return func(yield func([]RunAcross) bool) {
		for len(sorted) > 0 {
			n := 1
			for n < len(sorted) && sorted[n].Workspace == sorted[0].Workspace {
				n++
			}
			if !yield(sorted[:n:n]) {
				return
			}
			sorted = sorted[n:]
		}
	}
}

// move takes the runs of one workspace as far as they get: in waves, in which
// each run goes to its next action, and the actions of one kind are done at
// once.
func (s *Service) move(ctx context.Context, ws engage.WorkspaceID, claimed []RunAcross) ([]Progress, error) {
	movers, err := s.load(ctx, ws, claimed)
	if err != nil {
		return nil, err
	}
	for range stepsAtOnce {
		byKind := map[string][]*mover{}
		for _, m := range movers {
			if err := m.advance(); err != nil {
				return nil, err
			}
			if m.acting != nil {
				byKind[m.acting.Kind] = append(byKind[m.acting.Kind], m)
			}
		}
		if len(byKind) == 0 {
			break
		}
		for _, kind := range sortedKeys(byKind) {
			if err := s.act(ctx, ws, kind, byKind[kind]); err != nil {
				return nil, err
			}
		}
	}
	progress := make([]Progress, len(movers))
	var events []engage.Event
	for i, m := range movers {
		progress[i] = Progress{Workspace: ws, Run: m.run, Steps: m.steps}
		if m.run.State != Running {
			events = append(events, ended(m.run))
		}
	}
	if len(events) == 0 {
		return progress, nil
	}
	return progress, s.rt.Events.Publish(ctx, ws, events...)
}

func (s *Service) load(ctx context.Context, ws engage.WorkspaceID, claimed []RunAcross) ([]*mover, error) {
	keys := map[RevisionKey]bool{}
	ids := map[WorkflowID]bool{}
	for _, c := range claimed {
		keys[RevisionKey{c.Run.WorkflowID, c.Run.Revision}] = true
		ids[c.Run.WorkflowID] = true
	}
	revisions, err := s.workflows.Revisions(ctx, ws, keysOf(keys))
	if err != nil {
		return nil, err
	}
	definitions := map[RevisionKey]Definition{}
	for _, r := range revisions {
		definitions[RevisionKey{r.WorkflowID, r.Number}] = r.Definition
	}
	workflows, err := s.workflows.Get(ctx, ws, keysOf(ids))
	if err != nil {
		return nil, err
	}
	states := map[WorkflowID]WorkflowState{}
	for _, w := range workflows {
		states[w.ID] = w.State
	}
	now := s.rt.Clock.Now()
	movers := make([]*mover, len(claimed))
	for i, c := range claimed {
		m := &mover{s: s, now: now, run: c.Run, definition: definitions[RevisionKey{c.Run.WorkflowID, c.Run.Revision}]}
		movers[i] = m
		switch states[c.Run.WorkflowID] {
		case Archived:
			line, err := m.run.withdraw(Cancelled, "the workflow was archived", now)
			if err != nil {
				return nil, err
			}
			m.steps = append(m.steps, line)
		case Paused: // since the claim
			m.still = true
		case Draft, Active:
		}
	}
	return movers, nil
}

func keysOf[K comparable](set map[K]bool) []K {
	keys := make([]K, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	return keys
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
