package bunmessaging_test

import (
	"cmp"
	"context"
	"flag"
	"slices"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// hot are the calls whose statements grow with the ledger unless an index serves
// them.
var hot = []string{
	"messages are read", "the messages of a contact are listed", "messages are forgotten", "messages are claimed", "outcomes are saved",
}

// TestHotStatementsAreReadByAnIndex compares how each database would run the
// statements against testdata. On PostgreSQL sequential scans are off, so that
// small tables plan as large ones.
func TestHotStatementsAreReadByAnIndex(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		b.settle(t)
		plans := testkit.NewPlans(db)
		plans.AsLarge = true
		for _, c := range b.calls() {
			if slices.Contains(hot, c.name) {
				statements, _ := b.ran(t, c)
				plans.Add(t, c.name, statements)
			}
		}
		plans.Compare(t, *update)
	})
}

// settle puts more into the workspaces and has the database look at the table, so
// that what the calls ask for is a small part, and moves the turns to the middle.
func (b *testBundle) settle(t *testing.T) {
	t.Helper()
	mine := b.ws
	for _, b.ws = range []engage.WorkspaceID{b.first, mine} {
		for range 3 {
			b.in(t, func(ctx context.Context) error { return ignore(b.Messages.Plan(ctx, b.ws, b.newMessages(1000))) })
		}
	}
	analyze := map[string]string{"mysql": "ANALYZE TABLE engage_messaging_messages"}[b.db.Name]
	if _, err := b.db.Write.Exec(cmp.Or(analyze, "ANALYZE")); err != nil {
		t.Fatal(err)
	}
	for _, c := range b.calls() {
		if c.name == "messages are claimed" {
			b.ran(t, c)
		}
	}
}

// A claim reads as many rows of the index as it takes and two for each workspace,
// not what waits. MariaDB is asked, whose plan alone does not say so, and which
// counts what it reads.
func TestAClaimReadsNoMoreWhenMoreWaits(t *testing.T) {
	t.Parallel()
	db := testkit.MariaDB(t)
	b := setup(t, db)
	reads := func() (n int) {
		err := b.store.InShard(t.Context(), engage.DefaultShard, func(ctx context.Context) error {
			conn, _ := b.store.Conn(ctx)
			count := func() (total int) {
				var counters []struct {
					Name  string `bun:"Variable_name"`
					Value int    `bun:"Value"`
				}
				if err := conn.NewRaw("SHOW SESSION STATUS LIKE 'Handler_read%'").Scan(ctx, &counters); err != nil {
					t.Fatal(err)
				}
				for _, c := range counters {
					total += c.Value
				}
				return total
			}
			before := count()
			if _, err := b.Due.ClaimPlannedAcross(ctx, engage.DefaultShard, due, time.Minute, 8); err != nil {
				return err
			}
			n = count() - before
			return errUndo
		})
		if err != error(errUndo) { //nolint:errorlint // the very value
			t.Fatal(err)
		}
		return n
	}
	reads() // moves the turns to the middle
	few := reads()
	for _, b.ws = range []engage.WorkspaceID{b.first, b.ws} {
		b.in(t, func(ctx context.Context) error {
			later := b.newMessages(1000)
			for i := range later {
				later[i].DueAt = due.Add(time.Hour)
			}
			_, err := b.Messages.Plan(ctx, b.ws, later)
			return cmp.Or(err, ignore(b.Messages.Plan(ctx, b.ws, b.newMessages(1000))))
		})
	}
	for range 7 { // around all workspaces
		if many := reads(); many > few {
			t.Errorf("a claim reads %d rows, and %d when 4,000 more messages wait", few, many)
		}
	}
}
