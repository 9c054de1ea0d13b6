package accounts

import (
	"context"
	"time"

	"github.com/go-engage/engage"
)

// Workspace is a place where an organization works with its contacts: the
// tenant of every other package.
type Workspace struct {
	ID             engage.WorkspaceID
	OrganizationID OrganizationID
	WorkspaceProfile
	CreatedAt  time.Time
	UpdatedAt  time.Time
	ArchivedAt time.Time // zero: in use
	Version    engage.Version
}

// WorkspaceProfile is what people may change of a workspace.
type WorkspaceProfile struct {
	Name     string          `json:"name"`
	Locale   string          `json:"locale"`    // BCP 47
	TimeZone string          `json:"time_zone"` // IANA
	Currency engage.Currency `json:"currency"`
}

// IsArchived reports whether nobody may work in the workspace.
func (w Workspace) IsArchived() bool { return !w.ArchivedAt.IsZero() }

// WorkspaceRepository keeps workspaces. Writes need the transaction in ctx, of
// the directory or of the workspace, and take effect whole or not at all.
type WorkspaceRepository interface {
	// Insert stores a new workspace with Version 1; a taken id answers
	// ErrAlreadyExists.
	Insert(ctx context.Context, workspace Workspace) error
	// Update replaces a workspace, but for its organization, and raises its
	// version; a missing one answers ErrNotFound, another stored version
	// ErrConflict.
	Update(ctx context.Context, workspace Workspace) error
	// Delete removes a workspace with its settings, accesses, levels and teams;
	// a missing one answers ErrNotFound.
	Delete(ctx context.Context, ws engage.WorkspaceID) error
	// Get answers a workspace, or ErrNotFound.
	Get(ctx context.Context, ws engage.WorkspaceID) (Workspace, error)
	// List answers an organization's workspaces ordered by id.
	List(ctx context.Context, org OrganizationID, page engage.PageRequest) (engage.Page[Workspace], error)
}

