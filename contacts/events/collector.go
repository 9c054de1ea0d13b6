package events

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/go-engage/engage"
)

// Collector gathers the events of concurrent callers, over workspaces, into one
// transaction: for 5 ms, 1,000 events or 1 MiB, whichever comes first. Callers
// are answered after the commit. It takes nothing before Run and after its end.
type Collector struct {
	events *Service
	calls  chan *call

	mu      sync.Mutex
	running int
	rows    int           // of the calls that are taken and not answered
	bytes   int           // of the same
	took    time.Duration // the last transaction
	stats   CollectorStats
}

// CollectorStats is what a Collector has done since it was made.
type CollectorStats struct {
	Calls        int64 // answered calls
	Events       int64 // events of them that were written or found to be there
	Transactions int64
	Refused      int64 // calls refused because the queue was full
	Waiting      int   // events of calls that are not answered yet
	Bytes        int   // of the same, about
}

type call struct {
	ws       engage.WorkspaceID
	events   []Event
	bytes    int
	appended []Appended
	err      error
	done     chan struct{}
}

// NewCollector makes a collector in front of a service. One collector a process
// is enough; each Run is one writer.
func NewCollector(events *Service) *Collector {
	return &Collector{events: events, calls: make(chan *call, collectQueue)}
}

// Name is the worker's name.
func (c *Collector) Name() string { return "contacts.collector" }

// Ready reports whether a Run takes calls.
func (c *Collector) Ready() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running > 0
}

// Stats is what the collector has done.
func (c *Collector) Stats() CollectorStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	stats := c.stats
	stats.Waiting, stats.Bytes = c.rows, c.bytes
	return stats
}

// Append hands events over, at most engage.MaxBatch, and answers after their
// commit, as Service.Append does. ctx must carry no transaction. Without a Run
// it answers ErrUnavailable; with a full queue ErrResourceExhausted around an
// *OverloadError, and nothing was taken: it is full with 4,096 calls, 32 MiB, or
// more than a batch that will not be written within 200 ms, for a caller who
// waits is better told to come later. When ctx ends first, the events may or may not be written: send
// them again under the same message ids.
func (c *Collector) Append(ctx context.Context, ws engage.WorkspaceID, inputs ...Input) ([]Appended, error) {
	const op = "events.Collector"
	if err := engage.CheckCall(op, ws, 0); err != nil {
		return nil, err
	}
	if len(inputs) > engage.MaxBatch {
		var faults engage.Faults
		faults.Add("events", "too_many", "%d, at most %d", len(inputs), engage.MaxBatch)
		return nil, faults.Err(op, "")
	}
	if err := c.overloaded(op); err != nil {
		c.events.rt.Telemetry.Count(ctx, "engage.events.refused", 1)
		return nil, err // before the work of preparing what will not be taken
	}
	events, err := c.events.prepare(inputs)
	if err != nil || len(events) == 0 {
		return nil, err
	}
	waiting := &call{ws: ws, events: events, done: make(chan struct{})}
	for _, e := range events {
		waiting.bytes += len(e.Name) + len(e.Properties.String()) + 64
	}
	if err := c.enqueue(op, waiting); err != nil {
		c.events.rt.Telemetry.Count(ctx, "engage.events.refused", 1)
		return nil, err
	}
	select {
	case <-waiting.done:
		return waiting.appended, waiting.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// enqueue holds the mutex, so that no call enters after the last Run has drained
// the queue.
func (c *Collector) enqueue(op string, waiting *call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == 0 {
		return &engage.Error{Code: engage.Unavailable, Op: op, Entity: "no Run takes events"}
	}
	// A call that is larger than the queue is taken when it is alone.
	if !c.late() && (c.rows == 0 || c.bytes+waiting.bytes <= collectQueueBytes) {
		select {
		case c.calls <- waiting:
			c.rows += len(waiting.events)
			c.bytes += waiting.bytes
			return nil
		default:
		}
	}
	return c.refuse(op)
}

// overloaded refuses a call whose callers would wait too long.
func (c *Collector) overloaded(op string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running > 0 && c.late() {
		return c.refuse(op)
	}
	return nil
}

// wait is how long what waits will take to write, at the pace of the last
// transaction.
func (c *Collector) wait() time.Duration { return c.took * time.Duration(c.rows) / collectRows }

func (c *Collector) late() bool { return c.rows > collectRows && c.wait() > collectWait }

func (c *Collector) refuse(op string) error {
	c.stats.Refused++
	after := min(max(c.wait(), minRetryAfter), maxRetryAfter)
	return &engage.Error{Code: engage.ResourceExhausted, Op: op, Err: &OverloadError{RetryAfter: after}}
}

// Run takes calls until ctx ends, then writes those that still wait.
func (c *Collector) Run(ctx context.Context) error {
	c.mu.Lock()
	c.running++
	c.mu.Unlock()
	// What was accepted is written even though ctx has ended.
	work := context.WithoutCancel(ctx)
	var first *call
	for {
		if first == nil {
			select {
			case first = <-c.calls:
			case <-ctx.Done():
				return c.drain(work)
			}
		}
		var batch []*call
		batch, first = c.gather(first, collectFor)
		c.commit(work, batch)
	}
}

// drain ends a Run; the last one to end writes what is queued.
func (c *Collector) drain(ctx context.Context) error {
	c.mu.Lock()
	c.running--
	last := c.running == 0
	c.mu.Unlock()
	for last {
		select {
		case next := <-c.calls:
			for next != nil {
				var batch []*call
				batch, next = c.gather(next, 0)
				c.commit(ctx, batch)
			}
		default:
			return nil
		}
	}
	return nil
}

// gather adds to the first call what else comes within a time, and answers the
// call that no longer fitted: a batch is one statement a workspace, for two
// could deadlock with another writer's two.
func (c *Collector) gather(first *call, within time.Duration) (batch []*call, next *call) {
	batch, rows, bytes := []*call{first}, len(first.events), first.bytes
	timer := time.NewTimer(within)
	defer timer.Stop()
	for rows < collectRows && bytes < collectBytes {
		var waiting *call
		select {
		case waiting = <-c.calls: // what is there is taken even when the time is over
		default:
			select {
			case waiting = <-c.calls:
			case <-timer.C:
				return batch, nil
			}
		}
		if rows+len(waiting.events) > engage.MaxBatch {
			return batch, waiting
		}
		batch = append(batch, waiting)
		rows, bytes = rows+len(waiting.events), bytes+waiting.bytes
	}
	return batch, nil
}

// commit writes a batch, a transaction a database, and answers its calls.
func (c *Collector) commit(ctx context.Context, batch []*call) {
	began := c.events.rt.Clock.Now()
	shards, err := c.events.rt.Tx.Shards(ctx)
	if err == nil && len(shards) == 1 {
		c.write(ctx, shards[0], batch)
	} else {
		// With several databases each workspace is a transaction of its own.
		for ws, calls := range byWorkspace(batch) {
			c.settle(calls, c.events.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
				return c.writeWorkspace(ctx, ws, calls)
			}))
		}
	}
	took := c.events.rt.Clock.Now().Sub(began)
	c.events.rt.Telemetry.Record(ctx, "engage.events.collect.duration", took.Seconds())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Transactions++
	c.took = took
	for _, one := range batch {
		c.stats.Calls++
		c.rows -= len(one.events)
		c.bytes -= one.bytes
		c.stats.Events += int64(len(one.appended))
		close(one.done)
	}
}

