package bunsegments_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/uptrace/bun"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore/bunsegments"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/testkit"
	"github.com/go-engage/engage/segments"
	"github.com/go-engage/engage/segments/segmentstest"
)

var update = flag.Bool("update", false, "rewrite the plans in testdata")

// tables are filled ports, of which the tests call those that grow.
type tables struct {
	segmentstest.Adapter
	db      *testkit.Database
	ids     engage.IDSource
	ws      engage.WorkspaceID
	segment segments.ID
	people  []contacts.ID
	facts   []segments.Fact
	members []segments.Membership
}

// fill keeps 1,000 contacts with their facts and memberships in each of some
// workspaces; the last one filled is the one that is asked.
func fill(t *testing.T, db *testkit.Database) *tables {
	t.Helper()
	b := &tables{
		Adapter: adapterOf(testkit.Store(t, db, nil, bunsegments.Schema)), db: db,
		ids: engage.NewIDSource(engage.NewManualClock(testkit.Start), nil),
	}
	for range 4 {
		b.ws = engage.WorkspaceID(b.ids.NewID())
		for range 12 {
			b.segment, b.people, b.facts, b.members = segments.ID(b.ids.NewID()), nil, nil, nil
			for i := range engage.MaxBatch {
				id := contacts.ID(b.ids.NewID())
				b.people = append(b.people, id)
				b.facts = append(b.facts, segments.Fact{ContactID: id, Event: fmt.Sprint("e", i%7), Count: 1, FirstAt: testkit.Start, LastAt: testkit.Start})
				b.members = append(b.members, segments.Membership{SegmentID: b.segment, ContactID: id, Revision: 1, Member: i%4 > 0, Since: testkit.Start, DueAt: testkit.Start.Add(day)})
			}
			err := b.Tx.InTx(t.Context(), b.ws, func(ctx context.Context) error {
				return errors.Join(b.Facts.Add(ctx, b.ws, b.facts), b.Members.Add(ctx, b.ws, b.members))
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	analyze := map[string][]string{"sqlite": {"ANALYZE"}, "postgres": {"ANALYZE"}, "mysql": {"ANALYZE TABLE engage_segments_facts", "ANALYZE TABLE engage_segments_members"}}
	for _, statement := range analyze[db.Name] {
		if _, err := db.Write.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

type hotCall struct {
	name  string
	want  map[string]int // statements, where not one each
	call  func(ctx context.Context) error
	shard bool
}

func (b *tables) hotCalls() []hotCall {
	three := map[string]int{"sqlite": 3, "postgres": 3}
	twice := map[string]int{"sqlite": 2, "postgres": 2, "mysql": 2}
	names := []string{"e1", "e2", "e3"}
	few := b.people[:10]
	page := engage.PageRequest{Limit: 10}
	silenced := make([]segments.Membership, len(b.members))
	for i, m := range b.members {
		if silenced[i] = m; i%2 == 0 {
			silenced[i] = segments.Membership{SegmentID: m.SegmentID, ContactID: m.ContactID, Revision: m.Revision}
		}
	}
	added := make([]segments.Membership, len(b.members))
	for i, m := range b.members {
		added[i] = m
		added[i].Revision = 2
	}
	ignore := func(_ any, err error) error { return err }
	return []hotCall{
		{name: "Facts.Add", call: func(ctx context.Context) error { return b.Facts.Add(ctx, b.ws, b.facts) }},
		{name: "Facts.Get of many", call: func(ctx context.Context) error { return ignore(b.Facts.Get(ctx, b.ws, b.people, names)) }},
		{name: "Facts.Get of few", call: func(ctx context.Context) error { return ignore(b.Facts.Get(ctx, b.ws, few, names)) }},
		{name: "Facts.Move", want: map[string]int{"sqlite": 3, "postgres": 3, "mysql": 3}, call: func(ctx context.Context) error {
			return b.Facts.Move(ctx, b.ws, []contacts.Absorption{{Absorbed: few[0], Survivor: few[1]}, {Absorbed: few[2], Survivor: few[3]}})
		}},
		{name: "Facts.Forget", call: func(ctx context.Context) error { return b.Facts.Forget(ctx, b.ws, few) }},
		{name: "Facts.Reset", call: func(ctx context.Context) error { return ignore(b.Facts.Reset(ctx, b.ws, segments.Facts, 100)) }},
		{name: "Members.Add", want: three, call: func(ctx context.Context) error { return b.Members.Add(ctx, b.ws, added) }},
		{name: "Members.Save", want: twice, call: func(ctx context.Context) error { return b.Members.Save(ctx, b.ws, silenced) }},
		{name: "Members.Lock of many", call: func(ctx context.Context) error {
			return ignore(b.Members.Lock(ctx, b.ws, []segments.ID{b.segment, {1}}, b.people))
		}},
		{name: "Members.Lock of few", call: func(ctx context.Context) error {
			return ignore(b.Members.Lock(ctx, b.ws, []segments.ID{b.segment, {1}}, few))
		}},
		{name: "Members.Of", call: func(ctx context.Context) error { return ignore(b.Members.Of(ctx, b.ws, few)) }},
		{name: "Members.Members", call: func(ctx context.Context) error { return ignore(b.Members.Members(ctx, b.ws, b.segment, 1, page)) }},
		{name: "Members.Count", call: func(ctx context.Context) error { return ignore(b.Members.Count(ctx, b.ws, b.segment, 1)) }},
		{name: "Members.Forget", call: func(ctx context.Context) error { return b.Members.Forget(ctx, b.ws, few) }},
		{name: "Members.Discard", want: twice, call: func(ctx context.Context) error {
			return ignore(b.Members.Discard(ctx, b.ws, []segments.Purge{{SegmentID: segments.ID{1}}, {SegmentID: b.segment, Keep: 2}}, 100))
		}},
		{name: "ClaimDueAcross", want: map[string]int{"sqlite": 3, "postgres": 3, "mysql": 3}, shard: true, call: func(ctx context.Context) error {
			return ignore(b.Due.ClaimDueAcross(ctx, engage.DefaultShard, testkit.Start.Add(day), day, 100))
		}},
	}
}

// statements runs a call in a transaction that is rolled back, and answers what
// it ran.
func (b *tables) statements(t *testing.T, c hotCall) (ran []string) {
	t.Helper()
	undo := errors.New("undo")
	work := func(ctx context.Context) error {
		b.db.Count.Reset()
		if err := c.call(ctx); err != nil {
			return err
		}
		ran = b.db.Count.Statements()
		return undo
	}
	var err error
	if c.shard {
		err = b.Tx.InShard(t.Context(), engage.DefaultShard, work)
	} else {
		err = b.Tx.InTx(t.Context(), b.ws, work)
	}
	if !errors.Is(err, undo) {
		t.Fatalf("%s failed: %v", c.name, err)
	}
	return ran
}

// TestHotStatementsAreReadByAnIndex compares how each database would run the
// statements that grow with its tables, with many items, against testdata, and
// how many there are. On PostgreSQL sequential scans are off, so that small
// tables plan as large ones.
func TestHotStatementsAreReadByAnIndex(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := fill(t, db)
		var got strings.Builder
		for _, hot := range b.hotCalls() {
			ran := b.statements(t, hot)
			if want := max(1, hot.want[db.Name]); len(ran) != want {
				t.Errorf("%s: %d statements, want %d: %.200q", hot.name, len(ran), want, ran)
			}
			for i, statement := range ran {
				if verb, _, _ := strings.Cut(strings.TrimLeft(statement, "("), " "); verb == "SELECT" || verb == "DELETE" || verb == "WITH" {
					fmt.Fprintf(&got, "== %s, %d\n%s\n", hot.name, i+1, b.plan(t, statement))
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
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("-want +got, rewrite with -update:\n%s", diff)
		}
	})
}

// literals are what differs from run to run.
var literals = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`ANY \('\{[^']*\}'::\w+(\[\])?\)`), "ANY (…)"},
	{regexp.MustCompile(`'(?:[^']|'')*'::[a-z]+(?: with time zone)?(?:\[\])?`), "?"},
	{regexp.MustCompile(`'(?:[^']|'')*'`), "?"},
}

// plan is how the database would run a statement.
func (b *tables) plan(t *testing.T, statement string) string {
	t.Helper()
	conn, err := b.db.Write.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // nothing was written
	explain := map[string]string{"sqlite": "EXPLAIN QUERY PLAN ", "postgres": "EXPLAIN (COSTS OFF) ", "mysql": "EXPLAIN "}[b.db.Name]
	if b.db.Name == "postgres" {
		if _, err := conn.ExecContext(t.Context(), "SET enable_seqscan = off"); err != nil {
			t.Fatal(err)
		}
	}
	rows := explained(t, conn, explain+statement)
	lines := make([]string, len(rows))
	for i, row := range rows {
		switch b.db.Name {
		case "sqlite":
			lines[i] = row["detail"]
		case "postgres":
			lines[i] = row["QUERY PLAN"]
		default:
			lines[i] = fmt.Sprintf("%s %s key=%s %s", row["table"], row["type"], row["key"], row["Extra"])
		}
		for _, l := range literals {
			lines[i] = l.pattern.ReplaceAllString(lines[i], l.name)
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

func explained(t *testing.T, conn bun.Conn, query string) []map[string]string {
	t.Helper()
	rows, err := conn.Conn.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // read to its end
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
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
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
