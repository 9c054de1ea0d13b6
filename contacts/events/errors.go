package events

import (
	"fmt"
	"time"
)

// OverloadError is the cause of a Collector's ErrResourceExhausted: it has more
// to write than it may hold. Nothing of the call was taken. Edges answer 429 or
// 503 with Retry-After.
type OverloadError struct {
	// RetryAfter is the time in which what waits will be written, at the pace of
	// the last transaction; from 1 to 30 s.
	RetryAfter time.Duration
}

// Error names the wait.
func (e *OverloadError) Error() string {
	return fmt.Sprintf("the queue is full; try again after %s", e.RetryAfter)
}

// item is the path of a field of a batch's item.
func item(i int, field string) string { return fmt.Sprintf("[%d].%s", i, field) }
