package bunstore

import (
	"context"
	"errors"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// fences are the workspaces that a database refuses, as of an epoch. The set is
// read again when the epoch, which every transaction reads, is another.
type fences struct {
	epoch int64
	state map[engage.WorkspaceID]fenceState
}

// fenceState is why a database refuses a workspace.
type fenceState string

const (
	fenceDraining fenceState = "draining" // consumers finish what is in its log
	fenceFrozen   fenceState = "frozen"   // nothing of it may change
	fenceDeparted fenceState = "departed" // it lives elsewhere
	fenceArriving fenceState = "arriving" // it is being copied here
)

// fencedRow is a workspace that a database refuses. Token is that of the mover
// who may work on it.
type fencedRow struct {
	bun.BaseModel `bun:"table:engage_fenced,alias:f"`

	Workspace UID        `bun:"workspace_id,pk"`
	State     fenceState `bun:"state"`
	Token     int64      `bun:"token"`
	Progress  string     `bun:"progress"`
}

// fenceLock is the class of the advisory lock that transactions share and a move
// takes alone: "engf" in ASCII.
const fenceLock = 0x656e6766

// admit refuses a workspace that is not here, or on its way: whatever this
// process believed, nothing is written to the place it has left. Reading the
// epoch takes a lock that the mover waits for, so a transaction either ends
// before a change of the fence or sees it.
//
// alone says that the transaction is the workspace's own: workers and consumers
// may go on while their log drains.
func (s *Store) admit(ctx context.Context, t *tx, ws engage.WorkspaceID, alone bool) error {
	if s.placer == nil {
		return nil
	}
	if t.fences == nil {
		known, err := s.readFences(ctx, t)
		if err != nil {
			// What the statement spoiled is not undone by a savepoint.
			t.doomed = errors.Join(t.doomed, err)
			return MapError(ctx, "bunstore.InTx", "", err)
		}
		t.fences = known
	}
	state, fenced := t.fences.state[ws]
	if !fenced || state == fenceDraining && !alone {
		return nil
	}
	s.placer.cache.forget(ws)
	return moving("bunstore.InTx", ws)
}

// readFences answers what the transaction's database refuses, and keeps that
// from changing until the transaction ends.
func (s *Store) readFences(ctx context.Context, t *tx) (*fences, error) {
	read := "SELECT epoch FROM engage_fence WHERE id = 0"
	switch {
	case s.dialect == MariaDB:
		read += " LOCK IN SHARE MODE"
	case s.dialect == PostgreSQL && t.hosts:
		read += " FOR SHARE" // the host may have chosen a snapshot that is older than the lock
	case s.dialect == PostgreSQL:
		// A lock in memory: one on the row would write to it.
		lock := t.conn.gen.FormatQuery("SELECT pg_advisory_xact_lock_shared(?, hashtext(current_schema()))", fenceLock)
		if _, err := t.conn.direct.ExecContext(ctx, lock); err != nil {
			return nil, t.conn.guard.note(err)
		}
	}
	var epoch int64
	if err := t.conn.direct.QueryRowContext(ctx, read).Scan(&epoch); err != nil {
		return nil, t.conn.guard.note(err)
	}
	if known := t.db.fences.Load(); known != nil && known.epoch == epoch {
		return known, nil
	}
	rows, err := t.conn.direct.QueryContext(ctx, "SELECT workspace_id, state FROM engage_fenced")
	if err != nil {
		return nil, t.conn.guard.note(err)
	}
	defer rows.Close() //nolint:errcheck // Err below says it
	known := &fences{epoch, map[engage.WorkspaceID]fenceState{}}
	for rows.Next() {
		var ws UID
		var state fenceState
		if err := rows.Scan(&ws, &state); err != nil {
			return nil, err
		}
		known.state[engage.WorkspaceID(ws)] = state
	}
	if err := rows.Err(); err != nil {
		return nil, t.conn.guard.note(err)
	}
	t.db.fences.Store(known)
	return known, nil
}

// left reports whether a workspace lives elsewhere now, as far as this process
// has heard: its old slices stay in the log, and consumers pass over them.
func (d *database) left(ws engage.WorkspaceID) bool {
	known := d.fences.Load()
	return known != nil && known.state[ws] == fenceDeparted
}

// changeFences runs change once every transaction of the database that might not
// see it has ended, and before any that begins later.
func (s *Store) changeFences(ctx context.Context, shard engage.Shard, change func(ctx context.Context, db bun.IDB) error) error {
	return s.InShard(ctx, shard, func(ctx context.Context) error {
		db, err := s.WriteShard(ctx, shard)
		if err != nil {
			return err
		}
		if s.dialect == PostgreSQL {
			// Whoever waits for the lock has all others wait behind it.
			if _, err := db.ExecContext(ctx, "SET LOCAL lock_timeout = '2s'"); err != nil {
				return err
			}
			if _, err := db.ExecContext(ctx, "SELECT pg_advisory_xact_lock(?, hashtext(current_schema()))", fenceLock); err != nil {
				return err
			}
		}
		if _, err := db.ExecContext(ctx, "UPDATE engage_fence SET epoch = epoch + 1 WHERE id = 0"); err != nil {
			return err
		}
		return change(ctx, db)
	})
}
