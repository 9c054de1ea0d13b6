package bunmessaging_test

import (
	"cmp"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite the plans in testdata")

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
		var got strings.Builder
		for _, c := range b.calls() {
			if !slices.Contains(hot, c.name) {
				continue
			}
			for i, statement := range b.statements(t, c) {
				if !strings.HasPrefix(statement, "UPDATE JSON_TABLE") && !strings.HasPrefix(statement, "SAVEPOINT") {
					fmt.Fprintf(&got, "== %s, %d\n%s\n", c.name, i+1, b.plan(t, statement))
				}
			}
		}
		golden := filepath.Join("testdata", "plans_"+db.Name+".txt")
		if *update {
			if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("-want +got, rewrite with -update:\n%s", diff)
		}
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
			b.statements(t, c)
		}
	}
}

// literals are what differs from run to run.
var literals = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`ANY \('\{[^']*\}'::\w+(\[\])?\)`), "ANY (…)"},
	{regexp.MustCompile(`'(?:[^']|'')*'::[a-z]+(?: with time zone)?(?:\[\])?`), "?"},
	{regexp.MustCompile(`'(?:[^']|'')*'`), "?"},
	{regexp.MustCompile(`<union[0-9,.]+>`), "<union>"},
}

// plan is how the database would run a statement. MariaDB says it in a row for
// each of the parts of a UNION, of which one is shown.
func (b *testBundle) plan(t *testing.T, statement string) string {
	t.Helper()
	conn, err := b.db.Write.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // nothing was written
	if b.db.Name == "postgres" {
		if _, err := conn.ExecContext(t.Context(), "SET enable_seqscan = off"); err != nil {
			t.Fatal(err)
		}
	}
	explain := map[string]string{"sqlite": "EXPLAIN QUERY PLAN ", "postgres": "EXPLAIN (COSTS OFF) ", "mysql": "EXPLAIN "}[b.db.Name]
	rows, err := conn.Conn.QueryContext(t.Context(), explain+statement)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // read to its end
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		values, pointers := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			t.Fatal(err)
		}
		row := map[string]string{}
		for i, column := range columns {
			row[column] = values[i].String
		}
		line := row["detail"] + row["QUERY PLAN"]
		if b.db.Name == "mysql" {
			line = fmt.Sprintf("%s %s key=%s %s", row["table"], row["type"], row["key"], row["Extra"])
		}
		for _, l := range literals {
			line = l.pattern.ReplaceAllString(line, l.name)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(slices.Compact(lines), "\n")
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
