package accounts_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
)

func TestNewReportsEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	_, err := accounts.New(accounts.Deps{}, accounts.Config{
		Settings: []accounts.SettingDefinition{
			{Key: "Brand", Default: []byte("1"), Validate: isNumber},
			{Key: "a", Default: []byte("{"), Validate: isObject},
			{Key: "a", Default: []byte("{}")},
			{Key: "b", Default: []byte(`"x"`), Validate: isNumber},
		},
		Permissions: []accounts.Permission{{Word: "contacts.read"}, {Word: "a b", Agent: "some"}},
	})
	b := setup(t)
	b.code(err, engage.Invalid,
		"runtime.tx", "runtime.events", "organizations", "members", "workspaces", "settings", "users", "teams", "levels", "access",
		"settings[0].key", "settings[1].default", "settings[1].default", "settings[2].key", "settings[2].validate", "settings[3].default",
		"permissions[0].word", "permissions[1].word", "permissions[1].scope")
}

func TestOrganizations(t *testing.T) {
	t.Parallel()

	t.Run("are made with an administrator, renamed and deleted, each change told once", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		ana := b.user("ana")
		o, err := b.service.CreateOrganization(b.ctx, "Acme", ana)
		b.no(err)
		b.tells(accounts.LogOf(o.ID),
			accounts.OrganizationChanged{OrganizationID: o.ID, Change: accounts.ChangeCreated, ToName: "Acme"},
			accounts.MemberChanged{OrganizationID: o.ID, UserID: ana, To: accounts.RoleAdmin})
		b.clock.Advance(time.Hour)
		renamed, err := b.service.RenameOrganization(b.ctx, o.ID, "Acme & Co")
		b.no(err)
		b.same(renamed, accounts.Organization{ID: o.ID, Name: "Acme & Co", CreatedAt: start, UpdatedAt: start.Add(time.Hour), Version: 2})
		got, err := b.service.Organization(b.ctx, o.ID)
		b.no(err)
		b.same(got, renamed)
		b.tells(accounts.LogOf(o.ID), accounts.OrganizationChanged{OrganizationID: o.ID, Change: accounts.ChangeUpdated, FromName: "Acme", ToName: "Acme & Co"})
		_, err = b.service.RenameOrganization(b.ctx, o.ID, "Acme & Co")
		b.no(err)
		b.tells(accounts.LogOf(o.ID))

		w, err := b.service.CreateWorkspace(b.ctx, o.ID, support, engage.UserID{})
		b.no(err)
		b.refused(b.service.DeleteOrganization(b.ctx, o.ID), accounts.ErrInUse)
		_, err = b.service.ArchiveWorkspace(b.ctx, w.ID)
		b.no(err)
		b.no(b.service.DeleteWorkspace(b.ctx, w.ID))
		b.log(accounts.LogOf(o.ID))
		b.no(b.service.DeleteOrganization(b.ctx, o.ID))
		b.tells(accounts.LogOf(o.ID), accounts.OrganizationChanged{OrganizationID: o.ID, Change: accounts.ChangeDeleted, FromName: "Acme & Co"})
		b.code(b.service.DeleteOrganization(b.ctx, o.ID), engage.NotFound)
		left, err := b.service.OrganizationsOf(b.ctx, ana)
		b.no(err)
		b.same(left, nil)
	})

	t.Run("refuse names and administrators that are none", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := b.service.CreateOrganization(b.ctx, "", engage.UserID{})
		b.code(err, engage.Invalid, "name", "admin")
		_, err = b.service.CreateOrganization(b.ctx, "Acme", engage.UserID{9})
		b.code(err, engage.NotFound, "admin")
		for _, name := range []string{"", " \t", strings.Repeat("x", accounts.MaxNameBytes+1), "a\x00", "a\u0085b", "\xff", strings.Repeat("ﷺ", 33)} {
			_, err = b.service.RenameOrganization(b.ctx, accounts.OrganizationID{9}, name)
			b.code(err, engage.Invalid, "name")
		}
		_, err = b.service.RenameOrganization(b.ctx, accounts.OrganizationID{9}, "Acme")
		b.code(err, engage.NotFound)
		_, err = b.service.RenameOrganization(b.ctx, accounts.OrganizationID{}, "Acme")
		b.code(err, engage.Invalid)
	})

	t.Run("change within a caller's transaction, or with it not at all", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		before, undo := b.dump(w), errors.New("undo")
		err := b.store.InShard(b.ctx, engage.DefaultShard, func(ctx context.Context) error {
			_, err := b.service.RenameOrganization(ctx, w.org, "Other")
			b.no(err)
			_, err = b.service.CreateUser(ctx, accounts.UserProfile{Email: "dan@acme.test", Name: "Dan"})
			b.no(err)
			return undo
		})
		if !errors.Is(err, undo) {
			t.Fatal(err)
		}
		b.same(b.dump(w), before)
		_, err = b.service.FindUser(b.ctx, "dan@acme.test")
		b.code(err, engage.NotFound)
		err = b.store.InTx(b.ctx, w.ws, func(ctx context.Context) error {
			return ignore(b.service.RenameOrganization(ctx, w.org, "Other"))
		})
		b.code(err, engage.FailedPrecondition)
	})
}

