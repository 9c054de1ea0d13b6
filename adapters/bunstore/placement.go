package bunstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// What a Placement's zero fields mean.
const (
	DefaultCacheFor  = 30 * time.Second // a read looks at the directory once per workspace and this long
	DefaultCacheSize = 1 << 16          // workspaces, twice at most
	DefaultPatience  = 10 * time.Second // a large workspace is paused for longer
	DefaultMoveLease = 30 * time.Second
)

// Placement keeps, in a table of one of the databases, which database each
// workspace is on, so that workspaces can be moved while they are in use.
//
// A process asks the directory once per workspace and CacheFor. It is never the
// cache that keeps a write from the wrong place: every transaction reads, in its
// own database and under a lock that a move waits for, which workspaces have
// left it. One that comes to the old place with an outdated cache has done
// nothing there; InTx asks the directory again and goes on at the new place.
// A read outside a transaction may look at the old place until the move begins
// its switch, and not any more then: a workspace that is about to move is not
// cached, and the switch comes CacheFor after that was announced.
//
// Its price is a statement a transaction (two on PostgreSQL), and one a
// workspace and CacheFor. A store without a Placement pays nothing.
type Placement struct {
	// Directory is the database with the table. "": engage.DefaultShard.
	Directory engage.Shard
	// Default is where a workspace is that the directory does not know. Its first
	// write puts it there for good, unless Choose says otherwise.
	// "": Directory.
	Default engage.Shard
	// Choose picks the database of a workspace at its first write. nil: Default.
	// LeastLoaded spreads them.
	Choose func(ctx context.Context, ws engage.WorkspaceID, loads []Load) (engage.Shard, error)

	CacheFor  time.Duration // 0: DefaultCacheFor
	CacheSize int           // workspaces; 0: DefaultCacheSize
	// Patience is how long InTx, and a read outside a transaction, wait for a
	// workspace that is being moved before they answer ErrUnavailable.
	// 0: DefaultPatience.
	Patience time.Duration
	// MoveLease is after how long without progress a move counts as abandoned,
	// and another process may go on with it. 0: DefaultMoveLease.
	MoveLease time.Duration

	// Drained is asked, when the consumers of the log have read a workspace's
	// slices of a database to its last position, whether those that a broker
	// feeds have taken them, too; it names one that has not, or answers "". nil:
	// there are none.
	Drained func(ctx context.Context, ws engage.WorkspaceID, shard engage.Shard, last engage.Position) (waiting string, err error)

	// Tables are the host's own tables that move and are erased with a
	// workspace. They are in every database, and their primary key holds
	// workspace_id. The suite's tables need not be named.
	Tables []string
}

// Load is how many workspaces a database has.
type Load struct {
	Shard      engage.Shard
	Workspaces int
}

// LeastLoaded is a Placement.Choose: the database with the fewest workspaces, of
// several the first by name.
func LeastLoaded(_ context.Context, _ engage.WorkspaceID, loads []Load) (engage.Shard, error) {
	return slices.MinFunc(loads, func(a, b Load) int { return cmp.Compare(a.Workspaces, b.Workspaces) }).Shard, nil
}

// Home is where a workspace is.
type Home struct {
	Shard   engage.Shard
	State   MoveState
	Other   engage.Shard // where it moves to; once State is MoveSwitched, where it came from
	Version int64        // counts its homes, from 1; 0: the directory does not know it
}

// placementRow is a line of the directory.
type placementRow struct {
	bun.BaseModel `bun:"table:engage_placements,alias:p"`

	Workspace UID       `bun:"workspace_id,pk"`
	Shard     Key       `bun:"shard"`
	State     MoveState `bun:"state"`
	Other     Key       `bun:"other"`
	Version   int64     `bun:"version"`
	ChangedAt Micros    `bun:"changed_at"`
}

func (r placementRow) home() Home {
	return Home{Shard: engage.Shard(r.Shard), State: r.State, Other: engage.Shard(r.Other), Version: r.Version}
}

// errMoving is the cause of the ErrUnavailable that a workspace on its way
// answers.
var errMoving = errors.New("the workspace is being moved to another database")

func moving(op string, ws engage.WorkspaceID) error {
	return &engage.Error{Code: engage.Unavailable, Op: op, Entity: ws.String(), Err: errMoving}
}

// placer resolves workspaces by a Placement.
type placer struct {
	Placement
	s     *Store
	cache homeCache
}

