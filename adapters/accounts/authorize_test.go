package accounts_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
)

// owners is an Ownership of a test.
type owners map[engage.Ref]owner

type owner struct {
	user engage.UserID
	team engage.TeamID
	err  error
}

func (o owners) Owners(_ context.Context, _ engage.WorkspaceID, object engage.Ref) (engage.UserID, engage.TeamID, error) {
	return o[object].user, o[object].team, o[object].err
}

// keys are the permissions of API keys by their id, or why there are none.
type keys map[string]any

func (k keys) KeyPermissions(_ context.Context, _ engage.WorkspaceID, id string) ([]string, error) {
	switch answer := k[id].(type) {
	case []string:
		return answer, nil
	case error:
		return nil, answer
	}
	return nil, engage.ErrNotFound
}

func object(i byte) engage.Ref { return engage.Ref{Type: "deal", ID: [16]byte{i}} }

// matrix reads what the built-in levels may do from the table in testdata, which
// people wrote.
func matrix(t *testing.T) map[string]map[accounts.LevelID]accounts.Scope {
	t.Helper()
	text, err := os.ReadFile("testdata/matrix.txt")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]map[accounts.LevelID]accounts.Scope{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Fields(line)
		if strings.HasPrefix(line, "#") || len(cells) != 4 {
			continue
		}
		row := map[accounts.LevelID]accounts.Scope{accounts.LevelAdministrator: accounts.ScopeAll}
		for i, level := range []accounts.LevelID{accounts.LevelManager, accounts.LevelAgent, accounts.LevelViewer} {
			if cells[i+1] != "-" {
				row[level] = accounts.Scope(cells[i+1])
			}
		}
		table[cells[0]] = row
	}
	return table
}

// TestEveryCellOfTheMatrix asks for each permission of the catalogue, as each
// level and as those without one, about objects of each owner.
func TestEveryCellOfTheMatrix(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := newWorld(b, "acme")
	table := matrix(t)
	who := map[string]engage.UserID{}
	levels := map[string]accounts.LevelID{
		"administrator": accounts.LevelAdministrator, "manager": accounts.LevelManager,
		"agent": accounts.LevelAgent, "viewer": accounts.LevelViewer, "suspended administrator": accounts.LevelAdministrator,
		"colleague": accounts.LevelViewer,
	}
	for name, level := range levels {
		who[name] = b.user(strings.ReplaceAll(name, " ", "."))
		_, err := b.service.SetRoles(b.ctx, w.org, member(who[name]))
		b.no(err)
		b.grant(w.ws, who[name], level)
	}
	who["member without access"] = w.cleo
	who["stranger"] = b.user("stranger")
	_, err := b.service.SuspendUser(b.ctx, who["suspended administrator"])
	b.no(err)
	var members []engage.UserID
	for _, id := range who {
		if id != w.cleo && id != who["stranger"] {
			members = append(members, id)
		}
	}
	team, err := b.service.CreateTeam(b.ctx, w.ws, accounts.TeamProfile{Name: "All", Members: members})
	b.no(err)
	other, err := b.service.CreateTeam(b.ctx, w.ws, accounts.TeamProfile{Name: "None", Members: []engage.UserID{w.ben}})
	b.no(err)

	// which scopes hold for an object of whom
	objects := map[string]struct {
		owner owner
		holds []accounts.Scope
	}{
		"a colleague's": {owner{user: who["colleague"]}, []accounts.Scope{accounts.ScopeTeam, accounts.ScopeAll}},
		"the team's":    {owner{team: team.ID}, []accounts.Scope{accounts.ScopeTeam, accounts.ScopeAll}},
		"another's":     {owner{user: w.ben}, []accounts.Scope{accounts.ScopeAll}},
		"another teams": {owner{team: other.ID}, []accounts.Scope{accounts.ScopeAll}},
		"nobody's":      {owner{}, []accounts.Scope{accounts.ScopeAll}},
		"unknown":       {owner{err: engage.ErrNotFound}, []accounts.Scope{accounts.ScopeAll}},
	}
	asked := 0
	for name, id := range who {
		refs, of := owners{object(1): {user: id}}, map[string]engage.Ref{"none": {}, "the own": object(1)}
		holds := map[string][]accounts.Scope{
			"none": {accounts.ScopeOwn, accounts.ScopeTeam, accounts.ScopeAll}, "the own": {accounts.ScopeOwn, accounts.ScopeTeam, accounts.ScopeAll},
		}
		for i, kind := range slices.Sorted(keysOf(objects)) {
			ref := object(byte(i + 2))
			refs[ref], of[kind], holds[kind] = objects[kind].owner, ref, objects[kind].holds
		}
		b.deps.Ownership = refs
		owning := b.another(accounts.Config{})
		b.deps.Ownership = nil
		blind := b.another(accounts.Config{})
		for _, p := range accounts.Catalogue() {
			row, listed := table[p.Word]
			if !listed {
				t.Errorf("%s is not in testdata/matrix.txt", p.Word)
			}
			want := row[levels[name]]
			if strings.HasPrefix(name, "suspended") {
				want = ""
			}
			for kind, ref := range of {
				asked += 2
				allowed := slices.Contains(holds[kind], want)
				b.answers(owning.Authorize(b.as(id), w.ws, p.Word, ref), allowed, name, p.Word, kind)
				b.answers(blind.Authorize(b.as(id), w.ws, p.Word, ref), want == accounts.ScopeAll || want != "" && ref.IsZero(), name, p.Word, kind)
			}
			scope, err := owning.Scope(b.as(id), w.ws, p.Word)
			b.answers(err, want != "", name, p.Word, "scope")
			if scope != want {
				t.Errorf("%s has %s on %q, want %q", name, p.Word, scope, want)
			}
		}
	}
	if want := len(who) * len(accounts.Catalogue()) * 8 * 2; len(table) != len(accounts.Catalogue()) || asked != want {
		t.Errorf("%d cells were asked, want %d; the table has %d permissions of %d", asked, want, len(table), len(accounts.Catalogue()))
	}
}

