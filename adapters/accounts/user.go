package accounts

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

// UserLogOf is the workspace in whose log the events of a user stand: the one
// with the user's id. It is no workspace that anybody made.
func UserLogOf(id engage.UserID) engage.WorkspaceID { return engage.WorkspaceID(id) }

// User is a person who works with the platform, in any number of
// organizations. How users prove who they are is the host's: the package keeps
// no passwords and no sessions.
type User struct {
	ID engage.UserID
	UserProfile
	EmailKey string // the normalised address, unique
	// Epoch is what a session notes when it begins. Raising it ends them all.
	Epoch       int64
	SuspendedAt time.Time // zero: may work
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Version     engage.Version
}

// UserProfile is what users may change of themselves.
type UserProfile struct {
	Email         string        `json:"email"`
	Name          string        `json:"name"`
	Locale        string        `json:"locale,omitzero"`    // BCP 47; "": the workspace's
	TimeZone      string        `json:"time_zone,omitzero"` // IANA; "": the workspace's
	Notifications Notifications `json:"notifications,omitempty"`
}

// Notifications are the topics of which a user wants to be told, by channel. A
// channel that is left out has the host's defaults, one without topics is off.
type Notifications map[Channel][]string

// Channel is a way to tell users something.
type Channel string

// The channels.
const (
	ChannelDesktop Channel = "desktop"
	ChannelMobile  Channel = "mobile"
	ChannelEmail   Channel = "email"
)

// IsSuspended reports whether the user may not work anywhere.
func (u User) IsSuspended() bool { return !u.SuspendedAt.IsZero() }

// Clone answers a copy that shares nothing with the user.
func (u User) Clone() User {
	if u.Notifications != nil {
		u.Notifications = maps.Clone(u.Notifications)
		for channel, topics := range u.Notifications {
			u.Notifications[channel] = slices.Clone(topics)
		}
	}
	return u
}

func (p UserProfile) equal(other UserProfile) bool {
	return p.Email == other.Email && p.Name == other.Name && p.Locale == other.Locale && p.TimeZone == other.TimeZone &&
		maps.EqualFunc(p.Notifications, other.Notifications, slices.Equal)
}

// UserRepository keeps users, who belong to no workspace. Writes need the
// directory's InShard transaction in ctx and take effect whole or not at all.
// Slices hold at most engage.MaxBatch ids.
type UserRepository interface {
	// Insert stores a new user with Version 1; a taken id or EmailKey answers
	// ErrAlreadyExists.
	Insert(ctx context.Context, user User) error
	// Update replaces a user and raises the version; a missing one answers
	// ErrNotFound, another stored version ErrConflict, a taken EmailKey
	// ErrAlreadyExists.
	Update(ctx context.Context, user User) error
	// Delete removes a user; a missing one answers ErrNotFound.
	Delete(ctx context.Context, id engage.UserID) error
	// Get answers the users among ids, ordered by id.
	Get(ctx context.Context, ids []engage.UserID) ([]User, error)
	// Lock is Get, and keeps others from locking these users until the
	// transaction in ctx ends, which it needs.
	Lock(ctx context.Context, ids []engage.UserID) ([]User, error)
	// Find answers the user with a normalised address, or ErrNotFound.
	Find(ctx context.Context, emailKey string) (User, error)
	// Organizations answers where a user is a member, ordered by organization.
	Organizations(ctx context.Context, user engage.UserID) ([]Belonging, error)
	// Workspaces answers where a user has access, ordered by workspace.
	Workspaces(ctx context.Context, user engage.UserID) ([]Access, error)
}

// CreateUser makes a user. An address that somebody has already, in any case,
// answers ErrAlreadyExists; pages where strangers sign up should not pass that
// on. The host has to know that the address is the person's own.
func (s *Service) CreateUser(ctx context.Context, profile UserProfile) (User, error) {
	now := s.rt.Clock.Now()
	made := User{
		ID: engage.UserID(s.rt.IDs.NewID()), UserProfile: profile, Epoch: 1, CreatedAt: now, UpdatedAt: now, Version: 1,
	}.Clone()
	if err := made.normalise("accounts.CreateUser"); err != nil {
		return User{}, err
	}
	err := s.rt.Tx.InShard(ctx, s.cfg.Shard, func(ctx context.Context) error {
		if err := s.users.Insert(ctx, made); err != nil {
			return err
		}
		return s.rt.Events.Publish(ctx, UserLogOf(made.ID), UserChanged{UserID: made.ID, Change: ChangeCreated, To: &made.UserProfile})
	})
	return made, err
}

// User answers a user, or ErrNotFound.
func (s *Service) User(ctx context.Context, id engage.UserID) (User, error) {
	found, err := s.users.Get(ctx, []engage.UserID{id})
	if err == nil && len(found) == 0 {
		err = notFound("accounts.User", "user", id)
	}
	if err != nil {
		return User{}, err
	}
	return found[0], nil
}

// FindUser answers the user with an address, in any case, or ErrNotFound: also
// for what is no address.
func (s *Service) FindUser(ctx context.Context, email string) (User, error) {
	key, err := contacts.NormaliseEmail(email)
	if err != nil {
		return User{}, &engage.Error{Code: engage.NotFound, Op: "accounts.FindUser", Entity: "user by address"}
	}
	return s.users.Find(ctx, key)
}

// UpdateUser changes the profile of a user by a function, which sees the newest
// version; what it does to other fields is ignored. To refuse an outdated edit,
// compare the version in fn. A taken address answers ErrAlreadyExists.
func (s *Service) UpdateUser(ctx context.Context, id engage.UserID, fn func(*User) error) (User, error) {
	return s.changeUser(ctx, "accounts.UpdateUser", id, ChangeUpdated, func(u *User) error {
		edited := u.Clone()
		if err := fn(&edited); err != nil {
			return err
		}
		u.UserProfile = edited.Clone().UserProfile
		return u.normalise("accounts.UpdateUser")
	})
}

