package main

import (
	"context"
	"errors"

	"github.com/rabbitmq/amqp091-go"
)

// plainAMQP publishes with confirms and takes messages of one queue, bound to
// all topics, with a hundred under way.
type plainAMQP struct {
	conn    *amqp091.Connection
	channel *amqp091.Channel
}

func dialAMQP(uri string, topics []string) (*plainAMQP, error) {
	conn, err := amqp091.Dial(uri)
	if err != nil {
		return nil, err
	}
	channel, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	_, err = channel.QueueDeclare(topics[0]+"_plain", true, false, false, false, nil)
	for _, topic := range topics {
		err = errors.Join(err, channel.QueueBind(topics[0]+"_plain", "", topic, false, nil))
	}
	return &plainAMQP{conn, channel}, errors.Join(err, channel.Confirm(false), channel.Qos(100, 0, false))
}

func (c *plainAMQP) publish(ctx context.Context, topic string, payloads [][]byte) error {
	for _, payload := range payloads {
		stored, err := c.channel.PublishWithDeferredConfirmWithContext(ctx, topic, "", false, false,
			amqp091.Publishing{Body: payload, DeliveryMode: amqp091.Persistent})
		if err != nil {
			return err
		}
		if _, err := stored.WaitContext(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *plainAMQP) consume(_ context.Context, topics []string, n int) error {
	if n == 0 {
		return nil
	}
	taken, err := c.channel.Consume(topics[0]+"_plain", "plain", false, false, false, false, nil)
	if err != nil {
		return err
	}
	for range n {
		delivery := <-taken
		if err := delivery.Ack(false); err != nil {
			return err
		}
	}
	return c.channel.Cancel("plain", false)
}

func (c *plainAMQP) close(topics []string) error {
	_, err := c.channel.QueueDelete(topics[0]+"_plain", false, false, false)
	for _, topic := range topics {
		_, deleted := c.channel.QueueDelete(topic+"_bench", false, false, false)
		err = errors.Join(err, deleted, c.channel.ExchangeDelete(topic, false, false))
	}
	return errors.Join(err, c.conn.Close())
}
