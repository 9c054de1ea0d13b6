package accounts

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-engage/engage"
)

// outside has no transaction.
type outside struct{ engage.Transactor }

func (outside) AfterCommit(context.Context, func()) error { return engage.ErrFailedPrecondition }

func TestCache(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	setup := func() (*engage.ManualClock, *cache[int, int], func(key, value int) int) {
		clock := engage.NewManualClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
		c := newCache[int, int](engage.Runtime{Clock: clock, Tx: outside{}})
		return clock, c, func(key, value int) int {
			got, err := c.get(ctx, key, func() (int, error) { return value, nil })
			if err != nil {
				t.Error(err)
			}
			return got
		}
	}

	t.Run("remembers an answer for less than five seconds after it was asked for", func(t *testing.T) {
		t.Parallel()
		clock, c, get := setup()
		_, err := c.get(ctx, 1, func() (int, error) {
			clock.Advance(2 * time.Second) // reading took that long
			return 10, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		clock.Advance(3*time.Second - time.Microsecond)
		if got := get(1, 11); got != 10 {
			t.Errorf("want the remembered answer, got %d", got)
		}
		clock.Advance(time.Microsecond)
		if got := get(1, 12); got != 12 {
			t.Errorf("want a new answer, got %d", got)
		}
	})

	t.Run("forgets answers of a future that a clock was set back from", func(t *testing.T) {
		t.Parallel()
		clock, _, get := setup()
		get(1, 10)
		clock.Advance(-time.Hour)
		if got := get(1, 11); got != 11 {
			t.Errorf("want a new answer, got %d", got)
		}
	})

	t.Run("remembers no errors", func(t *testing.T) {
		t.Parallel()
		_, c, get := setup()
		if _, err := c.get(ctx, 1, func() (int, error) { return 0, engage.ErrUnavailable }); !errors.Is(err, engage.ErrUnavailable) {
			t.Errorf("want the error of load, got %v", err)
		}
		if got := get(1, 11); got != 11 {
			t.Errorf("want a new answer, got %d", got)
		}
	})

	t.Run("holds a bounded number of answers, the newest among them", func(t *testing.T) {
		t.Parallel()
		_, c, get := setup()
		for key := range 3 * maxCached {
			get(key, key)
			if held := len(c.young) + len(c.older); held > maxCached {
				t.Fatalf("%d answers are held, at most %d", held, maxCached)
			}
		}
		for key := 3*maxCached - maxCached/2; key < 3*maxCached; key++ {
			if got := get(key, -1); got != key {
				t.Fatalf("answer %d is forgotten", key)
			}
		}
	})
}