// place takes the store's Placement in, or notes what is wrong with it.
func (s *Store) place(cfg Config, faults *engage.Faults) {
	if cfg.Placement == nil {
		return
	}
	p := &placer{Placement: *cfg.Placement, s: s}
	p.Directory = cmp.Or(p.Directory, engage.DefaultShard)
	p.Default = cmp.Or(p.Default, p.Directory)
	p.CacheFor, p.Patience = cmp.Or(p.CacheFor, DefaultCacheFor), cmp.Or(p.Patience, DefaultPatience)
	p.MoveLease = cmp.Or(p.MoveLease, DefaultMoveLease)
	p.cache.size = cmp.Or(p.CacheSize, DefaultCacheSize)
	for _, named := range []struct {
		path  string
		shard engage.Shard
	}{{"directory", p.Directory}, {"default", p.Default}} {
		if s.databases[named.shard] == nil {
			faults.Add("placement."+named.path, "unknown", "there is no database %q", named.shard)
		}
	}
	if p.CacheFor < 0 || p.Patience < 0 || p.CacheSize < 0 || p.MoveLease < 0 {
		faults.Add("placement", "out_of_range", "CacheFor, CacheSize, Patience and MoveLease are not negative")
	}
	if cfg.Resolve != nil {
		faults.Add("resolve", "conflict", "Resolve and Placement exclude each other")
	}
	s.placer = p
	s.mover = engage.NewLoop("bunstore.mover", s.log, s.moverStep)
}

// Home answers where a workspace is, as the directory says now. Without a
// Placement it is what Resolve answers.
func (s *Store) Home(ctx context.Context, ws engage.WorkspaceID) (Home, error) {
	if err := engage.CheckCall("bunstore.Home", ws, 0); err != nil {
		return Home{}, err
	}
	if s.placer == nil {
		d, err := s.databaseOf(ctx, ws, false)
		if err != nil {
			return Home{}, err
		}
		return Home{Shard: d.shard, State: MoveNone}, nil
	}
	home, _, err := s.placer.look(ctx, ws)
	return home, err
}

// Place puts a new workspace on a database. A workspace that was written to is
// somewhere already, and so is one that was placed before: then it answers
// ErrAlreadyExists, unless it is there; Move moves it.
func (s *Store) Place(ctx context.Context, ws engage.WorkspaceID, shard engage.Shard) error {
	const op = "bunstore.Place"
	if err := engage.CheckCall(op, ws, 0); err != nil {
		return err
	}
	if s.placer == nil {
		return precondition(op, "the store has no Placement")
	}
	if _, err := s.shard(shard); err != nil {
		return err
	}
	home, err := s.placer.settle(ctx, ws, shard)
	if err == nil && home.Shard != shard {
		err = &engage.Error{Code: engage.AlreadyExists, Op: op, Entity: ws.String(), Err: errors.New("it is on " + string(home.Shard))}
	}
	return err
}

// database is the one that a call for ws works on: a write puts a new workspace
// somewhere.
func (p *placer) database(ctx context.Context, ws engage.WorkspaceID, write bool) (*database, error) {
	sc, within, _ := p.s.joined(ctx) // callers look at the error, after that of the workspace
	if within {
		if shard, ok := sc.t.placed[ws]; ok {
			return p.s.shard(shard)
		}
	}
	home, cached := p.cache.find(ws, p.s.clock.Now())
	if cached && within && home.Shard != sc.t.db.shard {
		cached = false // a worker of that database knows better than an old answer
	}
	if !cached {
		found, known, err := p.look(ctx, ws)
		if err == nil && !known && write && (!within || sc.l.workspace.IsZero()) {
			found, err = p.choose(ctx, ws)
		}
		if err != nil {
			return nil, err
		}
		home = found
	}
	if home.State.hidden() && (!within || sc.t.db.shard != home.Shard) {
		return nil, moving("bunstore", ws)
	}
	return p.s.shard(home.Shard)
}

// look reads the directory, and caches what is not about to change.
func (p *placer) look(ctx context.Context, ws engage.WorkspaceID) (home Home, known bool, err error) {
	now := p.s.clock.Now()
	var row placementRow
	err = p.connection(ctx).NewSelect().Model(&row).Where("workspace_id = ?", UID(ws)).Scan(ctx)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Home{Shard: p.Default, State: MoveNone}, false, nil
	case err != nil:
		return home, false, MapError(ctx, "bunstore.Home", ws.String(), err)
	}
	home = row.home()
	if home.State == MoveNone {
		p.cache.put(ws, home, now.Add(p.CacheFor))
	}
	return home, true, nil
}

// connection reads the directory: in the transaction in ctx if it is on that
// database, so that a pool is never asked for a second connection.
func (p *placer) connection(ctx context.Context) bun.IDB {
	d := p.s.databases[p.Directory]
	if sc, ok, err := p.s.joined(ctx); err == nil && ok && sc.t.db == d {
		return sc.conn()
	}
	return d.polls
}

// choose places a workspace at its first write.
func (p *placer) choose(ctx context.Context, ws engage.WorkspaceID) (Home, error) {
	shard := p.Default
	if p.Choose != nil {
		loads, err := p.loads(ctx)
		if err != nil {
			return Home{}, err
		}
		if shard, err = p.Choose(ctx, ws, loads); err != nil {
			return Home{}, err
		}
		if _, err := p.s.shard(shard); err != nil {
			return Home{}, err
		}
	}
	return p.settle(ctx, ws, shard)
}

