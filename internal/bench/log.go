package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/adapters/watermillbus"
)

// happened is an event of about 250 bytes.
type happened struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

func (happened) EventName() string { return "bench.thing.happened.v1" }

func (happened) EventSubject() engage.Ref { return engage.Ref{} }

var text = strings.Repeat("a page of the catalogue, ", 6)

// publish writes n events, 500 a transaction.
func publish(ctx context.Context, p *stack.Platform, ws engage.WorkspaceID, n int) error {
	for left := n; left > 0; left -= engage.MaxSliceEvents {
		events := make([]engage.Event, min(left, engage.MaxSliceEvents))
		for i := range events {
			events[i] = happened{i, text}
		}
		if err := p.Tx.InTx(ctx, ws, func(ctx context.Context) error { return p.Publisher.Publish(ctx, ws, events...) }); err != nil {
			return err
		}
	}
	return nil
}

// plain opens a database without the suite.
func plain(store, dsn string) (*sql.DB, error) {
	switch store {
	case "postgres":
		return sql.Open("pgx", dsn+"&default_query_exec_mode=exec")
	case "mysql":
		return sql.Open("mysql", dsn)
	default:
		return sql.Open("sqlite", "file:"+dsn+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)&_txlock=immediate")
	}
}

func startPublish(ctx context.Context, store, dsn string) (sides, error) {
	p, err := platform(ctx, store, dsn)
	if err != nil {
		return sides{}, err
	}
	db, err := plain(store, dsn)
	if err != nil {
		return sides{}, err
	}
	ids := engage.NewIDSource(engage.SystemClock{}, nil)
	ws := engage.WorkspaceID(ids.NewID())
	var envelopes []engage.Envelope
	for i := range engage.MaxSliceEvents {
		e, err := engage.NewEnvelope(ctx, ws, happened{i, text}, engage.EventID(ids.NewID()), engage.SystemClock{}.Now())
		if err != nil {
			return sides{}, err
		}
		envelopes = append(envelopes, e)
	}
	slice, err := engage.EncodeSlice(envelopes)
	if err != nil {
		return sides{}, err
	}
	return sides{
		floor: func(ctx context.Context, n int) error {
			for left := n; left > 0; left -= engage.MaxSliceEvents {
				if err := floorPublish(ctx, db, store, ws, ids.NewID(), slice, engage.MaxSliceEvents); err != nil {
					return err
				}
			}
			return nil
		},
		ours:  func(ctx context.Context, n int) error { return publish(ctx, p, ws, n) },
		close: func() error { return errors.Join(db.Close(), p.Close()) },
	}, nil
}

// startConsume compares with a floor that reads slices, and startConsumeDecoded
// with one that decodes them, too.
func startConsume(ctx context.Context, store, dsn string) (sides, error) {
	return consuming(ctx, store, dsn, func([]byte) error { return nil })
}

func startConsumeDecoded(ctx context.Context, store, dsn string) (sides, error) {
	return consuming(ctx, store, dsn, func(slice []byte) error {
		_, err := floorDecode[happened](slice)
		return err
	})
}

func consuming(ctx context.Context, store, dsn string, handle func(slice []byte) error) (sides, error) {
	p, err := platform(ctx, store, dsn)
	if err != nil {
		return sides{}, err
	}
	db, err := plain(store, dsn)
	if err != nil {
		return sides{}, err
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE bench_cursor (pos BIGINT)"); err != nil {
		return sides{}, err
	}
	if _, err := db.ExecContext(ctx, "INSERT INTO bench_cursor VALUES (0)"); err != nil {
		return sides{}, err
	}
	seen := 0
	reader := engage.NewConsumer("bench")
	engage.On(reader, func(_ context.Context, _ engage.WorkspaceID, events []engage.Received[happened]) error {
		seen += len(events)
		return nil
	})
	bus, err := watermillbus.NewConsumers(watermillbus.Config{Tx: p.Tx, Log: p.Log}, reader)
	if err != nil {
		return sides{}, err
	}
	ws := engage.WorkspaceID(engage.NewIDSource(engage.SystemClock{}, nil).NewID())
	part, pos := int(engage.PartitionOf(ws)), int64(0)
	consume := func(ctx context.Context) error {
		for {
			if n, err := bus.Step(ctx); n == 0 || err != nil {
				return err
			}
		}
	}
	return sides{
		prepare: func(ctx context.Context, n int) error {
			seen = 0
			if err := consume(ctx); err != nil { // what the floor's turn left
				return err
			}
			if err := publish(ctx, p, ws, n); err != nil {
				return err
			}
			for {
				if n, err := p.SQL.Sequence(ctx); n == 0 || err != nil {
					return err
				}
			}
		},
		floor: func(ctx context.Context, _ int) (err error) {
			pos, err = floorConsume(ctx, db, part, pos, handle)
			return err
		},
		ours: func(ctx context.Context, n int) error {
			before := seen
			if err := consume(ctx); err != nil {
				return err
			}
			if seen-before != n {
				return fmt.Errorf("consumed %d of %d events", seen-before, n)
			}
			return nil
		},
		close: func() error { return errors.Join(db.Close(), p.Close()) },
	}, nil
}
