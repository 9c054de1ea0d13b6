package segments_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/segments"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What stands in testdata/events is in logs and in other people's programs.
func TestEventsKeepTheirForm(t *testing.T) {
	t.Parallel()
	segment, contact := segments.ID{1}, contacts.ID{2}
	for _, event := range []engage.Event{
		segments.Changed{SegmentID: segment, Change: segments.ChangeBuilt, Name: "Trials", State: segments.Active, Revision: 3},
		segments.Entered{SegmentID: segment, ContactID: contact},
		segments.Exited{SegmentID: segment, ContactID: contact, Rebuilt: true},
		segments.Build{SegmentID: segment, Revision: 3, After: "cursor"},
		segments.Purge{SegmentID: segment, Keep: 3},
		segments.TimerDue{SegmentID: segment, ContactIDs: []contacts.ID{contact}},
		segments.RecountStep{Run: engage.EventID{3}, Phase: segments.Scanning, Last: true, After: "cursor"},
	} {
		t.Run(event.EventName(), func(t *testing.T) {
			t.Parallel()
			got, err := json.Marshal(event)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			file := filepath.Join("testdata", "events", event.EventName()+".json")
			if *update {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got %s, want %s", got, want)
			}
			if _, ofFacts := event.(segments.RecountStep); event.EventSubject().IsZero() != ofFacts {
				t.Error("all but facts have a subject")
			}
		})
	}
}
