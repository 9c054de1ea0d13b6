package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// maxReruns is how often the outermost function runs again after a conflict.
const maxReruns = 3

// commitTimeout is how long a COMMIT may go without an answer, which the end of
// the caller's ctx does not cut short: above the slowest flush of a busy disk.
const commitTimeout = 30 * time.Second

// tx is one transaction of a database.
type tx struct {
	db     *database
	ctx    context.Context // of the outermost call: it outlives those of nested ones
	conn   *conn
	cur    *level
	levels int
	doomed error // the conflict after which nothing of it may commit
	over   bool
	hosts  bool // the host began it, and will end it

	fences *fences                             // of the database; nil: not read yet
	placed map[engage.WorkspaceID]engage.Shard // for the first time, by this transaction

	events []pending
	hooks  []func()
}

// level is one call of InTx or InShard within a transaction.
type level struct {
	parent    *level
	workspace engage.WorkspaceID // zero: pinned to the database alone
	savepoint string             // "" at the outermost
	opened    bool               // the savepoint exists
	over      bool
	events    int // lengths when it began: what follows is undone with it
	hooks     int
}

type scope struct {
	t *tx
	l *level
}

type (
	storeKey     struct{ s *Store } // the transaction of one store
	innermostKey struct{}           // the transaction that a statement's error belongs to
)

func (s *Store) enter(ctx context.Context, t *tx, l *level) context.Context {
	return context.WithValue(context.WithValue(ctx, storeKey{s}, scope{t, l}), innermostKey{}, t)
}

func innermost(ctx context.Context) *tx {
	t, _ := ctx.Value(innermostKey{}).(*tx)
	return t
}

// joined answers the scope that ctx is in, if any. The ctx of a transaction or a
// nested call that is over answers ErrFailedPrecondition.
func (s *Store) joined(ctx context.Context) (scope, bool, error) {
	sc, ok := ctx.Value(storeKey{s}).(scope)
	if !ok {
		return scope{}, false, nil
	}
	if sc.t.over || sc.l.over {
		return scope{}, false, &engage.Error{Code: engage.FailedPrecondition, Op: "bunstore", Err: errNotInTx}
	}
	return sc, true, nil
}

// note dooms the transaction when err is a conflict.
func (t *tx) note(err error) {
	if t.doomed == nil && isConflict(err) {
		t.doomed = err
	}
}

// InTx implements engage.Transactor.
func (s *Store) InTx(ctx context.Context, ws engage.WorkspaceID, fn func(ctx context.Context) error) error {
	const op = "bunstore.InTx"
	sc, ok, err := s.joined(ctx)
	if err == nil && !ok && s.placer != nil {
		return s.beginAtHome(ctx, ws, fn)
	}
	d, fault := s.databaseOf(ctx, ws, true)
	switch {
	case fault != nil:
		return fault
	case err != nil:
		return err
	case !ok:
		return s.begin(ctx, d, ws, fn)
	case !sc.l.workspace.IsZero() && sc.l.workspace != ws:
		return precondition(op, "the transaction is another workspace's")
	case sc.t.db != d:
		return precondition(op, "the transaction is on another database")
	case sc.l.workspace.IsZero():
		if err := s.admit(ctx, sc.t, ws, false); err != nil {
			return err
		}
	}
	return s.nest(ctx, sc, ws, fn)
}

// beginAtHome begins on the database that the workspace is on. Where it is no
// longer, fn has not run when the transaction finds out, and the directory is
// asked again.
func (s *Store) beginAtHome(ctx context.Context, ws engage.WorkspaceID, fn func(ctx context.Context) error) error {
	return s.placer.patiently(ctx, func() (refused bool, err error) {
		ran := false
		d, err := s.databaseOf(ctx, ws, true)
		if err == nil {
			err = s.begin(ctx, d, ws, func(ctx context.Context) error {
				ran = true
				return fn(ctx)
			})
		}
		return !ran && errors.Is(err, errMoving), err
	})
}

// whenSettled runs do, again while the workspace it asks for is on its way.
// Within a transaction it does not wait: others may wait for that.
func (s *Store) whenSettled(ctx context.Context, do func() error) error {
	if s.placer == nil || innermost(ctx) != nil {
		return do()
	}
	return s.placer.patiently(ctx, func() (refused bool, err error) {
		err = do()
		return errors.Is(err, errMoving), err
	})
}

