package testkit

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"
)

// Counter is a bun.QueryHook that keeps the statements that ran, BEGIN, COMMIT
// and savepoints among them, and how many rows each met. It is safe for
// concurrent use.
type Counter struct {
	mu  sync.Mutex
	ran []ran
}

type ran struct {
	statement string
	rows      int
}

// BeforeQuery implements bun.QueryHook.
func (c *Counter) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }

// AfterQuery implements bun.QueryHook. What answers no result, as an EXISTS or a
// statement with arrays, answers one row.
func (c *Counter) AfterQuery(_ context.Context, event *bun.QueryEvent) {
	rows := 0
	if event.Err == nil {
		rows = 1
		if event.Result != nil {
			if n, err := event.Result.RowsAffected(); err == nil {
				rows = int(n)
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ran = append(c.ran, ran{event.Query, rows})
}

// Reset forgets what ran.
func (c *Counter) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ran = nil
}

// Statements are what ran since the last Reset, in order.
func (c *Counter) Statements() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	statements := make([]string, len(c.ran))
	for i, r := range c.ran {
		statements[i] = r.statement
	}
	return statements
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

// Statements are how many ran: those that do something, and those that hold the
// transaction together.
type Statements struct{ Work, Control int }

// String is as "4 +2".
func (s Statements) String() string { return fmt.Sprintf("%d +%d", s.Work, s.Control) }

// Rows are how many were written and read, as the database counts them: MariaDB
// counts a row that an upsert replaces twice.
type Rows struct{ Written, Read int }

// String is as "50/103".
func (r Rows) String() string { return fmt.Sprintf("%d/%d", r.Written, r.Read) }

// Tally is what ran.
type Tally struct {
	Statements
	Rows Rows
}

// Plus adds two tallies.
func (t Tally) Plus(other Tally) Tally {
	return Tally{
		Statements{t.Work + other.Work, t.Control + other.Control},
		Rows{t.Rows.Written + other.Rows.Written, t.Rows.Read + other.Rows.Read},
	}
}

// Tally counts what ran since the last Reset.
func (c *Counter) Tally() Tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	var t Tally
	for _, r := range c.ran {
		switch verb := verb(r.statement); {
		case verb == "BEGIN" || verb == "COMMIT" || verb == "ROLLBACK" || verb == "SAVEPOINT" || verb == "RELEASE":
			t.Control++
			continue
		case verb == "UPDATE" || writes.MatchString(r.statement):
			t.Rows.Written += r.rows
		default:
			t.Rows.Read += r.rows
		}
		t.Work++
	}
	return t
}

// writes finds what a statement writes, perhaps behind a WITH.
var writes = regexp.MustCompile("(?:INSERT INTO|DELETE FROM|UPDATE) [\"`]?engage_")

// verb is what a statement begins with.
func verb(statement string) string {
	verb, _, _ := strings.Cut(strings.TrimLeft(statement, "("), " ")
	return verb
}
