package automation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-engage/engage"
)

// Definition is what a workflow does.
type Definition struct {
	Trigger Trigger `json:"trigger"`
	Nodes   []Node  `json:"nodes"` // a run starts at the first
}

// Trigger says what makes a contact enter.
type Trigger struct {
	// Segment is the id of the segment whose entry starts a run, in wire form.
	Segment string `json:"segment"`
	// Entry says how often one contact may enter; default Once.
	Entry Entry `json:"entry,omitzero"`
}

// Entry says how often a contact may enter a workflow.
type Entry string

// The entry policies.
const (
	Once   Entry = "once"   // one run a contact, whatever happens
	Always Entry = "always" // a run for each time the trigger fires
)

// Node is one step of a workflow. Exactly one of Wait and Action is set; a node
// with neither ends the run.
type Node struct {
	ID     string        `json:"id"`
	Wait   time.Duration `json:"-"` // on the wire "wait":"48h"
	Action *Action       `json:"action,omitempty"`
	// Next is the id of the node that follows; "": the one behind it in the list,
	// and the end of the run behind the last.
	Next string `json:"next,omitzero"`
}

// Action names an Actor's kind and gives its parameters.
type Action struct {
	Kind   string          `json:"kind"`
	Params json.RawMessage `json:"params,omitzero"`
}

// MarshalJSON is the wire form, in which a wait is text as "48h0m0s".
func (n Node) MarshalJSON() ([]byte, error) {
	type plain Node
	wire := struct {
		plain
		Wait string `json:"wait,omitzero"`
	}{plain: plain(n)}
	if n.Wait != 0 {
		wire.Wait = n.Wait.String()
	}
	return json.Marshal(wire)
}

// UnmarshalJSON reads the wire form.
func (n *Node) UnmarshalJSON(data []byte) error {
	type plain Node
	wire := struct {
		*plain
		Wait string `json:"wait"`
	}{plain: (*plain)(n)}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&wire); err != nil {
		return err
	}
	n.Wait = 0
	if wire.Wait == "" {
		return nil
	}
	d, err := time.ParseDuration(wire.Wait)
	if err == nil && d == 0 {
		err = errNoWait // a node without a wait would end the run
	}
	if err != nil {
		return fmt.Errorf("wait: %w", err)
	}
	n.Wait = d
	return nil
}

var errNoWait = errors.New("want more than 0")

// ParseDefinition reads the wire form. Unknown fields and anything behind the
// document answer ErrInvalid.
func ParseDefinition(data []byte) (Definition, error) {
	var d Definition
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err := dec.Decode(&d)
	if err == nil {
		if _, end := dec.Token(); end != io.EOF {
			err = fmt.Errorf("more than one document")
		}
	}
	if err != nil {
		return Definition{}, &engage.Error{Code: engage.Invalid, Op: "automation.ParseDefinition", Err: err}
	}
	return d, nil
}

// stored is a definition as every store gives it back: what its wire form says.
// A draft may be faulty, but not so that it can't be stored.
func (d Definition) stored(op string) (Definition, error) {
	var faults engage.Faults
	wire, err := json.Marshal(d)
	switch {
	case err != nil:
		faults.Add("draft", "invalid", "%v", err)
	case len(wire) > MaxDefinitionBytes:
		faults.Add("draft", "too_long", "%d bytes, at most %d", len(wire), MaxDefinitionBytes)
	case holdsNUL(wire):
		faults.Add("draft", "invalid", "NUL characters are refused")
	}
	if err := faults.Err(op, ""); err != nil {
		return Definition{}, err
	}
	return ParseDefinition(wire)
}

// holdsNUL looks into the texts of a JSON document for a character that
// PostgreSQL can't store.
func holdsNUL(document []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.UseNumber()
	for {
		token, err := dec.Token()
		if err != nil {
			return false // its end: it was encoded a moment ago
		}
		if text, ok := token.(string); ok && strings.ContainsRune(text, 0) {
			return true
		}
	}
}

// validate adds what is wrong with a definition to faults. known are the kinds
// of actions there are.
func (d Definition) validate(faults *engage.Faults, known map[string]Actor) {
	switch segment := d.Trigger.Segment; {
	case segment == "":
		faults.Add("trigger.segment", "required", "a workflow needs the segment whose entry starts it")
	case len(segment) > engage.MaxKeyBytes || !isPlain(segment):
		faults.Add("trigger.segment", "invalid", "at most %d bytes of UTF-8 without control characters", engage.MaxKeyBytes)
	}
	if e := d.Trigger.Entry; e != "" && e != Once && e != Always {
		faults.Add("trigger.entry", "unknown", "%.40q is no entry policy", string(e))
	}
	if len(d.Nodes) == 0 || len(d.Nodes) > MaxNodes {
		faults.Add("nodes", "out_of_range", "want 1 to %d nodes", MaxNodes)
		return
	}
	ids := map[string]bool{}
	for _, n := range d.Nodes {
		ids[n.ID] = true
	}
	seen := map[string]bool{}
	for i, n := range d.Nodes {
		path := fmt.Sprintf("nodes[%d].", i)
		switch {
		case n.ID == "" || len(n.ID) > MaxNodeIDBytes || !isPlain(n.ID):
			faults.Add(path+"id", "invalid", "a node needs an id of 1 to %d bytes without control characters", MaxNodeIDBytes)
		case seen[n.ID]:
			faults.Add(path+"id", "duplicate", "another node is %.40q", n.ID)
		}
		seen[n.ID] = true
		if n.Next != "" && !ids[n.Next] {
			faults.Add(path+"next", "not_found", "no node %.40q", n.Next)
		}
		n.validateWork(faults, path, known)
	}
}

func (n Node) validateWork(faults *engage.Faults, path string, known map[string]Actor) {
	switch {
	case n.Wait != 0 && n.Action != nil:
		faults.Add(path+"wait", "invalid", "a node waits or acts, not both")
	case n.Wait < 0 || n.Wait > MaxWait:
		faults.Add(path+"wait", "out_of_range", "want more than 0 and at most %s", MaxWait)
	case n.Action == nil && n.Wait == 0 && n.Next != "":
		faults.Add(path+"next", "invalid", "a node that neither waits nor acts ends the run")
	case n.Action == nil:
	case known[n.Action.Kind] == nil:
		faults.Add(path+"action.kind", "unknown", "%.40q is no kind of action here", n.Action.Kind)
	case len(n.Action.Params) > MaxParamsBytes:
		faults.Add(path+"action.params", "too_long", "%d bytes, at most %d", len(n.Action.Params), MaxParamsBytes)
	default:
		if err := known[n.Action.Kind].Check(n.Action.Params); err != nil {
			faults.Add(path+"action.params", "invalid", "%v", err)
		}
	}
}

// isPlain reports whether a name is UTF-8 without control characters.
func isPlain(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}

// node finds a node by id, with its index.
func (d Definition) node(id string) (Node, int, bool) {
	for i, n := range d.Nodes {
		if n.ID == id {
			return n, i, true
		}
	}
	return Node{}, 0, false
}

// after is the id of the node that follows the one at an index, "" at the end.
func (d Definition) after(i int) string {
	switch {
	case d.Nodes[i].Next != "":
		return d.Nodes[i].Next
	case i+1 < len(d.Nodes):
		return d.Nodes[i+1].ID
	}
	return ""
}
