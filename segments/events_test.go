package segments_test

import (
	"flag"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/goldens"
	"github.com/go-engage/engage/segments"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestEventPayloads(t *testing.T) {
	t.Parallel()
	segment, contact := segments.ID{1}, contacts.ID{2}
	told := []engage.Event{
		segments.Changed{SegmentID: segment, Change: segments.ChangeBuilt, Name: "Trials", State: segments.Active, Revision: 3},
		segments.Entered{SegmentID: segment, ContactID: contact},
		segments.Exited{SegmentID: segment, ContactID: contact, Rebuilt: true},
		segments.Build{SegmentID: segment, Revision: 3, After: "cursor"},
		segments.Purge{SegmentID: segment, Keep: 3},
		segments.TimerDue{SegmentID: segment, ContactIDs: []contacts.ID{contact}},
		segments.RecountStep{Run: engage.EventID{3}, Phase: segments.Scanning, Last: true, After: "cursor"},
	}
	goldens.Events(t, *update, told...)
	for _, event := range told {
		if _, ofFacts := event.(segments.RecountStep); event.EventSubject().IsZero() != ofFacts {
			t.Errorf("%s: all but facts have a subject", event.EventName())
		}
	}
}
