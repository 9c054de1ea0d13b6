package apikeys

import (
	"context"
	"slices"
	"time"

	"github.com/go-engage/engage"
)

// Deps are what a Service works with.
type Deps struct {
	Runtime engage.Runtime
	Keys    Repository
	Across  RepositoryAcross // over the tables of Keys
}

// Config tunes a Service. The zero Config works.
type Config struct {
	// Shard is the database that the keys of all workspaces are in; "":
	// engage.DefaultShard.
	Shard engage.Shard
	// Permissions are those that secret keys may have; nil: any words.
	Permissions []string
}

// Service holds the rules of keys. It is safe for concurrent use, and any number
// of processes may have one over the same tables.
type Service struct {
	rt     engage.Runtime
	keys   Repository
	across RepositoryAcross
	cfg    Config
	held   *cache
	uses   *uses
	worker *engage.Loop
}

var _ engage.KeyVerifier = (*Service)(nil)

// New makes a Service, or answers every fault of its arguments at once.
func New(d Deps, cfg Config) (*Service, error) {
	var faults engage.Faults
	rt := d.Runtime.Resolve(&faults)
	if d.Keys == nil {
		faults.Add("keys", "required", "a Repository is required")
	}
	if d.Across == nil {
		faults.Add("across", "required", "a RepositoryAcross is required")
	}
	if cfg.Shard == "" {
		cfg.Shard = engage.DefaultShard
	}
	cfg.Permissions = slices.Clone(cfg.Permissions)
	for i, permission := range cfg.Permissions {
		validatePermission(&faults, item("permissions", i), permission)
	}
	if err := faults.Err("apikeys.New", ""); err != nil {
		return nil, err
	}
	s := &Service{rt: rt, keys: d.Keys, across: d.Across, cfg: cfg, held: newCache(), uses: &uses{}}
	s.worker = engage.NewLoop("apikeys.uses", rt.Log, s.writeUses)
	return s, nil
}

// Workers are what has to run in each process that verifies keys, for their
// LastUsedAt.
func (s *Service) Workers() []engage.Worker { return []engage.Worker{s.worker} }

// NewKey is what a key is made of.
type NewKey struct {
	Name string
	Kind Kind
	// Permissions are required of a secret key and refused of a write key.
	Permissions []string
	// Origins bind a write key to web origins, as "https://shop.example"; none:
	// it serves anywhere. They are refused of a secret key, which must not be in
	// a web page.
	Origins []string
	// ExpiresAt ends the key; zero: never.
	ExpiresAt time.Time
}

// Create makes a key and answers its text, which nobody can read again. Where the
// workspace's database is not the one that keys are looked for in, it answers
// ErrFailedPrecondition, rather than a key that never serves.
func (s *Service) Create(ctx context.Context, ws engage.WorkspaceID, params NewKey) (Key, engage.Secret, error) {
	const op = "apikeys.Create"
	now := s.rt.Clock.Now()
	key := Key{
		ID: engage.NewID[kind](s.rt.IDs), Name: params.Name, Kind: params.Kind,
		Permissions: params.Permissions, Origins: params.Origins, ExpiresAt: engage.Instant(params.ExpiresAt),
		RotatedAt: now, CreatedAt: now, UpdatedAt: now, CreatedBy: engage.ActorFrom(ctx), UpdatedBy: engage.ActorFrom(ctx), Version: 1,
	}
	key = key.Clone()
	if err := s.settle(op, &key, now); err != nil {
		return Key{}, engage.Secret{}, err
	}
	text, digest := mint(key.Kind, key.ID)
	err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		if err := s.keys.Insert(ctx, ws, Record{Key: key, Digest: digest}); err != nil {
			return err
		}
		if _, err := s.across.FindAcross(ctx, s.cfg.Shard, key.ID); err != nil {
			return misplaced(op, s.cfg.Shard, err)
		}
		return s.rt.Events.Publish(ctx, ws, Created{KeyID: key.ID, Details: key.details()})
	})
	if err != nil {
		return Key{}, engage.Secret{}, err
	}
	return key, text, nil
}

// Update runs fn on a key that serves and stores its Name, Permissions, Origins
// and ExpiresAt; what else fn changes is left as it was. A key that was revoked
// or has expired answers ErrFailedPrecondition: it does not come back to life. fn
// may run again, when transactions clash.
func (s *Service) Update(ctx context.Context, ws engage.WorkspaceID, id ID, fn func(*Key) error) (Key, error) {
	const op = "apikeys.Update"
	return s.change(ctx, ws, id, func(r *Record, now time.Time) (engage.Event, error) {
		if state := r.StateAt(now); state != StateActive {
			return nil, ended(op, id, state)
		}
		before, edited := r.Clone(), r.Clone()
		if err := fn(&edited); err != nil {
			return nil, err
		}
		r.Name, r.Permissions, r.Origins, r.ExpiresAt = edited.Name, edited.Permissions, edited.Origins, engage.Instant(edited.ExpiresAt)
		if r.ExpiresAt.Equal(before.ExpiresAt) {
			now = time.Time{} // an expiry that stays is not judged again
		}
		if err := s.settle(op, &r.Key, now); err != nil {
			return nil, err
		}
		if same(before, r.Key) {
			return nil, nil
		}
		return Updated{KeyID: id, From: before.details(), To: r.details()}, nil
	})
}

