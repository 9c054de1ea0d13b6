package automation

import (
	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

// WorkflowChanged says that a workflow was created, edited, published, paused,
// resumed or archived. Wire name automation.workflow.changed.v1.
type WorkflowChanged struct {
	WorkflowID WorkflowID    `json:"workflow_id"`
	Name       string        `json:"name"`
	State      WorkflowState `json:"state"`
	Revision   int           `json:"revision,omitzero"`
}

// RunStarted says that a contact entered a workflow. Wire name
// automation.run.started.v1.
type RunStarted struct {
	RunID      RunID       `json:"run_id"`
	WorkflowID WorkflowID  `json:"workflow_id"`
	Revision   int         `json:"revision"`
	ContactID  contacts.ID `json:"contact_id"`
}

// RunEnded says that a run reached a final state. Wire name
// automation.run.ended.v1.
type RunEnded struct {
	RunID      RunID       `json:"run_id"`
	WorkflowID WorkflowID  `json:"workflow_id"`
	ContactID  contacts.ID `json:"contact_id"`
	State      RunState    `json:"state"`
}

// EventName implements engage.Event.
func (WorkflowChanged) EventName() string { return "automation.workflow.changed.v1" }

// EventName implements engage.Event.
func (RunStarted) EventName() string { return "automation.run.started.v1" }

// EventName implements engage.Event.
func (RunEnded) EventName() string { return "automation.run.ended.v1" }

// EventSubject is the workflow.
func (e WorkflowChanged) EventSubject() engage.Ref { return engage.RefTo("workflow", e.WorkflowID) }

// EventSubject is the contact.
func (e RunStarted) EventSubject() engage.Ref { return contacts.Ref(e.ContactID) }

// EventSubject is the contact.
func (e RunEnded) EventSubject() engage.Ref { return contacts.Ref(e.ContactID) }

func ended(r Run) engage.Event {
	return RunEnded{RunID: r.ID, WorkflowID: r.WorkflowID, ContactID: r.ContactID, State: r.State}
}

func changed(w Workflow) engage.Event {
	return WorkflowChanged{WorkflowID: w.ID, Name: w.Name, State: w.State, Revision: w.Revision}
}
