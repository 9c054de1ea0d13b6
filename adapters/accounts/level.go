package accounts

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

type levelKind struct{}

// IDPrefix implements engage.Kind.
func (levelKind) IDPrefix() string { return "lev" }

// LevelID identifies an access level.
type LevelID = engage.ID[levelKind]

// The access levels that every workspace has. The catalogue of permissions says
// what they may; nobody changes or deletes them.
var (
	LevelAdministrator = LevelID{15: 1} // everything
	LevelManager       = LevelID{15: 2} // all work, but neither people nor keys
	LevelAgent         = LevelID{15: 3} // the own and the team's work
	LevelViewer        = LevelID{15: 4} // reads
)

// Level is an access level: a named set of permissions, each with its scope.
// Names are unique without regard to case.
type Level struct {
	ID LevelID
	LevelProfile
	Key       string // the folded name, unique in the workspace
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   engage.Version // 0: built in
}

// LevelProfile is what people may change of an access level.
type LevelProfile struct {
	Name        string           `json:"name"`
	Permissions map[string]Scope `json:"permissions,omitempty"`
}

// LevelRepository keeps the access levels that workspaces made. Writes need the
// transaction in ctx, of the directory or of the workspace, and take effect
// whole or not at all.
type LevelRepository interface {
	// Insert stores a new level with Version 1; a taken id or key answers
	// ErrAlreadyExists.
	Insert(ctx context.Context, ws engage.WorkspaceID, level Level) error
	// Update replaces a level and raises its version; a missing one answers
	// ErrNotFound, another stored version ErrConflict, a taken key
	// ErrAlreadyExists.
	Update(ctx context.Context, ws engage.WorkspaceID, level Level) error
	// Delete removes a level; a missing one answers ErrNotFound.
	Delete(ctx context.Context, ws engage.WorkspaceID, id LevelID) error
	// Get answers the levels among ids, at most engage.MaxBatch, ordered by id.
	Get(ctx context.Context, ws engage.WorkspaceID, ids []LevelID) ([]Level, error)
	// List answers levels ordered by key.
	List(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[Level], error)
}

// CreateLevel makes an access level. A taken name, that of a built-in level
// included, answers ErrAlreadyExists; a permission that is not in the catalogue
// ErrInvalid.
func (s *Service) CreateLevel(ctx context.Context, ws engage.WorkspaceID, profile LevelProfile) (Level, error) {
	const op = "accounts.CreateLevel"
	now := s.rt.Clock.Now()
	made := Level{ID: engage.NewID[levelKind](s.rt.IDs), LevelProfile: profile, CreatedAt: now, UpdatedAt: now, Version: 1}
	made.Permissions = maps.Clone(profile.Permissions)
	if err := s.normaliseLevel(op, &made); err != nil {
		return Level{}, err
	}
	err := s.inUse(ctx, op, ws, func(ctx context.Context, w Workspace) error {
		if err := s.levels.Insert(ctx, ws, made); err != nil {
			return err
		}
		return s.publish(ctx, w.OrganizationID, LevelChanged{WorkspaceID: ws, LevelID: made.ID, Change: ChangeCreated, To: &made.LevelProfile})
	})
	return made, err
}

// UpdateLevel changes the name and the permissions of an access level by a
// function, as UpdateWorkspace does a workspace. Who has the level has the new
// permissions within five seconds. A built-in one answers ErrFailedPrecondition.
func (s *Service) UpdateLevel(ctx context.Context, ws engage.WorkspaceID, id LevelID, fn func(*Level) error) (Level, error) {
	const op = "accounts.UpdateLevel"
	var changed Level
	err := s.inUse(ctx, op, ws, func(ctx context.Context, w Workspace) error {
		before, err := s.ownLevel(ctx, op, ws, id)
		if err != nil {
			return err
		}
		edited := before
		edited.Permissions = maps.Clone(before.Permissions)
		if err := fn(&edited); err != nil {
			return err
		}
		changed = before
		changed.LevelProfile = LevelProfile{Name: edited.Name, Permissions: maps.Clone(edited.Permissions)}
		if err := s.normaliseLevel(op, &changed); err != nil {
			return err
		}
		if changed.Name == before.Name && maps.Equal(changed.Permissions, before.Permissions) {
			return nil
		}
		changed.UpdatedAt = s.rt.Clock.Now()
		if err := s.levels.Update(ctx, ws, changed); err != nil {
			return err
		}
		changed.Version++
		return s.publish(ctx, w.OrganizationID, LevelChanged{
			WorkspaceID: ws, LevelID: id, Change: ChangeUpdated, From: &before.LevelProfile, To: &changed.LevelProfile,
		})
	})
	return changed, err
}

