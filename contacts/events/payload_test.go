package events_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
)

func TestRecordedEncodesItselfAsEncodingJSONDoes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 29, 1, 2, 3, 120000000, time.UTC)
	for name, e := range map[string]events.Recorded{
		"plain": {EventID: events.ID{1}, ContactID: contacts.ID{2}, Name: "signed_in", OccurredAt: at, ReceivedAt: at, Properties: attribute.Object(nil)},
		"hostile": {
			EventID: events.ID{1}, ContactID: contacts.ID{2}, Name: "a<b>&\"\\ \u2028 😀", OccurredAt: at.Add(time.Microsecond),
			Properties: attribute.Object(attribute.Set{"<&>": attribute.String("\u2029\n")}),
		},
		"zero": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			type plain events.Recorded // without AppendJSON
			var want bytes.Buffer
			enc := json.NewEncoder(&want)
			enc.SetEscapeHTML(false)
			if err := enc.Encode(plain(e)); err != nil {
				t.Fatal(err)
			}
			if got := string(e.AppendJSON(nil)) + "\n"; got != want.String() {
				t.Fatalf("got  %swant %s", got, want.String())
			}
		})
	}
}
