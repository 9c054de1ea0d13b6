package accountstest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/internal/porttest"
)

func organizationCases(t *testing.T, a Adapter) {
	run(t, a, "refuses a taken id, a stale version and a missing organization", func(f *fixture) {
		o := f.organization(f.WS)
		insert := func(ctx context.Context) error { return f.Organizations.Insert(ctx, o) }
		update := func(ctx context.Context) error { return f.Organizations.Update(ctx, o) }
		f.Code(f.inDirectory(update), engage.NotFound)
		f.No(f.inDirectory(insert))
		f.Code(f.inDirectory(insert), engage.AlreadyExists)
		o.Name, o.UpdatedAt = "Acme & Söhne 😀", start.Add(time.Hour)
		f.No(f.inDirectory(update))
		f.Code(f.inDirectory(update), engage.Conflict)
		got, err := f.Organizations.Get(f.Ctx, o.ID)
		f.No(err)
		o.Version = 2
		f.Same(got, o)
		f.No(f.inDirectory(func(ctx context.Context) error {
			locked, err := f.Organizations.Lock(ctx, o.ID)
			f.Same(locked, o)
			return err
		}))
	})
	run(t, a, "deletes an organization with its members", func(f *fixture) {
		f.found(f.WS, f.Other)
		f.No(f.inDirectory(func(ctx context.Context) error {
			all := []accounts.Member{{UserID: f.userID(), Role: accounts.RoleAdmin, JoinedAt: start}}
			return errors.Join(f.Members.Put(ctx, org(f.WS), all), f.Members.Put(ctx, org(f.Other), all))
		}))
		remove := func(ctx context.Context) error { return f.Organizations.Delete(ctx, org(f.WS)) }
		f.No(f.inDirectory(remove))
		f.Code(f.inDirectory(remove), engage.NotFound)
		gone, err := f.Members.List(f.Ctx, org(f.WS), engage.PageRequest{})
		f.No(err)
		f.Same(gone.Items, nil)
		kept, err := f.Members.List(f.Ctx, org(f.Other), engage.PageRequest{})
		f.No(err)
		f.Same(len(kept.Items), 1)
	})
}

func memberCases(t *testing.T, a Adapter) {
	run(t, a, "stores members, replaces their roles and counts them", func(f *fixture) {
		f.found(f.WS)
		var all []accounts.Member
		for range 5 {
			all = append(all, accounts.Member{UserID: f.userID(), Role: accounts.RoleMember, JoinedAt: start})
		}
		put := func(members ...accounts.Member) {
			f.No(f.inDirectory(func(ctx context.Context) error { return f.Members.Put(ctx, org(f.WS), members) }))
		}
		put(all[4], all[0], all[2], all[1], all[3])
		f.Same(walk(f, func(ctx context.Context, page engage.PageRequest) (engage.Page[accounts.Member], error) {
			return f.Members.List(ctx, org(f.WS), page)
		}), all)
		all[1].Role = accounts.RoleAdmin
		put(all[1], all[2])
		got, err := f.Members.Get(f.Ctx, org(f.WS), []engage.UserID{all[2].UserID, f.userID(), all[1].UserID})
		f.No(err)
		f.Same(got, all[1:3])
		for role, want := range map[accounts.Role]int{accounts.RoleAdmin: 1, accounts.RoleMember: 4, accounts.RoleBillingAdmin: 0} {
			n, err := f.Members.Count(f.Ctx, org(f.WS), role)
			f.No(err)
			f.Same(n, want)
		}
	})
	run(t, a, "removes a member from the organization, its workspaces and their teams, and from nothing else", func(f *fixture) {
		f.found(f.WS, f.Other)
		second := f.workspace(engage.WorkspaceID(f.IDs.NewID()))
		second.OrganizationID = org(f.WS)
		ana, ben := f.userID(), f.userID()
		team, theirs := f.team("a", ana, ben), f.team("a", ana)
		f.No(f.inDirectory(func(ctx context.Context) error {
			err := f.Workspaces.Insert(ctx, second)
			for _, ws := range []engage.WorkspaceID{f.WS, second.ID, f.Other} {
				err = errors.Join(err, f.Access.Put(ctx, ws, []accounts.Access{
					{UserID: ana, LevelID: accounts.LevelAgent, GrantedAt: start}, {UserID: ben, LevelID: accounts.LevelViewer, GrantedAt: start},
				}))
			}
			for _, o := range []accounts.OrganizationID{org(f.WS), org(f.Other)} {
				err = errors.Join(err, f.Members.Put(ctx, o, []accounts.Member{{UserID: ana, Role: accounts.RoleMember, JoinedAt: start}}))
			}
			return errors.Join(err, f.Teams.Insert(ctx, second.ID, team), f.Teams.Insert(ctx, f.Other, theirs))
		}))
		remove := func(ctx context.Context) error {
			lost, err := f.Members.Remove(ctx, org(f.WS), ana)
			if err != nil {
				return err
			}
			f.Same(lost, []accounts.Access{
				{WorkspaceID: f.WS, UserID: ana, LevelID: accounts.LevelAgent, GrantedAt: start},
				{WorkspaceID: second.ID, UserID: ana, LevelID: accounts.LevelAgent, GrantedAt: start},
			})
			return nil
		}
		f.No(f.inDirectory(remove))
		f.Code(f.inDirectory(remove), engage.NotFound)
		left, err := f.Users.Workspaces(f.Ctx, ana)
		f.No(err)
		f.Same(left, []accounts.Access{{WorkspaceID: f.Other, UserID: ana, LevelID: accounts.LevelAgent, GrantedAt: start}})
		stays, err := f.Users.Organizations(f.Ctx, ana)
		f.No(err)
		f.Same(stays, []accounts.Belonging{{OrganizationID: org(f.Other), Member: accounts.Member{UserID: ana, Role: accounts.RoleMember, JoinedAt: start}}})
		teams, err := f.Teams.Get(f.Ctx, second.ID, []engage.TeamID{team.ID})
		f.No(err)
		f.Same(teams[0].Members, []engage.UserID{ben})
		teams, err = f.Teams.Get(f.Ctx, f.Other, []engage.TeamID{theirs.ID})
		f.No(err)
		f.Same(teams[0].Members, []engage.UserID{ana})
		others, err := f.Users.Workspaces(f.Ctx, ben)
		f.No(err)
		f.Same(len(others), 3)
	})
}

