package accounts

import (
	"context"
	"time"

	"github.com/go-engage/engage"
)

type organizationKind struct{}

// IDPrefix implements engage.Kind.
func (organizationKind) IDPrefix() string { return "org" }

// OrganizationID identifies an organization.
type OrganizationID = engage.ID[organizationKind]

// LogOf is the workspace in whose log the events of an organization stand: the
// one with the organization's id. It is no workspace that anybody made.
func LogOf(id OrganizationID) engage.WorkspaceID { return engage.WorkspaceID(id) }

// Organization is a company that uses the platform. It has members, shares one
// subscription and owns workspaces.
type Organization struct {
	ID        OrganizationID
	Name      string
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   engage.Version
}

// OrganizationRepository keeps organizations. Writes need the transaction in
// ctx, of the directory or of the organization's log, and take effect whole or
// not at all.
type OrganizationRepository interface {
	// Insert stores a new organization with Version 1; a taken id answers
	// ErrAlreadyExists.
	Insert(ctx context.Context, organization Organization) error
	// Update replaces an organization and raises its version; a missing one
	// answers ErrNotFound, another stored version ErrConflict.
	Update(ctx context.Context, organization Organization) error
	// Delete removes an organization and its members; a missing one answers
	// ErrNotFound.
	Delete(ctx context.Context, id OrganizationID) error
	// Get answers an organization, or ErrNotFound.
	Get(ctx context.Context, id OrganizationID) (Organization, error)
	// Lock answers an organization and keeps others from locking it until the
	// transaction in ctx ends, which it needs. A missing one answers ErrNotFound.
	Lock(ctx context.Context, id OrganizationID) (Organization, error)
}

// CreateOrganization makes an organization and its first administrator.
func (s *Service) CreateOrganization(ctx context.Context, name string, admin engage.UserID) (Organization, error) {
	const op = "accounts.CreateOrganization"
	var faults engage.Faults
	validateName(&faults, name)
	if admin.IsZero() {
		faults.Add("admin", "required", "an organization has an administrator")
	}
	if err := faults.Err(op, ""); err != nil {
		return Organization{}, err
	}
	now := s.rt.Clock.Now()
	made := Organization{ID: engage.NewID[organizationKind](s.rt.IDs), Name: name, CreatedAt: now, UpdatedAt: now, Version: 1}
	err := s.rt.Tx.InShard(ctx, s.cfg.Shard, func(ctx context.Context) error {
		found, err := s.users.Lock(ctx, []engage.UserID{admin})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			faults := engage.Faults{{Path: "admin", Code: "not_found", Message: "no user " + admin.String()}}
			return missing(op, faults)
		}
		if err := s.organizations.Insert(ctx, made); err != nil {
			return err
		}
		if err := s.members.Put(ctx, made.ID, []Member{{UserID: admin, Role: RoleAdmin, JoinedAt: now}}); err != nil {
			return err
		}
		return s.publish(ctx, made.ID,
			OrganizationChanged{OrganizationID: made.ID, Change: ChangeCreated, ToName: name},
			MemberChanged{OrganizationID: made.ID, UserID: admin, To: RoleAdmin})
	})
	return made, err
}

// Organization answers an organization, or ErrNotFound.
func (s *Service) Organization(ctx context.Context, id OrganizationID) (Organization, error) {
	return s.organizations.Get(ctx, id)
}

// RenameOrganization gives an organization another name.
func (s *Service) RenameOrganization(ctx context.Context, id OrganizationID, name string) (Organization, error) {
	const op = "accounts.RenameOrganization"
	var faults engage.Faults
	validateName(&faults, name)
	if err := faults.Err(op, ""); err != nil {
		return Organization{}, err
	}
	var renamed Organization
	err := s.inOrganization(ctx, id, func(ctx context.Context, o Organization) error {
		before := o.Name
		renamed = o
		if name == before {
			return nil
		}
		renamed.Name, renamed.UpdatedAt = name, s.rt.Clock.Now()
		if err := s.organizations.Update(ctx, renamed); err != nil {
			return err
		}
		renamed.Version++
		return s.publish(ctx, id, OrganizationChanged{OrganizationID: id, Change: ChangeUpdated, FromName: before, ToName: name})
	})
	return renamed, err
}

// DeleteOrganization removes an organization and its members. One that has a
// workspace left answers ErrFailedPrecondition.
func (s *Service) DeleteOrganization(ctx context.Context, id OrganizationID) error {
	const op = "accounts.DeleteOrganization"
	return s.inOrganization(ctx, id, func(ctx context.Context, o Organization) error {
		left, err := s.workspaces.List(ctx, id, engage.PageRequest{Limit: 1})
		if err != nil {
			return err
		}
		if len(left.Items) > 0 {
			return precondition(op, id, ErrInUse)
		}
		if err := s.organizations.Delete(ctx, id); err != nil {
			return err
		}
		return s.publish(ctx, id, OrganizationChanged{OrganizationID: id, Change: ChangeDeleted, FromName: o.Name})
	})
}

// inOrganization runs fn in a transaction of the directory that holds the lock
// on an organization, which every change of it and of its workspaces takes.
func (s *Service) inOrganization(ctx context.Context, id OrganizationID, fn func(context.Context, Organization) error) error {
	if id.IsZero() {
		return requireID("organization")
	}
	return s.rt.Tx.InShard(ctx, s.cfg.Shard, func(ctx context.Context) error {
		o, err := s.organizations.Lock(ctx, id)
		if err != nil {
			return err
		}
		return fn(ctx, o)
	})
}
