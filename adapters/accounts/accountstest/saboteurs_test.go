package accountstest_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/accountstest"
	"github.com/go-engage/engage/internal/saboteur"
)

// Each of these adapters does one thing wrong, as an author might, and the suite
// fails in the case that is named.
func TestTheSuiteNoticesAnAdapterThat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		does  string
		fails string
		to    func(a *accountstest.Adapter)
	}{
		{"ignores the workspace when it reads", "every port/finds nothing of another workspace and changes nothing there", func(a *accountstest.Adapter) {
			a.Levels = readsAnywhere{a.Levels, &saboteur.Seen{}}
		}},
		{"ignores the workspace when it writes", "every port/keeps equal ids of two workspaces apart", func(a *accountstest.Adapter) {
			a.Tx = saboteur.Unpinned{Transactor: a.Tx}
			a.Levels = deletesAnywhere{a.Levels, &saboteur.Seen{}}
		}},
		{"writes in another workspace's transaction", "every port/refuses to write in another workspace's transaction", func(a *accountstest.Adapter) {
			a.Tx = saboteur.Unpinned{Transactor: a.Tx}
		}},
		{"ignores the organization when it pages", "workspaces/lists an organization's workspaces in order", func(a *accountstest.Adapter) {
			a.Workspaces = pagesAnywhere{a.Workspaces}
		}},
		{"accepts the zero workspace", "every port/refuses the zero workspace", func(a *accountstest.Adapter) {
			a.Teams = zeroIsNobody{a.Teams}
		}},
		{"ignores the version", "workspaces/refuses a taken id, a stale version and a missing workspace", func(a *accountstest.Adapter) {
			a.Workspaces = lastWriterWins{a.Workspaces}
		}},
		{"pages by offset", "workspaces/lists an organization's workspaces in order", func(a *accountstest.Adapter) {
			a.Workspaces = pagesByOffset{a.Workspaces}
		}},
		{"folds case", "users/compares addresses by their bytes", func(a *accountstest.Adapter) {
			a.Users = foldsAddresses{a.Users, strings.ToLower}
		}},
		{"trims spaces", "users/compares addresses by their bytes", func(a *accountstest.Adapter) {
			a.Users = foldsAddresses{a.Users, func(s string) string { return strings.TrimRight(s, " ") }}
		}},
		{"truncates time", "users/answers what was stored, ordered by id, without the missing", func(a *accountstest.Adapter) {
			a.Users = roundsTime{a.Users}
		}},
		{"returns its own pointer", "users/gives out copies", func(a *accountstest.Adapter) {
			a.Users = &sharesRows{UserRepository: a.Users}
		}},
		{"writes without a transaction", "every port/refuses to write without a transaction", func(a *accountstest.Adapter) {
			a.Settings = opensItsOwn{a.Settings, a.Tx}
		}},
		{"writes users in a workspace's transaction", "users/refuses to write without the directory's transaction", func(a *accountstest.Adapter) {
			a.Users = locksNothing{a.Users}
		}},
		{"keeps rows after a rollback", "every port/leaves nothing behind after a rollback", func(a *accountstest.Adapter) {
			a.Tx = saboteur.CommitsAlways{Transactor: a.Tx}
		}},
		{"keeps users after a rollback", "users/leaves nothing behind after a rollback", func(a *accountstest.Adapter) {
			a.Tx = saboteur.CommitsAlways{Transactor: a.Tx}
		}},
		{"keeps rows after a nested rollback", "every port/leaves nothing behind after a rollback", func(a *accountstest.Adapter) {
			a.Tx = saboteur.JoinsWithoutSavepoint{Transactor: a.Tx}
		}},
		{"accepts a batch of any size", "every port/refuses more than a batch", func(a *accountstest.Adapter) {
			a.Access = takesAnyBatch{a.Access}
		}},
		{"accepts any number of users", "users/refuses more than a batch and takes no ids for nothing", func(a *accountstest.Adapter) {
			a.Users = takesAnyUsers{a.Users}
		}},
		{"leaves a workspace's teams behind", "workspaces/deletes a workspace with all it holds, and nothing else", func(a *accountstest.Adapter) {
			a.Workspaces = leavesTeams{a.Workspaces, a.Teams}
		}},
		{"moves a workspace to another organization", "workspaces/keeps a workspace in its organization", func(a *accountstest.Adapter) {
			a.Workspaces = movesWorkspaces{a.Workspaces}
		}},
		{"forgets when a workspace was archived", "workspaces/refuses a taken id, a stale version and a missing workspace", func(a *accountstest.Adapter) {
			a.Workspaces = changesOnUpdate{a.Workspaces}
		}},
		{"removes a member from every organization's workspaces", "members/removes a member from the organization, its workspaces and their teams, and from nothing else", func(a *accountstest.Adapter) {
			a.Members = leavesEverywhere{a.Members, a.Users, a.Access}
		}},
		{"leaves who has no access in teams", "access/takes who leaves from the workspace's teams", func(a *accountstest.Adapter) {
			a.Access = staysInTeams{a.Access, a.Teams}
		}},
		{"counts every member as an administrator", "members/stores members, replaces their roles and counts them", func(a *accountstest.Adapter) {
			a.Members = countsEverybody{a.Members}
		}},
		{"sets a setting whatever its version", "settings/keeps values by key, each with its version", func(a *accountstest.Adapter) {
			a.Settings = setsAnyVersion{a.Settings}
		}},
		{"adds team members and drops none", "teams/replaces members, and answers the teams of a user", func(a *accountstest.Adapter) {
			a.Teams = addsMembers{a.Teams}
		}},
		{"reads the workspace of an access that it stores", "access/stores accesses, replaces their levels, lists and counts them", func(a *accountstest.Adapter) {
			a.Access = putsElsewhere{a.Access}
		}},
	} {
		t.Run(c.does, func(t *testing.T) {
			t.Parallel()
			saboteur.Spoil(t, c.fails, accountstest.RunConformance, open, c.to)
		})
	}
}

