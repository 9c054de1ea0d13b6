package bunstore_test

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// floodRows is what one workspace has in the log in the tests of plans: enough
// that reading the whole table is never the cheapest way.
const floodRows = 20_000

// flood writes a workspace's slices straight into the log, as far as a sequencer
// that is far behind would find them, and has no statistics gathered.
func (b *testBundle) flood(t *testing.T) {
	t.Helper()
	part := engage.PartitionOf(b.ws)
	// Statistics that are gathered, or not, while the test runs would change plans.
	statements := map[string][]string{
		"sqlite": {
			fmt.Sprintf(`INSERT INTO engage_log (part, pos, workspace_id, id, events, created_at, payload)
				WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %[2]d) SELECT %[1]d, i, X'%[3]x', randomblob(16), 1, 1, X'01' FROM n`,
				part, floodRows, b.ws[:]),
			fmt.Sprintf("UPDATE engage_log_partitions SET last_pos = %d WHERE part = %d", floodRows, part),
		},
		"postgres": {"ALTER TABLE engage_log SET (autovacuum_enabled = off)", fmt.Sprintf(`INSERT INTO engage_log (part, workspace_id, id, events, created_at, payload)
			SELECT %[1]d, encode('\x%[3]x', 'hex')::uuid, gen_random_uuid(), 1, '2026-01-01', '\x01' FROM generate_series(1, %[2]d)`,
			part, floodRows, b.ws[:])},
		"mysql": {"ALTER TABLE engage_log STATS_PERSISTENT = 1 STATS_AUTO_RECALC = 0", fmt.Sprintf(`INSERT INTO engage_log (part, workspace_id, id, events, created_at, payload)
			SELECT %[1]d, X'%[3]x', RANDOM_BYTES(16), 1, 1, X'01' FROM seq_1_to_%[2]d`, part, floodRows, b.ws[:])},
	}[b.db.Name]
	for _, statement := range statements {
		if _, err := b.db.Write.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHotStatementsKeepTheirPlans compares how each database would run the
// statements of a log that one workspace has flooded with testdata. None of them
// reads the whole log.
func TestHotStatementsKeepTheirPlans(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b, plans := setup(t, db), testkit.NewPlans(db)
		b.ws = engage.WorkspaceID{15: 1} // its partition stands in the plans
		b.flood(t)
		ctx, log, now := t.Context(), b.Log(), b.clock.Now()
		ran := func(what string, err error) {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			plans.Add(t, what, db.Count.Statements())
			db.Count.Reset()
		}
		db.Count.Reset()
		numbered, err := b.Sequence(ctx)
		ran("Sequence", err)
		if db.Name != "sqlite" && (numbered == 0 || numbered > 1024) {
			t.Errorf("a step numbered %d slices", numbered)
		}
		claims, err := log.Claim(ctx, engage.DefaultShard, "c", "me", now, time.Minute, 64)
		ran("Claim", err)
		if len(claims) != 1 {
			t.Fatalf("%d claims", len(claims))
		}
		// The payloads are no slices, so a Read of them fails after its statement.
		_, _ = log.Read(ctx, engage.DefaultShard, claims[0].Partition, 10, 10)
		ran("Read", nil)
		ran("Advance", b.InShard(ctx, engage.DefaultShard, func(ctx context.Context) error {
			return log.Advance(ctx, claims[0], 100, now, time.Minute)
		}))
		_, err = log.Backlog(ctx, engage.DefaultShard, "c")
		ran("Backlog", err)
		pruned, err := b.Prune(ctx, now)
		ran("Prune", err)
		if pruned != 100 {
			t.Errorf("%d slices were pruned", pruned)
		}
		plans.Compare(t, *update)
	})
}
