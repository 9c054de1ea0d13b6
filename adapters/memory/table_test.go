package memory_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
)

type person struct {
	id    int
	email string // unique
	age   int
}

const (
	byID    = "id"
	byEmail = "email"
	byAge   = "age"
)

type people struct {
	*memory.Store
	rows *memory.Table[person]
	ws   engage.WorkspaceID
}

func newPeople() people {
	store := memory.New(memory.Config{})
	return people{store, peopleTable(store), engage.WorkspaceID{1}}
}

func peopleTable(store *memory.Store) *memory.Table[person] {
	return memory.NewTable(store, "people",
		memory.Index[person]{Name: byID, Less: func(a, b *person) bool { return a.id < b.id }},
		memory.Index[person]{Name: byEmail, Less: func(a, b *person) bool { return a.email < b.email }},
		memory.Index[person]{Name: byAge, Less: func(a, b *person) bool {
			return cmp.Or(cmp.Compare(a.age, b.age), cmp.Compare(a.id, b.id)) < 0
		}},
	)
}

// write runs fn with a writer in a transaction that must commit.
func (p people) write(t *testing.T, fn func(w memory.Writer[person])) {
	t.Helper()
	err := p.InTx(t.Context(), p.ws, func(ctx context.Context) error {
		w, err := p.rows.Write(ctx, p.ws)
		if err == nil {
			fn(w)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func ids(rows func(func(*person) bool)) (found []int) {
	for row := range rows {
		found = append(found, row.id)
	}
	return found
}

func wantIDs(t *testing.T, what string, rows func(func(*person) bool), want ...int) {
	t.Helper()
	if got := ids(rows); !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()

	t.Run("answers its rows in every order, from a pivot up and down", func(t *testing.T) {
		t.Parallel()
		p := newPeople()
		p.write(t, func(w memory.Writer[person]) {
			w.Set(&person{1, "c", 30})
			w.Set(&person{2, "a", 40})
			w.Set(&person{3, "b", 30})
		})
		view := p.rows.Read(t.Context())
		wantIDs(t, "by id", view.Ascend(byID, nil), 1, 2, 3)
		wantIDs(t, "by email", view.Ascend(byEmail, nil), 2, 3, 1)
		wantIDs(t, "by age", view.Ascend(byAge, nil), 1, 3, 2)
		wantIDs(t, "by age, down", view.Descend(byAge, nil), 2, 3, 1)
		wantIDs(t, "by email from b", view.Ascend(byEmail, &person{email: "b"}), 3, 1)
		wantIDs(t, "by email from b down", view.Descend(byEmail, &person{email: "b"}), 3, 2)
		if row, ok := view.Get(byEmail, &person{email: "a"}); !ok || row.id != 2 || view.Len() != 3 {
			t.Errorf("got %+v, %t of %d", row, ok, view.Len())
		}
	})

	t.Run("moves a row in every order when it is replaced or deleted", func(t *testing.T) {
		t.Parallel()
		p := newPeople()
		p.write(t, func(w memory.Writer[person]) {
			w.Set(&person{1, "a", 30})
			w.Set(&person{2, "b", 40})
			w.Set(&person{1, "c", 50})
			if _, ok := w.Delete(&person{id: 9}); ok {
				t.Error("deleted what is not there")
			}
		})
		wantIDs(t, "by email", p.rows.Read(t.Context()).Ascend(byEmail, nil), 2, 1)
		wantIDs(t, "by age", p.rows.Read(t.Context()).Ascend(byAge, nil), 2, 1)
		p.write(t, func(w memory.Writer[person]) {
			if old, ok := w.Delete(&person{id: 1}); !ok || old.email != "c" {
				t.Errorf("deleted %+v, %t", old, ok)
			}
		})
		wantIDs(t, "by email", p.rows.Read(t.Context()).Ascend(byEmail, nil), 2)
		wantIDs(t, "by age", p.rows.Read(t.Context()).Ascend(byAge, nil), 2)
	})

	t.Run("may be written while it is read", func(t *testing.T) {
		t.Parallel()
		p := newPeople()
		p.write(t, func(w memory.Writer[person]) {
			for i := range 500 {
				w.Set(&person{i, fmt.Sprintf("%03d", i), i})
			}
			seen := 0
			for row := range w.Ascend(byID, nil) {
				seen++
				w.Delete(row)
				w.Set(&person{row.id + 1000, row.email, row.age})
			}
			if seen != 500 || w.Len() != 500 {
				t.Errorf("saw %d rows, left %d", seen, w.Len())
			}
		})
	})

	t.Run("refuses two rows in one place of an order", func(t *testing.T) {
		t.Parallel()
		p := newPeople()
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
			wantIDs(t, "after the panic", p.rows.Read(t.Context()).Ascend(byID, nil))
		}()
		p.write(t, func(w memory.Writer[person]) {
			w.Set(&person{1, "a", 30})
			w.Set(&person{2, "a", 30})
		})
	})

	t.Run("is one for all that ask for its name", func(t *testing.T) {
		t.Parallel()
		p := newPeople()
		if peopleTable(p.Store) != p.rows {
			t.Error("a second table of the same name")
		}
		defer func() {
			if recover() == nil {
				t.Error("no panic for another row type")
			}
		}()
		memory.NewTable(p.Store, "people", memory.Index[note]{Name: "key", Less: func(a, b *note) bool { return a.key < b.key }})
	})

	t.Run("is a snapshot to readers outside, and the present to those inside", func(t *testing.T) {
		t.Parallel()
		p := newPeople()
		outside := t.Context()
		before := p.rows.Read(outside)
		_ = p.InTx(t.Context(), p.ws, func(ctx context.Context) error {
			inside := p.rows.Read(ctx)
			w, err := p.rows.Write(ctx, p.ws)
			if err != nil {
				t.Error(err)
			}
			w.Set(&person{1, "a", 30})
			wantIDs(t, "inside", inside.Ascend(byID, nil), 1)
			wantIDs(t, "outside", p.rows.Read(outside).Ascend(byID, nil))
			return nil
		})
		wantIDs(t, "before", before.Ascend(byID, nil))
		wantIDs(t, "after", p.rows.Read(t.Context()).Ascend(byID, nil), 1)
	})

	t.Run("takes no writes from a writer that outlived its transaction", func(t *testing.T) {
		t.Parallel()
		p := newPeople()
		var late memory.Writer[person]
		p.write(t, func(w memory.Writer[person]) { late = w })
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		late.Set(&person{1, "a", 30})
	})

	t.Run("is written for all workspaces in a shard's transaction alone", func(t *testing.T) {
		t.Parallel()
		p := newPeople()
		try := func(ctx context.Context) error {
			_, err := p.rows.WriteShard(ctx, engage.DefaultShard)
			return err
		}
		if err := p.InShard(t.Context(), engage.DefaultShard, try); err != nil {
			t.Error(err)
		}
		for _, err := range []error{try(t.Context()), p.InTx(t.Context(), p.ws, try)} {
			if !errors.Is(err, engage.ErrFailedPrecondition) {
				t.Errorf("got %v, want ErrFailedPrecondition", err)
			}
		}
	})
}

// A writer that rolls most of its work back never shows it to readers.
func TestReadersBesideAWriter(t *testing.T) {
	t.Parallel()
	p := newPeople()
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				view, ages := p.rows.Read(ctx), map[int]bool{}
				for row := range view.Ascend(byEmail, nil) {
					ages[row.age] = true
				}
				if len(ages) > 1 {
					t.Errorf("rows of several commits: %v", ages)
					return
				}
			}
		})
	}
	for round := range 300 {
		_ = p.InTx(t.Context(), p.ws, func(ctx context.Context) error {
			w, err := p.rows.Write(ctx, p.ws)
			if err != nil {
				return err
			}
			for i := range 50 {
				w.Set(&person{i, fmt.Sprint(i), round})
			}
			if round%3 != 0 {
				return errors.New("rolled back")
			}
			return nil
		})
	}
	cancel()
	readers.Wait()
	if row, ok := p.rows.Read(t.Context()).Get(byID, &person{}); !ok || row.age != 297 {
		t.Errorf("got %+v, want the last commit's", row)
	}
}

