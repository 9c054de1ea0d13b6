package watermillbus

import (
	"context"
	"errors"
	"slices"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/go-engage/engage"
)

// publishAtOnce is how many messages a Forwarder gives to one Publish.
const publishAtOnce = 500

// ForwarderConfig is what a Forwarder is made of. Config's Tx and Log and the
// Publisher are required.
type ForwarderConfig struct {
	Config

	// Publisher takes the messages: a broker's, or a Local. The forwarder does
	// not close it.
	Publisher message.Publisher
	// Name is the consumer's, under which the cursor is stored. "":
	// "watermillbus.forwarder".
	Name string
	// Events are the names of the events that are forwarded. Empty: all.
	Events []string
	// Topic answers the topic of an event. nil: its name.
	Topic func(event engage.Envelope) string
}

// Forwarder is a worker that publishes the log's events to a Watermill
// publisher: one message an event, whose UUID is the event's id and whose
// metadata name the workspace, the event, its subject (the partition key), its
// slice and when it occurred. The messages of a topic come in the log's order
// for each workspace.
//
// Delivery is at least once: the cursor moves after Publish, so what was
// published just before a crash is published again, with the same UUID. A
// publisher that fails is asked again after a pause, its partition's events
// waiting. An event it panics on, or refuses MaxFailures times while it takes
// others, is parked and tried again apart.
type Forwarder struct {
	*engage.Loop
	reader *reader
}

var _ engage.Worker = (*Forwarder)(nil)

// NewForwarder makes a forwarder. What is missing answers ErrInvalid.
func NewForwarder(cfg ForwarderConfig) (*Forwarder, error) {
	var faults engage.Faults
	cfg.Config = cfg.resolve(&faults)
	if cfg.Publisher == nil {
		faults.Add("publisher", "required", "a message.Publisher is required")
	}
	if cfg.Name == "" {
		cfg.Name = "watermillbus.forwarder"
	}
	checkName(&faults, "name", cfg.Name)
	if err := faults.Err("watermillbus.NewForwarder", ""); err != nil {
		return nil, err
	}
	if cfg.Topic == nil {
		cfg.Topic = func(event engage.Envelope) string { return event.Name }
	}
	r := newReader(cfg.Config, cfg.Name, &forwarding{cfg})
	r.alone = true
	return &Forwarder{Loop: engage.NewLoop(cfg.Name, cfg.Logger, r.step), reader: r}, nil
}

// Run forwards until ctx ends. What was published then is noted in the cursor,
// and the claims are given back.
func (f *Forwarder) Run(ctx context.Context) error {
	defer f.reader.releaseHolds(context.WithoutCancel(ctx))
	return f.Loop.Run(ctx)
}

// forwarding is the sink of a Forwarder.
type forwarding struct{ cfg ForwarderConfig }

func (s *forwarding) takes(name string) bool {
	return len(s.cfg.Events) == 0 || slices.Contains(s.cfg.Events, name)
}

func (s *forwarding) commit(ctx context.Context, l *lot, how manner) error {
	var parked []engage.Parked
	err := keepAlive(ctx, s.cfg.Config, l, func(ctx context.Context) (err error) {
		if how.careful {
			parked, err = s.publishApart(ctx, l, how)
			return err
		}
		return s.publishTogether(ctx, l)
	})
	if err != nil {
		return err
	}
	err = s.cfg.Tx.InShard(ctx, l.shard, func(ctx context.Context) error {
		if err := advance(ctx, s.cfg.Config, l); err != nil {
			return err
		}
		return park(ctx, s.cfg.Config, l.shard, parked)
	})
	if err == nil {
		report(ctx, s.cfg.Config, s.cfg.Name, parked)
	}
	return err
}

// publishTogether publishes a lot, topic by topic.
func (s *forwarding) publishTogether(ctx context.Context, l *lot) error {
	var topics []string
	waiting := map[string][]*message.Message{}
	for _, t := range l.slices {
		for i := range t.events {
			topic, msg, err := s.message(ctx, &t.events[i], t.id)
			if err != nil {
				return err
			}
			if waiting[topic] == nil {
				topics = append(topics, topic)
			}
			waiting[topic] = append(waiting[topic], msg)
		}
	}
	for _, topic := range topics {
		for chunk := range slices.Chunk(waiting[topic], publishAtOnce) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := s.publish(topic, chunk...); err != nil {
				return err
			}
		}
	}
	return nil
}

