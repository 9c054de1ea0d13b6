package accountstest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/internal/porttest"
)

// Adapter is what a storage adapter gives to the suite: its ports, over one
// database.
type Adapter struct {
	Tx            engage.Transactor
	Publisher     engage.Publisher
	Organizations accounts.OrganizationRepository
	Members       accounts.MemberRepository
	Workspaces    accounts.WorkspaceRepository
	Settings      accounts.SettingRepository
	Users         accounts.UserRepository
	Teams         accounts.TeamRepository
	Levels        accounts.LevelRepository
	Access        accounts.AccessRepository
}

// RunConformance runs the suite. open is called once; the cases keep apart by
// using organizations and users of their own, and run in parallel.
func RunConformance(t *testing.T, open func(t *testing.T) Adapter) {
	t.Helper()
	a := open(t)
	for _, group := range []struct {
		name  string
		cases func(*testing.T, Adapter)
	}{
		{"every port", everyPort},
		{"organizations", organizationCases},
		{"members", memberCases},
		{"workspaces", workspaceCases},
		{"settings", settingCases},
		{"users", userCases},
		{"teams", teamCases},
		{"levels", levelCases},
		{"access", accessCases},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			group.cases(t, a)
		})
	}
}

var start = porttest.Start

// fixture is a case's two workspaces, with the ports. Each stands for an
// organization with the same bytes, whose log it is and to which it belongs.
type fixture struct {
	*porttest.Fixture
	Adapter
}

func newFixture(t *testing.T, a Adapter) *fixture {
	t.Helper()
	return &fixture{Fixture: porttest.New(t, a.Tx, cmp.Comparer(func(a, b attribute.Value) bool { return a == b })), Adapter: a}
}

// run makes a case of a function.
func run(t *testing.T, a Adapter, name string, fn func(f *fixture)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		fn(newFixture(t, a))
	})
}

// org is the organization that stands for a workspace.
func org(ws engage.WorkspaceID) accounts.OrganizationID { return accounts.OrganizationID(ws) }

// inDirectory runs fn in a transaction of the database, as services do, and
// answers its error.
func (f *fixture) inDirectory(fn func(ctx context.Context) error) error {
	return f.Tx.InShard(f.Ctx, engage.DefaultShard, fn)
}

func (f *fixture) userID() engage.UserID { return engage.UserID(f.IDs.NewID()) }

func (f *fixture) organization(ws engage.WorkspaceID) accounts.Organization {
	return accounts.Organization{ID: org(ws), Name: "Acme", CreatedAt: start, UpdatedAt: start, Version: 1}
}

func (f *fixture) workspace(ws engage.WorkspaceID) accounts.Workspace {
	return accounts.Workspace{
		ID: ws, OrganizationID: org(ws), CreatedAt: start, UpdatedAt: start, Version: 1,
		WorkspaceProfile: accounts.WorkspaceProfile{Name: "Support", Locale: "fr-CH", TimeZone: "Europe/Zurich", Currency: "CHF"},
	}
}

func (f *fixture) setting(key string) accounts.Setting {
	return accounts.Setting{Key: key, Value: attribute.Integer(7), UpdatedAt: start}
}

func (f *fixture) user() accounts.User {
	id := f.userID()
	address := id.String() + "@acme.test"
	return accounts.User{
		ID: id, EmailKey: address, Epoch: 1, CreatedAt: start, UpdatedAt: start, Version: 1,
		UserProfile: accounts.UserProfile{Email: strings.ToUpper(address), Name: "Ana"},
	}
}

func (f *fixture) team(name string, members ...engage.UserID) accounts.Team {
	return accounts.Team{
		ID: engage.TeamID(f.IDs.NewID()), TeamProfile: accounts.TeamProfile{Name: name, Members: members}, Key: name,
		CreatedAt: start, UpdatedAt: start.Add(time.Microsecond), Version: 1,
	}
}

func (f *fixture) level(name string) accounts.Level {
	return accounts.Level{
		ID: accounts.LevelID(f.IDs.NewID()), Key: name, CreatedAt: start, UpdatedAt: start.Add(time.Microsecond), Version: 1,
		LevelProfile: accounts.LevelProfile{Name: name, Permissions: map[string]accounts.Scope{"contacts.read": accounts.ScopeAll}},
	}
}

// found fills the workspaces with an organization and a workspace each, which
// other rows belong to.
func (f *fixture) found(all ...engage.WorkspaceID) {
	f.T.Helper()
	f.No(f.inDirectory(func(ctx context.Context) error {
		for _, ws := range all {
			if err := f.Organizations.Insert(ctx, f.organization(ws)); err != nil {
				return err
			}
			if err := f.Workspaces.Insert(ctx, f.workspace(ws)); err != nil {
				return err
			}
		}
		return nil
	}))
}

// hostile are names that databases confuse: case, outer space, accents in two
// spellings, letters with special folds, 4-byte characters, wildcards, quotes,
// and the longest one.
func hostile() []string {
	return []string{
		"alice", "Alice", "ALICE", "alice ", " alice", "al ice", "ålice", "a\u030alice", "alıce", "alİce", "straße", "strasse",
		"😀", "😁", "%", "_", "al_ce", `\`, `'`, `"`, "?", "--", "null", "0", "00",
		strings.Repeat("x", engage.MaxKeyBytes), strings.Repeat("x", engage.MaxKeyBytes-1) + "y", strings.Repeat("é", 127),
	}
}

// walk answers every item of a list, read in small pages.
func walk[T any](f *fixture, page func(context.Context, engage.PageRequest) (engage.Page[T], error)) []T {
	f.T.Helper()
	var all []T
	request := engage.PageRequest{Limit: 2}
	for {
		got, err := page(f.Ctx, request)
		f.No(err)
		all = append(all, got.Items...)
		if request.After = got.Next; got.Next == "" {
			return all
		}
	}
}
