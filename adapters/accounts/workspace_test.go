package accounts_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/contacts/attribute"
)

func TestWorkspaces(t *testing.T) {
	t.Parallel()

	t.Run("are made, changed, archived, restored and deleted, each change told once", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		made, err := b.service.CreateWorkspace(b.ctx, w.org, accounts.WorkspaceProfile{Name: "Sales", Locale: "EN-gb", TimeZone: "Europe/London", Currency: "GBP"}, w.cleo)
		b.no(err)
		b.same(made.Locale, "en-GB")
		log, id := accounts.LogOf(w.org), made.ID
		change := func(change accounts.Change, from, to *accounts.WorkspaceProfile) accounts.WorkspaceChanged {
			return accounts.WorkspaceChanged{OrganizationID: w.org, WorkspaceID: id, Change: change, From: from, To: to}
		}
		b.tells(log, change(accounts.ChangeCreated, nil, &made.WorkspaceProfile), accounts.AccessChanged{WorkspaceID: id, UserID: w.cleo, To: accounts.LevelAdministrator})
		b.answers(b.service.Authorize(b.as(w.cleo), id, "settings.write", engage.Ref{}), true)

		b.clock.Advance(time.Hour)
		after, err := b.service.UpdateWorkspace(b.ctx, id, func(w *accounts.Workspace) error {
			w.Name, w.Currency = "Verkauf", "EUR"
			w.ID, w.OrganizationID, w.ArchivedAt, w.Version = engage.WorkspaceID{9}, accounts.OrganizationID{9}, start, 99
			return nil
		})
		b.no(err)
		want := made
		want.Name, want.Currency, want.UpdatedAt, want.Version = "Verkauf", "EUR", start.Add(time.Hour), 2
		b.same(after, want)
		b.tells(log, change(accounts.ChangeUpdated, &made.WorkspaceProfile, &want.WorkspaceProfile))
		b.refused(b.service.DeleteWorkspace(b.ctx, id), accounts.ErrInUse)

		archived, err := b.service.ArchiveWorkspace(b.ctx, id)
		b.no(err)
		b.same(archived.IsArchived(), true)
		_, err = b.service.ArchiveWorkspace(b.ctx, id)
		b.no(err)
		b.tells(log, change(accounts.ChangeArchived, nil, nil))
		_, err = b.service.RestoreWorkspace(b.ctx, id)
		b.no(err)
		b.tells(log, change(accounts.ChangeRestored, nil, nil))
		_, err = b.service.ArchiveWorkspace(b.ctx, id)
		b.no(err)
		b.log(log)
		b.no(b.service.DeleteWorkspace(b.ctx, id))
		b.tells(log, change(accounts.ChangeDeleted, &want.WorkspaceProfile, nil))
		b.code(b.service.DeleteWorkspace(b.ctx, id), engage.NotFound)
		page, err := b.service.Workspaces(b.ctx, w.org, engage.PageRequest{})
		b.no(err)
		b.same(len(page.Items), 1)
	})

	t.Run("refuse profiles that are none, and owners who are no members", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		before := b.dump(w)
		_, err := b.service.CreateWorkspace(b.ctx, w.org, accounts.WorkspaceProfile{}, w.ana)
		b.code(err, engage.Invalid, "name", "locale", "time_zone", "currency")
		for path, edit := range map[string]func(*accounts.Workspace){
			"name":      func(w *accounts.Workspace) { w.Name = "\u200b\x01" },
			"locale":    func(w *accounts.Workspace) { w.Locale = "klingon-qo'noS" },
			"time_zone": func(w *accounts.Workspace) { w.TimeZone = "Mars/Olympus" },
			"currency":  func(w *accounts.Workspace) { w.Currency = "eur" },
		} {
			_, err = b.service.UpdateWorkspace(b.ctx, w.ws, func(w *accounts.Workspace) error { edit(w); return nil })
			b.code(err, engage.Invalid, path)
		}
		_, err = b.service.CreateWorkspace(b.ctx, w.org, support, b.user("stranger"))
		b.code(err, engage.NotFound, "owner")
		b.same(b.dump(w), before)
	})

	t.Run("refuse every change while they are archived", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		_, err := b.service.ArchiveWorkspace(b.ctx, w.ws)
		b.no(err)
		before := b.dump(w)
		for name, err := range map[string]error{
			"update":       ignore(b.service.UpdateWorkspace(b.ctx, w.ws, func(w *accounts.Workspace) error { w.Name = "x"; return nil })),
			"put":          ignore(b.service.PutSetting(b.ctx, w.ws, "brand", json.RawMessage("{}"), 0)),
			"reset":        ignore(b.service.ResetSetting(b.ctx, w.ws, "inbox.auto_close_hours", 1)),
			"access":       ignore(b.service.SetAccess(b.ctx, w.ws, accounts.Access{UserID: w.cleo, LevelID: accounts.LevelAgent})),
			"remove":       b.service.RemoveAccess(b.ctx, w.ws, w.ben),
			"create level": ignore(b.service.CreateLevel(b.ctx, w.ws, accounts.LevelProfile{Name: "x"})),
			"update level": ignore(b.service.UpdateLevel(b.ctx, w.ws, w.level.ID, func(l *accounts.Level) error { l.Name = "x"; return nil })),
			"delete level": b.service.DeleteLevel(b.ctx, w.ws, w.level.ID),
			"create team":  ignore(b.service.CreateTeam(b.ctx, w.ws, accounts.TeamProfile{Name: "x"})),
			"update team":  ignore(b.service.UpdateTeam(b.ctx, w.ws, w.team.ID, func(t *accounts.Team) error { t.Name = "x"; return nil })),
			"delete team":  b.service.DeleteTeam(b.ctx, w.ws, w.team.ID),
		} {
			if !errors.Is(err, accounts.ErrArchived) || !errors.Is(err, engage.ErrFailedPrecondition) {
				t.Errorf("%s: want ErrArchived, got %v", name, err)
			}
		}
		b.same(b.dump(w), before)
	})
}

