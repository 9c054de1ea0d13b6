package accounts

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

// Team is a group of a workspace's users who share work: the operator group of
// an inbox, the owners of deals. Names are unique without regard to case.
type Team struct {
	ID engage.TeamID
	TeamProfile
	Key       string // the folded name, unique in the workspace
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   engage.Version
}

// TeamProfile is what people may change of a team.
type TeamProfile struct {
	Name    string          `json:"name"`
	Members []engage.UserID `json:"members,omitempty"` // in order, each once
}

// TeamRepository keeps teams. Writes need the transaction in ctx, of the
// directory or of the workspace, and take effect whole or not at all.
type TeamRepository interface {
	// Insert stores a new team with Version 1; a taken id or key answers
	// ErrAlreadyExists.
	Insert(ctx context.Context, ws engage.WorkspaceID, team Team) error
	// Update replaces a team, its members among the rest, and raises its version;
	// a missing one answers ErrNotFound, another stored version ErrConflict, a
	// taken key ErrAlreadyExists.
	Update(ctx context.Context, ws engage.WorkspaceID, team Team) error
	// Delete removes a team; a missing one answers ErrNotFound.
	Delete(ctx context.Context, ws engage.WorkspaceID, id engage.TeamID) error
	// Get answers the teams among ids, at most engage.MaxBatch, ordered by id.
	Get(ctx context.Context, ws engage.WorkspaceID, ids []engage.TeamID) ([]Team, error)
	// Of answers the teams that a user is in, ordered by id.
	Of(ctx context.Context, ws engage.WorkspaceID, user engage.UserID) ([]Team, error)
	// List answers teams ordered by key.
	List(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[Team], error)
}

// CreateTeam makes a team of users who have access to the workspace. One who has
// none answers ErrNotFound by index, a taken name ErrAlreadyExists.
func (s *Service) CreateTeam(ctx context.Context, ws engage.WorkspaceID, profile TeamProfile) (Team, error) {
	const op = "accounts.CreateTeam"
	now := s.rt.Clock.Now()
	made := Team{ID: engage.TeamID(s.rt.IDs.NewID()), TeamProfile: profile, CreatedAt: now, UpdatedAt: now, Version: 1}
	if err := made.normalise(op); err != nil {
		return Team{}, err
	}
	err := s.inUse(ctx, op, ws, func(ctx context.Context, w Workspace) error {
		if err := s.requireAccess(ctx, op, ws, profile.Members); err != nil {
			return err
		}
		if err := s.teams.Insert(ctx, ws, made); err != nil {
			return err
		}
		return s.publish(ctx, w.OrganizationID, TeamChanged{WorkspaceID: ws, TeamID: made.ID, Change: ChangeCreated, To: &made.TeamProfile})
	})
	return made, err
}

// UpdateTeam changes the name and the members of a team by a function, as
// UpdateWorkspace does a workspace.
func (s *Service) UpdateTeam(ctx context.Context, ws engage.WorkspaceID, id engage.TeamID, fn func(*Team) error) (Team, error) {
	const op = "accounts.UpdateTeam"
	var changed Team
	err := s.inUse(ctx, op, ws, func(ctx context.Context, w Workspace) error {
		before, err := s.team(ctx, op, ws, id)
		if err != nil {
			return err
		}
		edited := before
		edited.Members = slices.Clone(before.Members)
		if err := fn(&edited); err != nil {
			return err
		}
		changed = before
		changed.TeamProfile = edited.TeamProfile
		asked := edited.Members
		if err := changed.normalise(op); err != nil {
			return err
		}
		if changed.Name == before.Name && slices.Equal(changed.Members, before.Members) {
			return nil
		}
		if err := s.requireAccess(ctx, op, ws, asked); err != nil {
			return err
		}
		changed.UpdatedAt = s.rt.Clock.Now()
		if err := s.teams.Update(ctx, ws, changed); err != nil {
			return err
		}
		changed.Version++
		return s.publish(ctx, w.OrganizationID, TeamChanged{
			WorkspaceID: ws, TeamID: id, Change: ChangeUpdated, From: &before.TeamProfile, To: &changed.TeamProfile,
		})
	})
	return changed, err
}

// DeleteTeam removes a team; its members stay in the workspace.
func (s *Service) DeleteTeam(ctx context.Context, ws engage.WorkspaceID, id engage.TeamID) error {
	const op = "accounts.DeleteTeam"
	return s.inUse(ctx, op, ws, func(ctx context.Context, w Workspace) error {
		before, err := s.team(ctx, op, ws, id)
		if err != nil {
			return err
		}
		if err := s.teams.Delete(ctx, ws, id); err != nil {
			return err
		}
		return s.publish(ctx, w.OrganizationID, TeamChanged{WorkspaceID: ws, TeamID: id, Change: ChangeDeleted, From: &before.TeamProfile})
	})
}

// AllTeams answers a page of a workspace's teams, ordered by folded name.
func (s *Service) AllTeams(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[Team], error) {
	return s.teams.List(ctx, ws, page)
}

// TeamsOf answers the teams that a user is in, ordered by id.
func (s *Service) TeamsOf(ctx context.Context, ws engage.WorkspaceID, user engage.UserID) ([]Team, error) {
	return s.teams.Of(ctx, ws, user)
}

func (s *Service) team(ctx context.Context, op string, ws engage.WorkspaceID, id engage.TeamID) (Team, error) {
	found, err := s.teams.Get(ctx, ws, []engage.TeamID{id})
	if err == nil && len(found) == 0 {
		err = notFound(op, "team", id)
	}
	if err != nil {
		return Team{}, err
	}
	return found[0], nil
}

// requireAccess answers ErrNotFound for users who have no access to a
// workspace, by index.
func (s *Service) requireAccess(ctx context.Context, op string, ws engage.WorkspaceID, users []engage.UserID) error {
	found, err := s.access.Get(ctx, ws, users)
	if err != nil {
		return err
	}
	known := map[engage.UserID]bool{}
	for _, a := range found {
		known[a.UserID] = true
	}
	var faults engage.Faults
	for i, id := range users {
		if !known[id] {
			faults.Add(fmt.Sprintf("members[%d]", i), "not_found", "no user %s", id)
		}
	}
	return missing(op, faults)
}

// normalise checks a team, makes its key and puts its members in order.
func (t *Team) normalise(op string) error {
	var faults engage.Faults
	validateName(&faults, t.Name)
	t.Key = contacts.FoldName(t.Name)
	if len(t.Members) > MaxTeamMembers {
		faults.Add("members", "too_many", "%d, at most %d", len(t.Members), MaxTeamMembers)
	}
	for i, id := range t.Members {
		if id.IsZero() {
			faults.Add(fmt.Sprintf("members[%d]", i), "required", "a member is a user")
		}
	}
	t.Members = slices.Clone(t.Members)
	slices.SortFunc(t.Members, engage.UserID.Compare)
	t.Members = slices.Compact(t.Members)
	return faults.Err(op, "")
}
