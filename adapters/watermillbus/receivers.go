package watermillbus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/go-engage/engage"
)

// Marks is where Receivers note which slices a consumer has taken, beside what
// its handlers wrote. A mark is of a consumer and a slice; the last one of each
// partition is how far the consumer is.
type Marks interface {
	// Last answers the position of the last slice that a consumer has marked in
	// each partition; those without a mark are left out. ctx needs no
	// transaction.
	Last(ctx context.Context, shard engage.Shard, consumer string) (map[engage.Partition]engage.Position, error)
	// Mark notes at now, inside the InShard transaction that holds the effects,
	// that a consumer takes a slice, and answers false when it is noted already.
	// It waits for another transaction that marks the slice. The slice's events
	// don't matter.
	Mark(ctx context.Context, shard engage.Shard, consumer string, slice engage.Slice, now time.Time) (bool, error)
	// PruneMarks removes up to limit of a consumer's marks that were made before
	// an instant, in the order of positions, but never a partition's last, and
	// answers how many. ctx needs no transaction.
	PruneMarks(ctx context.Context, shard engage.Shard, consumer string, before time.Time, limit int) (int, error)
}

// ReceiverConfig is what Receivers are made of. Config's Tx and Log, of the
// installation whose log is relayed, Marks and Open are required. Of Config,
// Partitions, Events and Owner are unused.
type ReceiverConfig struct {
	Config

	Marks Marks
	// Open makes the subscriber of a consumer's group, which gets every message
	// of the lanes and shares it with no other group. It hands out one message
	// of a topic at a time, and the next one after Ack. Receivers close it.
	Open  func(group string) (message.Subscriber, error)
	Lanes Lanes
	// Sweep is how long a partition stands still, and how old a slice grows that
	// no broker has brought, before it is read from the log. 0: DefaultSweep.
	Sweep time.Duration
}

// Receivers runs consumers on what a Relay feeds through a broker, each in a
// worker of its own, in any number of processes. Handlers are called as
// Consumers calls them: slices in the log's order for each workspace, effects
// and mark in one transaction, events at fault parked and tried again.
//
// The broker may repeat, reorder and lose messages. What is marked is not
// handled again. What comes too early waits until the slices before it are read
// from the log; and what does not come is read from the log after Sweep, so a
// consumer that is new begins at the oldest slice that is kept.
//
// Marks are kept for MarkWindow. A slice that comes later, and is not behind the
// last mark, may have been handled: it is refused, reported and not handled
// again.
type Receivers struct{ workers []*receiver }

// NewReceivers makes the workers of consumers. What is missing, a consumer
// without a name and two of one name answer ErrInvalid.
func NewReceivers(cfg ReceiverConfig, consumers ...*engage.Consumer) (*Receivers, error) {
	var faults engage.Faults
	cfg.Config = cfg.resolve(&faults)
	if cfg.Marks == nil {
		faults.Add("marks", "required", "Marks are required")
	}
	if cfg.Open == nil {
		faults.Add("open", "required", "a function that opens subscribers is required")
	}
	if cfg.Sweep < 0 {
		faults.Add("sweep", "out_of_range", "sweep is not negative")
	}
	if cfg.Sweep == 0 {
		cfg.Sweep = DefaultSweep
	}
	cfg.Lanes.check(&faults)
	names := map[string]bool{}
	all := &Receivers{}
	for i, consumer := range consumers {
		path := fmt.Sprintf("consumers[%d]", i)
		if consumer == nil {
			faults.Add(path, "required", "the consumer is nil")
			continue
		}
		checkName(&faults, path, consumer.Name())
		if names[consumer.Name()] {
			faults.Add(path, "duplicate", "%q is named twice", consumer.Name())
		}
		names[consumer.Name()] = true
		all.workers = append(all.workers, newReceiver(cfg, consumer))
	}
	if err := faults.Err("watermillbus.NewReceivers", ""); err != nil {
		return nil, err
	}
	return all, nil
}

// Workers are the consumers' workers, one each. Besides engage.Worker they have
// the methods of engage.Loop, whose step does all but receive.
func (r *Receivers) Workers() []engage.Worker {
	workers := make([]engage.Worker, len(r.workers))
	for i, w := range r.workers {
		workers[i] = w
	}
	return workers
}

