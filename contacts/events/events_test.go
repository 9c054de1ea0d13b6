package events_test

import (
	"flag"
	"testing"
	"time"

	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/internal/goldens"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestEventPayloads(t *testing.T) {
	t.Parallel()
	event := events.Recorded{
		EventID: events.IDOf("m-1"), ContactID: contacts.ID{1}, Name: "Order <Completed>", OccurredAt: start.Add(-time.Hour), ReceivedAt: start,
		Properties: attribute.Object(attribute.Set{"total": attribute.Integer(1<<53 + 1), "sku": attribute.String("A&B")}),
	}
	goldens.Events(t, *update, event)
	if got := event.EventSubject(); got != contacts.Ref(event.ContactID) {
		t.Errorf("it is about %s", got)
	}
}
