package watermillbus

import (
	"context"
	"errors"
	"time"
)

// keepAlive extends a lot's claims while fn works outside a transaction, so
// that a slow receiver does not lose them. When they are lost all the same,
// fn's ctx ends.
func keepAlive(ctx context.Context, cfg Config, l *lot, fn func(ctx context.Context) error) error {
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	finished := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(max(cfg.Lease/3, time.Millisecond))
		defer ticker.Stop()
		for {
			select {
			case <-finished:
				return
			case <-ticker.C:
			}
			err := extend(ctx, cfg, l)
			if _, lost := errors.AsType[*lostError](err); lost {
				cancel(err)
				return
			}
		}
	}()
	err := fn(working)
	close(finished)
	<-stopped
	if lost, ok := errors.AsType[*lostError](context.Cause(working)); ok && err != nil {
		return lost
	}
	return err
}

// extend gives the claims of a lot a new lease and leaves their cursors.
func extend(ctx context.Context, cfg Config, l *lot) error {
	return cfg.Tx.InShard(ctx, l.shard, func(ctx context.Context) error {
		for _, t := range l.parts() {
			if err := moveCursor(ctx, cfg, t.from, t.from.Position, cfg.Lease); err != nil {
				return err
			}
		}
		return nil
	})
}
