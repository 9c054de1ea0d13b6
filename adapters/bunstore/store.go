package bunstore

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// Config says which databases a store works on. Write is required unless More
// names the databases; everything else has a default.
type Config struct {
	// Write is the pool for transactions. On SQLite it holds one connection
	// with _txlock=immediate.
	Write *bun.DB
	// Read is the pool for reads outside transactions; nil: Write.
	Read *bun.DB
	// Shard is the name of that database; "": engage.DefaultShard.
	Shard engage.Shard
	// More are further databases, of the same dialect. With them, Resolve or
	// Placement is required.
	More []Database
	// Resolve answers the database that a workspace lives on, for hosts that know
	// it and never change it. It is called often and should answer from memory.
	// nil, without a Placement: every workspace is on Shard.
	Resolve func(ctx context.Context, ws engage.WorkspaceID) (engage.Shard, error)
	// Placement keeps the places of workspaces in a table instead, and lets them
	// move. nil: they stay where Resolve says.
	Placement *Placement

	// Owner is the pool that Migrate and Move make tables with. nil: Write.
	Owner *bun.DB
	// RowSecurity has PostgreSQL itself show a transaction of InTx, and a read
	// with Store.Read, the rows of its workspace alone, also to statements that
	// forget to ask for them. Workers and consumers, which InShard pins to a
	// database, and the …Across ports still see all of it. Migrate makes the
	// policies, as Owner; the other pools connect as a role that owns no tables
	// and that policies bind, which Open verifies.
	//
	// It costs a statement a transaction and three a read outside of any, which
	// becomes a read-only transaction. It guards against mistakes, not against
	// hostile SQL, which could set the workspace as the store does.
	RowSecurity bool

	// Schema is the PostgreSQL schema that the tables are in. It must be the
	// first of the search_path of every connection, which Open verifies. "":
	// whichever is first.
	Schema string
	// UnsafeNormalSync accepts databases that may lose the last acknowledged
	// commits in a power failure: synchronous=NORMAL on SQLite,
	// synchronous_commit=off on PostgreSQL, innodb_flush_log_at_trx_commit other
	// than 1 on MariaDB.
	UnsafeNormalSync bool

	Clock  engage.Clock    // nil: engage.SystemClock
	IDs    engage.IDSource // nil: engage.NewIDSource(Clock, nil)
	Arrays ArrayBinder     // nil: literals, which every driver and pooler takes
	Log    *slog.Logger    // nil: discards
}

// Database is one of several databases of a store.
type Database struct {
	Shard engage.Shard
	Write *bun.DB
	Read  *bun.DB // nil: Write
	Owner *bun.DB // as Config.Owner; nil: Write
}

// Store is the SQL kernel over a host's databases. It is safe for concurrent
// use; it does not close the host's pools.
type Store struct {
	dialect   Dialect
	databases map[engage.Shard]*database
	shards    []engage.Shard
	only      *database // of an installation with one
	resolve   func(ctx context.Context, ws engage.WorkspaceID) (engage.Shard, error)
	placer    *placer // nil without a Placement
	schema    string
	secured   bool // by row-level security

	clock  engage.Clock
	ids    engage.IDSource
	arrays ArrayBinder
	log    *slog.Logger

	sequencer *engage.Loop
	laneTurns laneTurns
	pruner    *engage.Loop
	mover     *engage.Loop              // nil without a Placement
	looked    atomic.Pointer[time.Time] // when the mover did last

	wakeM sync.Mutex
	wakes []func()

	known   sync.Map // cursorSet: the consumers whose cursors exist
	pruning pruning
}

type database struct {
	shard     engage.Shard
	write     *bun.DB
	read      *bun.DB
	owner     *bun.DB
	reads     *conn // guards read
	polls     *conn // for workers that look for work outside a transaction
	txOptions *sql.TxOptions
	spoils    bool // a statement that fails spoils its transaction, up to a savepoint
	fences    atomic.Pointer[fences]
}

var (
	_ engage.Transactor = (*Store)(nil)
	_ engage.Publisher  = (*Store)(nil)
)

// Open makes a store of a host's pools and checks, on as many connections as
// the pools may hold, that they are set up as the suite needs them; the package
// comment has the list. It reports all faults at once, as an ErrInvalid whose
// fields name the pool and the setting. It changes nothing in the databases.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	const op = "bunstore.Open"
	databases := cfg.More
	if cfg.Write != nil {
		if cfg.Shard == "" {
			cfg.Shard = engage.DefaultShard
		}
		databases = slices.Insert(slices.Clone(databases), 0, Database{Shard: cfg.Shard, Write: cfg.Write, Read: cfg.Read, Owner: cfg.Owner})
	}
	s := newStore(cfg)
	var faults engage.Faults
	if len(databases) == 0 {
		faults.Add("write", "required", "a *bun.DB is required")
	}
	if len(databases) > 1 && cfg.Resolve == nil && cfg.Placement == nil {
		faults.Add("resolve", "required", "with more than one database, Resolve or Placement says which is a workspace's")
	}
	for i, given := range databases {
		path := fmt.Sprintf("databases[%d]", i)
		if d := s.add(path, given, &faults); d != nil {
			if err := s.check(ctx, path, d, cfg, &faults); err != nil {
				return nil, MapError(ctx, op, string(given.Shard), err)
			}
		}
	}
	s.place(cfg, &faults)
	if err := faults.Err(op, ""); err != nil {
		return nil, err
	}
	if len(s.shards) == 1 && cfg.Resolve == nil && cfg.Placement == nil {
		s.only = s.databases[s.shards[0]]
	}
	return s, nil
}

