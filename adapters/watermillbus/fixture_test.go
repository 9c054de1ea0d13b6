package watermillbus_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/goleak"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunmarks"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/watermillbus"
	"github.com/go-engage/engage/internal/testkit"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// database/sql ends it a moment after Close.
		goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"),
		// The embedded NATS server leaves these behind when it has ended.
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).flushStreamStateLoop"),
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"),
		// Watermill's suite leaves readers of closed subscriptions behind.
		goleak.IgnoreAnyFunction("github.com/ThreeDotsLabs/watermill/internal/subscriber.(*multiplier).Subscribe.func2"))
}

const shard = engage.DefaultShard

// counted is the event of these tests: the N-th of its workspace.
type counted struct {
	N int `json:"n"`
}

func (counted) EventName() string          { return "test.counted.v1" }
func (e counted) EventSubject() engage.Ref { return engage.Ref{Type: "count", ID: number(e.N)} }

// ignored is an event that no consumer here has a handler for.
type ignored struct{}

func (ignored) EventName() string        { return "test.ignored.v1" }
func (ignored) EventSubject() engage.Ref { return engage.Ref{} }

// garbled encodes to what counted does not decode from, under its name.
type garbled struct {
	N string `json:"n"`
}

func (garbled) EventName() string        { return "test.counted.v1" }
func (garbled) EventSubject() engage.Ref { return engage.Ref{} }

func number(n int) (id [16]byte) {
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

// bundle is an open store of some kind, with a table of effects.
type bundle struct {
	tx       engage.Transactor
	events   engage.Publisher
	log      engage.EventLog
	clock    *engage.ManualClock
	effects  effects
	marks    watermillbus.Marks
	sequence func(t testing.TB)
	count    *testkit.Counter // nil in memory
	store    *bunstore.Store  // nil in memory
	ids      engage.IDSource
}

// effects is what handlers write: a row each time, so that a repetition shows.
type effects interface {
	Add(ctx context.Context, ws engage.WorkspaceID, n int) error
	All(ctx context.Context, ws engage.WorkspaceID) ([]int, error)
}

// eachStore runs a test on every store there is.
func eachStore(t *testing.T, fn func(t *testing.T, b *bundle)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		fn(t, inMemory())
	})
	testkit.Each(t, func(t *testing.T, db *testkit.Database) { fn(t, inSQL(t, db)) })
}

func inMemory() *bundle {
	clock := engage.NewManualClock(testkit.Start)
	store := memory.New(memory.Config{Clock: clock})
	return &bundle{
		tx: store, events: store, log: store, clock: clock, effects: newMemoryEffects(store), marks: memory.NewMarks(store),
		sequence: func(testing.TB) {}, ids: engage.NewIDSource(clock, nil),
	}
}

func inSQL(t testing.TB, db *testkit.Database) *bundle {
	clock := engage.NewManualClock(testkit.Start)
	store := testkit.Store(t, db, clock, bunmarks.Schema)
	ddl := map[bunstore.Dialect]string{
		bunstore.SQLite:     `CREATE TABLE effects (seq INTEGER PRIMARY KEY AUTOINCREMENT, workspace_id BLOB NOT NULL, n INTEGER NOT NULL)`,
		bunstore.PostgreSQL: `CREATE TABLE effects (seq BIGSERIAL PRIMARY KEY, workspace_id uuid NOT NULL, n INTEGER NOT NULL)`,
		bunstore.MariaDB:    `CREATE TABLE effects (seq BIGINT AUTO_INCREMENT PRIMARY KEY, workspace_id BINARY(16) NOT NULL, n INTEGER NOT NULL) ENGINE=InnoDB`,
	}
	if _, err := db.Write.ExecContext(t.Context(), ddl[store.Dialect()]); err != nil {
		t.Fatal(err)
	}
	return &bundle{
		tx: store, events: store, log: store.Log(), clock: clock, effects: sqlEffects{store}, marks: bunmarks.New(store), count: db.Count, store: store,
		sequence: func(t testing.TB) {
			for {
				n, err := store.Sequence(t.Context())
				if err != nil {
					t.Fatalf("Sequence: %v", err)
				}
				if n == 0 {
					return
				}
			}
		},
		ids: engage.NewIDSource(clock, nil),
	}
}

type effect struct {
	workspace engage.WorkspaceID
	seq, n    int
}

type memoryEffects struct {
	rows *memory.Table[effect]
	mu   sync.Mutex
	seq  int
}

func newMemoryEffects(store *memory.Store) *memoryEffects {
	return &memoryEffects{rows: memory.NewTable(store, "effects", memory.Index[effect]{Name: "key", Less: func(a, b *effect) bool {
		if a.workspace != b.workspace {
			return a.workspace.Compare(b.workspace) < 0
		}
		return a.seq < b.seq
	}})}
}

func (e *memoryEffects) Add(ctx context.Context, ws engage.WorkspaceID, n int) error {
	rows, err := e.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	e.mu.Lock()
	e.seq++
	rows.Set(&effect{ws, e.seq, n})
	e.mu.Unlock()
	return nil
}

func (e *memoryEffects) All(ctx context.Context, ws engage.WorkspaceID) ([]int, error) {
	var all []int
	for row := range e.rows.Read(ctx).Ascend("key", &effect{workspace: ws}) {
		if row.workspace != ws {
			break
		}
		all = append(all, row.n)
	}
	return all, nil
}

type sqlEffects struct{ *bunstore.Store }

type effectRow struct {
	bun.BaseModel `bun:"table:effects"`

	Seq       int64        `bun:"seq,pk,autoincrement"`
	Workspace bunstore.UID `bun:"workspace_id"`
	N         int          `bun:"n"`
}

