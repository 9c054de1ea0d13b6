package accounts

import (
	"context"
	"time"

	"github.com/go-engage/engage"
)

// Access is a user's place in a workspace: the access level that says what the
// user may do there.
type Access struct {
	WorkspaceID engage.WorkspaceID
	UserID      engage.UserID
	LevelID     LevelID
	GrantedAt   time.Time // when the user came in
}

// AccessRepository keeps who has access to workspaces. Writes need the
// transaction in ctx, of the directory or of the workspace, and take effect
// whole or not at all. Slices hold at most engage.MaxBatch items.
type AccessRepository interface {
	// Put stores accesses, whose WorkspaceID it does not read; of those that are
	// there the level is replaced.
	Put(ctx context.Context, ws engage.WorkspaceID, all []Access) error
	// Remove takes a user's access, and takes the user from the workspace's
	// teams; one who has none answers ErrNotFound.
	Remove(ctx context.Context, ws engage.WorkspaceID, user engage.UserID) error
	// Get answers the accesses of users, ordered by user.
	Get(ctx context.Context, ws engage.WorkspaceID, users []engage.UserID) ([]Access, error)
	// Count answers how many users have a level.
	Count(ctx context.Context, ws engage.WorkspaceID, level LevelID) (int, error)
	// List answers accesses ordered by user.
	List(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[Access], error)
}

// SetAccess lets members of the workspace's organization in, or gives users
// other levels, and answers how many that changed. Who is no member and a level
// that there is not answer ErrNotFound by index; then nothing is written. Only
// UserID and LevelID are read; at most engage.MaxBatch a call.
func (s *Service) SetAccess(ctx context.Context, ws engage.WorkspaceID, all ...Access) (int, error) {
	const op = "accounts.SetAccess"
	if err := checkAccess(op, all); err != nil {
		return 0, err
	}
	changed := 0
	err := s.inUse(ctx, op, ws, func(ctx context.Context, w Workspace) error {
		changed = 0
		if err := s.requireGrantable(ctx, op, w, all); err != nil {
			return err
		}
		changes, events, err := s.accessChanges(ctx, ws, all)
		if err != nil || len(changes) == 0 {
			return err
		}
		if err := s.access.Put(ctx, ws, changes); err != nil {
			return err
		}
		changed = len(changes)
		return s.publish(ctx, w.OrganizationID, events...)
	})
	if err != nil {
		return 0, err
	}
	return changed, nil
}

// checkAccess reports what is wrong with accesses by index.
func checkAccess(op string, all []Access) error {
	var faults engage.Faults
	if len(all) > engage.MaxBatch {
		faults.Add("access", "too_many", "%d, at most %d a call", len(all), engage.MaxBatch)
		return faults.Err(op, "")
	}
	seen := map[engage.UserID]bool{}
	for i, a := range all {
		switch {
		case a.UserID.IsZero():
			faults.Add(item(i, "user_id"), "required", "access is a user's")
		case seen[a.UserID]:
			faults.Add(item(i, "user_id"), "duplicate", "the user is named twice")
		}
		if a.LevelID.IsZero() {
			faults.Add(item(i, "level_id"), "required", "an access level says what the user may do")
		}
		seen[a.UserID] = true
	}
	return faults.Err(op, "")
}

// requireGrantable answers ErrNotFound, by index, for users who are no members
// of the organization and for levels that the workspace does not have.
func (s *Service) requireGrantable(ctx context.Context, op string, w Workspace, all []Access) error {
	users, levels := make([]engage.UserID, len(all)), make([]LevelID, len(all))
	for i, a := range all {
		users[i], levels[i] = a.UserID, a.LevelID
	}
	members, err := s.members.Get(ctx, w.OrganizationID, users)
	if err != nil {
		return err
	}
	isMember := map[engage.UserID]bool{}
	for _, m := range members {
		isMember[m.UserID] = true
	}
	isLevel, err := s.levelsByID(ctx, w.ID, levels)
	if err != nil {
		return err
	}
	var faults engage.Faults
	for i, a := range all {
		if !isMember[a.UserID] {
			faults.Add(item(i, "user_id"), "not_found", "no member %s", a.UserID)
		}
		if _, ok := isLevel[a.LevelID]; !ok {
			faults.Add(item(i, "level_id"), "not_found", "no access level %s", a.LevelID)
		}
	}
	return missing(op, faults)
}

// accessChanges are the accesses whose level differs from the stored one, and
// the events that tell so.
func (s *Service) accessChanges(ctx context.Context, ws engage.WorkspaceID, all []Access) ([]Access, []engage.Event, error) {
	users := make([]engage.UserID, len(all))
	for i, a := range all {
		users[i] = a.UserID
	}
	stored, err := s.access.Get(ctx, ws, users)
	if err != nil {
		return nil, nil, err
	}
	before := map[engage.UserID]Access{}
	for _, a := range stored {
		before[a.UserID] = a
	}
	now := s.rt.Clock.Now()
	var changes []Access
	var events []engage.Event
	for _, a := range all {
		old, known := before[a.UserID]
		if known && old.LevelID == a.LevelID {
			continue
		}
		a.WorkspaceID, a.GrantedAt = ws, now
		if known {
			a.GrantedAt = old.GrantedAt
		}
		changes = append(changes, a)
		events = append(events, AccessChanged{WorkspaceID: ws, UserID: a.UserID, From: old.LevelID, To: a.LevelID})
	}
	return changes, events, nil
}

// RemoveAccess takes a user from a workspace and its teams; the user stays in
// the organization. One who has no access answers ErrNotFound.
func (s *Service) RemoveAccess(ctx context.Context, ws engage.WorkspaceID, user engage.UserID) error {
	const op = "accounts.RemoveAccess"
	return s.inUse(ctx, op, ws, func(ctx context.Context, w Workspace) error {
		found, err := s.access.Get(ctx, ws, []engage.UserID{user})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return notFound(op, "access", user)
		}
		if err := s.access.Remove(ctx, ws, user); err != nil {
			return err
		}
		return s.publish(ctx, w.OrganizationID, AccessChanged{WorkspaceID: ws, UserID: user, From: found[0].LevelID})
	})
}

// AllAccess answers a page of who has access to a workspace, ordered by user.
func (s *Service) AllAccess(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[Access], error) {
	return s.access.List(ctx, ws, page)
}

// WorkspacesOf answers where a user has access, ordered by workspace; archived
// workspaces are among them.
func (s *Service) WorkspacesOf(ctx context.Context, user engage.UserID) ([]Access, error) {
	return s.users.Workspaces(ctx, user)
}