// Step tries parked events again, reads from the log what no broker has brought,
// and prunes marks, and answers how many events passed. Run does it beside
// receiving.
func (r *Receivers) Step(ctx context.Context) (int, error) {
	total := 0
	var failed []error
	for _, w := range r.workers {
		n, err := w.Step(ctx)
		total += n
		failed = append(failed, err)
	}
	return total, errors.Join(failed...)
}

// receiver is the worker of one consumer.
type receiver struct {
	*engage.Loop
	cfg      ReceiverConfig
	handling *handling

	mu    sync.Mutex // one transaction of the consumer at a time
	last  map[place]engage.Position
	swept time.Time
	then  map[place]engage.Position // how far it was when it last swept
}

// place is a partition of a database's log.
type place struct {
	shard     engage.Shard
	partition engage.Partition
}

func newReceiver(cfg ReceiverConfig, consumer *engage.Consumer) *receiver {
	r := &receiver{cfg: cfg, handling: newHandling(cfg.Config, consumer), last: map[place]engage.Position{}, then: map[place]engage.Position{}}
	r.Loop = engage.NewLoop("watermillbus.receiver."+consumer.Name(), cfg.Logger, r.step)
	return r
}

func (r *receiver) name() string { return r.handling.consumer.Name() }

// Run receives until ctx ends. The transactions in progress then finish within
// the grace or roll back, and the broker keeps what was not acknowledged.
func (r *receiver) Run(ctx context.Context) error {
	work, stop := afterGrace(ctx, r.cfg.Grace)
	defer stop()
	var receiving sync.WaitGroup
	receiving.Go(func() { r.receive(ctx, work) })
	err := r.Loop.Run(ctx)
	receiving.Wait()
	return err
}

// receive keeps a subscriber open for all lanes.
func (r *receiver) receive(ctx, work context.Context) {
	for failures := 0; ctx.Err() == nil; {
		subscriber, err := r.cfg.Open(r.name())
		if err != nil {
			failures++
			r.wait(ctx, failures, "a subscriber can't be opened", err)
			continue
		}
		var lanes sync.WaitGroup
		for _, topic := range r.cfg.Lanes.Names() {
			lanes.Go(func() { r.listen(ctx, work, subscriber, topic) })
		}
		lanes.Wait()
		if err := subscriber.Close(); err != nil {
			r.cfg.Logger.WarnContext(work, "a subscriber did not close well", "op", "watermillbus.receive", "entity", r.name(), "err", err)
		}
	}
}

// listen takes a lane's messages until ctx ends.
func (r *receiver) listen(ctx, work context.Context, subscriber message.Subscriber, topic string) {
	for failures := 0; ctx.Err() == nil; {
		messages, err := subscriber.Subscribe(work, topic)
		if err != nil {
			failures++
			r.wait(ctx, failures, "a lane can't be subscribed to", err)
			continue
		}
		failures = 0
		for open := true; open; {
			var msg *message.Message
			select {
			case <-ctx.Done():
				return
			case msg, open = <-messages:
			}
			if open {
				r.answer(ctx, work, msg)
			}
		}
	}
}

// wait lets a while pass before the next try.
func (r *receiver) wait(ctx context.Context, failures int, what string, err error) bool {
	pausing := min(r.cfg.Backoff(failures), MaxHold)
	if ctx.Err() == nil {
		r.cfg.Logger.WarnContext(ctx, what, "op", "watermillbus.receive", "entity", r.name(), "attempt", failures, "retry_in", pausing, "err", err)
	}
	return pause(ctx, pausing)
}

// answer acknowledges a message once its slice is dealt with, which also is what
// becomes of a message that nobody can read. One that the end interrupts goes
// back.
func (r *receiver) answer(ctx, work context.Context, msg *message.Message) {
	c, err := sliceOf(msg)
	if err != nil {
		r.cfg.Logger.ErrorContext(ctx, "a message is no slice", "op", "watermillbus.receive", "entity", r.name(), "id", msg.UUID, "err", err)
		msg.Ack()
		return
	}
	if err := r.take(ctx, work, c); err != nil {
		msg.Nack()
		return
	}
	msg.Ack()
}

