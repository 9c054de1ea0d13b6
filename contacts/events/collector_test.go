package events_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
)

// collectorBundle is a collector whose Run goes on until stop.
type collectorBundle struct {
	*testBundle
	collector *events.Collector
	callers   sync.WaitGroup
	cancel    context.CancelFunc
	ended     chan error
}

// collecting runs fn beside a collector, in a bubble whose clock moves when all
// of it waits.
func collecting(t *testing.T, fn func(b *collectorBundle)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &collectorBundle{testBundle: setup(t)}
		b.collector = events.NewCollector(b.service)
		fn(b)
	})
}

func (b *collectorBundle) run() {
	b.t.Helper()
	var ctx context.Context
	ctx, b.cancel = context.WithCancel(b.ctx)
	b.ended = make(chan error, 1)
	go func() { b.ended <- b.collector.Run(ctx) }()
	synctest.Wait()
}

// stop ends Run and waits for it.
func (b *collectorBundle) stop() {
	b.t.Helper()
	b.cancel()
	b.no(<-b.ended)
}

// answer is what a caller of the collector got.
type answer struct {
	appended []events.Appended
	err      error
}

// call appends in a goroutine and answers where the answer will stand.
func (b *collectorBundle) call(ws engage.WorkspaceID, inputs ...events.Input) *answer {
	a := &answer{}
	b.callers.Go(func() { a.appended, a.err = b.collector.Append(b.ctx, ws, inputs...) })
	return a
}