// write commits calls together. When that fails, the calls are tried in halves,
// so that one caller's fault stays with that caller.
func (c *Collector) write(ctx context.Context, shard engage.Shard, calls []*call) {
	err := c.events.rt.Tx.InShard(ctx, shard, func(ctx context.Context) error {
		if c.events.across.given() {
			return c.events.writeAcross(ctx, shard, calls)
		}
		for ws, mine := range byWorkspace(calls) {
			if err := c.events.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
				return c.writeWorkspace(ctx, ws, mine)
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && len(calls) > 1 {
		c.write(ctx, shard, calls[:len(calls)/2])
		c.write(ctx, shard, calls[len(calls)/2:])
		return
	}
	if err != nil || !c.events.across.given() {
		c.settle(calls, err)
	}
}

func (c *Collector) settle(calls []*call, err error) {
	for _, one := range calls {
		if one.err = err; err != nil {
			one.appended = nil
		}
	}
}

func (c *Collector) writeWorkspace(ctx context.Context, ws engage.WorkspaceID, calls []*call) error {
	var events []Event
	for _, one := range calls {
		events = append(events, one.events...)
	}
	appended, err := c.events.write(ctx, ws, events)
	if err != nil {
		return err
	}
	for _, one := range calls {
		one.appended, appended = appended[:len(one.events):len(one.events)], appended[len(one.events):]
	}
	return nil
}

// byWorkspace yields the calls of each workspace, in the order of their ids, so
// that all collectors write in one order.
func byWorkspace(calls []*call) func(yield func(engage.WorkspaceID, []*call) bool) {
	return func(yield func(engage.WorkspaceID, []*call) bool) {
		groups := map[engage.WorkspaceID][]*call{}
		var order []engage.WorkspaceID
		for _, one := range calls {
			if groups[one.ws] == nil {
				order = append(order, one.ws)
			}
			groups[one.ws] = append(groups[one.ws], one)
		}
		slices.SortFunc(order, engage.WorkspaceID.Compare)
		for _, ws := range order {
			if !yield(ws, groups[ws]) {
				return
			}
		}
	}
}
