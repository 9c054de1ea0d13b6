package bunstore_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/internal/testkit"
)

// park parks so many events of a workspace for a consumer and answers their ids.
func (b *testBundle) park(t *testing.T, ws engage.WorkspaceID, consumer string, n int) []engage.EventID {
	t.Helper()
	ids, parked := make([]engage.EventID, n), make([]engage.Parked, n)
	for i := range ids {
		ids[i] = engage.EventID(b.ids.NewID())
		event, err := engage.NewEnvelope(t.Context(), ws, *b.probe("p"), ids[i], b.clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		parked[i] = engage.Parked{Consumer: consumer, Event: event, Attempts: 1, NotBefore: b.clock.Now().Add(time.Hour), Cause: "c"}
	}
	err := b.InShard(t.Context(), engage.DefaultShard, func(ctx context.Context) error {
		return b.Log().Park(ctx, engage.DefaultShard, parked)
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// wholeParked finds a plan's step that reads all parked events, and sortedParked
// one that sorts what an index has in order.
var (
	wholeParked = map[string]*regexp.Regexp{
		"sqlite":   regexp.MustCompile(`SCAN (k|engage_log_parked)\b`),
		"postgres": regexp.MustCompile(`Seq Scan on engage_log_parked`),
		"mysql":    regexp.MustCompile(`\b(k|engage_log_parked) (ALL|index)\b`),
	}
	sortedParked = regexp.MustCompile(`TEMP B-TREE|\bSort\b|filesort`)
)

func TestParkedEventsTakeOneStatementAndAnIndex(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		for range 4 {
			b.park(t, b.ot, "c", engage.MaxBatch)
			b.park(t, b.ot, "d", engage.MaxBatch)
		}
		ids := b.park(t, b.ws, "c", 500)
		gather := map[string]string{"sqlite": "ANALYZE", "postgres": "ANALYZE engage_log_parked", "mysql": "ANALYZE TABLE engage_log_parked"}
		if _, err := db.Write.ExecContext(t.Context(), gather[db.Name]); err != nil {
			t.Fatal(err)
		}
		require := func(what string, want int, do func() error) {
			t.Helper()
			db.Count.Require(t, want, func() {
				if err := do(); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			})
			for _, statement := range db.Count.Statements() {
				switch strings.Fields(statement)[0] {
				case "SELECT", "UPDATE", "DELETE":
					plan := b.plan(t, statement)
					if wholeParked[db.Name].MatchString(plan) || want == 1 && sortedParked.MatchString(plan) {
						t.Errorf("%s: %.300s\n%s", what, statement, plan)
					}
				}
			}
		}
		for _, consumer := range []string{"", "c"} {
			var next engage.Cursor
			list := func() error {
				page, err := b.Parked().List(t.Context(), b.ot, consumer, engage.PageRequest{After: next})
				next = page.Next
				return err
			}
			require("the first page", 1, list)
			require("the next page", 1, list)
		}
		for what, change := range map[string]func(context.Context, engage.WorkspaceID, string, []engage.EventID) (int, error){
			"Redrive": b.Parked().Redrive, "Drop": b.Parked().Drop,
		} {
			for _, consumer := range []string{"", "c"} {
				require(what, 3, func() error {
					return b.InTx(t.Context(), b.ws, func(ctx context.Context) error {
						_, err := change(ctx, b.ws, consumer, ids[:100])
						return err
					})
				})
			}
		}
	})
}
