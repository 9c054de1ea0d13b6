package kerneltest

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/go-engage/engage"
)

// transactionCases are the rules of one InTx.
var transactionCases = []testCase{
	{"commits when fn answers nil", func(t *testing.T, k *fixture) {
		k.commit(t, k.ws, func(ctx context.Context) error { return k.put(ctx, k.ws, "k", "v") })
		k.wantNotes(t, k.ws, map[string]string{"k": "v"})
		k.wantEvents(t, k.ws, "v")
		got, err := k.Notes.Get(t.Context(), k.ws, "k")
		if err != nil || got != "v" {
			t.Errorf("Get: %q, %v", got, err)
		}
	}},
	{"rolls back when fn answers an error, and answers it", func(t *testing.T, k *fixture) {
		k.commit(t, k.ws, func(ctx context.Context) error { return k.Notes.Put(ctx, k.ws, "old", "v") })
		err := k.Tx.InTx(t.Context(), k.ws, func(ctx context.Context) error {
			must(t, "put", k.put(ctx, k.ws, "new", "v"))
			must(t, "put", k.put(ctx, k.ws, "old", "changed"))
			return errOops
		})
		want(t, "InTx", err, errOops)
		k.wantNotes(t, k.ws, map[string]string{"old": "v"})
		k.wantEvents(t, k.ws)
	}},
	{"rolls back when fn panics, and goes on panicking", func(t *testing.T, k *fixture) {
		value := recovered(func() {
			_ = k.Tx.InTx(t.Context(), k.ws, func(ctx context.Context) error {
				must(t, "put", k.put(ctx, k.ws, "k", "v"))
				panic(errOops)
			})
		})
		if value != any(errOops) {
			t.Errorf("recovered %v, want %v", value, errOops)
		}
		k.wantNotes(t, k.ws, map[string]string{})
		k.wantEvents(t, k.ws)
		k.wantUsable(t)
	}},
	{"rolls back when fn ends its goroutine, as t.Fatal does", func(t *testing.T, k *fixture) {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = k.Tx.InTx(t.Context(), k.ws, func(ctx context.Context) error {
				if err := k.put(ctx, k.ws, "k", "v"); err != nil {
					t.Error(err)
				}
				runtime.Goexit()
				return nil
			})
			t.Error("InTx returned")
		}()
		<-ended
		k.wantNotes(t, k.ws, map[string]string{})
		k.wantEvents(t, k.ws)
		k.wantUsable(t)
	}},
	{"refuses the zero workspace", func(t *testing.T, k *fixture) {
		ran := false
		err := k.Tx.InTx(t.Context(), engage.WorkspaceID{}, func(context.Context) error {
			ran = true
			return nil
		})
		want(t, "InTx", err, engage.ErrInvalid)
		if ran {
			t.Error("fn ran")
		}
	}},
	{"reads what it wrote", func(t *testing.T, k *fixture) {
		k.commit(t, k.ws, func(ctx context.Context) error {
			must(t, "Put", k.Notes.Put(ctx, k.ws, "k", "1"))
			must(t, "Put", k.Notes.Put(ctx, k.ws, "k", "2"))
			got, err := k.Notes.Get(ctx, k.ws, "k")
			if err != nil || got != "2" {
				t.Errorf("Get: %q, %v", got, err)
			}
			k.wantNotesIn(ctx, t, k.ws, map[string]string{"k": "2"})
			return nil
		})
	}},
	{"is not seen from outside before it commits", func(t *testing.T, k *fixture) {
		k.commit(t, k.ws, func(ctx context.Context) error { return k.put(ctx, k.ws, "k", "old") })
		k.sequence(t)
		k.commit(t, k.ws, func(ctx context.Context) error {
			must(t, "put", k.put(ctx, k.ws, "k", "new"))
			must(t, "put", k.put(ctx, k.ws, "another", "new"))
			k.wantNotes(t, k.ws, map[string]string{"k": "old"})
			got, err := k.Log.Read(t.Context(), shard, engage.PartitionOf(k.ws), 0, 10)
			if err != nil || len(got) != 1 {
				t.Errorf("Read: %d slices, %v; want 1", len(got), err)
			}
			return nil
		})
		k.wantNotes(t, k.ws, map[string]string{"k": "new", "another": "new"})
	}},
	{"does not begin with a ctx that has ended", func(t *testing.T, k *fixture) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := k.Tx.InTx(ctx, k.ws, func(context.Context) error {
			t.Error("fn ran")
			return nil
		})
		want(t, "InTx", err, context.Canceled)
	}},
	{"rolls back when its ctx ends before the commit", func(t *testing.T, k *fixture) {
		outer, cancel := context.WithCancel(t.Context())
		err := k.Tx.InTx(outer, k.ws, func(ctx context.Context) error {
			must(t, "put", k.put(ctx, k.ws, "k", "v"))
			cancel()
			return nil
		})
		want(t, "InTx", err, context.Canceled)
		k.wantNotes(t, k.ws, map[string]string{})
		k.wantEvents(t, k.ws)
		k.wantUsable(t)
	}},
	{"beside others loses no write", func(t *testing.T, k *fixture) {
		const writers, each = 4, 25
		k.commit(t, k.ws, func(ctx context.Context) error {
			return errors.Join(k.Notes.Put(ctx, k.ws, "lock", ""), k.Notes.Put(ctx, k.ws, "n", "0"))
		})
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range each {
					if err := k.Tx.InTx(t.Context(), k.ws, k.count); err != nil {
						t.Errorf("InTx: %v", err)
					}
				}
			})
		}
		wg.Wait()
		k.wantNotes(t, k.ws, map[string]string{"lock": "", "n": strconv.Itoa(writers * each)})
	}},
}

// count adds one to a note under the lock of another, and publishes the sum.
func (k *fixture) count(ctx context.Context) error {
	if err := k.Notes.Put(ctx, k.ws, "lock", ""); err != nil {
		return err
	}
	text, err := k.Notes.Get(ctx, k.ws, "n")
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	return k.put(ctx, k.ws, "n", strconv.Itoa(n+1))
}

// wantUsable checks that a transaction that went wrong has let go of everything.
func (k *fixture) wantUsable(t *testing.T) {
	t.Helper()
	k.commit(t, k.ws, func(ctx context.Context) error { return k.put(ctx, k.ws, "afterwards", "v") })
	k.wantNotes(t, k.ws, map[string]string{"afterwards": "v"})
	k.wantEvents(t, k.ws, "v")
}
