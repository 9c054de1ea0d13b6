package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/watermillbus"
)

// movesPoints are the statements of a move before which a child kills itself.
var movesPoints = []string{
	"INSERT INTO engage_moving", "CREATE TABLE IF NOT EXISTS engage_moving", "DROP TABLE IF EXISTS engage_moving", "UPDATE engage_placements",
	"INSERT INTO engage_fenced", "UPDATE engage_fenced", "DELETE FROM crashlab_notes", "INSERT INTO crashlab_notes", "UPDATE engage_fence SET",
	"INSERT INTO engage_stays", "COMMIT",
}

// noted is the event that a note was put.
type noted struct {
	Key string `json:"key"`
}

func (noted) EventName() string        { return "crashlab.noted.v1" }
func (noted) EventSubject() engage.Ref { return engage.Ref{Type: "note"} }

// movesDDL are a table of what is written, and one of what the consumer made of
// it, a row each time.
var movesDDL = map[string][]string{
	"sqlite": {
		"CREATE TABLE IF NOT EXISTS crashlab_notes (workspace_id BLOB NOT NULL, note_key TEXT NOT NULL, PRIMARY KEY (workspace_id, note_key))",
		"CREATE TABLE IF NOT EXISTS crashlab_effects (workspace_id BLOB NOT NULL, id BLOB NOT NULL, note_key TEXT NOT NULL, PRIMARY KEY (workspace_id, id))",
	},
	"postgres": {
		`CREATE TABLE IF NOT EXISTS crashlab_notes (workspace_id uuid NOT NULL, note_key text COLLATE "C" NOT NULL, PRIMARY KEY (workspace_id, note_key))`,
		"CREATE TABLE IF NOT EXISTS crashlab_effects (workspace_id uuid NOT NULL, id uuid NOT NULL, note_key text NOT NULL, PRIMARY KEY (workspace_id, id))",
	},
	"mysql": {
		"CREATE TABLE IF NOT EXISTS crashlab_notes (workspace_id BINARY(16) NOT NULL, note_key VARBINARY(255) NOT NULL, PRIMARY KEY (workspace_id, note_key)) ENGINE=InnoDB",
		"CREATE TABLE IF NOT EXISTS crashlab_effects (workspace_id BINARY(16) NOT NULL, id BINARY(16) NOT NULL, note_key VARBINARY(255) NOT NULL, PRIMARY KEY (workspace_id, id)) ENGINE=InnoDB",
	},
}

// moves is a child's store on two databases.
type moves struct {
	*bunstore.Store

	consumers *watermillbus.Consumers
	pools     map[engage.Shard]*bun.DB
	ids       engage.IDSource
	closers   []func() error
}

// openMoves opens the database of the DSN and another one beside it.
func openMoves(ctx context.Context, c childConfig) (*moves, error) {
	m := &moves{pools: map[engage.Shard]*bun.DB{}, ids: engage.NewIDSource(engage.SystemClock{}, nil)}
	cfg := bunstore.Config{Placement: &bunstore.Placement{
		Directory: "east", CacheFor: 20 * time.Millisecond, MoveLease: time.Second, Patience: time.Minute,
		Tables: []string{"crashlab_notes", "crashlab_effects"},
	}}
	for _, shard := range []engage.Shard{"east", "west"} {
		write, read, err := m.open(ctx, c, shard)
		if err != nil {
			return nil, err
		}
		m.pools[shard] = write
		cfg.More = append(cfg.More, bunstore.Database{Shard: shard, Write: write, Read: read})
	}
	var err error
	if m.Store, err = bunstore.Open(ctx, cfg); err != nil {
		return nil, err
	}
	if err := m.Migrate(ctx); err != nil {
		return nil, err
	}
	for _, pool := range m.pools {
		for _, statement := range movesDDL[c.Store] {
			if _, err := pool.ExecContext(ctx, statement); err != nil {
				return nil, err
			}
		}
	}
	consumer := engage.NewConsumer("crashlab")
	engage.On(consumer, m.count)
	m.consumers, err = watermillbus.NewConsumers(watermillbus.Config{Tx: m, Log: m.Log(), Lease: 500 * time.Millisecond}, consumer)
	return m, err
}

