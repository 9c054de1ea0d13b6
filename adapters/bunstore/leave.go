package bunstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// leaving is how far the rows of a workspace have left, as it is kept with the
// fence. A second round looks for what came behind the first.
type leaving struct {
	Round int      `json:"round"`
	Table string   `json:"table"`
	After []string `json:"after"`
}

// leave moves the rows out of the old database, makes the staged ones live in the
// new, and switches the directory over.
func (m *move) leave(ctx context.Context) error {
	if m.paused.IsZero() {
		m.paused = m.s.clock.Now()
	}
	for {
		round, found, err := m.sweep(ctx)
		if err != nil {
			return err
		}
		if round > 0 && found == 0 {
			break
		}
	}
	if err := m.arrive(ctx); err != nil {
		return err
	}
	var last, after partition
	for shard, end := range map[engage.Shard]*partition{m.from: &last, m.to: &after} {
		err := m.s.databases[shard].polls.NewRaw("SELECT part, last_pos FROM engage_log_partitions WHERE part = ?", engage.PartitionOf(m.ws)).Scan(ctx, end)
		if err != nil {
			return err
		}
	}
	next := m.row
	next.State, next.Shard, next.Other, next.Version = MoveSwitched, Key(m.to), Key(m.from), m.row.Version+1
	next.ChangedAt = Micros(engage.Instant(m.s.clock.Now()))
	err := m.inDirectory(ctx, func(ctx context.Context, db bun.IDB) error {
		if err := m.recordStay(ctx, db, last, after, next.Version); err != nil {
			return err
		}
		_, err := db.NewUpdate().Model(&next).WherePK().Exec(ctx)
		return err
	})
	if err != nil {
		return err
	}
	m.row = next
	m.s.placer.cache.forget(m.ws)
	m.did.Paused = m.s.clock.Now().Sub(m.paused)
	return nil
}

// sweep lets one table's next rows after the other leave, to the end of a round.
func (m *move) sweep(ctx context.Context) (round, found int, err error) {
	for {
		if err := m.renew(ctx); err != nil {
			return round, found, err
		}
		n, p, over, err := m.sweepChunk(ctx)
		found += n
		if err != nil || over {
			return p.Round, found, err
		}
	}
}

// sweepChunk deletes rows at the old place that are the same in the copy; those
// that are not, because a worker has changed them since, are copied first. over
// says that the round has ended; the kept progress is at the next one then.
func (m *move) sweepChunk(ctx context.Context) (n int, p leaving, over bool, err error) {
	err = m.writing(ctx, m.from, func(ctx context.Context, db bun.IDB, fence *fencedRow) error {
		n, p, over = 0, leaving{}, false
		if fence == nil {
			return precondition("bunstore.Move", "the old database does not refuse the workspace")
		}
		if fence.Progress != "" {
			if err := json.Unmarshal([]byte(fence.Progress), &p); err != nil {
				return err
			}
		}
		i := len(m.tables) - 1
		if p.Table != "" {
			i = slices.IndexFunc(m.tables, func(t workspaceTable) bool { return t.name == p.Table })
		}
		if i < 0 {
			return precondition("bunstore.Move", "there is no table "+p.Table+" any more")
		}
		t := m.tables[i]
		rows, err := m.s.readRows(ctx, db, t, t.name, m.ws, span{after: p.After}, moveChunk, true)
		if err != nil {
			return err
		}
		n = len(rows)
		at := span{after: p.After, until: end(rows)}
		if err := m.agree(ctx, t, at, rows, p.Round > 0); err != nil {
			return err
		}
		if n > 0 {
			if err := m.s.deleteRows(ctx, db, t, t.name, m.ws, rows); err != nil {
				return err
			}
		}
		next := leaving{Round: p.Round, Table: t.name, After: at.until}
		if at.until == nil {
			if over = i == 0; over {
				next = leaving{Round: p.Round + 1}
			} else {
				next.Table = m.tables[i-1].name
			}
		}
		progress, err := json.Marshal(next)
		if err != nil {
			return err
		}
		_, err = db.ExecContext(ctx, "UPDATE engage_fenced SET progress = ? WHERE workspace_id = ?", string(progress), UID(m.ws))
		return err
	})
	return n, p, over, err
}

// agree makes a part of the copy what the old place has now. Later rounds only
// add to it: what they do not find there has left in a former one.
func (m *move) agree(ctx context.Context, t workspaceTable, at span, rows []row, add bool) error {
	if add {
		for _, r := range rows {
			err := m.writing(m.s.outside(ctx), m.to, func(ctx context.Context, db bun.IDB, _ *fencedRow) error {
				if err := m.s.deleteRows(ctx, db, t, m.staged(t), m.ws, []row{r}); err != nil {
					return err
				}
				return writeRows(ctx, db, t, m.staged(t), []row{r})
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	have, err := m.s.readRows(m.s.outside(ctx), m.s.databases[m.to].polls, t, m.staged(t), m.ws, at, 0, false)
	if err != nil || equalRows(rows, have) {
		return err
	}
	return m.replace(ctx, t, at, rows)
}

// arrive makes the staged rows the workspace's, all at once, unless that is done.
func (m *move) arrive(ctx context.Context) error {
	return m.writing(ctx, m.to, func(ctx context.Context, db bun.IDB, fence *fencedRow) error {
		if fence == nil {
			return nil
		}
		for _, t := range m.tables {
			_, err := db.ExecContext(ctx, "INSERT INTO "+t.name+" ("+t.names()+") SELECT "+t.names()+" FROM "+m.staged(t))
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
		}
		if _, err := db.NewDelete().Model(fence).WherePK().Exec(ctx); err != nil {
			return err
		}
		_, err := db.ExecContext(ctx, "UPDATE engage_fence SET epoch = epoch + 1 WHERE id = 0")
		return err
	})
}

// clear removes what the move needed. The old database refuses the workspace for
// good, so that no process, however long it was stopped, writes there.
func (m *move) clear(ctx context.Context) error {
	if err := m.fence(ctx, fenceDeparted); err != nil {
		return err
	}
	if err := m.dropStaging(ctx); err != nil {
		return err
	}
	err := m.s.InShard(ctx, m.from, func(ctx context.Context) error {
		db, err := m.s.WriteShard(ctx, m.from)
		if err != nil {
			return err
		}
		_, err = db.ExecContext(ctx, "UPDATE engage_fenced SET progress = '' WHERE workspace_id = ?", UID(m.ws))
		return err
	})
	if err != nil {
		return err
	}
	return m.turn(ctx, MoveNone, func(r *placementRow) { r.Other = "" })
}
