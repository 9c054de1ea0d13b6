package watermillbus

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/go-engage/engage"
)

// handling is the sink of an engage.Consumer: the handlers' effects and the
// cursor commit together.
type handling struct {
	cfg      Config
	consumer *engage.Consumer
	known    map[string]bool
}

func newHandling(cfg Config, consumer *engage.Consumer) *handling {
	s := &handling{cfg: cfg, consumer: consumer, known: map[string]bool{}}
	for _, name := range consumer.Events() {
		s.known[name] = true
	}
	return s
}

func (s *handling) takes(name string) bool { return s.known[name] }

func (s *handling) commit(ctx context.Context, l *lot, how manner) error {
	var parked []engage.Parked
	groups := l.groups()
	err := s.cfg.Tx.InShard(ctx, l.shard, func(ctx context.Context) error {
		// The cursors first: they are the rows that late owners meet at.
		err := advance(ctx, s.cfg, l)
		if err == nil {
			parked, err = s.effects(ctx, l.shard, groups, how)
		}
		return err
	})
	if err == nil {
		report(ctx, s.cfg, s.consumer.Name(), parked)
	}
	return err
}

// effects handles events in the transaction in ctx, and parks and answers those
// at fault when it is careful.
func (s *handling) effects(ctx context.Context, shard engage.Shard, groups []group, how manner) ([]engage.Parked, error) {
	var parked []engage.Parked
	for i := range groups {
		g := &groups[i]
		if !how.careful {
			if err := s.handle(ctx, g.workspace, g.events); err != nil {
				return nil, &failure{g.workspace, err}
			}
			continue
		}
		faults, err := s.isolate(ctx, shard, g, how)
		if err != nil {
			return nil, err
		}
		parked = append(parked, faults...)
	}
	return parked, park(ctx, s.cfg, shard, parked)
}

// advance moves the cursors of a lot. A claim that has nothing left behind its
// cursor ends with it, which saves the transaction that would release it.
func advance(ctx context.Context, cfg Config, l *lot) error {
	for _, t := range l.parts() {
		lease := cfg.Lease
		if t.final {
			lease = 0
		}
		if err := moveCursor(ctx, cfg, t.from, t.position, lease); err != nil {
			return err
		}
	}
	return nil
}

// moveCursor moves the cursor of a claim to a position, for another lease.
func moveCursor(ctx context.Context, cfg Config, h *held, to engage.Position, lease time.Duration) error {
	err := cfg.Log.Advance(ctx, h.Claim, to, cfg.Clock.Now(), lease)
	if errors.Is(err, engage.ErrConflict) {
		return &lostError{h, err}
	}
	return err
}

// handle calls the host's handlers, in a span; a panic is an error of theirs.
func (s *handling) handle(ctx context.Context, ws engage.WorkspaceID, events []engage.Envelope) (err error) {
	ctx, end := s.cfg.Telemetry.Span(ctx, "engage.watermillbus.handle", append(links(events), "consumer", s.consumer.Name())...)
	defer func() {
		if p := recover(); p != nil {
			err = engage.PanicError("consumer "+s.consumer.Name(), p)
		}
		end(err)
	}()
	return s.consumer.Handle(ctx, ws, events)
}

// links are the traces that events were published in, as attributes of the span
// that handles them: of a batch that has many, it can be no one's child.
func links(events []engage.Envelope) []string {
	var attrs []string
	last := ""
	for i := range events {
		if trace := events[i].Trace; trace != last && trace != "" && len(attrs) < 2*maxLinks {
			attrs = append(attrs, "link", trace)
			last = trace
		}
	}
	return attrs
}

// isolate handles a workspace's events behind savepoints and answers those at
// fault, which had no effects. It finds k faults among n events in about
// 2·k·log2(n/k) calls.
func (s *handling) isolate(ctx context.Context, shard engage.Shard, g *group, how manner) ([]engage.Parked, error) {
	var faults []engage.Parked
	var search func(from, to int, failed bool) (bool, error)
	search = func(from, to int, failed bool) (clean bool, err error) {
		if !failed || to-from == 1 {
			err := s.behindSavepoint(ctx, shard, g.workspace, g.events[from:to])
			switch {
			case err == nil:
				return true, nil
			case transient(ctx, err) && (!how.force || ctx.Err() != nil):
				return false, &failure{g.workspace, err}
			case to-from == 1:
				faults = append(faults, s.fault(g.events[from], g.sliceOf(from), 1, err))
				return false, nil
			}
		}
		middle := from + (to-from)/2
		clean, err = search(from, middle, false)
		if err != nil {
			return false, err
		}
		// A failed run whose first half is clean has its fault in the second,
		// which need not be tried in one piece again.
		_, err = search(middle, to, clean)
		return false, err
	}
	_, err := search(0, len(g.events), g.workspace == how.suspect)
	return faults, err
}

