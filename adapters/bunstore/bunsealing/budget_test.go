package bunsealing_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore/bunsealing"
	"github.com/go-engage/engage/adapters/sealing"
	"github.com/go-engage/engage/internal/testkit"
)

// many is enough that a statement an item could not be overlooked.
const many = 50

func TestEachCallRunsAFixedNumberOfStatements(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		store := testkit.Store(t, db, nil, bunsealing.Schema)
		keys := bunsealing.NewKeys(store)
		ids := engage.NewIDSource(engage.NewManualClock(testkit.Start), nil)
		var ws engage.WorkspaceID
		var all []sealing.DataKeyAcross
		newKey := func(number int) sealing.DataKey {
			return sealing.DataKey{
				ID: sealing.KeyID(ids.NewID()), Number: number, WrappedBy: "host-1", Wrapped: bytes.Repeat([]byte{1}, 72),
				CreatedAt: testkit.Start, WrappedAt: testkit.Start, Version: 1,
			}
		}
		for range many {
			ws = engage.WorkspaceID(ids.NewID())
			all = append(all, sealing.DataKeyAcross{Workspace: ws, Key: newKey(1)})
			no(t, store.InTx(t.Context(), ws, func(ctx context.Context) error {
				return ignore(keys.Add(ctx, ws, all[len(all)-1].Key))
			}))
		}
		inTx := func(fn func(ctx context.Context) error) error { return store.InTx(t.Context(), ws, fn) }
		inShard := func(fn func(ctx context.Context) error) error {
			return store.InShard(t.Context(), engage.DefaultShard, fn)
		}
		for _, c := range []struct {
			name  string
			in    func(func(ctx context.Context) error) error
			want  int
			mysql int // MariaDB finds out which there are
			run   func(ctx context.Context) error
		}{
			{"a key is added", inTx, 1, 1, func(ctx context.Context) error { return ignore(keys.Add(ctx, ws, newKey(2))) }},
			{"a key is there already", inTx, 1, 2, func(ctx context.Context) error { return ignore(keys.Add(ctx, ws, newKey(1))) }},
			{"the newest is read", inTx, 1, 1, func(ctx context.Context) error { return ignore(keys.Newest(ctx, ws)) }},
			{"a key is read", inTx, 1, 1, func(ctx context.Context) error { return ignore(keys.Get(ctx, ws, all[many-1].Key.ID)) }},
			{"keys are listed", inTx, 1, 1, func(ctx context.Context) error { return ignore(keys.List(ctx, ws, engage.PageRequest{})) }},
			{"keys are erased", inTx, 1, 1, func(ctx context.Context) error { return ignore(keys.Erase(ctx, ws)) }},
			{"outdated keys are read", inShard, 1, 1, func(ctx context.Context) error {
				return ignore(keys.OutdatedAcross(ctx, engage.DefaultShard, "host-2", sealing.DataKeyAcross{}, many))
			}},
			{"keys are wrapped anew", inShard, 2, 2, func(ctx context.Context) error {
				done, err := keys.RewrapAcross(ctx, engage.DefaultShard, all)
				for i, ok := range done {
					if !ok {
						t.Errorf("key %d was not replaced", i)
					}
				}
				return err
			}},
			{"keys are counted", inShard, 1, 1, func(ctx context.Context) error {
				return ignore(keys.CountAcross(ctx, engage.DefaultShard))
			}},
		} {
			t.Run(c.name, func(t *testing.T) {
				undo := errors.New("undo")
				err := c.in(func(ctx context.Context) error {
					db.Count.Reset()
					no(t, c.run(ctx))
					if want := map[string]int{"mysql": c.mysql}[db.Name]; len(db.Count.Statements()) != max(want, c.want) {
						t.Errorf("%d statements: %.300q", len(db.Count.Statements()), db.Count.Statements())
					}
					return undo
				})
				if !errors.Is(err, undo) {
					t.Fatal(err)
				}
			})
		}
	})
}

func no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func ignore[T any](_ T, err error) error { return err }
