package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// graceful asks one process after the other to stop, in the midst of its work:
// each ends in time, leaves no goroutine, parks nothing, and leaves nothing unknown.
func graceful(ctx context.Context, s scenario, store string, restarts int, seed uint64) (result, error) {
	l, err := openLab(ctx, store)
	if err != nil {
		return result{}, err
	}
	defer l.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a script, not a secret
	var acknowledged, violations []string
	for restart := range restarts {
		c := l.child
		c.Seed, c.Pace = seed<<16|uint64(restart), 10*time.Millisecond
		p, err := start(ctx, s, c)
		if err != nil {
			return result{}, fmt.Errorf("process %d: %w", restart, err)
		}
		<-time.After(time.Duration(20+random.IntN(400)) * time.Millisecond)
		took, err := p.stop()
		if err != nil {
			violations = append(violations, fmt.Sprintf("process %d: %v", restart, err))
		}
		if most := stopTimeout + time.Second; took > most {
			violations = append(violations, fmt.Sprintf("process %d took %s to stop, at most %s", restart, took, most))
		}
		acknowledged = append(acknowledged, p.told...)
		parked, err := l.parked(ctx)
		if err != nil {
			return result{}, err
		}
		if parked > 0 {
			violations = append(violations, fmt.Sprintf("process %d parked %d events", restart, parked))
		}
	}
	found, err := l.check(ctx, acknowledged)
	if found.Unknown > 0 {
		violations = append(violations, fmt.Sprintf("%d mails are unknown", found.Unknown))
	}
	found.Violations = append(violations, found.Violations...)
	found.Scenario, found.Store, found.Seed, found.Kills, found.Acknowledged = s.name, store, seed, restarts, len(acknowledged)
	return found, err
}
