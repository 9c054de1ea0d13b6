package bunaccounts_test

import (
	"context"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/internal/testkit"
)

type budgetCase struct {
	name string
	call func(ctx context.Context) error
}

func ignore[T any](_ T, err error) error { return err }

// TestEachCallKeepsItsBudget compares what each call runs with testdata.
func TestEachCallKeepsItsBudget(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b, budgets := setup(t, db), testkit.NewBudgets(db, many)
		for _, group := range [][]budgetCase{b.organizationBudgets(), b.workspaceBudgets(), b.userBudgets(), b.groupBudgets(), b.serviceBudgets(t)} {
			for _, c := range group {
				_, tally := b.ran(t, c.call)
				budgets.Add(c.name, tally)
			}
		}
		budgets.Compare(t, *update)
	})
}

func (b *testBundle) organizationBudgets() []budgetCase {
	made := accounts.Organization{ID: accounts.OrganizationID(b.ids.NewID()), Name: "New", CreatedAt: testkit.Start, UpdatedAt: testkit.Start}
	stored := accounts.Organization{ID: b.org, Name: "Acme", CreatedAt: testkit.Start, UpdatedAt: testkit.Start, Version: 1}
	members := make([]accounts.Member, many)
	for i := range members {
		members[i] = accounts.Member{UserID: engage.UserID(b.ids.NewID()), Role: accounts.RoleMember, JoinedAt: testkit.Start}
	}
	return []budgetCase{
		{"an organization is inserted", func(ctx context.Context) error { return b.Organizations.Insert(ctx, made) }},
		{"an organization is updated", func(ctx context.Context) error { return b.Organizations.Update(ctx, stored) }},
		{"an organization is deleted", func(ctx context.Context) error { return b.Organizations.Delete(ctx, b.org) }},
		{"an organization is read", func(ctx context.Context) error { return ignore(b.Organizations.Get(ctx, b.org)) }},
		{"an organization is locked", func(ctx context.Context) error { return ignore(b.Organizations.Lock(ctx, b.org)) }},
		{"members are put", func(ctx context.Context) error { return b.Members.Put(ctx, b.org, members) }},
		{"members are read", func(ctx context.Context) error { return ignore(b.Members.Get(ctx, b.org, b.people)) }},
		{"members are counted", func(ctx context.Context) error { return ignore(b.Members.Count(ctx, b.org, accounts.RoleAdmin)) }},
		{"members are listed", func(ctx context.Context) error { return ignore(b.Members.List(ctx, b.org, engage.PageRequest{})) }},
		{"a member is removed", func(ctx context.Context) error { return ignore(b.Members.Remove(ctx, b.org, b.people[1])) }},
	}
}

func (b *testBundle) workspaceBudgets() []budgetCase {
	made := accounts.Workspace{ID: engage.WorkspaceID(b.ids.NewID()), OrganizationID: b.org, CreatedAt: testkit.Start, UpdatedAt: testkit.Start}
	stored := made
	stored.ID, stored.Version = b.ws, 1
	setting := accounts.Setting{Key: "brand", Value: attribute.Null, UpdatedAt: testkit.Start}
	access := make([]accounts.Access, many)
	for i := range access {
		access[i] = accounts.Access{UserID: engage.UserID(b.ids.NewID()), LevelID: accounts.LevelAgent, GrantedAt: testkit.Start}
	}
	return []budgetCase{
		{"a workspace is inserted", func(ctx context.Context) error { return b.Workspaces.Insert(ctx, made) }},
		{"a workspace is updated", func(ctx context.Context) error { return b.Workspaces.Update(ctx, stored) }},
		{"a workspace is deleted", func(ctx context.Context) error { return b.Workspaces.Delete(ctx, b.ws) }},
		{"a workspace is read", func(ctx context.Context) error { return ignore(b.Workspaces.Get(ctx, b.ws)) }},
		{"workspaces are listed", func(ctx context.Context) error { return ignore(b.Workspaces.List(ctx, b.org, engage.PageRequest{})) }},
		{"a setting is put", func(ctx context.Context) error { return b.Settings.Put(ctx, b.ws, setting) }},
		{"settings are read", func(ctx context.Context) error { return ignore(b.Settings.All(ctx, b.ws)) }},
		{"accesses are put", func(ctx context.Context) error { return b.Access.Put(ctx, b.ws, access) }},
		{"an access is removed", func(ctx context.Context) error { return b.Access.Remove(ctx, b.ws, b.people[1]) }},
		{"accesses are read", func(ctx context.Context) error { return ignore(b.Access.Get(ctx, b.ws, b.people)) }},
		{"accesses are counted", func(ctx context.Context) error { return ignore(b.Access.Count(ctx, b.ws, accounts.LevelAgent)) }},
		{"accesses are listed", func(ctx context.Context) error { return ignore(b.Access.List(ctx, b.ws, engage.PageRequest{})) }},
	}
}