func TestMembers(t *testing.T) {
	t.Parallel()

	t.Run("get roles; what stays is not told", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		dan := b.user("dan")
		b.clock.Advance(time.Hour)
		changed, err := b.service.SetRoles(b.ctx, w.org,
			accounts.Member{UserID: dan, Role: accounts.RoleMember}, accounts.Member{UserID: w.ana, Role: accounts.RoleAdmin},
			accounts.Member{UserID: w.ben, Role: accounts.RoleBillingAdmin})
		b.no(err)
		b.same(changed, 2)
		b.tells(accounts.LogOf(w.org),
			accounts.MemberChanged{OrganizationID: w.org, UserID: dan, To: accounts.RoleMember},
			accounts.MemberChanged{OrganizationID: w.org, UserID: w.ben, From: accounts.RoleMember, To: accounts.RoleBillingAdmin})
		page, err := b.service.Members(b.ctx, w.org, engage.PageRequest{})
		b.no(err)
		b.same(page.Items, []accounts.Member{
			{UserID: w.ana, Role: accounts.RoleAdmin, JoinedAt: start},
			{UserID: w.ben, Role: accounts.RoleBillingAdmin, JoinedAt: start},
			{UserID: w.cleo, Role: accounts.RoleMember, JoinedAt: start},
			{UserID: dan, Role: accounts.RoleMember, JoinedAt: start.Add(time.Hour)},
		})
	})

	t.Run("are refused by index, and then none is written", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		dan, before := b.user("dan"), b.dump(w)
		_, err := b.service.SetRoles(b.ctx, w.org, member(dan), accounts.Member{Role: "owner"}, member(dan))
		b.code(err, engage.Invalid, "[1].user_id", "[1].role", "[2].user_id")
		_, err = b.service.SetRoles(b.ctx, w.org, member(engage.UserID{8}), member(dan), member(engage.UserID{9}))
		b.code(err, engage.NotFound, "[0].user_id", "[2].user_id")
		_, err = b.service.SetRoles(b.ctx, w.org, make([]accounts.Member, engage.MaxBatch+1)...)
		b.code(err, engage.Invalid, "members")
		b.same(b.dump(w), before)
	})

	t.Run("keep one administrator", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		before := b.dump(w)
		_, err := b.service.SetRoles(b.ctx, w.org, member(w.ana))
		b.refused(err, accounts.ErrLastAdmin)
		b.refused(b.service.RemoveMember(b.ctx, w.org, w.ana), accounts.ErrLastAdmin)
		b.same(b.dump(w), before)
		// one call may hand the role over
		_, err = b.service.SetRoles(b.ctx, w.org, member(w.ana), accounts.Member{UserID: w.cleo, Role: accounts.RoleAdmin})
		b.no(err)
		b.no(b.service.RemoveMember(b.ctx, w.org, w.ana))
		b.refused(b.service.RemoveMember(b.ctx, w.org, w.cleo), accounts.ErrLastAdmin)
	})

	t.Run("leave with their access and their teams", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		b.no(b.service.RemoveMember(b.ctx, w.org, w.ben))
		b.tells(accounts.LogOf(w.org),
			accounts.MemberChanged{OrganizationID: w.org, UserID: w.ben, From: accounts.RoleMember},
			accounts.AccessChanged{WorkspaceID: w.ws, UserID: w.ben, From: w.level.ID})
		teams, err := b.service.TeamsOf(b.ctx, w.ws, w.ben)
		b.no(err)
		b.same(teams, nil)
		places, err := b.service.WorkspacesOf(b.ctx, w.ben)
		b.no(err)
		b.same(places, nil)
		b.code(b.service.RemoveMember(b.ctx, w.org, w.ben), engage.NotFound)
	})

	t.Run("may belong to many organizations", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w, other := newWorld(b, "acme"), newWorld(b, "other")
		_, err := b.service.SetRoles(b.ctx, other.org, member(w.ana))
		b.no(err)
		got, err := b.service.OrganizationsOf(b.ctx, w.ana)
		b.no(err)
		b.same(got, []accounts.Belonging{
			{OrganizationID: w.org, Member: accounts.Member{UserID: w.ana, Role: accounts.RoleAdmin, JoinedAt: start}},
			{OrganizationID: other.org, Member: accounts.Member{UserID: w.ana, Role: accounts.RoleMember, JoinedAt: start}},
		})
	})
}

