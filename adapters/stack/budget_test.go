package stack_test

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/go-engage/engage/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite the budgets in testdata")

// many is how many items a call is given besides one: enough that a statement an
// item could not be overlooked.
const many = 50

// budgets is a table of what runs of one item and of many.
type budgets struct {
	strings.Builder
	t *testing.T
}

func (b *budgets) head(title string) {
	b.line(title, "1 item", "rows", fmt.Sprintf("%d items", many), "rows")
}

func (b *budgets) line(name string, columns ...any) {
	_, _ = fmt.Fprintf(b, "%-70s %10s %12s %10s %12s\n", append([]any{name}, columns...)...)
}

// row notes what ran. More statements for many items than for one fail the test.
func (b *budgets) row(name string, ofOne, ofMany testkit.Tally) {
	if ofMany.Statements != ofOne.Statements {
		b.t.Errorf("%s: %s of 1 item and %s of %d", name, ofOne, ofMany, many)
	}
	b.line(name, ofOne.Statements, ofOne.Rows, ofMany.Statements, ofMany.Rows)
}

const legend = `Statements of the platform's operations, for one item and for many. The number
behind the + is what holds transactions together: BEGIN, COMMIT and savepoints.
Rows are those that were written and, behind the /, read.

`

// TestEachOperationRunsAFixedNumberOfStatements counts what each method of each
// service runs for one item and for many, and what each worker then runs to
// follow: a number that does not depend on how many items there are.
func TestEachOperationRunsAFixedNumberOfStatements(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db, nil)
		b.collect(t)
		table := &budgets{t: t}
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
		testkit.Golden(t, *update, "budgets_"+db.Name+".golden", table.String())
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