func TestCollector(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		does string
		test func(b *collectorBundle)
	}{
		{"gathers concurrent callers into one transaction and answers after its commit", func(b *collectorBundle) {
			b.run()
			began := time.Now()
			var answers []*answer
			for i := range 10 {
				answers = append(answers, b.call(b.ws, b.did(fmt.Sprint(i), ""), b.did(fmt.Sprint(i), "")))
			}
			synctest.Wait() // all have come, and no time has passed
			b.same(len(b.stored(b.ws)), 0)
			b.same(b.collector.Stats().Calls, int64(0))
			b.callers.Wait()
			b.same(time.Since(began), 5*time.Millisecond)
			for _, a := range answers {
				b.no(a.err)
				b.same(len(a.appended), 2)
			}
			b.same(len(b.stored(b.ws)), 20)
			b.same(b.collector.Stats(), events.CollectorStats{Calls: 10, Events: 20, Transactions: 1})
			b.stop()
		}},
		{"does not wait for more once a batch is full", func(b *collectorBundle) {
			b.run()
			began := time.Now()
			inputs := make([]events.Input, engage.MaxBatch)
			for i := range inputs {
				inputs[i] = b.did("a", fmt.Sprint(i))
			}
			a := b.call(b.ws, inputs...)
			b.callers.Wait()
			b.no(a.err)
			b.same(time.Since(began), time.Duration(0))
			b.stop()
		}},
		{"never puts more than a batch into one statement", func(b *collectorBundle) {
			b.run()
			for i := range 3 {
				inputs := make([]events.Input, 600)
				for j := range inputs {
					inputs[j] = b.did("a", fmt.Sprint(i, j))
				}
				b.call(b.ws, inputs...)
			}
			b.callers.Wait()
			b.same(b.collector.Stats(), events.CollectorStats{Calls: 3, Events: 1800, Transactions: 3})
			b.stop()
		}},
		{"writes several workspaces in one transaction, and keeps them apart", func(b *collectorBundle) {
			b.run()
			mine := b.call(b.ws, b.did("mine", "m-1"))
			theirs := b.call(b.other, events.Input{ContactID: b.bea, Name: "theirs", MessageID: "m-1"})
			b.callers.Wait()
			b.no(errors.Join(mine.err, theirs.err))
			b.same([][]string{b.stored(b.ws), b.stored(b.other)}, [][]string{{"mine"}, {"theirs"}})
			b.same(b.collector.Stats().Transactions, int64(1))
			b.stop()
		}},
		{"counts a message once when two callers send it together", func(b *collectorBundle) {
			b.run()
			one, two := b.call(b.ws, b.did("a", "m-1")), b.call(b.ws, b.did("a", "m-1"))
			b.callers.Wait()
			b.no(errors.Join(one.err, two.err))
			b.same(one.appended[0].Duplicate != two.appended[0].Duplicate, true)
			b.same(b.stored(b.ws), []string{"a"})
			b.stop()
		}},
		{"fails a bad caller alone", func(b *collectorBundle) {
			b.run()
			var good []*answer
			for i := range 5 {
				good = append(good, b.call(b.ws, b.did(fmt.Sprint(i), "")))
			}
			stranger := b.call(b.ws, b.did("a", ""), events.Input{ContactID: b.bea, Name: "a"})
			zero := b.call(engage.WorkspaceID{}, b.did("a", ""))
			faulty := b.call(b.ws, events.Input{})
			large := b.call(b.ws, make([]events.Input, engage.MaxBatch+1)...)
			good = append(good, b.call(b.other, events.Input{ContactID: b.bea, Name: "theirs"}))
			b.callers.Wait()
			for _, a := range good {
				b.no(a.err)
				b.same(len(a.appended), 1)
			}
			b.code(stranger.err, engage.NotFound, "[1].contact_id")
			b.code(zero.err, engage.Invalid)
			b.code(faulty.err, engage.Invalid, "[0].name", "[0].contact_id")
			b.code(large.err, engage.Invalid, "events")
			b.same(len(stranger.appended), 0)
			b.same(b.stored(b.ws), []string{"0", "1", "2", "3", "4"})
			b.stop()
		}},
		{"refuses callers when its queue is full, and takes nothing of theirs", func(b *collectorBundle) {
			gate := &gated{Transactor: b.store, open: make(chan struct{})}
			b.deps.Runtime.Tx = gate
			b.configure()
			b.collector = events.NewCollector(b.service)
			b.run()
			first := b.call(b.ws, b.did("first", ""))
			gate.waitFor() // the transaction is stuck
			queue := 0
			for ; b.collector.Stats().Refused == 0; queue++ {
				b.call(b.ws, b.did("queued", ""))
				synctest.Wait()
			}
			refused := b.call(b.ws, b.did("refused", ""))
			synctest.Wait()
			b.code(refused.err, engage.ResourceExhausted)
			close(gate.open)
			b.callers.Wait()
			b.no(first.err)
			b.same(len(b.stored(b.ws)), queue) // the first one and all but the last
			b.same(b.collector.Stats().Refused, int64(2))
			b.stop()
		}},
		{"refuses what would fill the memory, and says when to come again", func(b *collectorBundle) {
			gate := &gated{Transactor: b.store, open: make(chan struct{})}
			b.deps.Runtime.Tx = gate
			b.configure()
			b.collector = events.NewCollector(b.service)
			b.run()
			large := func(name string) *answer {
				inputs := make([]events.Input, 500) // 15 MiB
				for i := range inputs {
					inputs[i] = b.did(name, "")
					inputs[i].Properties = attribute.Object(map[string]attribute.Value{"text": attribute.String(long(30 << 10))})
				}
				return b.call(b.ws, inputs...)
			}
			var answers []*answer
			for _, name := range []string{"written", "queued", "refused"} {
				answers = append(answers, large(name))
				synctest.Wait()
			}
			b.same(answers[2].err != nil, true)
			b.code(answers[2].err, engage.ResourceExhausted)
			overload, ok := errors.AsType[*events.OverloadError](answers[2].err)
			b.same(ok && overload.RetryAfter == time.Second, true)
			b.same(b.collector.Stats().Bytes > 2*500*30<<10, true)
			small := b.call(b.ws, b.did("small", "")) // what fits is taken
			synctest.Wait()
			b.no(small.err)
			close(gate.open)
			b.callers.Wait()
			b.no(errors.Join(answers[0].err, answers[1].err, small.err))
			b.same(len(b.stored(b.ws)), 1001)
			b.same(b.collector.Stats().Bytes, 0)
			b.stop()
		}},
		{"refuses those who would wait long at the pace of its last transaction", func(b *collectorBundle) {
			slow := &paced{Transactor: b.store, clock: b.clock, takes: 2 * time.Second}
			b.deps.Runtime.Tx = slow
			b.configure()
			b.collector = events.NewCollector(b.service)
			b.run()
			first := b.call(b.ws, b.did("first", ""))
			b.callers.Wait()
			b.no(first.err)
			slow.open = make(chan struct{})
			taken := 0
			for ; b.collector.Stats().Refused == 0; taken++ {
				b.call(b.ws, b.did("queued", ""))
				synctest.Wait()
			}
			// A batch may always wait, and the call that comes behind it.
			b.same(taken-1, 1001)
			b.same(b.collector.Stats().Waiting, 1001)
			_, err := b.collector.Append(b.ctx, b.ws, b.did("refused", ""))
			overload, ok := errors.AsType[*events.OverloadError](err)
			b.same(ok && overload.RetryAfter == 2002*time.Millisecond, true)
			close(slow.open)
			b.callers.Wait()
			b.same(len(b.stored(b.ws)), 1002)
			b.stop()
		}},
		{"loses nothing that it accepted when it is stopped", func(b *collectorBundle) {
			b.run()
			var answers []*answer
			for i := range 2500 {
				answers = append(answers, b.call(b.ws, b.did("a", fmt.Sprint(i))))
			}
			synctest.Wait()
			b.stop()
			b.callers.Wait()
			for _, a := range answers {
				b.no(a.err)
			}
			b.same(len(b.stored(b.ws)), 2500)
			_, err := b.collector.Append(b.ctx, b.ws, b.did("late", ""))
			b.code(err, engage.Unavailable)
		}},
		{"takes nothing before Run, and runs again", func(b *collectorBundle) {
			_, err := b.collector.Append(b.ctx, b.ws, b.did("early", ""))
			b.code(err, engage.Unavailable)
			b.same(b.collector.Ready(), false)
			for i := range 2 {
				b.run()
				b.same(b.collector.Ready(), true)
				a := b.call(b.ws, b.did(fmt.Sprint(i), ""))
				b.callers.Wait()
				b.no(a.err)
				b.stop()
				b.same(b.collector.Ready(), false)
			}
			b.same(b.stored(b.ws), []string{"0", "1"})
		}},
		{"lets a caller go whose ctx ends", func(b *collectorBundle) {
			gate := &gated{Transactor: b.store, open: make(chan struct{})}
			b.deps.Runtime.Tx = gate
			b.configure()
			b.collector = events.NewCollector(b.service)
			b.run()
			ctx, cancel := context.WithCancel(b.ctx)
			gone := make(chan error, 1)
			go func() {
				_, err := b.collector.Append(ctx, b.ws, b.did("a", "m-1"))
				gone <- err
			}()
			gate.waitFor()
			cancel()
			if err := <-gone; !errors.Is(err, context.Canceled) {
				b.t.Fatal(err)
			}
			close(gate.open)
			b.stop()
			b.same(b.append(b.did("a", "m-1"))[0].Duplicate, true) // sent again, it counts once
		}},
		{"answers a failed transaction to its callers and goes on", func(b *collectorBundle) {
			broken := &gated{Transactor: b.store, failures: 1}
			b.deps.Runtime.Tx = broken
			b.configure()
			b.collector = events.NewCollector(b.service)
			b.run()
			a := b.call(b.ws, b.did("a", "m-1"))
			b.callers.Wait()
			b.code(a.err, engage.Unavailable)
			a = b.call(b.ws, b.did("a", "m-1"))
			b.callers.Wait()
			b.no(a.err)
			b.same(a.appended[0].Duplicate, false)
			b.stop()
		}},
		{"gives each workspace a transaction where there are several databases", func(b *collectorBundle) {
			b.deps.Runtime.Tx = twoDatabases{b.store}
			b.configure()
			b.collector = events.NewCollector(b.service)
			b.run()
			mine, theirs := b.call(b.ws, b.did("mine", "")), b.call(b.other, events.Input{ContactID: contacts.ID{9}, Name: "theirs"})
			b.callers.Wait()
			b.no(mine.err)
			b.code(theirs.err, engage.NotFound, "[0].contact_id")
			b.same(b.stored(b.ws), []string{"mine"})
			b.stop()
		}},
		{"answers nothing for nothing", func(b *collectorBundle) {
			got, err := b.collector.Append(b.ctx, b.ws)
			b.no(err)
			b.same(len(got), 0)
		}},
	} {
		t.Run(c.does, func(t *testing.T) {
			t.Parallel()
			collecting(t, c.test)
		})
	}
}

