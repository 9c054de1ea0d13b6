package segmentstest

import (
	"context"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/porttest"
	"github.com/go-engage/engage/segments"
)

// Dump is everything that the ports answer of a workspace, as JSON lines: its
// segments, and the facts of some event names and the memberships of some
// contacts. Two adapters that were told the same have equal dumps.
func Dump(ctx context.Context, t *testing.T, a Adapter, ws engage.WorkspaceID, ids []contacts.ID, names []string) string {
	t.Helper()
	out := porttest.NewDump(t)
	var all []segments.ID
	for s, err := range engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[segments.Segment], error) {
		return a.Segments.List(ctx, ws, page)
	}) {
		out.Add("segment", s, err)
		all = append(all, s.ID)
	}
	facts, err := a.Facts.Get(ctx, ws, ids, names)
	out.Add("facts", facts, err)
	recount, err := a.Facts.Recount(ctx, ws)
	out.Add("recount", recount, err)
	members, err := a.Members.Of(ctx, ws, ids)
	out.Add("members", members, err)
	if err := a.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		rows, err := a.Members.Lock(ctx, ws, all, ids)
		out.Add("rows", rows, err)
		return nil
	}); err != nil {
		t.Fatalf("dump: %v", err)
	}
	return out.String()
}
