package actions

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/messaging"
)

// SendEmail plans a message to the run's contact. The key of the request is the
// key of the message, so a step that is tried again sends nothing twice.
type SendEmail struct {
	Messages *messaging.Service
}

var _ automation.Actor = SendEmail{}

var errMore = errors.New("more than one document")

// SendEmailParams are the parameters of SendEmail.
type SendEmailParams struct {
	TemplateID messaging.TemplateID `json:"template_id"`
	Class      messaging.Class      `json:"class,omitzero"` // default messaging.Marketing
}

// Kind is "send_email".
func (SendEmail) Kind() string { return "send_email" }

// Check answers ErrInvalid unless the parameters name a template.
func (a SendEmail) Check(params json.RawMessage) error {
	_, err := a.parse(params)
	return err
}

func (SendEmail) parse(params json.RawMessage) (SendEmailParams, error) {
	const op = "actions.SendEmail"
	var p SendEmailParams
	if err := decode(op, params, &p); err != nil {
		return p, err
	}
	var faults engage.Faults
	if p.TemplateID.IsZero() {
		faults.Add("template_id", "required", "a message is written from a template")
	}
	if p.Class != "" && p.Class != messaging.Marketing && p.Class != messaging.Transactional {
		faults.Add("class", "unknown", "%.40q is no class", string(p.Class))
	}
	return p, faults.Err(op, "")
}

// Act plans the messages in one call.
func (a SendEmail) Act(ctx context.Context, ws engage.WorkspaceID, requests []automation.Request) []error {
	groups, outcomes := grouped(requests, a.parse)
	var sends []messaging.Send
	var at []int
	for _, g := range groups {
		for _, i := range g.at {
			sends = append(sends, messaging.Send{
				Key: requests[i].Key, ContactID: requests[i].ContactID, TemplateID: g.params.TemplateID, Class: g.params.Class,
			})
			at = append(at, i)
		}
	}
	if len(sends) == 0 {
		return outcomes
	}
	if _, err := a.Messages.Enqueue(ctx, ws, sends...); err != nil {
		for _, i := range at {
			outcomes[i] = err
		}
	}
	return outcomes
}