// InShard implements engage.Transactor.
func (s *Store) InShard(ctx context.Context, shard engage.Shard, fn func(ctx context.Context) error) error {
	const op = "bunstore.InShard"
	d, err := s.shard(shard)
	if err != nil {
		return err
	}
	sc, ok, err := s.joined(ctx)
	switch {
	case err != nil:
		return err
	case !ok:
		return s.begin(ctx, d, engage.WorkspaceID{}, fn)
	case !sc.l.workspace.IsZero():
		return precondition(op, "the transaction is pinned to a workspace")
	case sc.t.db != d:
		return precondition(op, "the transaction is on another database")
	}
	return s.nest(ctx, sc, engage.WorkspaceID{}, fn)
}

// AfterCommit implements engage.Transactor.
func (s *Store) AfterCommit(ctx context.Context, fn func()) error {
	sc, ok, err := s.joined(ctx)
	if err != nil {
		return err
	}
	if !ok {
		return precondition("bunstore.AfterCommit", "no transaction")
	}
	sc.t.hooks = append(sc.t.hooks, fn)
	return nil
}

// begin runs fn in a transaction of ours, again after a conflict.
func (s *Store) begin(ctx context.Context, d *database, ws engage.WorkspaceID, fn func(ctx context.Context) error) error {
	for rerun := 0; ; rerun++ {
		again, err := s.once(ctx, d, ws, fn)
		if !again || ctx.Err() != nil {
			return err
		}
		if rerun == maxReruns {
			return unavailable("bunstore.InTx", fmt.Errorf("given up after %d attempts: %w", rerun+1, err))
		}
		if err := pause(ctx, rerun); err != nil {
			return err
		}
	}
}

// pause lets the transaction that won a conflict finish: up to 2, 4, 8 ms.
func pause(ctx context.Context, rerun int) error {
	timer := time.NewTimer(rand.N(2 * time.Millisecond << rerun)) //nolint:gosec // jitter needs no secrecy
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// once is one attempt; again says that a conflict ended it.
func (s *Store) once(ctx context.Context, d *database, ws engage.WorkspaceID, fn func(ctx context.Context) error) (again bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	// The end of ctx ends the transaction until its COMMIT. One that is cut off on
	// its way would leave nobody knowing whether it happened.
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	mayCommit := context.AfterFunc(ctx, end)
	defer mayCommit()
	btx, err := d.write.BeginTx(running, d.txOptions)
	if err != nil && ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		return isConflict(err), MapError(ctx, "bunstore.InTx", "", err)
	}
	t := &tx{db: d, ctx: ctx}
	t.conn = &conn{IDB: btx, gen: d.write.QueryGen(), direct: btx, guard: guard{raw: btx.Tx, t: t}}
	t.cur = &level{workspace: ws}
	committed := false
	defer func() {
		t.over = true
		if !committed {
			_ = btx.Rollback()
		}
	}()

	if s.secured {
		if err := confine(ctx, t.conn.direct, ws); err != nil {
			return isConflict(err), MapError(ctx, "bunstore.InTx", "", err)
		}
	}
	if !ws.IsZero() {
		err = s.admit(ctx, t, ws, true)
	}
	if err == nil {
		err = fn(s.enter(ctx, t, t.cur))
	}
	t.note(err)
	if err == nil && t.doomed == nil {
		err = s.flush(ctx, t)
		t.note(err)
	}
	if t.doomed != nil && err == nil {
		err = unavailable("bunstore.InTx", t.doomed)
	}
	if err != nil {
		return t.doomed != nil, err
	}
	if !mayCommit() {
		return false, ctx.Err()
	}
	defer time.AfterFunc(commitTimeout, end).Stop()
	if err := btx.Commit(); err != nil {
		if running.Err() != nil {
			return false, unavailable("bunstore.InTx", fmt.Errorf("no answer to the commit in %s: %v", commitTimeout, err)) //nolint:errorlint // nobody cancelled
		}
		return isConflict(err), MapError(ctx, "bunstore.InTx", "commit", err)
	}
	committed, t.over = true, true
	for _, hook := range t.hooks {
		hook()
	}
	return false, nil
}

