package accounts_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
)

// target is what a case of isolation calls a method about.
type target struct {
	org   accounts.OrganizationID
	ws    engage.WorkspaceID
	user  engage.UserID
	level accounts.LevelID
	team  engage.TeamID
}

// isolationCase calls a method about a target. It answers how much the method
// found there, and its error.
type isolationCase struct {
	// foreign marks methods that take an id of another object besides that of
	// the workspace or organization.
	foreign bool
	call    func(ctx context.Context, t target) (found int, err error)
}

func (b *testBundle) isolationCases() map[string]isolationCase {
	s := b.service
	one := engage.PageRequest{Limit: 1}
	return map[string]isolationCase{
		"AuthorizeOrganization": {call: func(ctx context.Context, t target) (int, error) {
			return 1, s.AuthorizeOrganization(ctx, t.org, accounts.RoleAdmin, accounts.RoleMember)
		}},
		"CreateWorkspace": {foreign: true, call: func(ctx context.Context, t target) (int, error) {
			return 1, ignore(s.CreateWorkspace(ctx, t.org, support, t.user))
		}},
		"DeleteOrganization": {call: func(ctx context.Context, t target) (int, error) { return 1, s.DeleteOrganization(ctx, t.org) }},
		"Members": {call: func(ctx context.Context, t target) (int, error) {
			page, err := s.Members(ctx, t.org, one)
			return len(page.Items), err
		}},
		"Organization": {call: func(ctx context.Context, t target) (int, error) { return 1, ignore(s.Organization(ctx, t.org)) }},
		"RemoveMember": {foreign: true, call: func(ctx context.Context, t target) (int, error) { return 1, s.RemoveMember(ctx, t.org, t.user) }},
		"RenameOrganization": {call: func(ctx context.Context, t target) (int, error) {
			return 1, ignore(s.RenameOrganization(ctx, t.org, "Mine"))
		}},
		"SetRoles": {call: func(ctx context.Context, t target) (int, error) { return s.SetRoles(ctx, t.org, member(t.user)) }},
		"Workspaces": {call: func(ctx context.Context, t target) (int, error) {
			page, err := s.Workspaces(ctx, t.org, one)
			return len(page.Items), err
		}},
		"AllAccess": {call: func(ctx context.Context, t target) (int, error) {
			page, err := s.AllAccess(ctx, t.ws, one)
			return len(page.Items), err
		}},
		"AllTeams": {call: func(ctx context.Context, t target) (int, error) {
			page, err := s.AllTeams(ctx, t.ws, one)
			return len(page.Items), err
		}},
		"ArchiveWorkspace": {call: func(ctx context.Context, t target) (int, error) { return 1, ignore(s.ArchiveWorkspace(ctx, t.ws)) }},
		"Authorize": {call: func(ctx context.Context, t target) (int, error) {
			return 1, s.Authorize(ctx, t.ws, "contacts.read", engage.Ref{})
		}},
		"CreateLevel": {call: func(ctx context.Context, t target) (int, error) {
			return 1, ignore(s.CreateLevel(ctx, t.ws, accounts.LevelProfile{Name: "Mine"}))
		}},
		"CreateTeam": {foreign: true, call: func(ctx context.Context, t target) (int, error) {
			return 1, ignore(s.CreateTeam(ctx, t.ws, accounts.TeamProfile{Name: "Mine", Members: []engage.UserID{t.user}}))
		}},
		"DeleteLevel":     {foreign: true, call: func(ctx context.Context, t target) (int, error) { return 1, s.DeleteLevel(ctx, t.ws, t.level) }},
		"DeleteTeam":      {foreign: true, call: func(ctx context.Context, t target) (int, error) { return 1, s.DeleteTeam(ctx, t.ws, t.team) }},
		"DeleteWorkspace": {call: func(ctx context.Context, t target) (int, error) { return 1, s.DeleteWorkspace(ctx, t.ws) }},
		"Levels": {call: func(ctx context.Context, t target) (int, error) {
			page, err := s.Levels(ctx, t.ws, one)
			return len(page.Items), err
		}},
		"PutSetting": {call: func(ctx context.Context, t target) (int, error) {
			return 1, ignore(s.PutSetting(ctx, t.ws, "brand", json.RawMessage("{}"), 0))
		}},
		"RemoveAccess":   {foreign: true, call: func(ctx context.Context, t target) (int, error) { return 1, s.RemoveAccess(ctx, t.ws, t.user) }},
		"OrganizationOf": {call: func(ctx context.Context, t target) (int, error) { return 1, ignore(s.OrganizationOf(ctx, t.ws)) }},
		"ResetSetting": {call: func(ctx context.Context, t target) (int, error) {
			return 1, ignore(s.ResetSetting(ctx, t.ws, "inbox.auto_close_hours", 1))
		}},
		"RestoreWorkspace": {call: func(ctx context.Context, t target) (int, error) { return 1, ignore(s.RestoreWorkspace(ctx, t.ws)) }},
		"Scope": {call: func(ctx context.Context, t target) (int, error) {
			return 1, ignore(s.Scope(ctx, t.ws, "contacts.read"))
		}},
		"SetAccess": {foreign: true, call: func(ctx context.Context, t target) (int, error) {
			return s.SetAccess(ctx, t.ws, accounts.Access{UserID: t.user, LevelID: t.level})
		}},
		"Settings":   {call: func(ctx context.Context, t target) (int, error) { return 1, ignore(s.Settings(ctx, t.ws)) }},
		"SettingsOf": {call: func(ctx context.Context, t target) (int, error) { return 1, ignore(s.SettingsOf(ctx, t.ws)) }},
		"Teams": {foreign: true, call: func(ctx context.Context, t target) (int, error) {
			found, err := s.Teams(ctx, t.ws, []engage.TeamID{t.team})
			return len(found), err
		}},
		"TeamsOf": {foreign: true, call: func(ctx context.Context, t target) (int, error) {
			found, err := s.TeamsOf(ctx, t.ws, t.user)
			return len(found), err
		}},
		"UpdateLevel": {foreign: true, call: func(ctx context.Context, t target) (int, error) {
			return 1, ignore(s.UpdateLevel(ctx, t.ws, t.level, func(l *accounts.Level) error { l.Name = "Mine"; return nil }))
		}},
		"UpdateTeam": {foreign: true, call: func(ctx context.Context, t target) (int, error) {
			return 1, ignore(s.UpdateTeam(ctx, t.ws, t.team, func(t *accounts.Team) error { t.Name = "Mine"; return nil }))
		}},
		"UpdateWorkspace": {call: func(ctx context.Context, t target) (int, error) {
			return 1, ignore(s.UpdateWorkspace(ctx, t.ws, func(w *accounts.Workspace) error { w.Name = "Mine"; return nil }))
		}},
		"Users": {foreign: true, call: func(ctx context.Context, t target) (int, error) {
			found, err := s.Users(ctx, t.ws, []engage.UserID{t.user})
			return len(found), err
		}},
		"Workspace": {call: func(ctx context.Context, t target) (int, error) { return 1, ignore(s.Workspace(ctx, t.ws)) }},
	}
}

