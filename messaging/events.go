package messaging

import (
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

// TemplateChanged says that a template was saved. Wire name
// messaging.template.changed.v1.
type TemplateChanged struct {
	TemplateID TemplateID `json:"template_id"`
	Name       string     `json:"name"`
}

// MessageSettled says what became of a message. Wire name
// messaging.message.settled.v1.
type MessageSettled struct {
	MessageID  MessageID    `json:"message_id"`
	ContactID  contacts.ID  `json:"contact_id"`
	TemplateID TemplateID   `json:"template_id"`
	Class      Class        `json:"class"`
	State      State        `json:"state"`
	Reason     Reason       `json:"reason,omitzero"`
	Failure    FailureClass `json:"failure,omitzero"`
	Attempts   int          `json:"attempts"`
}

// EventName implements engage.Event.
func (TemplateChanged) EventName() string { return "messaging.template.changed.v1" }

// EventName implements engage.Event.
func (MessageSettled) EventName() string { return "messaging.message.settled.v1" }

// EventSubject is the template.
func (e TemplateChanged) EventSubject() engage.Ref { return engage.RefTo("template", e.TemplateID) }

// EventSubject is the contact.
func (e MessageSettled) EventSubject() engage.Ref { return contacts.Ref(e.ContactID) }

func settled(m Message) engage.Event {
	return MessageSettled{
		MessageID: m.ID, ContactID: m.ContactID, TemplateID: m.TemplateID, Class: m.Class,
		State: m.State, Reason: m.Reason, Failure: m.Failure, Attempts: m.Attempts,
	}
}

// Consumer forgets the messages of deleted contacts.
func (s *Service) Consumer() *engage.Consumer {
	c := engage.NewConsumer("messaging")
	engage.On(c, func(ctx context.Context, ws engage.WorkspaceID, deleted []engage.Received[contacts.Deleted]) error {
		return s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
			for chunk := range slices.Chunk(contacts.Gone(deleted), engage.MaxBatch) {
				if _, err := s.messages.Forget(ctx, ws, chunk); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return c
}
