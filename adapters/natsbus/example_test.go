package natsbus_test

import (
	"context"
	"fmt"
	"os"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-engage/engage/adapters/natsbus"
	"github.com/go-engage/engage/internal/testkit/brokers"
)

// A publisher and a subscriber share the host's connection. What is published is
// kept for groups that come later, in order.
func ExampleNewSubscriber() {
	dir, err := os.MkdirTemp("", "natsbus")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	server, err := brokers.StartNATS(dir) // a program has the URL of its own
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Stop()
	conn, err := nats.Connect(server.URL(), nats.MaxReconnects(-1))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg := natsbus.Config{JetStream: js}
	publisher, err := natsbus.NewPublisher(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(publisher.Publish("shop.order.paid.v1", message.NewMessage("1", []byte("first")), message.NewMessage("2", []byte("second"))))

	subscriber, err := natsbus.NewSubscriber(natsbus.SubscriberConfig{Config: cfg, Group: "invoices"})
	if err != nil {
		fmt.Println(err)
		return
	}
	messages, err := subscriber.Subscribe(context.Background(), "shop.order.paid.v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		msg := <-messages
		fmt.Println(msg.UUID, string(msg.Payload))
		msg.Ack()
	}
	fmt.Println(subscriber.Close())
	// Output:
	// <nil>
	// 1 first
	// 2 second
	// <nil>
}

// A topic is a subject below the stream's prefix.
func ExampleConfig_Subject() {
	cfg := natsbus.Config{Prefix: "crm"}
	fmt.Println(cfg.Subject("engage-log-00"))
	_, err := cfg.Subject("a b")
	fmt.Println(err)
	// Output:
	// crm.engage-log-00 <nil>
	// natsbus.Subject: a b: invalid; topic: "a b" can't be a subject
}
