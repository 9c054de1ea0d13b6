package bunstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// MoveState is how far the move of a workspace is. It stands in the directory,
// so that any process goes on where another died.
type MoveState string

// The states of a move, in their order. Up to MoveFrozen it can be aborted.
const (
	MoveNone     MoveState = "home"     // it is not moving
	MoveCopying  MoveState = "copying"  // its rows are copied while it is in use
	MoveDraining MoveState = "draining" // writers wait until the consumers have read its log to the end
	MoveFrozen   MoveState = "frozen"   // nothing of it changes; the copy is compared row by row
	MoveLeaving  MoveState = "leaving"  // its rows leave the old database, and reads wait
	MoveSwitched MoveState = "switched" // it is at home in the new one; what is left of the move is cleared away
)

// String is the state's name.
func (m MoveState) String() string { return string(m) }

// hidden reports whether even reads must wait.
func (m MoveState) hidden() bool { return m == MoveLeaving }

const (
	moveChunk = 500              // rows compared at once; an event may be 32 KiB
	maxPasses = 8                // of copying behind writers who change rows as fast
	fewChunks = 4                // that differ: the rest is done while writers wait
	maxDrain  = 30 * time.Second // that writers wait for consumers
	moverPoll = 10 * time.Second
)

// Moved is what Move did. What a former process did of the same move does not
// count.
type Moved struct {
	From, To engage.Shard
	Rows     int64         // in its tables
	Passes   int           // of copying and comparing
	Paused   time.Duration // that writers had to wait
}

// move is one run of a mover over one workspace.
type move struct {
	s        *Store
	ws       engage.WorkspaceID
	row      placementRow
	from, to engage.Shard
	tables   []workspaceTable
	lease    engage.Lease
	renewed  time.Time
	paused   time.Time
	did      Moved
}

// Move brings a workspace to another database while it is in use, and answers
// when it lives there and nothing of it is left at the old place but its past in
// the log. It needs a Placement, and the tables of all databases at one version.
//
// Rows are copied into staging tables behind the writers' backs, compared and
// copied again until little differs. Then writers wait (they answer
// ErrUnavailable after Placement.Patience), the consumers read the workspace's
// log to its end, which someone must run them for, and nothing may change any
// more. The copy is compared row by row; only what agrees is deleted at the old
// place, 500 rows a transaction, each compared once more under its lock; at the
// new place the staged rows become the workspace's in one transaction. So no
// worker, who looks for work across workspaces, ever finds a row at both places.
// Readers wait from the first deletion until the switch.
//
// What a worker has claimed when its row leaves is claimed again at the new
// place when the claim ends, as if the worker had been killed.
//
// A move that failed or whose process died goes on from where it was by another
// Move to the same database, or by the worker among Store.Workers; up to
// MoveFrozen AbortMove gives it up. While another process works on it, Move
// answers ErrConflict. Consumers that do not come to the end of the log within 30
// seconds make it go back to copying and answer ErrUnavailable.
func (s *Store) Move(ctx context.Context, ws engage.WorkspaceID, to engage.Shard) (Moved, error) {
	const op = "bunstore.Move"
	if _, err := s.shard(to); err != nil {
		return Moved{}, err
	}
	m := &move{s: s, ws: ws, to: to}
	err := m.alone(ctx, op, func() error {
		if m.row.State == MoveNone && engage.Shard(m.row.Shard) == to {
			return nil
		}
		if under := m.target(); m.row.State != MoveNone && under != to {
			return precondition(op, "it is on its way to "+string(under)+" already")
		}
		return m.run(ctx)
	})
	return m.did, MapError(ctx, op, ws.String(), err)
}

// AbortMove gives a move up that has not begun to leave the old database, and
// removes the copy. Later it answers ErrFailedPrecondition: Move ends it then.
func (s *Store) AbortMove(ctx context.Context, ws engage.WorkspaceID) error {
	const op = "bunstore.AbortMove"
	m := &move{s: s, ws: ws}
	err := m.alone(ctx, op, func() error {
		switch m.row.State {
		case MoveNone:
			return nil
		case MoveLeaving, MoveSwitched:
			return precondition(op, "it is leaving the old database already")
		case MoveCopying, MoveDraining, MoveFrozen:
		}
		m.from, m.to = engage.Shard(m.row.Shard), engage.Shard(m.row.Other)
		if err := m.unfence(ctx); err != nil {
			return err
		}
		if err := m.load(ctx); err != nil {
			return err
		}
		if err := m.dropStaging(ctx); err != nil {
			return err
		}
		err := s.changeFences(ctx, m.to, func(ctx context.Context, db bun.IDB) error {
			_, err := db.ExecContext(ctx, "UPDATE engage_fenced SET state = ? WHERE workspace_id = ?", fenceDeparted, UID(ws))
			return err
		})
		if err != nil {
			return err
		}
		return m.turn(ctx, MoveNone, func(r *placementRow) { r.Other = "" })
	})
	return MapError(ctx, op, ws.String(), err)
}

