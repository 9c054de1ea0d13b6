package memory

import (
	"context"
	"errors"
	"reflect"
	"runtime"

	"github.com/go-engage/engage"
)

var errOuterContext = errors.New("this goroutine is in a transaction that ctx does not carry: " +
	"the ctx from outside was used where fn's was meant, and would wait for itself")

// lock waits until no transaction is open, or ctx ends. A goroutine that holds
// the transaction it would wait for is refused.
func (s *Store) lock(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.writer <- struct{}{}:
		return nil
	default:
	}
	if transactionsOnStack() > transactionsIn(ctx) {
		return fault(engage.FailedPrecondition, op, "", errOuterContext)
	}
	select {
	case s.writer <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) unlock() { <-s.writer }

// transactionsIn counts the open transactions in ctx, over all stores.
func transactionsIn(ctx context.Context) int {
	n := 0
	sc, _ := ctx.Value(scopeKey{}).(*scope)
	for ; sc != nil; sc = sc.enclosing {
		if !sc.nested && !sc.finished.Load() {
			n++
		}
	}
	return n
}

// transactionsOnStack counts the open transactions that this goroutine runs. It
// is asked only where a caller would have to wait, because it takes some
// microseconds.
func transactionsOnStack() int {
	pcs := make([]uintptr, 64)
	filled := runtime.Callers(2, pcs)
	for filled == len(pcs) {
		pcs = make([]uintptr, 2*len(pcs))
		filled = runtime.Callers(2, pcs)
	}
	n := 0
	for frames := runtime.CallersFrames(pcs[:filled]); ; {
		frame, more := frames.Next()
		if frame.Entry == holdEntry {
			n++
		}
		if !more {
			return n
		}
	}
}

var holdEntry = reflect.ValueOf((*tx).hold).Pointer()
