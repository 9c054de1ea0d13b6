package accounts

import (
	"context"
	"slices"
	"time"

	"github.com/go-engage/engage"
)

// Role is what a member is in an organization. It says nothing about its
// workspaces: there an access level does.
type Role string

// The roles.
const (
	RoleAdmin        Role = "admin"         // manages members, workspaces and billing
	RoleBillingAdmin Role = "billing_admin" // manages billing
	RoleMember       Role = "member"        // works in workspaces
)

// IsValid reports whether it is one of the roles.
func (r Role) IsValid() bool { return r == RoleAdmin || r == RoleBillingAdmin || r == RoleMember }

// Member says that a user belongs to an organization.
type Member struct {
	UserID   engage.UserID
	Role     Role
	JoinedAt time.Time
}

// Belonging is a user's place in one of many organizations.
type Belonging struct {
	OrganizationID OrganizationID
	Member
}

// MemberRepository keeps the members of organizations. Writes need the
// transaction in ctx, of the directory or of the organization's log, and take
// effect whole or not at all. Slices hold at most engage.MaxBatch items.
type MemberRepository interface {
	// Put stores members; of those that are there the role is replaced.
	Put(ctx context.Context, org OrganizationID, members []Member) error
	// Remove takes a user from the organization, from its workspaces and from
	// their teams, and answers the access that the user had, ordered by
	// workspace. One who is no member answers ErrNotFound.
	Remove(ctx context.Context, org OrganizationID, user engage.UserID) ([]Access, error)
	// Get answers the members among users, ordered by user.
	Get(ctx context.Context, org OrganizationID, users []engage.UserID) ([]Member, error)
	// Count answers how many members have a role.
	Count(ctx context.Context, org OrganizationID, role Role) (int, error)
	// List answers members ordered by user.
	List(ctx context.Context, org OrganizationID, page engage.PageRequest) (engage.Page[Member], error)
}

// SetRoles makes users members of an organization, or gives them other roles,
// and answers how many that changed. An unknown user answers ErrNotFound, an
// unknown role ErrInvalid, each by its index; then nothing is written. Only
// UserID and Role of a member are read; at most engage.MaxBatch a call. Taking
// the role from the last administrator answers ErrFailedPrecondition
// (ErrLastAdmin).
func (s *Service) SetRoles(ctx context.Context, org OrganizationID, members ...Member) (int, error) {
	const op = "accounts.SetRoles"
	if err := checkMembers(op, members); err != nil {
		return 0, err
	}
	changed := 0
	err := s.inOrganization(ctx, org, func(ctx context.Context, _ Organization) error {
		changed = 0
		if err := s.requireUsers(ctx, op, members); err != nil {
			return err
		}
		now := s.rt.Clock.Now()
		changes, events, err := s.roleChanges(ctx, org, members, now)
		if err != nil || len(changes) == 0 {
			return err
		}
		if err := s.members.Put(ctx, org, changes); err != nil {
			return err
		}
		if err := s.requireAdmin(ctx, op, org); err != nil {
			return err
		}
		changed = len(changes)
		return s.publish(ctx, org, events...)
	})
	if err != nil {
		return 0, err
	}
	return changed, nil
}

// checkMembers reports what is wrong with members by index.
func checkMembers(op string, members []Member) error {
	var faults engage.Faults
	if len(members) > engage.MaxBatch {
		faults.Add("members", "too_many", "%d, at most %d a call", len(members), engage.MaxBatch)
		return faults.Err(op, "")
	}
	seen := map[engage.UserID]bool{}
	for i, m := range members {
		switch {
		case m.UserID.IsZero():
			faults.Add(item(i, "user_id"), "required", "a member is a user")
		case seen[m.UserID]:
			faults.Add(item(i, "user_id"), "duplicate", "the user is named twice")
		}
		if !m.Role.IsValid() {
			faults.Add(item(i, "role"), "unknown", "%.40q is no role", string(m.Role))
		}
		seen[m.UserID] = true
	}
	return faults.Err(op, "")
}

// requireUsers locks users, so that none is deleted meanwhile, and answers
// ErrNotFound for those that are missing, by index.
func (s *Service) requireUsers(ctx context.Context, op string, members []Member) error {
	ids := make([]engage.UserID, len(members))
	for i, m := range members {
		ids[i] = m.UserID
	}
	found, err := s.users.Lock(ctx, ids)
	if err != nil {
		return err
	}
	known := map[engage.UserID]bool{}
	for _, u := range found {
		known[u.ID] = true
	}
	var faults engage.Faults
	for i, id := range ids {
		if !known[id] {
			faults.Add(item(i, "user_id"), "not_found", "no user %s", id)
		}
	}
	return missing(op, faults)
}