// moverStep ends the moves that nobody works on.
func (s *Store) moverStep(ctx context.Context) (int, error) {
	now := s.clock.Now()
	if last := s.looked.Load(); last != nil && now.Sub(*last) < moverPoll && !now.Before(*last) {
		return 0, nil
	}
	s.looked.Store(&now)
	return s.ResumeMoves(ctx)
}

// ResumeMoves goes on with the moves that were begun and that nobody works on,
// and answers how many it ended. The store's worker calls it; one that finds
// nothing is one statement.
func (s *Store) ResumeMoves(ctx context.Context) (int, error) {
	const op = "bunstore.ResumeMoves"
	if s.placer == nil {
		return 0, nil
	}
	var rows []placementRow
	err := s.databases[s.placer.Directory].polls.NewSelect().Model(&rows).
		Where("state <> ?", MoveNone).Order("workspace_id").Limit(engage.MaxPageSize).Scan(ctx)
	if err != nil {
		return 0, MapError(ctx, op, "", err)
	}
	ended := 0
	var failed []error
	for _, row := range rows {
		m := &move{s: s, ws: engage.WorkspaceID(row.Workspace), row: row}
		switch _, err := s.Move(ctx, m.ws, m.target()); {
		case err == nil:
			ended++
		case !errors.Is(err, engage.ErrConflict): // another process works on it
			failed = append(failed, err)
		}
	}
	return ended, errors.Join(failed...)
}

// target is where the move of the directory's row leads.
func (m *move) target() engage.Shard {
	if m.row.State == MoveSwitched {
		return engage.Shard(m.row.Shard)
	}
	return engage.Shard(m.row.Other)
}

// alone runs do with the workspace's lease, and the directory's row as it is
// then.
func (m *move) alone(ctx context.Context, op string, do func() error) error {
	if err := engage.CheckCall(op, m.ws, 0); err != nil {
		return err
	}
	switch {
	case m.s.placer == nil:
		return precondition(op, "the store has no Placement")
	case innermost(ctx) != nil:
		return precondition(op, "it has transactions of its own")
	}
	m.lease = engage.Lease{Name: "move:" + m.ws.String(), Owner: hex.EncodeToString(m.newID())}
	if err := m.renew(ctx); err != nil {
		return err
	}
	if _, err := m.s.placer.settle(ctx, m.ws, m.s.placer.Default); err != nil {
		return err
	}
	m.s.placer.cache.forget(m.ws)
	err := m.s.databases[m.s.placer.Directory].polls.NewSelect().Model(&m.row).Where("workspace_id = ?", UID(m.ws)).Scan(ctx)
	if err == nil {
		err = do()
	}
	return errors.Join(err, m.s.Leases().Release(ctx, m.s.placer.Directory, m.lease))
}

func (m *move) newID() []byte {
	id := m.s.ids.NewID()
	return id[:]
}

// renew keeps the lease, whose token is drawn once.
func (m *move) renew(ctx context.Context) error {
	now := m.s.clock.Now()
	if now.Sub(m.renewed) < m.s.placer.MoveLease/3 {
		return nil
	}
	lease, err := m.s.Leases().Acquire(ctx, m.s.placer.Directory, m.lease.Name, m.lease.Owner, now, m.s.placer.MoveLease)
	if err != nil {
		return err
	}
	if m.lease.Token != 0 && lease.Token != m.lease.Token {
		return &engage.Error{Code: engage.Conflict, Op: "bunstore.Move", Entity: m.ws.String(), Err: errNotHeld}
	}
	m.lease, m.renewed = lease, now
	return nil
}

// run goes through the states from the one that the directory says.
func (m *move) run(ctx context.Context) error {
	steps := map[MoveState]func(context.Context) error{
		MoveNone: m.announce, MoveCopying: m.copy, MoveDraining: m.drain, MoveFrozen: m.freeze, MoveLeaving: m.leave, MoveSwitched: m.clear,
	}
	m.from = engage.Shard(m.row.Shard)
	if m.row.State == MoveSwitched {
		m.from = engage.Shard(m.row.Other)
	}
	m.did.From, m.did.To = m.from, m.to
	if err := m.load(ctx); err != nil {
		return err
	}
	if m.row.State != MoveNone {
		if err := m.takeOver(ctx); err != nil {
			return err
		}
	}
	for begun := false; m.row.State != MoveNone || !begun; begun = true {
		if err := steps[m.row.State](ctx); err != nil {
			return err
		}
	}
	return nil
}

