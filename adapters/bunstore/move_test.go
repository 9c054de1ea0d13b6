package bunstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/uptrace/bun"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/internal/testkit"
)

const (
	east = engage.Shard("east") // the directory's and the default one
	west = engage.Shard("west")
)

// noted is the event that a note was put.
type noted struct {
	Key string `json:"key"`
}

func (noted) EventName() string          { return "test.noted.v1" }
func (n noted) EventSubject() engage.Ref { return engage.Ref{Type: "note"} }

// effectsDDL is a table of what the consumer did, a row each time.
var effectsDDL = map[bunstore.Dialect]string{
	bunstore.SQLite:     `CREATE TABLE effects (workspace_id BLOB NOT NULL, id BLOB NOT NULL, note_key TEXT NOT NULL, PRIMARY KEY (workspace_id, id))`,
	bunstore.PostgreSQL: `CREATE TABLE effects (workspace_id uuid NOT NULL, id uuid NOT NULL, note_key text NOT NULL, PRIMARY KEY (workspace_id, id))`,
	bunstore.MariaDB:    `CREATE TABLE effects (workspace_id BINARY(16) NOT NULL, id BINARY(16) NOT NULL, note_key VARBINARY(255) NOT NULL, PRIMARY KEY (workspace_id, id)) ENGINE=InnoDB`,
}

// schemas are those of all domains there are folders of: a new one's tables are
// tested here without anybody listing them.
func schemas(t *testing.T) (all []bunstore.Schema) {
	t.Helper()
	folders, err := filepath.Glob("bun*/migrations/sqlite/0001_*.sql")
	if err != nil || len(folders) == 0 {
		t.Fatal("no domains found", err)
	}
	for _, file := range folders {
		folder, _, _ := strings.Cut(filepath.ToSlash(file), "/")
		all = append(all, bunstore.Schema{Domain: strings.TrimPrefix(folder, "bun"), FS: os.DirFS(folder)})
	}
	return all
}

// tickingClock goes on by a microsecond whenever somebody looks at it: a move
// waits until no cache can have the old place.
type tickingClock struct{ *engage.ManualClock }

func (c *tickingClock) Now() time.Time {
	c.Advance(time.Microsecond)
	return c.ManualClock.Now()
}

// pair is a store on two databases, and another one on the same, as a second
// process would have it.
type pair struct {
	*bunstore.Store

	second    *bunstore.Store
	clock     *tickingClock
	ids       engage.IDSource
	databases map[engage.Shard]*testkit.Database
	ws, other engage.WorkspaceID
}

func openers() map[string]func(testing.TB) *testkit.Database {
	return map[string]func(testing.TB) *testkit.Database{"sqlite": testkit.SQLite, "postgres": testkit.Postgres, "mysql": testkit.MariaDB}
}

func eachPair(t *testing.T, placement bunstore.Placement, fn func(t *testing.T, p *pair), schemas ...bunstore.Schema) {
	t.Helper()
	for name, open := range openers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fn(t, newPair(t, open, placement, schemas...))
		})
	}
}

