package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/amqpbus"
	"github.com/go-engage/engage/adapters/bunstore/bunmarks"
	"github.com/go-engage/engage/adapters/natsbus"
	"github.com/go-engage/engage/adapters/redisbus"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/adapters/watermillbus"
	"github.com/go-engage/engage/internal/testkit/brokers"
)

// way is a broker as a measurement uses it: through our adapters, and through a
// plain client.
type way struct {
	publisher message.Publisher
	subscribe func(group string) (message.Subscriber, error)
	plain     plainClient
	close     func() error
}

// plainClient publishes payloads, each stored when it returns, and consumes so many
// messages of the topics, acknowledging each.
type plainClient interface {
	publish(ctx context.Context, topic string, payloads [][]byte) error
	consume(ctx context.Context, topics []string, n int) error
}

// transports are the benchmarks of the brokers that there are: NATS in this
// process unless the environment names one, the others where it does.
func transports() []benchmark {
	type opener = func(ctx context.Context, topics []string) (way, error)
	names, open := []string{"nats"}, map[string]opener{"nats": overNATS, "redis": overRedis, "amqp": overAMQP}
	if os.Getenv(brokers.RedisEnv) != "" {
		names = append(names, "redis")
	}
	if os.Getenv(brokers.AMQPEnv) != "" {
		names = append(names, "amqp")
	}
	var all []benchmark
	for _, name := range names {
		all = append(all,
			benchmark{"relay-" + name, "events from the log into the broker (floor: the same slices by a plain client)", startRelayed(open[name], false), 100_000},
			benchmark{"receive-" + name, "events from the broker, decoded, with handler and mark (floor: the same slices by a plain client)", startRelayed(open[name], true), 100_000})
	}
	return all
}

func overNATS(_ context.Context, topics []string) (way, error) {
	url, stop := os.Getenv(brokers.NATSEnv), func() {}
	if url == "" {
		dir, err := os.MkdirTemp("", "bench-nats")
		if err != nil {
			return way{}, err
		}
		own, err := brokers.StartNATS(dir)
		if err != nil {
			return way{}, err
		}
		url, stop = own.URL(), func() { own.Stop(); _ = os.RemoveAll(dir) }
	}
	conn, err := nats.Connect(url)
	if err != nil {
		return way{}, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return way{}, err
	}
	name := topics[0]
	cfg := natsbus.Config{JetStream: js, Stream: name, Prefix: name}
	publisher, err := natsbus.NewPublisher(cfg)
	return way{
		publisher: publisher,
		subscribe: func(group string) (message.Subscriber, error) {
			return natsbus.NewSubscriber(natsbus.SubscriberConfig{Config: cfg, Group: group})
		},
		plain: &plainNATS{js: js, stream: name, prefix: name},
		close: func() error {
			err := js.DeleteStream(context.Background(), name)
			conn.Close()
			stop()
			return err
		},
	}, err
}

func overRedis(_ context.Context, topics []string) (way, error) {
	client := redis.NewClient(&redis.Options{Addr: os.Getenv(brokers.RedisEnv), PoolSize: 50})
	cfg := redisbus.Config{Client: client, MaxLen: -1}
	publisher, err := redisbus.NewPublisher(cfg)
	return way{
		publisher: publisher,
		subscribe: func(group string) (message.Subscriber, error) { return redisbus.NewSubscriber(cfg, group) },
		plain:     &plainRedis{client: client},
		close: func() error {
			return errors.Join(client.Del(context.Background(), topics...).Err(), client.Close())
		},
	}, err
}

func overAMQP(ctx context.Context, topics []string) (way, error) {
	uri := os.Getenv(brokers.AMQPEnv)
	cfg := amqpbus.Config{URI: engage.NewSecret(uri)}
	publisher, err := amqpbus.NewPublisher(cfg)
	if err != nil {
		return way{}, err
	}
	// Queues before messages: RabbitMQ keeps nothing for those that come later.
	group, err := amqpbus.NewSubscriber(amqpbus.SubscriberConfig{Config: cfg, Group: "bench"})
	if err != nil {
		return way{}, err
	}
	for _, topic := range topics {
		if err := group.SubscribeInitialize(topic); err != nil {
			return way{}, err
		}
	}
	client, err := dialAMQP(uri, topics)
	if err != nil {
		return way{}, err
	}
	return way{
		publisher: publisher,
		subscribe: func(group string) (message.Subscriber, error) {
			return amqpbus.NewSubscriber(amqpbus.SubscriberConfig{Config: cfg, Group: group})
		},
		plain: client,
		close: func() error { return errors.Join(group.Close(), publisher.Close(), client.close(topics)) },
	}, err
}

// carriage is what both sides of a measurement stand on.
type carriage struct {
	way
	p         *stack.Platform
	topics    []string
	ws        []engage.WorkspaceID
	slices    [][]byte // what a run of events is on the wire
	relay     *watermillbus.Relay
	receivers *watermillbus.Receivers
	seen      atomic.Int64
	left      map[bool]int // messages that wait for the floor, and events for ours
}

const benchWorkspaces = 16

