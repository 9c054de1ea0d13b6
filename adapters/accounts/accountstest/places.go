package accountstest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/internal/porttest"
)

func workspaceCases(t *testing.T, a Adapter) {
	run(t, a, "refuses a taken id, a stale version and a missing workspace", func(f *fixture) {
		w := f.workspace(f.WS)
		insert := func(ctx context.Context) error { return f.Workspaces.Insert(ctx, w) }
		update := func(ctx context.Context) error { return f.Workspaces.Update(ctx, w) }
		f.Code(f.inDirectory(update), engage.NotFound)
		f.No(f.inDirectory(insert))
		f.Code(f.inDirectory(insert), engage.AlreadyExists)
		w.Name, w.Locale, w.TimeZone, w.Currency = "Später 😀", "de", "Africa/Abidjan", "XOF"
		w.UpdatedAt, w.ArchivedAt = start.Add(time.Hour), start.Add(time.Microsecond)
		f.No(f.inDirectory(update))
		f.Code(f.inDirectory(update), engage.Conflict)
		w.Version = 2
		got, err := f.Workspaces.Get(f.Ctx, w.ID)
		f.No(err)
		f.Same(got, w)
	})
	run(t, a, "keeps a workspace in its organization", func(f *fixture) {
		f.found(f.WS)
		moved := f.workspace(f.WS)
		moved.OrganizationID = org(f.Other)
		f.No(f.inDirectory(func(ctx context.Context) error { return f.Workspaces.Update(ctx, moved) }))
		got, err := f.Workspaces.Get(f.Ctx, f.WS)
		f.No(err)
		f.Same(got.OrganizationID, org(f.WS))
	})
	run(t, a, "lists an organization's workspaces in order", func(f *fixture) {
		f.found(f.WS, f.Other)
		want := []accounts.Workspace{f.workspace(f.WS)}
		f.No(f.inDirectory(func(ctx context.Context) error {
			for range 4 {
				w := f.workspace(engage.WorkspaceID(f.IDs.NewID()))
				w.OrganizationID = org(f.WS)
				want = append(want, w)
				if err := f.Workspaces.Insert(ctx, w); err != nil {
					return err
				}
			}
			return nil
		}))
		list := func(ctx context.Context, page engage.PageRequest) (engage.Page[accounts.Workspace], error) {
			return f.Workspaces.List(ctx, org(f.WS), page)
		}
		f.Same(walk(f, list), want)
		page, err := list(f.Ctx, engage.PageRequest{Limit: 2})
		f.No(err)
		f.Code(porttest.Err(f.Workspaces.List(f.Ctx, org(f.Other), engage.PageRequest{After: page.Next})), engage.Invalid)
		f.Code(porttest.Err(list(f.Ctx, engage.PageRequest{Limit: -1})), engage.Invalid)
	})
	run(t, a, "deletes a workspace with all it holds, and nothing else", func(f *fixture) {
		w := newWorld(f)
		w.fill(f.Other)
		kept := Dump(f.Ctx, f.T, a, f.Other)
		f.No(f.inDirectory(func(ctx context.Context) error { return f.Workspaces.Delete(ctx, f.WS) }))
		f.Same(Dump(f.Ctx, f.T, a, f.Other), kept)
		dump := Dump(f.Ctx, f.T, a, f.WS)
		for _, gone := range []string{"access ", "team ", "level ", "auto_close", "Support"} {
			if strings.Contains(dump, gone) {
				f.T.Errorf("%q is left:\n%s", gone, dump)
			}
		}
	})
}

func settingCases(t *testing.T, a Adapter) {
	run(t, a, "keeps values by key, each with its version", func(f *fixture) {
		f.found(f.WS)
		put := func(s accounts.Setting) error {
			return f.inDirectory(func(ctx context.Context) error { return f.Settings.Put(ctx, f.WS, s) })
		}
		remove := func(key string, version engage.Version) error {
			return f.inDirectory(func(ctx context.Context) error { return f.Settings.Remove(ctx, f.WS, key, version) })
		}
		number, err := attribute.Parse([]byte(`{"b":[1.50,"<&> 😀 \u2028",null],"aa":12345678901234567890.000000000001,"a":{}}`))
		f.No(err)
		one, two := f.setting("b"), f.setting("a.long_key")
		two.Value = number
		f.No(put(one))
		f.No(put(two))
		f.Code(put(one), engage.Conflict)
		one.Version, two.Version = 1, 1
		all, err := f.Settings.All(f.Ctx, f.WS)
		f.No(err)
		f.Same(all, []accounts.Setting{two, one})
		one.Value, one.UpdatedAt = attribute.Null, start.Add(time.Microsecond)
		f.No(put(one))
		f.Code(put(one), engage.Conflict)
		f.Code(remove("b", 1), engage.Conflict)
		f.Code(remove("missing", 1), engage.NotFound)
		f.Code(put(accounts.Setting{Key: "missing", Value: attribute.Null, UpdatedAt: start, Version: 3}), engage.Conflict)
		f.No(remove("a.long_key", 1))
		one.Version = 2
		all, err = f.Settings.All(f.Ctx, f.WS)
		f.No(err)
		f.Same(all, []accounts.Setting{one})
		f.No(remove("b", 2))
		f.No(put(accounts.Setting{Key: "b", Value: attribute.Null, UpdatedAt: start}))
	})
}

