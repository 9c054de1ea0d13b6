package watermillbus

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/go-engage/engage"
)

// RelayConfig is what a Relay is made of. Config's Tx and Log and the Publisher
// are required.
type RelayConfig struct {
	Config

	// Publisher takes the slices. Its Publish answers nil once the broker has
	// stored them. The relay does not close it.
	Publisher message.Publisher
	// Name is the consumer's, under which the cursor is stored. "":
	// "watermillbus.relay".
	Name  string
	Lanes Lanes
}

// Relay is a worker that publishes the log to a broker slice by slice, for
// Receivers at the other end: one message a slice, whose UUID is the slice's id,
// to the lane of its partition and in the order of the log. Programs that want
// single events are fed by a Forwarder instead.
//
// Delivery is at least once. A publisher that fails is asked again after a
// pause, its partition's slices waiting. One that refuses a slice MaxFailures
// times gets a message in its place that only names it, and receivers read the
// slice from the log: nothing is parked here.
type Relay struct {
	*engage.Loop
	reader *reader
}

var _ engage.Worker = (*Relay)(nil)

// NewRelay makes a relay. What is missing answers ErrInvalid.
func NewRelay(cfg RelayConfig) (*Relay, error) {
	var faults engage.Faults
	cfg.Config = cfg.resolve(&faults)
	if cfg.Publisher == nil {
		faults.Add("publisher", "required", "a message.Publisher is required")
	}
	if cfg.Name == "" {
		cfg.Name = "watermillbus.relay"
	}
	checkName(&faults, "name", cfg.Name)
	cfg.Lanes.check(&faults)
	if err := faults.Err("watermillbus.NewRelay", ""); err != nil {
		return nil, err
	}
	r := newReader(cfg.Config, cfg.Name, &relaying{cfg})
	r.alone = true
	return &Relay{Loop: engage.NewLoop(cfg.Name, cfg.Logger, r.step), reader: r}, nil
}

// Run relays until ctx ends. What was published then is noted in the cursor, and
// the claims are given back.
func (r *Relay) Run(ctx context.Context) error {
	defer r.reader.releaseHolds(context.WithoutCancel(ctx))
	return r.Loop.Run(ctx)
}

// relaying is the sink of a Relay. Its lots are of one partition, and so of one
// lane.
type relaying struct{ cfg RelayConfig }

func (s *relaying) takes(string) bool { return true }

func (s *relaying) commit(ctx context.Context, l *lot, how manner) error {
	topic := s.cfg.Lanes.Of(l.slices[0].from.Partition)
	err := keepAlive(ctx, s.cfg.Config, l, func(ctx context.Context) error {
		if how.careful {
			return s.publishApart(ctx, topic, l)
		}
		return s.publishTogether(ctx, topic, l)
	})
	if err != nil {
		return err
	}
	return s.cfg.Tx.InShard(ctx, l.shard, func(ctx context.Context) error { return advance(ctx, s.cfg.Config, l) })
}

// publishTogether publishes a lot in one call.
func (s *relaying) publishTogether(ctx context.Context, topic string, l *lot) error {
	all := make([]carried, len(l.slices))
	for i := range l.slices {
		all[i] = l.carried(i)
	}
	return s.publish(ctx, topic, all...)
}

// publishApart publishes slice by slice, and of those that are refused that they
// exist. A publisher that refuses this, too, takes nothing at the moment.
func (s *relaying) publishApart(ctx context.Context, topic string, l *lot) error {
	for i := range l.slices {
		c := l.carried(i)
		err := s.publish(ctx, topic, c)
		if err == nil {
			continue
		}
		s.cfg.Logger.WarnContext(ctx, "a slice is relayed by name alone", "op", "watermillbus.Relay", "entity", s.cfg.Name,
			"workspace", c.Workspace, "id", c.ID, "err", err)
		c.Events = nil
		if err := s.publish(ctx, topic, c); err != nil {
			return err
		}
	}
	return nil
}

// publish takes an error of the publisher for one that passes, and its panic for
// its answer to these slices.
func (s *relaying) publish(ctx context.Context, topic string, all ...carried) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &failure{all[0].Workspace, engage.PanicError("relay "+s.cfg.Name, p)}
		}
	}()
	messages := make([]*message.Message, len(all))
	for i, c := range all {
		if messages[i], err = sliceMessage(c); err != nil {
			return err
		}
		messages[i].SetContext(ctx)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.cfg.Publisher.Publish(topic, messages...); err != nil {
		return &engage.Error{Code: engage.Unavailable, Op: "watermillbus.Relay", Entity: topic, Err: err}
	}
	return nil
}

func (s *relaying) retry(context.Context, engage.Shard) (int, error) { return 0, nil }

// carried is the lot's i-th slice as it travels.
func (l *lot) carried(i int) carried {
	t := l.slices[i]
	return carried{shard: l.shard, Slice: engage.Slice{
		ID: t.id, Workspace: t.workspace, Partition: t.from.Partition, Position: t.position, Events: t.events,
	}}
}