// open opens a pool for writing and one for reading.
func (m *moves) open(ctx context.Context, c childConfig, shard engage.Shard) (write, read *bun.DB, err error) {
	pool := func(driver, dsn string, conns int) (*sql.DB, error) {
		db, err := sql.Open(driver, dsn)
		if err == nil {
			db.SetMaxOpenConns(conns)
			m.closers = append(m.closers, db.Close)
		}
		return db, err
	}
	create := func(driver, dsn, statement string) error {
		db, err := sql.Open(driver, dsn)
		if err != nil {
			return err
		}
		_, err = db.ExecContext(ctx, statement)
		return errors.Join(err, db.Close())
	}
	beside := shard == "west"
	switch c.Store {
	case "postgres":
		dsn := c.DSN
		if _, schema, _ := strings.Cut(dsn, "search_path="); beside {
			if err := create("pgx", dsn, "CREATE SCHEMA IF NOT EXISTS "+schema+"_west"); err != nil {
				return nil, nil, err
			}
			dsn += "_west"
		}
		db, err := pool("pgx", dsn+"&default_query_exec_mode=exec", 5)
		if err != nil {
			return nil, nil, err
		}
		write = bun.NewDB(db, pgdialect.New())
		return write, write, nil
	case "mysql":
		conf, err := mysql.ParseDSN(c.DSN)
		if err != nil {
			return nil, nil, err
		}
		if beside {
			if err := create("mysql", c.DSN, "CREATE DATABASE IF NOT EXISTS "+conf.DBName+"_west"); err != nil {
				return nil, nil, err
			}
			conf.DBName += "_west"
		}
		conf.ClientFoundRows = true
		if err := conf.Apply(mysql.Charset("utf8mb4", "")); err != nil {
			return nil, nil, err
		}
		db, err := pool("mysql", conf.FormatDSN(), 5)
		if err != nil {
			return nil, nil, err
		}
		write = bun.NewDB(db, mysqldialect.New())
		return write, write, nil
	}
	dsn := "file:" + c.DSN + "." + string(shard) + "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)"
	writer, err := pool("sqlite", dsn+"&_txlock=immediate", 1)
	if err == nil {
		err = writer.PingContext(ctx) // makes the file, which readers may not
	}
	if err != nil {
		return nil, nil, err
	}
	reader, err := pool("sqlite", dsn+"&_pragma=query_only(1)", 8)
	return bun.NewDB(writer, sqlitedialect.New()), bun.NewDB(reader, sqlitedialect.New()), err
}

func (m *moves) close() (err error) {
	for _, end := range m.closers {
		err = errors.Join(err, end())
	}
	return err
}

