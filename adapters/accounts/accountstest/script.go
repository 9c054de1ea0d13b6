package accountstest

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
)

// RunScript has a service do random operations over an adapter, some of which
// are refused and some undone, and answers what it said, what it told, and all
// that is left behind. The seed decides everything, ids and time included, so
// two adapters have equal answers. Different seeds may share a database.
func RunScript(t *testing.T, a Adapter, seed uint64, operations int) string {
	t.Helper()
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	random := rand.NewChaCha8(key)
	clock := engage.NewManualClock(start)
	s := &script{
		t: t, a: a, seed: seed, clock: clock, rand: rand.New(rand.NewPCG(seed, 1)),
		ids: engage.NewIDSource(clock, random),
	}
	service, err := accounts.New(accounts.Deps{
		Runtime:       engage.Runtime{Tx: a.Tx, Events: s, Clock: clock, IDs: s.ids},
		Organizations: a.Organizations, Members: a.Members, Workspaces: a.Workspaces, Settings: a.Settings,
		Users: a.Users, Teams: a.Teams, Levels: a.Levels, Access: a.Access,
	}, accounts.Config{Settings: []accounts.SettingDefinition{
		{Key: "a", Default: json.RawMessage("1"), Validate: isShort}, {Key: "b.c", Default: json.RawMessage("null"), Validate: isShort},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.service = service
	s.begin()
	for range operations {
		s.step()
	}
	s.dump()
	return s.out.String()
}

func isShort(value json.RawMessage) error {
	if len(value) > 60 {
		return errors.New("too long")
	}
	return nil
}

// script is a run: what there is to speak of, whether it still exists or not.
type script struct {
	t       *testing.T
	a       Adapter
	seed    uint64
	clock   *engage.ManualClock
	ids     engage.IDSource
	rand    *rand.Rand
	service *accounts.Service
	out     strings.Builder

	users      []engage.UserID
	orgs       []accounts.OrganizationID
	workspaces []engage.WorkspaceID
	levels     []accounts.LevelID
	teams      []engage.TeamID
}

// Publish implements engage.Publisher: it writes down what is told before it is
// in the log.
func (s *script) Publish(ctx context.Context, ws engage.WorkspaceID, events ...engage.Event) error {
	for _, event := range events {
		envelope, err := engage.NewEnvelope(ctx, ws, event, engage.EventID{1}, s.clock.Now())
		if err != nil {
			return err
		}
		fmt.Fprintf(&s.out, "  told %s %s %s\n", ws, envelope.Name, envelope.Data)
	}
	return s.a.Publisher.Publish(ctx, ws, events...)
}

// begin makes two organizations of eight users, and three workspaces, so that
// most steps find something.
func (s *script) begin() {
	ctx := s.t.Context()
	for len(s.users) < 8 {
		s.createUser(ctx)
	}
	for len(s.orgs) < 2 {
		s.createOrganization(ctx)
	}
	for _, org := range s.orgs {
		for i, id := range s.users { // one administrator, or two
			_, err := s.service.SetRoles(ctx, org, accounts.Member{UserID: id, Role: []accounts.Role{accounts.RoleAdmin, accounts.RoleMember}[min(i, 1)]})
			s.note("SetRoles", nil, err)
		}
	}
	for len(s.workspaces) < 3 {
		s.createWorkspace(ctx)
	}
}

// step does one operation, at times within a transaction that is undone.
func (s *script) step() {
	s.clock.Advance(time.Duration(s.rand.IntN(3_000_000)) * time.Microsecond)
	do := oneOf(s, s.operations()...)
	if s.rand.IntN(8) > 0 {
		do(s.t.Context())
		return
	}
	undo := errors.New("undo")
	err := s.a.Tx.InShard(s.t.Context(), engage.DefaultShard, func(ctx context.Context) error {
		do(ctx)
		return undo
	})
	fmt.Fprintf(&s.out, "  undone: %t\n", errors.Is(err, undo))
}

// operations are what a step may do.
func (s *script) operations() []func(context.Context) {
	return []func(context.Context){
		s.createUser, s.createOrganization, s.createWorkspace, s.changePeople, s.changePeople, s.changePeople, s.changePlaces, s.changePlaces,
		s.changeSettings, s.changeAccess, s.changeAccess, s.changeAccess, s.changeLevels, s.changeTeams, s.changeTeams, s.changeTeams, s.read,
	}
}

// note writes down what a call answered.
func (s *script) note(call string, answer any, err error) {
	text, encodeErr := json.Marshal(answer)
	if encodeErr != nil {
		s.t.Fatal(encodeErr)
	}
	if err != nil {
		text = nil // answers of failed calls mean nothing
	}
	fmt.Fprintf(&s.out, "%s: %q %s %v\n", call, engage.CodeOf(err), text, engage.FieldsOf(err))
}

// pick answers one of some ids, at times one that nothing has.
func pick[T ~[16]byte](s *script, all []T) T {
	if len(all) == 0 || s.rand.IntN(40) == 0 {
		return T{15: byte(200 + s.rand.IntN(20))}
	}
	return all[s.rand.IntN(len(all))]
}

// some answers up to four of them.
func some[T ~[16]byte](s *script, all []T) []T {
	out := make([]T, s.rand.IntN(5))
	for i := range out {
		out[i] = pick(s, all)
	}
	return out
}

// known adds an id that was made, be it undone later. The oldest are forgotten:
// few people and places meet more often.
func known[T any](all []T, id T, err error) []T {
	if err != nil {
		return all
	}
	return append(all[max(0, len(all)-7):], id)
}

// name answers a name that databases confuse, seldom one that is too long.
func (s *script) name() string {
	all := hostile()
	name := all[s.rand.IntN(len(all))]
	if len(name) > accounts.MaxNameBytes && s.rand.IntN(4) > 0 {
		return s.name()
	}
	return name
}

func oneOf[T any](s *script, all ...T) T { return all[s.rand.IntN(len(all))] }

func (s *script) profile() accounts.WorkspaceProfile {
	return accounts.WorkspaceProfile{
		Name: s.name(), Locale: oneOf(s, "fr", "DE-ch", "pt-BR", "en", "zh-Hant", "x"), TimeZone: oneOf(s, "UTC", "Europe/Paris", "Asia/Kathmandu"), Currency: oneOf[engage.Currency](s, "EUR", "CHF", "JPY"),
	}
}

func (s *script) level() accounts.LevelID {
	return pick(s, append([]accounts.LevelID{accounts.LevelAdministrator, accounts.LevelAgent, accounts.LevelViewer}, s.levels...))
}

func (s *script) createUser(ctx context.Context) {
	u, err := s.service.CreateUser(ctx, s.person())
	s.note("CreateUser", u, err)
	s.users = known(s.users, u.ID, err)
}

func (s *script) person() accounts.UserProfile {
	return accounts.UserProfile{
		Email: fmt.Sprintf("%s-%d-%d@acme.test", oneOf(s, "Ana", "BEN", "Straße"), s.seed, s.rand.IntN(30)), Name: s.name(), Locale: oneOf(s, "", "fr"),
		Notifications: oneOf(s, nil, accounts.Notifications{accounts.ChannelEmail: {"mention", "assigned"}, accounts.ChannelMobile: {}}),
	}
}

func (s *script) createOrganization(ctx context.Context) {
	o, err := s.service.CreateOrganization(ctx, s.name(), pick(s, s.users))
	s.note("CreateOrganization", o, err)
	s.orgs = known(s.orgs, o.ID, err)
}

func (s *script) createWorkspace(ctx context.Context) {
	w, err := s.service.CreateWorkspace(ctx, pick(s, s.orgs), s.profile(), pick(s, s.users))
	s.note("CreateWorkspace", w, err)
	s.workspaces = known(s.workspaces, w.ID, err)
}

func (s *script) changePeople(ctx context.Context) {
	user, org := pick(s, s.users), pick(s, s.orgs)
	switch s.rand.IntN(8) {
	case 0, 1, 2:
		var members []accounts.Member
		for _, id := range some(s, s.users) {
			members = append(members, accounts.Member{UserID: id, Role: oneOf(s, accounts.RoleAdmin, accounts.RoleBillingAdmin, accounts.RoleMember, accounts.RoleMember)})
		}
		if s.rand.IntN(10) == 0 {
			members = append(members, accounts.Member{Role: "owner"})
		}
		n, err := s.service.SetRoles(ctx, org, members...)
		s.note("SetRoles", n, err)
	case 3:
		s.note("RemoveMember", nil, s.service.RemoveMember(ctx, org, user))
	case 4:
		u, err := s.service.UpdateUser(ctx, user, func(u *accounts.User) error { u.UserProfile = s.person(); return nil })
		s.note("UpdateUser", u, err)
	case 5:
		u, err := oneOf(s, s.service.SuspendUser, s.service.ResumeUser, s.service.EndSessions)(ctx, user)
		s.note("Suspend, resume or log out", u, err)
	case 6:
		s.note("DeleteUser", nil, s.service.DeleteUser(ctx, user))
	case 7:
		o, err := s.service.RenameOrganization(ctx, org, s.name())
		s.note("RenameOrganization", o, err)
	}
}

func (s *script) changePlaces(ctx context.Context) {
	ws := pick(s, s.workspaces)
	switch s.rand.IntN(8) {
	case 0, 1:
		w, err := s.service.UpdateWorkspace(ctx, ws, func(w *accounts.Workspace) error { w.WorkspaceProfile = s.profile(); return nil })
		s.note("UpdateWorkspace", w, err)
	case 3:
		w, err := s.service.ArchiveWorkspace(ctx, ws)
		s.note("ArchiveWorkspace", w, err)
	case 2, 4, 5:
		w, err := s.service.RestoreWorkspace(ctx, ws)
		s.note("RestoreWorkspace", w, err)
	case 6:
		s.note("DeleteWorkspace", nil, s.service.DeleteWorkspace(ctx, ws))
	case 7:
		s.note("DeleteOrganization", nil, s.service.DeleteOrganization(ctx, pick(s, s.orgs)))
	}
}

func (s *script) changeSettings(ctx context.Context) {
	ws, key, version := pick(s, s.workspaces), oneOf(s, "a", "b.c", "d"), engage.Version(s.rand.IntN(3))
	if s.rand.IntN(4) == 0 {
		set, err := s.service.ResetSetting(ctx, ws, key, version)
		s.note("ResetSetting", set, err)
		return
	}
	value := oneOf(s, `1.50`, `1e3`, `"é \u2028 <&>"`, `{"b":1,"aa":[true,null]}`, `[12345678901234567890.5]`, `nul`, `"`+strings.Repeat("x", 60)+`"`)
	set, err := s.service.PutSetting(ctx, ws, key, json.RawMessage(value), version)
	s.note("PutSetting", set, err)
}

func (s *script) changeAccess(ctx context.Context) {
	ws := pick(s, s.workspaces)
	if s.rand.IntN(3) == 0 {
		s.note("RemoveAccess", nil, s.service.RemoveAccess(ctx, ws, pick(s, s.users)))
		return
	}
	var all []accounts.Access
	for _, id := range some(s, s.users) {
		all = append(all, accounts.Access{UserID: id, LevelID: s.level()})
	}
	n, err := s.service.SetAccess(ctx, ws, all...)
	s.note("SetAccess", n, err)
}

func (s *script) changeLevels(ctx context.Context) {
	ws := pick(s, s.workspaces)
	profile := accounts.LevelProfile{Name: s.name(), Permissions: map[string]accounts.Scope{
		"deals.read": oneOf(s, accounts.ScopeOwn, accounts.ScopeTeam, accounts.ScopeAll), oneOf(s, "deals.write", "tasks.read"): accounts.ScopeAll,
	}}
	switch s.rand.IntN(3) {
	case 0:
		l, err := s.service.CreateLevel(ctx, ws, profile)
		s.note("CreateLevel", l, err)
		s.levels = known(s.levels, l.ID, err)
	case 1:
		l, err := s.service.UpdateLevel(ctx, ws, s.level(), func(l *accounts.Level) error { l.LevelProfile = profile; return nil })
		s.note("UpdateLevel", l, err)
	case 2:
		s.note("DeleteLevel", nil, s.service.DeleteLevel(ctx, ws, s.level()))
	}
}

func (s *script) changeTeams(ctx context.Context) {
	members := some(s, s.users)
	ws, profile := pick(s, s.workspaces), accounts.TeamProfile{Name: s.name(), Members: members[:min(len(members), s.rand.IntN(2))]}
	switch s.rand.IntN(4) {
	case 0, 1:
		team, err := s.service.CreateTeam(ctx, ws, profile)
		s.note("CreateTeam", team, err)
		s.teams = known(s.teams, team.ID, err)
	case 2:
		team, err := s.service.UpdateTeam(ctx, ws, pick(s, s.teams), func(t *accounts.Team) error { t.TeamProfile = profile; return nil })
		s.note("UpdateTeam", team, err)
	case 3:
		s.note("DeleteTeam", nil, s.service.DeleteTeam(ctx, ws, pick(s, s.teams)))
	}
}

func (s *script) read(ctx context.Context) {
	ws, user := pick(s, s.workspaces), pick(s, s.users)
	users, err := s.service.Users(ctx, ws, some(s, s.users))
	s.note("Users", users, err)
	teams, err := s.service.TeamsOf(ctx, ws, user)
	s.note("TeamsOf", teams, err)
	settings, err := s.service.Settings(ctx, ws)
	s.note("Settings", settings, err)
	scope, err := s.service.Scope(engage.WithActor(ctx, accounts.ActorOf(user)), ws, "deals.read")
	s.note("Scope", scope, err)
	places, err := s.service.WorkspacesOf(ctx, user)
	s.note("WorkspacesOf", places, err)
}

// dump writes down all that is left of what the script still knows.
func (s *script) dump() {
	ctx := s.t.Context()
	for _, id := range s.orgs {
		if !id.IsZero() {
			s.out.WriteString(Dump(ctx, s.t, s.a, accounts.LogOf(id)))
		}
	}
	for _, ws := range s.workspaces {
		if !ws.IsZero() {
			s.out.WriteString(Dump(ctx, s.t, s.a, ws))
		}
	}
	for _, id := range s.users {
		found, err := s.a.Users.Get(ctx, []engage.UserID{id})
		s.note("user", found, err)
		organizations, err := s.a.Users.Organizations(ctx, id)
		s.note("organizations", organizations, err)
	}
}
