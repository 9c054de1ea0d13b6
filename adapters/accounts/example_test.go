package accounts_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memaccounts"
)

// newService is accounts in memory; adapters/bunstore/bunaccounts keeps them in
// a database.
func newService(cfg accounts.Config) *accounts.Service {
	store := memory.New(memory.Config{})
	service, err := accounts.New(accounts.Deps{
		Runtime:       engage.Runtime{Tx: store, Events: store},
		Organizations: memaccounts.NewOrganizations(store), Members: memaccounts.NewMembers(store),
		Workspaces: memaccounts.NewWorkspaces(store), Settings: memaccounts.NewSettings(store), Users: memaccounts.NewUsers(store),
		Teams: memaccounts.NewTeams(store), Levels: memaccounts.NewLevels(store), Access: memaccounts.NewAccess(store),
	}, cfg)
	if err != nil {
		panic(err)
	}
	return service
}

// An organization, a workspace, and what two people may do in it.
func ExampleService_Authorize() {
	ctx := context.Background()
	service := newService(accounts.Config{})
	ana, _ := service.CreateUser(ctx, accounts.UserProfile{Email: "ana@acme.test", Name: "Ana"})
	ben, _ := service.CreateUser(ctx, accounts.UserProfile{Email: "ben@acme.test", Name: "Ben"})
	acme, _ := service.CreateOrganization(ctx, "Acme", ana.ID)
	_, _ = service.SetRoles(ctx, acme.ID, accounts.Member{UserID: ben.ID, Role: accounts.RoleMember})
	support, _ := service.CreateWorkspace(ctx, acme.ID, accounts.WorkspaceProfile{
		Name: "Support", Locale: "fr-CH", TimeZone: "Europe/Zurich", Currency: "CHF",
	}, ana.ID)
	_, _ = service.SetAccess(ctx, support.ID, accounts.Access{UserID: ben.ID, LevelID: accounts.LevelAgent})

	for _, who := range []accounts.User{ana, ben} {
		ctx := engage.WithActor(ctx, accounts.ActorOf(who.ID))
		scope, _ := service.Scope(ctx, support.ID, "conversations.read")
		err := service.Authorize(ctx, support.ID, "settings.write", engage.Ref{})
		fmt.Println(who.Name, scope, errors.Is(err, engage.ErrPermissionDenied))
	}
	fmt.Println(errors.Is(service.Authorize(ctx, support.ID, "settings.write", engage.Ref{}), engage.ErrUnauthenticated))
	// Output:
	// Ana all false
	// Ben team true
	// true
}

// The last administrator stays.
func ExampleService_SetRoles() {
	ctx := context.Background()
	service := newService(accounts.Config{})
	ana, _ := service.CreateUser(ctx, accounts.UserProfile{Email: "ana@acme.test", Name: "Ana"})
	acme, _ := service.CreateOrganization(ctx, "Acme", ana.ID)

	_, err := service.SetRoles(ctx, acme.ID, accounts.Member{UserID: ana.ID, Role: accounts.RoleMember})
	fmt.Println(errors.Is(err, engage.ErrFailedPrecondition), errors.Is(err, accounts.ErrLastAdmin))
	// Output: true true
}

// A host declares settings with their types and defaults.
func ExampleService_PutSetting() {
	ctx := context.Background()
	service := newService(accounts.Config{Settings: []accounts.SettingDefinition{{
		Key: "inbox.auto_close_hours", Default: json.RawMessage("72"),
		Validate: func(value json.RawMessage) error {
			var hours int
			return json.Unmarshal(value, &hours)
		},
	}}})
	ana, _ := service.CreateUser(ctx, accounts.UserProfile{Email: "ana@acme.test", Name: "Ana"})
	acme, _ := service.CreateOrganization(ctx, "Acme", ana.ID)
	support, _ := service.CreateWorkspace(ctx, acme.ID, accounts.WorkspaceProfile{
		Name: "Support", Locale: "en", TimeZone: "Europe/London", Currency: "GBP",
	}, ana.ID)

	settings, _ := service.Settings(ctx, support.ID)
	fmt.Println(settings.TimeZone, string(settings.Values["inbox.auto_close_hours"]))

	set, err := service.PutSetting(ctx, support.ID, "inbox.auto_close_hours", json.RawMessage("24"), 0)
	fmt.Println(set.Value, set.Version, err)

	_, err = service.PutSetting(ctx, support.ID, "inbox.auto_close_hours", json.RawMessage(`"soon"`), 1)
	fmt.Println(engage.FieldsOf(err)[0].Path, errors.Is(err, engage.ErrInvalid))
	// Output:
	// Europe/London 72
	// 24 1 <nil>
	// values.inbox.auto_close_hours true
}

// Sessions note the epoch of their user and end when it is raised.
func ExampleService_CheckEpoch() {
	ctx := context.Background()
	service := newService(accounts.Config{})
	ana, _ := service.CreateUser(ctx, accounts.UserProfile{Email: "ana@acme.test", Name: "Ana"})
	session := ana.Epoch

	ana, _ = service.EndSessions(ctx, ana.ID) // the password has changed
	fmt.Println(errors.Is(service.CheckEpoch(ctx, ana.ID, session), engage.ErrUnauthenticated))
	fmt.Println(service.CheckEpoch(ctx, ana.ID, ana.Epoch))
	// Output:
	// true
	// <nil>
}
