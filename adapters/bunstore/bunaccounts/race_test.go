package bunaccounts_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunaccounts"
	"github.com/go-engage/engage/internal/testkit"
)

// together runs a function for each of n at once.
func together(n int, do func(i int)) {
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-begin
			do(i)
		})
	}
	close(begin)
	all.Wait()
}

func TestTheLastAdministratorStaysHoweverManyLeaveAtOnce(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		services := []*accounts.Service{b.service, b.open(t)}
		for _, leave := range []func(i int) error{
			func(i int) error { return services[i%2].RemoveMember(t.Context(), b.org, b.people[i]) },
			func(i int) error {
				return ignore(services[i%2].SetRoles(t.Context(), b.org, accounts.Member{UserID: b.people[i], Role: accounts.RoleMember}))
			},
		} {
			admins := []accounts.Member{{UserID: b.people[0], Role: accounts.RoleAdmin}, {UserID: b.people[1], Role: accounts.RoleAdmin}}
			for _, id := range b.people[2:] {
				admins = append(admins, accounts.Member{UserID: id, Role: accounts.RoleMember})
			}
			_, err := b.service.SetRoles(t.Context(), b.org, admins...)
			no(t, err)
			var left, refused atomic.Int32
			together(2, func(i int) {
				switch err := leave(i); {
				case err == nil:
					left.Add(1)
				case errors.Is(err, accounts.ErrLastAdmin):
					refused.Add(1)
				default:
					t.Errorf("unexpected error: %v", err)
				}
			})
			n, err := b.Members.Count(t.Context(), b.org, accounts.RoleAdmin)
			no(t, err)
			if left.Load() != 1 || refused.Load() != 1 || n != 1 {
				t.Errorf("%d left, %d were refused, %d administrators: want one each", left.Load(), refused.Load(), n)
			}
		}
	})
}

func TestNobodyHasAccessWithoutBeingAMember(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		second := b.workspace(t.Context(), t)
		together(8, func(i int) { // four leave while they are let in
			user := b.people[1+i/2]
			var err error
			if i%2 == 0 {
				err = b.service.RemoveMember(t.Context(), b.org, user)
			} else {
				err = ignore(b.service.SetAccess(t.Context(), second, accounts.Access{UserID: user, LevelID: accounts.LevelAgent}))
			}
			if err != nil && !errors.Is(err, engage.ErrNotFound) {
				t.Errorf("unexpected error: %v", err)
			}
		})
		for _, user := range b.people[1:5] {
			left, err := b.service.WorkspacesOf(t.Context(), user)
			no(t, err)
			if len(left) > 0 {
				t.Errorf("who is no member has access: %v", left)
			}
		}
	})
}

func TestARemovedAccessEndsInAnotherProcess(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		there, user := b.open(t), b.people[1]
		ask := func() error {
			return there.Authorize(engage.WithActor(t.Context(), accounts.ActorOf(user)), b.ws, "contacts.read", engage.Ref{})
		}
		no(t, ask())
		no(t, b.service.RemoveAccess(t.Context(), b.ws, user))
		b.clock.Advance(5 * time.Second)
		if err := ask(); !errors.Is(err, engage.ErrPermissionDenied) {
			t.Errorf("want ErrPermissionDenied, got %v", err)
		}
	})
}

// The directory is one database, wherever the workspaces' own data is.
func TestTheDirectoryIsADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	const directory, tenants = engage.Shard("directory"), engage.Shard("tenants")
	first, second := testkit.SQLite(t), testkit.SQLite(t)
	workspaces := map[engage.WorkspaceID]bool{}
	store, err := bunstore.Open(t.Context(), bunstore.Config{
		More: []bunstore.Database{{Shard: directory, Write: first.Write, Read: first.Read}, {Shard: tenants, Write: second.Write, Read: second.Read}},
		Resolve: func(_ context.Context, ws engage.WorkspaceID) (engage.Shard, error) {
			if workspaces[ws] {
				return tenants, nil
			}
			return directory, nil // the logs of organizations and users
		},
	})
	no(t, err)
	no(t, store.Migrate(t.Context(), bunaccounts.Schema))
	dir := bunaccounts.NewDirectory(store, directory)
	service, err := accounts.New(accounts.Deps{
		Runtime:       engage.Runtime{Tx: store, Events: store},
		Organizations: bunaccounts.NewOrganizations(dir), Members: bunaccounts.NewMembers(dir),
		Workspaces: bunaccounts.NewWorkspaces(dir), Settings: bunaccounts.NewSettings(dir), Users: bunaccounts.NewUsers(dir),
		Teams: bunaccounts.NewTeams(dir), Levels: bunaccounts.NewLevels(dir), Access: bunaccounts.NewAccess(dir),
	}, accounts.Config{Shard: directory})
	no(t, err)
	ana, err := service.CreateUser(t.Context(), accounts.UserProfile{Email: "ana@acme.test", Name: "Ana"})
	no(t, err)
	acme, err := service.CreateOrganization(t.Context(), "Acme", ana.ID)
	no(t, err)
	w, err := service.CreateWorkspace(t.Context(), acme.ID, accounts.WorkspaceProfile{Name: "A", Locale: "fr", TimeZone: "UTC", Currency: "EUR"}, ana.ID)
	no(t, err)
	workspaces[w.ID] = true

	_, err = service.CreateTeam(t.Context(), w.ID, accounts.TeamProfile{Name: "All", Members: []engage.UserID{ana.ID}})
	no(t, err)
	settings, err := service.Settings(t.Context(), w.ID)
	no(t, err)
	if settings.Name != "A" {
		t.Errorf("want the workspace's settings, got %+v", settings)
	}
	err = store.InTx(t.Context(), w.ID, func(ctx context.Context) error {
		return bunaccounts.NewTeams(dir).Insert(ctx, w.ID, accounts.Team{ID: engage.TeamID{1}, Key: "b"})
	})
	if !errors.Is(err, engage.ErrFailedPrecondition) {
		t.Errorf("a write into another database than the directory: want ErrFailedPrecondition, got %v", err)
	}
}
