package watermillbus

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/go-engage/engage"
)

// sink is what becomes of the slices that a reader claims.
type sink interface {
	// takes reports whether events of a name matter to it.
	takes(name string) bool
	// commit consumes a lot and moves its cursors. It answers *lostError for a
	// claim that is another's by now, *failure for what the host's code did
	// wrong, and other errors of the store; then nothing has moved.
	commit(ctx context.Context, l *lot, how manner) error
	// retry tries parked events again, and answers how many succeeded.
	retry(ctx context.Context, shard engage.Shard) (int, error)
}

// manner is how a lot is consumed.
type manner struct {
	careful bool // find the events at fault and park them
	force   bool // errors that should have passed by themselves count as faults, too
	suspect engage.WorkspaceID
}

// lostError says that another worker has claimed a partition meanwhile.
type lostError struct {
	of  *held
	err error
}

func (e *lostError) Error() string { return e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// failure is an error of the host's code with events of a workspace.
type failure struct {
	workspace engage.WorkspaceID
	err       error
}

func (e *failure) Error() string { return e.err.Error() }
func (e *failure) Unwrap() error { return e.err }

// transient tells errors that pass by themselves: those of a store that is down
// or busy, and those of a context, of which a shutdown makes the most.
func transient(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, engage.ErrUnavailable) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// reader claims partitions for one consumer, reads their slices, and hands them
// to a sink. A partition that fails is held back alone.
type reader struct {
	cfg  Config
	name string
	sink sink

	// alone keeps partitions apart: a sink that waits for somebody makes one of
	// them wait, not those that came with it.
	alone  bool
	budget int // events of a step, about

	mu    sync.Mutex // one step at a time
	holds map[engage.Shard]map[engage.Partition]*held
	down  map[engage.Shard]*outage
}

// outage is a database that does not answer, one of several.
type outage struct {
	failures int
	due      time.Time
}

func newReader(cfg Config, name string, s sink) *reader {
	return &reader{
		cfg: cfg, name: name, sink: s, budget: maxStep,
		holds: map[engage.Shard]map[engage.Partition]*held{}, down: map[engage.Shard]*outage{},
	}
}

// step consumes what waits in every database, up to a share of it, and tries
// parked events again. It answers how many events it passed; an error only when
// it passed none, because what fails is held back and logged on its own.
func (r *reader) step(ctx context.Context) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	work, stop := afterGrace(ctx, r.cfg.Grace)
	defer stop()
	shards, err := r.cfg.Tx.Shards(work)
	if err != nil {
		return 0, err
	}
	total := 0
	var failed []error
	for _, shard := range shards {
		if len(shards) > 1 && r.isDown(shard) {
			continue
		}
		n, err := r.stepShard(ctx, work, shard)
		total += n
		if err != nil {
			failed = append(failed, err)
		}
	}
	if total > 0 {
		return total, nil
	}
	return 0, errors.Join(failed...)
}

// afterGrace answers a ctx that outlives the given one by a while, so that a
// transaction in progress can finish.
func afterGrace(ctx context.Context, grace time.Duration) (work context.Context, stop func()) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	finished := make(chan struct{})
	disarm := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-finished:
		}
	})
	return work, func() {
		disarm()
		close(finished)
		cancel()
	}
}

func (r *reader) isDown(shard engage.Shard) bool {
	o := r.down[shard]
	return o != nil && r.cfg.Clock.Now().Before(o.due)
}

func (r *reader) stepShard(ctx, work context.Context, shard engage.Shard) (int, error) {
	claimed, err := r.cfg.Log.Claim(work, shard, r.name, r.cfg.Owner, r.cfg.Clock.Now(), r.cfg.Lease, r.cfg.Partitions)
	if err != nil {
		o := r.down[shard]
		if o == nil {
			o = &outage{}
			r.down[shard] = o
		}
		o.failures++
		o.due = r.cfg.Clock.Now().Add(min(r.cfg.Backoff(o.failures), MaxHold))
		return 0, err
	}
	delete(r.down, shard)
	active := r.activate(shard, claimed)
	total := 0
	var failed []error
	for len(active) > 0 && total < r.budget && ctx.Err() == nil {
		n, err := r.round(ctx, work, shard, active)
		total += n
		if err != nil {
			failed = append(failed, err)
		}
		active = slices.DeleteFunc(active, func(h *held) bool { return h.away })
	}
	r.release(work, active)
	if ctx.Err() == nil {
		n, err := r.sink.retry(work, shard)
		total += n
		if err != nil {
			failed = append(failed, err)
		}
	}
	return total, errors.Join(failed...)
}

// activate answers the claims to work on: the new ones, in the order of Claim,
// and then those held back whose time has come.
func (r *reader) activate(shard engage.Shard, claimed []engage.Claim) []*held {
	holds := r.holds[shard]
	var active []*held
	for _, claim := range claimed {
		if h := holds[claim.Partition]; h != nil {
			h.Claim = claim // its lease had ended, and it is ours again
		} else {
			active = append(active, &held{Claim: claim})
		}
	}
	now := r.cfg.Clock.Now()
	for partition := range engage.Partition(engage.LogPartitions) {
		if h := holds[partition]; h != nil && !h.due.After(now) {
			delete(holds, partition)
			h.away = false
			active = append(active, h)
		}
	}
	return active
}

