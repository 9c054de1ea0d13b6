package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/go-engage/engage/internal/scratch"
)

// childConfig is what a child is started with.
type childConfig struct {
	Store string
	DSN   string
	Seed  uint64
	// Point kills the child by itself, before a statement that contains it, the
	// Nth time; "": the parent kills it.
	Point string
	Nth   int
	// SMTP is the parent's mail server, for children that send.
	SMTP string
	// Lease is that of messages on their way; 0: the default.
	Lease time.Duration
	// Pace is how long a child rests between two writes.
	Pace time.Duration
	// Drain has the child finish what is left instead of writing more.
	Drain bool
}

// points are the statements before which a child kills itself: a slice about to
// be written, about to be numbered, effects and their cursor about to be
// committed.
var points = []string{
	"INSERT INTO engage_contacts_identities", "INSERT INTO engage_log", "UPDATE engage_log",
	"INSERT INTO crashlab_effects", "UPDATE engage_log_cursors", "COMMIT",
}

// torture starts children one after the other on one database, kills them, lets
// a last one finish, and checks.
func torture(ctx context.Context, s scenario, store string, kills int, seed uint64) (result, error) {
	dsn, drop, err := scratch.Make(ctx, store)
	if err != nil {
		return result{}, err
	}
	defer drop()
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a script, not a secret
	var acknowledged []string
	for kill := range kills {
		c := childConfig{Store: store, DSN: dsn, Seed: seed<<16 | uint64(kill)}
		after := time.Duration(20+random.IntN(400)) * time.Millisecond
		if kill%2 == 1 {
			c.Point, c.Nth = points[random.IntN(len(points))], 1+random.IntN(30)
			after = 10 * time.Second // it kills itself
		}
		told, err := life(ctx, s, c, after)
		if err != nil {
			return result{}, fmt.Errorf("child %d: %w", kill, err)
		}
		acknowledged = append(acknowledged, told...)
	}
	last := childConfig{Store: store, DSN: dsn, Drain: true}
	if _, err := life(ctx, s, last, time.Minute); err != nil {
		return result{}, fmt.Errorf("the last child: %w", err)
	}
	found, err := s.check(ctx, last, acknowledged)
	found.Scenario, found.Store, found.Seed, found.Kills, found.Acknowledged = s.name, store, seed, kills, len(acknowledged)
	return found, err
}

// life runs one child until it is killed, or ends by itself, and answers what it
// acknowledged.
func life(ctx context.Context, s scenario, c childConfig, after time.Duration) ([]string, error) {
	config, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "-scenario", s.name, "-child", string(config)) //nolint:gosec // this program
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var told []string
	var bomb *time.Timer
	defer func() {
		if bomb != nil {
			bomb.Stop()
		}
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if bomb == nil { // the first line says that the child is at work
			bomb = time.AfterFunc(after, cancel)
			continue
		}
		told = append(told, lines.Text())
	}
	err = cmd.Wait()
	if status := cmd.ProcessState; status != nil && !status.Success() && status.ExitCode() == -1 {
		err = nil // killed, as planned
	}
	if err != nil {
		err = fmt.Errorf("%w: %s", err, complaints.String())
	}
	return told, err
}
