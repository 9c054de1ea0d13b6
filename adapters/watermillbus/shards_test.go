package watermillbus_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/internal/testkit"
)

// halfLog is a log one of whose databases does not answer while down.
type halfLog struct {
	engage.EventLog
	down  engage.Shard
	asked int
}

func (l *halfLog) Claim(ctx context.Context, shard engage.Shard, consumer, owner string, now time.Time, lease time.Duration, limit int) ([]engage.Claim, error) {
	if shard == l.down {
		l.asked++
		return nil, &engage.Error{Code: engage.Unavailable, Op: "halfLog.Claim"}
	}
	return l.EventLog.Claim(ctx, shard, consumer, owner, now, lease, limit)
}

func TestADatabaseThatIsDownLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	clock := engage.NewManualClock(testkit.Start)
	east, west := testkit.SQLite(t), testkit.SQLite(t)
	ids := engage.NewIDSource(clock, nil)
	home := map[engage.WorkspaceID]engage.Shard{engage.WorkspaceID(ids.NewID()): "east", engage.WorkspaceID(ids.NewID()): "west"}
	store, err := bunstore.Open(t.Context(), bunstore.Config{
		Clock: clock,
		More:  []bunstore.Database{{Shard: "east", Write: east.Write, Read: east.Read}, {Shard: "west", Write: west.Write, Read: west.Read}},
		Resolve: func(_ context.Context, ws engage.WorkspaceID) (engage.Shard, error) {
			return home[ws], nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	log := &halfLog{EventLog: store.Log(), down: "east"}
	b := &bundle{tx: store, events: store, log: log, clock: clock, sequence: func(t testing.TB) {
		if _, err := store.Sequence(t.Context()); err != nil {
			t.Fatal(err)
		}
	}}
	seen := map[engage.Shard]int{}
	consumer := engage.NewConsumer("counter")
	engage.On(consumer, func(_ context.Context, ws engage.WorkspaceID, events []engage.Received[counted]) error {
		seen[home[ws]] += len(events)
		return nil
	})
	runner := newRunner(t, b.config(), consumer)
	for round := range 3 {
		for ws := range home {
			b.publish(t, ws, round*10+1, round*10+10)
		}
		if n, err := runner.Step(t.Context()); n != 10 || err != nil {
			t.Errorf("passed %d events, %v; want those of the west", n, err)
		}
	}
	if log.asked != 1 {
		t.Errorf("the database that is down was asked %d times at once", log.asked)
	}
	clock.Advance(time.Second)
	if n, err := runner.Step(t.Context()); n != 0 || !errors.Is(err, engage.ErrUnavailable) {
		t.Errorf("passed %d events, %v; want the error", n, err)
	}
	log.down = ""
	clock.Advance(time.Minute)
	if n, err := drain(t, runner); n != 30 || err != nil || seen["east"] != 30 || seen["west"] != 30 {
		t.Errorf("passed %d events, %v; seen %v", n, err, seen)
	}
}