// Rename gives a key another name.
func (s *Service) Rename(ctx context.Context, ws engage.WorkspaceID, id ID, name string) (Key, error) {
	return s.Update(ctx, ws, id, func(k *Key) error { k.Name = name; return nil })
}

// Rotate gives a key another text and answers it. The former one serves for the
// overlap, at most MaxOverlap; with 0 it ends at once, in other processes within
// Freshness. One that was still serving
// from an earlier rotation ends now. A key that was revoked or has expired
// answers ErrFailedPrecondition.
func (s *Service) Rotate(ctx context.Context, ws engage.WorkspaceID, id ID, overlap time.Duration) (Key, engage.Secret, error) {
	const op = "apikeys.Rotate"
	var faults engage.Faults
	if overlap < 0 || overlap > MaxOverlap {
		faults.Add("overlap", "out_of_range", "%s, want 0 to %s", overlap, MaxOverlap)
	}
	if err := faults.Err(op, "key "+id.String()); err != nil {
		return Key{}, engage.Secret{}, err
	}
	var text engage.Secret
	key, err := s.change(ctx, ws, id, func(r *Record, now time.Time) (engage.Event, error) {
		minted, digest := mint(r.Kind, r.ID)
		if err := r.rotate(digest, now, overlap.Truncate(time.Microsecond)); err != nil {
			return nil, err
		}
		text = minted
		return Rotated{KeyID: id, Name: r.Name, FormerUntil: r.FormerUntil}, nil
	})
	if err != nil {
		return Key{}, engage.Secret{}, err
	}
	return key, text, nil
}

// Revoke ends a key for good: here at once after the commit, in other processes
// within Freshness. Revoking again changes nothing.
func (s *Service) Revoke(ctx context.Context, ws engage.WorkspaceID, id ID) (Key, error) {
	return s.change(ctx, ws, id, func(r *Record, now time.Time) (engage.Event, error) {
		if !r.revoke(now) {
			return nil, nil
		}
		return Revoked{KeyID: id, Name: r.Name}, nil
	})
}

// Delete takes a key off the list. It must have been revoked or have expired; one
// that serves answers ErrFailedPrecondition.
func (s *Service) Delete(ctx context.Context, ws engage.WorkspaceID, id ID) error {
	return s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		key, err := s.keys.Lock(ctx, ws, id)
		if err != nil {
			return err
		}
		if state := key.StateAt(s.rt.Clock.Now()); state == StateActive {
			return ended("apikeys.Delete", id, state)
		}
		if err := s.keys.Delete(ctx, ws, id); err != nil {
			return err
		}
		return s.rt.Events.Publish(ctx, ws, Deleted{KeyID: id, Details: key.details()})
	})
}

// Get answers a key, or ErrNotFound.
func (s *Service) Get(ctx context.Context, ws engage.WorkspaceID, id ID) (Key, error) {
	found, err := s.keys.Get(ctx, ws, []ID{id})
	if err == nil && len(found) == 0 {
		err = notFound("apikeys.Get", id)
	}
	if err != nil {
		return Key{}, err
	}
	return found[0], nil
}

// Keys answers a page of the workspace's keys, the oldest first.
func (s *Service) Keys(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[Key], error) {
	return s.keys.List(ctx, ws, page)
}

// change makes a move of a key in a transaction and publishes the event that the
// move answers; none means that nothing changed.
func (s *Service) change(ctx context.Context, ws engage.WorkspaceID, id ID, move func(r *Record, now time.Time) (engage.Event, error)) (Key, error) {
	var r Record
	err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) (err error) {
		if r, err = s.keys.Lock(ctx, ws, id); err != nil {
			return err
		}
		now := s.rt.Clock.Now()
		event, err := move(&r, now)
		if err != nil || event == nil {
			return err
		}
		r.UpdatedAt, r.UpdatedBy = now, engage.ActorFrom(ctx)
		if err := s.keys.Update(ctx, ws, r); err != nil {
			return err
		}
		r.Version++
		if err := s.rt.Events.Publish(ctx, ws, event); err != nil {
			return err
		}
		return s.rt.Tx.AfterCommit(ctx, func() { s.held.drop(id) })
	})
	if err != nil {
		return Key{}, err
	}
	return r.Key, nil
}
