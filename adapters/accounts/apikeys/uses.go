package apikeys

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-engage/engage"
)

// When a key was last used is written behind the requests, by a worker: a request
// that only reads must not wait for a writer, nor fail with one. It is kept to
// the minute, and a statement touches those keys alone whose stored minute is
// earlier, so that a key costs one write a minute however many processes verify
// it, and an owner still sees whether a key is in use. A process that is killed
// loses what its worker had not looked at, about a second.

// uses are the keys that were used, by minute, until they are written.
type uses struct {
	mu      sync.Mutex
	minutes map[time.Time][]ID
	waiting int
}

// used notes the use of a key, at most once a minute.
func (s *Service) used(h *held, now time.Time) {
	minute := now.Truncate(time.Minute)
	if s.held.note(h, minute) {
		s.uses.add(minute, h.key.ID)
	}
}

func (u *uses) add(minute time.Time, id ID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.waiting >= maxUses {
		return
	}
	if u.minutes == nil {
		u.minutes = map[time.Time][]ID{}
	}
	u.minutes[minute] = append(u.minutes[minute], id)
	u.waiting++
}

// take answers what waits, and leaves nothing.
func (u *uses) take() map[time.Time][]ID {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.minutes
	u.minutes, u.waiting = nil, 0
	return taken
}

// writeUses is the worker's step. What could not be written is noted again with a
// later use, when the key is read anew.
func (s *Service) writeUses(ctx context.Context) (int, error) {
	taken := s.uses.take()
	written := 0
	for _, minute := range slices.SortedFunc(maps.Keys(taken), time.Time.Compare) {
		ids := taken[minute]
		slices.SortFunc(ids, ID.Compare)
		for chunk := range slices.Chunk(slices.Compact(ids), engage.MaxBatch) {
			n := 0
			err := s.rt.Tx.InShard(ctx, s.cfg.Shard, func(ctx context.Context) (err error) {
				n, err = s.across.TouchAcross(ctx, s.cfg.Shard, minute, chunk)
				return err
			})
			if err != nil {
				return written, err
			}
			written += n
		}
	}
	return written, nil
}