func newStore(cfg Config) *Store {
	s := &Store{
		databases: map[engage.Shard]*database{}, resolve: cfg.Resolve, schema: cfg.Schema, secured: cfg.RowSecurity,
		clock: cfg.Clock, ids: cfg.IDs, arrays: cfg.Arrays, log: cfg.Log,
	}
	if s.clock == nil {
		s.clock = engage.SystemClock{}
	}
	if s.ids == nil {
		s.ids = engage.NewIDSource(s.clock, nil)
	}
	if s.arrays == nil {
		s.arrays = ArrayLiterals{}
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.sequencer = engage.NewLoop("bunstore.sequencer", s.log, s.Sequence)
	s.pruner = engage.NewLoop("bunstore.pruner", s.log, s.pruneStep)
	return s
}

// add takes a database in, or notes what is wrong with its value and answers
// nil.
func (s *Store) add(path string, given Database, faults *engage.Faults) *database {
	switch {
	case given.Shard == "":
		faults.Add(path+".shard", "required", "every database has a name")
		return nil
	case given.Write == nil:
		faults.Add(path+".write", "required", "a *bun.DB is required")
		return nil
	case s.databases[given.Shard] != nil:
		faults.Add(path+".shard", "duplicate", "%q is named twice", given.Shard)
		return nil
	}
	if given.Read == nil {
		given.Read = given.Write
	}
	if given.Owner == nil {
		given.Owner = given.Write
	}
	dialect := DialectOf(given.Write)
	switch {
	case dialect == "":
		faults.Add(path+".write", "unsupported", "the dialect %s is not supported", given.Write.Dialect().Name())
		return nil
	case DialectOf(given.Read) != dialect:
		faults.Add(path+".read", "mismatch", "Read and Write speak different dialects")
		return nil
	case s.secured && dialect != PostgreSQL:
		faults.Add("row_security", "unsupported", "only PostgreSQL has row-level security")
		return nil
	case s.dialect != "" && s.dialect != dialect:
		faults.Add(path+".write", "mismatch", "all databases of a store speak one dialect")
		return nil
	}
	s.dialect = dialect
	d := &database{shard: given.Shard, write: given.Write, read: given.Read, owner: given.Owner, reads: connOfPool(given.Read), spoils: dialect == PostgreSQL}
	d.polls = connOfPool(given.Write) // a replica may lag
	if s.secured {
		d.reads, d.polls = confinedConn(given.Read, engage.WorkspaceID{}), confinedConn(given.Write, engage.WorkspaceID{})
	}
	if dialect == SQLite {
		d.polls = d.reads // the writer's only connection is for writing
	} else {
		d.txOptions = &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	}
	s.databases[given.Shard] = d
	s.shards = append(s.shards, given.Shard)
	slices.Sort(s.shards)
	return d
}

// Workers are the store's background work: the sequencer, which makes what was
// published readable (SQLite needs none), the pruner, and with a Placement the
// mover, which finishes moves whose process died. Run them in at least one
// process.
func (s *Store) Workers() []engage.Worker {
	var workers []engage.Worker
	if s.dialect != SQLite {
		workers = append(workers, s.sequencer)
	}
	workers = append(workers, s.pruner)
	if s.placer != nil {
		workers = append(workers, s.mover)
	}
	return workers
}

// Shards implements engage.Transactor.
func (s *Store) Shards(context.Context) ([]engage.Shard, error) { return slices.Clone(s.shards), nil }

func (s *Store) shard(shard engage.Shard) (*database, error) {
	if d := s.databases[shard]; d != nil {
		return d, nil
	}
	return nil, &engage.Error{
		Code: engage.NotFound, Op: "bunstore", Entity: fmt.Sprintf("shard %q", shard),
	}
}

// databaseOf answers the database of a workspace; a write places one that is new.
func (s *Store) databaseOf(ctx context.Context, ws engage.WorkspaceID, write bool) (*database, error) {
	if ws.IsZero() {
		var faults engage.Faults
		faults.Add("workspace", "required", "a workspace is required")
		return nil, faults.Err("bunstore", "")
	}
	switch {
	case s.only != nil:
		return s.only, nil
	case s.placer != nil:
		return s.placer.database(ctx, ws, write)
	}
	shard, err := s.resolve(ctx, ws)
	if err != nil {
		return nil, err
	}
	return s.shard(shard)
}
