package redisbus_test

import (
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/redisbus"
)

// Publishers and subscribers are made without a call to Redis, so a program
// starts while it is down. They use the host's client, and leave it open.
func ExampleNewPublisher() {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1}) // nobody is there
	defer func() { _ = client.Close() }()
	publisher, err := redisbus.NewPublisher(redisbus.Config{Client: client, MaxLen: 100_000})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := publisher.Publish("engage-log-00", message.NewMessage("1", nil)); err != nil {
		fmt.Println("not published")
	}
	fmt.Println(publisher.Close())

	_, err = redisbus.NewSubscriber(redisbus.Config{Client: client}, "")
	fmt.Println(errors.Is(err, engage.ErrInvalid))
	// Output:
	// not published
	// <nil>
	// true
}
