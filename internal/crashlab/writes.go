package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/uptrace/bun"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/adapters/watermillbus"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/scratch"
	"github.com/go-engage/engage/messaging"
)

// workspaces are those that a run writes to.
var workspaces = []engage.WorkspaceID{{1}, {2}, {3}}

// mute is a sender of nothing: no scenario here sends.
type mute struct{}

func (mute) SendEmail(context.Context, engage.WorkspaceID, messaging.Email) (messaging.Receipt, error) {
	return messaging.Receipt{}, &messaging.SendError{Class: messaging.FailureConfig}
}

// counting adds a row for every contact it is told of, whether there is one
// already or not: what happens twice is counted twice.
func counting(db func() *bunstore.Store) *engage.Consumer {
	c := engage.NewConsumer("crashlab")
	engage.On(c, func(ctx context.Context, ws engage.WorkspaceID, created []engage.Received[contacts.Created]) error {
		conn, ok := db().Conn(ctx)
		if !ok {
			return errors.New("the consumer has no transaction")
		}
		for _, e := range created {
			_, err := conn.NewRaw("INSERT INTO crashlab_effects (workspace_id, contact_id) VALUES (?, ?)",
				bunstore.UID(ws), bunstore.UID(e.Payload.ContactID)).Exec(ctx)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return c
}

func openWrites(ctx context.Context, c childConfig) (*stack.Platform, error) {
	var p *stack.Platform
	p, err := openCounted(ctx, c, counting(func() *bunstore.Store { return p.SQL }))
	return p, err
}

// openCounted opens the platform with a table of effects, and consumers of its
// log.
func openCounted(ctx context.Context, c childConfig, consumers ...*engage.Consumer) (*stack.Platform, error) {
	p, err := scratch.Open(ctx, c.Store, c.DSN, stack.Config{
		Email: mute{}, Consumers: consumers,
		Bus: watermillbus.Config{Lease: 500 * time.Millisecond}, // what the dead held is soon free
	})
	if err != nil {
		return nil, err
	}
	if err := p.Migrate(ctx); err != nil {
		return nil, err
	}
	id := map[bunstore.Dialect]string{bunstore.PostgreSQL: "uuid", bunstore.MariaDB: "BINARY(16)", bunstore.SQLite: "BLOB"}[p.SQL.Dialect()]
	_, err = p.Database.ExecContext(ctx, fmt.Sprintf("CREATE TABLE IF NOT EXISTS crashlab_effects (workspace_id %s, contact_id %s)", id, id))
	return p, err
}

// writesChild identifies new contacts, some calls of which fail on purpose, and
// acknowledges each after its commit, while the workers run.
func writesChild(ctx context.Context, c childConfig) error {
	p, err := openWrites(ctx, c)
	if err != nil {
		return err
	}
	if c.Drain {
		fmt.Println("draining")
		return errors.Join(drainAll(ctx, p), p.Close())
	}
	arm(c, p)
	go func() { _ = p.Run(ctx) }()
	fmt.Println("working")
	return writeContacts(ctx, c, p)
}

// writeContacts identifies contacts until the process is killed.
func writeContacts(ctx context.Context, c childConfig, p *stack.Platform) error {
	random := rand.New(rand.NewPCG(c.Seed, 1)) //nolint:gosec // a script, not a secret
	undo := errors.New("undo")
	for n := 0; ; n++ {
		ws := workspaces[random.IntN(len(workspaces))]
		profiles := make([]contacts.Profile, 1+random.IntN(20))
		var names []string
		for i := range profiles {
			name := fmt.Sprintf("%x-%d-%d", c.Seed, n, i)
			names = append(names, name)
			profiles[i] = contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.UserID, Value: name}}}
		}
		err := p.Tx.InTx(ctx, ws, func(ctx context.Context) error {
			if _, err := p.Contacts.Identify(ctx, ws, profiles...); err != nil {
				return err
			}
			if n%5 == 4 {
				return undo
			}
			return nil
		})
		switch {
		case errors.Is(err, undo):
		case err != nil:
			return err
		default:
			_, _ = fmt.Fprintln(os.Stdout, strings.Join(names, "\n"))
		}
	}
}

// drainAll does what is left, and waits for what dead children still hold.
func drainAll(ctx context.Context, p *stack.Platform) error {
	for {
		if err := p.Drain(ctx); err != nil {
			return err
		}
		backlog, err := p.Log.Backlog(ctx, engage.DefaultShard, "crashlab")
		if err != nil || backlog.Slices == 0 {
			return err
		}
		<-time.After(100 * time.Millisecond)
	}
}

// arm sets the child's bomb, if it has one.
func arm(c childConfig, p *stack.Platform) {
	if c.Point != "" {
		b := &bomb{point: c.Point}
		b.left.Store(int64(c.Nth))
		p.Database.AddQueryHook(b) //nolint:staticcheck // WithQueryHook answers another DB than the platform stands on
	}
}

// bomb kills the process before a statement.
type bomb struct {
	point string
	left  atomic.Int64
}

func (b *bomb) BeforeQuery(ctx context.Context, event *bun.QueryEvent) context.Context {
	query := strings.ReplaceAll(strings.ReplaceAll(event.Query, `"`, ""), "`", "")
	if strings.Contains(query, b.point) {
		if b.left.Add(-1) <= 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	return ctx
}

func (*bomb) AfterQuery(context.Context, *bun.QueryEvent) {}

// writesCheck compares three things: what was acknowledged, which contacts there
// are, and what the consumer made of the events.
func writesCheck(ctx context.Context, c childConfig, acknowledged []string) (result, error) {
	p, err := openWrites(ctx, c)
	if err != nil {
		return result{}, err
	}
	defer func() { _ = p.Close() }()
	found, err := compare(ctx, p, acknowledged)
	if err != nil {
		return found, err
	}
	backlog, err := p.Log.Backlog(ctx, engage.DefaultShard, "crashlab")
	if err == nil && backlog.Slices+backlog.Parked > 0 {
		found.Violations = append(found.Violations, fmt.Sprintf("%d slices and %d parked events are left", backlog.Slices, backlog.Parked))
	}
	return found, err
}

// compare holds contacts, effects and what was acknowledged against each other.
func compare(ctx context.Context, p *stack.Platform, acknowledged []string) (result, error) {
	var found result
	there := map[string]bool{}
	stored := map[contacts.ID]bool{}
	for _, ws := range workspaces {
		for contact, err := range p.Contacts.All(ctx, ws, contacts.Query{}) {
			if err != nil {
				return found, err
			}
			there[contact.Identity(contacts.UserID).Value] = true
			stored[contact.ID] = true
		}
	}
	for _, name := range acknowledged {
		if !there[name] {
			found.Lost++
		}
	}
	found.Unknown = len(there) - (len(acknowledged) - found.Lost)
	var effects []struct {
		ContactID bunstore.UID `bun:"contact_id"`
		N         int          `bun:"n"`
	}
	if err := p.Database.NewRaw("SELECT contact_id, count(*) AS n FROM crashlab_effects GROUP BY contact_id").Scan(ctx, &effects); err != nil {
		return found, err
	}
	for _, e := range effects {
		found.Duplicated += e.N - 1
		if !stored[contacts.ID(e.ContactID)] {
			found.Violations = append(found.Violations, "an event without its change: "+contacts.ID(e.ContactID).String())
		}
		delete(stored, contacts.ID(e.ContactID))
	}
	for id := range stored {
		found.Violations = append(found.Violations, "a change without its event: "+id.String())
	}
	return found, nil
}