// CreateWorkspace makes a workspace of an organization. owner, a member of the
// organization, becomes its first administrator; the zero id gives nobody
// access yet.
func (s *Service) CreateWorkspace(ctx context.Context, org OrganizationID, profile WorkspaceProfile, owner engage.UserID) (Workspace, error) {
	const op = "accounts.CreateWorkspace"
	if err := profile.normalise(op); err != nil {
		return Workspace{}, err
	}
	now := s.rt.Clock.Now()
	made := Workspace{
		ID: engage.WorkspaceID(s.rt.IDs.NewID()), OrganizationID: org, WorkspaceProfile: profile,
		CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	err := s.inOrganization(ctx, org, func(ctx context.Context, _ Organization) error {
		if err := s.workspaces.Insert(ctx, made); err != nil {
			return err
		}
		events := []engage.Event{WorkspaceChanged{OrganizationID: org, WorkspaceID: made.ID, Change: ChangeCreated, To: &made.WorkspaceProfile}}
		if !owner.IsZero() {
			found, err := s.members.Get(ctx, org, []engage.UserID{owner})
			if err != nil {
				return err
			}
			if len(found) == 0 {
				return missing(op, engage.Faults{{Path: "owner", Code: "not_found", Message: "no member " + owner.String()}})
			}
			access := Access{WorkspaceID: made.ID, UserID: owner, LevelID: LevelAdministrator, GrantedAt: now}
			if err := s.access.Put(ctx, made.ID, []Access{access}); err != nil {
				return err
			}
			events = append(events, AccessChanged{WorkspaceID: made.ID, UserID: owner, To: LevelAdministrator})
		}
		return s.publish(ctx, org, events...)
	})
	return made, err
}

// Workspace answers a workspace, archived or not, or ErrNotFound.
func (s *Service) Workspace(ctx context.Context, ws engage.WorkspaceID) (Workspace, error) {
	return s.workspaces.Get(ctx, ws)
}

// OrganizationOf answers the organization of a workspace, which never changes.
func (s *Service) OrganizationOf(ctx context.Context, ws engage.WorkspaceID) (OrganizationID, error) {
	return s.owners.get(ctx, ws, func() (OrganizationID, error) {
		w, err := s.workspaces.Get(ctx, ws)
		return w.OrganizationID, err
	})
}

// Workspaces answers a page of an organization's workspaces, archived ones
// among them, ordered by id.
func (s *Service) Workspaces(ctx context.Context, org OrganizationID, page engage.PageRequest) (engage.Page[Workspace], error) {
	return s.workspaces.List(ctx, org, page)
}

// UpdateWorkspace changes the profile of a workspace by a function, which sees
// the newest version; what it does to other fields is ignored. To refuse an
// outdated edit, compare the version in fn. An archived workspace answers
// ErrFailedPrecondition.
func (s *Service) UpdateWorkspace(ctx context.Context, ws engage.WorkspaceID, fn func(*Workspace) error) (Workspace, error) {
	const op = "accounts.UpdateWorkspace"
	return s.changeWorkspace(ctx, ws, ChangeUpdated, func(w *Workspace) error {
		if w.IsArchived() {
			return precondition(op, ws, ErrArchived)
		}
		edited := *w
		if err := fn(&edited); err != nil {
			return err
		}
		w.WorkspaceProfile = edited.WorkspaceProfile
		return w.normalise(op)
	})
}

// ArchiveWorkspace ends all access to a workspace and keeps what it holds. One
// that is archived stays as it is.
func (s *Service) ArchiveWorkspace(ctx context.Context, ws engage.WorkspaceID) (Workspace, error) {
	return s.changeWorkspace(ctx, ws, ChangeArchived, func(w *Workspace) error {
		if !w.IsArchived() {
			w.ArchivedAt = s.rt.Clock.Now()
		}
		return nil
	})
}

// RestoreWorkspace gives an archived workspace back to those who had access.
func (s *Service) RestoreWorkspace(ctx context.Context, ws engage.WorkspaceID) (Workspace, error) {
	return s.changeWorkspace(ctx, ws, ChangeRestored, func(w *Workspace) error {
		w.ArchivedAt = time.Time{}
		return nil
	})
}

// changeWorkspace writes what fn changes and tells of it; no difference is no
// change.
func (s *Service) changeWorkspace(ctx context.Context, ws engage.WorkspaceID, change Change, fn func(*Workspace) error) (Workspace, error) {
	var changed Workspace
	err := s.inWorkspace(ctx, ws, func(ctx context.Context, before Workspace) error {
		changed = before
		if err := fn(&changed); err != nil || changed == before {
			return err
		}
		changed.UpdatedAt = s.rt.Clock.Now()
		if err := s.workspaces.Update(ctx, changed); err != nil {
			return err
		}
		changed.Version++
		told := WorkspaceChanged{OrganizationID: before.OrganizationID, WorkspaceID: ws, Change: change}
		if change == ChangeUpdated {
			told.From, told.To = &before.WorkspaceProfile, &changed.WorkspaceProfile
		}
		return s.publish(ctx, before.OrganizationID, told)
	})
	return changed, err
}

// DeleteWorkspace removes an archived workspace with its settings, accesses,
// levels and teams; one that is not archived answers ErrFailedPrecondition. What
// other packages keep of the workspace, they remove when they are told.
func (s *Service) DeleteWorkspace(ctx context.Context, ws engage.WorkspaceID) error {
	const op = "accounts.DeleteWorkspace"
	return s.inWorkspace(ctx, ws, func(ctx context.Context, w Workspace) error {
		if !w.IsArchived() {
			return precondition(op, ws, ErrInUse)
		}
		if err := s.workspaces.Delete(ctx, ws); err != nil {
			return err
		}
		return s.publish(ctx, w.OrganizationID, WorkspaceChanged{
			OrganizationID: w.OrganizationID, WorkspaceID: ws, Change: ChangeDeleted, From: &w.WorkspaceProfile,
		})
	})
}

// inWorkspace runs fn in a transaction of the directory that holds the lock on
// the workspace's organization.
func (s *Service) inWorkspace(ctx context.Context, ws engage.WorkspaceID, fn func(context.Context, Workspace) error) error {
	return s.rt.Tx.InShard(ctx, s.cfg.Shard, func(ctx context.Context) error {
		w, err := s.workspaces.Get(ctx, ws)
		if err != nil {
			return err
		}
		if _, err := s.organizations.Lock(ctx, w.OrganizationID); err != nil {
			return err
		}
		if w, err = s.workspaces.Get(ctx, ws); err != nil { // as it is now that nobody else may change it
			return err
		}
		return fn(ctx, w)
	})
}

// inUse is inWorkspace for changes that an archived workspace refuses.
func (s *Service) inUse(ctx context.Context, op string, ws engage.WorkspaceID, fn func(context.Context, Workspace) error) error {
	return s.inWorkspace(ctx, ws, func(ctx context.Context, w Workspace) error {
		if w.IsArchived() {
			return precondition(op, ws, ErrArchived)
		}
		return fn(ctx, w)
	})
}

// normalise checks a profile and gives its locale the canonical spelling.
func (p *WorkspaceProfile) normalise(op string) error {
	var faults engage.Faults
	validateName(&faults, p.Name)
	p.Locale = validateLocale(&faults, "locale", p.Locale)
	if p.Locale == "" {
		faults.Add("locale", "required", "a workspace has a locale")
	}
	validateTimeZone(&faults, "time_zone", p.TimeZone)
	if p.TimeZone == "" {
		faults.Add("time_zone", "required", "a workspace has a time zone")
	}
	if (engage.Money{Currency: p.Currency}).Validate() != nil {
		faults.Add("currency", "invalid", "%.16q is no ISO 4217 code", string(p.Currency))
	}
	return faults.Err(op, "")
}
