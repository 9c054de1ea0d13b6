package accounts_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/accountstest"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memaccounts"
	"github.com/go-engage/engage/contacts/attribute"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// testBundle is a service over an empty store.
type testBundle struct {
	t       *testing.T
	ctx     context.Context
	clock   *engage.ManualClock
	store   *memory.Store
	adapter accountstest.Adapter
	deps    accounts.Deps
	service *accounts.Service
	read    map[engage.WorkspaceID]int // of the logs
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	clock := engage.NewManualClock(start)
	store := memory.New(memory.Config{Clock: clock})
	b := &testBundle{t: t, ctx: t.Context(), clock: clock, store: store, read: map[engage.WorkspaceID]int{}}
	b.deps = accounts.Deps{
		Runtime:       engage.Runtime{Tx: store, Events: store, Clock: clock},
		Organizations: memaccounts.NewOrganizations(store), Members: memaccounts.NewMembers(store),
		Workspaces: memaccounts.NewWorkspaces(store), Settings: memaccounts.NewSettings(store), Users: memaccounts.NewUsers(store),
		Teams: memaccounts.NewTeams(store), Levels: memaccounts.NewLevels(store), Access: memaccounts.NewAccess(store),
	}
	d := b.deps
	b.adapter = accountstest.Adapter{
		Tx: store, Publisher: store, Organizations: d.Organizations, Members: d.Members, Workspaces: d.Workspaces, Settings: d.Settings,
		Users: d.Users, Teams: d.Teams, Levels: d.Levels, Access: d.Access,
	}
	b.service = b.another(accounts.Config{})
	return b
}

// another is one more service over the same store, as another process has.
func (b *testBundle) another(cfg accounts.Config) *accounts.Service {
	b.t.Helper()
	cfg.Settings = append([]accounts.SettingDefinition{
		{Key: "inbox.auto_close_hours", Default: json.RawMessage("72"), Validate: isNumber},
		{Key: "brand", Default: json.RawMessage(`{"colour":"#fff"}`), Validate: isObject},
	}, cfg.Settings...)
	service, err := accounts.New(b.deps, cfg)
	b.no(err)
	return service
}

func isNumber(value json.RawMessage) error {
	var n float64
	if string(value) == "null" || json.Unmarshal(value, &n) != nil {
		return errors.New("want a number")
	}
	return nil
}

func isObject(value json.RawMessage) error {
	if !strings.HasPrefix(string(value), "{") {
		return errors.New("want an object")
	}
	return nil
}

func (b *testBundle) no(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("unexpected error: %v", err)
	}
}

func (b *testBundle) code(err error, want engage.Code, paths ...string) {
	b.t.Helper()
	if got := engage.CodeOf(err); got != want {
		b.t.Fatalf("code %q, want %q: %v", got, want, err)
	}
	var got []string
	for _, f := range engage.FieldsOf(err) {
		got = append(got, f.Path)
	}
	if len(paths) > 0 && !slices.Equal(got, paths) {
		b.t.Fatalf("faults at %q, want %q", got, paths)
	}
}

// refused wants ErrFailedPrecondition with a cause.
func (b *testBundle) refused(err, cause error) {
	b.t.Helper()
	b.code(err, engage.FailedPrecondition)
	if !errors.Is(err, cause) {
		b.t.Fatalf("want %v, got %v", cause, err)
	}
}

// same wants two equal values; nil equals an empty slice of any type.
func (b *testBundle) same(got, want any) {
	b.t.Helper()
	if slice := reflect.ValueOf(got); want == nil && slice.Kind() == reflect.Slice && slice.Len() == 0 {
		return
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b attribute.Value) bool { return a == b })); diff != "" {
		b.t.Fatalf("-want +got:\n%s", diff)
	}
}

// log answers the domain events in a log since the last call, as "name payload".
func (b *testBundle) log(ws engage.WorkspaceID) []string {
	b.t.Helper()
	read, err := b.store.Read(b.ctx, engage.DefaultShard, engage.PartitionOf(ws), 0, 1_000_000)
	b.no(err)
	var all []string
	for _, slice := range read {
		for _, e := range slice.Events {
			if e.Workspace == ws {
				all = append(all, e.Name+" "+string(e.Data))
			}
		}
	}
	seen := b.read[ws]
	b.read[ws] = len(all)
	return all[seen:]
}

