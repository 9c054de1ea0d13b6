package stack_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite the budgets in testdata")

// many is how many items a call is given besides one: enough that a statement an
// item could not be overlooked.
const many = 50

// budgets is a table of what runs of one item and of many.
type budgets struct {
	strings.Builder
	t     *testing.T
	grows map[string]string // why, by row
}

func (b *budgets) head(title string) {
	b.line(title, "1 item", fmt.Sprintf("%d items", many), "")
}

func (b *budgets) line(name string, ofOne, ofMany any, note string) {
	_, _ = fmt.Fprintf(b, "%-70s %10s %10s%s\n", name, ofOne, ofMany, note)
}

// row notes what ran. More for many items than for one fails the test, unless it
// is known to.
func (b *budgets) row(name string, ofOne, ofMany testkit.Tally) {
	why, known := b.grows[name]
	delete(b.grows, name)
	switch grew := ofMany != ofOne; {
	case grew && !known:
		b.t.Errorf("%s: %s of 1 item and %s of %d", name, ofOne, ofMany, many)
	case !grew && known:
		b.t.Errorf("%s no longer grows: take it from the list", name)
	case known:
		why = "  grows: " + why
	}
	b.line(name, ofOne, ofMany, why)
}

// compare holds the table to the golden one of a database.
func (b *budgets) compare(database string) {
	b.t.Helper()
	for name := range b.grows {
		b.t.Errorf("%q grows, they say, and is not in the table", name)
	}
	golden := filepath.Join("testdata", "budgets_"+database+".golden")
	if *update {
		must(b.t, os.WriteFile(golden, []byte(b.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	must(b.t, err)
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		b.t.Errorf("-want +got, rewrite with -update:\n%s", diff)
	}
}

const legend = `Statements of the platform's operations, for one item and for many. The number
behind the + is what holds transactions together: BEGIN, COMMIT and savepoints.

`

// TestEachOperationRunsAFixedNumberOfStatements counts what each method of each
// service runs for one item and for many, and what each worker then runs to
// follow: a number that does not depend on how many items there are.
func TestEachOperationRunsAFixedNumberOfStatements(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db, nil)
		b.collect(t)
		table := &budgets{t: t, grows: growing()}
		table.WriteString(legend)
		table.head("Steps that found work")
		// Time passes for all workspaces alike, so one world ends before the other
		// begins.
		few, people, others := newWorld(t, b, 1, 1).live(t), newWorld(t, b, many, 1).live(t), newWorld(t, b, 1, many).live(t)
		for i, c := range changes() {
			ofMany := people[i]
			if i >= len(peopleChanges()) {
				ofMany = others[i]
			}
			for _, worker := range workersOf(few[i], ofMany) {
				table.row(c.name+": "+strings.TrimPrefix(worker, "watermillbus."), few[i][worker], ofMany[worker])
			}
		}
		table.WriteString("\n")
		table.head("Calls")
		small, large := newWorld(t, b, 1, 1), newWorld(t, b, many, many)
		for _, c := range serviceCalls() {
			table.row(c.String(), small.count(t, c), large.count(t, c))
		}
		table.compare(db.Name)
	})
}

// count answers what a call runs, which must find what it is about.
func (w *world) count(t *testing.T, c serviceCall) testkit.Tally {
	t.Helper()
	w.db.Count.Reset()
	found, err := c.call(t.Context(), w.ws, w)
	if err != nil || found == 0 && !c.makes {
		t.Fatalf("%s found %d: %v", c, found, err)
	}
	return w.db.Count.Tally()
}

// live answers what the workers ran to follow each change.
func (w *world) live(t *testing.T) []map[string]testkit.Tally {
	t.Helper()
	var ran []map[string]testkit.Tally
	for _, c := range changes() {
		ran = append(ran, w.follow(t, c))
	}
	return ran
}

// follow makes a change and drains the platform, and answers what the steps of
// each worker ran that found something to do.
func (w *world) follow(t *testing.T, c change) map[string]testkit.Tally {
	t.Helper()
	if c.between > 0 {
		w.clock.Advance(c.between)
	}
	if c.make != nil {
		must(t, w.Tx.InTx(t.Context(), w.ws, func(ctx context.Context) error { return c.make(ctx, w) }))
	}
	ran := map[string]testkit.Tally{}
	for worked := true; worked; {
		worked = false
		for _, worker := range w.Workers() {
			stepper, ok := worker.(interface {
				Step(ctx context.Context) (int, error)
			})
			if !ok || strings.HasSuffix(worker.Name(), "pruner") { // it works by age, for all tenants
				continue
			}
			w.db.Count.Reset()
			n, err := stepper.Step(t.Context())
			must(t, err)
			if n > 0 {
				worked = true
				ran[worker.Name()] = ran[worker.Name()].Plus(w.db.Count.Tally())
			}
		}
	}
	return ran
}
