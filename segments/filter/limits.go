package filter

import "time"

// Limits of a filter. A filter is written by a tenant and evaluated for every
// contact, so each bound keeps one tenant's filter from costing another's time.
const (
	// MaxBytes bounds a document, as read and as written: a filter travels in
	// events and rows, and the largest seen in comparable products is 20 KiB.
	MaxBytes = 64 << 10
	// MaxDepth bounds the nesting of all, any, none and not, and of an event's
	// where below its event. Five levels are in use elsewhere; ten keep every
	// recursion and every compiled statement shallow.
	MaxDepth = 10
	// MaxNodes bounds the conditions of a filter, boolean ones included: each
	// may become a part of one SQL statement.
	MaxNodes = 500
	// MaxValues bounds the literals of one set. Longer ones are lists or tags.
	MaxValues = 500
	// MaxKey bounds, in bytes, keys, event names, ids and salts: natural keys
	// have 255 bytes in every store.
	MaxKey = 255
	// MaxText bounds a text literal, in bytes.
	MaxText = 1024
	// MaxPattern bounds a regular expression or a like pattern, in bytes: a
	// match costs pattern times text.
	MaxPattern = 256
	// MaxPatterns bounds the regular expressions of a filter: each is compiled
	// whenever the filter is read, the worst in 0.7 ms.
	MaxPatterns = 50
	// MaxPath bounds the steps of a path into a JSON value.
	MaxPath = 8
	// MaxDigits bounds the digits of a number, before and after the point
	// together: the widest decimal that all supported databases hold is longer.
	MaxDigits = 38
	// MaxCount bounds counts, lengths and sizes.
	MaxCount = 1_000_000
	// MaxWindow bounds a rolling window: 3,660 days, ten years. Longer ones are
	// absolute, or ever.
	MaxWindow = 3660 * 24 * time.Hour
	// MaxUnits bounds the number of calendar units in a span or window.
	MaxUnits = 1000
	// MinYear and MaxYear bound dates and instants: four digits in every store.
	MinYear = 1000
	MaxYear = 9999
	// MaxBucket is the number of buckets, so a bucket is a hundredth of a percent.
	MaxBucket = 10_000
	// maxNesting bounds the JSON of a document, which is deeper than its
	// conditions: two levels a condition, and some for a leaf.
	maxNesting = 64
)