// settle writes the first home of a workspace, unless it has one, and answers
// which it is. Within a transaction on the directory's database it is a part of
// that, and cached by nobody until the commit.
func (p *placer) settle(ctx context.Context, ws engage.WorkspaceID, shard engage.Shard) (Home, error) {
	row := placementRow{
		Workspace: UID(ws), Shard: Key(shard), State: MoveNone, Version: 1, ChangedAt: Micros(engage.Instant(p.s.clock.Now())),
	}
	insert := func(ctx context.Context, db bun.IDB) error {
		query := db.NewInsert().Model(&row).Returning("NULL")
		if p.s.dialect == MariaDB {
			query = query.On("DUPLICATE KEY UPDATE version = engage_placements.version")
		} else {
			query = query.On("CONFLICT DO NOTHING")
		}
		if _, err := query.Exec(ctx); err != nil {
			return MapError(ctx, "bunstore.Place", ws.String(), err)
		}
		return nil
	}
	if sc, ok, err := p.s.joined(ctx); err == nil && ok && sc.t.db.shard == p.Directory {
		db, err := sc.connection(ctx)
		if err != nil {
			return Home{}, err
		}
		if err := insert(ctx, db); err != nil {
			return Home{}, err
		}
		home, _, err := p.look(ctx, ws)
		p.cache.forget(ws)
		if sc.t.placed == nil {
			sc.t.placed = map[engage.WorkspaceID]engage.Shard{}
		}
		sc.t.placed[ws] = home.Shard
		return home, err
	}
	alone := context.WithValue(ctx, storeKey{p.s}, nil) // of another database than the transaction in ctx
	err := p.s.InShard(alone, p.Directory, func(ctx context.Context) error {
		db, err := p.s.WriteShard(ctx, p.Directory)
		if err != nil {
			return err
		}
		return insert(ctx, db)
	})
	if err != nil {
		return Home{}, err
	}
	home, _, err := p.look(alone, ws)
	return home, err
}

// loads counts the workspaces of every database, in the order of their names.
func (p *placer) loads(ctx context.Context) ([]Load, error) {
	var rows []struct {
		Shard      Key `bun:"shard"`
		Workspaces int `bun:"workspaces"`
	}
	err := p.connection(ctx).NewSelect().Model((*placementRow)(nil)).Column("shard").ColumnExpr("COUNT(*) AS workspaces").Group("shard").Scan(ctx, &rows)
	if err != nil {
		return nil, MapError(ctx, "bunstore.Place", "", err)
	}
	loads := make([]Load, len(p.s.shards))
	for i, shard := range p.s.shards {
		loads[i].Shard = shard
		for _, row := range rows {
			if engage.Shard(row.Shard) == shard {
				loads[i].Workspaces = row.Workspaces
			}
		}
	}
	return loads, nil
}

// patiently runs do again while it is refused because ws is on its way.
func (p *placer) patiently(ctx context.Context, do func() (refused bool, err error)) error {
	refused, err := do()
	if refused {
		refused, err = do() // it may have arrived long ago, and the cache did not know
	}
	if !refused {
		return err
	}
	deadline := time.NewTimer(p.Patience)
	defer deadline.Stop()
	for try := 0; refused; try++ {
		wait := time.NewTimer(time.Millisecond<<min(try, 6) + rand.N(4*time.Millisecond)) //nolint:gosec // jitter needs no secrecy
		select {
		case <-wait.C:
		case <-deadline.C:
			wait.Stop()
			return err
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		}
		refused, err = do()
	}
	return err
}

// homeCache keeps what the directory said for a while. It holds two generations
// of at most size workspaces; what was asked for since the last change of them
// stays.
type homeCache struct {
	mu       sync.Mutex
	size     int
	now, old map[engage.WorkspaceID]cachedHome
}

type cachedHome struct {
	Home
	until time.Time
}

func (c *homeCache) find(ws engage.WorkspaceID, now time.Time) (Home, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.now[ws]
	if !ok {
		if found, ok = c.old[ws]; ok {
			c.keep(ws, found)
		}
	}
	return found.Home, ok && now.Before(found.until)
}

func (c *homeCache) put(ws engage.WorkspaceID, home Home, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(ws, cachedHome{home, until})
}

func (c *homeCache) keep(ws engage.WorkspaceID, home cachedHome) {
	if c.now == nil || len(c.now) >= c.size {
		c.now, c.old = map[engage.WorkspaceID]cachedHome{}, c.now
	}
	c.now[ws] = home
}

func (c *homeCache) forget(ws engage.WorkspaceID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.now, ws)
	delete(c.old, ws)
}