// count is the consumer's handler.
func (m *moves) count(ctx context.Context, ws engage.WorkspaceID, events []engage.Received[noted]) error {
	return m.InTx(ctx, ws, func(ctx context.Context) error {
		db, err := m.Write(ctx, ws)
		if err != nil {
			return err
		}
		for _, e := range events {
			_, err := db.NewRaw("INSERT INTO crashlab_effects (workspace_id, id, note_key) VALUES (?, ?, ?)",
				bunstore.UID(ws), bunstore.UID(m.ids.NewID()), e.Payload.Key).Exec(ctx)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// put writes a note with its event.
func (m *moves) put(ctx context.Context, ws engage.WorkspaceID, key string) error {
	return m.InTx(ctx, ws, func(ctx context.Context) error {
		db, err := m.Write(ctx, ws)
		if err != nil {
			return err
		}
		if _, err := db.NewRaw("INSERT INTO crashlab_notes (workspace_id, note_key) VALUES (?, ?)", bunstore.UID(ws), key).Exec(ctx); err != nil {
			return err
		}
		return m.Publish(ctx, ws, noted{key})
	})
}

// movesChild has two writers put notes into three workspaces, which it moves from
// one database to the other and back, and acknowledges each note after its
// commit.
func movesChild(ctx context.Context, c childConfig) error {
	m, err := openMoves(ctx, c)
	if err != nil {
		return err
	}
	if c.Drain {
		fmt.Println("draining")
		return errors.Join(m.drain(ctx), m.close())
	}
	random := rand.New(rand.NewPCG(c.Seed, 1)) //nolint:gosec // a script, not a secret
	if c.Point != "" {
		b := &bomb{point: movesPoints[random.IntN(len(movesPoints))]}
		b.left.Store(int64(c.Nth))
		for _, pool := range m.pools {
			pool.AddQueryHook(b) //nolint:staticcheck // WithQueryHook answers another DB than the store stands on
		}
	}
	for _, worker := range append(m.Workers(), m.consumers.Workers()...) {
		go func() { _ = worker.Run(ctx) }()
	}
	m.OnSequenced(m.consumers.Poke)
	go func() {
		for n := 0; ; n++ {
			_, _ = m.ResumeMoves(ctx) // a dead child's may still be leased
			_, _ = m.Move(ctx, workspaces[n%len(workspaces)], []engage.Shard{"east", "west"}[(n/len(workspaces)+n%len(workspaces))%2])
		}
	}()
	failed := make(chan error)
	fmt.Println("working")
	for writer := range 2 {
		go func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("%x-%d-%d", c.Seed, writer, n)
				switch err := m.put(ctx, workspaces[n%len(workspaces)], key); {
				case err == nil:
					fmt.Println(key)
					<-time.After(5 * time.Millisecond) // the consumer must keep up, or no move ends
				case !errors.Is(err, engage.ErrUnavailable):
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

// drain ends the moves and consumes what is in the logs.
func (m *moves) drain(ctx context.Context) error {
	for {
		if _, err := m.Sequence(ctx); err != nil {
			return err
		}
		if _, err := m.consumers.Step(ctx); err != nil {
			return err
		}
		resumed := make(chan error, 1)
		go func() {
			_, err := m.ResumeMoves(ctx)
			resumed <- err
		}()
		for over := false; !over; {
			select {
			case err := <-resumed:
				if err != nil {
					return err
				}
				over = true
			case <-time.After(10 * time.Millisecond): // a move waits for the consumers
				if _, err := m.consumers.Step(ctx); err != nil {
					return err
				}
			}
		}
		left := int64(0)
		for shard := range m.pools {
			backlog, err := m.Log().Backlog(ctx, shard, "crashlab")
			if err != nil {
				return err
			}
			left += backlog.Slices + backlog.Parked
		}
		for _, ws := range workspaces {
			home, err := m.Home(ctx, ws)
			if err != nil {
				return err
			}
			if home.State != bunstore.MoveNone {
				left++
			}
		}
		if left == 0 {
			return nil
		}
	}
}

// movesCheck compares what was acknowledged, which notes there are at each
// workspace's home, what is left elsewhere, and what the consumer made of the
// events.
func movesCheck(ctx context.Context, c childConfig, acknowledged []string) (found result, err error) {
	m, err := openMoves(ctx, c)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, m.discard(ctx, c), m.close()) }()
	notes, effects := map[string]int{}, map[string]int{}
	for _, ws := range workspaces {
		home, err := m.Home(ctx, ws)
		if err != nil {
			return found, err
		}
		for shard, pool := range m.pools {
			for table, counts := range map[string]map[string]int{"crashlab_notes": notes, "crashlab_effects": effects} {
				var keys []string
				if err := pool.NewRaw("SELECT note_key FROM "+table+" WHERE workspace_id = ?", bunstore.UID(ws)).Scan(ctx, &keys); err != nil {
					return found, err
				}
				for _, key := range keys {
					counts[key]++
				}
				if shard != home.Shard && len(keys) > 0 {
					found.Violations = append(found.Violations, fmt.Sprintf("%d rows of %s are left on %s", len(keys), table, shard))
				}
			}
		}
		found.Moves += home.Version - 1
	}
	for _, key := range acknowledged {
		if notes[key] == 0 {
			found.Lost++
		}
	}
	found.Unknown = len(notes) - (len(acknowledged) - found.Lost)
	for key, n := range notes {
		found.Duplicated += n - 1
		switch e := effects[key]; {
		case e == 0:
			found.Violations = append(found.Violations, "a change without its event: "+key)
		case e > 1:
			found.Duplicated += e - 1
		}
		delete(effects, key)
	}
	for key := range effects {
		found.Violations = append(found.Violations, "an event without its change: "+key)
	}
	return found, nil
}

// discard drops the second database; the lab drops the first.
func (m *moves) discard(ctx context.Context, c childConfig) error {
	statement := map[string]string{"postgres": "DROP SCHEMA ", "mysql": "DROP DATABASE "}[c.Store]
	if statement == "" {
		return nil
	}
	var name string
	query := map[string]string{"postgres": "SELECT current_schema()", "mysql": "SELECT DATABASE()"}[c.Store]
	if err := m.pools["west"].QueryRowContext(ctx, query).Scan(&name); err != nil {
		return err
	}
	if c.Store == "postgres" {
		name += " CASCADE"
	}
	_, err := m.pools["west"].ExecContext(ctx, statement+name)
	return err
}
