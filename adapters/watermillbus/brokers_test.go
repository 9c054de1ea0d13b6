package watermillbus_test

import (
	"context"
	cryptorand "crypto/rand"
	"flag"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/amqpbus"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/natsbus"
	"github.com/go-engage/engage/adapters/redisbus"
	"github.com/go-engage/engage/adapters/watermillbus"
	"github.com/go-engage/engage/internal/testkit/brokers"
)

// Relays are tested with so many events, or by command with a hundred thousand:
//
//	go test ./adapters/watermillbus -run TestBrokers -engage.relayed 100000 -timeout 30m
var relayed = flag.Int("engage.relayed", 0, "events relayed through each broker; 0: 3000, or 1000 with -short")

func relayedEvents() int {
	switch {
	case *relayed > 0:
		return *relayed
	case testing.Short():
		return 1000
	default:
		return 3000
	}
}

// transport is a way from a relay to receivers. What it opens ends with the test.
type transport struct {
	name string
	// open answers a publisher and a maker of subscribers, and what disturbs
	// both: nil, or a restart of the broker, or a cut of all connections.
	open func(t *testing.T, lanes watermillbus.Lanes) wire
}

type wire struct {
	publisher message.Publisher
	subscribe func(group string) (message.Subscriber, error)
	disturb   func(t *testing.T)
}

// transports are all there are: JetStream, Redis Streams and AMQP, and the two
// that need no broker.
var transports = []transport{
	{"nats", overNATS}, {"redis", overRedis}, {"amqp", overAMQP}, {"gochannel", overGoChannel}, {"another log", overALog},
}

// overNATS restarts a server of the test's own, and cuts connections to the one
// that the environment names.
func overNATS(t *testing.T, _ watermillbus.Lanes) wire {
	own := brokers.OwnNATS(t)
	conn, err := nats.Connect(own.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.ReconnectBufSize(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	cfg := natsbus.Config{JetStream: js}
	publisher, err := natsbus.NewPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return wire{
		publisher: publisher,
		subscribe: func(group string) (message.Subscriber, error) {
			return natsbus.NewSubscriber(natsbus.SubscriberConfig{Config: cfg, Group: group, AckWait: time.Second})
		},
		disturb: func(t *testing.T) {
			if err := own.Restart(); err != nil {
				t.Error(err)
			}
		},
	}
}

func overRedis(t *testing.T, _ watermillbus.Lanes) wire {
	own := brokers.OwnRedis(t)
	client := redis.NewClient(&redis.Options{Addr: own.Addr(), PoolSize: 100})
	t.Cleanup(func() { _ = client.Close() })
	cfg := redisbus.Config{Client: client, ClaimIdle: time.Second, MaxLen: -1}
	publisher, err := redisbus.NewPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return wire{
		publisher: publisher,
		subscribe: func(group string) (message.Subscriber, error) { return redisbus.NewSubscriber(cfg, group) },
		disturb: func(t *testing.T) {
			if err := own.Restart(); err != nil {
				t.Error(err)
			}
		},
	}
}

// overAMQP cuts connections: a restart would hit whoever else uses the broker.
func overAMQP(t *testing.T, lanes watermillbus.Lanes) wire {
	uri, err := url.Parse(brokers.AMQP(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeQueues(t, uri.String(), lanes) })
	way := brokers.NewProxy(t, uri.Host)
	through := *uri
	through.Host = way.Addr()
	cfg := amqpbus.Config{URI: engage.NewSecret(through.String())}
	publisher, err := amqpbus.NewPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = publisher.Close() })
	return wire{
		publisher: publisher,
		subscribe: func(group string) (message.Subscriber, error) {
			return amqpbus.NewSubscriber(amqpbus.SubscriberConfig{Config: cfg, Group: group})
		},
		disturb: func(*testing.T) { way.Cut() },
	}
}

// removeQueues leaves a broker as it was.
func removeQueues(t *testing.T, uri string, lanes watermillbus.Lanes) {
	conn, err := amqp.Dial(uri)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	channel, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range lanes.Names() {
		if _, err := channel.QueueDelete(amqpbus.Queue(topic, "adder"), false, false, false); err != nil {
			t.Error(err)
		}
		if err := channel.ExchangeDelete(topic, false, false); err != nil {
			t.Error(err)
		}
	}
}

func overGoChannel(t *testing.T, _ watermillbus.Lanes) wire {
	channel := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, watermillbus.Logger(nil))
	t.Cleanup(func() { _ = channel.Close() })
	return wire{
		publisher: channel,
		subscribe: func(string) (message.Subscriber, error) { return keptOpen{channel}, nil },
	}
}

// keptOpen is a subscriber that several share.
type keptOpen struct{ message.Subscriber }

func (keptOpen) Close() error { return nil }

