package bunstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunautomation"
	"github.com/go-engage/engage/adapters/bunstore/bunmessaging"
	"github.com/go-engage/engage/adapters/bunstore/bunsegments"
)

// idleWorkspaces have a home in the directory and rows in every table, and
// nothing to do.
const idleWorkspaces = 10_000

// TestIdleWorkspacesCostNothing holds what a poll of every worker takes to the
// same number of statements for one workspace and for ten thousand.
func TestIdleWorkspacesCostNothing(t *testing.T) {
	t.Parallel()
	eachPair(t, bunstore.Placement{}, func(t *testing.T, p *pair) {
		ctx := t.Context()
		runs, messages, members := bunautomation.NewRuns(p.Store), bunmessaging.NewMessages(p.Store), bunsegments.NewMembers(p.Store)
		past := p.clock.Now().Add(-time.Hour)
		poll := func() int {
			t.Helper()
			for _, db := range p.databases {
				db.Count.Reset()
			}
			_, err := p.Sequence(ctx)
			check(t, err)
			_, err = p.Prune(ctx, p.clock.Now())
			check(t, err)
			_, err = p.ResumeMoves(ctx)
			check(t, err)
			for _, shard := range []engage.Shard{east, west} {
				_, err := p.Log().Claim(ctx, shard, "idle", "me", p.clock.Now(), time.Minute, 8)
				check(t, err)
				_, err = p.Log().ClaimParked(ctx, shard, "idle", past, time.Minute, 8)
				check(t, err)
				check(t, p.InShard(ctx, shard, func(ctx context.Context) error {
					if _, err := runs.ClaimDueAcross(ctx, shard, past, time.Minute, 8); err != nil {
						return err
					}
					if _, err := messages.ClaimPlannedAcross(ctx, shard, past, time.Minute, 8); err != nil {
						return err
					}
					_, err := members.ClaimDueAcross(ctx, shard, past, time.Minute, 8)
					return err
				}))
			}
			statements := 0
			for _, db := range p.databases {
				statements += len(db.Count.Statements())
			}
			return statements
		}
		if err := p.InTx(ctx, p.ws, func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
		poll() // the consumer's cursors are made
		one := poll()
		p.settleMany(t, idleWorkspaces)
		if many := poll(); many != one {
			t.Errorf("a poll takes %d statements with one workspace and %d with %d", one, many, idleWorkspaces)
		}
	}, schemas(t)...)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// settleMany gives workspaces a home in the directory, and a row each in the
// tables that workers look for work in.
func (p *pair) settleMany(t *testing.T, n int) {
	t.Helper()
	_, columns, err := p.Columns(t.Context(), east)
	check(t, err)
	id, instant := bunstore.Column{Name: "workspace_id", Kind: "blob"}, bunstore.Column{Kind: "int"}
	if p.Dialect() == bunstore.PostgreSQL {
		id.Kind, instant.Kind = "uuid", "timestamp"
	}
	var all []engage.WorkspaceID
	for range n {
		all = append(all, engage.WorkspaceID(p.ids.NewID()))
	}
	for _, table := range []string{"engage_placements", "engage_automation_runs", "engage_messaging_messages", "engage_segments_members"} {
		for some := range slices.Chunk(all, 500) {
			var rows []string
			list := []string{"workspace_id", "shard", "state", "other", "version", "changed_at"}
			if table != "engage_placements" {
				list = nil
				for _, c := range columns[table] {
					list = append(list, c.Name)
				}
			}
			for i, ws := range some {
				if table == "engage_placements" {
					rows = append(rows, fmt.Sprintf("(%s, 'east', 'home', '', 1, %s)", p.value(id, ws, 1), p.value(instant, ws, 1)))
					continue
				}
				row := make([]string, len(list))
				for j, c := range columns[table] {
					if row[j] = p.value(c, ws, i+1); c.Name == "claim_at" || c.Name == "due_at" {
						row[j] = "NULL"
					}
				}
				rows = append(rows, "("+strings.Join(row, ", ")+")")
			}
			_, err := p.databases[east].Write.ExecContext(t.Context(), "INSERT INTO "+table+" ("+strings.Join(list, ", ")+") VALUES "+strings.Join(rows, ", "))
			check(t, err)
		}
	}
}
