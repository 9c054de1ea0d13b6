package bunstore_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/internal/testkit"
)

// floodRows is what one workspace has in the log in the tests of plans: enough
// that reading the whole table is never the cheapest way.
const floodRows = 20_000

// flood writes a workspace's slices straight into the log, as far as a sequencer
// that is far behind would find them, and has no statistics gathered.
func (b *testBundle) flood(t *testing.T) {
	t.Helper()
	part := engage.PartitionOf(b.ws)
	statements := map[string][]string{
		"sqlite": {
			fmt.Sprintf(`INSERT INTO engage_log (part, pos, workspace_id, id, events, created_at, payload)
				WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %[2]d) SELECT %[1]d, i, X'%[3]x', randomblob(16), 1, 1, X'01' FROM n`,
				part, floodRows, b.ws[:]),
			fmt.Sprintf("UPDATE engage_log_partitions SET last_pos = %d WHERE part = %d", floodRows, part),
		},
		"postgres": {fmt.Sprintf(`INSERT INTO engage_log (part, workspace_id, id, events, created_at, payload)
			SELECT %[1]d, encode('\x%[3]x', 'hex')::uuid, gen_random_uuid(), 1, '2026-01-01', '\x01' FROM generate_series(1, %[2]d)`,
			part, floodRows, b.ws[:])},
		"mysql": {fmt.Sprintf(`INSERT INTO engage_log (part, workspace_id, id, events, created_at, payload)
			SELECT %[1]d, X'%[3]x', RANDOM_BYTES(16), 1, 1, X'01' FROM seq_1_to_%[2]d`, part, floodRows, b.ws[:])},
	}[b.db.Name]
	for _, statement := range statements {
		if _, err := b.db.Write.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}

// wholeLog finds a plan's step that reads all of the log, or on MariaDB all of
// an index of it.
var wholeLog = map[string]*regexp.Regexp{
	"sqlite":   regexp.MustCompile(`SCAN (l|engage_log)\b`),
	"postgres": regexp.MustCompile(`Seq Scan on engage_log( |$)`),
	"mysql":    regexp.MustCompile(`\b(l|engage_log) (ALL|index)\b`),
}

func (b *testBundle) plan(t *testing.T, statement string) string {
	t.Helper()
	prefix := map[string]string{"sqlite": "EXPLAIN QUERY PLAN ", "postgres": "EXPLAIN ", "mysql": "EXPLAIN "}[b.db.Name]
	rows, err := b.db.Write.DB.Query(prefix + statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	defer rows.Close() //nolint:errcheck // read to its end
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var plan strings.Builder
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new([]byte)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		for _, value := range values {
			fmt.Fprintf(&plan, "%s ", *value.(*[]byte))
		}
		plan.WriteByte('\n')
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}

func TestNoStatementReadsTheWholeLog(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		b.flood(t)
		ctx, log, now := t.Context(), b.Log(), b.clock.Now()
		db.Count.Reset()
		check := func(what string, err error) {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
		numbered, err := b.Sequence(ctx)
		check("Sequence", err)
		if db.Name != "sqlite" && (numbered == 0 || numbered > 1024) {
			t.Errorf("a step numbered %d slices", numbered)
		}
		claims, err := log.Claim(ctx, engage.DefaultShard, "c", "me", now, time.Minute, 64)
		check("Claim", err)
		if len(claims) != 1 {
			t.Fatalf("%d claims", len(claims))
		}
		// The payloads are no slices, so a Read of them fails after its statement.
		_, _ = log.Read(ctx, engage.DefaultShard, claims[0].Partition, 10, 10)
		check("Advance", b.InShard(ctx, engage.DefaultShard, func(ctx context.Context) error {
			return log.Advance(ctx, claims[0], 100, now, time.Minute)
		}))
		_, err = log.Backlog(ctx, engage.DefaultShard, "c")
		check("Backlog", err)
		pruned, err := b.Prune(ctx, now)
		check("Prune", err)
		if pruned != 100 {
			t.Errorf("%d slices were pruned", pruned)
		}
		for _, statement := range db.Count.Statements() {
			switch strings.Trim(strings.Fields(statement)[0], "(") {
			case "SELECT", "UPDATE", "DELETE", "INSERT":
				if plan := b.plan(t, statement); wholeLog[db.Name].MatchString(plan) {
					t.Errorf("%.300s\n%s", statement, plan)
				}
			}
		}
	})
}