// round gives each claim its turn: the slices of one read.
func (r *reader) round(ctx, work context.Context, shard engage.Shard, active []*held) (int, error) {
	total := 0
	var failed []error
	l := &lot{shard: shard}
	flush := func() {
		if len(l.slices) == 0 {
			return
		}
		n, err := r.consume(work, l)
		total += n
		if err != nil {
			failed = append(failed, err)
		}
		l = &lot{shard: shard}
	}
	var empty []*held
	for _, h := range active {
		if ctx.Err() != nil {
			return total, errors.Join(failed...) // what was not begun comes again
		}
		read, err := r.cfg.Log.Read(work, shard, h.Partition, h.Position, r.cfg.Slices)
		switch {
		case err != nil:
			r.holdBack(work, h, err)
			failed = append(failed, err)
			continue
		case len(read) == 0:
			h.away = true
			empty = append(empty, h)
			continue
		}
		alone := r.alone || h.failures > 0
		if alone {
			flush()
		}
		for i, slice := range read {
			if h.away || ctx.Err() != nil {
				break
			}
			l.add(r.take(h, slice, i == len(read)-1 && len(read) < r.cfg.Slices))
			if l.full(r.cfg.Events) {
				flush()
			}
		}
		if alone {
			flush()
		}
	}
	if ctx.Err() == nil {
		flush()
	}
	r.release(work, empty)
	return total, errors.Join(failed...)
}

// take cuts a slice down to the events that matter.
func (r *reader) take(h *held, slice engage.Slice, final bool) taken {
	size := len(slice.Events)
	return taken{
		from: h, id: slice.ID, workspace: slice.Workspace, position: slice.Position, size: size, final: final,
		events: slices.DeleteFunc(slice.Events, func(e engage.Envelope) bool { return !r.sink.takes(e.Name) }),
	}
}

// consume hands a lot to the sink until it has passed, or what is at fault is
// parked, held back or another's.
func (r *reader) consume(ctx context.Context, l *lot) (int, error) {
	how := manner{}
	for _, t := range l.parts() {
		how.force = how.force || t.from.failures >= MaxFailures
	}
	how.careful = how.force
	for {
		err := r.sink.commit(ctx, l, how)
		lost, isLost := errors.AsType[*lostError](err)
		fault, isFault := errors.AsType[*failure](err)
		switch {
		case err == nil:
			l.settle()
			r.cfg.Telemetry.Count(ctx, "engage.watermillbus.consumed", int64(l.size), "consumer", r.name)
			return l.size, nil
		case ctx.Err() != nil:
			return 0, err
		case isLost:
			lost.of.away = true
			return 0, nil // the next round takes what came with it
		case isFault && !how.careful && !transient(ctx, err):
			how.careful, how.suspect = true, fault.workspace
		case len(l.parts()) > 1:
			return r.apart(ctx, l)
		default:
			r.holdBack(ctx, l.slices[0].from, err)
			return 0, err
		}
	}
}

// apart consumes each partition of a lot in a transaction of its own, so that
// the one that fails is known.
func (r *reader) apart(ctx context.Context, l *lot) (int, error) {
	total := 0
	var failed []error
	for _, part := range l.parts() {
		n, err := r.consume(ctx, l.sift(func(h *held) bool { return h == part.from }))
		total += n
		if err != nil {
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return total, errors.Join(failed...)
}

// holdBack puts a claim aside for a while. It is not released: the pause would
// only move to another process.
func (r *reader) holdBack(ctx context.Context, h *held, err error) {
	h.failures++
	h.away = true
	wait := min(r.cfg.Backoff(h.failures), MaxHold)
	h.due = r.cfg.Clock.Now().Add(wait)
	if r.holds[h.Shard] == nil {
		r.holds[h.Shard] = map[engage.Partition]*held{}
	}
	r.holds[h.Shard][h.Partition] = h
	if ctx.Err() == nil && !errors.Is(err, errEnding) {
		r.cfg.Logger.WarnContext(ctx, "a partition is held back", "op", "watermillbus.consume", "entity", r.name,
			"shard", h.Shard, "partition", h.Partition, "attempt", h.failures, "retry_in", wait, "err", err)
	}
}

// nextDue is when the first partition that is held back may be tried again.
func (r *reader) nextDue() (due time.Time, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, holds := range r.holds {
		for _, h := range holds {
			if !ok || h.due.Before(due) {
				due, ok = h.due, true
			}
		}
	}
	return due, ok
}

func (r *reader) takeHolds() []*held {
	var all []*held
	for shard, holds := range r.holds {
		for _, h := range holds {
			all = append(all, h)
		}
		delete(r.holds, shard)
	}
	return all
}

// releaseHolds gives back what is held back when the worker stops.
func (r *reader) releaseHolds(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.release(ctx, r.takeHolds())
}

// release gives claims back. That it may fail costs others the rest of the
// leases, no more.
func (r *reader) release(ctx context.Context, claims []*held) {
	if len(claims) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	released := make([]engage.Claim, len(claims))
	for i, h := range claims {
		released[i] = h.Claim
	}
	if err := r.cfg.Log.Release(ctx, released); err != nil {
		r.cfg.Logger.WarnContext(ctx, "claims run out on their own", "op", "watermillbus.release", "entity", r.name, "err", err)
	}
}
