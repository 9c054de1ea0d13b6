package watermillbus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/go-engage/engage"
)

// SubscriberConfig is what a Subscriber is made of. Config's Tx and Log and the
// Group are required. Of Config, Partitions is 1 and Parked unused; Backoff is
// the pause before a message that was refused comes again, MaxHold at most.
type SubscriberConfig struct {
	Config

	// Group is the consumer group: subscribers of one group share the messages
	// of a topic, and each group gets them all. A group that is new begins at
	// the oldest slice that is kept.
	Group string

	// Transactional delivers each slice within a transaction, which the
	// messages' contexts carry and which moves the cursor: what a handler
	// writes with its message's context is committed, once, when all messages
	// of the slice are acknowledged, and is undone, with theirs, when one is
	// refused. The handler works with that context in one goroutine and
	// not after Ack. Where one transaction runs at a time (in memory, on SQLite),
	// everybody waits from a message's delivery to its acknowledgement.
	Transactional bool
}

// Subscriber is a Watermill subscriber of the log. The topic is an event's name,
// or AllEvents. Messages of one workspace come in order, one at a time for each
// Subscribe; further calls, here or in other processes, share the partitions.
//
// The cursor moves when all messages of a slice are acknowledged. Delivery is
// at least once: after a crash a slice comes again, whole. A message that is
// refused (Nack) comes again after a pause, and holds its partition up until
// then; Subscriber parks nothing, so give routers a middleware for poison,
// which must not take a canceled context for it.
type Subscriber struct {
	cfg SubscriberConfig

	mu     sync.Mutex
	open   map[*subscription]struct{}
	closed bool
	wg     sync.WaitGroup
}

var _ message.Subscriber = (*Subscriber)(nil)

// NewSubscriber makes a subscriber. What is missing answers ErrInvalid.
func NewSubscriber(cfg SubscriberConfig) (*Subscriber, error) {
	var faults engage.Faults
	if cfg.Partitions == 0 {
		// A claim that waits while another partition's messages are handled
		// would run out.
		cfg.Partitions = 1
	}
	cfg.Events = 1 // a slice at a time
	cfg.Config = cfg.resolve(&faults)
	checkName(&faults, "group", cfg.Group)
	if err := faults.Err("watermillbus.NewSubscriber", ""); err != nil {
		return nil, err
	}
	return &Subscriber{cfg: cfg, open: map[*subscription]struct{}{}}, nil
}

// Subscribe delivers the messages of a topic until ctx ends or Close is called;
// then a message that was delivered has Grace to be acknowledged. The cursor is
// that of the consumer "group/topic".
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	const op = "watermillbus.Subscribe"
	var faults engage.Faults
	if topic == "" {
		faults.Add("topic", "required", "a topic is an event's name, or %q", AllEvents)
	}
	name := s.cfg.Group + "/" + topic
	checkName(&faults, "topic", name)
	if err := faults.Err(op, topic); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, &engage.Error{Code: engage.FailedPrecondition, Op: op, Entity: topic, Err: errClosed}
	}
	sub := &subscription{
		cfg: s.cfg, name: name, topic: topic, out: make(chan *message.Message),
		poke: make(chan struct{}, 1), acked: map[engage.SliceID]int{},
	}
	sub.ctx, sub.end = context.WithCancel(ctx)
	s.open[sub] = struct{}{}
	s.wg.Go(func() {
		defer s.forget(sub)
		sub.run()
	})
	return sub.out, nil
}

func (s *Subscriber) forget(sub *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, sub)
}

// Poke has all subscriptions look for messages now. It never blocks.
func (s *Subscriber) Poke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.open {
		select {
		case sub.poke <- struct{}{}:
		default:
		}
	}
}

// Close ends all subscriptions and waits until their channels are closed.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	s.closed = true
	for sub := range s.open {
		sub.end()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return nil
}

// subscription is the sink of one Subscribe.
type subscription struct {
	cfg   SubscriberConfig
	name  string
	topic string
	out   chan *message.Message
	poke  chan struct{}
	ctx   context.Context //nolint:containedctx // the subscription lives as long as it
	end   context.CancelFunc

	// acked are how many messages of a slice were acknowledged before one was
	// refused: they need not come again while this process lives.
	acked map[engage.SliceID]int
}

var (
	errRefused = errors.New("the message was refused")
	errEnding  = errors.New("the subscription has ended")
)

func (s *subscription) run() {
	defer s.end()
	defer close(s.out)
	r := newReader(s.cfg.Config, s.name, s)
	r.alone, r.budget = true, 1
	defer r.releaseHolds(context.WithoutCancel(s.ctx))
	timer := time.NewTimer(0)
	defer timer.Stop()
	idle := engage.MinPoll
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.poke:
		case <-timer.C:
		}
		n, err := r.step(s.ctx)
		switch {
		case s.ctx.Err() != nil:
			return
		case n > 0:
			idle = engage.MinPoll
			timer.Reset(0)
			continue
		case err != nil && !errors.Is(err, errRefused):
			s.cfg.Logger.ErrorContext(s.ctx, "a subscription failed", "op", "watermillbus.Subscribe", "entity", s.name, "err", err)
		}
		wait := idle
		if due, ok := r.nextDue(); ok {
			wait = min(wait, max(due.Sub(s.cfg.Clock.Now()), time.Millisecond))
		}
		timer.Reset(wait)
		idle = min(idle*2, engage.MaxPoll)
	}
}

func (s *subscription) takes(name string) bool { return s.topic == AllEvents || s.topic == name }

func (s *subscription) commit(ctx context.Context, l *lot, _ manner) error {
	if s.cfg.Transactional {
		return s.cfg.Tx.InShard(ctx, l.shard, func(ctx context.Context) error {
			if err := advance(ctx, s.cfg.Config, l); err != nil {
				return err
			}
			return s.deliver(ctx, l)
		})
	}
	err := keepAlive(ctx, s.cfg.Config, l, func(ctx context.Context) error { return s.deliver(ctx, l) })
	if err != nil {
		return err
	}
	return s.cfg.Tx.InShard(ctx, l.shard, func(ctx context.Context) error { return advance(ctx, s.cfg.Config, l) })
}

// deliver hands the lot's messages over, each after the one before it was
// acknowledged.
func (s *subscription) deliver(ctx context.Context, l *lot) error {
	for _, t := range l.slices {
		for i := s.acked[t.id]; i < len(t.events); i++ {
			if err := s.hand(ctx, messageOf(&t.events[i], t.id)); err != nil {
				return err
			}
			if !s.cfg.Transactional {
				s.acked[t.id] = i + 1
			}
		}
	}
	for _, t := range l.slices {
		delete(s.acked, t.id)
	}
	return nil
}

// hand delivers one message and waits for its answer. While the subscription
// ends, a message that nobody took goes back at once; one that somebody works
// on has the grace, which is when ctx ends.
func (s *subscription) hand(ctx context.Context, msg *message.Message) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	msg.SetContext(ctx)
	select {
	case s.out <- msg:
	case <-s.ctx.Done():
		return errEnding
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-msg.Acked():
		return nil
	case <-msg.Nacked():
		return errRefused
	case <-ctx.Done():
	}
	select {
	case <-msg.Acked(): // in the last moment
		return nil
	default:
		return ctx.Err()
	}
}

func (s *subscription) retry(context.Context, engage.Shard) (int, error) { return 0, nil }