func TestSettings(t *testing.T) {
	t.Parallel()
	const key = "inbox.auto_close_hours"

	t.Run("have the host's defaults until they are set, and again when reset", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		value := func(want string, version engage.Version) {
			t.Helper()
			all, err := b.service.SettingsOf(b.ctx, w.ws)
			b.no(err)
			b.same(all[0].Key, "brand")
			b.same(all[1].Key+" "+all[1].Value.String(), key+" "+want)
			b.same(all[1].Version, version)
		}
		value("24", 1)
		set, err := b.service.PutSetting(b.ctx, w.ws, key, json.RawMessage(" 1e1 "), 1)
		b.no(err)
		b.same(set.Version, engage.Version(2))
		value("10", 2)
		b.tells(accounts.LogOf(w.org), accounts.SettingChanged{WorkspaceID: w.ws, Key: key, From: attribute.Integer(24), To: attribute.Integer(10)})
		same, err := b.service.PutSetting(b.ctx, w.ws, key, json.RawMessage("10"), 2)
		b.no(err)
		b.same(same.Version, engage.Version(2))
		_, err = b.service.PutSetting(b.ctx, w.ws, key, json.RawMessage("11"), 1)
		b.code(err, engage.Conflict)
		_, err = b.service.ResetSetting(b.ctx, w.ws, key, 1)
		b.code(err, engage.Conflict)
		b.tells(accounts.LogOf(w.org))
		_, err = b.service.ResetSetting(b.ctx, w.ws, key, 2)
		b.no(err)
		_, err = b.service.ResetSetting(b.ctx, w.ws, key, 0)
		b.no(err)
		value("72", 0)
		b.tells(accounts.LogOf(w.org), accounts.SettingChanged{WorkspaceID: w.ws, Key: key, From: attribute.Integer(10), To: attribute.Integer(72)})
	})

	t.Run("refuse another type by field, and keys that nobody declared", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		before := b.dump(w)
		for _, value := range []string{`"24"`, "true", "null", "{}", "", "1 2", "{", `"` + string(make([]byte, attribute.MaxValueBytes)) + `"`} {
			_, err := b.service.PutSetting(b.ctx, w.ws, key, json.RawMessage(value), 1)
			b.code(err, engage.Invalid, "values."+key)
		}
		_, err := b.service.PutSetting(b.ctx, w.ws, "colour", json.RawMessage("1"), 0)
		b.code(err, engage.Invalid, "values.colour")
		_, err = b.service.ResetSetting(b.ctx, w.ws, "colour", 0)
		b.code(err, engage.Invalid, "values.colour")
		b.same(b.dump(w), before)
	})

	t.Run("that a transaction saw and rolled back are not remembered", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		read := func(ctx context.Context) string {
			settings, err := b.service.Settings(ctx, w.ws)
			b.no(err)
			settings.Values[key+".mine"] = nil // is the caller's
			return string(settings.Values[key])
		}
		undo := errors.New("undo")
		for _, ends := range []error{undo, nil} {
			err := b.store.InShard(b.ctx, engage.DefaultShard, func(ctx context.Context) error {
				_, err := b.service.PutSetting(ctx, w.ws, key, json.RawMessage("1"), 1)
				b.no(err)
				b.same(read(ctx), "1")
				return ends
			})
			if !errors.Is(err, ends) {
				t.Fatal(err)
			}
			want := map[bool]string{true: "1", false: "24"}[ends == nil]
			b.same(read(b.ctx), want)
			b.clock.Advance(5 * time.Second)
		}
		settings, err := b.service.Settings(b.ctx, w.ws)
		b.no(err)
		b.same(len(settings.Values), 2)
	})

	t.Run("are left out when they are no longer declared", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		richer := b.another(accounts.Config{Settings: []accounts.SettingDefinition{{Key: "more", Default: json.RawMessage("1"), Validate: isNumber}}})
		_, err := richer.PutSetting(b.ctx, w.ws, "more", json.RawMessage("2"), 0)
		b.no(err)
		settings, err := b.service.Settings(b.ctx, w.ws)
		b.no(err)
		b.same(len(settings.Values), 2)
		settings, err = richer.Settings(b.ctx, w.ws)
		b.no(err)
		b.same(string(settings.Values["more"]), "2")
	})
}

