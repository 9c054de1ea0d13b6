package watermillbus

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/go-engage/engage"
)

// PublisherConfig is what a Publisher is made of. Tx and Events are required.
type PublisherConfig struct {
	Tx     engage.Transactor
	Events engage.Publisher

	// Workspace is that of messages whose metadata name none. Zero: such
	// messages are refused.
	Workspace engage.WorkspaceID
}

// Publisher is a Watermill publisher that writes messages into the log as
// domain events: the topic is the event's name. A message whose context carries
// a transaction of the store (engage.Transactor.InTx, or a Transactional
// Subscriber's message) is published if and only if it commits; the others are
// committed before Publish returns. Payloads are limited to
// engage.MaxEventBytes, less what the UUID and the metadata take.
//
// A payload that is a JSON object reaches typed handlers (engage.On) as well as
// Watermill's, which get every message as it was: UUID, metadata, payload.
type Publisher struct {
	cfg    PublisherConfig
	closed atomic.Bool
}

var _ message.Publisher = (*Publisher)(nil)

var errClosed = errors.New("closed")

// NewPublisher makes a publisher. A missing collaborator answers ErrInvalid.
func NewPublisher(cfg PublisherConfig) (*Publisher, error) {
	var faults engage.Faults
	if cfg.Tx == nil {
		faults.Add("tx", "required", "a Transactor is required")
	}
	if cfg.Events == nil {
		faults.Add("events", "required", "a Publisher is required")
	}
	if err := faults.Err("watermillbus.NewPublisher", ""); err != nil {
		return nil, err
	}
	return &Publisher{cfg: cfg}, nil
}

// Publish writes messages into the log. Neighbours with the same context and
// workspace share a transaction, and so are published together or not at all.
// A topic that is empty or AllEvents, a message without a workspace and one that
// is too large answer ErrInvalid.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	const op = "watermillbus.Publish"
	if p.closed.Load() {
		return &engage.Error{Code: engage.FailedPrecondition, Op: op, Entity: topic, Err: errClosed}
	}
	if topic == "" || topic == AllEvents {
		return &engage.Error{Code: engage.Invalid, Op: op, Entity: topic, Err: errors.New("no name of an event")}
	}
	for len(messages) > 0 {
		ws, err := p.workspaceOf(messages[0])
		if err != nil {
			return err
		}
		n := 1
		for n < len(messages) && together(messages[0], messages[n]) {
			n++
		}
		events := make([]engage.Event, n)
		for i, msg := range messages[:n] {
			if events[i], err = wrapMessage(topic, msg); err != nil {
				return err
			}
		}
		ctx := withTrace(messages[0].Context(), messages[0])
		err = p.cfg.Tx.InTx(ctx, ws, func(ctx context.Context) error { return p.cfg.Events.Publish(ctx, ws, events...) })
		if err != nil {
			return err
		}
		messages = messages[n:]
	}
	return nil
}

// Close refuses further messages. What was published is in the log already.
func (p *Publisher) Close() error {
	p.closed.Store(true)
	return nil
}

func (p *Publisher) workspaceOf(msg *message.Message) (engage.WorkspaceID, error) {
	name := msg.Metadata.Get(MetadataWorkspace)
	if name == "" && !p.cfg.Workspace.IsZero() {
		return p.cfg.Workspace, nil
	}
	var ws engage.WorkspaceID
	if err := ws.UnmarshalText([]byte(name)); err != nil {
		var faults engage.Faults
		faults.Add("metadata."+MetadataWorkspace, "required", "%q is no workspace", name)
		return ws, faults.Err("watermillbus.Publish", msg.UUID)
	}
	return ws, nil
}

// together reports whether two messages go into one transaction.
func together(a, b *message.Message) bool {
	if a.Metadata.Get(MetadataWorkspace) != b.Metadata.Get(MetadataWorkspace) || a.Metadata.Get(MetadataTrace) != b.Metadata.Get(MetadataTrace) {
		return false
	}
	x, y := a.Context(), b.Context()
	return reflect.TypeOf(x) == reflect.TypeOf(y) && reflect.TypeOf(x).Comparable() && x == y
}
