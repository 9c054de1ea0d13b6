package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/amqpbus"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunmarks"
	"github.com/go-engage/engage/adapters/natsbus"
	"github.com/go-engage/engage/adapters/redisbus"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/adapters/watermillbus"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/testkit/brokers"
)

// brokersScenario has contacts written, and counted by a consumer that a broker
// feeds. Relay, receivers and, for NATS without a server in the environment, the
// broker die with the child.
func brokersScenario(name, about string, open func(run string) (*carrier, error)) scenario {
	return scenario{
		name, about,
		func(ctx context.Context, c childConfig) error { return brokersChild(ctx, c, open) },
		func(ctx context.Context, c childConfig, acknowledged []string) (result, error) {
			return brokersCheck(ctx, c, acknowledged, open)
		},
	}
}

// carrier is a broker as one run uses it.
type carrier struct {
	publisher message.Publisher
	subscribe func(group string) (message.Subscriber, error)
	remove    func(ctx context.Context, lanes watermillbus.Lanes) error // what the run left there
}

// runName tells runs on one broker apart.
func runName(c childConfig) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(c.DSN))
	return fmt.Sprintf("crashlab-%x", h.Sum64())
}

func overNATS(run string) (*carrier, error) {
	url, dir := os.Getenv(brokers.NATSEnv), filepath.Join(os.TempDir(), run)
	if url == "" {
		own, err := brokers.StartNATS(dir)
		if err != nil {
			return nil, err
		}
		url = own.URL()
	}
	conn, err := nats.Connect(url, nats.MaxReconnects(-1))
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	cfg := natsbus.Config{JetStream: js, Stream: run, Prefix: run}
	publisher, err := natsbus.NewPublisher(cfg)
	return &carrier{
		publisher: publisher,
		subscribe: func(group string) (message.Subscriber, error) {
			return natsbus.NewSubscriber(natsbus.SubscriberConfig{Config: cfg, Group: group, AckWait: time.Second})
		},
		remove: func(ctx context.Context, _ watermillbus.Lanes) error {
			return errors.Join(js.DeleteStream(ctx, run), os.RemoveAll(dir))
		},
	}, err
}

func overRedis(string) (*carrier, error) {
	address := os.Getenv(brokers.RedisEnv)
	if address == "" {
		return nil, fmt.Errorf("%s is not set", brokers.RedisEnv)
	}
	client := redis.NewClient(&redis.Options{Addr: address, PoolSize: 50})
	cfg := redisbus.Config{Client: client, ClaimIdle: time.Second}
	publisher, err := redisbus.NewPublisher(cfg)
	return &carrier{
		publisher: publisher,
		subscribe: func(group string) (message.Subscriber, error) { return redisbus.NewSubscriber(cfg, group) },
		remove: func(ctx context.Context, lanes watermillbus.Lanes) error {
			return client.Del(ctx, lanes.Names()...).Err()
		},
	}, err
}

func overAMQP(string) (*carrier, error) {
	uri := os.Getenv(brokers.AMQPEnv)
	if uri == "" {
		return nil, fmt.Errorf("%s is not set", brokers.AMQPEnv)
	}
	cfg := amqpbus.Config{URI: engage.NewSecret(uri)}
	publisher, err := amqpbus.NewPublisher(cfg)
	return &carrier{
		publisher: publisher,
		subscribe: func(group string) (message.Subscriber, error) {
			return amqpbus.NewSubscriber(amqpbus.SubscriberConfig{Config: cfg, Group: group})
		},
		remove: func(_ context.Context, lanes watermillbus.Lanes) error { return removeQueues(uri, lanes) },
	}, err
}

func removeQueues(uri string, lanes watermillbus.Lanes) error {
	conn, err := amqp091.Dial(uri)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	channel, err := conn.Channel()
	if err != nil {
		return err
	}
	for _, topic := range lanes.Names() {
		_, err := channel.QueueDelete(amqpbus.Queue(topic, "crashlab"), false, false, false)
		if err = errors.Join(err, channel.ExchangeDelete(topic, false, false)); err != nil {
			return err
		}
	}
	return nil
}

