package engage

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
)

// Received is one event as a handler gets it.
type Received[E Event] struct {
	Envelope
	Payload E
}

// Consumer is a named reader of the log with a handler for each event name it
// knows. Its cursor is stored under its name, so the name never changes.
type Consumer struct {
	name     string
	handlers map[string]handler
}

type handler func(ctx context.Context, ws WorkspaceID, events []Envelope) error

// NewConsumer makes a consumer without handlers; On adds them.
func NewConsumer(name string) *Consumer {
	return &Consumer{name: name, handlers: map[string]handler{}}
}

// Name is the name the cursor is stored under.
func (c *Consumer) Name() string { return c.name }

// Events are the wire names the consumer has handlers for, sorted.
func (c *Consumer) Events() []string { return slices.Sorted(maps.Keys(c.handlers)) }

// On has fn handle the events of type E. It gets runs of them, of one workspace
// and in the log's order, in the transaction that moves the consumer's cursor:
// what fn writes with its ctx happens once for each event, whatever fails. When
// fn answers an error, its run is undone, cut in halves and tried again until
// the event at fault stands alone; that one is parked. A second handler of the
// same event replaces the first.
func On[E Event](c *Consumer, fn func(ctx context.Context, ws WorkspaceID, events []Received[E]) error) {
	var zero E
	name := zero.EventName()
	c.handlers[name] = func(ctx context.Context, ws WorkspaceID, events []Envelope) error {
		received := make([]Received[E], len(events))
		for i, e := range events {
			received[i].Envelope = e
			if err := json.Unmarshal(e.Data, &received[i].Payload); err != nil {
				return &Error{Code: Invalid, Op: "engage.On", Entity: name + " " + e.ID.String(), Err: err}
			}
		}
		return fn(ctx, ws, received)
	}
}

// Handle gives a workspace's events to the handlers, in runs of one name; those
// without a handler are passed over. Runners of consumers call it inside their
// transaction.
func (c *Consumer) Handle(ctx context.Context, ws WorkspaceID, events []Envelope) error {
	for len(events) > 0 {
		end := 1
		for end < len(events) && events[end].Name == events[0].Name {
			end++
		}
		if handle := c.handlers[events[0].Name]; handle != nil {
			if err := handle(ctx, ws, events[:end]); err != nil {
				return err
			}
		}
		events = events[end:]
	}
	return nil
}
