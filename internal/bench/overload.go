package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
)

// excess is how much more than its capacity the collector is offered.
const excess = 10

// startOverload offers the collector ten times what it has just been measured to
// write, in single events whose callers do not wait for each other, until n are
// accepted. It fails when another number is stored than was acknowledged.
func startOverload(ctx context.Context, store, dsn string) (sides, error) {
	p, err := platform(ctx, store, dsn)
	if err != nil {
		return sides{}, err
	}
	one := person{ws: engage.WorkspaceID(engage.NewIDSource(engage.SystemClock{}, nil).NewID())}
	identified, err := p.Contacts.Identify(ctx, one.ws, contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.UserID, Value: "one"}}})
	if err != nil {
		return sides{}, err
	}
	one.contact = identified[0].Contact.ID
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.Collector.Run(running) }()
	for !p.Collector.Ready() && running.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	o := &overload{platform: p, person: one}
	return sides{
		floor: o.capacity,
		ours:  o.flood,
		close: func() error {
			stop()
			return errors.Join(<-ended, p.Close())
		},
	}, nil
}

// overload is the load and what became of it.
type overload struct {
	platform *stack.Platform
	person   person

	rate     float64 // of capacity, events a second
	accepted atomic.Int64
	refused  atomic.Int64
	failed   atomic.Int64

	mu        sync.Mutex
	latencies []time.Duration // of a sample of those accepted
}

// capacity has as many callers as fill the collector's batches, who wait for
// their answers.
func (o *overload) capacity(ctx context.Context, n int) error {
	began, n := time.Now(), min(n, 20_000)
	if err := call(ctx, o.platform.Collector, []person{o.person}, n); err != nil {
		return err
	}
	o.rate = float64(n) / time.Since(began).Seconds()
	o.accepted.Add(int64(n))
	return nil
}

// flood starts calls by the clock, whatever becomes of those before.
func (o *overload) flood(ctx context.Context, n int) error {
	var (
		calls   sync.WaitGroup
		offered int
		highest uint64
		before  = [...]int64{o.accepted.Load(), o.refused.Load(), o.failed.Load()}
		began   = time.Now()
		tick    = time.NewTicker(time.Millisecond)
	)
	defer tick.Stop()
	o.latencies = nil
	for o.accepted.Load()-before[0] < int64(n) && ctx.Err() == nil {
		<-tick.C
		due := int(time.Since(began).Seconds() * o.rate * excess)
		// What this machine could not start in time is not caught up at once.
		for range min(due-offered, 2000) {
			calls.Go(func() { o.append(ctx) })
		}
		offered = due
		highest = max(highest, heap())
	}
	calls.Wait()
	took := time.Since(began)
	slices.Sort(o.latencies)
	accepted, refused := o.accepted.Load()-before[0], o.refused.Load()-before[1]
	fmt.Fprintf(os.Stderr, "overload: %s; capacity %.0f/s, offered %.1f times that; accepted %d, refused %d, failed %d; median %s, 99th percentile %s; heap at most %d MiB, %s\n",
		took.Round(time.Millisecond), o.rate, float64(accepted+refused)/took.Seconds()/o.rate, accepted, refused, o.failed.Load()-before[2],
		o.percentile(50), o.percentile(99), highest>>20, peak())
	return o.verify(ctx)
}

func (o *overload) append(ctx context.Context) {
	began := time.Now()
	_, err := o.platform.Collector.Append(ctx, o.person.ws, events.Input{ContactID: o.person.contact, Name: "seen"})
	overloaded, isOverload := errors.AsType[*events.OverloadError](err)
	switch {
	case err == nil:
		if o.accepted.Add(1)%16 == 0 {
			o.mu.Lock()
			o.latencies = append(o.latencies, time.Since(began))
			o.mu.Unlock()
		}
	case isOverload && overloaded.RetryAfter >= time.Second && errors.Is(err, engage.ErrResourceExhausted):
		o.refused.Add(1)
	default:
		o.failed.Add(1)
	}
}

// verify compares what callers were told with what the table holds.
func (o *overload) verify(ctx context.Context) error {
	var stored int64
	if err := o.platform.Database.NewRaw("SELECT COUNT(*) FROM engage_contacts_events").Scan(ctx, &stored); err != nil {
		return err
	}
	if accepted, failed := o.accepted.Load(), o.failed.Load(); stored != accepted || failed > 0 {
		return fmt.Errorf("%d events were acknowledged, %d are stored, %d calls failed otherwise", accepted, stored, failed)
	}
	return nil
}

func (o *overload) percentile(p int) time.Duration {
	if len(o.latencies) == 0 {
		return 0
	}
	return o.latencies[(len(o.latencies)-1)*p/100].Round(time.Millisecond)
}

// heap is what live and dead objects fill now.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// peak is the process's greatest resident size so far, as Linux tells it.
func peak() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "resident size unknown"
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return "resident at most " + strings.TrimSpace(value)
		}
	}
	return "resident size unknown"
}
