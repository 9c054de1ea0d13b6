package natsbus

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-engage/engage"
)

// SubscriberConfig is what a Subscriber is made of. Config's JetStream and the
// Group are required.
type SubscriberConfig struct {
	Config

	// Group is the consumer group: subscribers of one group share the messages
	// of a topic, and each group gets them all, from the oldest that the stream
	// keeps.
	Group string

	AckWait   time.Duration // 0: DefaultAckWait
	NackDelay time.Duration // 0: DefaultNackDelay
}

// Subscriber delivers a stream's messages, those of a topic in their order. A
// message that was delivered is kept for its receiver, however long it takes,
// until it is acknowledged; one that is refused comes again after a pause and
// before those behind it, as does one whose process died, after AckWait.
type Subscriber struct {
	stream stream
	cfg    SubscriberConfig

	mu      sync.Mutex
	closed  bool
	closing chan struct{}
	wg      sync.WaitGroup
}

var (
	_ message.Subscriber           = (*Subscriber)(nil)
	_ message.SubscribeInitializer = (*Subscriber)(nil)
)

// NewSubscriber makes a subscriber; it does not call the server. What is missing
// answers ErrInvalid.
func NewSubscriber(cfg SubscriberConfig) (*Subscriber, error) {
	var faults engage.Faults
	cfg.Config = cfg.resolve(&faults)
	if cfg.Group == "" {
		faults.Add("group", "required", "a group, under which the server keeps what was acknowledged")
	}
	if cfg.AckWait < 0 || cfg.NackDelay < 0 {
		faults.Add("ack_wait", "out_of_range", "ack wait and nack delay are not negative")
	}
	if err := faults.Err("natsbus.NewSubscriber", ""); err != nil {
		return nil, err
	}
	if cfg.AckWait == 0 {
		cfg.AckWait = DefaultAckWait
	}
	if cfg.NackDelay == 0 {
		cfg.NackDelay = DefaultNackDelay
	}
	return &Subscriber{stream: stream{cfg: cfg.Config}, cfg: cfg, closing: make(chan struct{})}, nil
}

// SubscribeInitialize makes the group's consumer of a topic.
func (s *Subscriber) SubscribeInitialize(topic string) error {
	ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
	defer cancel()
	_, err := s.consumer(ctx, topic)
	return err
}

func (s *Subscriber) consumer(ctx context.Context, topic string) (jetstream.Consumer, error) {
	subject, err := s.cfg.Subject(topic)
	if err != nil {
		return nil, err
	}
	if err := s.stream.ensure(ctx); err != nil {
		return nil, err
	}
	consumer, err := s.cfg.JetStream.CreateOrUpdateConsumer(ctx, s.cfg.Stream, jetstream.ConsumerConfig{
		Durable: durable(s.cfg.Group, topic), FilterSubject: subject, DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: s.cfg.AckWait, MaxAckPending: 1,
	})
	if err != nil {
		s.stream.made.Store(false) // perhaps the server has lost it
		return nil, unavailable("natsbus.Subscribe", topic, err)
	}
	return consumer, nil
}

// Subscribe delivers the messages of a topic until ctx ends or Close is called.
// A server that does not answer is an error now, and waited for later.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, &engage.Error{Code: engage.FailedPrecondition, Op: "natsbus.Subscribe", Entity: topic, Err: errClosed}
	}
	first, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if _, err := s.consumer(first, topic); err != nil {
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
				s.cfg.Logger.WarnContext(ctx, "a subscription begins again", "op", "natsbus.Subscribe", "entity", topic, "err", err)
				rest(ctx, s.cfg.NackDelay)
			}
		}
	})
	return out, nil
}

// session delivers until ctx ends or the consumer can't go on.
func (s *Subscriber) session(ctx context.Context, topic string, out chan<- *message.Message) error {
	consumer, err := s.consumer(ctx, topic)
	if err != nil {
		return err
	}
	pending, err := consumer.Messages(jetstream.PullMaxMessages(1))
	if err != nil {
		return err
	}
	defer pending.Stop()
	// Drain lets Next bring what the server has sent meanwhile, so that it goes
	// back at once; after Stop it would come again after AckWait only.
	disarm := context.AfterFunc(ctx, pending.Drain)
	defer disarm()
	for {
		msg, err := pending.Next()
		if err != nil {
			return err // without heartbeats, the server may have lost the consumer
		}
		s.deliver(ctx, msg, out)
	}
}

// deliver hands a message over and tells the server what became of it. What the
// server does not hear makes the message come again.
func (s *Subscriber) deliver(ctx context.Context, in jetstream.Msg, out chan<- *message.Message) {
	msg := message.NewMessage(in.Headers().Get(HeaderUUID), in.Data())
	if metadata := in.Headers().Get(HeaderMetadata); metadata != "" {
		if err := json.Unmarshal([]byte(metadata), &msg.Metadata); err != nil {
			s.cfg.Logger.WarnContext(ctx, "a message's metadata can't be read", "op", "natsbus.Subscribe", "id", msg.UUID, "err", err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	msg.SetContext(ctx)
	if ctx.Err() != nil {
		out = nil
	}
	alive := time.NewTicker(s.cfg.AckWait / 3)
	defer alive.Stop()
	handedOver := out
	var err error
	for settled := false; !settled; {
		select {
		case handedOver <- msg:
			handedOver = nil
			continue
		case <-alive.C:
			err = in.InProgress()
		case <-msg.Acked():
			err, settled = s.acknowledge(ctx, in), true
		case <-msg.Nacked():
			err, settled = in.NakWithDelay(s.cfg.NackDelay), true
		case <-ctx.Done():
			err, settled = in.Nak(), true
		}
		if err != nil {
			s.cfg.Logger.WarnContext(ctx, "the server was not told of a message", "op", "natsbus.Subscribe", "id", msg.UUID, "err", err)
		}
	}
}

// acknowledge waits until the server has taken the acknowledgement: servers 2.9
// may forget a request for the next message that overtakes it.
func (s *Subscriber) acknowledge(ctx context.Context, in jetstream.Msg) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTimeout)
	defer cancel()
	return in.DoubleAck(ctx)
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

// Close ends all subscriptions and waits until their channels are closed. The
// connection is the host's.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
	s.mu.Unlock()
	s.wg.Wait()
	return nil
}