// load reads which tables there are, which must be the same at both places.
func (m *move) load(ctx context.Context) error {
	var err error
	if m.tables, err = m.s.workspaceTables(ctx, m.s.databases[m.from]); err != nil {
		return err
	}
	there, err := m.s.workspaceTables(ctx, m.s.databases[m.to])
	if err != nil {
		return err
	}
	same := func(a, b workspaceTable) bool {
		return a.name == b.name && slices.Equal(a.key, b.key) && slices.Equal(a.columns, b.columns)
	}
	if !slices.EqualFunc(m.tables, there, same) {
		return precondition("bunstore.Move", "the two databases do not have the same tables: migrate them first")
	}
	return nil
}

// turn writes the next state into the directory, if this mover still holds the
// lease.
func (m *move) turn(ctx context.Context, to MoveState, change func(*placementRow)) error {
	next := m.row
	next.State, next.ChangedAt = to, Micros(engage.Instant(m.s.clock.Now()))
	if change != nil {
		change(&next)
	}
	err := m.inDirectory(ctx, func(ctx context.Context, db bun.IDB) error {
		_, err := db.NewUpdate().Model(&next).WherePK().Exec(ctx)
		return err
	})
	if err == nil {
		m.row = next
		m.s.placer.cache.forget(m.ws)
	}
	return err
}

func (m *move) inDirectory(ctx context.Context, fn func(ctx context.Context, db bun.IDB) error) error {
	directory := m.s.placer.Directory
	return m.s.InShard(ctx, directory, func(ctx context.Context) error {
		if err := m.s.Leases().Check(ctx, directory, m.lease, m.s.clock.Now()); err != nil {
			return err
		}
		db, err := m.s.WriteShard(ctx, directory)
		if err != nil {
			return err
		}
		return fn(ctx, db)
	})
}

// announce makes the staging tables, and has every process ask the directory for
// this workspace from now on.
func (m *move) announce(ctx context.Context) error {
	for _, t := range m.tables {
		found, err := m.s.readRows(ctx, m.s.databases[m.to].polls, t, t.name, m.ws, span{}, 1, false)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return precondition("bunstore.Move", "the other database has rows of it in "+t.name)
		}
	}
	err := m.s.changeFences(ctx, m.to, func(ctx context.Context, db bun.IDB) error {
		row := fencedRow{Workspace: UID(m.ws), State: fenceArriving, Token: m.lease.Token}
		return m.upsertFence(ctx, db, row)
	})
	if err != nil {
		return err
	}
	return m.turn(ctx, MoveCopying, func(r *placementRow) { r.Other = Key(m.to) })
}

func (m *move) upsertFence(ctx context.Context, db bun.IDB, row fencedRow) error {
	if _, err := db.NewDelete().Model(&row).WherePK().Exec(ctx); err != nil {
		return err
	}
	_, err := db.NewInsert().Model(&row).Returning("NULL").Exec(ctx)
	return err
}

