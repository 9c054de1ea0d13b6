package apikeys_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memapikeys"
)

// A write key may be in a web page: it only sends in.
func Example() {
	ctx := context.Background()
	store := memory.New(memory.Config{})
	keys := memapikeys.NewKeys(store)
	service, err := apikeys.New(apikeys.Deps{Runtime: engage.Runtime{Tx: store, Events: store}, Keys: keys, Across: keys}, apikeys.Config{})
	if err != nil {
		panic(err)
	}
	ws := engage.WorkspaceID{1}

	key, text, err := service.Create(ctx, ws, apikeys.NewKey{Name: "Shop", Kind: apikeys.WriteKey, Origins: []string{"https://shop.example"}})
	fmt.Println(text, strings.HasPrefix(text.Reveal(), key.Head()), err)

	grant, _ := service.VerifyKey(ctx, text)
	fmt.Println(grant.Workspace == ws, grant.Actor.Type, grant.Permissions)
	for _, origin := range []string{"https://shop.example", "https://evil.example"} {
		allowed, _ := service.AllowsOrigin(ctx, grant, origin)
		fmt.Println(origin, allowed)
	}

	_, next, _ := service.Rotate(ctx, ws, key.ID, 24*time.Hour)
	_, former := service.VerifyKey(ctx, text) // for a day
	_, current := service.VerifyKey(ctx, next)
	fmt.Println(former, current)

	_, _ = service.Revoke(ctx, ws, key.ID)
	_, err = service.VerifyKey(ctx, next)
	fmt.Println(errors.Is(err, engage.ErrUnauthenticated))
	// Output:
	// *** true <nil>
	// true api_key [ingest]
	// https://shop.example true
	// https://evil.example false
	// <nil> <nil>
	// true
}