// take passes a slice, after those before it. It fails only when ctx has ended.
func (r *receiver) take(ctx, work context.Context, c carried) error {
	at := place{c.shard, c.Partition}
	named := len(c.Events) == 0 // the log has the rest of it
	upTo := c.Position - 1
	if named {
		upTo = c.Position
	}
	for failures := 1; ; failures++ {
		last, err := r.reached(work, at, c)
		if err == nil {
			err = r.fill(ctx, work, at, min(last, c.Position-1), upTo)
		}
		switch {
		case err == nil && named:
			return nil
		case err == nil:
			return r.pass(ctx, work, c)
		case ctx.Err() != nil || !r.wait(ctx, failures, "the log can't be read", err):
			return err
		}
	}
}

// reached answers how far the consumer is in the slice's partition. It asks the
// store when it matters what other processes did: for a slice that seems too
// early, and for one so old that its mark may be gone.
func (r *receiver) reached(ctx context.Context, at place, c carried) (engage.Position, error) {
	if r.known(at)+1 < c.Position || r.outdated(c) {
		if err := r.refresh(ctx, at.shard); err != nil {
			return 0, err
		}
	}
	return r.known(at), nil
}

// outdated reports whether a slice's mark may have been made, and pruned.
func (r *receiver) outdated(c carried) bool { return r.cfg.Clock.Now().Sub(c.ID.Time()) >= MarkWindow }

func (r *receiver) known(at place) engage.Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last[at]
}

// passed notes how far the consumer is.
func (r *receiver) passed(at place, position engage.Position) {
	r.last[at] = max(r.last[at], position)
}

// refresh reads how far other processes, and former ones, have come.
func (r *receiver) refresh(ctx context.Context, shard engage.Shard) error {
	last, err := r.cfg.Marks.Last(ctx, shard, r.name())
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for partition, position := range last {
		r.passed(place{shard, partition}, position)
	}
	return nil
}

// fill passes the slices of a partition behind a position, up to another, as the
// log has them. What it has pruned is lost to a consumer that had begun.
func (r *receiver) fill(ctx, work context.Context, at place, after, upTo engage.Position) error {
	for after < upTo {
		read, err := r.cfg.Log.Read(work, at.shard, at.partition, after, r.cfg.Slices)
		if err != nil {
			return err
		}
		next := upTo + 1
		if len(read) > 0 {
			next = min(read[0].Position, next)
		}
		if after > 0 && next > after+1 {
			r.lost(work, at, after+1, next-1)
		}
		for _, slice := range read {
			if slice.Position > upTo {
				return nil
			}
			if err := r.pass(ctx, work, carried{at.shard, fromLog, slice}); err != nil {
				return err
			}
		}
		if len(read) == 0 {
			return nil
		}
		after = read[len(read)-1].Position
	}
	return nil
}

// lost reports slices that nobody brings any more.
func (r *receiver) lost(ctx context.Context, at place, from, to engage.Position) {
	r.cfg.Telemetry.Count(ctx, "engage.watermillbus.lost", int64(to-from+1), "consumer", r.name())
	r.cfg.Logger.ErrorContext(ctx, "neither the broker nor the log has these slices", "op", "watermillbus.receive", "entity", r.name(),
		"shard", at.shard, "partition", at.partition, "from", from, "to", to)
}

// pass handles a slice unless it was handled, and tries until it is done, or
// what is at fault is parked. It fails only when ctx has ended.
func (r *receiver) pass(ctx, work context.Context, c carried) error {
	how := manner{}
	for failures := 0; ; {
		err := r.commit(work, c, how)
		if err == nil {
			return nil
		}
		if work.Err() != nil {
			return err
		}
		fault, isFault := errors.AsType[*failure](err)
		if isFault && !how.careful && !transient(work, err) {
			how.careful, how.suspect = true, fault.workspace
			continue
		}
		failures++
		if failures >= MaxFailures {
			how.careful, how.force = true, true
		}
		if !r.wait(ctx, failures, "a slice is held back", err) {
			return err
		}
	}
}