func teamCases(t *testing.T, a Adapter) {
	run(t, a, "keeps teams by key, compared by its bytes", func(f *fixture) {
		f.found(f.WS)
		var want []accounts.Team
		for _, key := range hostile() {
			want = append(want, f.team(key))
		}
		for _, team := range want {
			f.No(f.inDirectory(func(ctx context.Context) error { return f.Teams.Insert(ctx, f.WS, team) }))
		}
		slices.SortFunc(want, func(a, b accounts.Team) int { return strings.Compare(a.Key, b.Key) })
		f.Same(walk(f, func(ctx context.Context, page engage.PageRequest) (engage.Page[accounts.Team], error) {
			return f.Teams.List(ctx, f.WS, page)
		}), want)
	})
	run(t, a, "refuses a taken key, a stale version and a missing team", func(f *fixture) {
		f.found(f.WS)
		one, two := f.team("one"), f.team("two", f.userID())
		insert := func(team accounts.Team) error {
			return f.inDirectory(func(ctx context.Context) error { return f.Teams.Insert(ctx, f.WS, team) })
		}
		update := func(team accounts.Team) error {
			return f.inDirectory(func(ctx context.Context) error { return f.Teams.Update(ctx, f.WS, team) })
		}
		f.No(insert(one))
		f.No(insert(two))
		twin := f.team("one")
		f.Code(insert(twin), engage.AlreadyExists)
		f.Code(update(twin), engage.NotFound)
		two.Key = "one"
		f.Code(update(two), engage.AlreadyExists)
		two.Key, two.Name = "TWO", "Two"
		f.No(update(two))
		f.Code(update(two), engage.Conflict)
		f.Code(f.inDirectory(func(ctx context.Context) error { return f.Teams.Delete(ctx, f.WS, twin.ID) }), engage.NotFound)
		two.Version = 2
		got, err := f.Teams.Get(f.Ctx, f.WS, []engage.TeamID{two.ID, twin.ID})
		f.No(err)
		f.Same(got, []accounts.Team{two})
	})
	run(t, a, "replaces members, and answers the teams of a user", func(f *fixture) {
		f.found(f.WS, f.Other)
		ana, ben, cleo := f.userID(), f.userID(), f.userID()
		one, two, theirs := f.team("one", ana, ben), f.team("two", ben, cleo), f.team("one", ana)
		f.No(f.inDirectory(func(ctx context.Context) error {
			return errors.Join(f.Teams.Insert(ctx, f.WS, two), f.Teams.Insert(ctx, f.WS, one), f.Teams.Insert(ctx, f.Other, theirs))
		}))
		of := func(user engage.UserID, want ...accounts.Team) {
			f.T.Helper()
			got, err := f.Teams.Of(f.Ctx, f.WS, user)
			f.No(err)
			f.Same(got, want)
		}
		of(ana, one)
		of(ben, one, two)
		of(f.userID())
		one.Members = []engage.UserID{cleo}
		f.No(f.inDirectory(func(ctx context.Context) error { return f.Teams.Update(ctx, f.WS, one) }))
		one.Version = 2
		of(ana)
		of(cleo, one, two)
		f.No(f.inDirectory(func(ctx context.Context) error { return f.Teams.Delete(ctx, f.WS, two.ID) }))
		of(ben)
		of(cleo, one)
	})
	run(t, a, "gives out copies", func(f *fixture) {
		f.found(f.WS)
		ana := f.userID()
		team := f.team("one", ana)
		f.No(f.inDirectory(func(ctx context.Context) error { return f.Teams.Insert(ctx, f.WS, team) }))
		team.Members[0] = engage.UserID{1}
		for range 2 {
			got, err := f.Teams.Get(f.Ctx, f.WS, []engage.TeamID{team.ID})
			f.No(err)
			f.Same(got[0].Members, []engage.UserID{ana})
			got[0].Members[0] = engage.UserID{1}
		}
	})
}