func TestEveryMethodOfAWorkspaceOrAnOrganizationHasACase(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for method := range reflect.TypeFor[*accounts.Service]().Methods() {
		if method.Type.NumIn() < 3 {
			continue
		}
		switch method.Type.In(2) {
		case reflect.TypeFor[engage.WorkspaceID](), reflect.TypeFor[accounts.OrganizationID]():
			names[method.Name] = true
		}
	}
	got := slices.Sorted(maps.Keys(setup(t).isolationCases()))
	setup(t).same(got, slices.Sorted(maps.Keys(names)))
}

// nothing wants an answer that tells of no object.
func (b *testBundle) nothing(found int, err error) {
	b.t.Helper()
	switch {
	case err != nil && !errors.Is(err, engage.ErrNotFound) && !errors.Is(err, engage.ErrPermissionDenied):
		b.t.Errorf("want ErrNotFound, ErrPermissionDenied or nothing, got %v", err)
	case err == nil && found != 0:
		b.t.Errorf("found %d objects", found)
	}
}

var anID = regexp.MustCompile(`[a-z]{3}_[0-9a-z]{26}`)

// shape is what an error tells, but for the ids that the caller named.
func shape(found int, err error) string {
	return anID.ReplaceAllString(fmt.Sprint(found, engage.CodeOf(err), err, engage.FieldsOf(err)), "ID")
}

func TestWorkspacesAndOrganizationsAreKeptApart(t *testing.T) {
	t.Parallel()
	for name := range setup(t).isolationCases() {
		t.Run(name+" finds nothing where there is nothing, and changes nothing", func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			w := newWorld(b, "acme")
			before, ctx := b.dump(w), b.as(w.ana)
			unknown := target{accounts.OrganizationID{9}, engage.WorkspaceID{9}, w.ben, w.level.ID, w.team.ID}
			found, err := b.isolationCases()[name].call(ctx, unknown)
			b.nothing(found, err)
			b.same(b.dump(w), before)
			b.same(b.log(accounts.LogOf(unknown.org)), nil)
		})
		t.Run(name+" refuses the zero workspace and the zero organization", func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			w := newWorld(b, "acme")
			before := b.dump(w)
			_, err := b.isolationCases()[name].call(b.as(w.ana), target{user: w.ben, level: w.level.ID, team: w.team.ID})
			if !errors.Is(err, engage.ErrInvalid) && !errors.Is(err, engage.ErrPermissionDenied) {
				t.Errorf("want ErrInvalid or ErrPermissionDenied, got %v", err)
			}
			b.same(b.dump(w), before)
		})
	}
}

func TestEdgesAnswerAStrangerTheSameWhetherAPlaceExistsOrNot(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Authorize", "AuthorizeOrganization", "Scope"} { // edges ask these before they call the others
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			w := newWorld(b, "acme")
			ctx, c := b.as(b.user("stranger")), b.isolationCases()[name]
			b.same(shape(c.call(ctx, target{org: w.org, ws: w.ws})), shape(c.call(ctx, target{org: accounts.OrganizationID{9}, ws: engage.WorkspaceID{9}})))
		})
	}
}

func TestIDsOfAnotherWorkspaceAreAsThoseOfNothing(t *testing.T) {
	t.Parallel()
	for name, c := range setup(t).isolationCases() {
		if !c.foreign {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			mine, theirs := newWorld(b, "mine"), newWorld(b, "theirs")
			beforeMine, beforeTheirs, ctx := b.dump(mine), b.dump(theirs), b.as(mine.ana)
			call := b.isolationCases()[name].call
			found, err := call(ctx, target{mine.org, mine.ws, theirs.ben, theirs.level.ID, theirs.team.ID})
			b.nothing(found, err)
			b.same(shape(found, err), shape(call(ctx, target{mine.org, mine.ws, engage.UserID{9}, accounts.LevelID{9}, engage.TeamID{9}})))
			b.same(b.dump(mine), beforeMine)
			b.same(b.dump(theirs), beforeTheirs)
		})
	}
}
