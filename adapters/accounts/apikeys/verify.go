package apikeys

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-engage/engage"
)

// VerifyKey implements engage.KeyVerifier. A text that is mistyped, unknown,
// revoked, expired or not the key's answers one and the same ErrUnauthenticated,
// after one comparison of digests in constant time; a well-formed one costs one
// lookup whatever comes of it, and one that is not costs none, which tells only
// what everybody can compute. The remembered answers are found by the digest of
// the whole text: who does not know the text can't tell by the time it takes
// whether a key is in use.
//
// A failed lookup answers its own error, not ErrUnauthenticated.
func (s *Service) VerifyKey(ctx context.Context, key engage.Secret) (engage.Grant, error) {
	text := key.Reveal()
	if len(text) != tokenLength {
		text = "" // what it costs to hash is not the caller's to choose
	}
	digest, now := digestOf(text), s.rt.Clock.Now()
	if h, ok := s.held.byDigest(digest, now); ok {
		s.used(h, now)
		return h.grant(), nil
	}
	var found RecordAcross
	if id, ok := read(text); ok {
		var err error
		found, err = s.across.FindAcross(ctx, s.cfg.Shard, id)
		if err != nil && !errors.Is(err, engage.ErrNotFound) {
			return engage.Grant{}, err
		}
	}
	until, opens := found.opens(digest, now)
	if !opens || found.ID.IsZero() || found.StateAt(now) != StateActive {
		return engage.Grant{}, unauthenticated()
	}
	h := newHeld(found.Workspace, found.Key, now, until)
	s.held.put(h, digest)
	s.used(h, now)
	return h.grant(), nil
}

// KeyPermissions answers what a key may do: nothing but Ingest for a write key,
// the permissions it names for a secret key. An id that is no key's, another
// workspace's, and a key that was revoked or has expired answer ErrNotFound.
// Authorizers ask it with the id of a grant's actor. They remember the answer for
// as long as they may, so it is read anew: of two memories the ages add up.
func (s *Service) KeyPermissions(ctx context.Context, ws engage.WorkspaceID, keyID string) ([]string, error) {
	const op = "apikeys.KeyPermissions"
	id, err := parse(ws, op, keyID)
	if err != nil {
		return nil, err
	}
	h, err := s.read(ctx, ws, op, id)
	if err != nil {
		return nil, err
	}
	return h.key.Grants(), nil
}

// AllowsOrigin reports whether the key behind a grant may be used from the web
// origin that a request names in its Origin header, "" when it has none. Edges
// that browsers call ask it after VerifyKey, which has left them the answer; a
// grant has no place for origins, because other verifiers know none. A key that
// no longer serves answers ErrNotFound.
func (s *Service) AllowsOrigin(ctx context.Context, grant engage.Grant, origin string) (bool, error) {
	const op = "apikeys.AllowsOrigin"
	if grant.Actor.Type != ActorType {
		var faults engage.Faults
		faults.Add("grant.actor", "invalid", "%.40q is no API key", grant.Actor.Type)
		return false, faults.Err(op, "")
	}
	h, err := s.serving(ctx, grant.Workspace, op, grant.Actor.ID)
	if err != nil {
		return false, err
	}
	return h.key.AllowsOrigin(origin), nil
}

// serving answers a key that serves, by its id.
func (s *Service) serving(ctx context.Context, ws engage.WorkspaceID, op, keyID string) (*held, error) {
	id, err := parse(ws, op, keyID)
	if err != nil {
		return nil, err
	}
	if h, ok := s.held.byID(id, s.rt.Clock.Now()); ok && h.ws == ws {
		return h, nil
	}
	return s.read(ctx, ws, op, id)
}

func parse(ws engage.WorkspaceID, op, keyID string) (ID, error) {
	if err := engage.CheckCall(op, ws, 1); err != nil {
		return ID{}, err
	}
	id, err := engage.ParseID[kind](keyID)
	if err != nil {
		return ID{}, &engage.Error{Code: engage.NotFound, Op: op, Err: err}
	}
	return id, nil
}

// read answers a key that serves from the store, and remembers it.
func (s *Service) read(ctx context.Context, ws engage.WorkspaceID, op string, id ID) (*held, error) {
	now := s.rt.Clock.Now()
	found, err := s.keys.Get(ctx, ws, []ID{id})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || found[0].StateAt(now) != StateActive {
		return nil, notFound(op, id)
	}
	h := newHeld(ws, found[0], now, found[0].ExpiresAt)
	s.held.put(h)
	return h, nil
}

// held is a key that served when it was read.
type held struct {
	ws          engage.WorkspaceID
	key         Key
	read, until time.Time
	used        time.Time // the last minute whose use is noted; of cache.mu
}

// newHeld believes a key for Freshness, and not beyond an instant, if there is
// one.
func newHeld(ws engage.WorkspaceID, key Key, now, end time.Time) *held {
	h := &held{ws: ws, key: key, read: now, until: now.Add(Freshness), used: key.LastUsedAt}
	if !end.IsZero() && end.Before(h.until) {
		h.until = end
	}
	return h
}

// isFresh is false for a clock that jumped back, too.
func (h *held) isFresh(now time.Time) bool { return !now.Before(h.read) && now.Before(h.until) }

func (h *held) grant() engage.Grant {
	return engage.Grant{
		Workspace: h.ws, Actor: engage.Actor{Type: ActorType, ID: h.key.ID.String()}, Permissions: h.key.Grants(),
	}
}

// cache remembers keys that served: by the digest of their text for those who
// show it, by their id for those who were shown it before. Keys that do not
// serve are not remembered.
type cache struct {
	mu      sync.Mutex
	digests map[Digest]*held
	ids     map[ID]*held
}

func newCache() *cache { return &cache{digests: map[Digest]*held{}, ids: map[ID]*held{}} }

func (c *cache) byDigest(digest Digest, now time.Time) (*held, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, ok := c.digests[digest]
	return h, ok && h.isFresh(now)
}

func (c *cache) byID(id ID, now time.Time) (*held, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, ok := c.ids[id]
	return h, ok && h.isFresh(now)
}

// put remembers a key by its id, and by the digests it was shown with.
func (c *cache) put(h *held, digests ...Digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	bounded(c.ids, h.key.ID, h)
	for _, digest := range digests {
		bounded(c.digests, digest, h)
	}
}

// drop forgets a key.
func (c *cache) drop(id ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.ids, id)
	for digest, h := range c.digests {
		if h.key.ID == id {
			delete(c.digests, digest)
		}
	}
}

// bounded sets an entry of a map that has maxHeld at most.
func bounded[K comparable](m map[K]*held, key K, h *held) {
	if _, known := m[key]; !known && len(m) >= maxHeld {
		for other := range m {
			delete(m, other)
			break
		}
	}
	m[key] = h
}

// note tells whether a minute is later than any in which the key was used.
func (c *cache) note(h *held, minute time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !h.used.Before(minute) {
		return false
	}
	h.used = minute
	return true
}
