package accounts_test

import (
	"flag"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/internal/goldens"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestEventPayloads(t *testing.T) {
	t.Parallel()
	org, ws, user := accounts.OrganizationID{1}, engage.WorkspaceID{2}, engage.UserID{3}
	level, other, team := accounts.LevelID{4}, accounts.LevelID{5}, engage.TeamID{6}
	was, is := support, support
	is.Locale, is.Name = "de-CH", "Kund<en>"
	goldens.Events(t, *update,
		accounts.OrganizationChanged{OrganizationID: org, Change: accounts.ChangeUpdated, FromName: "Acme", ToName: "Acme & Co"},
		accounts.MemberChanged{OrganizationID: org, UserID: user, From: accounts.RoleMember, To: accounts.RoleAdmin},
		accounts.WorkspaceChanged{OrganizationID: org, WorkspaceID: ws, Change: accounts.ChangeUpdated, From: &was, To: &is},
		accounts.SettingChanged{WorkspaceID: ws, Key: "inbox.auto_close_hours", From: attribute.Integer(72), To: attribute.Null},
		accounts.AccessChanged{WorkspaceID: ws, UserID: user, From: level, To: other},
		accounts.LevelChanged{
			WorkspaceID: ws, LevelID: level, Change: accounts.ChangeUpdated, From: &accounts.LevelProfile{Name: "Sales"},
			To: &accounts.LevelProfile{Name: "Sales", Permissions: map[string]accounts.Scope{"deals.read": accounts.ScopeTeam}},
		},
		accounts.TeamChanged{WorkspaceID: ws, TeamID: team, Change: accounts.ChangeCreated, To: &accounts.TeamProfile{Name: "Field", Members: []engage.UserID{user}}},
		accounts.UserChanged{
			UserID: user, Change: accounts.ChangeUpdated, From: &accounts.UserProfile{Email: "Ana@Acme.test", Name: "Ana"},
			To: &accounts.UserProfile{
				Email: "ana@acme.test", Name: "Ana B.", Locale: "fr", TimeZone: "Europe/Paris",
				Notifications: accounts.Notifications{accounts.ChannelEmail: {"mention"}},
			},
		},
	)
}