// commit handles a slice and marks it in one transaction. One that holds nothing
// for this consumer is passed without either, but for a mark now and then that
// keeps the next start from reading all of them again.
func (r *receiver) commit(ctx context.Context, c carried, how manner) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, size := place{c.shard, c.Partition}, len(c.Events)
	events := slices.DeleteFunc(slices.Clone(c.Events), func(e engage.Envelope) bool { return !r.handling.takes(e.Name) })
	if len(events) == 0 && c.Position%markEvery != 0 {
		r.passed(at, c.Position)
		return nil
	}
	now := r.cfg.Clock.Now()
	groups := []group{{workspace: c.Workspace, events: events, from: []taken{{id: c.ID, events: events}}}}
	var parked []engage.Parked
	var fresh, refused bool
	err := r.cfg.Tx.InShard(ctx, c.shard, func(ctx context.Context) (err error) {
		parked, refused = nil, false
		if fresh, err = r.cfg.Marks.Mark(ctx, c.shard, r.name(), c.Slice, now); err != nil || !fresh {
			return err
		}
		if refused = c.Position <= r.last[at] && r.outdated(c); refused {
			return nil
		}
		parked, err = r.handling.effects(ctx, c.shard, groups, how)
		return err
	})
	if err != nil {
		return err
	}
	r.passed(at, c.Position)
	report(ctx, r.cfg.Config, r.name(), parked)
	switch {
	case refused:
		r.cfg.Telemetry.Count(ctx, "engage.watermillbus.refused", 1, "consumer", r.name())
		r.cfg.Logger.ErrorContext(ctx, "a slice is refused: it is older than marks are kept", "op", "watermillbus.receive", "entity", r.name(),
			"workspace", c.Workspace, "id", c.ID, "partition", c.Partition, "position", c.Position)
	case fresh:
		r.cfg.Telemetry.Count(ctx, "engage.watermillbus.consumed", int64(size), "consumer", r.name(), "from", c.from)
	}
	return nil
}

// step tries parked events again in every database, and once in a while sweeps.
func (r *receiver) step(ctx context.Context) (int, error) {
	work, stop := afterGrace(ctx, r.cfg.Grace)
	defer stop()
	shards, err := r.cfg.Tx.Shards(work)
	if err != nil {
		return 0, err
	}
	now := r.cfg.Clock.Now()
	sweeping := now.Sub(r.swept) >= r.cfg.Sweep || now.Before(r.swept)
	total := 0
	var failed []error
	for _, shard := range shards {
		if ctx.Err() != nil {
			break
		}
		n, err := r.retry(work, shard)
		total += n
		failed = append(failed, err)
		if sweeping {
			n, err := r.sweep(ctx, work, shard, now)
			total += n
			failed = append(failed, err)
		}
	}
	if sweeping && ctx.Err() == nil {
		r.swept = now
	}
	if total > 0 {
		return total, nil
	}
	return 0, errors.Join(failed...)
}

func (r *receiver) retry(ctx context.Context, shard engage.Shard) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.handling.retry(ctx, shard)
}

// sweep passes the slices that the broker should have brought, of partitions
// that stand still since the last sweep: one that is slow has them under way. It
// removes marks that have had their time.
func (r *receiver) sweep(ctx, work context.Context, shard engage.Shard, now time.Time) (int, error) {
	if err := r.refresh(work, shard); err != nil {
		return 0, err
	}
	total := 0
	for partition := range engage.Partition(engage.LogPartitions) {
		at := place{shard, partition}
		then, swept := r.then[at]
		r.then[at] = r.known(at)
		for overdue := swept && then == r.known(at); overdue && ctx.Err() == nil; {
			read, err := r.cfg.Log.Read(work, shard, partition, r.known(at), r.cfg.Slices)
			if err != nil {
				return total, err
			}
			overdue = len(read) > 0
			for _, slice := range read {
				if overdue = now.Sub(slice.ID.Time()) >= r.cfg.Sweep && ctx.Err() == nil; !overdue {
					break
				}
				if err := r.pass(ctx, work, carried{shard, fromLog, slice}); err != nil {
					return total, err
				}
				total += len(slice.Events)
			}
		}
	}
	_, err := r.cfg.Marks.PruneMarks(work, shard, r.name(), now.Add(-MarkWindow), engage.MaxBatch)
	return total, err
}
