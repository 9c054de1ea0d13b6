package automation_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memautomation"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// lease is how long a worker may keep what it claimed.
const lease = time.Minute

// testBundle is a service over a store in memory, a clock that stands still, and
// an actor whose effects roll back with the transaction they were made in.
type testBundle struct {
	t       *testing.T
	ctx     context.Context
	ws      engage.WorkspaceID
	clock   *engage.ManualClock
	ids     engage.IDSource
	store   *memory.Store
	actor   *spy
	deps    automation.Deps
	service *automation.Service
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	clock := engage.NewManualClock(start)
	ids := engage.NewIDSource(clock, nil)
	store := memory.New(memory.Config{Clock: clock})
	runs := memautomation.NewRuns(store)
	b := &testBundle{t: t, ctx: t.Context(), ws: engage.WorkspaceID(ids.NewID()), clock: clock, ids: ids, store: store, actor: newSpy(store)}
	b.deps = automation.Deps{
		Runtime:   engage.Runtime{Tx: store, Events: store, Clock: clock, IDs: ids},
		Workflows: memautomation.NewWorkflows(store), Runs: runs, Due: runs, Actors: []automation.Actor{b.actor},
	}
	b.service = b.restart()
	return b
}

// restart makes another service on the same store, as another process would.
func (b *testBundle) restart() *automation.Service {
	b.t.Helper()
	s, err := automation.New(b.deps, automation.Config{})
	b.no(err)
	return s
}

func (b *testBundle) no(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("unexpected error: %v", err)
	}
}

func (b *testBundle) code(err error, want engage.Code) {
	b.t.Helper()
	if got := engage.CodeOf(err); got != want {
		b.t.Fatalf("code %q, want %q: %v", got, want, err)
	}
}

func act(id string, next ...string) automation.Node {
	return automation.Node{ID: id, Action: &automation.Action{Kind: "spy", Params: json.RawMessage(`{"do":"` + id + `"}`)}, Next: strings.Join(next, "")}
}

func wait(id string, d time.Duration, next ...string) automation.Node {
	return automation.Node{ID: id, Wait: d, Next: strings.Join(next, "")}
}

func defined(entry automation.Entry, nodes ...automation.Node) automation.Definition {
	return automation.Definition{Trigger: automation.Trigger{Segment: "joined", Entry: entry}, Nodes: nodes}
}

// publish makes an active workflow.
func (b *testBundle) publish(entry automation.Entry, nodes ...automation.Node) automation.Workflow {
	b.t.Helper()
	w, err := b.service.Create(b.ctx, b.ws, "Welcome", defined(entry, nodes...))
	b.no(err)
	w, err = b.service.Publish(b.ctx, b.ws, w.ID)
	b.no(err)
	return w
}

// entered is what package segments publishes.
type entered struct {
	SegmentID string      `json:"segment_id"`
	ContactID contacts.ID `json:"contact_id"`
	Rebuilt   bool        `json:"rebuilt,omitzero"`
}

func (entered) EventName() string          { return "segments.segment.entered.v1" }
func (e entered) EventSubject() engage.Ref { return contacts.Ref(e.ContactID) }

// consume gives events to the service's consumer, as a runner does.
func (b *testBundle) consume(events ...engage.Event) {
	b.t.Helper()
	envelopes := make([]engage.Envelope, len(events))
	for i, e := range events {
		var err error
		envelopes[i], err = engage.NewEnvelope(b.ctx, b.ws, e, engage.EventID(b.ids.NewID()), b.clock.Now())
		b.no(err)
	}
	b.redeliver(envelopes...)
}

func (b *testBundle) redeliver(envelopes ...engage.Envelope) {
	b.t.Helper()
	b.no(b.store.InShard(b.ctx, engage.DefaultShard, func(ctx context.Context) error {
		return b.service.Consumer().Handle(ctx, b.ws, envelopes)
	}))
}

// enter has new contacts enter the segment and answers them.
func (b *testBundle) enter(n int) []contacts.ID {
	b.t.Helper()
	people := make([]contacts.ID, n)
	events := make([]engage.Event, n)
	for i := range people {
		people[i] = contacts.ID(b.ids.NewID())
		events[i] = entered{SegmentID: "joined", ContactID: people[i]}
	}
	b.consume(events...)
	return people
}

func stepOf(s *automation.Service) func(context.Context) (int, error) {
	return s.Workers()[0].(*engage.Loop).Step
}

// step runs the worker once.
func (b *testBundle) step() int {
	b.t.Helper()
	n, err := stepOf(b.service)(b.ctx)
	b.no(err)
	return n
}

// drain runs the worker until nothing is due.
func (b *testBundle) drain() {
	b.t.Helper()
	for range 10_000 {
		if b.step() == 0 {
			return
		}
	}
	b.t.Fatal("the worker never comes to an end")
}

// runsOf are a contact's runs.
func (b *testBundle) runsOf(contact contacts.ID) []automation.Run {
	b.t.Helper()
	page, err := b.service.RunsOf(b.ctx, b.ws, contact, engage.PageRequest{Limit: engage.MaxPageSize})
	b.no(err)
	return page.Items
}

// runOf is a contact's only run.
func (b *testBundle) runOf(contact contacts.ID) automation.Run {
	b.t.Helper()
	runs := b.runsOf(contact)
	if len(runs) != 1 {
		b.t.Fatalf("%d runs, want 1: %+v", len(runs), runs)
	}
	return runs[0]
}

