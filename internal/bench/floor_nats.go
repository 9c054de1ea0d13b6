package main

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"
)

// plainNATS publishes into the stream, one acknowledged after the other, and
// fetches a hundred at a time.
type plainNATS struct {
	js             jetstream.JetStream
	stream, prefix string
	made           bool
	consumer       jetstream.Consumer
}

func (c *plainNATS) publish(ctx context.Context, topic string, payloads [][]byte) error {
	if !c.made {
		_, err := c.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: c.stream, Subjects: []string{c.prefix + ".>"}, Storage: jetstream.FileStorage})
		if err != nil {
			return err
		}
		c.made = true
	}
	for _, payload := range payloads {
		if _, err := c.js.Publish(ctx, c.prefix+"."+topic, payload); err != nil {
			return err
		}
	}
	return nil
}

func (c *plainNATS) consume(ctx context.Context, _ []string, n int) (err error) {
	if n > 0 && c.consumer == nil {
		c.consumer, err = c.js.CreateOrUpdateConsumer(ctx, c.stream, jetstream.ConsumerConfig{Durable: "plain", AckPolicy: jetstream.AckExplicitPolicy})
		if err != nil {
			return err
		}
	}
	for n > 0 {
		batch, err := c.consumer.Fetch(min(n, 100))
		if err != nil {
			return err
		}
		for msg := range batch.Messages() {
			if err := msg.Ack(); err != nil {
				return err
			}
			n--
		}
		if err := batch.Error(); err != nil {
			return err
		}
	}
	return nil
}
