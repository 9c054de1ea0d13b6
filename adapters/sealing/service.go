package sealing

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"

	"github.com/go-engage/engage"
)

// Deps are what a Service works with.
type Deps struct {
	Runtime  engage.Runtime
	Keys     DataKeys
	Across   DataKeysAcross
	Provider KeyProvider
	Leases   engage.Leases
}

// Config tunes a Service. The zero Config works.
type Config struct{}

// Service seals and opens secrets and looks after the data keys. It is safe for
// concurrent use.
type Service struct {
	rt       engage.Runtime
	keys     DataKeys
	across   DataKeysAcross
	provider KeyProvider
	leases   engage.Leases
	cache    cache

	owner  string // names this process in leases
	worker *engage.Loop
	mu     sync.Mutex
	passes map[engage.Shard]pass
}

var _ engage.Sealer = (*Service)(nil)

// New makes a Service, or answers every fault of its arguments at once.
func New(d Deps, _ Config) (*Service, error) {
	var faults engage.Faults
	rt := d.Runtime.Resolve(&faults)
	if d.Keys == nil || d.Across == nil {
		faults.Add("keys", "required", "a DataKeys and a DataKeysAcross are required")
	}
	if d.Provider == nil {
		faults.Add("provider", "required", "a KeyProvider is required; StaticKeys is one")
	}
	if d.Leases == nil {
		faults.Add("leases", "required", "a Leases is required")
	}
	if err := faults.Err("sealing.New", ""); err != nil {
		return nil, err
	}
	s := &Service{
		rt: rt, keys: d.Keys, across: d.Across, provider: d.Provider, leases: d.Leases,
		owner: rand.Text(), passes: map[engage.Shard]pass{}, cache: cache{keys: map[place]cached{}},
	}
	s.worker = engage.NewLoop("sealing.rewrap", rt.Log, s.rewrap)
	return s, nil
}

// Seal implements engage.Sealer. It reads which data key is the newest, and makes
// the workspace's first one, in the transaction in ctx if there is one; when the
// KeyProvider asks over a network, call Seal before the transaction. context has
// 1 to MaxContextBytes bytes, plain MaxPlainBytes at most.
func (s *Service) Seal(ctx context.Context, ws engage.WorkspaceID, context string, plain []byte) ([]byte, error) {
	const op = "sealing.Seal"
	if err := engage.CheckCall(op, ws, 0); err != nil {
		return nil, err
	}
	var faults engage.Faults
	if n := len(context); n == 0 || n > MaxContextBytes {
		faults.Add("context", "out_of_range", "%d bytes, want 1 to %d that name table, column and row", n, MaxContextBytes)
	}
	if n := len(plain); n > MaxPlainBytes {
		faults.Add("plain", "too_long", "%d bytes, at most %d", n, MaxPlainBytes)
	}
	if err := faults.Err(op, ""); err != nil {
		return nil, err
	}
	now, forgotten := s.rt.Clock.Now(), s.cache.forgotten()
	stored, err := s.newest(ctx, ws)
	if err != nil {
		return nil, err
	}
	key, err := s.unwrapped(ctx, place{ws, stored.ID}, stored, now, forgotten)
	if err != nil {
		return nil, err
	}
	return seal(key, ws, stored.ID, context, plain)
}

// Open implements engage.Sealer. A value of a workspace whose data key the
// process has asked for within five seconds needs no store. Data keys whose
// host's key was not given answer ErrFailedPrecondition.
func (s *Service) Open(ctx context.Context, ws engage.WorkspaceID, context string, sealed []byte) ([]byte, error) {
	if err := engage.CheckCall("sealing.Open", ws, 0); err != nil {
		return nil, err
	}
	id, ok := keyOf(sealed)
	if !ok {
		return nil, refused(errSealed)
	}
	key, err := s.key(ctx, place{ws, id})
	if err != nil {
		return nil, err
	}
	return open(key, ws, context, sealed)
}

// Rotate gives the workspace a new data key, which seals from now on; what
// earlier ones sealed opens as before. It is for keys that somebody may have
// seen: then seal again what must stay secret.
func (s *Service) Rotate(ctx context.Context, ws engage.WorkspaceID) (DataKey, error) {
	if err := engage.CheckCall("sealing.Rotate", ws, 0); err != nil {
		return DataKey{}, err
	}
	newest, err := s.keys.Newest(ctx, ws)
	if err != nil && !errors.Is(err, engage.ErrNotFound) {
		return DataKey{}, err
	}
	return s.add(ctx, ws, newest.Number+1)
}

// Keys answers a page of the workspace's data keys, wrapped, ordered by id.
func (s *Service) Keys(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[DataKey], error) {
	return s.keys.List(ctx, ws, page)
}

// Erase deletes the workspace's data keys: nothing that it sealed opens ever
// again, in this process from the commit on and in others within five seconds. A
// later Seal makes a new key.
func (s *Service) Erase(ctx context.Context, ws engage.WorkspaceID) error {
	return s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		n, err := s.keys.Erase(ctx, ws)
		if err != nil || n == 0 {
			return err
		}
		// Now for who goes on in this transaction, and after the commit for who
		// read a key before it.
		s.cache.forget(ws)
		if err := s.rt.Tx.AfterCommit(ctx, func() { s.cache.forget(ws) }); err != nil {
			return err
		}
		return s.rt.Events.Publish(ctx, ws, KeysErased{Keys: n})
	})
}

// Workers are the package's background work: one that wraps data keys anew when
// the host's newest key has changed.
func (s *Service) Workers() []engage.Worker { return []engage.Worker{s.worker} }

// key answers an unwrapped data key, or ErrInvalid when it does not exist.
func (s *Service) key(ctx context.Context, at place) (*xaes, error) {
	now, forgotten := s.rt.Clock.Now(), s.cache.forgotten()
	if key := s.cache.get(at, now, seenFor); key != nil {
		return key, nil
	}
	stored, err := s.keys.Get(ctx, at.ws, at.id)
	if errors.Is(err, engage.ErrNotFound) {
		return nil, refused(errSealed)
	}
	if err != nil {
		return nil, err
	}
	return s.unwrapped(ctx, at, stored, now, forgotten)
}