type readsAnywhere struct {
	accounts.LevelRepository
	seen *saboteur.Seen
}

func (r readsAnywhere) Get(ctx context.Context, ws engage.WorkspaceID, ids []accounts.LevelID) ([]accounts.Level, error) {
	for _, seen := range r.seen.Note(ws) {
		if found, err := r.LevelRepository.Get(ctx, seen, ids); err != nil || len(found) > 0 {
			return found, err
		}
	}
	return r.LevelRepository.Get(ctx, ws, ids)
}

func (r readsAnywhere) Insert(ctx context.Context, ws engage.WorkspaceID, level accounts.Level) error {
	r.seen.Note(ws)
	return r.LevelRepository.Insert(ctx, ws, level)
}

type deletesAnywhere struct {
	accounts.LevelRepository
	seen *saboteur.Seen
}

func (r deletesAnywhere) Insert(ctx context.Context, ws engage.WorkspaceID, level accounts.Level) error {
	r.seen.Note(ws)
	return r.LevelRepository.Insert(ctx, ws, level)
}

func (r deletesAnywhere) Delete(ctx context.Context, ws engage.WorkspaceID, id accounts.LevelID) error {
	for _, seen := range r.seen.Note(ws) {
		if seen != ws {
			_ = r.LevelRepository.Delete(ctx, seen, id)
		}
	}
	return r.LevelRepository.Delete(ctx, ws, id)
}

type pagesAnywhere struct{ accounts.WorkspaceRepository }

func (r pagesAnywhere) List(ctx context.Context, org accounts.OrganizationID, page engage.PageRequest) (engage.Page[accounts.Workspace], error) {
	got, err := r.WorkspaceRepository.List(ctx, org, page)
	if page.After != "" && errors.Is(err, engage.ErrInvalid) {
		return r.WorkspaceRepository.List(ctx, org, engage.PageRequest{Limit: page.Limit})
	}
	return got, err
}

