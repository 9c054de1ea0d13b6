package natsbus

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"

	"github.com/go-engage/engage"
)

// The headers that carry what a Watermill message has besides its payload.
const (
	HeaderUUID     = "Watermill-Uuid"
	HeaderMetadata = "Watermill-Metadata" // a JSON object
)

// publishTimeout bounds a request to the server. One that was under way when the
// server stopped is never answered.
const publishTimeout = 3 * time.Second

// Publisher publishes messages into the stream.
type Publisher struct {
	stream stream
	closed atomic.Bool
}

var _ message.Publisher = (*Publisher)(nil)

// NewPublisher makes a publisher; it does not call the server. What is missing
// answers ErrInvalid.
func NewPublisher(cfg Config) (*Publisher, error) {
	var faults engage.Faults
	cfg = cfg.resolve(&faults)
	if err := faults.Err("natsbus.NewPublisher", ""); err != nil {
		return nil, err
	}
	return &Publisher{stream: stream{cfg: cfg}}, nil
}

// Publish publishes messages one after the other, each when the server has
// acknowledged that the one before it is stored, so that no failure changes
// their order. What a topic that is no subject answers is ErrInvalid, what the
// server does not take ErrUnavailable; the messages before that one are
// published.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	const op = "natsbus.Publish"
	if p.closed.Load() {
		return &engage.Error{Code: engage.FailedPrecondition, Op: op, Entity: topic, Err: errClosed}
	}
	subject, err := p.stream.cfg.Subject(topic)
	if err != nil {
		return err
	}
	for _, msg := range messages {
		if err := p.publish(subject, msg); err != nil {
			return err
		}
	}
	return nil
}

func (p *Publisher) publish(subject string, msg *message.Message) error {
	const op = "natsbus.Publish"
	ctx, cancel := context.WithTimeout(msg.Context(), publishTimeout)
	defer cancel()
	if err := p.stream.ensure(ctx); err != nil {
		return err
	}
	out := nats.NewMsg(subject)
	out.Data = msg.Payload
	out.Header.Set(HeaderUUID, msg.UUID)
	if len(msg.Metadata) > 0 {
		metadata, err := json.Marshal(msg.Metadata)
		if err != nil {
			return &engage.Error{Code: engage.Invalid, Op: op, Entity: msg.UUID, Err: err}
		}
		out.Header.Set(HeaderMetadata, string(metadata))
	}
	if _, err := p.stream.cfg.JetStream.PublishMsg(ctx, out); err != nil {
		p.stream.made.Store(false) // perhaps the server has lost it
		return unavailable(op, msg.UUID, err)
	}
	return nil
}

// Close refuses further messages. The connection is the host's.
func (p *Publisher) Close() error {
	p.closed.Store(true)
	return nil
}
