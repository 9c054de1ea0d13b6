package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/go-engage/engage/messaging"
)

// fleetSize is the number of processes on one database.
const fleetSize = 4

// fleet halts one of the processes at a time for three leases, in which the others
// take over what it holds, and lets it go on with what it believes to be its own.
func fleet(ctx context.Context, s scenario, store string, stops int, seed uint64) (result, error) {
	l, err := openLab(ctx, store)
	if err != nil {
		return result{}, err
	}
	defer l.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	processes := make([]*process, fleetSize)
	for i := range processes {
		c := l.child
		c.Seed, c.Pace, c.Lease = seed<<16|uint64(i), 100*time.Millisecond, lease
		if processes[i], err = start(ctx, s, c); err != nil {
			return result{}, err
		}
	}
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a script, not a secret
	for range stops {
		<-time.After(time.Duration(20+random.IntN(100)) * time.Millisecond)
		halted := processes[random.IntN(fleetSize)]
		if err := halted.signal(syscall.SIGSTOP); err != nil {
			return result{}, err
		}
		<-time.After(3 * lease)
		if err := halted.signal(syscall.SIGCONT); err != nil {
			return result{}, err
		}
	}
	var acknowledged []string
	for i, p := range processes {
		if _, err := p.stop(); err != nil {
			return result{}, fmt.Errorf("process %d: %w", i, err)
		}
		acknowledged = append(acknowledged, p.told...)
	}
	found, err := l.check(ctx, acknowledged)
	if most := stops * messaging.DefaultMaxUnconfirmed; found.Unknown > most {
		found.Violations = append(found.Violations, fmt.Sprintf("%d mails are unknown, at most %d may be", found.Unknown, most))
	}
	found.Scenario, found.Store, found.Seed, found.Kills, found.Acknowledged = s.name, store, seed, stops, len(acknowledged)
	return found, err
}
