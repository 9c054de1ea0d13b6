package engage_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
)

// deal is the kind of a host's own ids.
type deal struct{}

func (deal) IDPrefix() string { return "dea" }

// A package names its id type once; another kind's id does not compile in its
// place and does not parse.
func ExampleID() {
	type DealID = engage.ID[deal]
	id := DealID{0x01, 0x9c, 15: 0x07}
	fmt.Println(id)

	back, err := engage.ParseID[deal](id.String())
	fmt.Println(back == id, err)
	_, err = engage.ParseID[deal](engage.UserID(id).String())
	fmt.Println(errors.Is(err, engage.ErrInvalid))
	// Output:
	// dea_06e0000000000000000000000w
	// true <nil>
	// true
}

// With a clock that is set by hand and given bytes, ids repeat.
func ExampleNewIDSource() {
	clock := engage.NewManualClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	ids := engage.NewIDSource(clock, nil)
	one, two := engage.UserID(ids.NewID()), engage.UserID(ids.NewID())
	fmt.Println(one.Compare(two) < 0, one.Time().Format(time.DateOnly))
	// Output:
	// true 2026-01-01
}

// Branch on sentinels; programs read codes and fields.
func ExampleError() {
	var faults engage.Faults
	faults.Add("email", "required", "is missing")
	faults.Add("items[3].price", "out_of_range", "at most %d", 100)
	err := fmt.Errorf("checkout: %w", faults.Err("shop.Order", "order 7"))

	fmt.Println(err)
	fmt.Println(errors.Is(err, engage.ErrInvalid), engage.CodeOf(err))
	for _, f := range engage.FieldsOf(err) {
		fmt.Println(f.Path, f.Code)
	}
	// Output:
	// checkout: shop.Order: order 7: invalid; email: is missing; items[3].price: at most 100
	// true invalid
	// email required
	// items[3].price out_of_range
}

// Money adds in one currency.
func ExampleMoney() {
	sum, err := engage.Money{Minor: 1999, Currency: "EUR"}.Add(engage.Money{Minor: 1, Currency: "EUR"})
	fmt.Println(sum, err)
	_, err = sum.Add(engage.Money{Minor: 1, Currency: "USD"})
	fmt.Println(errors.Is(err, engage.ErrInvalid))
	// Output:
	// 2000 EUR <nil>
	// true
}

// A secret shows itself to nobody but the code that uses it.
func ExampleSecret() {
	token := engage.NewSecret("hunter2")
	fmt.Printf("%v %+v %q\n", token, struct{ Token engage.Secret }{token}, token)
	fmt.Println(len(token.Reveal()))
	// Output:
	// *** {Token:***} ***
	// 7
}

// Walk asks for page after page.
func ExampleWalk() {
	numbers := func(_ context.Context, page engage.PageRequest) (engage.Page[int], error) {
		if page.After == "" {
			return engage.Page[int]{Items: []int{1, 2}, Next: engage.SealCursor("numbers", []byte{2})}, nil
		}
		return engage.Page[int]{Items: []int{3}}, nil
	}
	for n, err := range engage.Walk(context.Background(), numbers) {
		fmt.Println(n, err)
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 3 <nil>
}

// A cursor continues the query that made it, and no other.
func ExampleCursor() {
	cursor := engage.SealCursor("deals|by name", []byte("acme"))
	key, err := cursor.Open("deals|by name")
	fmt.Printf("%s %v\n", key, err)
	_, err = cursor.Open("deals|by price")
	fmt.Println(errors.Is(err, engage.ErrInvalid))
	// Output:
	// acme <nil>
	// true
}

// A change and the events that tell of it are committed together or not at all.
func ExampleTransactor() {
	ctx, ws := context.Background(), engage.WorkspaceID{1}
	store := memory.New(memory.Config{})

	err := store.InTx(ctx, ws, func(ctx context.Context) error {
		if err := store.Publish(ctx, ws, signedUp{Plan: "pro"}); err != nil {
			return err
		}
		_ = store.InTx(ctx, ws, func(ctx context.Context) error { // fails, and leaves nothing
			_ = store.Publish(ctx, ws, signedUp{Plan: "free"})
			return errors.New("no longer offered")
		})
		return store.AfterCommit(ctx, func() { fmt.Println("committed") })
	})
	log, _ := store.Read(ctx, engage.DefaultShard, engage.PartitionOf(ws), 0, 10)
	fmt.Println(err, len(log), string(log[0].Events[0].Data))

	err = store.Publish(ctx, ws, signedUp{Plan: "pro"})
	fmt.Println(errors.Is(err, engage.ErrFailedPrecondition))
	// Output:
	// committed
	// <nil> 1 {"plan":"pro"}
	// true
}

// A consumer gets its events in runs, decoded.
func ExampleOn() {
	welcome := engage.NewConsumer("shop.welcome")
	engage.On(welcome, func(_ context.Context, _ engage.WorkspaceID, events []engage.Received[signedUp]) error {
		for _, e := range events {
			fmt.Println(e.Name, e.Payload.Plan)
		}
		return nil
	})
	ctx, ws := context.Background(), engage.WorkspaceID{1}
	envelope, _ := engage.NewEnvelope(ctx, ws, signedUp{Plan: "pro"}, engage.EventID{1}, time.Time{})
	fmt.Println(welcome.Events(), welcome.Handle(ctx, ws, []engage.Envelope{envelope}))
	// Output:
	// shop.user.signed_up.v1 pro
	// [shop.user.signed_up.v1] <nil>
}

// A loop repeats a step, at once while there is work. Tests drive it by hand.
func ExampleLoop() {
	waiting := 3
	loop := engage.NewLoop("shop.mail", nil, func(context.Context) (int, error) {
		n := min(waiting, 2)
		waiting -= n
		return n, nil
	})
	for range 3 {
		n, err := loop.Step(context.Background())
		fmt.Println(n, err)
	}
	fmt.Println(loop.Ready(), loop.Stats().Items)
	// Output:
	// 2 <nil>
	// 1 <nil>
	// 0 <nil>
	// true 3
}

// The ctx says who acts; published events carry it.
func ExampleWithActor() {
	ctx := context.Background()
	fmt.Println(engage.ActorFrom(ctx))
	ctx = engage.WithActor(ctx, engage.Actor{Type: "user", ID: "ada"})
	fmt.Println(engage.ActorFrom(ctx))
	// Output:
	// system
	// user:ada
}