func keysOf[K comparable, V any](m map[K]V) func(yield func(K) bool) {
	return func(yield func(K) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

// answers wants nil or ErrPermissionDenied.
func (b *testBundle) answers(err error, allowed bool, about ...string) {
	b.t.Helper()
	if allowed && err != nil || !allowed && !errors.Is(err, engage.ErrPermissionDenied) {
		b.t.Errorf("%s: allowed should be %t: %v", strings.Join(about, ", "), allowed, err)
	}
}

func TestAuthorize(t *testing.T) {
	t.Parallel()

	t.Run("wants an actor", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		b.code(b.service.Authorize(b.ctx, w.ws, "contacts.read", engage.Ref{}), engage.Unauthenticated)
		_, err := b.service.Scope(b.ctx, w.ws, "contacts.read")
		b.code(err, engage.Unauthenticated)
		b.code(b.service.AuthorizeOrganization(b.ctx, w.org, accounts.RoleAdmin), engage.Unauthenticated)
	})

	t.Run("denies whatever is no user and no key, in one form", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		want := b.service.Authorize(b.as(w.cleo), w.ws, "contacts.read", engage.Ref{})
		b.code(want, engage.PermissionDenied)
		for _, actor := range []engage.Actor{
			{Type: "user"},
			{Type: "user", ID: "ana"},
			{Type: "user", ID: w.ws.String()},
			{Type: "contact", ID: w.ana.String()},
			{Type: "automation", ID: w.ana.String()},
			{Type: "api_key", ID: "1"},
			{Type: "USER", ID: w.ana.String()},
			{ID: w.ana.String()},
			accounts.ActorOf(engage.UserID{9}),
		} {
			ctx := engage.WithActor(b.ctx, actor)
			b.same(b.service.Authorize(ctx, w.ws, "contacts.read", engage.Ref{}).Error(), want.Error())
			b.code(b.service.AuthorizeOrganization(ctx, w.org, accounts.RoleAdmin), engage.PermissionDenied)
		}
		missing := b.service.Authorize(b.as(w.ana), engage.WorkspaceID{9}, "contacts.read", engage.Ref{})
		b.same(missing.Error(), want.Error())
		b.code(b.service.Authorize(b.as(w.ana), engage.WorkspaceID{}, "contacts.read", engage.Ref{}), engage.Invalid)
	})

	t.Run("denies words that are in no catalogue to everybody", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		b.deps.Keys = keys{"k": []string{"rockets.launch", "contacts.read"}}
		key := engage.WithActor(b.ctx, engage.Actor{Type: "api_key", ID: "k"})
		plain := b.another(accounts.Config{})
		hosts := b.another(accounts.Config{Permissions: []accounts.Permission{{Word: "rockets.launch", Manager: accounts.ScopeOwn}}})
		for _, ctx := range []context.Context{b.as(w.ana), key} {
			for _, word := range []string{"rockets.launch", "", "contacts", "contacts.*", "Contacts.read", "contacts.read "} {
				b.answers(plain.Authorize(ctx, w.ws, word, engage.Ref{}), false, word)
			}
			b.answers(hosts.Authorize(ctx, w.ws, "rockets.launch", engage.Ref{}), true)
		}
		b.answers(hosts.Authorize(b.as(w.ben), w.ws, "rockets.launch", engage.Ref{}), false)
	})

	t.Run("gives keys what was given to them, on all objects", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		failure := &engage.Error{Code: engage.Unavailable}
		b.deps.Keys = keys{"reader": []string{"contacts.read"}, "revoked": engage.ErrUnauthenticated, "down": failure}
		service := b.another(accounts.Config{})
		ask := func(id, word string) error {
			return service.Authorize(engage.WithActor(b.ctx, engage.Actor{Type: "api_key", ID: id}), w.ws, word, object(1))
		}
		b.answers(ask("reader", "contacts.read"), true)
		b.answers(ask("reader", "contacts.write"), false)
		b.answers(ask("revoked", "contacts.read"), false)
		b.answers(ask("unknown", "contacts.read"), false)
		b.code(ask("down", "contacts.read"), engage.Unavailable)
	})

	t.Run("passes on what an Ownership fails with", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		b.deps.Ownership = owners{object(1): {err: &engage.Error{Code: engage.Unavailable}}}
		b.code(b.another(accounts.Config{}).Authorize(b.as(w.ben), w.ws, "deals.write", object(1)), engage.Unavailable)
	})

	t.Run("asks for roles in organizations", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		_, err := b.service.SetRoles(b.ctx, w.org, accounts.Member{UserID: w.ben, Role: accounts.RoleBillingAdmin})
		b.no(err)
		for _, c := range []struct {
			user    engage.UserID
			roles   []accounts.Role
			allowed bool
		}{
			{w.ana, []accounts.Role{accounts.RoleAdmin}, true},
			{w.ana, []accounts.Role{accounts.RoleBillingAdmin}, false},
			{w.ben, []accounts.Role{accounts.RoleAdmin, accounts.RoleBillingAdmin}, true},
			{w.ben, []accounts.Role{accounts.RoleAdmin}, false},
			{w.cleo, []accounts.Role{accounts.RoleMember}, true},
			{w.cleo, nil, false},
			{b.user("stranger"), []accounts.Role{accounts.RoleAdmin, accounts.RoleBillingAdmin, accounts.RoleMember, ""}, false},
		} {
			b.answers(b.service.AuthorizeOrganization(b.as(c.user), w.org, c.roles...), c.allowed, fmt.Sprint(c.roles))
		}
		b.answers(b.service.AuthorizeOrganization(b.as(w.ana), accounts.OrganizationID{9}, accounts.RoleAdmin), false)
	})
}

