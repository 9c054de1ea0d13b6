package memaccounts_test

import (
	"context"
	"fmt"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memaccounts"
)

// A unit test gives the repositories of one store to the service.
func Example() {
	ctx := context.Background()
	store := memory.New(memory.Config{})
	service, err := accounts.New(accounts.Deps{
		Runtime:       engage.Runtime{Tx: store, Events: store},
		Organizations: memaccounts.NewOrganizations(store), Members: memaccounts.NewMembers(store),
		Workspaces: memaccounts.NewWorkspaces(store), Settings: memaccounts.NewSettings(store), Users: memaccounts.NewUsers(store),
		Teams: memaccounts.NewTeams(store), Levels: memaccounts.NewLevels(store), Access: memaccounts.NewAccess(store),
	}, accounts.Config{})
	if err != nil {
		panic(err)
	}
	_, err = service.CreateUser(ctx, accounts.UserProfile{Email: "Ana@Acme.test", Name: "Ana"})
	if err != nil {
		panic(err)
	}
	ana, err := service.FindUser(ctx, "ana@acme.test")
	fmt.Println(ana.Name, ana.Email, err)
	// Output: Ana Ana@Acme.test <nil>
}
