package stack

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/health"
	"github.com/go-engage/engage/contacts/events"
)

// Stats is what a platform does and what waits for it, for dashboards and
// alarms. The workers' part is of this process alone; the rest is of the
// installation.
type Stats struct {
	Workers   []WorkerStats
	Collector events.CollectorStats
	Consumers []ConsumerStats
	Pools     []bunstore.Pool // none in memory
	Due       []DueStats      // none in memory
}

// WorkerStats is what one worker has done since it was made. The collector,
// whose statistics are others, has Name and Ready alone.
type WorkerStats struct {
	Name  string
	Ready bool // it has done a step without an error, or the collector takes events
	engage.LoopStats
}

// ConsumerStats is how far a consumer is behind on one database.
type ConsumerStats struct {
	Consumer string
	Shard    engage.Shard
	engage.Backlog
}

// Lag is how late the consumer's effects are, in the partition that waits the
// longest.
func (c ConsumerStats) Lag(now time.Time) time.Duration {
	if c.Oldest.IsZero() {
		return 0
	}
	return max(0, now.Sub(c.Oldest))
}

// DueStats is the oldest row that a worker should have taken by its Since, or
// will take then.
type DueStats struct {
	Worker string    // as "automation.runs"
	Since  time.Time // zero: nothing waits
}

// consumerWorker is what the workers of consumers are called, before their
// consumer's name.
const consumerWorker = "watermillbus.consumer."

// Stats asks everything for its state. It costs two statements a consumer and
// three more, none of which reads more than indexes of what waits.
func (p *Platform) Stats(ctx context.Context) (Stats, error) {
	stats := Stats{Collector: p.Collector.Stats()}
	shards, err := p.Tx.Shards(ctx)
	if err != nil {
		return Stats{}, err
	}
	for _, w := range p.Workers() {
		one := WorkerStats{Name: w.Name()}
		if r, ok := w.(interface{ Ready() bool }); ok {
			one.Ready = r.Ready()
		}
		if s, ok := w.(interface{ Stats() engage.LoopStats }); ok {
			one.LoopStats = s.Stats()
		}
		stats.Workers = append(stats.Workers, one)
		consumer, ok := strings.CutPrefix(one.Name, consumerWorker)
		if !ok {
			continue
		}
		for _, shard := range shards {
			backlog, err := p.Log.Backlog(ctx, shard, consumer)
			if err != nil {
				return Stats{}, err
			}
			stats.Consumers = append(stats.Consumers, ConsumerStats{consumer, shard, backlog})
		}
	}
	if p.SQL != nil {
		stats.Pools = p.SQL.Pools()
		stats.Due, err = p.due(ctx)
	}
	return stats, err
}

// dueRows find the oldest row that each worker of a domain waits for. MariaDB
// has no partial indexes, so they name what makes the search short.
var dueRows = []struct{ worker, query string }{
	{"automation.runs", "SELECT MIN(claim_at) FROM engage_automation_runs WHERE claim_at IS NOT NULL"},
	{"segments.timers", "SELECT MIN(w.due_at) FROM (SELECT MIN(due_at) AS due_at FROM engage_segments_members WHERE due_at IS NOT NULL GROUP BY workspace_id) AS w"},
	{"messaging.dispatcher", "SELECT MIN(claim_at) FROM engage_messaging_messages WHERE state IN ('planned', 'intended') AND claim_at IS NOT NULL"},
}

func (p *Platform) due(ctx context.Context) ([]DueStats, error) {
	all := make([]DueStats, len(dueRows))
	for i, row := range dueRows {
		var since bunstore.Micros
		if err := p.Database.NewRaw(row.query).Scan(ctx, &since); err != nil {
			return nil, bunstore.MapError(ctx, "stack.Stats", row.worker, err)
		}
		all[i] = DueStats{row.worker, since.Time()}
	}
	return all, nil
}

// Ready answers nil when the platform can serve: its database answers and is
// migrated. Whether this process runs workers is another matter (Stats).
func (p *Platform) Ready(ctx context.Context) error {
	if p.SQL == nil {
		return nil
	}
	pending, err := p.SQL.Pending(ctx, Schemas()...)
	if err != nil {
		return err
	}
	if len(pending) > 0 {
		return &engage.Error{Code: engage.FailedPrecondition, Op: "stack.Ready", Entity: pending[0].String() + " is pending: run Migrate"}
	}
	return nil
}

// Health makes the handler of /healthz and /readyz, with the host's own checks
// after the platform's; a nil log discards. A process ends in this order, so that nothing that was
// acknowledged is lost and nobody waits for nothing:
//
//  1. Drain of the handler: /readyz says no, and no more requests are sent here.
//  2. Shutdown of the http.Server: the callers there are get their answers, the
//     collector's among them.
//  3. The end of Run's ctx: workers claim nothing more and finish what they
//     hold, the collector writes what it took, leases are given back; then Run
//     answers.
//  4. Close: the pools go.
func (p *Platform) Health(log *slog.Logger, checks ...health.Check) *health.Handler {
	return health.New(log, append([]health.Check{{Name: "database", Run: p.Ready}}, checks...)...)
}