// Whatever takes access away, every other process denies within five seconds.
func TestAccessEndsWithinFiveSeconds(t *testing.T) {
	t.Parallel()
	deal := object(1)
	for _, c := range []struct {
		name string
		// loses is what one process does; asks is what another one answers.
		loses func(b *testBundle, w world) error
		asks  func(b *testBundle, there *accounts.Service, w world) error
	}{
		{"access is removed", func(b *testBundle, w world) error { return b.service.RemoveAccess(b.ctx, w.ws, w.ben) }, readsDeals},
		{"another level is given", func(b *testBundle, w world) error {
			level, err := b.service.CreateLevel(b.ctx, w.ws, accounts.LevelProfile{Name: "Nothing"})
			b.no(err)
			_, err = b.service.SetAccess(b.ctx, w.ws, accounts.Access{UserID: w.ben, LevelID: level.ID})
			return err
		}, readsDeals},
		{"the level loses the permission", func(b *testBundle, w world) error {
			_, err := b.service.UpdateLevel(b.ctx, w.ws, w.level.ID, func(l *accounts.Level) error {
				delete(l.Permissions, "deals.read")
				return nil
			})
			return err
		}, readsDeals},
		{"the user is suspended", func(b *testBundle, w world) error { return ignore(b.service.SuspendUser(b.ctx, w.ben)) }, readsDeals},
		{"the member leaves the organization", func(b *testBundle, w world) error { return b.service.RemoveMember(b.ctx, w.org, w.ben) }, readsDeals},
		{"the workspace is archived", func(b *testBundle, w world) error { return ignore(b.service.ArchiveWorkspace(b.ctx, w.ws)) }, readsDeals},
		{"the workspace is deleted", func(b *testBundle, w world) error {
			_, err := b.service.ArchiveWorkspace(b.ctx, w.ws)
			return errors.Join(err, b.service.DeleteWorkspace(b.ctx, w.ws))
		}, readsDeals},
		{"the user leaves the team", func(b *testBundle, w world) error {
			return ignore(b.service.UpdateTeam(b.ctx, w.ws, w.team.ID, func(t *accounts.Team) error { t.Members = nil; return nil }))
		}, func(b *testBundle, there *accounts.Service, w world) error {
			return there.Authorize(b.as(w.ben), w.ws, "deals.read", deal)
		}},
		{"the key is revoked", func(b *testBundle, _ world) error {
			k, ok := b.deps.Keys.(keys)
			if !ok {
				return errors.New("no keys")
			}
			k["k"] = engage.ErrUnauthenticated
			return nil
		}, func(b *testBundle, there *accounts.Service, w world) error {
			return there.Authorize(engage.WithActor(b.ctx, engage.Actor{Type: "api_key", ID: "k"}), w.ws, "deals.read", deal)
		}},
		{"the key's workspace is archived", func(b *testBundle, w world) error {
			return ignore(b.service.ArchiveWorkspace(b.ctx, w.ws))
		}, func(b *testBundle, there *accounts.Service, w world) error {
			return there.Authorize(engage.WithActor(b.ctx, engage.Actor{Type: "api_key", ID: "k"}), w.ws, "deals.read", deal)
		}},
		{"the epoch is raised", func(b *testBundle, w world) error { return ignore(b.service.EndSessions(b.ctx, w.ben)) }, continues},
		{"a user with a session is suspended", func(b *testBundle, w world) error { return ignore(b.service.SuspendUser(b.ctx, w.ben)) }, continues},
		{"a suspended user resumes: sessions stay ended", func(b *testBundle, w world) error {
			_, err := b.service.SuspendUser(b.ctx, w.ben)
			return errors.Join(err, ignore(b.service.ResumeUser(b.ctx, w.ben)))
		}, continues},
		{"the role is taken", func(b *testBundle, w world) error {
			return ignore(b.service.SetRoles(b.ctx, w.org, accounts.Member{UserID: w.ben, Role: accounts.RoleBillingAdmin}))
		}, isMember},
		{"the member is removed", func(b *testBundle, w world) error { return b.service.RemoveMember(b.ctx, w.org, w.ben) }, isMember},
		{"a member is suspended", func(b *testBundle, w world) error { return ignore(b.service.SuspendUser(b.ctx, w.ben)) }, isMember},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			w := newWorld(b, "acme")
			b.deps.Keys = keys{"k": []string{"deals.read"}}
			b.deps.Ownership = owners{deal: {team: w.team.ID}}
			there := b.another(accounts.Config{})
			b.no(c.asks(b, there, w))
			b.clock.Advance(3 * time.Second)
			b.no(c.asks(b, there, w)) // which must not make the answer younger
			b.no(c.loses(b, w))
			b.clock.Advance(2 * time.Second)
			err := c.asks(b, there, w)
			if !errors.Is(err, engage.ErrPermissionDenied) && !errors.Is(err, engage.ErrUnauthenticated) {
				t.Errorf("five seconds later it is still allowed: %v", err)
			}
		})
	}
}