// overALog carries slices as events of another log.
func overALog(t *testing.T, _ watermillbus.Lanes) wire {
	other := memory.New(memory.Config{})
	publisher, err := watermillbus.NewPublisher(watermillbus.PublisherConfig{Tx: other, Events: other})
	if err != nil {
		t.Fatal(err)
	}
	return wire{
		publisher: publisher,
		subscribe: func(group string) (message.Subscriber, error) {
			return watermillbus.NewSubscriber(watermillbus.SubscriberConfig{
				Config: watermillbus.Config{Tx: other, Log: other, Grace: 100 * time.Millisecond, Backoff: soon}, Group: group,
			})
		},
	}
}

func soon(int) time.Duration { return 5 * time.Millisecond }

// chaotic disturbs what it publishes: a fifth twice, a fifth behind the next one,
// a twentieth not at all.
type chaotic struct {
	message.Publisher
	mu     sync.Mutex
	random *rand.Rand
	held   map[string]*message.Message
}

func newChaos(to message.Publisher) *chaotic {
	return &chaotic{Publisher: to, random: rand.New(rand.NewPCG(*seed, 2)), held: map[string]*message.Message{}}
}

func (c *chaotic) Publish(topic string, messages ...*message.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*message.Message
	for _, msg := range messages {
		held := c.held[topic]
		delete(c.held, topic)
		switch dice := c.random.IntN(100); {
		case dice < 20:
			out = append(out, msg, msg.Copy())
		case dice < 40 && held == nil:
			c.held[topic] = msg
		case dice < 45:
		default:
			out = append(out, msg)
		}
		if held != nil {
			out = append(out, held)
		}
	}
	return c.Publisher.Publish(topic, out...)
}

// relayTest is one run of events from writers over a transport into effects.
type relayTest struct {
	*bundle
	tenants []engage.WorkspaceID
	total   int
	lanes   watermillbus.Lanes
	sweep   time.Duration
	next    map[engage.WorkspaceID]int
	written int

	counts  counts
	handled atomic.Int64
	at      map[int64]chan struct{} // closed when so many effects are committed
	check   func(ws engage.WorkspaceID, n int) error
}

// counts are the telemetry's, by their names and attributes.
type counts struct {
	mu     sync.Mutex
	counts map[string]int64
}

func (*counts) Record(context.Context, string, float64, ...string) {}

func (*counts) Span(ctx context.Context, _ string, _ ...string) (context.Context, func(error)) {
	return ctx, func(error) {}
}

func (c *counts) Count(_ context.Context, name string, n int64, attributes ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int64{}
	}
	c.counts[name+" "+strings.Join(attributes, " ")] += n
}

func (c *counts) of(name string) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[name]
}

const (
	fromBroker = "engage.watermillbus.consumed consumer adder from broker"
	fromLog    = "engage.watermillbus.consumed consumer adder from log"
)

func newRelayTest(total int) *relayTest {
	clock := engage.SystemClock{}
	store := memory.New(memory.Config{Clock: clock})
	b := &bundle{tx: store, events: store, log: store, effects: newMemoryEffects(store), marks: memory.NewMarks(store), sequence: func(testing.TB) {}, ids: engage.NewIDSource(clock, nil)}
	r := &relayTest{
		bundle: b, tenants: b.workspaces(40), total: total, lanes: watermillbus.Lanes{Topic: "test-" + cryptorand.Text()}, next: map[engage.WorkspaceID]int{},
		at: map[int64]chan struct{}{},
	}
	// Longer than the relay lags behind the writers: sweeps are for what is lost.
	r.sweep = 2*time.Second + time.Duration(total)*200*time.Microsecond
	for _, n := range []int{total / 3, total / 2, total} {
		r.at[int64(n)] = make(chan struct{})
	}
	return r
}

// config is that of every worker here.
func (r *relayTest) config() watermillbus.Config {
	return watermillbus.Config{Tx: r.tx, Log: r.log, Backoff: soon, Grace: time.Second, Telemetry: &r.counts}
}

// write commits transactions of 1 to 20 events until the total is reached.
func (r *relayTest) write(t *testing.T) {
	t.Helper()
	random := rand.New(rand.NewPCG(*seed, 3))
	for r.written < r.total {
		ws := r.tenants[random.IntN(len(r.tenants))]
		n := min(1+random.IntN(20), r.total-r.written)
		r.publish(t, ws, r.next[ws]+1, r.next[ws]+n)
		r.next[ws] += n
		r.written += n
	}
}

// consumer writes effects, and says when some are committed.
func (r *relayTest) consumer() *engage.Consumer {
	consumer := engage.NewConsumer("adder")
	engage.On(consumer, func(ctx context.Context, ws engage.WorkspaceID, events []engage.Received[counted]) error {
		for _, e := range events {
			if err := r.effects.Add(ctx, ws, e.Payload.N); err != nil {
				return err
			}
			if r.check != nil {
				if err := r.check(ws, e.Payload.N); err != nil {
					return err
				}
			}
			if err := r.tx.AfterCommit(ctx, r.committed); err != nil {
				return err
			}
		}
		return nil
	})
	return consumer
}

