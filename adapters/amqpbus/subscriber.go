package amqpbus

import (
	"context"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/go-engage/engage"
)

// SubscriberConfig is what a Subscriber is made of. Config's URI and the Group
// are required.
type SubscriberConfig struct {
	Config

	// Group is the consumer group: subscribers of one group share a queue for
	// each topic, and each group has its own.
	Group string

	NackDelay time.Duration // 0: DefaultNackDelay
}

// Subscriber delivers what comes into a group's queues, in order. A message that
// is refused, or was under way on a connection that is lost, comes again before
// those behind it. Of several subscribers to a topic one is active; the broker
// chooses another when it ends.
type Subscriber struct {
	connection connection
	cfg        SubscriberConfig

	mu      sync.Mutex
	closed  bool
	closing chan struct{}
	wg      sync.WaitGroup
}

var (
	_ message.Subscriber           = (*Subscriber)(nil)
	_ message.SubscribeInitializer = (*Subscriber)(nil)
)

// NewSubscriber makes a subscriber; it does not connect yet. What is missing
// answers ErrInvalid.
func NewSubscriber(cfg SubscriberConfig) (*Subscriber, error) {
	var faults engage.Faults
	cfg.Config = cfg.resolve(&faults)
	if cfg.Group == "" {
		faults.Add("group", "required", "a group, which has a queue for each topic")
	}
	if cfg.NackDelay < 0 {
		faults.Add("nack_delay", "out_of_range", "nack delay is not negative")
	}
	if err := faults.Err("amqpbus.NewSubscriber", cfg.Group); err != nil {
		return nil, err
	}
	if cfg.NackDelay == 0 {
		cfg.NackDelay = DefaultNackDelay
	}
	return &Subscriber{connection: connection{cfg: cfg.Config}, cfg: cfg, closing: make(chan struct{})}, nil
}

// SubscribeInitialize makes the group's queue of a topic.
func (s *Subscriber) SubscribeInitialize(topic string) error {
	channel, err := s.connection.channel()
	if err != nil {
		return unavailable("amqpbus.Subscribe", topic, err)
	}
	defer func() { _ = channel.Close() }()
	if err := declareQueue(channel, topic, s.cfg.Group); err != nil {
		return unavailable("amqpbus.Subscribe", topic, err)
	}
	return nil
}

// Subscribe delivers the messages of a topic until ctx ends or Close is called.
// A broker that does not answer is an error now, and waited for later.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, &engage.Error{Code: engage.FailedPrecondition, Op: "amqpbus.Subscribe", Entity: topic, Err: errClosed}
	}
	if err := s.SubscribeInitialize(topic); err != nil {
		return nil, err
	}
	out := make(chan *message.Message)
	s.wg.Go(func() {
		defer close(out)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			select {
			case <-s.closing:
				cancel()
			case <-ctx.Done():
			}
		}()
		for ctx.Err() == nil {
			if err := s.session(ctx, topic, out); err != nil && ctx.Err() == nil {
				s.cfg.Logger.WarnContext(ctx, "a subscription begins again", "op", "amqpbus.Subscribe", "entity", topic, "err", err)
				rest(ctx, s.cfg.NackDelay)
			}
		}
	})
	return out, nil
}

// session delivers over one channel until ctx ends or it is lost.
func (s *Subscriber) session(ctx context.Context, topic string, out chan<- *message.Message) error {
	channel, err := s.connection.channel()
	if err != nil {
		return err
	}
	defer func() { _ = channel.Close() }()
	if err := channel.Qos(1, 0, false); err != nil {
		return err
	}
	if err := declareQueue(channel, topic, s.cfg.Group); err != nil {
		return err
	}
	lost := channel.NotifyClose(make(chan *amqp.Error, 1))
	deliveries, err := channel.Consume(Queue(topic, s.cfg.Group), "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case delivery, open := <-deliveries:
			if !open {
				return errLost
			}
			if err := s.deliver(ctx, &delivery, lost, out); err != nil {
				return err
			}
		}
	}
}

// deliver hands a message over and tells the broker what became of it.
func (s *Subscriber) deliver(ctx context.Context, in *amqp.Delivery, lost <-chan *amqp.Error, out chan<- *message.Message) error {
	msg := unmarshal(in)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	msg.SetContext(ctx)
	select {
	case out <- msg:
	case err := <-lost:
		return lostBy(err)
	case <-ctx.Done():
		return in.Nack(false, true)
	}
	select {
	case <-msg.Acked():
		return in.Ack(false)
	case <-msg.Nacked():
		rest(ctx, s.cfg.NackDelay)
		return in.Nack(false, true)
	case err := <-lost:
		return lostBy(err)
	case <-ctx.Done():
		return in.Nack(false, true)
	}
}

// rest waits for d or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Close ends all subscriptions, waits until their channels are closed, and
// closes the connection.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
	s.mu.Unlock()
	s.wg.Wait()
	return s.connection.close()
}
