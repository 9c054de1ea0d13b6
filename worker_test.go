package engage_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-engage/engage"
)

// steps is a step that notes when it was called, and answers from a script.
type steps struct {
	began  time.Time
	at     []time.Duration
	answer func(n int) (int, error)
}

func (s *steps) step(context.Context) (int, error) {
	s.at = append(s.at, time.Since(s.began))
	return s.answer(len(s.at))
}

// looping runs a loop in a bubble until fn has returned.
func looping(t *testing.T, answer func(n int) (int, error), fn func(t *testing.T, loop *engage.Loop, s *steps)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &steps{began: time.Now(), answer: answer}
		loop := engage.NewLoop("test.loop", nil, s.step)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- loop.Run(ctx) }()
		synctest.Wait()
		fn(t, loop, s)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run answered %v", err)
		}
	})
}

// idle is a step that finds nothing.
func idle(int) (int, error) { return 0, nil }

func TestALoop(t *testing.T) {
	t.Parallel()
	t.Run("looks less and less often while there is nothing to do", func(t *testing.T) {
		t.Parallel()
		looping(t, idle, func(t *testing.T, _ *engage.Loop, s *steps) {
			time.Sleep(10 * time.Second)
			synctest.Wait()
			for i, want := range []int64{0, 50, 150, 350, 750, 1550, 2550, 3550} {
				if s.at[i].Milliseconds() != want {
					t.Fatalf("steps at %v", s.at)
				}
			}
		})
	})
	t.Run("goes on at once while it finds work", func(t *testing.T) {
		t.Parallel()
		looping(t, func(n int) (int, error) {
			if n <= 100 {
				return 10, nil
			}
			return 0, nil
		}, func(t *testing.T, loop *engage.Loop, s *steps) {
			if len(s.at) != 101 || s.at[100] != 0 {
				t.Errorf("%d steps until %v", len(s.at), s.at[len(s.at)-1])
			}
			if got := loop.Stats(); got != (engage.LoopStats{Steps: 101, Items: 1000}) || !loop.Ready() {
				t.Errorf("%+v", got)
			}
		})
	})
	t.Run("looks at once when it is poked, and a poke never blocks", func(t *testing.T) {
		t.Parallel()
		looping(t, idle, func(t *testing.T, loop *engage.Loop, s *steps) {
			time.Sleep(5*time.Second + 7*time.Millisecond)
			synctest.Wait()
			before := len(s.at)
			for range 100 {
				loop.Poke()
			}
			synctest.Wait()
			if n := len(s.at) - before; n < 1 || n > 2 || s.at[len(s.at)-1] != 5*time.Second+7*time.Millisecond {
				t.Errorf("%d steps, the last at %v", n, s.at[len(s.at)-1])
			}
		})
	})
	t.Run("backs off after errors, and comes back to its pace", func(t *testing.T) {
		t.Parallel()
		looping(t, func(n int) (int, error) {
			if n <= 3 {
				return 0, engage.ErrUnavailable
			}
			return 0, nil
		}, func(t *testing.T, loop *engage.Loop, s *steps) {
			if loop.Ready() {
				t.Error("ready after an error")
			}
			if got := loop.Stats(); got.Errors != 1 || !errors.Is(got.Last, engage.ErrUnavailable) {
				t.Errorf("%+v", got)
			}
			time.Sleep(8 * time.Second)
			synctest.Wait()
			for i, most := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
				if wait := s.at[i+1] - s.at[i]; wait > most {
					t.Errorf("waited %v after %d errors", wait, i+1)
				}
			}
			if s.at[4]-s.at[3] != engage.MinPoll || !loop.Ready() || loop.Stats().Last != nil {
				t.Errorf("steps at %v", s.at)
			}
		})
	})
	t.Run("takes a panic for an error of its step", func(t *testing.T) {
		t.Parallel()
		looping(t, func(n int) (int, error) {
			if n == 1 {
				panic("boom")
			}
			return 0, nil
		}, func(t *testing.T, loop *engage.Loop, _ *steps) {
			if got := loop.Stats(); got.Errors != 1 || !errors.Is(got.Last, engage.ErrInternal) || !strings.Contains(got.Last.Error(), "boom") {
				t.Errorf("%+v", got)
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if !loop.Ready() {
				t.Error("did not go on")
			}
		})
	})
	t.Run("ends when its ctx does, without an error, and may run again", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			entered, n := make(chan struct{}), 0
			loop := engage.NewLoop("test.loop", slog.New(slog.NewTextHandler(&log, nil)), func(ctx context.Context) (int, error) {
				n++
				close(entered)
				<-ctx.Done() // a step sees the end, and gives back what it holds
				return 1, ctx.Err()
			})
			for range 2 {
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- loop.Run(ctx) }()
				<-entered
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				entered = make(chan struct{})
			}
			if n != 2 || log.Len() > 0 {
				t.Errorf("%d steps, log %s", n, &log)
			}
		})
	})
	t.Run("logs what failed", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			ctx, cancel := context.WithCancel(t.Context())
			loop := engage.NewLoop("test.loop", slog.New(slog.NewTextHandler(&log, nil)), func(context.Context) (int, error) { return 0, engage.ErrUnavailable })
			ended := make(chan error)
			go func() { ended <- loop.Run(ctx) }()
			synctest.Wait()
			cancel()
			if err := <-ended; err != nil || !strings.Contains(log.String(), "op=test.loop attempt=1") || loop.Name() != "test.loop" {
				t.Errorf("%v, %s", err, &log)
			}
		})
	})
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	t.Run("is drawn between nothing and twice the last bound, up to an hour", func(t *testing.T) {
		t.Parallel()
		if got := engage.Backoff(0); got != 0 {
			t.Errorf("%v before the first failure", got)
		}
		if got := engage.Backoff(-5); got != 0 {
			t.Errorf("%v before the first failure", got)
		}
		for attempt, bound := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 12: 2048 * time.Second, 13: time.Hour, 64: time.Hour, 1 << 30: time.Hour} {
			var most time.Duration
			for range 2000 {
				got := engage.Backoff(attempt)
				if got < 0 || got >= bound {
					t.Fatalf("%v after %d failures", got, attempt)
				}
				most = max(most, got)
			}
			if most < bound/2 {
				t.Errorf("no more than %v after %d failures", most, attempt)
			}
		}
	})
}
