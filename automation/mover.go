package automation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-engage/engage"
)

// mover is a run on its way through the nodes of one step.
type mover struct {
	s          *Service
	now        time.Time
	run        Run
	definition Definition
	steps      []Step
	still      bool    // the run stays where it is
	acting     *Action // what the run waits for in this wave
}

// advance goes on until the run has to act, waits or ends.
func (m *mover) advance() error {
	m.acting = nil
	for !m.still && m.run.State == Running && !m.run.DueAt.After(m.now) {
		node, i, ok := m.definition.node(m.run.Node)
		switch {
		case !ok:
			return m.end(Failed, GaveUp, fmt.Sprintf("the revision has no node %.40q", m.run.Node))
		case m.run.Visits > MaxVisits:
			return m.end(Failed, GaveUp, fmt.Sprintf("entered more than %d nodes", MaxVisits))
		case node.Action != nil:
			m.acting = node.Action
			return nil
		case node.Wait > 0 && !m.run.Waited:
			m.log(Waiting, "")
			if err := m.run.wait(engage.Instant(m.run.DueAt.Add(node.Wait))); err != nil {
				return err
			}
		case node.Wait == 0:
			return m.end(Completed, Finished, "")
		default:
			if err := m.enter(m.definition.after(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *mover) enter(node string) error {
	if node == "" {
		return m.end(Completed, Finished, "")
	}
	return m.run.enter(node, m.now)
}

func (m *mover) end(state RunState, outcome Outcome, cause string) error {
	m.log(outcome, cause)
	return m.run.end(state, cause, m.now)
}

func (m *mover) log(outcome Outcome, cause string) {
	m.steps = append(m.steps, m.run.step(outcome, cause, m.now))
}

// failed notes a failed try: one that may succeed later is made again with
// back-off, MaxAttempts times at most.
func (m *mover) failed(cause error) error {
	if mayHelp(cause) && m.run.Attempts+1 < MaxAttempts {
		m.log(Retrying, cause.Error())
		return m.run.retry(cause.Error(), engage.Instant(m.now.Add(engage.Backoff(m.run.Attempts+1))))
	}
	return m.end(Failed, GaveUp, cause.Error())
}

// mayHelp reports whether trying again may help: not when the request is wrong,
// and not when it made an actor panic.
func mayHelp(cause error) bool {
	if errors.Is(cause, errPanic) {
		return false
	}
	switch engage.CodeOf(cause) {
	case engage.Unavailable, engage.ResourceExhausted, engage.Conflict, engage.Internal:
		return true
	case engage.NotFound, engage.AlreadyExists, engage.Invalid, engage.FailedPrecondition,
		engage.PermissionDenied, engage.Unauthenticated, engage.Unimplemented:
	}
	return false
}

// errPanic marks the panic of an actor.
var errPanic = errors.New("the actor panicked")

// act does the actions of one kind. Each batch is a savepoint: when it fails
// whole, halves are tried.
func (s *Service) act(ctx context.Context, ws engage.WorkspaceID, kind string, movers []*mover) error {
	actor := s.actors[kind]
	if actor == nil {
		for _, m := range movers {
			if err := m.end(Failed, GaveUp, fmt.Sprintf("no actor does %.40q", kind)); err != nil {
				return err
			}
		}
		return nil
	}
	requests := make([]Request, len(movers))
	for i, m := range movers {
		requests[i] = Request{
			Key:   fmt.Sprintf("%s:%s:%d", m.run.ID, m.run.Node, m.run.Visits),
			RunID: m.run.ID, ContactID: m.run.ContactID, Params: m.acting.Params,
		}
	}
	var outcomes []error
	err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = errors.Join(engage.PanicError("automation actor "+kind, p), errPanic)
			}
		}()
		outcomes = actor.Act(ctx, ws, requests)
		if outcomes != nil && len(outcomes) != len(requests) {
			return fmt.Errorf("actor %s answered %d outcomes of %d requests", kind, len(outcomes), len(requests))
		}
		return nil
	})
	if errors.Is(err, engage.ErrUnavailable) || ctx.Err() != nil {
		return err
	}
	if err != nil && len(movers) > 1 {
		half := len(movers) / 2
		return errors.Join(s.act(ctx, ws, kind, movers[:half]), s.act(ctx, ws, kind, movers[half:]))
	}
	for i, m := range movers {
		cause := err
		if outcomes != nil && err == nil {
			cause = outcomes[i]
		}
		if cause != nil {
			if err := m.failed(cause); err != nil {
				return err
			}
			continue
		}
		m.log(Done, "")
		_, at, _ := m.definition.node(m.run.Node)
		if err := m.enter(m.definition.after(at)); err != nil {
			return err
		}
	}
	return nil
}
