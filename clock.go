package engage

import (
	"sync"
	"time"
)

// Clock tells the time. Nothing in the suite reads the system's clock but
// SystemClock, and no SQL statement reads one. Now answers UTC instants of
// whole microseconds, the precision that every store keeps.
type Clock interface{ Now() time.Time }

// SystemClock is the machine's clock.
type SystemClock struct{}

// Now is the current instant.
func (SystemClock) Now() time.Time { return Instant(time.Now()) }

// Instant is t in UTC, cut to whole microseconds, without a monotonic reading.
// Services pass every time they are given through it.
func Instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// ManualClock stands still until a test moves it. It is safe for concurrent use.
type ManualClock struct {
	mu  sync.Mutex
	now time.Time
}

// NewManualClock starts a clock at an instant.
func NewManualClock(start time.Time) *ManualClock { return &ManualClock{now: Instant(start)} }

// Now is the instant the clock stands at.
func (c *ManualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock by d, which may be negative: clocks do jump back.
func (c *ManualClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = Instant(c.now.Add(d))
}