type zeroIsNobody struct{ accounts.TeamRepository }

func (r zeroIsNobody) Of(ctx context.Context, ws engage.WorkspaceID, user engage.UserID) ([]accounts.Team, error) {
	if ws.IsZero() {
		return nil, nil
	}
	return r.TeamRepository.Of(ctx, ws, user)
}

type lastWriterWins struct{ accounts.WorkspaceRepository }

func (r lastWriterWins) Update(ctx context.Context, w accounts.Workspace) error {
	if stored, err := r.Get(ctx, w.ID); err == nil {
		w.Version = stored.Version
	}
	return r.WorkspaceRepository.Update(ctx, w)
}

type pagesByOffset struct{ accounts.WorkspaceRepository }

func (r pagesByOffset) List(ctx context.Context, org accounts.OrganizationID, page engage.PageRequest) (engage.Page[accounts.Workspace], error) {
	offset, _ := strconv.Atoi(string(page.After))
	size := cmp.Or(page.Limit, engage.DefaultPageSize)
	all, err := r.WorkspaceRepository.List(ctx, org, engage.PageRequest{Limit: engage.MaxPageSize})
	end := min(offset+size, len(all.Items))
	if end < len(all.Items) {
		all.Next = engage.Cursor(strconv.Itoa(end))
	}
	all.Items = all.Items[min(offset, end):max(end, 0)]
	return all, err
}

// foldsAddresses compares addresses as a collation would.
type foldsAddresses struct {
	accounts.UserRepository
	fold func(string) string
}

func (r foldsAddresses) Insert(ctx context.Context, user accounts.User) error {
	user.EmailKey = r.fold(user.EmailKey)
	return r.UserRepository.Insert(ctx, user)
}

type roundsTime struct{ accounts.UserRepository }

func (r roundsTime) Insert(ctx context.Context, user accounts.User) error {
	user.SuspendedAt = user.SuspendedAt.Truncate(time.Millisecond)
	return r.UserRepository.Insert(ctx, user)
}

type sharesRows struct {
	accounts.UserRepository
	shared []accounts.User
}

func (r *sharesRows) Get(ctx context.Context, ids []engage.UserID) ([]accounts.User, error) {
	found, err := r.UserRepository.Get(ctx, ids)
	if len(found) != 1 || found[0].Notifications == nil {
		return found, err
	}
	if len(r.shared) == 0 || r.shared[0].ID != found[0].ID {
		r.shared = found
	}
	return r.shared, err
}

type opensItsOwn struct {
	accounts.SettingRepository
	tx engage.Transactor
}

func (r opensItsOwn) Put(ctx context.Context, ws engage.WorkspaceID, setting accounts.Setting) error {
	err := r.SettingRepository.Put(ctx, ws, setting)
	if !errors.Is(err, engage.ErrFailedPrecondition) {
		return err
	}
	return r.tx.InTx(ctx, ws, func(ctx context.Context) error { return r.SettingRepository.Put(ctx, ws, setting) })
}

type locksNothing struct{ accounts.UserRepository }

func (r locksNothing) Lock(ctx context.Context, ids []engage.UserID) ([]accounts.User, error) {
	return r.Get(ctx, ids)
}

type takesAnyBatch struct{ accounts.AccessRepository }

func (r takesAnyBatch) Put(ctx context.Context, ws engage.WorkspaceID, all []accounts.Access) error {
	for chunk := range slices.Chunk(all, engage.MaxBatch) {
		if err := r.AccessRepository.Put(ctx, ws, chunk); err != nil {
			return err
		}
	}
	return nil
}

type takesAnyUsers struct{ accounts.UserRepository }

func (r takesAnyUsers) Get(ctx context.Context, ids []engage.UserID) ([]accounts.User, error) {
	return r.UserRepository.Get(ctx, ids[:min(len(ids), engage.MaxBatch)])
}

type leavesTeams struct {
	accounts.WorkspaceRepository
	teams accounts.TeamRepository
}