// tells fails the test unless exactly these events are new in a log. Payloads
// are compared as values.
func (b *testBundle) tells(ws engage.WorkspaceID, want ...engage.Event) {
	b.t.Helper()
	var lines []string
	for _, event := range want {
		envelope, err := engage.NewEnvelope(b.ctx, ws, event, engage.EventID{1}, start)
		b.no(err)
		lines = append(lines, envelope.Name+" "+string(envelope.Data))
	}
	b.same(b.log(ws), lines)
}

// user makes a user.
func (b *testBundle) user(name string) engage.UserID {
	b.t.Helper()
	u, err := b.service.CreateUser(b.ctx, accounts.UserProfile{Email: name + "@acme.test", Name: name})
	b.no(err)
	return u.ID
}

var support = accounts.WorkspaceProfile{Name: "Support", Locale: "fr-CH", TimeZone: "Europe/Zurich", Currency: "CHF"}

// world is an organization with a workspace, a custom level and a team. Ana
// administers both; Ben is a member with access, Cleo a member without.
type world struct {
	org            accounts.OrganizationID
	ws             engage.WorkspaceID
	ana, ben, cleo engage.UserID
	level          accounts.Level
	team           accounts.Team
}

func newWorld(b *testBundle, name string) world {
	b.t.Helper()
	w := world{ana: b.user("ana." + name), ben: b.user("ben." + name), cleo: b.user("cleo." + name)}
	o, err := b.service.CreateOrganization(b.ctx, name, w.ana)
	b.no(err)
	w.org = o.ID
	_, err = b.service.SetRoles(b.ctx, w.org, member(w.ben), member(w.cleo))
	b.no(err)
	made, err := b.service.CreateWorkspace(b.ctx, w.org, support, w.ana)
	b.no(err)
	w.ws = made.ID
	w.level, err = b.service.CreateLevel(b.ctx, w.ws, accounts.LevelProfile{
		Name: "Sales", Permissions: map[string]accounts.Scope{"deals.read": accounts.ScopeTeam, "deals.write": accounts.ScopeOwn},
	})
	b.no(err)
	b.grant(w.ws, w.ben, w.level.ID)
	w.team, err = b.service.CreateTeam(b.ctx, w.ws, accounts.TeamProfile{Name: "Field", Members: []engage.UserID{w.ben}})
	b.no(err)
	_, err = b.service.PutSetting(b.ctx, w.ws, "inbox.auto_close_hours", json.RawMessage("24"), 0)
	b.no(err)
	b.log(accounts.LogOf(w.org))
	return w
}

func member(id engage.UserID) accounts.Member {
	return accounts.Member{UserID: id, Role: accounts.RoleMember}
}

func (b *testBundle) grant(ws engage.WorkspaceID, user engage.UserID, level accounts.LevelID) {
	b.t.Helper()
	_, err := b.service.SetAccess(b.ctx, ws, accounts.Access{UserID: user, LevelID: level})
	b.no(err)
}

// as is the bundle's ctx with a user as its actor.
func (b *testBundle) as(user engage.UserID) context.Context {
	return engage.WithActor(b.ctx, accounts.ActorOf(user))
}

// dump is everything that is kept and told of an organization and a workspace.
func (b *testBundle) dump(w world) string {
	b.t.Helper()
	log := accounts.LogOf(w.org)
	seen := b.read[log]
	b.read[log] = 0
	all := fmt.Sprintln(b.log(log))
	b.read[log] = seen
	for _, id := range []engage.UserID{w.ana, w.ben, w.cleo} {
		u, err := b.service.User(b.ctx, id)
		b.no(err)
		organizations, err := b.service.OrganizationsOf(b.ctx, id)
		b.no(err)
		all += fmt.Sprintln(u, organizations)
	}
	return all + accountstest.Dump(b.ctx, b.t, b.adapter, w.ws) + accountstest.Dump(b.ctx, b.t, b.adapter, accounts.LogOf(w.org))
}
