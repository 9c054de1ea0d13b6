package automation_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/goldens"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Stored definitions stay as they are: what breaks them is a new form.
func TestDefinitionsKeepTheirForm(t *testing.T) {
	t.Parallel()
	definition := automation.Definition{Trigger: automation.Trigger{Segment: "seg_1", Entry: automation.Always}, Nodes: []automation.Node{
		{ID: "wait", Wait: 48*time.Hour + time.Second},
		{ID: "mail", Action: &automation.Action{Kind: "send_email", Params: json.RawMessage(`{"template_id":"tpl_1"}`)}, Next: "end"},
		{ID: "bare", Action: &automation.Action{Kind: "nothing"}},
		{ID: "end"},
	}}
	written, err := json.Marshal(definition)
	if err != nil {
		t.Fatal(err)
	}
	goldens.Document(t, *update, filepath.Join("testdata", "definition.json"), written)
	stored, err := os.ReadFile(filepath.Join("testdata", "definition.json"))
	if err != nil {
		t.Fatal(err)
	}
	read, err := automation.ParseDefinition(stored)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range read.Nodes {
		if n.Action != nil && n.Action.Params != nil {
			var compact bytes.Buffer
			if err := json.Compact(&compact, n.Action.Params); err != nil {
				t.Fatal(err)
			}
			read.Nodes[i].Action.Params = compact.Bytes()
		}
	}
	if diff := cmp.Diff(definition, read); diff != "" {
		t.Errorf("-written +read:\n%s", diff)
	}
}

func TestEventPayloads(t *testing.T) {
	t.Parallel()
	contact, workflow, run := contacts.ID{15: 1}, automation.WorkflowID{15: 2}, automation.RunID{15: 3}
	goldens.Events(t, *update,
		automation.WorkflowChanged{WorkflowID: workflow, Name: "Welcome", State: automation.Active, Revision: 2},
		automation.RunStarted{RunID: run, WorkflowID: workflow, Revision: 2, ContactID: contact},
		automation.RunEnded{RunID: run, WorkflowID: workflow, ContactID: contact, State: automation.Completed},
	)
}

func TestEventSubjects(t *testing.T) {
	t.Parallel()
	contact, workflow := contacts.ID{1}, automation.WorkflowID{2}
	for _, c := range []struct {
		event engage.Event
		want  engage.Ref
	}{
		{automation.WorkflowChanged{WorkflowID: workflow}, engage.RefTo("workflow", workflow)},
		{automation.RunStarted{ContactID: contact}, contacts.Ref(contact)},
		{automation.RunEnded{ContactID: contact}, contacts.Ref(contact)},
	} {
		if got := c.event.EventSubject(); got != c.want {
			t.Errorf("%s is about %s, want %s", c.event.EventName(), got, c.want)
		}
	}
}