func (r leavesTeams) Delete(ctx context.Context, ws engage.WorkspaceID) error {
	teams, err := r.teams.List(ctx, ws, engage.PageRequest{})
	if err != nil {
		return err
	}
	if err := r.WorkspaceRepository.Delete(ctx, ws); err != nil {
		return err
	}
	for _, team := range teams.Items {
		if err := r.teams.Insert(ctx, ws, team); err != nil {
			return err
		}
	}
	return nil
}

type movesWorkspaces struct{ accounts.WorkspaceRepository }

func (r movesWorkspaces) Update(ctx context.Context, w accounts.Workspace) error {
	stored, err := r.Get(ctx, w.ID)
	if err != nil || stored.OrganizationID == w.OrganizationID || stored.Version != w.Version {
		return r.WorkspaceRepository.Update(ctx, w)
	}
	return errors.Join(r.Delete(ctx, w.ID), r.Insert(ctx, w))
}

type changesOnUpdate struct{ accounts.WorkspaceRepository }

func (r changesOnUpdate) Update(ctx context.Context, w accounts.Workspace) error {
	w.ArchivedAt = time.Time{}
	return r.WorkspaceRepository.Update(ctx, w)
}

type leavesEverywhere struct {
	accounts.MemberRepository
	users  accounts.UserRepository
	access accounts.AccessRepository
}

func (r leavesEverywhere) Remove(ctx context.Context, org accounts.OrganizationID, user engage.UserID) ([]accounts.Access, error) {
	lost, err := r.MemberRepository.Remove(ctx, org, user)
	if err != nil {
		return lost, err
	}
	others, err := r.users.Workspaces(ctx, user)
	for _, a := range others {
		err = errors.Join(err, r.access.Remove(ctx, a.WorkspaceID, user))
	}
	return lost, err
}

type staysInTeams struct {
	accounts.AccessRepository
	teams accounts.TeamRepository
}

func (r staysInTeams) Remove(ctx context.Context, ws engage.WorkspaceID, user engage.UserID) error {
	teams, err := r.teams.Of(ctx, ws, user)
	if err != nil {
		return err
	}
	if err := r.AccessRepository.Remove(ctx, ws, user); err != nil {
		return err
	}
	for _, team := range teams {
		if err := r.teams.Update(ctx, ws, team); err != nil {
			return err
		}
	}
	return nil
}

type countsEverybody struct{ accounts.MemberRepository }

func (r countsEverybody) Count(ctx context.Context, org accounts.OrganizationID, _ accounts.Role) (int, error) {
	page, err := r.List(ctx, org, engage.PageRequest{})
	return len(page.Items), err
}

type setsAnyVersion struct{ accounts.SettingRepository }

func (r setsAnyVersion) Put(ctx context.Context, ws engage.WorkspaceID, setting accounts.Setting) error {
	err := r.SettingRepository.Put(ctx, ws, setting)
	for setting.Version < 9 && errors.Is(err, engage.ErrConflict) {
		setting.Version++
		err = r.SettingRepository.Put(ctx, ws, setting)
	}
	return err
}

type addsMembers struct{ accounts.TeamRepository }

func (r addsMembers) Update(ctx context.Context, ws engage.WorkspaceID, team accounts.Team) error {
	stored, err := r.Get(ctx, ws, []engage.TeamID{team.ID})
	if err == nil && len(stored) == 1 {
		team.Members = append(slices.Clone(stored[0].Members), team.Members...)
	}
	return r.TeamRepository.Update(ctx, ws, team)
}

type putsElsewhere struct{ accounts.AccessRepository }

func (r putsElsewhere) Put(ctx context.Context, ws engage.WorkspaceID, all []accounts.Access) error {
	if len(all) > 0 && len(all) <= engage.MaxBatch && !all[0].WorkspaceID.IsZero() {
		ws = all[0].WorkspaceID
	}
	return r.AccessRepository.Put(ctx, ws, all)
}