// startRelayed measures the way into a broker, or out of it.
func startRelayed(open func(ctx context.Context, topics []string) (way, error), out bool) func(ctx context.Context, store, dsn string) (sides, error) {
	return func(ctx context.Context, store, dsn string) (sides, error) {
		p, err := platform(ctx, store, dsn)
		if err != nil {
			return sides{}, err
		}
		if err := p.SQL.Migrate(ctx, bunmarks.Schema); err != nil {
			return sides{}, err
		}
		ids := engage.NewIDSource(engage.SystemClock{}, nil)
		lanes := watermillbus.Lanes{Topic: fmt.Sprintf("bench-%x", ids.NewID())}
		via, err := open(ctx, lanes.Names())
		if err != nil {
			return sides{}, err
		}
		c := &carriage{way: via, p: p, topics: lanes.Names(), left: map[bool]int{}}
		for range benchWorkspaces {
			c.ws = append(c.ws, engage.WorkspaceID(ids.NewID()))
		}
		bus := watermillbus.Config{Tx: p.Tx, Log: p.Log}
		if c.relay, err = watermillbus.NewRelay(watermillbus.RelayConfig{Config: bus, Publisher: via.publisher, Lanes: lanes}); err != nil {
			return sides{}, err
		}
		reader := engage.NewConsumer("bench")
		engage.On(reader, func(ctx context.Context, _ engage.WorkspaceID, events []engage.Received[happened]) error {
			return p.Tx.AfterCommit(ctx, func() { c.seen.Add(int64(len(events))) })
		})
		c.receivers, err = watermillbus.NewReceivers(watermillbus.ReceiverConfig{
			Config: bus, Marks: bunmarks.New(p.SQL), Open: via.subscribe, Lanes: lanes, Sweep: time.Hour,
		}, reader)
		if err != nil {
			return sides{}, err
		}
		if err := c.encode(ctx, ids); err != nil {
			return sides{}, err
		}
		if out {
			return sides{prepare: c.fill, floor: c.consumePlainly, ours: c.receive, close: c.end}, nil
		}
		return sides{prepare: c.write, floor: c.publishPlainly, ours: func(ctx context.Context, _ int) error { return c.relayAll(ctx) }, close: c.end}, nil
	}
}

// encode makes the slice that the floor publishes.
func (c *carriage) encode(ctx context.Context, ids engage.IDSource) error {
	var envelopes []engage.Envelope
	for i := range engage.MaxSliceEvents {
		e, err := engage.NewEnvelope(ctx, c.ws[0], happened{i, text}, engage.EventID(ids.NewID()), engage.SystemClock{}.Now())
		if err != nil {
			return err
		}
		envelopes = append(envelopes, e)
	}
	slice, err := engage.EncodeSlice(envelopes)
	c.slices = [][]byte{slice}
	return err
}

// write puts n events into the log, after what is left there has been relayed.
func (c *carriage) write(ctx context.Context, n int) error {
	if err := c.relayAll(ctx); err != nil {
		return err
	}
	for i, ws := range c.ws {
		if err := publish(ctx, c.p, ws, share(n, i)); err != nil {
			return err
		}
	}
	for {
		if n, err := c.p.SQL.Sequence(ctx); n == 0 || err != nil {
			return err
		}
	}
}

// share is the part of n that falls to the i-th workspace, in whole slices.
func share(n, i int) int {
	slices := n / engage.MaxSliceEvents
	part := slices / benchWorkspaces
	if i < slices%benchWorkspaces {
		part++
	}
	return part * engage.MaxSliceEvents
}

func (c *carriage) relayAll(ctx context.Context) error {
	for {
		if n, err := c.relay.Step(ctx); n == 0 || err != nil {
			return err
		}
	}
}

func (c *carriage) publishPlainly(ctx context.Context, n int) error {
	for i := range n / engage.MaxSliceEvents {
		if err := c.plain.publish(ctx, c.topics[i%len(c.topics)], c.slices); err != nil {
			return err
		}
	}
	return nil
}

// fill puts n events into the broker, for either side, and clears what the other
// one left.
func (c *carriage) fill(ctx context.Context, n int) error {
	if err := c.plain.consume(ctx, c.topics, c.left[true]); err != nil {
		return err
	}
	if err := c.receiveAll(ctx, c.left[false]); err != nil {
		return err
	}
	if err := c.write(ctx, n); err != nil {
		return err
	}
	c.left = map[bool]int{true: n / engage.MaxSliceEvents, false: n}
	return c.relayAll(ctx)
}

func (c *carriage) consumePlainly(ctx context.Context, n int) error {
	c.left[true] = 0
	return c.plain.consume(ctx, c.topics, n/engage.MaxSliceEvents)
}

func (c *carriage) receive(ctx context.Context, n int) error {
	c.left[false] = 0
	return c.receiveAll(ctx, n)
}

// receiveAll runs the receivers until n events are committed.
func (c *carriage) receiveAll(ctx context.Context, n int) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	target := c.seen.Load() + int64(n)
	var running sync.WaitGroup
	for _, worker := range c.receivers.Workers() {
		running.Go(func() { _ = worker.Run(ctx) })
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for c.seen.Load() < target {
		<-tick.C
	}
	stop()
	running.Wait()
	return nil
}

func (c *carriage) end() error { return errors.Join(c.close(), c.p.Close()) }