// log is a run's log as "node outcome", after a check that it is whole.
func (b *testBundle) log(r automation.Run) []string {
	b.t.Helper()
	steps, err := b.service.Steps(b.ctx, b.ws, r.ID)
	b.no(err)
	if len(steps) != r.Logged {
		b.t.Errorf("%d lines of a log of %d", len(steps), r.Logged)
	}
	lines := make([]string, len(steps))
	for i, s := range steps {
		if s.Seq != i+1 || s.RunID != r.ID {
			b.t.Errorf("line %d of the log is %+v", i+1, s)
		}
		if i > 0 && s.At.Before(steps[i-1].At) {
			b.t.Errorf("line %d is older than the one before it", i+1)
		}
		lines[i] = s.Node + " " + string(s.Outcome)
	}
	if steps[0].Outcome != automation.Entered {
		b.t.Errorf("the log begins with %s", steps[0].Outcome)
	}
	last := steps[len(steps)-1].Outcome
	final := last == automation.Finished || last == automation.GaveUp || last == automation.Withdrawn
	if final != (r.State != automation.Running) {
		b.t.Errorf("the log of a run that is %s ends with %s", r.State, last)
	}
	if r.EndedAt.IsZero() != (r.State == automation.Running) || r.DueAt.IsZero() == (r.State == automation.Running) {
		b.t.Errorf("a run that is %s is due at %v and ended at %v", r.State, r.DueAt, r.EndedAt)
	}
	return lines
}

func (b *testBundle) logs(r automation.Run, want ...string) {
	b.t.Helper()
	if got := b.log(r); !slices.Equal(got, want) {
		b.t.Errorf("the log is %q, want %q", got, want)
	}
}

// published are the payloads of the workspace's events of one name, in order.
func published[E engage.Event](b *testBundle) []E {
	b.t.Helper()
	var zero E
	var found []E
	slices, err := b.store.Read(b.ctx, engage.DefaultShard, engage.PartitionOf(b.ws), 0, 1_000_000)
	b.no(err)
	for _, slice := range slices {
		for _, envelope := range slice.Events {
			if envelope.Workspace == b.ws && envelope.Name == zero.EventName() {
				var e E
				b.no(json.Unmarshal(envelope.Data, &e))
				found = append(found, e)
			}
		}
	}
	return found
}

// effect is what the spy did for one request.
type effect struct {
	ws      engage.WorkspaceID
	key     string
	contact contacts.ID
	times   int
	params  string
}

// spy is an actor that writes down what it does, in the transaction it is asked
// in.
type spy struct {
	effects *memory.Table[effect]
	// does answers what comes of one request; nil: it takes effect.
	does func(r automation.Request) error
	// breaks may panic, or change the answers, of a whole call.
	breaks func(requests []automation.Request, outcomes []error) []error
	calls  []int // requests of each call
	actors []engage.Actor
}

var _ automation.Actor = (*spy)(nil)

func newSpy(store *memory.Store) *spy {
	return &spy{effects: memory.NewTable(store, "test_effects", memory.Index[effect]{
		Name: "key", Less: func(a, b *effect) bool { return memory.Before(a.ws, b.ws, cmp.Compare(a.key, b.key)) },
	})}
}

func (*spy) Kind() string { return "spy" }

func (*spy) Check(params json.RawMessage) error {
	if strings.Contains(string(params), "bad") {
		return errors.New("these parameters are bad")
	}
	return nil
}

func (s *spy) Act(ctx context.Context, ws engage.WorkspaceID, requests []automation.Request) []error {
	s.calls = append(s.calls, len(requests))
	s.actors = append(s.actors, engage.ActorFrom(ctx))
	outcomes := make([]error, len(requests))
	effects, err := s.effects.Write(ctx, ws)
	if err != nil {
		panic(err)
	}
	for i, r := range requests {
		if s.does != nil {
			if outcomes[i] = s.does(r); outcomes[i] != nil {
				continue
			}
		}
		done := effect{ws: ws, key: r.Key, contact: r.ContactID, times: 1, params: string(r.Params)}
		if before, again := effects.Get("key", &done); again {
			done.times += before.times
		}
		effects.Set(&done)
	}
	if s.breaks != nil {
		return s.breaks(requests, outcomes)
	}
	return outcomes
}

// did are the parameters of what was done for a contact, in the order of the
// visits, after a check that nothing was done twice.
func (b *testBundle) did(contact contacts.ID) []string {
	b.t.Helper()
	var found []effect
	for e := range b.actor.effects.Read(b.ctx).Ascend("key", nil) {
		if e.times != 1 {
			b.t.Errorf("%s took effect %d times", e.key, e.times)
		}
		if e.contact == contact {
			found = append(found, *e)
		}
	}
	visit := func(e effect) (n int) {
		_, _ = fmt.Sscanf(e.key[strings.LastIndex(e.key, ":")+1:], "%d", &n)
		return n
	}
	slices.SortFunc(found, func(a, b effect) int { return cmp.Compare(visit(a), visit(b)) })
	done := make([]string, len(found))
	for i, e := range found {
		done[i] = e.params
	}
	return done
}

func (b *testBundle) doneBy(contact contacts.ID, want ...string) {
	b.t.Helper()
	for i, node := range want {
		want[i] = `{"do":"` + node + `"}`
	}
	if got := b.did(contact); !slices.Equal(got, want) {
		b.t.Errorf("done %q, want %q", got, want)
	}
}