func TestAccess(t *testing.T) {
	t.Parallel()

	t.Run("is given and taken; what stays is not told", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		b.clock.Advance(time.Hour)
		changed, err := b.service.SetAccess(b.ctx, w.ws,
			accounts.Access{UserID: w.cleo, LevelID: accounts.LevelViewer}, accounts.Access{UserID: w.ben, LevelID: w.level.ID},
			accounts.Access{UserID: w.ana, LevelID: w.level.ID, WorkspaceID: engage.WorkspaceID{9}, GrantedAt: start.Add(-time.Hour)})
		b.no(err)
		b.same(changed, 2)
		b.tells(accounts.LogOf(w.org),
			accounts.AccessChanged{WorkspaceID: w.ws, UserID: w.cleo, To: accounts.LevelViewer},
			accounts.AccessChanged{WorkspaceID: w.ws, UserID: w.ana, From: accounts.LevelAdministrator, To: w.level.ID})
		page, err := b.service.AllAccess(b.ctx, w.ws, engage.PageRequest{})
		b.no(err)
		b.same(page.Items, []accounts.Access{
			{WorkspaceID: w.ws, UserID: w.ana, LevelID: w.level.ID, GrantedAt: start},
			{WorkspaceID: w.ws, UserID: w.ben, LevelID: w.level.ID, GrantedAt: start},
			{WorkspaceID: w.ws, UserID: w.cleo, LevelID: accounts.LevelViewer, GrantedAt: start.Add(time.Hour)},
		})
		b.no(b.service.RemoveAccess(b.ctx, w.ws, w.ben))
		b.tells(accounts.LogOf(w.org), accounts.AccessChanged{WorkspaceID: w.ws, UserID: w.ben, From: w.level.ID})
		teams, err := b.service.TeamsOf(b.ctx, w.ws, w.ben)
		b.no(err)
		b.same(teams, nil)
		b.code(b.service.RemoveAccess(b.ctx, w.ws, w.ben), engage.NotFound)
	})

	t.Run("is refused by index, and then none is written", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w, other := newWorld(b, "acme"), newWorld(b, "other")
		before := b.dump(w)
		_, err := b.service.SetAccess(b.ctx, w.ws, accounts.Access{UserID: w.cleo, LevelID: accounts.LevelAgent}, accounts.Access{}, accounts.Access{UserID: w.cleo, LevelID: accounts.LevelAgent})
		b.code(err, engage.Invalid, "[1].user_id", "[1].level_id", "[2].user_id")
		_, err = b.service.SetAccess(b.ctx, w.ws,
			accounts.Access{UserID: w.cleo, LevelID: other.level.ID}, accounts.Access{UserID: other.ana, LevelID: accounts.LevelAgent},
			accounts.Access{UserID: w.ben, LevelID: accounts.LevelAgent}, accounts.Access{UserID: engage.UserID{9}, LevelID: accounts.LevelID{9}})
		b.code(err, engage.NotFound, "[0].level_id", "[1].user_id", "[3].user_id", "[3].level_id")
		_, err = b.service.SetAccess(b.ctx, w.ws, make([]accounts.Access, engage.MaxBatch+1)...)
		b.code(err, engage.Invalid, "access")
		b.same(b.dump(w), before)
	})
}