// publishApart publishes a lot's events one by one and answers those at fault.
// When a publisher refuses all of them, it is the publisher that is at fault.
func (s *forwarding) publishApart(ctx context.Context, l *lot, how manner) ([]engage.Parked, error) {
	var parked []engage.Parked
	var refused error
	published := 0
	for _, t := range l.slices {
		for i := range t.events {
			err := s.publishOne(ctx, &t.events[i], t.id)
			switch {
			case err == nil:
				published++
				continue
			case ctx.Err() != nil, transient(ctx, err) && !how.force:
				return nil, err
			case transient(ctx, err):
				refused = err
			}
			parked = append(parked, s.fault(t.events[i], t.id, 1, err))
		}
	}
	if refused != nil && published == 0 {
		return nil, refused
	}
	return parked, nil
}

func (s *forwarding) publishOne(ctx context.Context, event *engage.Envelope, slice engage.SliceID) error {
	topic, msg, err := s.message(ctx, event, slice)
	if err != nil {
		return err
	}
	return s.publish(topic, msg)
}

// message makes the message and asks the host for its topic.
func (s *forwarding) message(ctx context.Context, event *engage.Envelope, slice engage.SliceID) (topic string, msg *message.Message, err error) {
	defer func() { err = s.panicked(recover(), err) }()
	msg = messageOf(event, slice)
	msg.SetContext(ctx)
	return s.cfg.Topic(*event), msg, nil
}

// publish takes an error of the publisher for one that passes.
func (s *forwarding) publish(topic string, messages ...*message.Message) (err error) {
	defer func() { err = s.panicked(recover(), err) }()
	if err := s.cfg.Publisher.Publish(topic, messages...); err != nil {
		return &engage.Error{Code: engage.Unavailable, Op: "watermillbus.Forwarder", Entity: topic, Err: err}
	}
	return nil
}

// panicked is the failure that a recovered panic is; without one, err stays.
func (s *forwarding) panicked(p any, err error) error {
	if p == nil {
		return err
	}
	return &failure{err: engage.PanicError("forwarder "+s.cfg.Name, p)}
}

func (s *forwarding) fault(event engage.Envelope, slice engage.SliceID, attempts int, err error) engage.Parked {
	return engage.Parked{
		Consumer: s.cfg.Name, Event: event, Slice: slice, Attempts: attempts,
		NotBefore: s.cfg.Clock.Now().Add(s.cfg.Backoff(attempts)), Cause: err.Error(),
	}
}

// retry publishes parked events that are due, and then notes which went well.
func (s *forwarding) retry(ctx context.Context, shard engage.Shard) (int, error) {
	due, err := s.cfg.Log.ClaimParked(ctx, shard, s.cfg.Name, s.cfg.Clock.Now(), s.cfg.Lease, s.cfg.Parked)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	var parked []engage.Parked
	for i := range due {
		if err := s.publishOne(ctx, &due[i].Event, due[i].Slice); err != nil {
			if ctx.Err() != nil {
				return 0, err
			}
			parked = append(parked, s.fault(due[i].Event, due[i].Slice, due[i].Attempts, err))
		}
	}
	err = s.cfg.Tx.InShard(ctx, shard, func(ctx context.Context) error {
		for _, p := range due {
			err := s.cfg.Log.Unpark(ctx, shard, p)
			if err != nil && !errors.Is(err, engage.ErrConflict) {
				return err
			}
		}
		return park(ctx, s.cfg.Config, shard, parked)
	})
	if err != nil {
		return 0, err
	}
	report(ctx, s.cfg.Config, s.cfg.Name, parked)
	return len(due) - len(parked), nil
}

// KeepOpen makes a publisher whose Close does nothing, for one that several
// share: a Watermill router closes the publishers of a handler that it stops.
func KeepOpen(shared message.Publisher) message.Publisher { return keptOpen{shared} }

type keptOpen struct{ message.Publisher }

func (keptOpen) Close() error { return nil }
