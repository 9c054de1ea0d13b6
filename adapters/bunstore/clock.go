package bunstore

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// measureEvery is how often Clock compares itself with the database: a machine's
// clock that drifts by a second an hour is then off by 8 ms.
const measureEvery = 30 * time.Second

// Clock is the database's time: the machine's monotonic clock plus an offset
// that its worker measures every 30 seconds. So the leases and schedules of all
// processes agree, whatever their machines' clocks say, and reading it costs no
// statement.
type Clock struct {
	db     *bun.DB
	start  time.Time // carries the monotonic reading
	offset atomic.Int64
	last   atomic.Int64 // of the monotonic clock, when measured
	loop   *engage.Loop
}

var _ engage.Clock = (*Clock)(nil)

// NewClock makes the clock of a database and measures it once.
func NewClock(ctx context.Context, db *bun.DB) (*Clock, error) {
	c := &Clock{db: db, start: time.Now()}
	if err := c.measure(ctx); err != nil {
		return nil, MapError(ctx, "bunstore.NewClock", "", err)
	}
	c.loop = engage.NewLoop("bunstore.clock", nil, func(ctx context.Context) (int, error) {
		if time.Since(c.start)-time.Duration(c.last.Load()) < measureEvery {
			return 0, nil
		}
		return 0, c.measure(ctx)
	})
	return c, nil
}

// Now is the database's time.
func (c *Clock) Now() time.Time {
	return engage.Instant(c.start.Add(time.Since(c.start) + time.Duration(c.offset.Load())))
}

// Worker measures the offset. Without it the clock keeps the first one.
func (c *Clock) Worker() engage.Worker { return c.loop }

var clockQuery = map[Dialect]string{
	// SQLite runs in the process and tells milliseconds alone: its clock is the
	// machine's.
	PostgreSQL: "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
	MariaDB:    "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)",
}

// measure asks the database for its time and takes the middle of the question
// and its answer as the moment it was told.
func (c *Clock) measure(ctx context.Context) error {
	asked := time.Since(c.start)
	if query, ok := clockQuery[DialectOf(c.db)]; ok {
		var micros int64
		if err := c.db.QueryRowContext(ctx, query).Scan(&micros); err != nil {
			return err
		}
		middle := (asked + time.Since(c.start)) / 2
		c.offset.Store(int64(time.UnixMicro(micros).Sub(c.start.Add(middle).Round(0))))
	}
	c.last.Store(int64(asked))
	return nil
}
