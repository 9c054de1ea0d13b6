package bunstore

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"
)

// copy makes the staged rows equal to the workspace's, as far as that is possible
// while it is written to, and waits until nobody has its place in a cache.
func (m *move) copy(ctx context.Context) error {
	if err := m.makeStaging(ctx); err != nil {
		return err
	}
	for range maxPasses {
		changed, err := m.pass(ctx)
		if err != nil {
			return err
		}
		if changed <= fewChunks {
			break
		}
	}
	cacheFor := m.s.placer.CacheFor
	known := m.row.ChangedAt.Time().Add(cacheFor + cacheFor/10)
	for m.s.clock.Now().Before(known) {
		if err := m.wait(ctx); err != nil {
			return err
		}
	}
	return m.turn(ctx, MoveDraining, nil)
}

// wait is a moment between two looks.
func (m *move) wait(ctx context.Context) error {
	timer := time.NewTimer(10 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return m.renew(ctx)
	}
}

// pass compares all tables with their copies, chunk by chunk, and answers how
// many chunks it copied.
func (m *move) pass(ctx context.Context) (changed int, err error) {
	m.did.Passes, m.did.Rows = m.did.Passes+1, 0
	source, target := m.s.databases[m.from].polls, m.s.databases[m.to].polls
	for _, t := range m.tables {
		for at := (span{}); ; at.after = at.until {
			if err := m.renew(ctx); err != nil {
				return changed, err
			}
			want, err := m.s.readRows(ctx, source, t, t.name, m.ws, span{after: at.after}, moveChunk, false)
			if err != nil {
				return changed, err
			}
			m.did.Rows += int64(len(want))
			at.until = end(want)
			have, err := m.s.readRows(ctx, target, t, m.staged(t), m.ws, at, 0, false)
			if err != nil {
				return changed, err
			}
			if !equalRows(want, have) {
				changed++
				if err := m.replace(ctx, t, at, want); err != nil {
					return changed, err
				}
			}
			if at.until == nil {
				break
			}
		}
	}
	return changed, nil
}

// end is the key up to which a chunk goes; nil: to the end.
func end(rows []row) []string {
	if len(rows) < moveChunk {
		return nil
	}
	return rows[len(rows)-1].key
}

func equalRows(a, b []row) bool {
	return slices.EqualFunc(a, b, func(a, b row) bool { return a.values == b.values })
}

// replace makes a part of a staging table anew.
func (m *move) replace(ctx context.Context, t workspaceTable, at span, rows []row) error {
	return m.writing(m.s.outside(ctx), m.to, func(ctx context.Context, db bun.IDB, fence *fencedRow) error {
		if fence == nil {
			return precondition("bunstore.Move", "the workspace has arrived already")
		}
		_, err := db.ExecContext(ctx, "DELETE FROM "+m.staged(t)+" WHERE workspace_id = "+m.s.literal(m.ws)+at.condition(t.key))
		if err != nil {
			return err
		}
		return writeRows(ctx, db, t, m.staged(t), rows)
	})
}

// outside is ctx without the transaction in it, for one on another database.
func (s *Store) outside(ctx context.Context) context.Context {
	return context.WithValue(context.WithValue(ctx, storeKey{s}, nil), innermostKey{}, nil)
}

// staged is the table that a table's rows are copied into, of this workspace
// alone.
func (m *move) staged(t workspaceTable) string {
	h := fnv.New64a()
	_, _ = h.Write(m.ws[:])
	_, _ = h.Write([]byte(t.name))
	name := stagingPrefix + fmt.Sprintf("%016x", h.Sum64()) + "_" + strings.TrimPrefix(t.name, "engage_")
	return name[:min(len(name), 60)] // PostgreSQL takes 63, and the index has three more
}

// makeStaging makes the tables with the columns of the real ones, and of their
// indexes the primary key alone.
func (m *move) makeStaging(ctx context.Context) error {
	d := m.s.databases[m.to]
	var role string
	if m.s.secured {
		if err := d.write.QueryRowContext(ctx, "SELECT current_user").Scan(&role); err != nil {
			return err
		}
	}
	for _, t := range m.tables {
		if err := m.renew(ctx); err != nil {
			return err
		}
		name, key := m.staged(t), strings.Join(append([]string{"workspace_id"}, t.key...), ", ")
		index := "CREATE UNIQUE INDEX IF NOT EXISTS " + name + "_ux ON " + name + " (" + key + ")"
		statements := map[Dialect][]string{
			SQLite:     {"CREATE TABLE IF NOT EXISTS " + name + " AS SELECT * FROM " + t.name + " WHERE 0", index},
			PostgreSQL: {"CREATE TABLE IF NOT EXISTS " + name + " (LIKE " + t.name + ")", index},
			MariaDB: {"CREATE TABLE IF NOT EXISTS " + name + " (PRIMARY KEY (" + key + ")) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin AS SELECT " +
				t.names() + " FROM " + t.name + " WHERE 1 = 0"},
		}[m.s.dialect]
		if m.s.secured {
			statements = append(statements, "GRANT "+rights+" ON "+name+" TO "+quoteIdent(role))
		}
		if err := m.s.define(ctx, d, statements...); err != nil {
			return err
		}
	}
	return nil
}

func (m *move) dropStaging(ctx context.Context) error {
	for _, t := range m.tables {
		if err := m.renew(ctx); err != nil {
			return err
		}
		if err := m.s.define(ctx, m.s.databases[m.to], "DROP TABLE IF EXISTS "+m.staged(t)); err != nil {
			return err
		}
	}
	return nil
}

// define runs statements that make or drop tables.
func (s *Store) define(ctx context.Context, d *database, statements ...string) error {
	for _, statement := range statements {
		if _, err := d.owner.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
