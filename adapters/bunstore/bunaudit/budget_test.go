package bunaudit_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunaudit"
	"github.com/go-engage/engage/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// many is enough that a statement an item could not be overlooked.
const many = 50

// testBundle is a database with a long trail, the end of which waits.
type testBundle struct {
	db      *testkit.Database
	store   *bunstore.Store
	entries *bunaudit.Entries
	ids     engage.IDSource
	ws      engage.WorkspaceID
	waiting []audit.Entry
	head    audit.Head
}

func setup(t *testing.T, db *testkit.Database) *testBundle {
	t.Helper()
	store := testkit.Store(t, db, nil, bunaudit.Schema)
	b := &testBundle{
		db: db, store: store, entries: bunaudit.NewEntries(store),
		ids: engage.NewIDSource(engage.NewManualClock(testkit.Start), nil), head: audit.Head{Number: 3000, At: testkit.Start},
	}
	for range 2 { // another workspace's, and this one's
		b.ws = engage.WorkspaceID(b.ids.NewID())
		var links []audit.Link
		for range 3 {
			chunk := b.newEntries(1000)
			b.in(t, func(ctx context.Context) error { return b.entries.Append(ctx, b.ws, chunk) })
			for _, e := range chunk {
				links = append(links, audit.Link{ID: e.ID, Number: int64(len(links) + 1), Hash: audit.Hash{1}})
			}
		}
		for i := range 3 {
			head := b.head
			head.Version = engage.Version(i)
			b.in(t, func(ctx context.Context) error {
				return b.entries.Chain(ctx, b.ws, links[i*1000:(i+1)*1000], head)
			})
		}
	}
	b.head.Version, b.waiting = 3, b.newEntries(many)
	b.in(t, func(ctx context.Context) error { return b.entries.Append(ctx, b.ws, b.waiting) })
	analyze := map[string]string{"mysql": "ANALYZE TABLE engage_audit_entries"}[db.Name]
	if _, err := db.Write.Exec(cmp.Or(analyze, "ANALYZE")); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *testBundle) newEntries(n int) []audit.Entry {
	all := make([]audit.Entry, n)
	for i := range all {
		all[i] = audit.Entry{
			ID: audit.EntryID(b.ids.NewID()), At: testkit.Start.Add(time.Duration(i) * time.Second), Name: fmt.Sprint("name", i%50),
			Actor: engage.Actor{Type: "user", ID: fmt.Sprint(i % 50)}, Subject: engage.Ref{Type: "tag", ID: [16]byte{15: byte(i % 50)}}, Data: "{}",
		}
	}
	return all
}

func (b *testBundle) in(t *testing.T, fn func(ctx context.Context) error) {
	t.Helper()
	no(t, b.store.InTx(t.Context(), b.ws, fn))
}

// call is one call of the port.
type call struct {
	name string
	run  func(ctx context.Context) error
}

func (b *testBundle) calls() []call {
	list := func(query audit.Query) func(ctx context.Context) error {
		return func(ctx context.Context) error { return ignore(b.entries.List(ctx, b.ws, query)) }
	}
	links := make([]audit.Link, many)
	for i, e := range b.waiting {
		links[i] = audit.Link{ID: e.ID, Number: int64(3001 + i), Hash: audit.Hash{1}}
	}
	at := testkit.Start.Add(500 * time.Second)
	return []call{
		{"entries are appended", func(ctx context.Context) error { return b.entries.Append(ctx, b.ws, b.newEntries(many)) }},
		{"all are listed", list(audit.Query{})},
		{"those of a time are listed", list(audit.Query{From: at, Until: at.Add(time.Minute)})},
		{"those of an actor are listed", list(audit.Query{Actor: engage.Actor{Type: "user", ID: "7"}})},
		{"those of a subject are listed", list(audit.Query{Subject: engage.Ref{Type: "tag", ID: [16]byte{15: 7}}, Until: at})},
		{"those of a name are listed", list(audit.Query{Name: "name7"})},
		{"the chain is read", func(ctx context.Context) error {
			return ignore(b.entries.Chained(ctx, b.ws, audit.Link{ID: audit.EntryID{1}, Number: 1500}, many))
		}},
		{"those that wait are counted", func(ctx context.Context) error {
			n, _, err := b.entries.Waiting(ctx, b.ws)
			return cmp.Or(err, want(n, many))
		}},
		{"the head is read", func(ctx context.Context) error { return ignore(b.entries.Head(ctx, b.ws)) }},
		{"the head is locked", func(ctx context.Context) error { return ignore(b.entries.Lock(ctx, b.ws)) }},
		{"entries are chained", func(ctx context.Context) error { return b.entries.Chain(ctx, b.ws, links, b.head) }},
		{"a trail is erased", func(ctx context.Context) error {
			n, err := b.entries.Erase(ctx, b.ws)
			return cmp.Or(err, want(n, 3000+many))
		}},
	}
}

func want(got, want int) error {
	if got != want {
		return fmt.Errorf("got %d, want %d", got, want)
	}
	return nil
}

var errUndo = errors.New("undo")

// ran answers what a call runs within a transaction that is rolled back.
func (b *testBundle) ran(t *testing.T, c call) (statements []string, tally testkit.Tally) {
	t.Helper()
	err := b.store.InTx(t.Context(), b.ws, func(ctx context.Context) error {
		b.db.Count.Reset()
		if err := c.run(ctx); err != nil {
			return err
		}
		statements, tally = b.db.Count.Statements(), b.db.Count.Tally()
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		t.Fatalf("%s: %v", c.name, err)
	}
	return statements, tally
}

// TestEachCallKeepsItsBudget compares what each call runs with testdata, and how
// each database runs what it reads.
func TestEachCallKeepsItsBudget(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		budgets, plans := testkit.NewBudgets(db, many), testkit.NewPlans(db)
		plans.AsLarge = true
		for _, c := range b.calls() {
			statements, tally := b.ran(t, c)
			budgets.Add(c.name, tally)
			if c.name != "entries are chained" || db.Name != "mysql" { // which can't explain its JSON_TABLE the same way twice
				plans.Add(t, c.name, statements)
			}
		}
		budgets.Compare(t, *update)
		plans.Compare(t, *update)
	})
}

func ignore[T any](_ T, err error) error { return err }