func ignore[T any](_ T, err error) error { return err }

func readsDeals(b *testBundle, there *accounts.Service, w world) error {
	return there.Authorize(b.as(w.ben), w.ws, "deals.read", engage.Ref{})
}

func continues(b *testBundle, there *accounts.Service, w world) error {
	return there.CheckEpoch(b.ctx, w.ben, 1)
}

func isMember(b *testBundle, there *accounts.Service, w world) error {
	return there.AuthorizeOrganization(b.as(w.ben), w.org, accounts.RoleMember)
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := newWorld(b, "acme")
	_, err := b.service.UpdateUser(b.ctx, w.ben, func(u *accounts.User) error { u.Locale, u.TimeZone = "pt-br", "America/Bahia"; return nil })
	b.no(err)
	users, err := b.service.Users(b.ctx, w.ws, []engage.UserID{w.cleo, w.ben, {9}, w.ana})
	b.no(err)
	b.same(users, []engage.User{
		{ID: w.ana, Name: "ana.acme", Email: "ana.acme@acme.test"},
		{ID: w.ben, Name: "ben.acme", Email: "ben.acme@acme.test", Locale: "pt-BR", TimeZone: "America/Bahia"},
	})
	teams, err := b.service.Teams(b.ctx, w.ws, []engage.TeamID{{9}, w.team.ID})
	b.no(err)
	b.same(teams, []engage.Team{{ID: w.team.ID, Name: "Field", Members: []engage.UserID{w.ben}}})
	_, err = b.service.Users(b.ctx, engage.WorkspaceID{}, nil)
	b.code(err, engage.Invalid)
	settings, err := b.service.Settings(b.ctx, w.ws)
	b.no(err)
	b.same(settings, engage.Settings{
		Name: "Support", Locale: "fr-CH", TimeZone: "Europe/Zurich", Currency: "CHF",
		Values: map[string]json.RawMessage{"inbox.auto_close_hours": json.RawMessage("24"), "brand": json.RawMessage(`{"colour":"#fff"}`)},
	})
	_, err = b.service.Settings(b.ctx, engage.WorkspaceID{9})
	b.code(err, engage.NotFound)
}