func newPair(t *testing.T, open func(testing.TB) *testkit.Database, placement bunstore.Placement, schemas ...bunstore.Schema) *pair {
	t.Helper()
	clock := &tickingClock{engage.NewManualClock(testkit.Start)}
	p := &pair{clock: clock, ids: engage.NewIDSource(clock, nil), databases: map[engage.Shard]*testkit.Database{east: open(t), west: open(t)}}
	placement.Directory, placement.Tables = east, []string{"notes", "effects"}
	if placement.CacheFor == 0 {
		placement.CacheFor = time.Nanosecond
	}
	if placement.Patience == 0 {
		placement.Patience = time.Minute
	}
	cfg := bunstore.Config{Clock: clock, Placement: &placement}
	for _, shard := range []engage.Shard{east, west} {
		cfg.More = append(cfg.More, bunstore.Database{Shard: shard, Write: p.databases[shard].Write, Read: p.databases[shard].Read})
	}
	for _, store := range []**bunstore.Store{&p.Store, &p.second} {
		var err error
		if *store, err = bunstore.Open(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Migrate(t.Context(), schemas...); err != nil {
		t.Fatal(err)
	}
	for _, db := range p.databases {
		for _, ddl := range []string{notesDDL[p.Dialect()], effectsDDL[p.Dialect()]} {
			if _, err := db.Write.ExecContext(t.Context(), ddl); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.ws, p.other = engage.WorkspaceID(p.ids.NewID()), engage.WorkspaceID(p.ids.NewID())
	return p
}

// put writes a note and its event.
func put(ctx context.Context, store *bunstore.Store, ws engage.WorkspaceID, key string) error {
	return store.InTx(ctx, ws, func(ctx context.Context) error {
		if err := (notes{store}).Put(ctx, ws, key, "v"); err != nil {
			return err
		}
		return store.Publish(ctx, ws, noted{key})
	})
}

// consume handles what is in the log of a database: a row of effects for each
// event, in one transaction with the cursor.
func (p *pair) consume(ctx context.Context, store *bunstore.Store, shard engage.Shard) error {
	log := store.Log()
	if _, err := store.Sequence(ctx); err != nil {
		return err
	}
	claims, err := log.Claim(ctx, shard, "effects", "me", p.clock.Now(), time.Minute, engage.LogPartitions)
	for _, claim := range claims {
		slices, err := log.Read(ctx, shard, claim.Partition, claim.Position, 100)
		if err != nil || len(slices) == 0 {
			return errors.Join(err, log.Release(ctx, []engage.Claim{claim}))
		}
		err = store.InShard(ctx, shard, func(ctx context.Context) error {
			if err := log.Advance(ctx, claim, slices[len(slices)-1].Position, p.clock.Now(), 0); err != nil {
				return err
			}
			for _, slice := range slices {
				for _, event := range slice.Events {
					if err := p.effect(ctx, store, slice.Workspace, event); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return errors.Join(err, log.Release(ctx, []engage.Claim{claim}))
		}
	}
	return err
}

func (p *pair) effect(ctx context.Context, store *bunstore.Store, ws engage.WorkspaceID, event engage.Envelope) error {
	var e noted
	if err := json.Unmarshal(event.Data, &e); err != nil {
		return err
	}
	return store.InTx(ctx, ws, func(ctx context.Context) error {
		db, ok := store.Conn(ctx)
		if !ok {
			return errors.New("no transaction")
		}
		_, err := db.ExecContext(ctx, "INSERT INTO effects (workspace_id, id, note_key) VALUES (?, ?, ?)", bunstore.UID(ws), bunstore.UID(p.ids.NewID()), e.Key)
		return err
	})
}

// effects counts what the consumer did, by note, at both places.
func (p *pair) effects(t *testing.T, ws engage.WorkspaceID) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, db := range p.databases {
		var keys []string
		if err := db.Write.NewRaw("SELECT note_key FROM effects WHERE workspace_id = ?", bunstore.UID(ws)).Scan(t.Context(), &keys); err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			counts[key]++
		}
	}
	return counts
}

func (p *pair) dump(t *testing.T, shard engage.Shard, ws engage.WorkspaceID) string {
	t.Helper()
	text, err := p.Dump(t.Context(), shard, ws)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// wantGone checks that nothing of a workspace is left on a database, and nothing
// of the move on either.
func (p *pair) wantGone(t *testing.T, shard engage.Shard, ws engage.WorkspaceID) {
	t.Helper()
	if left := p.dump(t, shard, ws); left != "" {
		t.Errorf("left on %s:\n%s", shard, left)
	}
	for shard, db := range p.databases {
		var tables []string
		query := map[bunstore.Dialect]string{
			bunstore.SQLite:     "SELECT name FROM sqlite_master WHERE name LIKE 'engage_moving%'",
			bunstore.PostgreSQL: "SELECT relname FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND relname LIKE 'engage_moving%'",
			bunstore.MariaDB:    "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE 'engage_moving%'",
		}[p.Dialect()]
		if err := db.Write.NewRaw(query).Scan(t.Context(), &tables); err != nil {
			t.Fatal(err)
		}
		if len(tables) > 0 {
			t.Errorf("%s still has %q", shard, tables)
		}
	}
}

// fill puts rows into every table of the first database that moves, with values that keep its
// constraints: the ids of the n-th row are the same everywhere.
func (p *pair) fill(t *testing.T, ws engage.WorkspaceID, rows int) {
	t.Helper()
	names, columns, err := p.Columns(t.Context(), east)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if name == "notes" || name == "effects" {
			continue
		}
		var list []string
		distinct := false
		for _, c := range columns[name] {
			list = append(list, c.Name)
			distinct = distinct || c.Key
		}
		var values []string
		for i := range rows {
			row := make([]string, len(list))
			for j, c := range columns[name] {
				row[j] = p.value(c, ws, i+1)
			}
			if values = append(values, "("+strings.Join(row, ", ")+")"); !distinct {
				break
			}
		}
		for chunk := range slices.Chunk(values, 200) {
			query := "INSERT INTO " + name + " (" + strings.Join(list, ", ") + ") VALUES " + strings.Join(chunk, ", ")
			if _, err := p.databases[east].Write.ExecContext(t.Context(), query); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

// value is a literal for a column, other in each row where it can be.
func (p *pair) value(c bunstore.Column, ws engage.WorkspaceID, i int) string {
	if ws == p.other {
		i += 5000 // some keys are those of the installation
	}
	id := fmt.Sprintf("%032x", i)
	if c.Name == "workspace_id" {
		id = fmt.Sprintf("%x", ws[:])
	}
	kind := strings.ToLower(c.Kind)
	switch {
	case kind == "uuid":
		return "'" + id + "'"
	case kind == "blob" || kind == "binary":
		return "X'" + id + "'"
	case kind == "bytea":
		return `'\x` + id + "'"
	case strings.Contains(kind, "blob") || strings.Contains(kind, "binary"):
		return fmt.Sprintf("X'%x'", fmt.Sprintf("%05d", i))
	case strings.HasPrefix(kind, "timestamp"):
		return fmt.Sprintf("'2026-03-01 12:00:00.%06d+00'", i)
	case kind == "boolean":
		return "true"
	case strings.Contains(kind, "int"):
		if kind == "tinyint" {
			return "1"
		}
		return fmt.Sprint(i)
	default:
		return fmt.Sprintf("'%d'", 10000+i) // also a document
	}
}

func TestMoveTakesEveryTable(t *testing.T) {
	t.Parallel()
	eachPair(t, bunstore.Placement{}, func(t *testing.T, p *pair) {
		ctx := t.Context()
		p.fill(t, p.ws, bunstore.ManyRows)
		p.fill(t, p.other, 3)
		for i := range 3 {
			if err := put(ctx, p.Store, p.ws, fmt.Sprintf("it's a \\ ? %d é", i)); err != nil {
				t.Fatal(err)
			}
		}
		before, stays := p.dump(t, east, p.ws), p.dump(t, east, p.other)
		moved, err := p.Move(ctx, p.ws, west)
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(before, "\n"); int(moved.Rows) != lines || moved.From != east || moved.To != west {
			t.Errorf("moved %+v, want %d rows", moved, lines)
		}
		if diff := cmp.Diff(before, p.dump(t, west, p.ws)); diff != "" {
			t.Errorf("rows changed on the way (-before +after):\n%s", diff)
		}
		p.wantGone(t, east, p.ws)
		if p.dump(t, east, p.other) != stays {
			t.Error("another workspace's rows changed")
		}
		if home, err := p.Home(ctx, p.ws); err != nil || home != (bunstore.Home{Shard: west, State: bunstore.MoveNone, Version: 2}) {
			t.Errorf("it is at home in %+v, %v", home, err)
		}
		if _, err := p.Move(ctx, p.ws, west); err != nil {
			t.Errorf("a move that is done is refused: %v", err)
		}
		if _, err := p.Move(ctx, p.ws, east); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, p.dump(t, east, p.ws)); diff != "" {
			t.Errorf("rows changed on the way back (-before +after):\n%s", diff)
		}
		p.wantGone(t, west, p.ws)
	}, schemas(t)...)
}

func TestMoveUnderLoad(t *testing.T) {
	t.Parallel()
	eachPair(t, bunstore.Placement{}, func(t *testing.T, p *pair) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var group sync.WaitGroup
		acknowledged := map[engage.WorkspaceID][]string{}
		var mu sync.Mutex
		var wrote atomic.Int64
		enough := make(chan struct{})
		for i, store := range []*bunstore.Store{p.Store, p.second} {
			for _, ws := range []engage.WorkspaceID{p.ws, p.other} {
				group.Go(func() {
					for n := 0; ctx.Err() == nil; n++ {
						key := fmt.Sprintf("%d-%d", i, n)
						if err := put(ctx, store, ws, key); err != nil {
							if ctx.Err() == nil && !errors.Is(err, engage.ErrUnavailable) {
								t.Errorf("a writer sees %v", err)
							}
							continue
						}
						mu.Lock()
						acknowledged[ws] = append(acknowledged[ws], key)
						mu.Unlock()
						if wrote.Add(1) == 40 {
							close(enough)
						}
					}
				})
			}
			for _, shard := range []engage.Shard{east, west} {
				group.Go(func() {
					for ctx.Err() == nil {
						if err := p.consume(ctx, store, shard); err != nil && ctx.Err() == nil && !errors.Is(err, engage.ErrUnavailable) {
							t.Errorf("a consumer sees %v", err)
						}
						runtime.Gosched()
					}
				})
			}
		}
		<-enough
		for _, to := range []engage.Shard{west, east, west} {
			if _, err := p.Move(ctx, p.ws, to); err != nil {
				t.Error(err)
			}
		}
		cancel()
		group.Wait()
		ctx = t.Context()
		p.clock.Advance(time.Hour) // what a consumer held when it ended
		for _, shard := range []engage.Shard{east, west} {
			for {
				if err := p.consume(ctx, p.Store, shard); err != nil {
					t.Fatal(err)
				}
				backlog, err := p.Log().Backlog(ctx, shard, "effects")
				if err != nil {
					t.Fatal(err)
				}
				if backlog.Slices == 0 {
					break
				}
			}
		}
		p.wantGone(t, east, p.ws)
		for ws, home := range map[engage.WorkspaceID]engage.Shard{p.ws: west, p.other: east} {
			there, err := (notes{p.Store}).All(ctx, ws)
			if err != nil {
				t.Fatal(err)
			}
			effects := p.effects(t, ws)
			for _, key := range acknowledged[ws] {
				if there[key] == "" {
					t.Errorf("the note %s is lost", key)
				}
			}
			for key := range there {
				if effects[key] != 1 {
					t.Errorf("the event of %s was consumed %d times", key, effects[key])
				}
				delete(effects, key)
			}
			if len(effects) > 0 {
				t.Errorf("events without a change: %v", effects)
			}
			p.wantFeed(t, ws, there)
			if now, err := p.Home(ctx, ws); err != nil || now.Shard != home {
				t.Errorf("at home in %+v, %v; want %s", now, err, home)
			}
		}
	})
}

// wantFeed checks that a reader who keeps a position of its own meets the event
// of each note once, across all moves.
func (p *pair) wantFeed(t *testing.T, ws engage.WorkspaceID, there map[string]string) {
	t.Helper()
	seen := map[string]int{}
	var at bunstore.FeedPosition
	for {
		slices, next, err := p.Feed(t.Context(), ws, at, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(slices) == 0 {
			break
		}
		for _, slice := range slices {
			for _, event := range slice.Events {
				var e noted
				if err := json.Unmarshal(event.Data, &e); err != nil {
					t.Fatal(err)
				}
				seen[e.Key]++
			}
		}
		at = next
	}
	for key := range there {
		if seen[key] != 1 {
			t.Errorf("the feed has the event of %s %d times", key, seen[key])
		}
	}
	if len(seen) != len(there) {
		t.Errorf("the feed has events of %d notes, want %d", len(seen), len(there))
	}
}

// dying ends a context before the n-th statement of a kind, as a process that is
// killed there would leave it.
type dying struct {
	left   atomic.Int64
	cancel atomic.Pointer[context.CancelFunc]
}

func (d *dying) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context {
	if d.left.Add(-1) == 0 {
		(*d.cancel.Load())()
	}
	return ctx
}

func (*dying) AfterQuery(context.Context, *bun.QueryEvent) {}

func TestMoveGoesOnAfterADeathAtEachStatement(t *testing.T) {
	t.Parallel()
	eachPair(t, bunstore.Placement{}, func(t *testing.T, p *pair) {
		var bomb dying
		for _, db := range p.databases {
			db.Write.AddQueryHook(&bomb) //nolint:staticcheck // the store works on this DB
			if db.Read != db.Write {
				db.Read.AddQueryHook(&bomb) //nolint:staticcheck // likewise
			}
		}
		for n := range 20 {
			if err := put(t.Context(), p.Store, p.ws, fmt.Sprint(n)); err != nil {
				t.Fatal(err)
			}
		}
		before := p.dump(t, east, p.ws)
		homes := []engage.Shard{west, east}
		step := int64(1)
		if testing.Short() {
			step = 7
		}
		ended := false
		for n, round := int64(1), 0; !ended; n, round = n+step, round+1 {
			to := homes[round%2]
			ctx, cancel := context.WithCancel(t.Context())
			bomb.cancel.Store(&cancel)
			bomb.left.Store(n)
			_, err := p.Move(ctx, p.ws, to)
			bomb.left.Store(0)
			ended = err == nil
			cancel()
			p.clock.Advance(time.Minute) // the dead mover's lease
			if round%5 == 4 && err != nil {
				// Some are given up, where that is possible.
				if err := p.AbortMove(t.Context(), p.ws); err != nil && !errors.Is(err, engage.ErrFailedPrecondition) {
					t.Fatalf("AbortMove after statement %d: %v", n, err)
				}
			}
			if _, err := p.second.ResumeMoves(t.Context()); err != nil {
				t.Fatalf("ResumeMoves after statement %d: %v", n, err)
			}
			p.clock.Advance(time.Minute)
			if _, err := p.second.Move(t.Context(), p.ws, to); err != nil {
				t.Fatalf("again after statement %d: %v", n, err)
			}
			if diff := cmp.Diff(before, p.dump(t, to, p.ws)); diff != "" {
				t.Fatalf("after a death at statement %d (-before +after):\n%s", n, diff)
			}
			p.wantGone(t, homes[(round+1)%2], p.ws)
		}
	})
}

func TestAProcessWithAnOldAnswer(t *testing.T) {
	t.Parallel()
	eachPair(t, bunstore.Placement{CacheFor: 20 * time.Second, Patience: time.Millisecond}, func(t *testing.T, p *pair) {
		ctx := t.Context()
		write := func(store *bunstore.Store, key string) {
			t.Helper()
			if err := put(ctx, store, p.ws, key); err != nil {
				t.Fatal(err)
			}
		}
		write(p.Store, "1")
		write(p.second, "2") // it knows the place for a while now
		moving := make(chan error, 1)
		go func() {
			_, err := p.Move(ctx, p.ws, west)
			moving <- err
		}()
		for home := (bunstore.Home{}); home.State != bunstore.MoveCopying; {
			var err error
			if home, err = p.Home(ctx, p.ws); err != nil {
				t.Fatal(err)
			}
		}
		write(p.second, "3")              // the copy does not disturb it
		p.clock.Advance(23 * time.Second) // the move need not wait for caches any longer, and still has its lease
		if err := <-moving; err != nil {
			t.Fatal(err)
		}
		// A clock that stood still, or a process that was stopped.
		p.second.Remember(p.ws, east)
		write(p.second, "4")
		p.wantGone(t, east, p.ws)
		there, err := (notes{p.Store}).All(ctx, p.ws)
		if err != nil || len(there) != 4 {
			t.Errorf("there are %v, %v", there, err)
		}
		t.Run("is refused within a transaction of the old place", func(t *testing.T) {
			p.second.Remember(p.ws, east)
			err := p.second.InShard(ctx, east, func(ctx context.Context) error {
				return p.second.InTx(ctx, p.ws, func(context.Context) error {
					t.Error("fn ran")
					return nil
				})
			})
			wantCode(t, err, engage.Unavailable)
			p.second.Remember(p.ws, east)
			err = p.second.InShard(ctx, east, func(ctx context.Context) error {
				return (notes{p.second}).Put(ctx, p.ws, "5", "v")
			})
			wantCode(t, err, engage.Unavailable)
		})
		t.Run("is refused within a transaction of the host", func(t *testing.T) {
			p.second.Remember(p.ws, east)
			tx, err := p.databases[east].Write.BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback() //nolint:errcheck // nothing was written
			_, err = p.second.InHostTx(ctx, p.ws, tx, func(context.Context) error {
				t.Error("fn ran")
				return nil
			})
			wantCode(t, err, engage.Unavailable)
		})
	})
}

// TestPlacementBudget holds what a transaction pays for its place: the look at
// the fence, of two statements on PostgreSQL. The directory is asked once.
func TestPlacementBudget(t *testing.T) {
	t.Parallel()
	eachPair(t, bunstore.Placement{CacheFor: time.Hour}, func(t *testing.T, p *pair) {
		want := testkit.Statements{Work: 1, Control: 2}
		if p.Dialect() == bunstore.PostgreSQL {
			want.Work = 2
		}
		for range 2 { // the first settles it, and reads who has left
			for _, db := range p.databases {
				db.Count.Reset()
			}
			check(t, p.InTx(t.Context(), p.ws, func(context.Context) error { return nil }))
		}
		if got := p.databases[east].Count.Tally().Statements; got != want {
			t.Errorf("a transaction takes %+v statements, want %+v:\n%q", got, want, p.databases[east].Count.Statements())
		}
	})
}
