package automation_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
)

func TestParseDefinition(t *testing.T) {
	t.Parallel()
	for name, document := range map[string]string{
		"nothing":            ``,
		"another type":       `[]`,
		"an unknown field":   `{"trigger":{"segment":"s"},"nodes":[],"color":"red"}`,
		"one in the trigger": `{"trigger":{"segment":"s","color":"red"},"nodes":[]}`,
		"one in a node":      `{"trigger":{"segment":"s"},"nodes":[{"id":"a","color":"red"}]}`,
		"one in an action":   `{"trigger":{"segment":"s"},"nodes":[{"id":"a","action":{"kind":"k","color":"red"}}]}`,
		"two documents":      `{"trigger":{"segment":"s"},"nodes":[]}{}`,
		"no duration":        `{"trigger":{"segment":"s"},"nodes":[{"id":"a","wait":"soon"}]}`,
		"a wait of nothing":  `{"trigger":{"segment":"s"},"nodes":[{"id":"a","wait":"0s"}]}`,
		"a wait in numbers":  `{"trigger":{"segment":"s"},"nodes":[{"id":"a","wait":5}]}`,
	} {
		if d, err := automation.ParseDefinition([]byte(document)); engage.CodeOf(err) != engage.Invalid || d.Nodes != nil {
			t.Errorf("%s: got %+v, %v", name, d, err)
		}
	}
}

// FuzzParseDefinition holds that whatever is read is written so that it is read
// again as the same, and that anything else answers ErrInvalid.
func FuzzParseDefinition(f *testing.F) {
	f.Add([]byte(`{"trigger":{"segment":"seg_1","entry":"always"},"nodes":[{"id":"a","wait":"48h"},{"id":"b","action":{"kind":"k","params":{"x":[1,null]}},"next":"a"},{"id":"c"}]}`))
	f.Add([]byte(`{"trigger":{},"nodes":[{"id":"a","wait":"-1ns","next":"\ud83d\ude00"}]}`))
	f.Add([]byte(`{"nodes":[{"wait":"1e9h"}]}`))
	f.Add([]byte(`{"nodes":null}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := automation.ParseDefinition(data)
		if err != nil {
			if engage.CodeOf(err) != engage.Invalid {
				t.Fatalf("want ErrInvalid, got %v", err)
			}
			return
		}
		wire, err := json.Marshal(d)
		if err != nil {
			t.Fatalf("what was read is not written: %v", err)
		}
		again, err := automation.ParseDefinition(wire)
		if err != nil {
			t.Fatalf("what was written is not read: %v\n%s", err, wire)
		}
		twice, err := json.Marshal(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(wire), string(twice)); diff != "" {
			t.Fatal(diff)
		}
	})
}