func (r *relayTest) committed() {
	if reached := r.at[r.handled.Add(1)]; reached != nil {
		close(reached)
	}
}

// process is a program that relays and receives, until it is stopped.
func (r *relayTest) process(t *testing.T, via wire) (stop func()) {
	t.Helper()
	relay, err := watermillbus.NewRelay(watermillbus.RelayConfig{Config: r.config(), Publisher: via.publisher, Lanes: r.lanes})
	if err != nil {
		t.Fatal(err)
	}
	receivers, err := watermillbus.NewReceivers(watermillbus.ReceiverConfig{
		Config: r.config(), Marks: r.marks, Open: via.subscribe, Sweep: r.sweep, Lanes: r.lanes,
	}, r.consumer())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, worker := range append(receivers.Workers(), relay) {
		running.Go(func() {
			if err := worker.Run(ctx); err != nil {
				t.Errorf("%s: %v", worker.Name(), err)
			}
		})
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// await waits until so many effects are committed.
func (r *relayTest) await(t *testing.T, n int) {
	t.Helper()
	limit := time.NewTimer(time.Minute + time.Duration(r.total)*5*time.Millisecond)
	defer limit.Stop()
	select {
	case <-r.at[int64(n)]:
	case <-limit.C:
		t.Fatalf("%d of %d effects after a long time", r.handled.Load(), n)
	}
}

// finish relays what the processes left, which their receivers had from the log.
func (r *relayTest) finish(t *testing.T, via wire) {
	t.Helper()
	relay, err := watermillbus.NewRelay(watermillbus.RelayConfig{Config: r.config(), Publisher: via.publisher, Lanes: r.lanes})
	if err != nil {
		t.Fatal(err)
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for range 1000 {
		_, err = drain(t, relay) // the broker may still be starting
		backlog, backlogErr := r.log.Backlog(t.Context(), shard, relay.Name())
		if err == nil && backlogErr == nil && backlog.Slices == 0 {
			return
		}
		<-again.C
	}
	t.Errorf("the relay does not come to an end: %v", err)
}

// wantOnceInOrder compares the effects with what was written.
func (r *relayTest) wantOnceInOrder(t *testing.T) {
	t.Helper()
	for _, ws := range r.tenants {
		r.wantEffects(t, ws, upTo(1, r.next[ws]))
	}
	r.wantBacklog(t, "watermillbus.relay", 0, 0)
	r.wantNothingParked(t)
}

// TestBrokersKeepEffectsOnceAndInOrder relays through each transport, with two
// processes that share the work, while messages are doubled, reordered and
// dropped, the broker restarts at a third of the events, and at half of them one
// process ends and another begins.
func TestBrokersKeepEffectsOnceAndInOrder(t *testing.T) {
	t.Parallel()
	for _, transport := range transports {
		t.Run(transport.name, func(t *testing.T) {
			t.Parallel()
			r := newRelayTest(relayedEvents())
			via := transport.open(t, r.lanes)
			disturb := func() {
				if via.disturb != nil {
					via.disturb(t)
				}
			}
			via.publisher = newChaos(via.publisher)
			began := time.Now()
			first, second := r.process(t, via), r.process(t, via)
			r.write(t)
			r.await(t, r.total/3)
			disturb()
			r.await(t, r.total/2)
			first()
			third := r.process(t, via)
			disturb()
			r.await(t, r.total)
			second()
			third()
			r.finish(t, via)
			r.wantOnceInOrder(t)
			t.Logf("%d events of %d workspaces in %v: %d effects, %d events from the broker and %d from the log",
				r.total, len(r.tenants), time.Since(began).Round(time.Millisecond), r.handled.Load(), r.counts.of(fromBroker), r.counts.of(fromLog))
		})
	}
}

// TestBrokersCarryAllWhenNothingFails holds transports to their work: without
// disturbances, a receiver alone reads nothing from the log.
func TestBrokersCarryAllWhenNothingFails(t *testing.T) {
	t.Parallel()
	for _, transport := range transports {
		t.Run(transport.name, func(t *testing.T) {
			t.Parallel()
			r := newRelayTest(1000)
			r.sweep = time.Hour
			via := transport.open(t, r.lanes)
			if group, err := via.subscribe("adder"); err != nil {
				t.Fatal(err)
			} else if queues, ok := group.(message.SubscribeInitializer); ok { // AMQP keeps nothing without one
				for _, topic := range r.lanes.Names() {
					if err := queues.SubscribeInitialize(topic); err != nil {
						t.Fatal(err)
					}
				}
				if err := group.Close(); err != nil {
					t.Error(err)
				}
			}
			stop := r.process(t, via)
			r.write(t)
			r.await(t, r.total)
			stop()
			r.finish(t, via)
			r.wantOnceInOrder(t)
			if n := r.counts.of(fromLog); n > 0 && transport.name != "gochannel" { // which keeps no order
				t.Errorf("%d of %d events were read from the log", n, r.total)
			}
		})
	}
}
