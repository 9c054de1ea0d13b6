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
)

var update = flag.Bool("update", false, "write the golden files anew")

// The wire forms stay as they are stored: a change that breaks them is a new
// version of the event.
func TestWireForms(t *testing.T) {
	t.Parallel()
	contact, workflow, run := contacts.ID{15: 1}, automation.WorkflowID{15: 2}, automation.RunID{15: 3}
	definition := automation.Definition{Trigger: automation.Trigger{Segment: "seg_1", Entry: automation.Always}, Nodes: []automation.Node{
		{ID: "wait", Wait: 48*time.Hour + time.Second},
		{ID: "mail", Action: &automation.Action{Kind: "send_email", Params: json.RawMessage(`{"template_id":"tpl_1"}`)}, Next: "end"},
		{ID: "bare", Action: &automation.Action{Kind: "nothing"}},
		{ID: "end"},
	}}
	for name, value := range map[string]any{
		"definition":                     definition,
		"automation.workflow.changed.v1": automation.WorkflowChanged{WorkflowID: workflow, Name: "Welcome", State: automation.Active, Revision: 2},
		"automation.run.started.v1":      automation.RunStarted{RunID: run, WorkflowID: workflow, Revision: 2, ContactID: contact},
		"automation.run.ended.v1":        automation.RunEnded{RunID: run, WorkflowID: workflow, ContactID: contact, State: automation.Completed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if event, ok := value.(engage.Event); ok && event.EventName() != name {
				t.Errorf("the event names itself %s", event.EventName())
			}
			got, err := json.MarshalIndent(value, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			path := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("-stored +written:\n%s", diff)
			}
		})
	}
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
