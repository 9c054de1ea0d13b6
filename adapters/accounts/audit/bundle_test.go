package audit_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memaudit"
	"github.com/go-engage/engage/adapters/watermillbus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// testBundle is an audited store in memory.
type testBundle struct {
	*audit.Service
	clock    *engage.ManualClock
	store    *memory.Store
	rows     *memaudit.Entries
	recorder *audit.Recorder
	tap      *tap
	bus      *watermillbus.Consumers
	ids      engage.IDSource
	ws       engage.WorkspaceID
}

func setup(t testing.TB, cfg audit.Config) *testBundle {
	t.Helper()
	clock := engage.NewManualClock(start)
	b := &testBundle{clock: clock, store: memory.New(memory.Config{Clock: clock}), ids: engage.NewIDSource(clock, seeded(1))}
	b.ws, b.rows, b.tap = engage.WorkspaceID(b.ids.NewID()), memaudit.NewEntries(b.store), &tap{Publisher: b.store}
	var err error
	b.recorder, err = audit.NewRecorder(audit.RecorderDeps{Events: b.tap, Entries: b.rows, Clock: clock, IDs: b.ids, Random: seeded(2)}, cfg)
	no(t, err)
	b.Service, err = audit.New(audit.Deps{Runtime: engage.Runtime{Tx: b.store, Events: b.store, Clock: clock}, Entries: b.rows}, cfg)
	no(t, err)
	b.bus, err = watermillbus.NewConsumers(watermillbus.Config{Tx: b.store, Log: b.store, Clock: clock}, b.Consumer())
	no(t, err)
	return b
}

func seeded(n byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{n}) }

// tap keeps what reaches the store's Publisher.
type tap struct {
	engage.Publisher
	seen []engage.Event
	err  error
}

func (p *tap) Publish(ctx context.Context, ws engage.WorkspaceID, events ...engage.Event) error {
	if p.err != nil {
		return p.err
	}
	p.seen = append(p.seen, events...)
	return p.Publisher.Publish(ctx, ws, events...)
}

// commands are the events that the tap has seen, but those of the Recorder, and
// it forgets them.
func (p *tap) commands() []engage.Event {
	var events []engage.Event
	for _, e := range p.seen {
		if _, own := e.(audit.Recorded); !own {
			events = append(events, e)
		}
	}
	p.seen = nil
	return events
}

// did is an event with a name of the test's.
type did struct {
	name    string
	subject engage.Ref
	payload string
}

func (e did) EventName() string            { return e.name }
func (e did) EventSubject() engage.Ref     { return e.subject }
func (e did) MarshalJSON() ([]byte, error) { return []byte(e.payload), nil }

var user = engage.Actor{Type: "user", ID: "usr_1"}

// publish publishes events of a name by an actor, in one call.
func (b *testBundle) publish(t testing.TB, actor engage.Actor, names ...string) {
	t.Helper()
	events := make([]engage.Event, len(names))
	for i, name := range names {
		events[i] = did{name: name, payload: `{"a":1}`}
	}
	no(t, b.store.InTx(engage.WithActor(t.Context(), actor), b.ws, func(ctx context.Context) error {
		return b.recorder.Publish(ctx, b.ws, events...)
	}))
}

// drain chains all that was recorded.
func (b *testBundle) drain(t testing.TB) {
	t.Helper()
	for {
		n, err := b.bus.Step(t.Context())
		no(t, err)
		if n == 0 {
			return
		}
	}
}

// entries are all of the workspace, the oldest last.
func (b *testBundle) entries(t testing.TB) []audit.Entry {
	t.Helper()
	var all []audit.Entry
	for e, err := range b.Export(t.Context(), b.ws, audit.Query{}) {
		no(t, err)
		all = append(all, e)
	}
	return all
}

func (b *testBundle) verify(t testing.TB, witnesses ...audit.Head) audit.Report {
	t.Helper()
	report, err := b.Verify(t.Context(), b.ws, witnesses...)
	no(t, err)
	return report
}

func no(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func code(t testing.TB, err error, want engage.Code) {
	t.Helper()
	if got := engage.CodeOf(err); got != want {
		t.Fatalf("code %q, want %q: %v", got, want, err)
	}
}

func same[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}