// takeOver shuts out a former mover of the same move, at both places.
func (m *move) takeOver(ctx context.Context) error {
	for _, shard := range []engage.Shard{m.from, m.to} {
		err := m.s.InShard(ctx, shard, func(ctx context.Context) error {
			db, err := m.s.WriteShard(ctx, shard)
			if err != nil {
				return err
			}
			_, err = db.ExecContext(ctx, "UPDATE engage_fenced SET token = ? WHERE workspace_id = ? AND token <= ?", m.lease.Token, UID(m.ws), m.lease.Token)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// writing runs fn in a transaction of a database in which this mover's token is
// still the one that counts. fence is nil where the workspace is not fenced.
func (m *move) writing(ctx context.Context, shard engage.Shard, fn func(ctx context.Context, db bun.IDB, fence *fencedRow) error) error {
	return m.s.InShard(ctx, shard, func(ctx context.Context) error {
		db, err := m.s.WriteShard(ctx, shard)
		if err != nil {
			return err
		}
		var rows []fencedRow
		query := db.NewSelect().Model(&rows).Where("workspace_id = ?", UID(m.ws))
		if m.s.dialect != SQLite {
			query = query.For("UPDATE")
		}
		if err := query.Scan(ctx); err != nil {
			return err
		}
		if len(rows) == 0 {
			return fn(ctx, db, nil)
		}
		if rows[0].Token != m.lease.Token {
			return &engage.Error{Code: engage.Conflict, Op: "bunstore.Move", Entity: m.ws.String(), Err: errNotHeld}
		}
		return fn(ctx, db, &rows[0])
	})
}

// drain has writers wait, and waits for the consumers.
func (m *move) drain(ctx context.Context) error {
	m.paused = m.s.clock.Now()
	if err := m.fence(ctx, fenceDraining); err != nil {
		return err
	}
	timer := time.NewTimer(maxDrain)
	defer timer.Stop()
	for {
		behind, err := m.behind(ctx)
		if err != nil {
			return err
		}
		if behind == "" {
			return m.turn(ctx, MoveFrozen, nil)
		}
		select {
		case <-timer.C:
			if err := m.unfence(ctx); err != nil {
				return err
			}
			if err := m.turn(ctx, MoveCopying, nil); err != nil {
				return err
			}
			return &engage.Error{Code: engage.Unavailable, Op: "bunstore.Move", Entity: m.ws.String(), Err: fmt.Errorf("%s does not come to the end of its log", behind)}
		default:
		}
		if err := m.wait(ctx); err != nil {
			return err
		}
	}
}

// fence has the old database refuse the workspace from now on.
func (m *move) fence(ctx context.Context, state fenceState) error {
	return m.s.changeFences(ctx, m.from, func(ctx context.Context, db bun.IDB) error {
		var rows []fencedRow
		if err := db.NewSelect().Model(&rows).Where("workspace_id = ?", UID(m.ws)).Scan(ctx); err != nil {
			return err
		}
		row := fencedRow{Workspace: UID(m.ws), State: state, Token: m.lease.Token}
		if len(rows) > 0 {
			if rows[0].Token > m.lease.Token {
				return &engage.Error{Code: engage.Conflict, Op: "bunstore.Move", Entity: m.ws.String(), Err: errNotHeld}
			}
			row.Progress = rows[0].Progress
		}
		return m.upsertFence(ctx, db, row)
	})
}

// unfence lets writers at the old place go on.
func (m *move) unfence(ctx context.Context) error {
	return m.s.changeFences(ctx, m.from, func(ctx context.Context, db bun.IDB) error {
		_, err := db.NewDelete().Model(&fencedRow{Workspace: UID(m.ws)}).WherePK().Exec(ctx)
		return err
	})
}

// behind names a consumer that has not read the workspace's log to its end, ""
// for none.
func (m *move) behind(ctx context.Context) (string, error) {
	d, part, now := m.s.databases[m.from], engage.PartitionOf(m.ws), m.s.clock.Now()
	if m.s.dialect != SQLite {
		if _, err := m.s.sequence(ctx, d); err != nil {
			return "", err
		}
	}
	var cursors []cursorRow
	if err := d.polls.NewSelect().Model(&cursors).Where("part = ?", part).Order("pos").Scan(ctx); err != nil {
		return "", err
	}
	cursors = slices.DeleteFunc(cursors, func(c cursorRow) bool { return now.Sub(c.MovedAt.Time()) >= AbandonedAfter })
	var waiting int
	err := d.polls.NewRaw("SELECT COUNT(*) FROM engage_log WHERE part = ? AND pos IS NULL AND workspace_id = ?", part, UID(m.ws)).Scan(ctx, &waiting)
	if err != nil || waiting > 0 {
		return "the sequencer", err
	}
	if len(cursors) > 0 {
		err = d.polls.NewRaw("SELECT COUNT(*) FROM engage_log WHERE part = ? AND pos > ? AND workspace_id = ?", part, cursors[0].Pos, UID(m.ws)).Scan(ctx, &waiting)
		if err != nil || waiting > 0 {
			return "the consumer " + string(cursors[0].Consumer), err
		}
	}
	if m.s.placer.Drained == nil {
		return "", nil
	}
	var last engage.Position
	err = d.polls.NewRaw("SELECT COALESCE(MAX(pos), 0) FROM engage_log WHERE part = ? AND pos > 0 AND workspace_id = ?", part, UID(m.ws)).Scan(ctx, &last)
	if err != nil {
		return "", err
	}
	return m.s.placer.Drained(ctx, m.ws, m.from, last)
}

// freeze lets nothing of the workspace change any more and makes the copy equal.
// A consumer may have published a last time while it drained.
func (m *move) freeze(ctx context.Context) error {
	if m.paused.IsZero() {
		m.paused = m.s.clock.Now()
	}
	if err := m.fence(ctx, fenceFrozen); err != nil {
		return err
	}
	behind, err := m.behind(ctx)
	if err != nil {
		return err
	}
	if behind != "" {
		return m.turn(ctx, MoveDraining, nil)
	}
	// Workers still claim its rows until they leave, so some may differ again;
	// each is compared once more when it goes.
	for range maxPasses {
		changed, err := m.pass(ctx)
		if err != nil {
			return err
		}
		if changed == 0 {
			break
		}
	}
	return m.turn(ctx, MoveLeaving, nil)
}
