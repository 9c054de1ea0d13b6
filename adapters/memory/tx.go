package memory

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/go-engage/engage"
)

// tx is an open transaction: a working copy of the tables it has written, and
// what happens at its commit.
type tx struct {
	store  *Store
	tables []any // by table number; the committed slice itself until the first write
	stamps []int // the savepoint in which a table's trees were copied; 0: they are the committed ones
	undo   []undo

	savepoint int // the innermost one that is open
	drawn     int // the last one that was opened

	events []pending
	after  []func()
}

// undo says what a table's trees were before a savepoint copied them.
type undo struct {
	table int
	trees any
	stamp int
}

// scope is one call of InTx or InShard, outermost or nested, as ctx carries it.
type scope struct {
	tx        *tx
	enclosing *scope             // of the ctx it was made from; may be another store's
	workspace engage.WorkspaceID // what it is pinned to; zero: to the shard alone
	nested    bool
	finished  atomic.Bool
}

type scopeKey struct{}

var (
	errNoTransaction = errors.New("there is no transaction in ctx")
	errFinished      = errors.New("the transaction in ctx has ended")
	errPinned        = errors.New("the transaction in ctx is pinned to another workspace")
	errZero          = errors.New("the zero workspace")
	errNotShard      = errors.New("the transaction in ctx is pinned to a workspace; InShard is needed")
	errShard         = errors.New("no such shard")
)

// InTx implements engage.Transactor.
func (s *Store) InTx(ctx context.Context, ws engage.WorkspaceID, fn func(ctx context.Context) error) error {
	const op = "InTx"
	if ws.IsZero() {
		return fault(engage.Invalid, op, "", errZero)
	}
	outer := s.scopeOf(ctx)
	switch {
	case outer == nil:
		return s.begin(ctx, op, ws, fn)
	case outer.finished.Load():
		return fault(engage.FailedPrecondition, op, ws.String(), errFinished)
	case !outer.admits(ws):
		return fault(engage.FailedPrecondition, op, ws.String(), errPinned)
	}
	return outer.tx.nest(ctx, ws, fn)
}

// InShard implements engage.Transactor; the only shard is engage.DefaultShard,
// and another answers ErrNotFound.
func (s *Store) InShard(ctx context.Context, shard engage.Shard, fn func(ctx context.Context) error) error {
	const op = "InShard"
	if shard != engage.DefaultShard {
		return fault(engage.NotFound, op, string(shard), errShard)
	}
	outer := s.scopeOf(ctx)
	switch {
	case outer == nil:
		return s.begin(ctx, op, engage.WorkspaceID{}, fn)
	case outer.finished.Load():
		return fault(engage.FailedPrecondition, op, string(shard), errFinished)
	case !outer.workspace.IsZero():
		return fault(engage.FailedPrecondition, op, string(shard), errNotShard)
	}
	return outer.tx.nest(ctx, engage.WorkspaceID{}, fn)
}

// Shards implements engage.Transactor.
func (s *Store) Shards(context.Context) ([]engage.Shard, error) {
	return []engage.Shard{engage.DefaultShard}, nil
}

// AfterCommit implements engage.Transactor.
func (s *Store) AfterCommit(ctx context.Context, fn func()) error {
	sc, err := s.require(ctx, "AfterCommit")
	if err != nil {
		return err
	}
	sc.tx.after = append(sc.tx.after, fn)
	return nil
}

// begin runs fn in a transaction of its own. The functions of AfterCommit run
// when the next transaction may begin, so that they can begin one.
func (s *Store) begin(ctx context.Context, op string, ws engage.WorkspaceID, fn func(ctx context.Context) error) error {
	if err := s.lock(ctx, op); err != nil {
		return err
	}
	x := &tx{store: s, tables: *s.committed.Load(), savepoint: 1, drawn: 1}
	if err := x.hold(ctx, ws, fn); err != nil {
		return err
	}
	for _, after := range x.after {
		after()
	}
	return nil
}

// hold is the frame in which a transaction is open: reentry.go looks for it on
// the stack. An error, a panic and runtime.Goexit (t.Fatal in fn) drop the
// working copy alike.
//
//go:noinline
func (x *tx) hold(ctx context.Context, ws engage.WorkspaceID, fn func(ctx context.Context) error) error {
	defer x.store.unlock()
	sc := x.enter(ctx, ws, false)
	defer sc.finished.Store(true)
	if err := fn(context.WithValue(ctx, scopeKey{}, sc)); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	x.writeSlices()
	x.store.committed.Store(&x.tables)
	return nil
}

