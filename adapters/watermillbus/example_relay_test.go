package watermillbus_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/watermillbus"
)

// A relay feeds a broker, and receivers run consumers on what it brings: each
// slice once, whatever the broker repeats. GoChannel stands for the broker here;
// adapters/natsbus, redisbus and amqpbus are others.
func ExampleNewReceivers() {
	ctx, ws := context.Background(), engage.WorkspaceID{1}
	store := memory.New(memory.Config{})
	broker := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, watermillbus.Logger(nil))
	cfg := watermillbus.Config{Tx: store, Log: store}

	var handled sync.WaitGroup
	handled.Add(1)
	greeter := engage.NewConsumer("greeter")
	engage.On(greeter, func(_ context.Context, _ engage.WorkspaceID, signups []engage.Received[Signup]) error {
		for _, signup := range signups {
			fmt.Println("welcome", signup.Payload.Email)
		}
		handled.Done()
		return nil
	})
	receivers, err := watermillbus.NewReceivers(watermillbus.ReceiverConfig{
		Config: cfg, Marks: memory.NewMarks(store),
		Open: func(string) (message.Subscriber, error) { return broker, nil },
	}, greeter)
	if err != nil {
		fmt.Println(err)
		return
	}
	relay, err := watermillbus.NewRelay(watermillbus.RelayConfig{Config: cfg, Publisher: broker})
	if err != nil {
		fmt.Println(err)
		return
	}

	running, stop := context.WithCancel(ctx)
	var workers sync.WaitGroup
	for _, worker := range append(receivers.Workers(), relay) {
		workers.Go(func() { _ = worker.Run(running) })
	}
	err = store.InTx(ctx, ws, func(ctx context.Context) error {
		return store.Publish(ctx, ws, Signup{"ada@example.org"}, Signup{"bob@example.org"})
	})
	if err != nil {
		fmt.Println(err)
	}
	handled.Wait()
	stop()
	workers.Wait()
	// Output:
	// welcome ada@example.org
	// welcome bob@example.org
}

// Both sides name the same lanes.
func ExampleLanes() {
	lanes := watermillbus.Lanes{Topic: "crm", Count: 2}
	fmt.Println(lanes.Names(), lanes.Of(engage.PartitionOf(engage.WorkspaceID{1})))
	// Output:
	// [crm-00 crm-01] crm-00
}
