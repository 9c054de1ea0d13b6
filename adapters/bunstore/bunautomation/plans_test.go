package bunautomation_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/internal/testkit"
)

// sleepers are runs that are not due: a statement that reads them all shows.
const sleepers = 20_000

// A worker's step reads no run that it does not move, however many sleep, a
// flood of one workspace included.
func TestAStepReadsRunsByAnIndex(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		sleeping := make([]automation.Run, sleepers)
		for i := range sleeping {
			sleeping[i] = automation.Run{
				ID: automation.RunID(b.ids.NewID()), WorkflowID: b.w.ID, Revision: 1, ContactID: b.people(1)[0], State: automation.Running,
				Node: "days", Visits: 1, Waited: true, DueAt: b.clock.Now().AddDate(1, 0, 0), StartedAt: b.clock.Now(), Logged: 1,
			}
		}
		for len(sleeping) > 0 {
			chunk := sleeping[:engage.MaxBatch]
			sleeping = sleeping[engage.MaxBatch:]
			b.no(t, b.store.InTx(t.Context(), b.ws, func(ctx context.Context) error {
				_, err := b.Runs.Start(ctx, b.ws, chunk)
				return err
			}))
		}
		b.analyze(t)
		b.enter(t, b.ws, b.people(1000)...)
		b.enter(t, b.ws, b.people(50)...) // more than a claim takes
		db.Count.Reset()
		if n := b.step(t); n != engage.MaxBatch {
			t.Fatalf("moved %d runs, want %d", n, engage.MaxBatch)
		}
		planned := 0
		for _, statement := range db.Count.Statements() {
			if !strings.Contains(statement, "engage_automation_runs") {
				continue
			}
			planned++
			for _, line := range b.plan(t, statement) {
				if readsAll(db.Name, line) {
					t.Errorf("%s\nin %.300s", line, statement)
				}
			}
		}
		if planned < 4 {
			t.Errorf("%d statements were looked at, want 4 at least", planned)
		}
	})
}

// readsAll tells a line of a plan that reads the whole table of runs.
func readsAll(database, line string) bool {
	switch database {
	case "sqlite": // the first lane is the first entry of an index
		return strings.HasPrefix(line, "SCAN r") || strings.HasPrefix(line, "SCAN engage_automation_runs") && !strings.Contains(line, "workflow_id_claim_at_ix")
	case "postgres":
		return strings.Contains(line, "Seq Scan on engage_automation_runs")
	default: // table type key rows
		var table, kind string
		fields := strings.Fields(line)
		if len(fields) > 1 {
			table, kind = fields[0], fields[1]
		}
		return (table == "r" || table == "engage_automation_runs") && (kind == "ALL" || kind == "index")
	}
}

func (b *testBundle) analyze(t *testing.T) {
	t.Helper()
	statements := []string{"ANALYZE"}
	if b.db.Name == "mysql" {
		statements = []string{"ANALYZE TABLE engage_automation_runs", "ANALYZE TABLE engage_automation_steps"}
	}
	for _, statement := range statements {
		rows, err := b.db.Write.QueryContext(t.Context(), statement)
		b.no(t, err)
		b.no(t, errors.Join(rows.Close(), rows.Err()))
	}
}

// plan is how the database would run a statement, a line a table.
func (b *testBundle) plan(t *testing.T, statement string) (lines []string) {
	t.Helper()
	explain := map[string]string{"sqlite": "EXPLAIN QUERY PLAN ", "postgres": "EXPLAIN (COSTS OFF) ", "mysql": "EXPLAIN "}[b.db.Name]
	conn, err := b.db.Write.DB.Conn(t.Context())
	b.no(t, err)
	defer conn.Close()           //nolint:errcheck // nothing was written
	if b.db.Name == "postgres" { // so that a small table plans as a large one
		_, err = conn.ExecContext(t.Context(), "SET enable_seqscan = off")
		b.no(t, err)
	}
	rows, err := conn.QueryContext(t.Context(), explain+statement)
	if err != nil {
		t.Fatalf("%v\n%.300s", err, statement)
	}
	columns, err := rows.Columns()
	b.no(t, err)
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		b.no(t, rows.Scan(into...))
		byName := map[string]string{}
		for i, column := range columns {
			byName[column] = values[i].String
		}
		switch b.db.Name {
		case "sqlite":
			lines = append(lines, byName["detail"])
		case "postgres":
			lines = append(lines, byName["QUERY PLAN"])
		default:
			lines = append(lines, byName["table"]+" "+byName["type"]+" "+byName["key"]+" "+byName["rows"])
		}
	}
	b.no(t, errors.Join(rows.Close(), rows.Err()))
	return lines
}

// The instants of a claim and its lease are the caller's: no statement asks the
// database for the time.
func TestClaimsGoByTheTimeTheyAreGiven(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		b.enter(t, b.ws, b.people(1)...)
		for _, c := range []struct {
			at   time.Time
			want int
		}{
			{b.clock.Now().Add(-time.Microsecond), 0},
			{b.clock.Now(), 1},
			{b.clock.Now().AddDate(-1, 0, 0), 0},
			{b.clock.Now().Add(time.Minute - time.Microsecond), 0},
			{b.clock.Now().Add(time.Minute), 1},
		} {
			b.no(t, b.store.InShard(t.Context(), engage.DefaultShard, func(ctx context.Context) error {
				claimed, err := b.Due.ClaimDueAcross(ctx, engage.DefaultShard, c.at, time.Minute, 10)
				if len(claimed) != c.want {
					t.Errorf("claimed %d at %v, want %d", len(claimed), c.at, c.want)
				}
				return err
			}))
		}
	})
}