// gated is a transactor whose shard transactions wait, or fail some times.
type gated struct {
	engage.Transactor
	open     chan struct{} // nil: does not wait
	failures int
}

func (g *gated) InShard(ctx context.Context, shard engage.Shard, fn func(context.Context) error) error {
	if g.open != nil {
		<-g.open
	}
	if g.failures--; g.failures >= 0 {
		return &engage.Error{Code: engage.Unavailable, Op: "test.InShard"}
	}
	return g.Transactor.InShard(ctx, shard, fn)
}

// paced is a transactor whose shard transactions take some time by the clock,
// and wait once there is something to wait for.
type paced struct {
	engage.Transactor
	clock *engage.ManualClock
	takes time.Duration
	open  chan struct{}
}

func (p *paced) InShard(ctx context.Context, shard engage.Shard, fn func(context.Context) error) error {
	if p.open != nil {
		<-p.open
	}
	p.clock.Advance(p.takes)
	return p.Transactor.InShard(ctx, shard, fn)
}

// waitFor returns when a transaction waits: 5 ms after its first caller came.
func (g *gated) waitFor() {
	time.Sleep(10 * time.Millisecond)
	synctest.Wait()
}

type twoDatabases struct{ engage.Transactor }

func (twoDatabases) Shards(context.Context) ([]engage.Shard, error) {
	return []engage.Shard{"one", "two"}, nil
}