// Whatever the order of writes and rollbacks, every index holds the same rows.
func TestIndexesAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		p := newPeople()
		model := map[int]person{}
		for range rapid.IntRange(1, 5).Draw(rt, "transactions") {
			next := map[int]person{}
			for id, row := range model {
				next[id] = row
			}
			fails := rapid.Bool().Draw(rt, "fails")
			err := p.InTx(context.Background(), p.ws, func(ctx context.Context) error {
				w, err := p.rows.Write(ctx, p.ws)
				if err != nil {
					return err
				}
				for range rapid.IntRange(0, 20).Draw(rt, "writes") {
					row := person{id: rapid.IntRange(0, 9).Draw(rt, "id"), age: rapid.IntRange(0, 3).Draw(rt, "age")}
					row.email = fmt.Sprint(row.id, rapid.Bool().Draw(rt, "email"))
					if rapid.Bool().Draw(rt, "delete") {
						w.Delete(&row)
						delete(next, row.id)
						continue
					}
					w.Set(&row)
					next[row.id] = row
				}
				if fails {
					return errors.New("rolled back")
				}
				return nil
			})
			if fails != (err != nil) {
				rt.Fatal(err)
			}
			if !fails {
				model = next
			}
			view := p.rows.Read(context.Background())
			for _, index := range []string{byID, byEmail, byAge} {
				rows := slices.Collect(view.Ascend(index, nil))
				if len(rows) != len(model) {
					rt.Fatalf("%d rows by %s, want %d", len(rows), index, len(model))
				}
				for _, row := range rows {
					if *row != model[row.id] {
						rt.Fatalf("%+v by %s, want %+v", *row, index, model[row.id])
					}
				}
			}
		}
	})
}

// The log's warning about a cursor that holds nothing any more comes once.
func TestPruneReportsAbandonedCursors(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	clock, store := loggingStore(&out)
	ws := engage.WorkspaceID{1}
	for range 2 {
		err := store.InTx(t.Context(), ws, func(ctx context.Context) error { return store.Publish(ctx, ws, happened{}) })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Claim(t.Context(), engage.DefaultShard, "gone", "me", clock.Now(), 1, 1); err != nil {
			t.Fatal(err)
		}
		clock.Advance(memory.AbandonedAfter)
		if n, err := store.Prune(t.Context()); n != 1 || err != nil {
			t.Fatalf("pruned %d, %v; want 1", n, err)
		}
	}
	if got := bytes.Count(out.Bytes(), []byte("consumer=gone")); got != 1 {
		t.Errorf("%d warnings, want 1:\n%s", got, out.String())
	}
	if n, err := store.Prune(t.Context()); n != 0 || err != nil {
		t.Errorf("pruned %d, %v; want nothing", n, err)
	}
}
