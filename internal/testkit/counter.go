package testkit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"
)

// Counter is a bun.QueryHook that keeps the statements that ran, BEGIN, COMMIT
// and savepoints among them. It is safe for concurrent use.
type Counter struct {
	mu         sync.Mutex
	statements []string
}

// BeforeQuery implements bun.QueryHook.
func (c *Counter) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

// AfterQuery implements bun.QueryHook.
func (c *Counter) AfterQuery(_ context.Context, event *bun.QueryEvent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statements = append(c.statements, event.Query)
}

// Reset forgets what ran.
func (c *Counter) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statements = nil
}

// Statements are what ran since the last Reset, in order.
func (c *Counter) Statements() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.statements)
}

// Require fails the test unless exactly want statements ran in do.
func (c *Counter) Require(t testing.TB, want int, do func()) {
	t.Helper()
	c.Reset()
	do()
	if got := c.Statements(); len(got) != want {
		t.Errorf("%d statements ran, want %d:\n%q", len(got), want, got)
	}
}

// Tally is how many statements ran: those that do something, and those that hold
// the transaction together.
type Tally struct{ Work, Control int }

// String is as "4 +2".
func (t Tally) String() string { return fmt.Sprintf("%d +%d", t.Work, t.Control) }

// Plus adds two tallies.
func (t Tally) Plus(other Tally) Tally {
	return Tally{t.Work + other.Work, t.Control + other.Control}
}

// Tally counts what ran since the last Reset.
func (c *Counter) Tally() Tally {
	var t Tally
	for _, statement := range c.Statements() {
		switch verb, _, _ := strings.Cut(statement, " "); verb {
		case "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE":
			t.Control++
		default:
			t.Work++
		}
	}
	return t
}
