package sealing_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memsealing"
	"github.com/go-engage/engage/adapters/sealing"
)

// A password is sealed for one row, opens there alone, and never again once its
// workspace is erased.
func Example() {
	ctx := context.Background()
	store := memory.New(memory.Config{})
	keys := memsealing.NewKeys(store)
	provider, err := sealing.NewStaticKeys(sealing.NewKey()) // a host reads its own from where it keeps it
	if err != nil {
		panic(err)
	}
	sealer, err := sealing.New(sealing.Deps{
		Runtime: engage.Runtime{Tx: store, Events: store},
		Keys:    keys, Across: keys, Provider: provider, Leases: store.Leases(),
	}, sealing.Config{})
	if err != nil {
		panic(err)
	}

	acme := engage.WorkspaceID(engage.NewIDSource(engage.SystemClock{}, nil).NewID())
	password := engage.NewSecret("hunter2")
	sealed, err := sealer.Seal(ctx, acme, "senders.password:7", []byte(password.Reveal()))
	if err != nil {
		panic(err)
	}
	opened, err := sealer.Open(ctx, acme, "senders.password:7", sealed)
	fmt.Println(string(opened), err)

	_, err = sealer.Open(ctx, acme, "senders.password:8", sealed)
	fmt.Println("in another row:", errors.Is(err, engage.ErrInvalid))

	err = sealer.Erase(ctx, acme)
	_, gone := sealer.Open(ctx, acme, "senders.password:7", sealed)
	fmt.Println("erased:", err == nil && errors.Is(gone, engage.ErrInvalid))
	// Output:
	// hunter2 <nil>
	// in another row: true
	// erased: true
}
