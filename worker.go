package engage

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Worker is a piece of background work that a host runs, alone or among others,
// in any process.
type Worker interface {
	// Name tells the worker from others in logs and metrics.
	Name() string
	// Run works until ctx ends, finishes what it holds, and answers nil; it
	// answers an error only when it can't go on. It may be called again.
	Run(ctx context.Context) error
}

// How often a Loop looks for work: MinPoll while it finds some, up to MaxPoll
// when idle, MaxBackoff after repeated errors.
const (
	MinPoll    = 50 * time.Millisecond
	MaxPoll    = time.Second
	MaxBackoff = time.Hour
)

// Loop is a Worker that repeats a step: at once while the step finds a full
// batch, and less often the longer there is nothing to do. A panic in the step
// is an error of that step. Errors are logged and retried with full jitter.
type Loop struct {
	name string
	step func(ctx context.Context) (int, error)
	log  *slog.Logger
	poke chan struct{}

	mu    sync.Mutex
	stats LoopStats
	ready bool
}

// LoopStats is what a Loop has done since it was made.
type LoopStats struct {
	Steps  int64 // calls of the step
	Items  int64 // items the step reported
	Errors int64 // steps that failed
	Last   error // of the last step; nil when it succeeded
}

// NewLoop makes a worker of a step, which answers how many items it worked on.
// A nil log discards.
func NewLoop(name string, log *slog.Logger, step func(ctx context.Context) (int, error)) *Loop {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Loop{name: name, step: step, log: log, poke: make(chan struct{}, 1)}
}

// Name is the worker's name.
func (l *Loop) Name() string { return l.name }

// Poke makes an idle loop look for work now. It never blocks.
func (l *Loop) Poke() {
	select {
	case l.poke <- struct{}{}:
	default:
	}
}

// Ready reports whether the loop has finished a step without an error.
func (l *Loop) Ready() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ready
}

// Stats is what the loop has done.
func (l *Loop) Stats() LoopStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// Step runs the step once, as Run would; tests drive workers with it.
func (l *Loop) Step(ctx context.Context) (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = PanicError("worker "+l.name, p)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.stats.Steps++
		l.stats.Items += int64(n)
		l.stats.Last = err
		if err != nil {
			l.stats.Errors++
		} else {
			l.ready = true
		}
	}()
	return l.step(ctx)
}

// Run repeats the step until ctx ends. A step in progress sees ctx end and
// returns what it holds.
func (l *Loop) Run(ctx context.Context) error {
	failures, idle := 0, MinPoll
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.poke:
		case <-timer.C:
		}
		n, err := l.Step(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			failures++
			wait := Backoff(failures)
			l.log.ErrorContext(ctx, "worker failed", "op", l.name, "attempt", failures, "retry_in", wait, "err", err)
			timer.Reset(wait)
		case n > 0:
			failures, idle = 0, MinPoll
			timer.Reset(0)
		default:
			failures = 0
			timer.Reset(idle)
			idle = min(idle*2, MaxPoll)
		}
	}
}

// Backoff is the wait before the next attempt after a number of failures:
// uniform between 0 and 1 s × 2^(attempt-1), at most MaxBackoff (full jitter).
func Backoff(attempt int) time.Duration {
	if attempt < 1 {
		return 0
	}
	ceiling := MaxBackoff
	if attempt < 13 {
		ceiling = min(time.Second<<(attempt-1), MaxBackoff)
	}
	return rand.N(ceiling) //nolint:gosec // jitter needs no secrecy
}
