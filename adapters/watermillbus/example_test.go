package watermillbus_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/watermillbus"
)

// Signup is an event of the host's own.
type Signup struct {
	Email string `json:"email"`
}

func (Signup) EventName() string        { return "shop.signup.v1" }
func (Signup) EventSubject() engage.Ref { return engage.Ref{} }

// A consumer's handler fails on one event of three. It is parked, and tried
// again when it is due.
func ExampleNewConsumers() {
	ctx, ws := context.Background(), engage.WorkspaceID{1}
	clock := engage.NewManualClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	store := memory.New(memory.Config{Clock: clock})

	serverIsRight := false
	welcome := engage.NewConsumer("welcome")
	engage.On(welcome, func(_ context.Context, _ engage.WorkspaceID, signups []engage.Received[Signup]) error {
		for _, s := range signups {
			if s.Payload.Email == "" && !serverIsRight {
				return errors.New("no address")
			}
		}
		fmt.Println("welcome", len(signups))
		return nil
	})
	consumers, err := watermillbus.NewConsumers(watermillbus.Config{Tx: store, Log: store, Clock: clock}, welcome)
	if err != nil {
		fmt.Println(err)
		return
	}
	// A program runs consumers.Workers(); here is one step at a time.

	err = store.InTx(ctx, ws, func(ctx context.Context) error {
		return store.Publish(ctx, ws, Signup{"ada@example.org"}, Signup{""}, Signup{"bob@example.org"})
	})
	fmt.Println(err)
	fmt.Println(consumers.Step(ctx))

	serverIsRight = true
	clock.Advance(time.Hour)
	fmt.Println(consumers.Step(ctx))
	// Output:
	// <nil>
	// welcome 1
	// welcome 1
	// 3 <nil>
	// welcome 1
	// 1 <nil>
}
