package plans

import "time"

const (
	// MaxPlans is the number of plans that an installation offers, the ones that
	// are no longer sold among them.
	MaxPlans = 1000
	// MaxMeters is the number of meters: what a page of a price list holds.
	MaxMeters = 100
	// MaxWordBytes is the length of a plan's id and of a meter.
	MaxWordBytes = 64
	// MaxRefBytes is the length of a billing provider's reference.
	MaxRefBytes = 255
	// MaxAmount is the largest allowance, and the most that one call counts: a
	// hundred times of it still fits into 64 bits.
	MaxAmount int64 = 1_000_000_000_000_000
	// MarkLife is how long an addition that names a key is known again: longer
	// than any event is delivered again.
	MarkLife = 7 * 24 * time.Hour
	// pruned is the number of marks that a transaction removes.
	pruned = 1000
	// between is how often the worker looks for marks to remove.
	between = time.Hour
)