// roleChanges are the members whose role differs from the stored one, and the
// events that tell so.
func (s *Service) roleChanges(ctx context.Context, org OrganizationID, members []Member, now time.Time) ([]Member, []engage.Event, error) {
	ids := make([]engage.UserID, len(members))
	for i, m := range members {
		ids[i] = m.UserID
	}
	stored, err := s.members.Get(ctx, org, ids)
	if err != nil {
		return nil, nil, err
	}
	before := map[engage.UserID]Member{}
	for _, m := range stored {
		before[m.UserID] = m
	}
	var changes []Member
	var events []engage.Event
	for _, m := range members {
		old, known := before[m.UserID]
		if known && old.Role == m.Role {
			continue
		}
		m.JoinedAt = now
		if known {
			m.JoinedAt = old.JoinedAt
		}
		changes = append(changes, m)
		events = append(events, MemberChanged{OrganizationID: org, UserID: m.UserID, From: old.Role, To: m.Role})
	}
	return changes, events, nil
}

// requireAdmin answers ErrLastAdmin when an organization has no administrator.
func (s *Service) requireAdmin(ctx context.Context, op string, org OrganizationID) error {
	admins, err := s.members.Count(ctx, org, RoleAdmin)
	if err == nil && admins == 0 {
		return precondition(op, org, ErrLastAdmin)
	}
	return err
}

// RemoveMember takes a user from an organization, from all its workspaces and
// from their teams. One who is no member answers ErrNotFound, the last
// administrator ErrFailedPrecondition (ErrLastAdmin).
func (s *Service) RemoveMember(ctx context.Context, org OrganizationID, user engage.UserID) error {
	const op = "accounts.RemoveMember"
	return s.inOrganization(ctx, org, func(ctx context.Context, _ Organization) error {
		found, err := s.members.Get(ctx, org, []engage.UserID{user})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return notFound(op, "member", user)
		}
		lost, err := s.members.Remove(ctx, org, user)
		if err != nil {
			return err
		}
		if err := s.requireAdmin(ctx, op, org); err != nil {
			return err
		}
		events := []engage.Event{MemberChanged{OrganizationID: org, UserID: user, From: found[0].Role}}
		for _, g := range lost {
			events = append(events, AccessChanged{WorkspaceID: g.WorkspaceID, UserID: user, From: g.LevelID})
		}
		return s.publish(ctx, org, events...)
	})
}

// Members answers a page of an organization's members, ordered by user.
func (s *Service) Members(ctx context.Context, org OrganizationID, page engage.PageRequest) (engage.Page[Member], error) {
	return s.members.List(ctx, org, page)
}

// OrganizationsOf answers the organizations that a user belongs to, ordered by
// id.
func (s *Service) OrganizationsOf(ctx context.Context, user engage.UserID) ([]Belonging, error) {
	return s.users.Organizations(ctx, user)
}

// AuthorizeOrganization answers nil when the actor in ctx is a user with one of
// the roles, ErrUnauthenticated when ctx names no actor, and otherwise
// ErrPermissionDenied: also for an organization that does not exist. It answers
// from at most five seconds ago.
func (s *Service) AuthorizeOrganization(ctx context.Context, org OrganizationID, roles ...Role) error {
	const op = "accounts.AuthorizeOrganization"
	actor := engage.ActorFrom(ctx)
	if actor == (engage.Actor{}) {
		return unauthenticated(op)
	}
	role, err := s.roles.get(ctx, roleKey{org, actor}, func() (Role, error) { return s.roleOf(ctx, org, actor) })
	if err != nil {
		return err
	}
	if role == "" || !slices.Contains(roles, role) {
		return denied(op, org.String())
	}
	return nil
}

type roleKey struct {
	org   OrganizationID
	actor engage.Actor
}

// roleOf is an actor's role in an organization, "" for none.
func (s *Service) roleOf(ctx context.Context, org OrganizationID, actor engage.Actor) (Role, error) {
	user, ok := userOf(actor)
	if !ok || org.IsZero() {
		return "", nil
	}
	found, err := s.members.Get(ctx, org, []engage.UserID{user})
	if err != nil || len(found) == 0 {
		return "", err
	}
	users, err := s.users.Get(ctx, []engage.UserID{user})
	if err != nil || len(users) == 0 || users[0].IsSuspended() {
		return "", err
	}
	return found[0].Role, nil
}
