package bunaccounts_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/accountstest"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunaccounts"
	"github.com/go-engage/engage/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite the budgets and plans in testdata")

// many is how many items the calls below are given: enough that a statement an
// item could not be overlooked.
const many = 50

// testBundle is a database with an organization of many members, who all have
// access to its workspace and are in one team.
type testBundle struct {
	accountstest.Adapter
	db      *testkit.Database
	store   *bunstore.Store
	clock   *engage.ManualClock
	ids     engage.IDSource
	service *accounts.Service

	org    accounts.OrganizationID
	ws     engage.WorkspaceID
	people []engage.UserID
	level  accounts.Level
	team   accounts.Team
}

func setup(t *testing.T, db *testkit.Database) *testBundle {
	t.Helper()
	clock := engage.NewManualClock(testkit.Start)
	store := testkit.Store(t, db, clock, bunaccounts.Schema)
	b := &testBundle{Adapter: adapterOf(store), db: db, store: store, clock: clock, ids: engage.NewIDSource(clock, nil)}
	b.service = b.open(t)
	no(t, store.InShard(t.Context(), engage.DefaultShard, func(ctx context.Context) error { // one commit is quicker than many
		b.fill(ctx, t)
		return nil
	}))
	return b
}

func (b *testBundle) fill(ctx context.Context, t *testing.T) {
	t.Helper()
	b.people = nil
	var members []accounts.Member
	var access []accounts.Access
	for i := range many {
		u, err := b.service.CreateUser(ctx, accounts.UserProfile{Email: fmt.Sprintf("user%d@acme.test", i), Name: "User"})
		no(t, err)
		b.people = append(b.people, u.ID)
		members = append(members, accounts.Member{UserID: u.ID, Role: accounts.RoleAdmin})
		access = append(access, accounts.Access{UserID: u.ID, LevelID: accounts.LevelAgent})
	}
	o, err := b.service.CreateOrganization(ctx, "Acme", b.people[0])
	no(t, err)
	b.org = o.ID
	_, err = b.service.SetRoles(ctx, b.org, members...)
	no(t, err)
	b.ws = b.workspace(ctx, t)
	_, err = b.service.SetAccess(ctx, b.ws, access...)
	no(t, err)
	b.level, err = b.service.CreateLevel(ctx, b.ws, accounts.LevelProfile{Name: "Sales", Permissions: map[string]accounts.Scope{"deals.read": accounts.ScopeTeam}})
	no(t, err)
	b.team, err = b.service.CreateTeam(ctx, b.ws, accounts.TeamProfile{Name: "All", Members: b.people})
	no(t, err)
}

// open is one more service over the store.
func (b *testBundle) open(t *testing.T) *accounts.Service {
	t.Helper()
	service, err := accounts.New(accounts.Deps{
		Runtime:       engage.Runtime{Tx: b.store, Events: b.store, Clock: b.clock, IDs: b.ids},
		Organizations: b.Organizations, Members: b.Members, Workspaces: b.Workspaces, Settings: b.Settings,
		Users: b.Users, Teams: b.Teams, Levels: b.Levels, Access: b.Access,
	}, accounts.Config{Settings: []accounts.SettingDefinition{{Key: "brand", Default: []byte("{}"), Validate: func(json.RawMessage) error { return nil }}}})
	no(t, err)
	return service
}

func (b *testBundle) workspace(ctx context.Context, t *testing.T) engage.WorkspaceID {
	t.Helper()
	w, err := b.service.CreateWorkspace(ctx, b.org, accounts.WorkspaceProfile{Name: "Support", Locale: "fr", TimeZone: "Europe/Paris", Currency: "EUR"}, b.people[0])
	no(t, err)
	return w.ID
}

func no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

// errUndo rolls back what a call did, so that the next one finds the bundle.
var errUndo = &engage.Error{Code: engage.Internal, Op: "undo"}

// ran answers what a call runs within a transaction that is rolled back.
func (b *testBundle) ran(t *testing.T, call func(ctx context.Context) error) (statements []string, tally testkit.Tally) {
	t.Helper()
	err := b.store.InShard(t.Context(), engage.DefaultShard, func(ctx context.Context) error {
		b.db.Count.Reset()
		if err := call(ctx); err != nil {
			return err
		}
		statements, tally = b.db.Count.Statements(), b.db.Count.Tally()
		return errUndo
	})
	if !errors.Is(err, errUndo) || engage.CodeOf(err) != engage.Internal {
		t.Fatalf("the call failed: %v", err)
	}
	return statements, tally
}