func TestUsers(t *testing.T) {
	t.Parallel()

	t.Run("are found by their address in any case, and told of in their own log", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		profile := accounts.UserProfile{Email: "Ana@Straße.example", Name: "Ana", Locale: "DE-ch", TimeZone: "Europe/Zurich"}
		ana, err := b.service.CreateUser(b.ctx, profile)
		b.no(err)
		profile.Locale = "de-CH"
		b.tells(accounts.UserLogOf(ana.ID), accounts.UserChanged{UserID: ana.ID, Change: accounts.ChangeCreated, To: &profile})
		for _, address := range []string{"ana@strasse.example", " ANA@STRAßE.EXAMPLE "} {
			found, err := b.service.FindUser(b.ctx, address)
			b.no(err)
			b.same(found, ana)
			_, err = b.service.CreateUser(b.ctx, accounts.UserProfile{Email: address, Name: "Twin"})
			b.code(err, engage.AlreadyExists)
		}
		for _, address := range []string{"ben@strasse.example", "ana", ""} {
			_, err := b.service.FindUser(b.ctx, address)
			b.code(err, engage.NotFound)
		}
	})

	t.Run("change their profile alone by a function", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id, other := b.user("ana"), b.user("ben")
		b.log(accounts.UserLogOf(id))
		before, err := b.service.User(b.ctx, id)
		b.no(err)
		b.clock.Advance(time.Hour)
		topics := []string{"mention"}
		after, err := b.service.UpdateUser(b.ctx, id, func(u *accounts.User) error {
			u.Name, u.Notifications = "Ana B.", accounts.Notifications{accounts.ChannelEmail: topics, accounts.ChannelMobile: {}}
			u.ID, u.Epoch, u.SuspendedAt, u.Version, u.EmailKey = other, 99, start, 99, "x"
			return nil
		})
		b.no(err)
		topics[0] = "spoilt"
		want := before
		want.Name, want.Notifications = "Ana B.", accounts.Notifications{accounts.ChannelEmail: {"mention"}, accounts.ChannelMobile: {}}
		want.UpdatedAt, want.Version = start.Add(time.Hour), 2
		b.same(after, want)
		got, err := b.service.User(b.ctx, id)
		b.no(err)
		b.same(got, want)
		b.tells(accounts.UserLogOf(id), accounts.UserChanged{UserID: id, Change: accounts.ChangeUpdated, From: &before.UserProfile, To: &want.UserProfile})
		_, err = b.service.UpdateUser(b.ctx, id, func(*accounts.User) error { return nil })
		b.no(err)
		b.tells(accounts.UserLogOf(id))
		_, err = b.service.UpdateUser(b.ctx, id, func(u *accounts.User) error { u.Email = "BEN@acme.test"; return nil })
		b.code(err, engage.AlreadyExists)
		refusal := errors.New("outdated")
		_, err = b.service.UpdateUser(b.ctx, id, func(*accounts.User) error { return refusal })
		if !errors.Is(err, refusal) {
			t.Errorf("want the error of fn, got %v", err)
		}
		b.tells(accounts.UserLogOf(id))
	})

	t.Run("refuse profiles that are none, every fault at once", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := b.service.CreateUser(b.ctx, accounts.UserProfile{
			Email: "ana", Name: " ", Locale: "de_CH", TimeZone: "Local",
			Notifications: accounts.Notifications{"pigeon": nil, accounts.ChannelEmail: {"ok", "a b"}, accounts.ChannelMobile: make([]string, accounts.MaxTopics+1)},
		})
		b.code(err, engage.Invalid)
		var paths []string
		for _, f := range engage.FieldsOf(err) {
			paths = append(paths, f.Path)
		}
		b.same(paths[:7], []string{"email", "name", "locale", "time_zone", "notifications.email[1]", "notifications.mobile", "notifications.mobile[0]"})
		b.same(paths[len(paths)-1], "notifications.pigeon")
	})

	t.Run("are suspended, resumed and logged out, once each", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id := b.user("ana")
		b.log(accounts.UserLogOf(id))
		for _, step := range []struct {
			do        func(context.Context, engage.UserID) (accounts.User, error)
			epoch     int64
			suspended bool
			told      []engage.Event
		}{
			{b.service.SuspendUser, 2, true, []engage.Event{accounts.UserChanged{UserID: id, Change: accounts.ChangeSuspended}}},
			{b.service.SuspendUser, 2, true, nil},
			{b.service.ResumeUser, 2, false, []engage.Event{accounts.UserChanged{UserID: id, Change: accounts.ChangeResumed}}},
			{b.service.ResumeUser, 2, false, nil},
			{b.service.EndSessions, 3, false, []engage.Event{accounts.UserChanged{UserID: id, Change: accounts.ChangeSessionsEnded}}},
		} {
			u, err := step.do(b.ctx, id)
			b.no(err)
			b.same(u.Epoch, step.epoch)
			b.same(u.IsSuspended(), step.suspended)
			b.tells(accounts.UserLogOf(id), step.told...)
		}
		b.no(b.service.CheckEpoch(b.ctx, id, 3))
		for _, err := range []error{
			b.service.CheckEpoch(b.ctx, id, 2), b.service.CheckEpoch(b.ctx, id, 4), b.service.CheckEpoch(b.ctx, engage.UserID{9}, 1),
			b.service.CheckEpoch(b.ctx, engage.UserID{9}, 0), b.service.CheckEpoch(b.ctx, engage.UserID{}, 0),
		} {
			b.code(err, engage.Unauthenticated)
		}
	})

	t.Run("are deleted when they belong to nobody", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		b.log(accounts.UserLogOf(w.ben))
		b.refused(b.service.DeleteUser(b.ctx, w.ben), accounts.ErrInUse)
		b.no(b.service.RemoveMember(b.ctx, w.org, w.ben))
		profile := accounts.UserProfile{Email: "ben.acme@acme.test", Name: "ben.acme"}
		b.no(b.service.DeleteUser(b.ctx, w.ben))
		b.tells(accounts.UserLogOf(w.ben), accounts.UserChanged{UserID: w.ben, Change: accounts.ChangeDeleted, From: &profile})
		for _, err := range []error{
			b.service.DeleteUser(b.ctx, w.ben), ignore(b.service.User(b.ctx, w.ben)), ignore(b.service.SuspendUser(b.ctx, w.ben)),
			ignore(b.service.UpdateUser(b.ctx, w.ben, func(*accounts.User) error { return nil })),
		} {
			b.code(err, engage.NotFound)
		}
		b.code(b.service.DeleteUser(b.ctx, engage.UserID{}), engage.Invalid)
	})
}