// SuspendUser keeps a user from working anywhere and ends all sessions. One who
// is suspended stays so.
func (s *Service) SuspendUser(ctx context.Context, id engage.UserID) (User, error) {
	return s.changeUser(ctx, "accounts.SuspendUser", id, ChangeSuspended, func(u *User) error {
		if !u.IsSuspended() {
			u.SuspendedAt = s.rt.Clock.Now()
			u.Epoch++
		}
		return nil
	})
}

// ResumeUser lets a suspended user work again; the sessions stay ended.
func (s *Service) ResumeUser(ctx context.Context, id engage.UserID) (User, error) {
	return s.changeUser(ctx, "accounts.ResumeUser", id, ChangeResumed, func(u *User) error {
		u.SuspendedAt = time.Time{}
		return nil
	})
}

// EndSessions raises a user's epoch, as after a change of password. The answer
// holds the epoch for the session that goes on.
func (s *Service) EndSessions(ctx context.Context, id engage.UserID) (User, error) {
	return s.changeUser(ctx, "accounts.EndSessions", id, ChangeSessionsEnded, func(u *User) error {
		u.Epoch++
		return nil
	})
}

func (s *Service) changeUser(ctx context.Context, op string, id engage.UserID, change Change, fn func(*User) error) (User, error) {
	var changed User
	err := s.inUser(ctx, op, id, func(ctx context.Context, before User) error {
		changed = before.Clone()
		if err := fn(&changed); err != nil {
			return err
		}
		same := changed.equal(before.UserProfile)
		if same && changed.Epoch == before.Epoch && changed.SuspendedAt.Equal(before.SuspendedAt) {
			return nil
		}
		changed.UpdatedAt = s.rt.Clock.Now()
		if err := s.users.Update(ctx, changed); err != nil {
			return err
		}
		changed.Version++
		told := UserChanged{UserID: id, Change: change}
		if !same {
			told.From, told.To = &before.UserProfile, &changed.UserProfile
		}
		return s.rt.Events.Publish(ctx, UserLogOf(id), told)
	})
	return changed, err
}

// DeleteUser removes a user. A member of an organization answers
// ErrFailedPrecondition (ErrInUse): removing the membership first tells each
// organization so.
func (s *Service) DeleteUser(ctx context.Context, id engage.UserID) error {
	const op = "accounts.DeleteUser"
	return s.inUser(ctx, op, id, func(ctx context.Context, u User) error {
		member, err := s.users.Organizations(ctx, id)
		if err != nil {
			return err
		}
		if len(member) > 0 {
			return precondition(op, id, ErrInUse)
		}
		if err := s.users.Delete(ctx, id); err != nil {
			return err
		}
		return s.rt.Events.Publish(ctx, UserLogOf(id), UserChanged{UserID: id, Change: ChangeDeleted, From: &u.UserProfile})
	})
}

// inUser runs fn in a transaction of the directory that holds the lock on a
// user.
func (s *Service) inUser(ctx context.Context, op string, id engage.UserID, fn func(context.Context, User) error) error {
	if id.IsZero() {
		return requireID("user")
	}
	return s.rt.Tx.InShard(ctx, s.cfg.Shard, func(ctx context.Context) error {
		found, err := s.users.Lock(ctx, []engage.UserID{id})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return notFound(op, "user", id)
		}
		return fn(ctx, found[0])
	})
}

// CheckEpoch answers nil when a session that began at an epoch of a user may go
// on, and ErrUnauthenticated when it has ended, the user is suspended or there
// is no such user. It answers from at most five seconds ago.
func (s *Service) CheckEpoch(ctx context.Context, id engage.UserID, epoch int64) error {
	const op = "accounts.CheckEpoch"
	current, err := s.epochs.get(ctx, id, func() (int64, error) {
		found, err := s.users.Get(ctx, []engage.UserID{id})
		if err != nil || len(found) == 0 || found[0].IsSuspended() {
			return 0, err
		}
		return found[0].Epoch, nil
	})
	if err != nil {
		return err
	}
	if current == 0 || current != epoch {
		return unauthenticated(op)
	}
	return nil
}

// normalise checks a profile, makes the key of the address and gives the locale
// its canonical spelling.
func (u *User) normalise(op string) error {
	var faults engage.Faults
	key, err := contacts.NormaliseEmail(u.Email)
	if err != nil {
		faults.Add("email", "invalid", "want one address of at most 254 bytes")
	}
	u.EmailKey = key
	validateName(&faults, u.Name)
	u.Locale = validateLocale(&faults, "locale", u.Locale)
	validateTimeZone(&faults, "time_zone", u.TimeZone)
	u.Notifications.validate(&faults)
	return faults.Err(op, "")
}

func (n Notifications) validate(faults *engage.Faults) {
	for _, channel := range slices.Sorted(maps.Keys(n)) {
		path, topics := "notifications."+clip(string(channel)), n[channel]
		if channel != ChannelDesktop && channel != ChannelMobile && channel != ChannelEmail {
			faults.Add(path, "unknown", "want desktop, mobile or email")
		}
		if len(topics) > MaxTopics {
			faults.Add(path, "too_many", "%d topics, at most %d", len(topics), MaxTopics)
		}
		for i, topic := range topics {
			if !isWord(topic) {
				faults.Add(fmt.Sprintf("%s[%d]", path, i), "invalid", "%.64q: want at most 64 of a-z, 0-9, _ and .", topic)
			}
		}
	}
}