// nest runs fn within a transaction that is under way.
func (s *Store) nest(ctx context.Context, sc scope, ws engage.WorkspaceID, fn func(ctx context.Context) error) (err error) {
	t := sc.t
	t.levels++
	l := &level{
		parent: t.cur, workspace: ws, savepoint: fmt.Sprintf("engage_%d", t.levels),
		events: len(t.events), hooks: len(t.hooks),
	}
	t.cur = l
	succeeded := false
	defer func() {
		l.over, t.cur = true, l.parent
		if !succeeded {
			t.undo(l)
		}
	}()
	if err := fn(s.enter(ctx, t, l)); err != nil {
		t.note(err)
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := t.keep(l); err != nil {
		return MapError(ctx, "bunstore.InTx", "", err)
	}
	succeeded = true
	return nil
}

// keep ends the savepoint of a nested call that succeeded. A caller that owes
// one of its own takes this one over: nothing came before it that the caller
// would have to undo.
func (t *tx) keep(l *level) error {
	switch {
	case !l.opened:
		return nil
	case l.parent.savepoint != "" && !l.parent.opened:
		l.parent.savepoint, l.parent.opened = l.savepoint, true
		return nil
	}
	return t.control(t.ctx, "RELEASE SAVEPOINT "+l.savepoint)
}

// undo takes back what a nested call did. When the database can't, nothing of
// the transaction may commit.
func (t *tx) undo(l *level) {
	t.fences = nil // PostgreSQL gives the lock up that was taken behind the savepoint
	clear(t.events[l.events:])
	clear(t.hooks[l.hooks:])
	t.events, t.hooks = t.events[:l.events], t.hooks[:l.hooks]
	if !l.opened || t.doomed != nil || t.over {
		return
	}
	for _, query := range []string{"ROLLBACK TO SAVEPOINT ", "RELEASE SAVEPOINT "} {
		if err := t.control(t.ctx, query+l.savepoint); err != nil {
			t.doomed = err
			return
		}
	}
}

// open makes the savepoint that the current level still owes: before its first
// write, and on PostgreSQL before its first statement of any kind, because there
// one that fails, be it a read, spoils all that follow, up to a savepoint. The
// levels around it that owe one, too, take it over when it is kept.
func (t *tx) open(ctx context.Context) error {
	l := t.cur
	if l.savepoint == "" || l.opened {
		return nil
	}
	if err := t.control(ctx, "SAVEPOINT "+l.savepoint); err != nil {
		return MapError(ctx, "bunstore.InTx", "", err)
	}
	l.opened = true
	return nil
}

// control runs a statement about savepoints, which owes none itself.
func (t *tx) control(ctx context.Context, query string) error {
	if err := t.conn.guard.check(query); err != nil {
		return err
	}
	_, err := t.conn.direct.ExecContext(ctx, query)
	return t.conn.guard.note(err)
}

func precondition(op, why string) error {
	return &engage.Error{Code: engage.FailedPrecondition, Op: op, Err: errors.New(why)}
}

// InHostTx runs fn within a transaction that the host began and will end: tx is
// its bun.Tx or *sql.Tx on the database of ws. What fn writes and publishes is
// committed, or not, by the host. When fn fails or panics, its writes are undone
// and the host's transaction goes on.
//
// The events are written at the end of fn, since the host's commit is out of
// sight: the host should lock no further rows after it. The host calls committed
// after its commit, which runs the AfterCommit functions; one that forgets is
// served by the workers' next poll. Conflicts are not retried, they answer
// ErrUnavailable and the host must roll back.
func (s *Store) InHostTx(ctx context.Context, ws engage.WorkspaceID, hostTx any, fn func(ctx context.Context) error) (committed func(), err error) {
	const op = "bunstore.InHostTx"
	d, err := s.databaseOf(ctx, ws, true)
	if err != nil {
		return nil, err
	}
	t := &tx{db: d, ctx: ctx, hosts: true}
	switch host := hostTx.(type) {
	case bun.Tx:
		t.conn = &conn{IDB: host, gen: d.write.QueryGen(), direct: host, guard: guard{raw: host.Tx, t: t}}
	case *bun.Tx:
		t.conn = &conn{IDB: *host, gen: d.write.QueryGen(), direct: *host, guard: guard{raw: host.Tx, t: t}}
	case *sql.Tx:
		t.conn = &conn{IDB: d.write, gen: d.write.QueryGen(), direct: host, guard: guard{raw: host, t: t}}
	default:
		return nil, &engage.Error{Code: engage.Invalid, Op: op, Err: fmt.Errorf("want a bun.Tx or a *sql.Tx, not %T", hostTx)}
	}
	if _, ok, _ := s.joined(ctx); ok {
		return nil, precondition(op, "ctx already holds a transaction of this store")
	}
	root := &level{workspace: ws}
	t.cur = root
	defer func() { t.over = true }()
	if s.secured {
		if err := confine(ctx, t.conn.direct, ws); err != nil {
			return nil, MapError(ctx, op, "", err)
		}
	}
	if err := s.admit(ctx, t, ws, true); err != nil {
		return nil, err
	}
	err = s.nest(s.enter(ctx, t, root), scope{t, root}, ws, fn)
	if err == nil && t.doomed == nil {
		err = s.flush(ctx, t)
	}
	if t.doomed != nil {
		return nil, unavailable(op, t.doomed)
	}
	if err != nil {
		return nil, err
	}
	return func() {
		hooks := t.hooks
		t.hooks = nil
		for _, hook := range hooks {
			hook()
		}
	}, nil
}