func TestLevels(t *testing.T) {
	t.Parallel()

	t.Run("are made, changed and deleted, each change told once", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		permissions := map[string]accounts.Scope{"tickets.read": accounts.ScopeTeam}
		made, err := b.service.CreateLevel(b.ctx, w.ws, accounts.LevelProfile{Name: "Support", Permissions: permissions})
		b.no(err)
		permissions["tickets.write"] = accounts.ScopeAll // is the caller's
		told := accounts.LevelProfile{Name: "Support", Permissions: map[string]accounts.Scope{"tickets.read": accounts.ScopeTeam}}
		b.tells(accounts.LogOf(w.org), accounts.LevelChanged{WorkspaceID: w.ws, LevelID: made.ID, Change: accounts.ChangeCreated, To: &told})
		after, err := b.service.UpdateLevel(b.ctx, w.ws, made.ID, func(l *accounts.Level) error {
			l.Permissions["tickets.read"], l.ID, l.Version = accounts.ScopeAll, accounts.LevelAgent, 99
			return nil
		})
		b.no(err)
		now := accounts.LevelProfile{Name: "Support", Permissions: map[string]accounts.Scope{"tickets.read": accounts.ScopeAll}}
		b.same(after.LevelProfile, now)
		b.same(after.ID, made.ID)
		b.tells(accounts.LogOf(w.org), accounts.LevelChanged{WorkspaceID: w.ws, LevelID: made.ID, Change: accounts.ChangeUpdated, From: &told, To: &now})
		_, err = b.service.UpdateLevel(b.ctx, w.ws, made.ID, func(*accounts.Level) error { return nil })
		b.no(err)
		b.tells(accounts.LogOf(w.org))
		page, err := b.service.Levels(b.ctx, w.ws, engage.PageRequest{})
		b.no(err)
		b.same(page.Items, []accounts.Level{w.level, after})
		b.no(b.service.DeleteLevel(b.ctx, w.ws, made.ID))
		b.tells(accounts.LogOf(w.org), accounts.LevelChanged{WorkspaceID: w.ws, LevelID: made.ID, Change: accounts.ChangeDeleted, From: &now})
		b.code(b.service.DeleteLevel(b.ctx, w.ws, made.ID), engage.NotFound)
		b.refused(b.service.DeleteLevel(b.ctx, w.ws, w.level.ID), accounts.ErrInUse)
	})

	t.Run("refuse taken names, unknown permissions and unknown scopes", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		for _, name := range []string{"SALES", " sales", "administrator", "Viewer"} {
			_, err := b.service.CreateLevel(b.ctx, w.ws, accounts.LevelProfile{Name: name})
			b.code(err, engage.AlreadyExists)
		}
		_, err := b.service.CreateLevel(b.ctx, w.ws, accounts.LevelProfile{Permissions: map[string]accounts.Scope{"contacts.read": "", "rockets.launch": "some"}})
		b.code(err, engage.Invalid, "name", "permissions.contacts.read", "permissions.rockets.launch", "permissions.rockets.launch")
	})

	t.Run("that are built in stay as they are", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		levels := b.service.BuiltInLevels()
		b.same(len(levels), 4)
		for _, level := range levels {
			clear(level.Permissions) // is the caller's
			_, err := b.service.UpdateLevel(b.ctx, w.ws, level.ID, func(*accounts.Level) error { return nil })
			b.code(err, engage.FailedPrecondition)
			b.code(b.service.DeleteLevel(b.ctx, w.ws, level.ID), engage.FailedPrecondition)
		}
		b.answers(b.service.Authorize(b.as(w.ana), w.ws, "contacts.read", engage.Ref{}), true)
	})
}

