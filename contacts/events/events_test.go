package events_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Recorded is the package's only event; a consumer of any year reads it.
func TestEventPayloads(t *testing.T) {
	t.Parallel()
	t.Run("Recorded is encoded as its golden, and decodes to what it was", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		event := events.Recorded{
			EventID: events.IDOf("m-1"), ContactID: contacts.ID{1}, Name: "Order <Completed>", OccurredAt: start.Add(-time.Hour), ReceivedAt: start,
			Properties: attribute.Object(attribute.Set{"total": attribute.Integer(1<<53 + 1), "sku": attribute.String("A&B")}),
		}
		envelope, err := engage.NewEnvelope(b.ctx, b.ws, event, engage.EventID{1}, start)
		b.no(err)
		b.same(envelope.Subject, contacts.Ref(event.ContactID))
		var got bytes.Buffer
		b.no(json.Indent(&got, envelope.Data, "", "  "))
		got.WriteByte('\n')
		file := filepath.Join("testdata", "events", event.EventName()+".json")
		if *update {
			b.no(os.WriteFile(file, got.Bytes(), 0o600))
		}
		want, err := os.ReadFile(file)
		b.no(err)
		b.same(got.String(), string(want))
		var back events.Recorded
		b.no(json.Unmarshal(want, &back))
		if !reflect.DeepEqual(back, event) {
			t.Errorf("decoded to %+v", back)
		}
	})
}
