package bunstore_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/internal/testkit"
	"github.com/uptrace/bun"
)

type probe struct {
	bun.BaseModel `bun:"table:probes"`

	ID    bunstore.UID    `bun:"id,pk"`
	Owner bunstore.UID    `bun:"owner_id,nullzero"`
	Key   bunstore.Key    `bun:"natural_key"`
	Text  bunstore.Text   `bun:"body"`
	JSON  bunstore.JSON   `bun:"doc"`
	At    bunstore.Micros `bun:"at"`
}

func (probe) EventName() string              { return "test.probe.made.v1" }
func (p probe) EventSubject() engage.Ref     { return engage.Ref{Type: "probe", ID: p.ID} }
func (p probe) MarshalJSON() ([]byte, error) { return []byte(`{"text":"` + string(p.Text) + `"}`), nil }

var probeDDL = map[bunstore.Dialect]string{
	bunstore.SQLite:     `CREATE TABLE probes (id BLOB NOT NULL PRIMARY KEY, owner_id BLOB REFERENCES probes (id), natural_key TEXT NOT NULL UNIQUE, body TEXT NOT NULL CHECK (body <> 'bad'), doc TEXT, at INTEGER)`,
	bunstore.PostgreSQL: `CREATE TABLE probes (id uuid NOT NULL PRIMARY KEY, owner_id uuid REFERENCES probes (id), natural_key text COLLATE "C" NOT NULL UNIQUE, body text NOT NULL CHECK (body <> 'bad'), doc jsonb, at timestamptz)`,
	bunstore.MariaDB:    `CREATE TABLE probes (id BINARY(16) NOT NULL PRIMARY KEY, owner_id BINARY(16), natural_key VARBINARY(255) NOT NULL UNIQUE, body LONGTEXT NOT NULL CHECK (body <> 'bad'), doc LONGTEXT CHECK (json_valid(doc)), at BIGINT, FOREIGN KEY (owner_id) REFERENCES probes (id)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
}

type testBundle struct {
	*bunstore.Store

	db     *testkit.Database
	clock  *engage.ManualClock
	ids    engage.IDSource
	ws, ot engage.WorkspaceID
}

func setup(t *testing.T, db *testkit.Database) *testBundle {
	t.Helper()
	clock := engage.NewManualClock(testkit.Start)
	b := &testBundle{
		db: db, clock: clock, ids: engage.NewIDSource(clock, nil),
		Store: testkit.Store(t, db, clock),
	}
	b.ws, b.ot = engage.WorkspaceID(b.ids.NewID()), engage.WorkspaceID(b.ids.NewID())
	if _, err := db.Write.ExecContext(t.Context(), probeDDL[b.Dialect()]); err != nil {
		t.Fatal(err)
	}
	db.Count.Reset()
	return b
}

func (b *testBundle) probe(text string) *probe {
	id := b.ids.NewID()
	return &probe{ID: id, Key: bunstore.Key(text), Text: bunstore.Text(text)}
}

// add writes a row and publishes an event about it.
func (b *testBundle) add(ctx context.Context, text string) error {
	c, err := b.Write(ctx, b.ws)
	if err != nil {
		return err
	}
	p := b.probe(text)
	if _, err := c.NewInsert().Model(p).Exec(ctx); err != nil {
		return bunstore.MapError(ctx, "test.add", text, err)
	}
	return b.Publish(ctx, b.ws, *p)
}

// texts are the rows that are committed, and those of the log's events.
func (b *testBundle) texts(t *testing.T) (rows, events []string) {
	t.Helper()
	if err := b.db.Write.NewSelect().Table("probes").Column("body").Order("natural_key").Scan(t.Context(), &rows); err != nil {
		t.Fatal(err)
	}
	var payloads [][]byte
	if err := b.db.Write.NewRaw("SELECT payload FROM engage_log ORDER BY seq").Scan(t.Context(), &payloads); err != nil {
		t.Fatal(err)
	}
	for _, payload := range payloads {
		slice, err := engage.DecodeSlice(payload)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range slice {
			events = append(events, strings.TrimSuffix(strings.TrimPrefix(string(e.Data), `{"text":"`), `"}`))
		}
	}
	return rows, events
}

func (b *testBundle) want(t *testing.T, want ...string) {
	t.Helper()
	rows, events := b.texts(t)
	if !slices.Equal(rows, want) || !slices.Equal(events, want) {
		t.Errorf("rows %q and events %q are committed, want %q", rows, events, want)
	}
}

func wantCode(t *testing.T, err error, want engage.Code) {
	t.Helper()
	if got := engage.CodeOf(err); got != want {
		t.Errorf("code is %q, want %q: %v", got, want, err)
	}
}

var errStop = errors.New("stop")

// cutting cancels a ctx when a COMMIT is about to be sent.
type cutting struct{ cancel func() }

func (c *cutting) BeforeQuery(ctx context.Context, event *bun.QueryEvent) context.Context {
	if event.Query == "COMMIT" {
		c.cancel()
	}
	return ctx
}

func (*cutting) AfterQuery(context.Context, *bun.QueryEvent) {}

func TestACommitIsNotCutOff(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		ctx, cancel := context.WithCancel(t.Context())
		err := b.InTx(ctx, b.ws, func(ctx context.Context) error {
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a ctx that ended before: %v", err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		db.Write.AddQueryHook(&cutting{cancel}) //nolint:staticcheck // WithQueryHook answers another DB than the store stands on
		hooked := false
		err = b.InTx(ctx, b.ws, func(ctx context.Context) error {
			return errors.Join(b.add(ctx, "whole"), b.AfterCommit(ctx, func() { hooked = true }))
		})
		if err != nil || ctx.Err() == nil || !hooked {
			t.Errorf("one that ended with it: %v, callback %t", err, hooked)
		}
		b.want(t, "whole")
	})
}

func TestTransactions(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		ctx := t.Context()
		reset := func(t *testing.T) {
			for _, table := range []string{"probes", "engage_log"} {
				if _, err := db.Write.ExecContext(t.Context(), "DELETE FROM "+table); err != nil {
					t.Fatal(err)
				}
			}
		}
		// SQLite numbers slices as it writes them.
		number := 0
		if db.Name == "sqlite" {
			number = 1
		}
		t.Run("a row and its event commit together in four statements", func(t *testing.T) {
			reset(t)
			db.Count.Require(t, 4+number, func() {
				if err := b.InTx(ctx, b.ws, func(ctx context.Context) error { return b.add(ctx, "a") }); err != nil {
					t.Fatal(err)
				}
			})
			b.want(t, "a")
		})
		t.Run("an error leaves nothing", func(t *testing.T) {
			reset(t)
			ran := false
			err := b.InTx(ctx, b.ws, func(ctx context.Context) error {
				return errors.Join(b.add(ctx, "a"), b.AfterCommit(ctx, func() { ran = true }), errStop)
			})
			if !errors.Is(err, errStop) || ran {
				t.Errorf("err %v, AfterCommit ran %v", err, ran)
			}
			b.want(t)
		})
		t.Run("a panic leaves nothing and goes on", func(t *testing.T) {
			reset(t)
			func() {
				defer func() {
					if recover() != "boom" {
						t.Error("the panic is gone")
					}
				}()
				_ = b.InTx(ctx, b.ws, func(ctx context.Context) error {
					_ = b.add(ctx, "a")
					panic("boom")
				})
			}()
			b.want(t)
		})
		t.Run("a nested failure undoes its writes, events and callbacks alone", func(t *testing.T) {
			reset(t)
			var order []string
			after := func(ctx context.Context, name string) error {
				return b.AfterCommit(ctx, func() { order = append(order, name) })
			}
			err := b.InTx(ctx, b.ws, func(ctx context.Context) error {
				if err := errors.Join(b.add(ctx, "a"), after(ctx, "a")); err != nil {
					return err
				}
				inner := b.InTx(ctx, b.ws, func(ctx context.Context) error {
					_ = b.InTx(ctx, b.ws, func(ctx context.Context) error { return errors.Join(b.add(ctx, "c"), after(ctx, "c")) })
					return errors.Join(b.add(ctx, "b"), after(ctx, "b"), errStop)
				})
				if !errors.Is(inner, errStop) {
					t.Errorf("the inner error is %v", inner)
				}
				func() {
					defer func() { _ = recover() }()
					_ = b.InTx(ctx, b.ws, func(ctx context.Context) error { _ = b.add(ctx, "p"); panic("boom") })
				}()
				_ = b.InTx(ctx, b.ws, func(ctx context.Context) error { return b.add(ctx, "a") }) // taken
				return b.InTx(ctx, b.ws, func(ctx context.Context) error { return errors.Join(b.add(ctx, "d"), after(ctx, "d")) })
			})
			if err != nil {
				t.Fatal(err)
			}
			b.want(t, "a", "d")
			if !slices.Equal(order, []string{"a", "d"}) {
				t.Errorf("AfterCommit ran %q", order)
			}
		})
		t.Run("nested calls that write open one savepoint, however deep, for whoever did nothing before", func(t *testing.T) {
			reset(t)
			// BEGIN, SAVEPOINT, the row, RELEASE, the event, COMMIT; then a row and
			// its savepoint for each of two calls, the outer of which had written.
			nested := func(ctx context.Context, text string) error {
				return b.InTx(ctx, b.ws, func(ctx context.Context) error { return b.add(ctx, text) })
			}
			db.Count.Require(t, 6+number, func() {
				err := b.InTx(ctx, b.ws, func(ctx context.Context) error {
					return b.InTx(ctx, b.ws, func(ctx context.Context) error {
						return b.InTx(ctx, b.ws, func(ctx context.Context) error { return nested(ctx, "a") })
					})
				})
				if err != nil {
					t.Fatal(err)
				}
			})
			db.Count.Require(t, 9+number, func() {
				err := b.InTx(ctx, b.ws, func(ctx context.Context) error {
					return b.InTx(ctx, b.ws, func(ctx context.Context) error {
						return errors.Join(b.add(ctx, "b"), nested(ctx, "c"))
					})
				})
				if err != nil {
					t.Fatal(err)
				}
			})
			b.want(t, "a", "b", "c")
		})
		t.Run("nested calls that only read open no savepoint, except on PostgreSQL", func(t *testing.T) {
			savepoint := 0
			if db.Name == "postgres" {
				savepoint = 2
			}
			db.Count.Require(t, 3+savepoint, func() {
				_ = b.InTx(ctx, b.ws, func(ctx context.Context) error {
					return b.InTx(ctx, b.ws, func(ctx context.Context) error {
						c, err := b.Read(ctx, b.ws)
						if err != nil {
							return err
						}
						_, err = c.NewSelect().Table("probes").Count(ctx)
						return err
					})
				})
			})
		})
		t.Run("a write outside, for another workspace or too late is refused", func(t *testing.T) {
			reset(t)
			var finished context.Context
			wantCode(t, b.add(ctx, "a"), engage.FailedPrecondition)
			wantCode(t, b.Publish(ctx, b.ws), engage.FailedPrecondition)
			wantCode(t, b.AfterCommit(ctx, func() {}), engage.FailedPrecondition)
			err := b.InTx(ctx, b.ws, func(outer context.Context) error {
				finished = outer
				_, err := b.Write(outer, b.ot)
				wantCode(t, err, engage.FailedPrecondition)
				_, err = b.WriteShard(outer, engage.DefaultShard)
				wantCode(t, err, engage.FailedPrecondition)
				wantCode(t, b.Publish(outer, b.ot), engage.FailedPrecondition)
				wantCode(t, b.InTx(outer, b.ot, nil), engage.FailedPrecondition)
				wantCode(t, b.InShard(outer, engage.DefaultShard, nil), engage.FailedPrecondition)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			wantCode(t, b.add(finished, "a"), engage.FailedPrecondition)
			wantCode(t, b.InTx(finished, b.ws, nil), engage.FailedPrecondition)
			_, err = b.Read(finished, b.ws)
			wantCode(t, err, engage.FailedPrecondition)
			_, err = b.Write(ctx, engage.WorkspaceID{})
			wantCode(t, err, engage.Invalid)
			_, err = b.Read(ctx, engage.WorkspaceID{})
			wantCode(t, err, engage.Invalid)
			wantCode(t, b.InTx(ctx, engage.WorkspaceID{}, nil), engage.Invalid)
			wantCode(t, b.InShard(ctx, "nowhere", nil), engage.NotFound)
			b.want(t)
		})
		t.Run("InShard takes every workspace, and InTx within it one", func(t *testing.T) {
			reset(t)
			err := b.InShard(ctx, engage.DefaultShard, func(ctx context.Context) error {
				if _, err := b.WriteShard(ctx, engage.DefaultShard); err != nil {
					return err
				}
				for _, ws := range []engage.WorkspaceID{b.ws, b.ot} {
					err := b.InTx(ctx, ws, func(ctx context.Context) error {
						wantCode(t, b.InShard(ctx, engage.DefaultShard, nil), engage.FailedPrecondition)
						return b.Publish(ctx, ws, *b.probe("e"))
					})
					if err != nil {
						return err
					}
				}
				return b.Publish(ctx, b.ot, *b.probe("f"))
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, events := b.texts(t); !slices.Equal(events, []string{"e", "e", "f"}) {
				t.Errorf("events are %q", events)
			}
		})
		t.Run("events are cut into slices by number and size, in one statement", func(t *testing.T) {
			reset(t)
			db.Count.Require(t, 3+number, func() {
				err := b.InTx(ctx, b.ws, func(ctx context.Context) error {
					for range 1001 {
						if err := b.Publish(ctx, b.ws, *b.probe("e")); err != nil {
							return err
						}
					}
					for range 5 {
						if err := b.Publish(ctx, b.ws, *b.probe(strings.Repeat("x", 64000))); err != nil {
							return err
						}
					}
					wantCode(t, b.Publish(ctx, b.ws, *b.probe("y"), *b.probe(strings.Repeat("x", engage.MaxEventBytes+1))), engage.Invalid)
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			})
			var counts []int
			if err := db.Write.NewRaw("SELECT events FROM engage_log ORDER BY seq").Scan(ctx, &counts); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(counts, []int{500, 500, 5, 1}) {
				t.Errorf("slices hold %d events", counts)
			}
		})
		t.Run("a canceled context rolls back and answers its error", func(t *testing.T) {
			reset(t)
			ctx, cancel := context.WithCancel(ctx)
			err := b.InTx(ctx, b.ws, func(ctx context.Context) error {
				err := b.add(ctx, "a")
				cancel()
				return err
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("err is %v", err)
			}
			b.want(t)
		})
	})
}
