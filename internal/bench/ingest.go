package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore/buncontacts"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/internal/scratch"
	"github.com/go-engage/engage/messaging"
)

const (
	batch       = 1000   // events a transaction
	contactSize = 20_000 // contacts that events belong to
)

func digits(n int64) string { return strconv.FormatInt(n, 10) }

// mute is a sender for benchmarks that send nothing.
type mute struct{}

func (mute) SendEmail(context.Context, engage.WorkspaceID, messaging.Email) (messaging.Receipt, error) {
	return messaging.Receipt{}, &messaging.SendError{Class: messaging.FailureConfig}
}

// platform composes the suite on a run's database and makes its tables.
func platform(ctx context.Context, store, dsn string) (*stack.Platform, error) {
	p, err := scratch.Open(ctx, store, dsn, stack.Config{Email: mute{}})
	if err != nil {
		return nil, err
	}
	return p, p.Migrate(ctx)
}

// writers is how many clients a store is given: SQLite has one writer.
func writers(store string) int {
	if store == "sqlite" {
		return 1
	}
	return 4
}

// spread runs work on n units, a batch at a time, by a number of clients.
func spread(ctx context.Context, clients, n int, work func(ctx context.Context, from, to int) error) error {
	starts := make(chan int, n/batch+1)
	for from := 0; from < n; from += batch {
		starts <- from
	}
	close(starts)
	failed := make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for from := range starts {
				if failed[i] = work(ctx, from, min(from+batch, n)); failed[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}

// startIngest writes events through the service.
func startIngest(ctx context.Context, store, dsn string) (sides, error) {
	return ingesting(ctx, store, dsn, func(p *stack.Platform, ws engage.WorkspaceID) appender {
		return func(ctx context.Context, _ []eventRow, inputs []events.Input) error {
			_, err := p.Events.Append(ctx, ws, inputs...)
			return err
		}
	})
}

// startWrites writes them through the repository alone.
func startWrites(ctx context.Context, store, dsn string) (sides, error) {
	return ingesting(ctx, store, dsn, func(p *stack.Platform, ws engage.WorkspaceID) appender {
		repository := buncontacts.NewEvents(p.SQL)
		return func(ctx context.Context, rows []eventRow, inputs []events.Input) error {
			all := make([]events.Event, len(rows))
			for i, r := range rows {
				all[i] = events.Event{
					ID: r.id, ContactID: r.contact, Name: r.name, OccurredAt: r.at, ReceivedAt: r.at, Properties: inputs[i].Properties,
				}
			}
			return p.Tx.InTx(ctx, ws, func(ctx context.Context) error {
				_, err := repository.Append(ctx, ws, all)
				return err
			})
		}
	})
}

// appender writes a batch, which is given in both forms.
type appender func(ctx context.Context, rows []eventRow, inputs []events.Input) error

func ingesting(ctx context.Context, store, dsn string, through func(*stack.Platform, engage.WorkspaceID) appender) (sides, error) {
	p, err := platform(ctx, store, dsn)
	if err != nil {
		return sides{}, err
	}
	ids := engage.NewIDSource(engage.SystemClock{}, nil)
	ws := engage.WorkspaceID(ids.NewID())
	people, err := populate(ctx, p, ws)
	if err != nil {
		return sides{}, err
	}
	next := 0
	one := func() eventRow {
		next++
		return eventRow{
			ws: ws, id: ids.NewID(), contact: people[next*7919%len(people)], name: fmt.Sprintf("event_%d", next%20), at: engage.SystemClock{}.Now(),
			props: fmt.Sprintf(`{"campaign":"spring","device":"phone","n":%d,"path":"/products/%d/reviews","source":"web"}`, next, next%997),
		}
	}
	ours := through(p, ws)
	floor, closeFloor, err := ingestFloor(ctx, store, dsn)
	if err != nil {
		return sides{}, err
	}
	var rows []eventRow
	var inputs []events.Input
	return sides{
		prepare: func(_ context.Context, n int) error {
			rows, inputs = make([]eventRow, n), make([]events.Input, n)
			for i := range rows {
				rows[i] = one()
				props, err := attribute.Parse(json.RawMessage(rows[i].props))
				if err != nil {
					return err
				}
				inputs[i] = events.Input{
					MessageID: uuid.UUID(rows[i].id).String(), ContactID: rows[i].contact,
					Name: rows[i].name, OccurredAt: rows[i].at, Properties: props,
				}
			}
			return nil
		},
		floor: func(ctx context.Context, n int) error {
			return spread(ctx, writers(store), n, func(ctx context.Context, from, to int) error { return floor(ctx, rows[from:to]) })
		},
		ours: func(ctx context.Context, n int) error {
			return spread(ctx, writers(store), n, func(ctx context.Context, from, to int) error { return ours(ctx, rows[from:to], inputs[from:to]) })
		},
		close: func() error { return errors.Join(closeFloor(), p.Close()) },
	}, nil
}

// populate makes the contacts that events belong to.
func populate(ctx context.Context, p *stack.Platform, ws engage.WorkspaceID) ([]contacts.ID, error) {
	profiles := make([]contacts.Profile, contactSize)
	for i := range profiles {
		profiles[i].Identities = []contacts.Identity{{Kind: contacts.UserID, Value: strconv.Itoa(i)}}
	}
	identified, err := p.Contacts.Identify(ctx, ws, profiles...)
	if err != nil {
		return nil, err
	}
	people := make([]contacts.ID, len(identified))
	for i, one := range identified {
		people[i] = one.Contact.ID
	}
	return people, nil
}

// ingestFloor is the fastest insert of a store.
func ingestFloor(ctx context.Context, store, dsn string) (func(context.Context, []eventRow) error, func() error, error) {
	switch store {
	case "postgres":
		pool, err := pgxpool.New(ctx, dsn)
		if err != nil {
			return nil, nil, err
		}
		closePool := func() error { pool.Close(); return nil }
		return func(ctx context.Context, rows []eventRow) error { return floorPostgres(ctx, pool, rows) }, closePool, nil
	case "mysql":
		db, err := sql.Open("mysql", dsn)
		if err != nil {
			return nil, nil, err
		}
		return func(ctx context.Context, rows []eventRow) error { return floorMariaDB(ctx, db, rows) }, db.Close, nil
	default:
		db, err := sql.Open("sqlite", "file:"+dsn+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)&_txlock=immediate")
		if err != nil {
			return nil, nil, err
		}
		return func(ctx context.Context, rows []eventRow) error { return floorSQLite(ctx, db, rows) }, db.Close, nil
	}
}
