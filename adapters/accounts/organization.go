package accounts

import "github.com/go-engage/engage"

type organizationKind struct{}

// IDPrefix implements engage.Kind.
func (organizationKind) IDPrefix() string { return "org" }

// OrganizationID identifies an organization.
type OrganizationID = engage.ID[organizationKind]

// LogOf is the workspace in whose log the events of an organization stand: the
// one with the organization's id. It is no workspace that anybody made.
func LogOf(id OrganizationID) engage.WorkspaceID { return engage.WorkspaceID(id) }
