package accountstest

import (
	"context"
	"reflect"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/internal/porttest"
)

// world is a workspace with one of everything.
type world struct {
	*fixture
	user  engage.UserID
	team  accounts.Team
	level accounts.Level
}

func newWorld(f *fixture) *world {
	w := &world{fixture: f, user: f.userID(), level: f.level("support")}
	w.team = f.team("second line", w.user)
	w.fill(f.WS)
	return w
}

// fill writes the world into a workspace; two workspaces may hold the same ids.
func (w *world) fill(ws engage.WorkspaceID) {
	w.T.Helper()
	w.InOf(ws, func(ctx context.Context) error {
		for _, err := range []error{
			w.Organizations.Insert(ctx, w.organization(ws)),
			w.Members.Put(ctx, org(ws), []accounts.Member{{UserID: w.user, Role: accounts.RoleAdmin, JoinedAt: start}}),
			w.Workspaces.Insert(ctx, w.workspace(ws)),
			w.Settings.Put(ctx, ws, w.setting("inbox.auto_close")),
			w.Levels.Insert(ctx, ws, w.level),
			w.Access.Put(ctx, ws, []accounts.Access{{UserID: w.user, LevelID: w.level.ID, GrantedAt: start}}),
			w.Teams.Insert(ctx, ws, w.team),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// calls are all methods of all ports that serve one workspace or one
// organization.
func (w *world) calls() []porttest.Call {
	var calls []porttest.Call
	calls = append(calls, w.levelCalls()...)
	calls = append(calls, w.teamCalls()...)
	calls = append(calls, w.accessCalls()...)
	calls = append(calls, w.workspaceCalls()...) // which end with all that stands above
	return append(calls, w.organizationCalls()...)
}

func (w *world) organizationCalls() []porttest.Call {
	const organizations, members = "accounts.OrganizationRepository", "accounts.MemberRepository"
	users := []engage.UserID{w.user}
	return []porttest.Call{
		porttest.Writes(organizations, "Update", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Organizations.Update(ctx, w.organization(ws)))
		}, nil),
		porttest.Reads(organizations, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(porttest.Err(w.Organizations.Get(ctx, org(ws))))
		}, nil),
		porttest.Writes(organizations, "Lock", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(porttest.Err(w.Organizations.Lock(ctx, org(ws))))
		}, nil),
		porttest.Creates(members, "Put", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Members.Put(ctx, org(ws), []accounts.Member{{UserID: w.userID(), Role: accounts.RoleMember, JoinedAt: start}}))
		}, func(ctx context.Context, ws engage.WorkspaceID, n int) error {
			return w.Members.Put(ctx, org(ws), make([]accounts.Member, n))
		}),
		porttest.Reads(members, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Members.Get(ctx, org(ws), users))
		}, func(ctx context.Context, ws engage.WorkspaceID, n int) error {
			return porttest.Err(w.Members.Get(ctx, org(ws), make([]engage.UserID, n)))
		}),
		porttest.Reads(members, "Count", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return w.Members.Count(ctx, org(ws), accounts.RoleAdmin)
		}, nil),
		porttest.Reads(members, "List", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Members.List(ctx, org(ws), engage.PageRequest{}))
		}, nil),
		porttest.Writes(members, "Remove", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Members.Remove(ctx, org(ws), w.user))
		}, nil),
		porttest.Writes(organizations, "Delete", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Organizations.Delete(ctx, org(ws)))
		}, nil),
		porttest.Creates(organizations, "Insert", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_ = w.Organizations.Delete(ctx, org(ws)) // the id is the workspace's: it can't be another
			return porttest.CountNone(w.Organizations.Insert(ctx, w.organization(ws)))
		}, nil),
	}
}

