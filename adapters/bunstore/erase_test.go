package bunstore_test

import (
	"context"
	"strings"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
)

func TestEraseTakesEveryTable(t *testing.T) {
	t.Parallel()
	eachPair(t, bunstore.Placement{}, func(t *testing.T, p *pair) {
		ctx := t.Context()
		p.fill(t, p.ws, bunstore.ManyRows)
		p.fill(t, p.other, 3)
		for _, ws := range []engage.WorkspaceID{p.ws, p.other} {
			if err := put(ctx, p.Store, ws, "canary"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := p.Sequence(ctx); err != nil {
			t.Fatal(err)
		}
		stays, rows := p.dump(t, east, p.other), strings.Count(p.dump(t, east, p.ws), "\n")
		if n, err := p.Erase(ctx, p.ws); err != nil || n != int64(rows) {
			t.Errorf("erased %d rows, %v; want %d", n, err, rows)
		}
		p.wantGone(t, east, p.ws)
		if p.dump(t, east, p.other) != stays {
			t.Error("another workspace's rows changed")
		}
		for ws, want := range map[engage.WorkspaceID]int{p.ws: 0, p.other: 1} {
			slices, _, err := p.Feed(ctx, ws, bunstore.FeedPosition{}, 10)
			if err != nil || len(slices) != 1 {
				t.Fatalf("the log has %d slices of it, %v: positions have no gaps", len(slices), err)
			}
			if n := len(slices[0].Events); n != want {
				t.Errorf("its slice has %d events, want %d", n, want)
			}
		}
		if n, err := p.Erase(ctx, p.ws); err != nil || n != 0 {
			t.Errorf("erased %d rows again, %v", n, err)
		}
	}, schemas(t)...)
}

func TestEraseRefusesATransaction(t *testing.T) {
	t.Parallel()
	eachPair(t, bunstore.Placement{}, func(t *testing.T, p *pair) {
		err := p.InTx(t.Context(), p.ws, func(ctx context.Context) error {
			_, err := p.Erase(ctx, p.ws)
			wantCode(t, err, engage.FailedPrecondition)
			_, err = p.Move(ctx, p.ws, west)
			wantCode(t, err, engage.FailedPrecondition)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestEveryTableTravelsOrStays fails when a domain has a table that is neither
// found by its workspace nor the installation's.
func TestEveryTableTravelsOrStays(t *testing.T) {
	t.Parallel()
	// The kernel's, and those of accounts, which live on one database.
	stay := map[string]bool{
		"engage_migrations": true, "engage_log": true, "engage_log_partitions": true, "engage_log_cursors": true, "engage_leases": true,
		"engage_marks_slices": true, // of the log's positions, as the cursors
		"engage_placements":   true, "engage_stays": true, "engage_fence": true, "engage_fenced": true,
	}
	eachPair(t, bunstore.Placement{}, func(t *testing.T, p *pair) {
		var all []string
		query := map[bunstore.Dialect]string{
			bunstore.SQLite:     "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'engage%'",
			bunstore.PostgreSQL: "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND relname LIKE 'engage%'",
			bunstore.MariaDB:    "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE 'engage%'",
		}[p.Dialect()]
		if err := p.databases[east].Write.NewRaw(query).Scan(t.Context(), &all); err != nil {
			t.Fatal(err)
		}
		found, err := p.WorkspaceTables(t.Context(), east)
		if err != nil {
			t.Fatal(err)
		}
		travels := map[string]bool{}
		for _, name := range found {
			travels[name] = true
		}
		for _, name := range all {
			if !travels[name] && !stay[name] && !strings.HasPrefix(name, "engage_accounts_") {
				t.Errorf("%s is left behind when a workspace moves or is erased: its primary key needs workspace_id", name)
			}
		}
		if len(found) < 20 {
			t.Errorf("only these were found: %q", found)
		}
	}, schemas(t)...)
}
