package bunautomation_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore/bunautomation"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memautomation"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/automation/automationtest"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/testkit"
)

// The same script through the service leaves the same behind in memory and in
// every database, to the byte.
func TestAScriptLeavesTheSameBehindAsInMemory(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		stored := testkit.Store(t, db, nil, bunautomation.Schema)
		for seed := range uint64(3) {
			want := play(t, inMemory(), seed)
			got := play(t, adapterOf(stored), seed)
			if want != got {
				t.Fatalf("seed %d: -memory +%s:\n%.4000s", seed, db.Name, cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
			}
			if n := strings.Count(want, "steps ["); n < 20 {
				t.Errorf("seed %d: the script made %d runs only", seed, n)
			}
		}
	})
}

func inMemory() automationtest.Adapter {
	store := memory.New(memory.Config{})
	runs := memautomation.NewRuns(store)
	return automationtest.Adapter{Tx: store, Workflows: memautomation.NewWorkflows(store), Runs: runs, Due: runs}
}

// play has contacts enter, merge and go, workflows pause and change, and time
// pass, all by a seed, and answers the dump.
func play(t *testing.T, a automationtest.Adapter, seed uint64) string {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 2))
	clock := engage.NewManualClock(testkit.Start)
	random := make([]byte, 1<<20)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	b := &testBundle{Adapter: a, clock: clock, ids: engage.NewIDSource(clock, bytes.NewReader(random))}
	publisher, _ := a.Tx.(engage.Publisher)
	var err error
	b.service, err = automation.New(automation.Deps{
		Runtime:   engage.Runtime{Tx: a.Tx, Events: publisher, Clock: clock, IDs: b.ids},
		Workflows: a.Workflows, Runs: a.Runs, Due: a.Due, Actors: []automation.Actor{nothing{}},
	}, automation.Config{})
	b.no(t, err)
	b.ws = engage.WorkspaceID(b.ids.NewID())
	workflows := []automation.Workflow{b.publish(t, b.ws), b.publish(t, b.ws)}
	people := b.people(20)
	someone := func() contacts.ID { return people[r.IntN(len(people))] }
	for range 200 {
		w := workflows[r.IntN(len(workflows))]
		switch r.IntN(8) {
		case 0, 1:
			b.consume(t, b.ws, entered{"joined", someone()}, entered{"joined", someone()})
		case 2:
			if absorbed, survivor := someone(), someone(); absorbed != survivor {
				b.consume(t, b.ws, contacts.Merged{Absorbed: absorbed, Survivor: survivor})
			}
		case 3:
			if r.IntN(4) == 0 {
				b.consume(t, b.ws, contacts.Deleted{ContactID: someone()})
			}
		case 4:
			_, _ = b.service.Pause(t.Context(), b.ws, w.ID)
		case 5:
			_, _ = b.service.Resume(t.Context(), b.ws, w.ID)
		case 6:
			_, err := b.service.Update(t.Context(), b.ws, w.ID, func(w *automation.Workflow) error {
				w.Draft.Nodes[1].Wait += time.Duration(1+r.IntN(60)) * time.Minute
				w.Name = fmt.Sprintf("Welcome %d 😀", r.IntN(100))
				return nil
			})
			b.no(t, err)
			_, err = b.service.Publish(t.Context(), b.ws, w.ID)
			b.no(t, err)
		default:
			clock.Advance(time.Duration(r.IntN(40)) * time.Hour)
		}
		for b.step(t) > 0 {
		}
	}
	return automationtest.Dump(t.Context(), t, a, b.ws, people...)
}
