package events

import (
	"context"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
)

// Recorded says that a contact did something. Duplicates of a message do not
// tell it again. Wire name contacts.event.recorded.v1.
type Recorded struct {
	EventID    ID              `json:"event_id"`
	ContactID  contacts.ID     `json:"contact_id"`
	Name       string          `json:"name"`
	OccurredAt time.Time       `json:"occurred_at"`
	ReceivedAt time.Time       `json:"received_at"`
	Properties attribute.Value `json:"properties"`
}

// AppendJSON writes the payload as encoding/json does, in a tenth of its time:
// every event that comes in is published.
func (e Recorded) AppendJSON(b []byte) []byte {
	b = append(b, `{"event_id":"`...)
	b, _ = e.EventID.AppendText(b) // never fails
	b = append(b, `","contact_id":"`...)
	b, _ = e.ContactID.AppendText(b)
	b = append(b, `","name":`...)
	b = append(b, attribute.String(e.Name).String()...)
	b = append(b, `,"occurred_at":"`...)
	b = e.OccurredAt.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","received_at":"`...)
	b = e.ReceivedAt.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","properties":`...)
	if e.Properties.IsZero() {
		b = append(b, "null"...)
	} else {
		b = append(b, e.Properties.String()...)
	}
	return append(b, '}')
}

// EventName implements engage.Event.
func (Recorded) EventName() string { return "contacts.event.recorded.v1" }

// EventSubject is the contact.
func (e Recorded) EventSubject() engage.Ref { return contacts.Ref(e.ContactID) }

// Consumer removes the events of deleted contacts.
func (s *Service) Consumer() *engage.Consumer {
	c := engage.NewConsumer("contacts.events")
	engage.On(c, func(ctx context.Context, ws engage.WorkspaceID, deleted []engage.Received[contacts.Deleted]) error {
		return s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
			for chunk := range slices.Chunk(contacts.Gone(deleted), engage.MaxBatch) {
				if _, err := s.events.Forget(ctx, ws, chunk); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return c
}
