package watermillbus

import "time"

// The defaults of Config, and the limits that can't be set.
const (
	// DefaultLease is how long a claim on a partition lasts without progress:
	// another process goes on with a dead one's partitions after it.
	DefaultLease = 15 * time.Second
	// DefaultGrace is how long a transaction in progress may go on once the
	// worker's ctx has ended. It is shorter than the lease.
	DefaultGrace = 10 * time.Second
	// DefaultPartitions is how many of the 64 partitions a step claims, so that
	// replicas share them.
	DefaultPartitions = 16
	// DefaultSlices is how many slices are read at once from a partition: at
	// most 4,000 events and 2 MiB.
	DefaultSlices = 8
	// DefaultEvents is how many events make a transaction large enough: slices
	// are added to it until it holds as many. A transaction's own cost is below
	// a twentieth of the handlers' from here on.
	DefaultEvents = 1000
	// DefaultParked is how many parked events a step tries again.
	DefaultParked = 50

	// DefaultSweep is after how long Receivers no longer wait for a broker. A
	// sweep reads 64 rows at most when nothing is late.
	DefaultSweep = time.Minute
	// MarkWindow is how long the marks of Receivers are kept: longer than a
	// broker repeats a message that was not acknowledged.
	MarkWindow = 7 * 24 * time.Hour

	// MaxFailures is how often a partition is tried again after errors that
	// pass by themselves (engage.ErrUnavailable). From then on they count as
	// the event's own, which is parked, so that it does not hold up the other
	// workspaces of its partition for ever.
	MaxFailures = 10
	// MaxHold is the longest pause between those tries.
	MaxHold = time.Minute

	// maxStep is how many events a step consumes before it gives its partitions
	// back, so that others, which wait longer, come first.
	maxStep = 8000
	// maxTaken is how many slices a transaction holds, however few of their
	// events the consumer knows.
	maxTaken = 512
	// markEvery is how many slices without events for a consumer share a mark.
	markEvery = 64
	// maxLinks is how many traces a span links to: as many as OpenTelemetry's
	// SDK keeps.
	maxLinks = 128
	// releaseTimeout bounds the last statement of a worker that is stopping.
	releaseTimeout = 5 * time.Second
)