func TestTeams(t *testing.T) {
	t.Parallel()

	t.Run("are made, changed and deleted, each change told once", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		made, err := b.service.CreateTeam(b.ctx, w.ws, accounts.TeamProfile{Name: "Second", Members: []engage.UserID{w.ben, w.ana, w.ben}})
		b.no(err)
		both := accounts.TeamProfile{Name: "Second", Members: []engage.UserID{w.ana, w.ben}}
		b.same(made.TeamProfile, both)
		b.tells(accounts.LogOf(w.org), accounts.TeamChanged{WorkspaceID: w.ws, TeamID: made.ID, Change: accounts.ChangeCreated, To: &both})
		after, err := b.service.UpdateTeam(b.ctx, w.ws, made.ID, func(t *accounts.Team) error {
			t.Members, t.ID, t.Version = t.Members[:1], engage.TeamID{9}, 99
			return nil
		})
		b.no(err)
		one := accounts.TeamProfile{Name: "Second", Members: []engage.UserID{w.ana}}
		b.same(after.TeamProfile, one)
		b.tells(accounts.LogOf(w.org), accounts.TeamChanged{WorkspaceID: w.ws, TeamID: made.ID, Change: accounts.ChangeUpdated, From: &both, To: &one})
		_, err = b.service.UpdateTeam(b.ctx, w.ws, made.ID, func(*accounts.Team) error { return nil })
		b.no(err)
		b.tells(accounts.LogOf(w.org))
		page, err := b.service.AllTeams(b.ctx, w.ws, engage.PageRequest{})
		b.no(err)
		b.same(page.Items, []accounts.Team{w.team, after})
		b.no(b.service.DeleteTeam(b.ctx, w.ws, made.ID))
		b.tells(accounts.LogOf(w.org), accounts.TeamChanged{WorkspaceID: w.ws, TeamID: made.ID, Change: accounts.ChangeDeleted, From: &one})
		b.code(b.service.DeleteTeam(b.ctx, w.ws, made.ID), engage.NotFound)
	})

	t.Run("take users of the workspace alone, refused by index", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := newWorld(b, "acme")
		before := b.dump(w)
		_, err := b.service.CreateTeam(b.ctx, w.ws, accounts.TeamProfile{Name: "x", Members: []engage.UserID{w.cleo, w.ben, {9}}})
		b.code(err, engage.NotFound, "members[0]", "members[2]")
		_, err = b.service.UpdateTeam(b.ctx, w.ws, w.team.ID, func(t *accounts.Team) error { t.Members = append(t.Members, w.cleo); return nil })
		b.code(err, engage.NotFound, "members[1]")
		_, err = b.service.CreateTeam(b.ctx, w.ws, accounts.TeamProfile{Members: []engage.UserID{w.ben, {}}})
		b.code(err, engage.Invalid, "name", "members[1]")
		_, err = b.service.CreateTeam(b.ctx, w.ws, accounts.TeamProfile{Name: "FIELD "})
		b.code(err, engage.AlreadyExists)
		many := make([]engage.UserID, accounts.MaxTeamMembers+1)
		for i := range many {
			many[i] = engage.UserID{1, byte(i >> 8), byte(i)}
		}
		_, err = b.service.CreateTeam(b.ctx, w.ws, accounts.TeamProfile{Name: "x", Members: many})
		b.code(err, engage.Invalid, "members")
		b.same(b.dump(w), before)
	})
}
