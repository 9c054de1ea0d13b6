package stack_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore/pgxarrays"
	"github.com/go-engage/engage/internal/testkit"
)

// TestEachOperationKeepsToItsWorkspace makes each call for another workspace,
// about the objects of one that has everything: it finds nothing, and neither
// workspace is any different afterwards, also when the workers are through.
func TestEachOperationKeepsToItsWorkspace(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db, pgxarrays.Binder{})
		b.collect(t)
		w := newWorld(t, b, 2, 2)
		mine := b.dump(t, w.ws)
		stranger := b.workspace()
		theirs := b.dump(t, stranger)
		for _, c := range serviceCalls() {
			other := stranger
			if c.makes {
				other = b.workspace() // what one call makes is not another's to find
			}
			found, err := c.call(t.Context(), other, w)
			if err != nil && !errors.Is(err, engage.ErrNotFound) {
				t.Errorf("%s: want ErrNotFound or nothing, got %v", c, err)
			}
			if err == nil && found != 0 {
				t.Errorf("%s found %d objects of another workspace", c, found)
			}
			if diff := cmp.Diff(mine, b.dump(t, w.ws)); diff != "" {
				t.Fatalf("%s changed another workspace, -before +after:\n%s", c, diff)
			}
			if diff := cmp.Diff(theirs, b.dump(t, other)); diff != "" && !c.makes {
				t.Fatalf("%s changed its own workspace, -before +after:\n%s", c, diff)
			}
			if _, err := c.call(t.Context(), engage.WorkspaceID{}, w); !errors.Is(err, engage.ErrInvalid) {
				t.Errorf("%s of no workspace: want ErrInvalid, got %v", c, err)
			}
		}
		b.drain(t)
		if diff := cmp.Diff(mine, b.dump(t, w.ws)); diff != "" {
			t.Errorf("the workers changed another workspace, -before +after:\n%s", diff)
		}
	})
}
