package bunautomation_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/testkit"
)

// require fails the test unless a number of statements about the package's
// tables run in do, whatever the kernel adds; on MariaDB, some more.
func (b *testBundle) require(t *testing.T, want, moreOnMariaDB int, do func()) {
	t.Helper()
	if b.db.Name == "mysql" {
		want += moreOnMariaDB
	}
	b.db.Count.Reset()
	do()
	var ran []string
	for _, statement := range b.db.Count.Statements() {
		if strings.Contains(statement, "engage_automation_") {
			ran = append(ran, statement[:min(len(statement), 200)])
		}
	}
	if len(ran) != want {
		t.Errorf("%d statements, want %d: %q", len(ran), want, ran)
	}
}

func TestEachCallRunsAFixedNumberOfStatements(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		people := b.people(many)
		// Revisions of the segment, runs, lines.
		b.require(t, 3, 0, func() { b.enter(t, b.ws, people...) })

		// An idle worker asks once.
		b.clock.Advance(-time.Hour)
		b.require(t, 1, 0, func() { b.step(t) })
		b.clock.Advance(time.Hour)

		// Next runs, take, revisions and workflows of each workspace, save, lines.
		// MariaDB saves in two.
		for range 2 {
			b.require(t, 6, 1, func() { b.step(t) })
			b.clock.Advance(48 * time.Hour)
		}
		if r, err := b.service.RunsOf(t.Context(), b.ws, people[0], engage.PageRequest{}); err != nil || r.Items[0].State != automation.Completed {
			t.Errorf("the run is %+v, %v", r.Items, err)
		}

		b.enter(t, b.ws, people...)
		// Lock; put: lock, delete, insert, lines.
		erased := contacts.Deleted{ContactID: people[0], Absorbed: people[1:]}
		b.require(t, 5, 0, func() { b.consume(t, b.ws, erased) })
	})
}

// A claim when more is due than it may take asks for the workflows with runs
// that are due, and twice for a share of each.
func TestAFloodCostsAFixedNumberOfStatements(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		b.enter(t, b.ws, b.people(4*many)...)
		for range 9 {
			ws := engage.WorkspaceID(b.ids.NewID())
			b.publish(t, ws)
			b.enter(t, ws, b.people(1)...)
		}
		for lease, more := range map[time.Duration]int{0: 0, time.Minute: 2} { // which MariaDB writes in a statement of its own
			var claimed []automation.RunAcross
			undo := errors.New("undo")
			b.require(t, 4, more, func() {
				err := b.store.InShard(t.Context(), engage.DefaultShard, func(ctx context.Context) (err error) {
					if claimed, err = b.Due.ClaimDueAcross(ctx, engage.DefaultShard, b.clock.Now(), lease, 2*many); err != nil {
						return err
					}
					return undo
				})
				if !errors.Is(err, undo) {
					t.Fatal(err)
				}
			})
			if len(claimed) != 2*many {
				t.Errorf("claimed %d for %v, want %d", len(claimed), lease, 2*many)
			}
		}
	})
}