func (b *testBundle) userBudgets() []budgetCase {
	made := accounts.User{ID: engage.UserID(b.ids.NewID()), EmailKey: "new@acme.test", CreatedAt: testkit.Start, UpdatedAt: testkit.Start}
	stored := made
	stored.ID, stored.Version = b.people[0], 1
	return []budgetCase{
		{"a user is inserted", func(ctx context.Context) error { return b.Users.Insert(ctx, made) }},
		{"a user is updated", func(ctx context.Context) error { return b.Users.Update(ctx, stored) }},
		{"a user is deleted", func(ctx context.Context) error { return b.Users.Delete(ctx, b.people[0]) }},
		{"users are read", func(ctx context.Context) error { return ignore(b.Users.Get(ctx, b.people)) }},
		{"users are locked", func(ctx context.Context) error { return ignore(b.Users.Lock(ctx, b.people)) }},
		{"a user is found", func(ctx context.Context) error { return ignore(b.Users.Find(ctx, "user0@acme.test")) }},
		{"a user's organizations are read", func(ctx context.Context) error { return ignore(b.Users.Organizations(ctx, b.people[0])) }},
		{"a user's workspaces are read", func(ctx context.Context) error { return ignore(b.Users.Workspaces(ctx, b.people[0])) }},
	}
}

func (b *testBundle) groupBudgets() []budgetCase {
	team, level := b.team, b.level
	team.ID, team.Key = engage.TeamID(b.ids.NewID()), "other"
	level.ID, level.Key = accounts.LevelID(b.ids.NewID()), "other"
	return []budgetCase{
		{"a team is inserted", func(ctx context.Context) error { return b.Teams.Insert(ctx, b.ws, team) }},
		{"a team is updated", func(ctx context.Context) error { return b.Teams.Update(ctx, b.ws, b.team) }},
		{"a team is deleted", func(ctx context.Context) error { return b.Teams.Delete(ctx, b.ws, b.team.ID) }},
		{"teams are read", func(ctx context.Context) error {
			return ignore(b.Teams.Get(ctx, b.ws, []engage.TeamID{b.team.ID, team.ID}))
		}},
		{"a user's teams are read", func(ctx context.Context) error { return ignore(b.Teams.Of(ctx, b.ws, b.people[0])) }},
		{"teams are listed", func(ctx context.Context) error { return ignore(b.Teams.List(ctx, b.ws, engage.PageRequest{})) }},
		{"a level is inserted", func(ctx context.Context) error { return b.Levels.Insert(ctx, b.ws, level) }},
		{"a level is updated", func(ctx context.Context) error { return b.Levels.Update(ctx, b.ws, b.level) }},
		{"a level is deleted", func(ctx context.Context) error { return b.Levels.Delete(ctx, b.ws, b.level.ID) }},
		{"levels are read", func(ctx context.Context) error {
			return ignore(b.Levels.Get(ctx, b.ws, []accounts.LevelID{b.level.ID, level.ID}))
		}},
		{"levels are listed", func(ctx context.Context) error { return ignore(b.Levels.List(ctx, b.ws, engage.PageRequest{})) }},
	}
}

// serviceBudgets are of whole operations; Authorize is asked about a user whom
// the service does not know, and about one whom it remembers.
func (b *testBundle) serviceBudgets(t *testing.T) []budgetCase {
	t.Helper()
	s, fresh := b.service, b.open(t)
	members, access := make([]accounts.Member, many-1), make([]accounts.Access, many)
	for i, id := range b.people {
		if i > 0 {
			members[i-1] = accounts.Member{UserID: id, Role: accounts.RoleMember}
		}
		access[i] = accounts.Access{UserID: id, LevelID: b.level.ID}
	}
	authorize := func(user engage.UserID) func(context.Context) error {
		return func(ctx context.Context) error {
			return fresh.Authorize(engage.WithActor(ctx, accounts.ActorOf(user)), b.ws, "contacts.read", engage.Ref{})
		}
	}
	no(t, authorize(b.people[2])(t.Context()))
	return []budgetCase{
		{"Service: many get roles", func(ctx context.Context) error { return ignore(s.SetRoles(ctx, b.org, members...)) }},
		{"Service: a member is removed", func(ctx context.Context) error { return s.RemoveMember(ctx, b.org, b.people[1]) }},
		{"Service: many get access", func(ctx context.Context) error { return ignore(s.SetAccess(ctx, b.ws, access...)) }},
		{"Service: a team is changed", func(ctx context.Context) error {
			return ignore(s.UpdateTeam(ctx, b.ws, b.team.ID, func(t *accounts.Team) error { t.Members = t.Members[1:]; return nil }))
		}},
		{"Service: a setting is put", func(ctx context.Context) error {
			return ignore(s.PutSetting(ctx, b.ws, "brand", []byte(`{"colour":"red"}`), 0))
		}},
		{"Service: settings are read", func(ctx context.Context) error { return ignore(s.Settings(ctx, b.ws)) }},
		{"Service: the directory's users are read", func(ctx context.Context) error { return ignore(s.Users(ctx, b.ws, b.people)) }},
		{"Service: the directory's teams are read", func(ctx context.Context) error {
			return ignore(s.Teams(ctx, b.ws, []engage.TeamID{b.team.ID}))
		}},
		{"Service: an actor is authorised", authorize(b.people[1])},
		{"Service: an actor is authorised again", authorize(b.people[2])},
	}
}