// openBrokers opens the platform, with a table that holds each workspace's last
// event and how many came behind it.
func openBrokers(ctx context.Context, c childConfig) (*stack.Platform, error) {
	p, err := openCounted(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := p.SQL.Migrate(ctx, bunmarks.Schema); err != nil {
		return nil, err
	}
	id := map[bunstore.Dialect]string{bunstore.PostgreSQL: "uuid", bunstore.MariaDB: "BINARY(16)", bunstore.SQLite: "BLOB"}[p.SQL.Dialect()]
	_, err = p.Database.ExecContext(ctx, fmt.Sprintf("CREATE TABLE IF NOT EXISTS crashlab_order (workspace_id %s, event_id %s, late INTEGER)", id, id))
	if err != nil {
		return nil, err
	}
	for _, ws := range workspaces {
		_, err := p.Database.NewRaw("INSERT INTO crashlab_order (workspace_id, event_id, late) SELECT ?0, ?1, 0 FROM (SELECT 1 AS one) AS o WHERE NOT EXISTS (SELECT 1 FROM crashlab_order WHERE workspace_id = ?0)",
			bunstore.UID(ws), bunstore.UID{15: 1}).Exec(ctx)
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

// ordered is counting that also compares each event with the workspace's last:
// one process writes at a time, and event ids grow.
func ordered(p *stack.Platform) *engage.Consumer {
	consumer := counting(func() *bunstore.Store { return p.SQL })
	both := engage.NewConsumer(consumer.Name())
	engage.On(both, func(ctx context.Context, ws engage.WorkspaceID, created []engage.Received[contacts.Created]) error {
		conn, ok := p.SQL.Conn(ctx)
		if !ok {
			return errors.New("the consumer has no transaction")
		}
		envelopes := make([]engage.Envelope, len(created))
		for i, e := range created {
			envelopes[i] = e.Envelope
			_, err := conn.NewRaw("UPDATE crashlab_order SET late = late + CASE WHEN event_id < ?0 THEN 0 ELSE 1 END, event_id = ?0 WHERE workspace_id = ?1",
				bunstore.UID(e.ID), bunstore.UID(ws)).Exec(ctx)
			if err != nil {
				return err
			}
		}
		return consumer.Handle(ctx, ws, envelopes)
	})
	return both
}

// brokersChild relays and receives while it identifies contacts.
func brokersChild(ctx context.Context, c childConfig, open func(run string) (*carrier, error)) error {
	p, err := openBrokers(ctx, c)
	if err != nil {
		return err
	}
	via, err := open(runName(c))
	if err != nil {
		return err
	}
	bus := watermillbus.Config{Tx: p.Tx, Log: p.Log, Lease: 500 * time.Millisecond, Backoff: func(int) time.Duration { return 50 * time.Millisecond }}
	lanes := watermillbus.Lanes{Topic: runName(c), Count: 3}
	relay, err := watermillbus.NewRelay(watermillbus.RelayConfig{Config: bus, Publisher: via.publisher, Lanes: lanes})
	if err != nil {
		return err
	}
	receivers, err := watermillbus.NewReceivers(watermillbus.ReceiverConfig{
		Config: bus, Marks: bunmarks.New(p.SQL), Open: via.subscribe, Lanes: lanes, Sweep: 2 * time.Second,
	}, ordered(p))
	if err != nil {
		return err
	}
	for _, worker := range append(receivers.Workers(), relay) {
		go func() { _ = worker.Run(ctx) }()
	}
	go func() { _ = p.Run(ctx) }()
	if c.Drain {
		fmt.Println("draining")
		return awaitEffects(ctx, p)
	}
	arm(c, p)
	fmt.Println("working")
	return writeContacts(ctx, c, p)
}

// awaitEffects waits until there are as many effects as contacts.
func awaitEffects(ctx context.Context, p *stack.Platform) error {
	for {
		var written, counted int
		err := p.Database.NewRaw("SELECT (SELECT COUNT(*) FROM engage_contacts), (SELECT COUNT(*) FROM crashlab_effects)").Scan(ctx, &written, &counted)
		if err != nil || counted >= written {
			return err
		}
		<-time.After(100 * time.Millisecond)
	}
}

func brokersCheck(ctx context.Context, c childConfig, acknowledged []string, open func(run string) (*carrier, error)) (found result, err error) {
	p, err := openBrokers(ctx, c)
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	via, err := open(runName(c))
	if err != nil {
		return result{}, err
	}
	if err := via.remove(ctx, watermillbus.Lanes{Topic: runName(c), Count: 3}); err != nil {
		return result{}, err
	}
	if found, err = compare(ctx, p, acknowledged); err != nil {
		return found, err
	}
	var late, parked int
	err = p.Database.NewRaw("SELECT (SELECT SUM(late) FROM crashlab_order), (SELECT COUNT(*) FROM engage_log_parked)").Scan(ctx, &late, &parked)
	if late+parked > 0 {
		found.Violations = append(found.Violations, fmt.Sprintf("%d events came out of order, %d are parked", late, parked))
	}
	return found, err
}
