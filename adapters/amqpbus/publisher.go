package amqpbus

import (
	"context"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/go-engage/engage"
)

// Publisher publishes messages to the exchanges of their topics.
type Publisher struct {
	connection connection

	mu       sync.Mutex // one call at a time: the channel keeps their order
	channel  *amqp.Channel
	declared map[string]bool
	closed   bool
}

var _ message.Publisher = (*Publisher)(nil)

// NewPublisher makes a publisher; it does not connect yet. A missing URI answers
// ErrInvalid.
func NewPublisher(cfg Config) (*Publisher, error) {
	var faults engage.Faults
	cfg = cfg.resolve(&faults)
	if err := faults.Err("amqpbus.NewPublisher", ""); err != nil {
		return nil, err
	}
	return &Publisher{connection: connection{cfg: cfg}}, nil
}

// Publish sends messages in their order and waits until the broker has confirmed
// them all. What it does not confirm answers ErrUnavailable; some of the messages
// may be published then, none of them without those before it.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	const op = "amqpbus.Publish"
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return &engage.Error{Code: engage.FailedPrecondition, Op: op, Entity: topic, Err: errClosed}
	}
	err := p.publish(topic, messages)
	if err == nil {
		return nil
	}
	if p.channel != nil {
		// Whatever is unconfirmed on it must not mix with what comes next.
		_ = p.channel.Close()
		p.channel = nil
	}
	return unavailable(op, topic, err)
}

func (p *Publisher) publish(topic string, messages []*message.Message) error {
	if err := p.ready(topic); err != nil {
		return err
	}
	confirmations := make([]*amqp.DeferredConfirmation, len(messages))
	for i, msg := range messages {
		var err error
		confirmations[i], err = p.channel.PublishWithDeferredConfirmWithContext(msg.Context(), topic, "", false, false, marshal(msg))
		if err != nil {
			return err
		}
	}
	lost := p.channel.NotifyClose(make(chan *amqp.Error, 1))
	for i, confirmation := range confirmations {
		if err := confirmed(messages[i].Context(), confirmation, lost); err != nil {
			return err
		}
	}
	return nil
}

// ready opens a channel in confirm mode and makes the exchange.
func (p *Publisher) ready(topic string) error {
	if p.channel == nil || p.channel.IsClosed() {
		channel, err := p.connection.channel()
		if err != nil {
			return err
		}
		p.channel, p.declared = channel, map[string]bool{}
		if err := channel.Confirm(false); err != nil {
			return err
		}
	}
	if p.declared[topic] {
		return nil
	}
	if err := declareExchange(p.channel, topic); err != nil {
		return err
	}
	p.declared[topic] = true
	return nil
}

func confirmed(ctx context.Context, confirmation *amqp.DeferredConfirmation, lost <-chan *amqp.Error) error {
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	select {
	case <-confirmation.Done():
	case <-ctx.Done():
		return ctx.Err()
	case err := <-lost:
		return lostBy(err)
	}
	if !confirmation.Acked() {
		return errUnconfirmed
	}
	return nil
}

// Close refuses further messages and closes the connection.
func (p *Publisher) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return p.connection.close()
}
