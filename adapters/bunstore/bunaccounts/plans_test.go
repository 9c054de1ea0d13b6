package bunaccounts_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/internal/testkit"
)

// TestHotStatementsAreReadByAnIndex compares how each database would run the
// statements that authorise, and those that look over many workspaces, against
// testdata.
func TestHotStatementsAreReadByAnIndex(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		b.settle(t)
		plans := testkit.NewPlans(db)
		plans.AsLarge = true
		user := b.people[1]
		for _, hot := range []budgetCase{
			{"an actor is authorised", func(ctx context.Context) error {
				return b.open(t).Authorize(engage.WithActor(ctx, accounts.ActorOf(user)), b.ws, "contacts.read", engage.Ref{})
			}},
			{"a user is found", func(ctx context.Context) error { return ignore(b.Users.Find(ctx, "user0@acme.test")) }},
			{"a user's organizations are read", func(ctx context.Context) error { return ignore(b.Users.Organizations(ctx, user)) }},
			{"a user's workspaces are read", func(ctx context.Context) error { return ignore(b.Users.Workspaces(ctx, user)) }},
			{"users of a workspace are read", func(ctx context.Context) error { return ignore(b.Access.Get(ctx, b.ws, b.people)) }},
			{"workspaces are listed", func(ctx context.Context) error { return ignore(b.Workspaces.List(ctx, b.org, engage.PageRequest{})) }},
			{"teams are listed", func(ctx context.Context) error { return ignore(b.Teams.List(ctx, b.ws, engage.PageRequest{})) }},
			{"a member is removed", func(ctx context.Context) error { return ignore(b.Members.Remove(ctx, b.org, user)) }},
		} {
			statements, _ := b.ran(t, hot.call)
			plans.Add(t, hot.name, statements)
		}
		plans.Compare(t, *update)
	})
}

// settle fills the tables with other organizations, so that the bundle is a
// small part, and has the database look at them.
func (b *testBundle) settle(t *testing.T) {
	t.Helper()
	err := b.store.InShard(t.Context(), engage.DefaultShard, func(ctx context.Context) error {
		for i := range 20 {
			ws := engage.WorkspaceID(b.ids.NewID())
			org := accounts.OrganizationID(ws)
			members, access := make([]accounts.Member, 500), make([]accounts.Access, 500)
			for j := range members {
				id := engage.UserID(b.ids.NewID())
				members[j] = accounts.Member{UserID: id, Role: accounts.RoleMember}
				access[j] = accounts.Access{UserID: id, LevelID: accounts.LevelAgent}
				if j < 20 {
					if err := b.Users.Insert(ctx, accounts.User{ID: id, EmailKey: id.String()}); err != nil {
						return err
					}
				}
			}
			team := accounts.Team{ID: engage.TeamID(ws), Key: fmt.Sprint(i), TeamProfile: accounts.TeamProfile{Members: []engage.UserID{access[0].UserID, access[1].UserID}}}
			for _, err := range []error{
				b.Organizations.Insert(ctx, accounts.Organization{ID: org}), b.Members.Put(ctx, org, members),
				b.Workspaces.Insert(ctx, accounts.Workspace{ID: ws, OrganizationID: org}), b.Access.Put(ctx, ws, access), b.Teams.Insert(ctx, ws, team),
			} {
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	no(t, err)
	analyze := []string{"ANALYZE"}
	if b.db.Name == "mysql" {
		analyze = nil
		for _, table := range []string{"organizations", "members", "workspaces", "users", "access", "teams", "team_members"} {
			analyze = append(analyze, "ANALYZE TABLE engage_accounts_"+table)
		}
	}
	for _, statement := range analyze {
		_, err := b.db.Write.ExecContext(t.Context(), statement)
		no(t, err)
	}
}
