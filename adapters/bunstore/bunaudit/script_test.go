package bunaudit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/adapters/accounts/audit/audittest"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunaudit"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memaudit"
	"github.com/go-engage/engage/adapters/watermillbus"
	"github.com/go-engage/engage/internal/testkit"
)

// changed is an event of a script.
type changed struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

func (changed) EventName() string { return "contacts.tag.changed.v1" }

func (e changed) EventSubject() engage.Ref {
	return engage.Ref{Type: "tag", ID: [16]byte{15: byte(e.N)}}
}

// store is what a script is played on.
type store struct {
	audittest.Adapter
	events   engage.Publisher
	log      engage.EventLog
	sequence func(ctx context.Context) (int, error) // nil: the store numbers what it writes
}

func inMemory() store {
	kept := memory.New(memory.Config{})
	return store{audittest.Adapter{Tx: kept, Entries: memaudit.NewEntries(kept)}, kept, kept, nil}
}

func inSQL(kept *bunstore.Store) store {
	return store{audittest.Adapter{Tx: kept, Entries: bunaudit.NewEntries(kept)}, kept, kept.Log(), kept.Sequence}
}

// play records and chains what a seed says, in two workspaces, and answers what
// is left of both.
func play(t *testing.T, s store, seed uint64) string {
	t.Helper()
	clock, random := engage.NewManualClock(testkit.Start), rand.New(rand.NewPCG(seed, 1))
	ids := engage.NewIDSource(clock, rand.NewChaCha8([32]byte{byte(seed)}))
	recorder, err := audit.NewRecorder(audit.RecorderDeps{
		Events: s.events, Entries: s.Entries, Clock: clock, IDs: ids, Random: rand.NewChaCha8([32]byte{byte(seed), 1}),
	}, audit.Config{})
	no(t, err)
	service, err := audit.New(audit.Deps{Runtime: engage.Runtime{Tx: s.Tx, Events: s.events, Clock: clock}, Entries: s.Entries}, audit.Config{})
	no(t, err)
	bus, err := watermillbus.NewConsumers(watermillbus.Config{Tx: s.Tx, Log: s.log, Clock: clock}, service.Consumer())
	no(t, err)
	workspaces := []engage.WorkspaceID{engage.WorkspaceID(ids.NewID()), engage.WorkspaceID(ids.NewID())}
	undo := errors.New("undo")
	for range 60 {
		ws, n, fail := workspaces[random.IntN(2)], 1+random.IntN(4), random.IntN(5) == 0
		clock.Advance(time.Duration(random.IntN(3)) * time.Millisecond)
		ctx := engage.WithActor(t.Context(), engage.Actor{Type: "user", ID: fmt.Sprint("u-", random.IntN(3))})
		events := make([]engage.Event, n)
		for i := range events {
			events[i] = changed{random.IntN(250), strings.Repeat("é\x00<\"😀", random.IntN(4))}
		}
		err := s.Tx.InTx(ctx, ws, func(ctx context.Context) error {
			if err := recorder.Publish(ctx, ws, events...); err != nil {
				return err
			}
			if fail {
				return undo
			}
			return nil
		})
		if err != nil && !errors.Is(err, undo) {
			t.Fatal(err)
		}
		if random.IntN(4) == 0 {
			drain(t, s, bus)
		}
	}
	drain(t, s, bus)
	var left strings.Builder
	for _, ws := range workspaces {
		report, err := service.Verify(t.Context(), ws)
		no(t, err)
		if report.Fault != nil || report.Waiting != 0 || report.Entries == 0 {
			t.Errorf("report %+v, fault %+v", report, report.Fault)
		}
		left.WriteString(audittest.Dump(t.Context(), t, s.Adapter, ws))
	}
	return left.String()
}

func drain(t *testing.T, s store, bus *watermillbus.Consumers) {
	t.Helper()
	for {
		done := 0
		if s.sequence != nil {
			n, err := s.sequence(t.Context())
			no(t, err)
			done += n
		}
		n, err := bus.Step(t.Context())
		no(t, err)
		if done+n == 0 {
			return
		}
	}
}

// TestTheChainIsTheSameAsInMemory plays the same scripts in memory and on the
// databases and compares all that is left, hashes too.
func TestTheChainIsTheSameAsInMemory(t *testing.T) {
	t.Parallel()
	const seeds = 3
	var want [seeds]string
	for seed := range want {
		want[seed] = play(t, inMemory(), uint64(seed))
	}
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		kept := inSQL(testkit.Store(t, db, nil, bunaudit.Schema))
		for seed := range want {
			if got := play(t, kept, uint64(seed)); got != want[seed] {
				t.Fatalf("seed %d: -memory +%s:\n%.4000s", seed, db.Name, cmp.Diff(strings.Split(want[seed], "\n"), strings.Split(got, "\n")))
			}
		}
	})
}

func no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}
