package accounts

import (
	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts/attribute"
)

// Change is what happened to an object.
type Change string

// The changes.
const (
	ChangeCreated       Change = "created"
	ChangeUpdated       Change = "updated"
	ChangeArchived      Change = "archived"
	ChangeRestored      Change = "restored"
	ChangeSuspended     Change = "suspended"
	ChangeResumed       Change = "resumed"
	ChangeSessionsEnded Change = "sessions_ended"
	ChangeDeleted       Change = "deleted"
)

// OrganizationChanged says that an organization was created, renamed or
// deleted; its members are gone with it. Wire name
// accounts.organization.changed.v1.
type OrganizationChanged struct {
	OrganizationID OrganizationID `json:"organization_id"`
	Change         Change         `json:"change"`
	FromName       string         `json:"from_name,omitzero"`
	ToName         string         `json:"to_name,omitzero"`
}

// MemberChanged says that a user came into an organization, has another role
// there, or left. Wire name accounts.member.changed.v1.
type MemberChanged struct {
	OrganizationID OrganizationID `json:"organization_id"`
	UserID         engage.UserID  `json:"user_id"`
	From           Role           `json:"from,omitzero"` // "": was no member
	To             Role           `json:"to,omitzero"`   // "": is none any more
}

// WorkspaceChanged says what happened to a workspace. With a deleted one its
// settings, accesses, levels and teams are gone. Wire name
// accounts.workspace.changed.v1.
type WorkspaceChanged struct {
	OrganizationID OrganizationID     `json:"organization_id"`
	WorkspaceID    engage.WorkspaceID `json:"workspace_id"`
	Change         Change             `json:"change"`
	From           *WorkspaceProfile  `json:"from,omitempty"`
	To             *WorkspaceProfile  `json:"to,omitempty"`
}

// SettingChanged says that a workspace set a setting, or took its default back.
// Wire name accounts.setting.changed.v1.
type SettingChanged struct {
	WorkspaceID engage.WorkspaceID `json:"workspace_id"`
	Key         string             `json:"key"`
	From        attribute.Value    `json:"from"`
	To          attribute.Value    `json:"to"`
}

// AccessChanged says that a user came into a workspace, has another access level
// there, or left it and its teams. Wire name accounts.access.changed.v1.
type AccessChanged struct {
	WorkspaceID engage.WorkspaceID `json:"workspace_id"`
	UserID      engage.UserID      `json:"user_id"`
	From        LevelID            `json:"from,omitzero"` // absent: had no access
	To          LevelID            `json:"to,omitzero"`   // absent: has none any more
}

// LevelChanged says what happened to an access level. Wire name
// accounts.level.changed.v1.
type LevelChanged struct {
	WorkspaceID engage.WorkspaceID `json:"workspace_id"`
	LevelID     LevelID            `json:"level_id"`
	Change      Change             `json:"change"`
	From        *LevelProfile      `json:"from,omitempty"`
	To          *LevelProfile      `json:"to,omitempty"`
}

// TeamChanged says what happened to a team. Wire name accounts.team.changed.v1.
type TeamChanged struct {
	WorkspaceID engage.WorkspaceID `json:"workspace_id"`
	TeamID      engage.TeamID      `json:"team_id"`
	Change      Change             `json:"change"`
	From        *TeamProfile       `json:"from,omitempty"`
	To          *TeamProfile       `json:"to,omitempty"`
}

// UserChanged says what happened to a user. It stands in the user's own log.
// Wire name accounts.user.changed.v1.
type UserChanged struct {
	UserID engage.UserID `json:"user_id"`
	Change Change        `json:"change"`
	From   *UserProfile  `json:"from,omitempty"`
	To     *UserProfile  `json:"to,omitempty"`
}

// EventName implements engage.Event.
func (OrganizationChanged) EventName() string { return "accounts.organization.changed.v1" }

// EventName implements engage.Event.
func (MemberChanged) EventName() string { return "accounts.member.changed.v1" }

// EventName implements engage.Event.
func (WorkspaceChanged) EventName() string { return "accounts.workspace.changed.v1" }

// EventName implements engage.Event.
func (SettingChanged) EventName() string { return "accounts.setting.changed.v1" }

// EventName implements engage.Event.
func (AccessChanged) EventName() string { return "accounts.access.changed.v1" }

// EventName implements engage.Event.
func (LevelChanged) EventName() string { return "accounts.level.changed.v1" }

// EventName implements engage.Event.
func (TeamChanged) EventName() string { return "accounts.team.changed.v1" }

// EventName implements engage.Event.
func (UserChanged) EventName() string { return "accounts.user.changed.v1" }

// EventSubject is the organization.
func (e OrganizationChanged) EventSubject() engage.Ref {
	return engage.RefTo("organization", e.OrganizationID)
}

// EventSubject is the user.
func (e MemberChanged) EventSubject() engage.Ref { return engage.RefTo("user", e.UserID) }

// EventSubject is the workspace.
func (e WorkspaceChanged) EventSubject() engage.Ref { return engage.RefTo("workspace", e.WorkspaceID) }

// EventSubject is the workspace: settings have no id.
func (e SettingChanged) EventSubject() engage.Ref { return engage.RefTo("workspace", e.WorkspaceID) }

// EventSubject is the user.
func (e AccessChanged) EventSubject() engage.Ref { return engage.RefTo("user", e.UserID) }

// EventSubject is the access level.
func (e LevelChanged) EventSubject() engage.Ref { return engage.RefTo("level", e.LevelID) }

// EventSubject is the team.
func (e TeamChanged) EventSubject() engage.Ref { return engage.RefTo("team", e.TeamID) }

// EventSubject is the user.
func (e UserChanged) EventSubject() engage.Ref { return engage.RefTo("user", e.UserID) }
