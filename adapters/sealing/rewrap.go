package sealing

import (
	"context"
	"errors"
	"time"

	"github.com/go-engage/engage"
)

// pass is how far the worker is in a database: behind the data keys up to after,
// or through with all, since an instant, for a newest key of the host.
type pass struct {
	newest string
	after  DataKeyAcross
	done   time.Time
}

// HostKeys answers how many data keys each key of the host wraps, over all
// databases. A key of the host that wraps none is no longer needed, but for
// backups.
func (s *Service) HostKeys(ctx context.Context) (map[string]int, error) {
	shards, err := s.rt.Tx.Shards(ctx)
	if err != nil {
		return nil, err
	}
	total := map[string]int{}
	for _, shard := range shards {
		counts, err := s.across.CountAcross(ctx, shard)
		if err != nil {
			return nil, err
		}
		for id, n := range counts {
			total[id] += n
		}
	}
	return total, nil
}

// rewrap is the worker's step: it wraps some data keys of each database by the
// newest key of the host. What is done stands in the rows, so it may be stopped
// at any time; one replica a database does it at a time.
func (s *Service) rewrap(ctx context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	newest, err := s.provider.Newest(ctx)
	if err != nil {
		return 0, err
	}
	shards, err := s.rt.Tx.Shards(ctx)
	if err != nil {
		return 0, err
	}
	total := 0
	for _, shard := range shards {
		n, err := s.rewrapShard(ctx, shard, newest)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func (s *Service) rewrapShard(ctx context.Context, shard engage.Shard, newest string) (int, error) {
	now := s.rt.Clock.Now()
	at := s.passes[shard]
	if at.newest != newest || !at.done.IsZero() && !recent(at.done, now, lookEvery) {
		at = pass{newest: newest}
	}
	if !at.done.IsZero() {
		return 0, nil
	}
	lease, err := s.leases.Acquire(ctx, shard, "sealing.rewrap", s.owner, now, rewrapLease)
	if errors.Is(err, engage.ErrConflict) {
		return 0, nil // another replica is at it
	}
	if err != nil {
		return 0, err
	}
	keys, err := s.across.OutdatedAcross(ctx, shard, newest, at.after, rewrapAtOnce)
	if err != nil {
		return 0, err
	}
	if len(keys) == 0 {
		s.passes[shard] = pass{newest: newest, done: now}
		return 0, s.leases.Release(ctx, shard, lease)
	}
	wrapped, err := s.wrapAnew(ctx, newest, keys)
	if err != nil {
		return 0, err
	}
	n := 0
	err = s.rt.Tx.InShard(ctx, shard, func(ctx context.Context) error {
		n = 0
		if err := s.leases.Check(ctx, shard, lease, s.rt.Clock.Now()); err != nil {
			return err
		}
		done, err := s.across.RewrapAcross(ctx, shard, wrapped)
		for _, ok := range done {
			if ok {
				n++
			}
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	at.after = keys[len(keys)-1]
	s.passes[shard] = at
	s.rt.Log.InfoContext(ctx, "data keys wrapped anew", "op", "sealing.rewrap", "shard", shard, "keys", n, "of", len(keys))
	return len(keys), nil
}

// wrapAnew wraps data keys by the newest key of the host. One that does not
// unwrap stays as it is and is told of; a provider that can't answer now stops
// the step.
func (s *Service) wrapAnew(ctx context.Context, newest string, keys []DataKeyAcross) ([]DataKeyAcross, error) {
	wrapped := make([]DataKeyAcross, 0, len(keys))
	for _, k := range keys {
		raw, err := s.unwrap(ctx, k.Workspace, k.Key)
		switch engage.CodeOf(err) {
		case "":
		case engage.FailedPrecondition, engage.Invalid:
			s.rt.Log.ErrorContext(ctx, "a data key does not unwrap", "op", "sealing.rewrap",
				"workspace", k.Workspace, "entity", "data_key", "id", k.Key.ID, "err", err)
			continue
		default:
			return nil, err
		}
		k.Key.WrappedBy, k.Key.WrappedAt = newest, s.rt.Clock.Now()
		k.Key.Wrapped, err = s.wrap(ctx, k.Workspace, k.Key, raw)
		clear(raw)
		if err != nil {
			return nil, err
		}
		wrapped = append(wrapped, k)
	}
	return wrapped, nil
}
