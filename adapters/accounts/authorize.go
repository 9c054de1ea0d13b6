package accounts

import (
	"context"
	"errors"

	"github.com/go-engage/engage"
)

// Ownership tells whose an object is. The host gives it, from what the domains
// answer; Authorize needs it for the scopes own and team.
type Ownership interface {
	// Owners answers the user and the team that an object of a workspace belongs
	// to; zero ids for nobody. An unknown object answers ErrNotFound or zero ids.
	Owners(ctx context.Context, ws engage.WorkspaceID, object engage.Ref) (engage.UserID, engage.TeamID, error)
}

// Keys tells what API keys may do. The package of API keys implements it.
type Keys interface {
	// KeyPermissions answers the permissions of a key of the workspace, or
	// ErrNotFound or ErrUnauthenticated for one that is unknown, revoked or
	// expired.
	KeyPermissions(ctx context.Context, ws engage.WorkspaceID, keyID string) ([]string, error)
}

var (
	_ engage.Authorizer     = (*Service)(nil)
	_ engage.Directory      = (*Service)(nil)
	_ engage.SettingsReader = (*Service)(nil)
)

// rights are what an actor may do in a workspace.
type rights struct {
	user        engage.UserID // zero: an API key
	permissions map[string]Scope
	teams       map[engage.TeamID]bool
	colleagues  map[engage.UserID]bool // members of these teams
}

type rightsKey struct {
	ws    engage.WorkspaceID
	actor engage.Actor
}

// Authorize implements engage.Authorizer. It answers nil when the actor in ctx
// has the permission in the workspace: a user by the access level, an API key by
// what it was given. With an object, a permission of scope own or team holds for
// what Deps.Ownership says is the user's or the team's; without an Ownership it
// holds for no object. Without an object, any scope will do: who lists or creates
// is told by Scope what to show and to whom it may belong.
//
// ctx without an actor, which elsewhere is the system, answers
// ErrUnauthenticated. Everything else answers ErrPermissionDenied, and says no
// more: a workspace that does not exist, is archived or another's, a suspended
// user, a permission that nobody has. It answers from at most five seconds ago,
// and before that as much as the store's read replica lags.
func (s *Service) Authorize(ctx context.Context, ws engage.WorkspaceID, permission string, object engage.Ref) error {
	const op = "accounts.Authorize"
	who, scope, err := s.scope(ctx, op, ws, permission)
	if err != nil {
		return err
	}
	switch {
	case scope == ScopeAll, object.IsZero():
		return nil
	case s.ownership == nil:
		return denied(op, permission)
	}
	user, team, err := s.ownership.Owners(ctx, ws, object)
	switch {
	case errors.Is(err, engage.ErrNotFound):
		return denied(op, permission)
	case err != nil:
		return err
	case !user.IsZero() && user == who.user:
		return nil
	case scope == ScopeTeam && (who.teams[team] || who.colleagues[user]):
		return nil
	}
	return denied(op, permission)
}

// Scope answers on which objects the actor in ctx may use a permission, for
// services that filter what they show. It fails as Authorize does. The actor's
// teams are TeamsOf.
func (s *Service) Scope(ctx context.Context, ws engage.WorkspaceID, permission string) (Scope, error) {
	_, scope, err := s.scope(ctx, "accounts.Scope", ws, permission)
	return scope, err
}

func (s *Service) scope(ctx context.Context, op string, ws engage.WorkspaceID, permission string) (rights, Scope, error) {
	actor := engage.ActorFrom(ctx)
	if actor == (engage.Actor{}) {
		return rights{}, "", unauthenticated(op)
	}
	if err := engage.CheckCall(op, ws, 0); err != nil {
		return rights{}, "", err
	}
	who, err := s.rights.get(ctx, rightsKey{ws, actor}, func() (rights, error) { return s.rightsOf(ctx, ws, actor) })
	if err != nil {
		return rights{}, "", err
	}
	scope := who.permissions[permission]
	if _, known := s.catalogue[permission]; !known || scope == "" {
		return rights{}, "", denied(op, permission)
	}
	return who, scope, nil
}

