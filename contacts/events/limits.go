package events

import "time"

const (
	// MaxNameBytes is the length of an event's name.
	MaxNameBytes = 200
	// MaxMessageIDBytes is the length of a client's message id.
	MaxMessageIDBytes = 200
	// MaxPropertiesBytes is the size of an event's properties, as stock clients
	// limit a whole event.
	MaxPropertiesBytes = 32 << 10

	// A Collector commits what it holds after collectFor, or as soon as it holds
	// collectRows rows or collectBytes bytes, whichever comes first.
	collectFor   = 5 * time.Millisecond
	collectRows  = 1000
	collectBytes = 1 << 20
	// collectQueue is how many calls wait in front of a Collector before it
	// refuses more.
	collectQueue = 4096
	// collectWait is how long what waits may take to write before a Collector
	// refuses more: callers are edges, whose clients wait.
	collectWait = 200 * time.Millisecond
	// collectQueueBytes bounds the events that are taken and not yet written: with
	// their parsed properties they fill about three times as much memory.
	collectQueueBytes = 32 << 20
	// Whoever was refused is asked to come again after minRetryAfter at least, the
	// smallest that Retry-After can say.
	minRetryAfter = time.Second
	maxRetryAfter = 30 * time.Second
)
