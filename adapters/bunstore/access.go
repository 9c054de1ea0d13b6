package bunstore

import (
	"context"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// Read answers the connection for reads of a workspace: the transaction in ctx
// when it is on the workspace's database, else the read pool. The zero workspace
// answers ErrInvalid, the ctx of a finished transaction ErrFailedPrecondition.
func (s *Store) Read(ctx context.Context, ws engage.WorkspaceID) (bun.IDB, error) {
	var d *database
	err := s.whenSettled(ctx, func() (err error) {
		d, err = s.databaseOf(ctx, ws, false)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.readOf(ctx, d, ws)
}

// Write answers the connection for writes of a workspace: the transaction in
// ctx. Without one, or in another workspace's or database's, it answers
// ErrFailedPrecondition; the zero workspace answers ErrInvalid. It opens the
// savepoints of nested calls, so ask for it before the first write of a port's
// method and not for reads.
func (s *Store) Write(ctx context.Context, ws engage.WorkspaceID) (bun.IDB, error) {
	sc, err := s.writer(ctx, "bunstore.Write", ws)
	if err != nil {
		return nil, err
	}
	return sc.connection(ctx)
}

// ReadShard is Read for the …Across ports, which serve many workspaces of one
// database.
func (s *Store) ReadShard(ctx context.Context, shard engage.Shard) (bun.IDB, error) {
	d, err := s.shard(shard)
	if err != nil {
		return nil, err
	}
	return s.readOf(ctx, d, engage.WorkspaceID{})
}

// WriteShard is Write for the …Across ports: it needs an InShard transaction of
// that database. Within InTx it answers ErrFailedPrecondition.
func (s *Store) WriteShard(ctx context.Context, shard engage.Shard) (bun.IDB, error) {
	sc, err := s.shardWriter(ctx, "bunstore.WriteShard", shard)
	if err != nil {
		return nil, err
	}
	if !sc.l.workspace.IsZero() {
		return nil, precondition("bunstore.WriteShard", "the transaction is pinned to a workspace")
	}
	return sc.connection(ctx)
}

// Conn answers the transaction in ctx, so that a host's own statements join it,
// in consumers too. It is false without a transaction. A transaction must be
// nested with InTx, not with the connection's RunInTx.
func (s *Store) Conn(ctx context.Context) (bun.IDB, bool) {
	sc, ok, err := s.joined(ctx)
	if err != nil || !ok {
		return nil, false
	}
	c, err := sc.connection(ctx)
	return c, err == nil
}

// Dialect is the SQL that the store's databases speak.
func (s *Store) Dialect() Dialect { return s.dialect }

func (s *Store) readOf(ctx context.Context, d *database, ws engage.WorkspaceID) (bun.IDB, error) {
	sc, ok, err := s.joined(ctx)
	switch {
	case err != nil:
		return nil, err
	case ok && sc.t.db == d:
		return sc.t.conn, nil
	case s.secured && !ws.IsZero():
		return confinedConn(d.read, ws), nil
	}
	return d.reads, nil
}

// writer checks what every write and publication of a workspace needs.
func (s *Store) writer(ctx context.Context, op string, ws engage.WorkspaceID) (scope, error) {
	d, err := s.databaseOf(ctx, ws, innermost(ctx) != nil)
	if err != nil {
		return scope{}, err
	}
	sc, ok, err := s.joined(ctx)
	switch {
	case err != nil:
		return scope{}, err
	case !ok:
		return scope{}, precondition(op, "no transaction")
	case !sc.l.workspace.IsZero() && sc.l.workspace != ws:
		return scope{}, precondition(op, "the transaction is another workspace's")
	case sc.t.db != d:
		return scope{}, precondition(op, "the transaction is on another database")
	case sc.l.workspace.IsZero():
		return sc, s.admit(ctx, sc.t, ws, false)
	}
	return sc, nil
}

func (s *Store) shardWriter(ctx context.Context, op string, shard engage.Shard) (scope, error) {
	d, err := s.shard(shard)
	if err != nil {
		return scope{}, err
	}
	sc, ok, err := s.joined(ctx)
	switch {
	case err != nil:
		return scope{}, err
	case !ok:
		return scope{}, precondition(op, "no transaction")
	case sc.t.db != d:
		return scope{}, precondition(op, "the transaction is on another database")
	}
	return sc, nil
}

func (sc scope) connection(ctx context.Context) (bun.IDB, error) {
	if sc.t.doomed != nil {
		return nil, unavailable("bunstore", sc.t.doomed)
	}
	if err := sc.t.open(ctx); err != nil {
		return nil, err
	}
	return sc.t.conn, nil
}

// conn is the transaction's connection for reads and locks, which need no
// savepoint to be undone.
func (sc scope) conn() bun.IDB {
	if sc.t == nil {
		return nil
	}
	return sc.t.conn
}