func levelCases(t *testing.T, a Adapter) {
	run(t, a, "keeps levels by key, compared by its bytes, with their permissions", func(f *fixture) {
		f.found(f.WS)
		var want []accounts.Level
		for _, key := range hostile() {
			level := f.level(key)
			level.Permissions = map[string]accounts.Scope{"deals.read": accounts.ScopeTeam, "deals.write": accounts.ScopeOwn}
			want = append(want, level)
		}
		want[0].Permissions = nil
		for _, level := range want {
			f.No(f.inDirectory(func(ctx context.Context) error { return f.Levels.Insert(ctx, f.WS, level) }))
		}
		slices.SortFunc(want, func(a, b accounts.Level) int { return strings.Compare(a.Key, b.Key) })
		f.Same(walk(f, func(ctx context.Context, page engage.PageRequest) (engage.Page[accounts.Level], error) {
			return f.Levels.List(ctx, f.WS, page)
		}), want)
	})
	run(t, a, "refuses a taken key, a stale version and a missing level", func(f *fixture) {
		f.found(f.WS)
		one, two := f.level("one"), f.level("two")
		insert := func(level accounts.Level) error {
			return f.inDirectory(func(ctx context.Context) error { return f.Levels.Insert(ctx, f.WS, level) })
		}
		update := func(level accounts.Level) error {
			return f.inDirectory(func(ctx context.Context) error { return f.Levels.Update(ctx, f.WS, level) })
		}
		f.No(insert(one))
		f.No(insert(two))
		twin := f.level("one")
		f.Code(insert(twin), engage.AlreadyExists)
		f.Code(update(twin), engage.NotFound)
		two.Key = "one"
		f.Code(update(two), engage.AlreadyExists)
		two.Key, two.Name, two.Permissions = "TWO", "Two", map[string]accounts.Scope{"contacts.read": accounts.ScopeOwn}
		f.No(update(two))
		f.Code(update(two), engage.Conflict)
		f.Code(f.inDirectory(func(ctx context.Context) error { return f.Levels.Delete(ctx, f.WS, twin.ID) }), engage.NotFound)
		two.Version = 2
		for range 2 { // answers are copies
			got, err := f.Levels.Get(f.Ctx, f.WS, []accounts.LevelID{two.ID, twin.ID})
			f.No(err)
			f.Same(got, []accounts.Level{two})
			got[0].Permissions["contacts.read"] = accounts.ScopeAll
		}
	})
}

func accessCases(t *testing.T, a Adapter) {
	run(t, a, "stores accesses, replaces their levels, lists and counts them", func(f *fixture) {
		f.found(f.WS)
		var all []accounts.Access
		for range 5 {
			all = append(all, accounts.Access{WorkspaceID: f.WS, UserID: f.userID(), LevelID: accounts.LevelAgent, GrantedAt: start})
		}
		put := func(some ...accounts.Access) {
			for i := range some {
				some[i].WorkspaceID = f.Other // is not read
			}
			f.No(f.inDirectory(func(ctx context.Context) error { return f.Access.Put(ctx, f.WS, some) }))
		}
		put(all[4], all[0], all[2], all[1], all[3])
		f.Same(walk(f, func(ctx context.Context, page engage.PageRequest) (engage.Page[accounts.Access], error) {
			return f.Access.List(ctx, f.WS, page)
		}), all)
		all[1].LevelID = accounts.LevelManager
		put(all[1], all[2])
		got, err := f.Access.Get(f.Ctx, f.WS, []engage.UserID{all[2].UserID, f.userID(), all[1].UserID})
		f.No(err)
		f.Same(got, all[1:3])
		for level, want := range map[accounts.LevelID]int{accounts.LevelManager: 1, accounts.LevelAgent: 4, accounts.LevelViewer: 0} {
			n, err := f.Access.Count(f.Ctx, f.WS, level)
			f.No(err)
			f.Same(n, want)
		}
	})
	run(t, a, "takes who leaves from the workspace's teams", func(f *fixture) {
		f.found(f.WS)
		ana, ben := f.userID(), f.userID()
		team := f.team("one", ana, ben)
		f.No(f.inDirectory(func(ctx context.Context) error {
			return errors.Join(f.Access.Put(ctx, f.WS, []accounts.Access{{UserID: ana, LevelID: accounts.LevelAgent, GrantedAt: start}}), f.Teams.Insert(ctx, f.WS, team))
		}))
		remove := func(ctx context.Context) error { return f.Access.Remove(ctx, f.WS, ana) }
		f.No(f.inDirectory(remove))
		f.Code(f.inDirectory(remove), engage.NotFound)
		got, err := f.Teams.Get(f.Ctx, f.WS, []engage.TeamID{team.ID})
		f.No(err)
		f.Same(got[0].Members, []engage.UserID{ben})
	})
}