func (w *world) workspaceCalls() []porttest.Call {
	const workspaces, settings = "accounts.WorkspaceRepository", "accounts.SettingRepository"
	return []porttest.Call{
		porttest.Writes(workspaces, "Update", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Workspaces.Update(ctx, w.workspace(ws)))
		}, nil),
		porttest.Reads(workspaces, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(porttest.Err(w.Workspaces.Get(ctx, ws)))
		}, nil),
		porttest.Reads(workspaces, "List", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Workspaces.List(ctx, org(ws), engage.PageRequest{}))
		}, nil),
		porttest.Creates(settings, "Put", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Settings.Put(ctx, ws, w.setting("new")))
		}, nil),
		porttest.Reads(settings, "All", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Settings.All(ctx, ws))
		}, nil),
		porttest.Writes(settings, "Remove", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Settings.Remove(ctx, ws, "inbox.auto_close", 1))
		}, nil),
		porttest.Writes(workspaces, "Delete", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Workspaces.Delete(ctx, ws))
		}, nil),
		porttest.Creates(workspaces, "Insert", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_ = w.Workspaces.Delete(ctx, ws)
			return porttest.CountNone(w.Workspaces.Insert(ctx, w.workspace(ws)))
		}, nil),
	}
}

func (w *world) accessCalls() []porttest.Call {
	const port = "accounts.AccessRepository"
	return []porttest.Call{
		porttest.Creates(port, "Put", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Access.Put(ctx, ws, []accounts.Access{{UserID: w.userID(), LevelID: w.level.ID, GrantedAt: start}}))
		}, porttest.Given(w.Access.Put)),
		porttest.Reads(port, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Access.Get(ctx, ws, []engage.UserID{w.user}))
		}, porttest.Asked(w.Access.Get)),
		porttest.Reads(port, "Count", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return w.Access.Count(ctx, ws, w.level.ID)
		}, nil),
		porttest.Reads(port, "List", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Access.List(ctx, ws, engage.PageRequest{}))
		}, nil),
		porttest.Writes(port, "Remove", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Access.Remove(ctx, ws, w.user))
		}, nil),
	}
}

func (w *world) teamCalls() []porttest.Call {
	const port = "accounts.TeamRepository"
	return []porttest.Call{
		porttest.Creates(port, "Insert", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Teams.Insert(ctx, ws, w.fixture.team("new", w.user)))
		}, nil),
		porttest.Writes(port, "Update", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Teams.Update(ctx, ws, w.team))
		}, nil),
		porttest.Reads(port, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Teams.Get(ctx, ws, []engage.TeamID{w.team.ID}))
		}, porttest.Asked(w.Teams.Get)),
		porttest.Reads(port, "Of", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Teams.Of(ctx, ws, w.user))
		}, nil),
		porttest.Reads(port, "List", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Teams.List(ctx, ws, engage.PageRequest{}))
		}, nil),
		porttest.Writes(port, "Delete", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Teams.Delete(ctx, ws, w.team.ID))
		}, nil),
	}
}

func (w *world) levelCalls() []porttest.Call {
	const port = "accounts.LevelRepository"
	return []porttest.Call{
		porttest.Creates(port, "Insert", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Levels.Insert(ctx, ws, w.fixture.level("new")))
		}, nil),
		porttest.Writes(port, "Update", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Levels.Update(ctx, ws, w.level))
		}, nil),
		porttest.Reads(port, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Levels.Get(ctx, ws, []accounts.LevelID{w.level.ID}))
		}, porttest.Asked(w.Levels.Get)),
		porttest.Reads(port, "List", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Levels.List(ctx, ws, engage.PageRequest{}))
		}, nil),
		porttest.Writes(port, "Delete", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Levels.Delete(ctx, ws, w.level.ID))
		}, nil),
	}
}

// everyPort asks of each method what all of them promise. The port of users,
// who belong to no workspace, has cases of its own.
func everyPort(t *testing.T, a Adapter) {
	porttest.EveryPort(t, func(t *testing.T) porttest.World {
		w := newWorld(newFixture(t, a))
		return porttest.World{Fixture: w.Fixture, Calls: w.calls(), Fill: w.fill, Dump: func(ws engage.WorkspaceID) string { return Dump(w.Ctx, t, a, ws) }}
	},
		reflect.TypeFor[accounts.OrganizationRepository](), reflect.TypeFor[accounts.MemberRepository](),
		reflect.TypeFor[accounts.WorkspaceRepository](), reflect.TypeFor[accounts.SettingRepository](),
		reflect.TypeFor[accounts.AccessRepository](), reflect.TypeFor[accounts.TeamRepository](), reflect.TypeFor[accounts.LevelRepository]())
}
