package bunaudit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/adapters/bunstore/bunaudit"
	"github.com/go-engage/engage/internal/testkit"
)

// many is enough that a statement an item could not be overlooked.
const many = 50

func TestEachCallRunsAFixedNumberOfStatements(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		store := testkit.Store(t, db, nil, bunaudit.Schema)
		entries := bunaudit.NewEntries(store)
		ids := engage.NewIDSource(engage.NewManualClock(testkit.Start), nil)
		ws := engage.WorkspaceID(ids.NewID())
		newEntries := func() []audit.Entry {
			all := make([]audit.Entry, many)
			for i := range all {
				all[i] = audit.Entry{ID: audit.EntryID(ids.NewID()), At: testkit.Start.Add(time.Duration(i) * time.Second), Name: "x", Data: "{}"}
			}
			return all
		}
		stored := newEntries()
		links := make([]audit.Link, many)
		for i, e := range stored {
			links[i] = audit.Link{ID: e.ID, Number: int64(i + 1), Hash: audit.Hash{1}}
		}
		no(t, store.InTx(t.Context(), ws, func(ctx context.Context) error { return entries.Append(ctx, ws, stored) }))
		for _, c := range []struct {
			name string
			want int
			run  func(ctx context.Context) error
		}{
			{"entries are appended", 1, func(ctx context.Context) error { return entries.Append(ctx, ws, newEntries()) }},
			{"entries are listed", 1, func(ctx context.Context) error { return ignore(entries.List(ctx, ws, audit.Query{Name: "x"})) }},
			{"the chain is read", 1, func(ctx context.Context) error { return ignore(entries.Chained(ctx, ws, audit.Link{}, many)) }},
			{"those that wait are counted", 1, func(ctx context.Context) error {
				n, _, err := entries.Waiting(ctx, ws)
				if n != many {
					t.Errorf("%d wait, want %d", n, many)
				}
				return err
			}},
			{"the head is read", 1, func(ctx context.Context) error { return ignore(entries.Head(ctx, ws)) }},
			{"the head is locked", 1, func(ctx context.Context) error { return ignore(entries.Lock(ctx, ws)) }},
			{"entries are chained", 2, func(ctx context.Context) error {
				return entries.Chain(ctx, ws, links, audit.Head{Number: many, At: testkit.Start})
			}},
			{"a trail is erased", 2, func(ctx context.Context) error { return ignore(entries.Erase(ctx, ws)) }},
		} {
			t.Run(c.name, func(t *testing.T) {
				undo := errors.New("undo")
				err := store.InTx(t.Context(), ws, func(ctx context.Context) error {
					db.Count.Reset()
					no(t, c.run(ctx))
					if ran := db.Count.Statements(); len(ran) != c.want {
						t.Errorf("%d statements, want %d: %.300q", len(ran), c.want, ran)
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

func ignore[T any](_ T, err error) error { return err }
