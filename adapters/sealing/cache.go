package sealing

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/go-engage/engage"
)

// place names a data key.
type place struct {
	ws engage.WorkspaceID
	id KeyID
}

// cache keeps unwrapped data keys for a while.
type cache struct {
	mu    sync.Mutex
	keys  map[place]cached
	times int // that forget was called
}

type cached struct {
	key *xaes
	// unwrapped is when the host's key unwrapped it, seen when the store was
	// asked for it: each before the question, not after the answer.
	unwrapped, seen time.Time
}

// unwrapped answers the key that the store answered at an instant, when the
// cache had been told to forget a number of times.
func (s *Service) unwrapped(ctx context.Context, at place, stored DataKey, now time.Time, forgotten int) (*xaes, error) {
	if key := s.cache.see(at, now, forgotten); key != nil {
		return key, nil
	}
	raw, err := s.unwrap(ctx, at.ws, stored)
	if err != nil {
		return nil, err
	}
	defer clear(raw)
	key, err := newXAES(raw)
	if err != nil {
		return nil, err
	}
	s.cache.put(at, cached{key: key, unwrapped: now, seen: now}, forgotten)
	return key, nil
}

// get answers a key that the store has been seen to hold, or nil.
func (c *cache) get(at place, now time.Time, within time.Duration) *xaes {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.keys[at]
	if !ok || !recent(known.unwrapped, now, keyLife) || !recent(known.seen, now, within) {
		return nil
	}
	return known.key
}

// see notes that the store holds a key, and answers it if it is known.
func (c *cache) see(at place, now time.Time, forgotten int) *xaes {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.keys[at]
	if !ok || !recent(known.unwrapped, now, keyLife) || c.times != forgotten {
		return nil
	}
	known.seen = now
	c.keys[at] = known
	return known.key
}

// put keeps a key, unless one was to be forgotten since the store was asked.
func (c *cache) put(at place, key cached, forgotten int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.times != forgotten {
		return
	}
	if len(c.keys) >= cachedKeys {
		maps.DeleteFunc(c.keys, func(_ place, k cached) bool { return !recent(k.unwrapped, key.unwrapped, keyLife) })
	}
	for other := range c.keys { // whichever comes first: order is random
		if len(c.keys) < cachedKeys {
			break
		}
		delete(c.keys, other)
	}
	c.keys[at] = key
}

// forget drops the keys of a workspace.
func (c *cache) forget(ws engage.WorkspaceID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.times++
	maps.DeleteFunc(c.keys, func(at place, _ cached) bool { return at.ws == ws })
}

// forgotten is how often the cache was told to forget. A caller asks before it
// reads the store, so that what it read before an erasure is not kept after it.
func (c *cache) forgotten() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.times
}

// recent reports whether an instant is at most a while ago. Clocks jump back:
// then it is not.
func recent(then, now time.Time, while time.Duration) bool {
	return !now.Before(then) && now.Sub(then) <= while
}
