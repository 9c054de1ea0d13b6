package bunaudit_test

import (
	"context"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/adapters/bunstore/bunaudit"
	"github.com/go-engage/engage/internal/testkit"
)

// TestTheStoreErasesATrailWithItsWorkspace has the kernel find the tables by
// itself.
func TestTheStoreErasesATrailWithItsWorkspace(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		store := testkit.Store(t, db, nil, bunaudit.Schema)
		entries := bunaudit.NewEntries(store)
		one, other := engage.WorkspaceID{1}, engage.WorkspaceID{2}
		for _, ws := range []engage.WorkspaceID{one, other} {
			no(t, store.InTx(t.Context(), ws, func(ctx context.Context) error {
				if err := entries.Append(ctx, ws, []audit.Entry{{ID: audit.EntryID{1}, At: testkit.Start, Name: "x"}}); err != nil {
					return err
				}
				return entries.Chain(ctx, ws, []audit.Link{{ID: audit.EntryID{1}, Number: 1}}, audit.Head{Number: 1, At: testkit.Start})
			}))
		}
		erased, err := store.Erase(t.Context(), one)
		no(t, err)
		if erased != 2 {
			t.Errorf("%d rows erased, want 2", erased)
		}
		for ws, want := range map[engage.WorkspaceID]int64{one: 0, other: 1} {
			head, err := entries.Head(t.Context(), ws)
			no(t, err)
			if head.Number != want {
				t.Errorf("head %d, want %d", head.Number, want)
			}
		}
	})
}
