package watermillbus_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/watermillbus"
)

// A Watermill router handles the events of the log. The group "greeter" begins
// at the oldest event that is kept, and goes on where it stopped.
func ExampleNewSubscriber() {
	ctx, ws := context.Background(), engage.WorkspaceID{1}
	store := memory.New(memory.Config{})
	err := store.InTx(ctx, ws, func(ctx context.Context) error {
		return store.Publish(ctx, ws, Signup{"ada@example.org"}, Signup{"bob@example.org"})
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	subscriber, err := watermillbus.NewSubscriber(watermillbus.SubscriberConfig{
		Config: watermillbus.Config{Tx: store, Log: store},
		Group:  "greeter",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	router, err := message.NewRouter(message.RouterConfig{}, watermillbus.Logger(nil))
	if err != nil {
		fmt.Println(err)
		return
	}
	var handled sync.WaitGroup
	handled.Add(2)
	router.AddConsumerHandler("greet", Signup{}.EventName(), subscriber, func(msg *message.Message) error {
		fmt.Println(string(msg.Payload))
		handled.Done()
		return nil
	})
	go func() {
		handled.Wait()
		_ = router.Close()
	}()
	fmt.Println(router.Run(ctx), subscriber.Close())
	// Output:
	// {"email":"ada@example.org"}
	// {"email":"bob@example.org"}
	// <nil> <nil>
}

// A message becomes an event if, and only if, the transaction commits that its
// context carries.
func ExampleNewPublisher() {
	ctx, ws := context.Background(), engage.WorkspaceID{1}
	store := memory.New(memory.Config{})
	publisher, err := watermillbus.NewPublisher(watermillbus.PublisherConfig{Tx: store, Events: store, Workspace: ws})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, fails := range []error{fmt.Errorf("out of stock"), nil} {
		err := store.InTx(ctx, ws, func(ctx context.Context) error {
			msg := message.NewMessageWithContext(ctx, "order-17", []byte(`{"email":"ada@example.org"}`))
			if err := publisher.Publish(Signup{}.EventName(), msg); err != nil {
				return err
			}
			return fails
		})
		slices, _ := store.Read(ctx, engage.DefaultShard, engage.PartitionOf(ws), 0, 10)
		fmt.Println(err, len(slices))
	}
	// Output:
	// out of stock 0
	// <nil> 1
}

// A forwarder feeds a broker; here Local stands for it, which delivers within
// the process.
func ExampleNewForwarder() {
	ctx, ws := context.Background(), engage.WorkspaceID{1}
	store := memory.New(memory.Config{})
	local := watermillbus.NewLocal(watermillbus.LocalConfig{Topics: []string{Signup{}.EventName()}})
	forwarder, err := watermillbus.NewForwarder(watermillbus.ForwarderConfig{
		Config:    watermillbus.Config{Tx: store, Log: store},
		Publisher: local,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	messages, err := local.Subscribe(ctx, Signup{}.EventName())
	if err != nil {
		fmt.Println(err)
		return
	}
	err = store.InTx(ctx, ws, func(ctx context.Context) error { return store.Publish(ctx, ws, Signup{"ada@example.org"}) })
	if err != nil {
		fmt.Println(err)
		return
	}
	handled := make(chan struct{})
	go func() {
		defer close(handled)
		for msg := range messages {
			fmt.Println(msg.Metadata.Get(watermillbus.MetadataName), string(msg.Payload))
			msg.Ack()
		}
	}()
	n, err := forwarder.Step(ctx) // a program runs it: forwarder.Run(ctx)
	_ = local.Close()
	<-handled
	fmt.Println(n, err)
	// Output:
	// shop.signup.v1 {"email":"ada@example.org"}
	// 1 <nil>
}