// userCall is one write of the port of users, who belong to no workspace.
type userCall struct {
	name string
	run  func(ctx context.Context) error
}

func (f *fixture) userWrites(u accounts.User) []userCall {
	return []userCall{
		{"Insert", func(ctx context.Context) error { return f.Users.Insert(ctx, f.user()) }},
		{"Update", func(ctx context.Context) error { u.Name = "Other"; return f.Users.Update(ctx, u) }},
		{"Delete", func(ctx context.Context) error { return f.Users.Delete(ctx, u.ID) }},
		{"Lock", func(ctx context.Context) error { return porttest.Err(f.Users.Lock(ctx, []engage.UserID{u.ID})) }},
	}
}

func userCases(t *testing.T, a Adapter) {
	run(t, a, "has a case for each of its methods", func(f *fixture) {
		names := map[string]bool{}
		for _, c := range f.userWrites(f.user()) {
			names["accounts.UserRepository."+c.name] = true
		}
		for _, read := range []string{"Get", "Find", "Organizations", "Workspaces"} {
			names["accounts.UserRepository."+read] = true
		}
		porttest.RequireCalls(f.T, names, reflect.TypeFor[accounts.UserRepository]())
	})
	run(t, a, "refuses to write without the directory's transaction", func(f *fixture) {
		u := f.user()
		f.No(f.inDirectory(func(ctx context.Context) error { return f.Users.Insert(ctx, u) }))
		for _, c := range f.userWrites(u) {
			f.Code(c.run(f.Ctx), engage.FailedPrecondition)
			f.Code(f.inDirectory(func(context.Context) error { return c.run(f.Ctx) }), engage.FailedPrecondition)
			f.Code(f.Try(c.run), engage.FailedPrecondition)
		}
		f.Same(f.users(u.ID), []accounts.User{u})
	})
	run(t, a, "leaves nothing behind after a rollback", func(f *fixture) {
		u, undo := f.user(), errors.New("undo")
		f.No(f.inDirectory(func(ctx context.Context) error { return f.Users.Insert(ctx, u) }))
		for _, c := range f.userWrites(u) {
			fails := func(ctx context.Context) error { return errors.Join(c.run(ctx), undo) }
			if err := f.inDirectory(fails); !errors.Is(err, undo) {
				f.T.Errorf("%s: want the error of fn, got %v", c.name, err)
			}
			f.No(f.inDirectory(func(ctx context.Context) error {
				_ = f.Tx.InShard(ctx, engage.DefaultShard, fails)
				return nil
			}))
		}
		f.Same(f.users(u.ID), []accounts.User{u})
	})
	run(t, a, "refuses more than a batch and takes no ids for nothing", func(f *fixture) {
		many := make([]engage.UserID, engage.MaxBatch+1)
		f.Code(porttest.Err(f.Users.Get(f.Ctx, many)), engage.Invalid)
		f.No(f.inDirectory(func(ctx context.Context) error {
			f.Code(porttest.Err(f.Users.Lock(ctx, many)), engage.Invalid)
			none, err := f.Users.Lock(ctx, nil)
			f.Same(none, nil)
			return err
		}))
		f.Same(f.users(), nil)
	})
	run(t, a, "answers what was stored, ordered by id, without the missing", func(f *fixture) {
		one, two := f.user(), f.user()
		one.Locale, one.TimeZone, one.Name = "pt-BR", "America/Sao_Paulo", "Ânä 😀 <&>"
		one.Notifications = accounts.Notifications{accounts.ChannelEmail: {"mention", "assigned"}, accounts.ChannelDesktop: {}}
		one.Epoch, one.SuspendedAt, one.UpdatedAt = 1<<40, start.Add(time.Microsecond), start.Add(999999*time.Microsecond)
		f.No(f.inDirectory(func(ctx context.Context) error {
			return errors.Join(f.Users.Insert(ctx, two), f.Users.Insert(ctx, one))
		}))
		f.Same(f.users(two.ID, f.userID(), one.ID), []accounts.User{one, two})
		f.No(f.inDirectory(func(ctx context.Context) error {
			locked, err := f.Users.Lock(ctx, []engage.UserID{two.ID, f.userID(), one.ID})
			f.Same(locked, []accounts.User{one, two})
			return err
		}))
	})
	run(t, a, "refuses a taken address, a stale version and a missing user", func(f *fixture) {
		one, two := f.user(), f.user()
		insert := func(u accounts.User) error {
			return f.inDirectory(func(ctx context.Context) error { return f.Users.Insert(ctx, u) })
		}
		update := func(u accounts.User) error {
			return f.inDirectory(func(ctx context.Context) error { return f.Users.Update(ctx, u) })
		}
		remove := func() error {
			return f.inDirectory(func(ctx context.Context) error { return f.Users.Delete(ctx, one.ID) })
		}
		f.No(insert(one))
		f.No(insert(two))
		twin := f.user()
		twin.EmailKey = one.EmailKey
		f.Code(insert(twin), engage.AlreadyExists)
		sameID := f.user()
		sameID.ID = one.ID
		f.Code(insert(sameID), engage.AlreadyExists)
		f.Code(update(twin), engage.NotFound)
		stale := two
		two.EmailKey = one.EmailKey
		f.Code(update(two), engage.AlreadyExists)
		two.EmailKey, two.Name, two.Epoch = strings.ToUpper(stale.EmailKey), "Ben", 2
		f.No(update(two))
		f.Code(update(stale), engage.Conflict)
		two.Version = 2
		f.Same(f.users(two.ID), []accounts.User{two})
		found, err := f.Users.Find(f.Ctx, two.EmailKey)
		f.No(err)
		f.Same(found, two)
		f.Code(porttest.Err(f.Users.Find(f.Ctx, stale.EmailKey)), engage.NotFound)
		f.No(remove())
		f.Code(remove(), engage.NotFound)
		f.Code(porttest.Err(f.Users.Find(f.Ctx, one.EmailKey)), engage.NotFound)
		f.No(insert(twin))
	})
	run(t, a, "compares addresses by their bytes", func(f *fixture) {
		var want []accounts.User
		prefix := f.userID().String()
		for _, name := range hostile() {
			u := f.user()
			u.EmailKey = prefix + name
			if len(u.EmailKey) <= engage.MaxKeyBytes {
				want = append(want, u)
			}
		}
		f.No(f.inDirectory(func(ctx context.Context) error {
			for _, u := range want {
				if err := f.Users.Insert(ctx, u); err != nil {
					return err
				}
			}
			return nil
		}))
		for _, u := range want {
			got, err := f.Users.Find(f.Ctx, u.EmailKey)
			f.No(err)
			f.Same(got, u)
		}
		f.Code(porttest.Err(f.Users.Find(f.Ctx, prefix+"aLICE")), engage.NotFound)
	})
	run(t, a, "gives out copies", func(f *fixture) {
		u := f.user()
		u.Notifications = accounts.Notifications{accounts.ChannelEmail: {"mention"}}
		want := u.Clone()
		f.No(f.inDirectory(func(ctx context.Context) error { return f.Users.Insert(ctx, u) }))
		u.Notifications[accounts.ChannelEmail][0] = "spoilt"
		f.users(u.ID)[0].Notifications[accounts.ChannelEmail][0] = "spoilt"
		f.Same(f.users(u.ID), []accounts.User{want})
	})
	run(t, a, "lists a user's organizations and workspaces in order", func(f *fixture) {
		f.found(f.WS, f.Other)
		u := f.userID()
		f.No(f.inDirectory(func(ctx context.Context) error {
			var err error
			for _, ws := range []engage.WorkspaceID{f.Other, f.WS} {
				err = errors.Join(err, f.Members.Put(ctx, org(ws), []accounts.Member{{UserID: u, Role: accounts.RoleMember, JoinedAt: start}}),
					f.Access.Put(ctx, ws, []accounts.Access{{UserID: u, LevelID: accounts.LevelAgent, GrantedAt: start}}))
			}
			return err
		}))
		organizations, err := f.Users.Organizations(f.Ctx, u)
		f.No(err)
		workspaces, err := f.Users.Workspaces(f.Ctx, u)
		f.No(err)
		ids := []engage.WorkspaceID{f.WS, f.Other}
		slices.SortFunc(ids, engage.WorkspaceID.Compare)
		for i, ws := range ids {
			f.Same(organizations[i].OrganizationID, org(ws))
			f.Same(workspaces[i].WorkspaceID, ws)
		}
		f.Same(len(organizations)+len(workspaces), 4)
	})
}

func (f *fixture) users(ids ...engage.UserID) []accounts.User {
	f.T.Helper()
	found, err := f.Users.Get(f.Ctx, ids)
	f.No(err)
	return found
}