// nest runs fn within x, behind a savepoint.
func (x *tx) nest(ctx context.Context, ws engage.WorkspaceID, fn func(ctx context.Context) error) error {
	outer, undone, events, after := x.savepoint, len(x.undo), len(x.events), len(x.after)
	x.drawn++
	x.savepoint = x.drawn
	sc := x.enter(ctx, ws, true)
	kept := false
	defer func() {
		sc.finished.Store(true)
		x.savepoint = outer
		if !kept {
			x.rollback(undone)
			x.events, x.after = x.events[:events], x.after[:after]
		}
	}()
	if err := fn(context.WithValue(ctx, scopeKey{}, sc)); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	kept = true
	return nil
}

func (x *tx) enter(ctx context.Context, ws engage.WorkspaceID, nested bool) *scope {
	enclosing, _ := ctx.Value(scopeKey{}).(*scope)
	return &scope{tx: x, enclosing: enclosing, workspace: ws, nested: nested}
}

// replace puts the copy that a savepoint writes to in a table's place.
func (x *tx) replace(table int, trees any) {
	if x.stamps == nil {
		x.tables = slices.Clone(x.tables)
		x.stamps = make([]int, len(x.tables))
	}
	for len(x.tables) <= table {
		x.tables, x.stamps = append(x.tables, nil), append(x.stamps, 0)
	}
	x.undo = append(x.undo, undo{table, x.tables[table], x.stamps[table]})
	x.tables[table], x.stamps[table] = trees, x.savepoint
}

// owned reports whether the innermost savepoint may write a table's trees in
// place: it, or one that was opened in it since, has copied them.
func (x *tx) owned(table int) bool {
	return table < len(x.stamps) && x.stamps[table] >= x.savepoint
}

func (x *tx) rollback(to int) {
	for i := len(x.undo) - 1; i >= to; i-- {
		u := x.undo[i]
		x.tables[u.table], x.stamps[u.table] = u.trees, u.stamp
	}
	x.undo = x.undo[:to]
}

func (sc *scope) admits(ws engage.WorkspaceID) bool {
	return sc.workspace.IsZero() || sc.workspace == ws
}

// scopeOf is the innermost scope of this store in ctx, or nil.
func (s *Store) scopeOf(ctx context.Context) *scope {
	sc, _ := ctx.Value(scopeKey{}).(*scope)
	for sc != nil && sc.tx.store != s {
		sc = sc.enclosing
	}
	return sc
}

// require answers the open scope in ctx.
func (s *Store) require(ctx context.Context, op string) (*scope, error) {
	sc := s.scopeOf(ctx)
	switch {
	case sc == nil:
		return nil, fault(engage.FailedPrecondition, op, "", errNoTransaction)
	case sc.finished.Load():
		return nil, fault(engage.FailedPrecondition, op, "", errFinished)
	}
	return sc, ctx.Err()
}

// requireWorkspace answers the open scope in ctx if it may write for ws.
func (s *Store) requireWorkspace(ctx context.Context, op string, ws engage.WorkspaceID) (*scope, error) {
	if ws.IsZero() {
		return nil, fault(engage.Invalid, op, "", errZero)
	}
	sc, err := s.require(ctx, op)
	if err == nil && !sc.admits(ws) {
		err = fault(engage.FailedPrecondition, op, ws.String(), errPinned)
	}
	return sc, err
}

// requireShard answers the open scope in ctx if it is pinned to no workspace.
func (s *Store) requireShard(ctx context.Context, op string, shard engage.Shard) (*scope, error) {
	if shard != engage.DefaultShard {
		return nil, fault(engage.NotFound, op, string(shard), errShard)
	}
	sc, err := s.require(ctx, op)
	if err == nil && !sc.workspace.IsZero() {
		err = fault(engage.FailedPrecondition, op, string(shard), errNotShard)
	}
	return sc, err
}

// join runs fn in the transaction in ctx, whatever it is pinned to, or in one of
// its own: for the ports that need none.
func (s *Store) join(ctx context.Context, op string, shard engage.Shard, fn func(ctx context.Context) error) error {
	if shard != engage.DefaultShard {
		return fault(engage.NotFound, op, string(shard), errShard)
	}
	sc := s.scopeOf(ctx)
	switch {
	case sc == nil:
		return s.begin(ctx, op, engage.WorkspaceID{}, fn)
	case sc.finished.Load():
		return fault(engage.FailedPrecondition, op, string(shard), errFinished)
	}
	return sc.tx.nest(ctx, engage.WorkspaceID{}, fn)
}