// behindSavepoint handles events in a nested call, which undoes them alone when
// they fail.
func (s *handling) behindSavepoint(ctx context.Context, shard engage.Shard, ws engage.WorkspaceID, events []engage.Envelope) error {
	return s.cfg.Tx.InShard(ctx, shard, func(ctx context.Context) error { return s.handle(ctx, ws, events) })
}

func (s *handling) fault(event engage.Envelope, slice engage.SliceID, attempts int, err error) engage.Parked {
	return engage.Parked{
		Consumer: s.consumer.Name(), Event: event, Slice: slice, Attempts: attempts,
		NotBefore: s.cfg.Clock.Now().Add(s.cfg.Backoff(attempts)), Cause: err.Error(),
	}
}

// park keeps events that failed, within the port's batch limit.
func park(ctx context.Context, cfg Config, shard engage.Shard, events []engage.Parked) error {
	for chunk := range slices.Chunk(events, engage.MaxBatch) {
		if err := cfg.Log.Park(ctx, shard, chunk); err != nil {
			return err
		}
	}
	return nil
}

// report says what was parked. The cause may hold the host's text, so it stays
// in the row.
func report(ctx context.Context, cfg Config, consumer string, parked []engage.Parked) {
	if len(parked) == 0 {
		return
	}
	cfg.Telemetry.Count(ctx, "engage.watermillbus.parked", int64(len(parked)), "consumer", consumer)
	for _, p := range parked {
		cfg.Logger.WarnContext(ctx, "an event is parked", "op", "watermillbus.consume", "entity", consumer,
			"workspace", p.Event.Workspace, "id", p.Event.ID, "event", p.Event.Name, "attempt", p.Attempts)
	}
}

// retry tries events again that were parked and are due. They run in one
// transaction; when that fails, each in its own.
func (s *handling) retry(ctx context.Context, shard engage.Shard) (int, error) {
	due, err := s.cfg.Log.ClaimParked(ctx, shard, s.consumer.Name(), s.cfg.Clock.Now(), s.cfg.Lease, s.cfg.Parked)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	n, err := s.again(ctx, shard, due)
	if err == nil || len(due) == 1 || ctx.Err() != nil {
		return n, err
	}
	total := 0
	var failed []error
	for i := range due {
		n, err := s.again(ctx, shard, due[i:i+1])
		total += n
		if err != nil {
			failed = append(failed, err)
		}
	}
	return total, errors.Join(failed...)
}

// again handles parked events. One that fails is parked anew; when the failure
// is one that passes, the claim just runs out.
func (s *handling) again(ctx context.Context, shard engage.Shard, due []engage.Parked) (done int, err error) {
	var parked []engage.Parked
	err = s.cfg.Tx.InShard(ctx, shard, func(ctx context.Context) error {
		done, parked = 0, nil
		for _, p := range due {
			// The row first: whoever removes it is the one whose effects count.
			err := s.cfg.Log.Unpark(ctx, shard, p)
			if errors.Is(err, engage.ErrConflict) {
				continue
			}
			if err != nil {
				return err
			}
			err = s.behindSavepoint(ctx, shard, p.Event.Workspace, []engage.Envelope{p.Event})
			switch {
			case err == nil:
				done++
			case transient(ctx, err) && (p.Attempts < MaxFailures || ctx.Err() != nil):
				return err
			default:
				parked = append(parked, s.fault(p.Event, p.Slice, p.Attempts, err))
			}
		}
		return park(ctx, s.cfg, shard, parked)
	})
	if err != nil {
		return 0, err
	}
	report(ctx, s.cfg, s.consumer.Name(), parked)
	if done > 0 {
		s.cfg.Telemetry.Count(ctx, "engage.watermillbus.unparked", int64(done), "consumer", s.consumer.Name(), "failed", strconv.Itoa(len(parked)))
	}
	return done, nil
}