// rightsOf reads what an actor may do in a workspace: the zero rights for
// nothing.
func (s *Service) rightsOf(ctx context.Context, ws engage.WorkspaceID, actor engage.Actor) (rights, error) {
	w, err := s.workspaces.Get(ctx, ws)
	switch {
	case errors.Is(err, engage.ErrNotFound):
		return rights{}, nil
	case err != nil || w.IsArchived():
		return rights{}, err
	}
	if user, ok := userOf(actor); ok {
		return s.rightsOfUser(ctx, ws, user)
	}
	if actor.Type == ActorAPIKey && s.keys != nil {
		return s.rightsOfKey(ctx, ws, actor.ID)
	}
	return rights{}, nil
}

func (s *Service) rightsOfUser(ctx context.Context, ws engage.WorkspaceID, user engage.UserID) (rights, error) {
	users, err := s.users.Get(ctx, []engage.UserID{user})
	if err != nil || len(users) == 0 || users[0].IsSuspended() {
		return rights{}, err
	}
	access, err := s.access.Get(ctx, ws, []engage.UserID{user})
	if err != nil || len(access) == 0 {
		return rights{}, err
	}
	levels, err := s.levelsByID(ctx, ws, []LevelID{access[0].LevelID})
	if err != nil {
		return rights{}, err
	}
	who := rights{user: user, permissions: levels[access[0].LevelID].Permissions}
	for _, scope := range who.permissions {
		if scope == ScopeTeam {
			err = s.joinTeams(ctx, ws, &who)
			break
		}
	}
	return who, err
}

// joinTeams notes the teams of a user and who is in them.
func (s *Service) joinTeams(ctx context.Context, ws engage.WorkspaceID, who *rights) error {
	teams, err := s.teams.Of(ctx, ws, who.user)
	who.teams, who.colleagues = map[engage.TeamID]bool{}, map[engage.UserID]bool{}
	for _, team := range teams {
		who.teams[team.ID] = true
		for _, member := range team.Members {
			who.colleagues[member] = true
		}
	}
	return err
}

func (s *Service) rightsOfKey(ctx context.Context, ws engage.WorkspaceID, keyID string) (rights, error) {
	words, err := s.keys.KeyPermissions(ctx, ws, keyID)
	switch {
	case errors.Is(err, engage.ErrNotFound), errors.Is(err, engage.ErrUnauthenticated):
		return rights{}, nil
	case err != nil:
		return rights{}, err
	}
	who := rights{permissions: make(map[string]Scope, len(words))}
	for _, word := range words {
		who.permissions[word] = ScopeAll
	}
	return who, nil
}

// The types of actors that may be authorised.
const (
	ActorUser   = "user"
	ActorAPIKey = "api_key"
)

// ActorOf is the actor that a user is.
func ActorOf(id engage.UserID) engage.Actor { return engage.Actor{Type: ActorUser, ID: id.String()} }

// userOf is the user that an actor is, if it is one.
func userOf(actor engage.Actor) (engage.UserID, bool) {
	var id engage.UserID
	if actor.Type != ActorUser || id.UnmarshalText([]byte(actor.ID)) != nil {
		return engage.UserID{}, false
	}
	return id, true
}

func unauthenticated(op string) error {
	return &engage.Error{Code: engage.Unauthenticated, Op: op}
}

func denied(op, entity string) error {
	return &engage.Error{Code: engage.PermissionDenied, Op: op, Entity: entity}
}

// Users implements engage.Directory: who has access to the workspace, ordered by
// id; suspended users among them.
func (s *Service) Users(ctx context.Context, ws engage.WorkspaceID, ids []engage.UserID) ([]engage.User, error) {
	access, err := s.access.Get(ctx, ws, ids)
	if err != nil || len(access) == 0 {
		return nil, err
	}
	theirs := make([]engage.UserID, len(access))
	for i, a := range access {
		theirs[i] = a.UserID
	}
	found, err := s.users.Get(ctx, theirs)
	if err != nil {
		return nil, err
	}
	users := make([]engage.User, len(found))
	for i, u := range found {
		users[i] = engage.User{ID: u.ID, Name: u.Name, Email: u.Email, Locale: u.Locale, TimeZone: u.TimeZone}
	}
	return users, nil
}

// Teams implements engage.Directory, ordered by id.
func (s *Service) Teams(ctx context.Context, ws engage.WorkspaceID, ids []engage.TeamID) ([]engage.Team, error) {
	found, err := s.teams.Get(ctx, ws, ids)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	teams := make([]engage.Team, len(found))
	for i, t := range found {
		teams[i] = engage.Team{ID: t.ID, Name: t.Name, Members: t.Members}
	}
	return teams, nil
}
