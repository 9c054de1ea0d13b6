package main

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"
)

// plainRedis adds to streams, one answered after the other, and reads a hundred
// at a time in a group of its own.
type plainRedis struct{ client *redis.Client }

func (c *plainRedis) publish(ctx context.Context, topic string, payloads [][]byte) error {
	for _, payload := range payloads {
		if err := c.client.XAdd(ctx, &redis.XAddArgs{Stream: topic, Values: []any{"payload", payload}}).Err(); err != nil {
			return err
		}
	}
	return nil
}

func (c *plainRedis) consume(ctx context.Context, topics []string, n int) error {
	streams := append([]string{}, topics...)
	for _, topic := range topics {
		err := c.client.XGroupCreateMkStream(ctx, topic, "plain", "0").Err()
		if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
			return err
		}
		streams = append(streams, ">")
	}
	for n > 0 {
		read, err := c.client.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "plain", Consumer: "plain", Streams: streams, Count: 100}).Result()
		if err != nil {
			return err
		}
		for _, stream := range read {
			ids := make([]string, len(stream.Messages))
			for i, msg := range stream.Messages {
				ids[i] = msg.ID
			}
			if err := c.client.XAck(ctx, stream.Stream, "plain", ids...).Err(); err != nil {
				return err
			}
			n -= len(ids)
		}
	}
	return nil
}