func (e sqlEffects) Add(ctx context.Context, ws engage.WorkspaceID, n int) error {
	db, err := e.Write(ctx, ws)
	if err != nil {
		return err
	}
	_, err = db.NewInsert().Model(&effectRow{Workspace: bunstore.UID(ws), N: n}).ExcludeColumn("seq").Returning("NULL").Exec(ctx)
	return bunstore.MapError(ctx, "effects.Add", "", err)
}

func (e sqlEffects) All(ctx context.Context, ws engage.WorkspaceID) ([]int, error) {
	db, err := e.Read(ctx, ws)
	if err != nil {
		return nil, err
	}
	var all []int
	err = db.NewSelect().Model((*effectRow)(nil)).Column("n").Where("workspace_id = ?", bunstore.UID(ws)).Order("seq").Scan(ctx, &all)
	return all, err
}

// workspaces answers so many workspaces, each in a partition of its own.
func (b *bundle) workspaces(n int) []engage.WorkspaceID {
	var found []engage.WorkspaceID
	taken := map[engage.Partition]bool{}
	for len(found) < n {
		ws := engage.WorkspaceID(b.ids.NewID())
		if !taken[engage.PartitionOf(ws)] || len(taken) == engage.LogPartitions {
			taken[engage.PartitionOf(ws)] = true
			found = append(found, ws)
		}
	}
	return found
}

// publish commits the numbers from..to of a workspace in one transaction.
func (b *bundle) publish(t testing.TB, ws engage.WorkspaceID, from, to int) {
	t.Helper()
	var events []engage.Event
	for n := from; n <= to; n++ {
		events = append(events, counted{n})
	}
	b.publishEvents(t, ws, events...)
}

func (b *bundle) publishEvents(t testing.TB, ws engage.WorkspaceID, events ...engage.Event) {
	t.Helper()
	err := b.tx.InTx(t.Context(), ws, func(ctx context.Context) error { return b.events.Publish(ctx, ws, events...) })
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
	b.sequence(t)
}

// config is a runner's without chance: the n-th wait is n seconds.
func (b *bundle) config() watermillbus.Config {
	return watermillbus.Config{
		Tx: b.tx, Log: b.log, Clock: b.clock,
		Backoff: func(attempts int) time.Duration { return time.Duration(attempts) * time.Second },
	}
}

// adder is a consumer that writes the numbers it gets, unless check objects.
// calls counts the calls of its handler.
func (b *bundle) adder(calls *int, check func(ctx context.Context, ws engage.WorkspaceID, n int) error) *engage.Consumer {
	consumer := engage.NewConsumer("adder")
	engage.On(consumer, func(ctx context.Context, ws engage.WorkspaceID, events []engage.Received[counted]) error {
		if calls != nil {
			*calls++
		}
		for _, e := range events {
			if err := b.effects.Add(ctx, ws, e.Payload.N); err != nil {
				return err
			}
			if check != nil {
				if err := check(ctx, ws, e.Payload.N); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return consumer
}

func newRunner(t testing.TB, cfg watermillbus.Config, consumers ...*engage.Consumer) *watermillbus.Consumers {
	t.Helper()
	runner, err := watermillbus.NewConsumers(cfg, consumers...)
	if err != nil {
		t.Fatalf("NewConsumers: %v", err)
	}
	return runner
}

// drain steps until a step finds nothing, and answers how many events passed.
// What a step could not do is the test's to expect.
func drain(t testing.TB, runner interface {
	Step(ctx context.Context) (int, error)
},
) (total int, err error) {
	t.Helper()
	for range 10_000 {
		n, stepErr := runner.Step(t.Context())
		total += n
		if n == 0 {
			return total, stepErr
		}
	}
	t.Fatal("the consumer never ends")
	return total, nil
}

func (b *bundle) wantEffects(t testing.TB, ws engage.WorkspaceID, want []int) {
	t.Helper()
	got, err := b.effects.All(context.WithoutCancel(t.Context()), ws)
	if err != nil {
		t.Fatalf("effects: %v", err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("effects of %s: %s, want %s", ws, brief(got), brief(want))
	}
}

func (b *bundle) wantBacklog(t testing.TB, consumer string, slices, parked int64) {
	t.Helper()
	got, err := b.log.Backlog(t.Context(), shard, consumer)
	if err != nil {
		t.Fatalf("Backlog: %v", err)
	}
	if got.Slices != slices || got.Parked != parked {
		t.Errorf("%d slices and %d parked events wait, want %d and %d", got.Slices, got.Parked, slices, parked)
	}
}

func brief(ns []int) string {
	if len(ns) <= 20 {
		return fmt.Sprint(ns)
	}
	return fmt.Sprintf("%d numbers %v … %v", len(ns), ns[:10], ns[len(ns)-5:])
}

// upTo answers from..to without some.
func upTo(from, to int, without ...int) []int {
	var ns []int
	for n := from; n <= to; n++ {
		if !slices.Contains(without, n) {
			ns = append(ns, n)
		}
	}
	return ns
}

// hookedTx calls hooks around the outermost transactions of workers.
type hookedTx struct {
	engage.Transactor
	before func() error // may be nil; an error keeps the transaction from beginning
	after  func() error // runs when fn has succeeded; an error rolls it back
}

type inHook struct{}

func (h hookedTx) InShard(ctx context.Context, shard engage.Shard, fn func(ctx context.Context) error) error {
	if ctx.Value(inHook{}) != nil {
		return h.Transactor.InShard(ctx, shard, fn)
	}
	if h.before != nil {
		if err := h.before(); err != nil {
			return err
		}
	}
	return h.Transactor.InShard(context.WithValue(ctx, inHook{}, true), shard, func(ctx context.Context) error {
		if err := fn(ctx); err != nil {
			return err
		}
		if h.after != nil {
			return h.after()
		}
		return nil
	})
}
