package accounts

import (
	"context"
	"sync"

	"github.com/go-engage/engage"
)

// cache remembers answers until they are staleness old. It holds maxCached of
// them at most: when one half is full it forgets the other, older one.
type cache[K comparable, V any] struct {
	clock engage.Clock
	tx    engage.Transactor

	mu           sync.Mutex
	young, older map[K]cached[V]
}

type cached[V any] struct {
	value V
	at    int64 // microseconds, before the value was read
}

func newCache[K comparable, V any](rt engage.Runtime) *cache[K, V] {
	return &cache[K, V]{clock: rt.Clock, tx: rt.Tx, young: map[K]cached[V]{}}
}

// get answers what is known of a key, or what load answers. Errors are not
// remembered, nor is what a transaction saw that is rolled back. Callers that
// miss at once load at once.
func (c *cache[K, V]) get(ctx context.Context, key K, load func() (V, error)) (V, error) {
	now := c.clock.Now().UnixMicro()
	c.mu.Lock()
	known, ok := c.young[key]
	if !ok {
		known, ok = c.older[key]
	}
	c.mu.Unlock()
	// A clock that was set back must not lengthen an answer's life.
	if age := now - known.at; ok && age >= 0 && age < staleness.Microseconds() {
		return known.value, nil
	}
	value, err := load()
	if err != nil {
		return value, err
	}
	keep := func() { c.keep(key, cached[V]{value, now}) }
	if c.tx.AfterCommit(ctx, keep) != nil { // there is no transaction
		keep()
	}
	return value, nil
}

func (c *cache[K, V]) keep(key K, answer cached[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= maxCached/2 {
		c.older, c.young = c.young, map[K]cached[V]{}
	}
	c.young[key] = answer
}
