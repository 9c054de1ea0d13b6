package plans

import (
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
)

// Terms are what an event tells of a subscription.
type Terms struct {
	Plan        string    `json:"plan"`
	State       State     `json:"state"`
	AnchorDay   int       `json:"anchor_day"`
	TimeZone    string    `json:"time_zone"`
	TrialEndsAt time.Time `json:"trial_ends_at,omitzero"`
	EndsAt      time.Time `json:"ends_at,omitzero"`
	Ref         string    `json:"ref,omitzero"`
}

// SubscriptionStarted says that an organization has its first subscription. Wire
// name accounts.subscription.started.v1.
type SubscriptionStarted struct {
	Organization accounts.OrganizationID `json:"organization_id"`
	Terms        Terms                   `json:"terms"`
}

// SubscriptionChanged says how a subscription was and how it is: its plan, its
// state or its end. Wire name accounts.subscription.changed.v1.
type SubscriptionChanged struct {
	Organization accounts.OrganizationID `json:"organization_id"`
	From         Terms                   `json:"from"`
	To           Terms                   `json:"to"`
}

// ThresholdCrossed says that an organization used a share of an allowance, and
// which workspace's use it was. Each threshold is told once a period. Wire name
// accounts.usage.threshold_crossed.v1.
type ThresholdCrossed struct {
	Organization accounts.OrganizationID `json:"organization_id"`
	Workspace    engage.WorkspaceID      `json:"workspace_id"`
	Meter        Meter                   `json:"meter"`
	Percent      int                     `json:"percent"`
	Used         int64                   `json:"used"`
	Included     int64                   `json:"included"`
	Period       Period                  `json:"period"`
}

// EventName implements engage.Event.
func (SubscriptionStarted) EventName() string { return "accounts.subscription.started.v1" }

// EventName implements engage.Event.
func (SubscriptionChanged) EventName() string { return "accounts.subscription.changed.v1" }

// EventName implements engage.Event.
func (ThresholdCrossed) EventName() string { return "accounts.usage.threshold_crossed.v1" }

// EventSubject is the organization.
func (e SubscriptionStarted) EventSubject() engage.Ref { return organization(e.Organization) }

// EventSubject is the organization.
func (e SubscriptionChanged) EventSubject() engage.Ref { return organization(e.Organization) }

// EventSubject is the organization.
func (e ThresholdCrossed) EventSubject() engage.Ref { return organization(e.Organization) }

func organization(id accounts.OrganizationID) engage.Ref { return engage.RefTo("organization", id) }
