package bunautomation_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunautomation"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/automation/automationtest"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/testkit"
)

// many is how many runs the calls below are about: enough that a statement a run
// could not be overlooked.
const many = 50

// testBundle is a service over a database, with a clock that stands still.
type testBundle struct {
	automationtest.Adapter
	db      *testkit.Database
	store   *bunstore.Store
	clock   *engage.ManualClock
	ids     engage.IDSource
	service *automation.Service
	ws      engage.WorkspaceID
	w       automation.Workflow
}

func setup(t *testing.T, db *testkit.Database) *testBundle {
	t.Helper()
	clock := engage.NewManualClock(testkit.Start)
	store := testkit.Store(t, db, clock, bunautomation.Schema)
	b := &testBundle{Adapter: adapterOf(store), db: db, store: store, clock: clock, ids: engage.NewIDSource(clock, nil)}
	var err error
	b.service, err = automation.New(automation.Deps{
		Runtime:   engage.Runtime{Tx: store, Events: store, Clock: clock, IDs: b.ids},
		Workflows: b.Workflows, Runs: b.Runs, Due: b.Due, Actors: []automation.Actor{nothing{}},
	}, automation.Config{})
	b.no(t, err)
	b.ws = engage.WorkspaceID(b.ids.NewID())
	b.w = b.publish(t, b.ws)
	db.Count.Reset()
	return b
}

func (*testBundle) no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// publish makes a workflow that acts, waits and acts again.
func (b *testBundle) publish(t *testing.T, ws engage.WorkspaceID) automation.Workflow {
	t.Helper()
	w, err := b.service.Create(t.Context(), ws, "Welcome", automation.Definition{
		Trigger: automation.Trigger{Segment: "joined", Entry: automation.Always},
		Nodes: []automation.Node{
			{ID: "hello", Action: &automation.Action{Kind: "nothing"}}, {ID: "days", Wait: 48 * time.Hour}, {ID: "bye", Action: &automation.Action{Kind: "nothing"}},
		},
	})
	b.no(t, err)
	w, err = b.service.Publish(t.Context(), ws, w.ID)
	b.no(t, err)
	return w
}

// entered is what package segments publishes.
type entered struct {
	SegmentID string      `json:"segment_id"`
	ContactID contacts.ID `json:"contact_id"`
}

func (entered) EventName() string          { return "segments.segment.entered.v1" }
func (e entered) EventSubject() engage.Ref { return contacts.Ref(e.ContactID) }

// enter has contacts enter the workspace's workflows.
func (b *testBundle) enter(t *testing.T, ws engage.WorkspaceID, people ...contacts.ID) {
	t.Helper()
	events := make([]engage.Event, len(people))
	for i, who := range people {
		events[i] = entered{"joined", who}
	}
	b.consume(t, ws, events...)
}

func (b *testBundle) consume(t *testing.T, ws engage.WorkspaceID, events ...engage.Event) {
	t.Helper()
	envelopes := make([]engage.Envelope, len(events))
	for i, e := range events {
		var err error
		envelopes[i], err = engage.NewEnvelope(t.Context(), ws, e, engage.EventID(b.ids.NewID()), b.clock.Now())
		b.no(t, err)
	}
	b.no(t, b.Tx.InShard(t.Context(), engage.DefaultShard, func(ctx context.Context) error {
		return b.service.Consumer().Handle(ctx, ws, envelopes)
	}))
}

func (b *testBundle) people(n int) []contacts.ID {
	ids := make([]contacts.ID, n)
	for i := range ids {
		ids[i] = contacts.ID(b.ids.NewID())
	}
	return ids
}

func (b *testBundle) step(t *testing.T) int {
	t.Helper()
	n, err := b.service.Workers()[0].(*engage.Loop).Step(t.Context())
	b.no(t, err)
	return n
}

// nothing is an actor whose requests all take effect.
type nothing struct{}

func (nothing) Kind() string                { return "nothing" }
func (nothing) Check(json.RawMessage) error { return nil }
func (nothing) Act(context.Context, engage.WorkspaceID, []automation.Request) []error {
	return nil
}
