package memory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
)

func TestTheOuterContextInsideATransaction(t *testing.T) {
	t.Parallel()
	ws := engage.WorkspaceID{1}

	t.Run("is refused instead of waiting for itself", func(t *testing.T) {
		t.Parallel()
		store := memory.New(memory.Config{})
		outer := t.Context()
		err := store.InTx(outer, ws, func(context.Context) error {
			return store.InTx(outer, ws, func(context.Context) error { return nil })
		})
		if !errors.Is(err, engage.ErrFailedPrecondition) {
			t.Fatalf("got %v, want ErrFailedPrecondition", err)
		}
		if err := store.InTx(outer, ws, func(context.Context) error { return nil }); err != nil {
			t.Fatalf("the store is stuck: %v", err)
		}
	})

	t.Run("is refused by ports that begin their own transaction", func(t *testing.T) {
		t.Parallel()
		store := memory.New(memory.Config{})
		outer := t.Context()
		err := store.InTx(outer, ws, func(context.Context) error {
			_, err := store.ClaimParked(outer, engage.DefaultShard, "c", time.Time{}, 1, 1)
			return err
		})
		if !errors.Is(err, engage.ErrFailedPrecondition) {
			t.Fatalf("got %v, want ErrFailedPrecondition", err)
		}
	})

	t.Run("of one store may begin a transaction of another", func(t *testing.T) {
		t.Parallel()
		one, two := memory.New(memory.Config{}), memory.New(memory.Config{})
		held, free := make(chan struct{}), make(chan struct{})
		done := make(chan error, 1)
		go func() {
			done <- two.InTx(t.Context(), ws, func(context.Context) error {
				close(held)
				<-free
				return nil
			})
		}()
		<-held
		err := one.InTx(t.Context(), ws, func(ctx context.Context) error {
			close(free)
			return two.InTx(ctx, ws, func(ctx context.Context) error {
				return one.InTx(ctx, ws, func(context.Context) error { return nil })
			})
		})
		if err := errors.Join(err, <-done); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("of another goroutine waits until its ctx ends", func(t *testing.T) {
		t.Parallel()
		store := memory.New(memory.Config{})
		held, free := make(chan struct{}), make(chan struct{})
		done := make(chan error, 1)
		go func() {
			done <- store.InTx(t.Context(), ws, func(context.Context) error {
				close(held)
				<-free
				return nil
			})
		}()
		<-held
		waiting, cancel := context.WithCancel(t.Context())
		go cancel()
		err := store.InTx(waiting, ws, func(context.Context) error { return nil })
		close(free)
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want context.Canceled", err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}
