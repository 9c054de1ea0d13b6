package apikeys

import (
	"context"
	"crypto/subtle"
	"slices"
	"time"

	"github.com/go-engage/engage"
)

type kind struct{}

func (kind) IDPrefix() string { return "key" }

// ID identifies a key. It stands in the key's text, so it is no secret.
type ID = engage.ID[kind]

// ActorType is the type of the actor that a key's grant names; its id is the
// key's.
const ActorType = "api_key"

// Ingest is the permission to send in what contacts do. It is all that a write
// key has, whatever else is stored with it.
const Ingest = "ingest"

// Kind says what a key is for.
type Kind string

// The kinds of keys.
const (
	WriteKey  Kind = "write"  // sends in; may be seen by everybody
	SecretKey Kind = "secret" // administers, with the permissions it names
)

// String is the kind's word.
func (k Kind) String() string { return string(k) }

func (k Kind) prefix() string {
	if k == WriteKey {
		return "engw_"
	}
	return "engs_"
}

// State says whether a key serves.
type State string

// The states of keys. The last two are for good.
const (
	StateActive  State = "active"
	StateExpired State = "expired"
	StateRevoked State = "revoked"
)

// String is the state's word.
func (s State) String() string { return string(s) }

// Key is what is known of a key. Its text is not.
type Key struct {
	ID          ID
	Name        string
	Kind        Kind
	Permissions []string  // of a secret key, sorted
	Origins     []string  // web origins that a write key is bound to, sorted; none: any
	ExpiresAt   time.Time // zero: never
	RotatedAt   time.Time // when it got its text
	FormerUntil time.Time // until when its former text serves; zero: not at all
	RevokedAt   time.Time // zero: it was not
	LastUsedAt  time.Time // the minute of its last use; zero: never
	CreatedAt   time.Time
	UpdatedAt   time.Time
	CreatedBy   engage.Actor
	UpdatedBy   engage.Actor
	Version     engage.Version
}

// Head is how the key's text begins, which tells keys apart and opens nothing.
func (k Key) Head() string { return k.Kind.prefix() + k.ID.String()[len("key_"):] }

// StateAt is the key's state at an instant. A key serves until its ExpiresAt,
// and no longer at it.
func (k Key) StateAt(now time.Time) State {
	switch {
	case !k.RevokedAt.IsZero():
		return StateRevoked
	case !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt):
		return StateExpired
	}
	return StateActive
}

// Grants are the permissions that the key gives.
func (k Key) Grants() []string {
	if k.Kind == WriteKey {
		return []string{Ingest}
	}
	return slices.Clone(k.Permissions)
}

// AllowsOrigin reports whether the key may be used from a web origin, "" being a
// caller that names none. A key that is bound to origins may be used from those
// alone: only browsers tell the truth about them, so a server gets a key of its
// own.
func (k Key) AllowsOrigin(origin string) bool {
	if len(k.Origins) == 0 {
		return true
	}
	origin, err := normaliseOrigin(origin)
	return err == nil && slices.Contains(k.Origins, origin)
}

// Clone is a copy that shares nothing with the key.
func (k Key) Clone() Key {
	k.Permissions, k.Origins = slices.Clone(k.Permissions), slices.Clone(k.Origins)
	return k
}

func (k Key) details() Details {
	return Details{Name: k.Name, Kind: k.Kind, Permissions: k.Permissions, Origins: k.Origins, ExpiresAt: k.ExpiresAt}
}

// Record is a key as it is stored. Its moves are in the order of its life:
// rotate any number of times, then revoke.
type Record struct {
	Key
	Digest Digest // of its text
	Former Digest // of the text before, until FormerUntil
}

// opens answers until when a text with a digest serves, in constant time.
func (r Record) opens(digest Digest, now time.Time) (until time.Time, ok bool) {
	current := subtle.ConstantTimeCompare(r.Digest[:], digest[:]) == 1
	former := subtle.ConstantTimeCompare(r.Former[:], digest[:]) == 1
	if current {
		return r.ExpiresAt, true
	}
	until = r.FormerUntil
	if !r.ExpiresAt.IsZero() && r.ExpiresAt.Before(until) {
		until = r.ExpiresAt
	}
	return until, former && now.Before(r.FormerUntil)
}

// rotate gives the key another text. Of former texts one serves at most.
func (r *Record) rotate(digest Digest, now time.Time, overlap time.Duration) error {
	if state := r.StateAt(now); state != StateActive {
		return ended("apikeys.Rotate", r.ID, state)
	}
	r.Former, r.FormerUntil = Digest{}, time.Time{}
	if overlap > 0 {
		r.Former, r.FormerUntil = r.Digest, now.Add(overlap)
	}
	r.Digest, r.RotatedAt = digest, now
	return nil
}

// revoke ends the key's life; its digests go with it. Nothing is left to do for
// one that was revoked before.
func (r *Record) revoke(now time.Time) bool {
	if r.StateAt(now) == StateRevoked {
		return false
	}
	r.Digest, r.Former, r.FormerUntil, r.RevokedAt = Digest{}, Digest{}, time.Time{}, now
	return true
}

// Repository keeps the keys of workspaces. Writes need the transaction in ctx and
// take effect whole or not at all.
type Repository interface {
	// Insert stores a new key with Version 1. An id that is taken, be it in
	// another workspace, answers ErrAlreadyExists.
	Insert(ctx context.Context, ws engage.WorkspaceID, key Record) error
	// Update replaces all of a key but LastUsedAt and raises its version; a
	// missing one answers ErrNotFound, another stored version ErrConflict.
	Update(ctx context.Context, ws engage.WorkspaceID, key Record) error
	// Delete removes a key; a missing one answers ErrNotFound.
	Delete(ctx context.Context, ws engage.WorkspaceID, id ID) error
	// Get answers the keys among ids, at most engage.MaxBatch, ordered by id.
	Get(ctx context.Context, ws engage.WorkspaceID, ids []ID) ([]Key, error)
	// Lock answers a key and keeps it from being changed or deleted until the
	// transaction in ctx ends, which it needs. A missing one answers ErrNotFound.
	Lock(ctx context.Context, ws engage.WorkspaceID, id ID) (Record, error)
	// List answers keys ordered by id, the oldest first.
	List(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[Key], error)
}

// RecordAcross is a key with its workspace.
type RecordAcross struct {
	Workspace engage.WorkspaceID
	Record
}

// RepositoryAcross is what verifying needs of the keys of all workspaces of a
// database. Callers of the service can't reach it.
type RepositoryAcross interface {
	// FindAcross answers the key with an id, whatever its state, or ErrNotFound.
	// It needs no transaction.
	FindAcross(ctx context.Context, shard engage.Shard, id ID) (RecordAcross, error)
	// TouchAcross sets LastUsedAt of those keys among ids, at most
	// engage.MaxBatch, whose stored one is before at or zero, and answers how
	// many. Versions stay. Callers give no zero at. It needs the transaction of
	// InShard.
	TouchAcross(ctx context.Context, shard engage.Shard, at time.Time, ids []ID) (int, error)
}