// DeleteLevel removes an access level. One that a user has, and a built-in one,
// answer ErrFailedPrecondition (ErrInUse).
func (s *Service) DeleteLevel(ctx context.Context, ws engage.WorkspaceID, id LevelID) error {
	const op = "accounts.DeleteLevel"
	return s.inUse(ctx, op, ws, func(ctx context.Context, w Workspace) error {
		before, err := s.ownLevel(ctx, op, ws, id)
		if err != nil {
			return err
		}
		holders, err := s.access.Count(ctx, ws, id)
		if err != nil {
			return err
		}
		if holders > 0 {
			return precondition(op, id, ErrInUse)
		}
		if err := s.levels.Delete(ctx, ws, id); err != nil {
			return err
		}
		return s.publish(ctx, w.OrganizationID, LevelChanged{WorkspaceID: ws, LevelID: id, Change: ChangeDeleted, From: &before.LevelProfile})
	})
}

// Levels answers a page of the levels that a workspace made, ordered by folded
// name. BuiltInLevels answers the others.
func (s *Service) Levels(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[Level], error) {
	return s.levels.List(ctx, ws, page)
}

// BuiltInLevels answers the levels of every workspace, the mightiest first.
func (s *Service) BuiltInLevels() []Level {
	all := make([]Level, 0, len(builtIn))
	for _, id := range [...]LevelID{LevelAdministrator, LevelManager, LevelAgent, LevelViewer} {
		level := s.builtIn[id]
		level.Permissions = maps.Clone(level.Permissions)
		all = append(all, level)
	}
	return all
}

// builtIn are the names of the built-in levels, by the last byte of their id.
var builtIn = [...]string{"Administrator", "Manager", "Agent", "Viewer"}

// builtInLevels makes the built-in levels of a catalogue.
func builtInLevels(catalogue map[string]Permission) map[LevelID]Level {
	levels := map[LevelID]Level{}
	for i, name := range builtIn {
		level := Level{ID: LevelID{15: byte(i + 1)}, Key: contacts.FoldName(name)}
		level.Name, level.Permissions = name, map[string]Scope{}
		for word, p := range catalogue {
			if scope := [...]Scope{ScopeAll, p.Manager, p.Agent, p.Viewer}[i]; scope != "" {
				level.Permissions[word] = scope
			}
		}
		levels[level.ID] = level
	}
	return levels
}

// ownLevel answers a level that the workspace made.
func (s *Service) ownLevel(ctx context.Context, op string, ws engage.WorkspaceID, id LevelID) (Level, error) {
	if _, fixed := s.builtIn[id]; fixed {
		return Level{}, precondition(op, id, ErrInUse)
	}
	found, err := s.levels.Get(ctx, ws, []LevelID{id})
	if err == nil && len(found) == 0 {
		err = notFound(op, "access level", id)
	}
	if err != nil {
		return Level{}, err
	}
	return found[0], nil
}

// levelsByID answers the levels among ids, built-in ones and the workspace's.
func (s *Service) levelsByID(ctx context.Context, ws engage.WorkspaceID, ids []LevelID) (map[LevelID]Level, error) {
	levels := map[LevelID]Level{}
	var stored []LevelID
	for _, id := range ids {
		if level, fixed := s.builtIn[id]; fixed {
			levels[id] = level
		} else {
			stored = append(stored, id)
		}
	}
	if len(stored) == 0 {
		return levels, nil
	}
	slices.SortFunc(stored, LevelID.Compare)
	found, err := s.levels.Get(ctx, ws, slices.Compact(stored))
	for _, level := range found {
		levels[level.ID] = level
	}
	return levels, err
}

// normaliseLevel checks a level and makes its key.
func (s *Service) normaliseLevel(op string, level *Level) error {
	var faults engage.Faults
	validateName(&faults, level.Name)
	for _, word := range slices.Sorted(maps.Keys(level.Permissions)) {
		path := "permissions." + clip(word)
		if _, known := s.catalogue[word]; !known {
			faults.Add(path, "unknown", "there is no such permission")
		}
		if scope := level.Permissions[word]; !scope.IsValid() {
			faults.Add(path, "invalid", "%.16q: want own, team or all", string(scope))
		}
	}
	if err := faults.Err(op, ""); err != nil {
		return err
	}
	level.Key = contacts.FoldName(level.Name)
	for _, fixed := range s.builtIn {
		if fixed.Key == level.Key {
			return &engage.Error{Code: engage.AlreadyExists, Op: op, Entity: "access level " + fixed.Name}
		}
	}
	return nil
}
