package buncontacts_test

import (
	"context"
	"math/rand/v2"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/uptrace/bun"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/testkit"
)

func TestWritersOfTheSameRows(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		t.Run("one of many gets an identity, the others are told", func(t *testing.T) {
			t.Parallel()
			var won, told atomic.Int32
			together(8, func() {
				c := b.newContacts(1)
				c[0].Identities = []contacts.Identity{{Kind: contacts.UserID, Value: "the same"}}
				switch err := b.store.InTx(t.Context(), b.ws, func(ctx context.Context) error {
					return b.Contacts.Insert(ctx, b.ws, c)
				}); {
				case err == nil:
					won.Add(1)
				case engage.CodeOf(err) == engage.AlreadyExists:
					told.Add(1)
				default:
					t.Errorf("unexpected error: %v", err)
				}
			})
			if won.Load() != 1 || told.Load() != 7 {
				t.Errorf("%d won and %d were told, want 1 and 7", won.Load(), told.Load())
			}
		})
		t.Run("each event is new to one of many", func(t *testing.T) {
			t.Parallel()
			all := b.newEvents(200)
			var fresh atomic.Int32
			together(6, func() {
				mine := append(all[:0:0], all...)
				rand.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
				n := int32(0)
				if err := b.store.InTx(t.Context(), b.ws, func(ctx context.Context) error {
					isNew, err := b.Events.Append(ctx, b.ws, mine)
					n = 0
					for _, yes := range isNew {
						if yes {
							n++
						}
					}
					return err
				}); err != nil {
					t.Errorf("unexpected error: %v", err)
				}
				fresh.Add(n)
			})
			if fresh.Load() != 200 {
				t.Errorf("200 events were new %d times", fresh.Load())
			}
		})
	})
}

// together runs fn in n goroutines at once and waits for them.
func together(n int, fn func()) {
	var all sync.WaitGroup
	for range n {
		all.Go(fn)
	}
	all.Wait()
}

// watch closes seen when a statement that matches has run for the second time.
type watch struct {
	pattern *regexp.Regexp
	ran     atomic.Int32
	seen    chan struct{}
}

func (w *watch) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

func (w *watch) AfterQuery(_ context.Context, event *bun.QueryEvent) {
	if w.pattern.MatchString(event.Query) && w.ran.Add(1) == 2 {
		close(w.seen)
	}
}

// A second writer looks for owners before the first commits, and meets the
// identity only when it writes its own. SQLite has one writer at a time.
func TestAnInsertThatLosesARaceLeavesNothing(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		if db.Name == "sqlite" {
			t.Skip("SQLite has one writer at a time")
		}
		w := &watch{pattern: regexp.MustCompile("^INSERT INTO [\"`]engage_contacts[\"`]"), seen: make(chan struct{})}
		b := setup(t, db)
		db.Write.AddQueryHook(w) //nolint:staticcheck // the store already holds this pool

		first, second := b.newContacts(1), b.newContacts(1)
		second[0].Identities = first[0].Identities
		var secondErr error
		var all sync.WaitGroup
		b.in(t, func(ctx context.Context) error {
			if err := b.Contacts.Insert(ctx, b.ws, first); err != nil {
				return err
			}
			all.Go(func() {
				// The caller goes on as if nothing had been: what is left commits,
				// or the whole fails.
				_ = b.store.InTx(t.Context(), b.ws, func(ctx context.Context) error {
					secondErr = b.Contacts.Insert(ctx, b.ws, second)
					return nil
				})
			})
			<-w.seen
			return nil
		})
		all.Wait()
		if engage.CodeOf(secondErr) != engage.AlreadyExists {
			t.Errorf("the second writer got %v, want already exists", secondErr)
		}
		left, err := b.Contacts.Get(t.Context(), b.ws, []contacts.ID{second[0].ID})
		if err != nil || len(left) > 0 {
			t.Errorf("the second writer left %v, %v", left, err)
		}
	})
}
