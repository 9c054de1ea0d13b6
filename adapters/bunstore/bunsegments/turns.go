package bunsegments

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/uptrace/bun"
)

// maxLanes is the number of workspaces that take part in one claim. More would
// make MariaDB open its table as often in one statement.
const maxLanes = 256

// turns finds memberships that are due: workspaces take turns, so that a flood
// waits behind its own workspace. It is safe for concurrent use.
//
// The cost of a claim does not grow with the memberships that wait. It grows
// with the workspaces that have any timers, by two probes of the index each, up
// to where it has found enough of them.
type turns struct {
	mu   sync.Mutex
	last map[engage.Shard]bunstore.UID // where the turns of this process stand
}

// take locks memberships that are due at now, at most limit, and passes over
// those that another transaction holds. Each workspace that has some gets an
// equal share; nothing comes back only if nothing is due and free.
func (t *turns) take(ctx context.Context, db bun.IDB, shard engage.Shard, now time.Time, limit int) ([]memberRow, error) {
	if limit <= 0 {
		return nil, nil
	}
	c := claim{dialect: bunstore.DialectOf(db), now: bunstore.Micros(now)}
	t.mu.Lock()
	last := t.last[shard]
	t.mu.Unlock()
	var lanes []bunstore.UID
	if err := c.lanes(db, last, min(limit, maxLanes)).Scan(ctx, &lanes); err != nil || len(lanes) == 0 {
		return nil, err
	}
	var rows []memberRow
	if err := c.first(db, lanes, (limit+len(lanes)-1)/len(lanes)).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	rows = inTurns(rows, limit)
	last = lanes[len(lanes)-1]
	if len(rows) > 0 {
		last = rows[len(rows)-1].Workspace
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last[shard] = last
	return rows, nil
}

// inTurns orders rows by their place in their workspace, and cuts what is over
// the limit: at most one row of each workspace.
func inTurns(rows []memberRow, limit int) []memberRow {
	var places [][]memberRow
	seen := map[bunstore.UID]int{}
	for _, row := range rows {
		place := seen[row.Workspace]
		seen[row.Workspace]++
		if place == len(places) {
			places = append(places, nil)
		}
		places[place] = append(places[place], row)
	}
	rows = slices.Concat(places...)
	return rows[:min(limit, len(rows))]
}

// claim is the statements of one claim. They name the index where the database
// lets them, since the statistics of a queue are out of date as a rule.
type claim struct {
	dialect bunstore.Dialect
	now     bunstore.Micros
}

// from is the table, read by the index over workspace_id and due_at.
func (c claim) from() bun.Safe {
	const index = "engage_segments_members_due_at_ix"
	switch c.dialect {
	case bunstore.SQLite:
		return "engage_segments_members AS m INDEXED BY " + index
	case bunstore.MariaDB:
		return "engage_segments_members AS m FORCE INDEX (" + index + ")"
	case bunstore.PostgreSQL:
	}
	return "engage_segments_members AS m"
}

// lanes answers the next workspaces after last that have memberships due, and
// goes on from the beginning behind the end.
func (c claim) lanes(db bun.IDB, last bunstore.UID, n int) *bun.RawQuery {
	if c.dialect == bunstore.MariaDB {
		// MariaDB jumps from group to group in the index by itself, and would end a
		// recursion after a thousand rounds.
		lap := func(bound string) string {
			return `(SELECT m.workspace_id FROM ?0 WHERE m.due_at IS NOT NULL AND m.workspace_id ` + bound + ` ?1
				GROUP BY m.workspace_id HAVING MIN(m.due_at) <= ?2 ORDER BY m.workspace_id LIMIT ?3)`
		}
		return db.NewRaw(lap(">")+" UNION ALL "+lap("<=")+" LIMIT ?3", c.from(), last, c.now, n)
	}
	// The order by two columns is one that no other index has, and the first
	// instant, unlike EXISTS, is nothing that PostgreSQL makes a join of.
	jump := func(where string) string {
		return `(SELECT m.workspace_id FROM ?0 WHERE m.due_at IS NOT NULL AND ` + where + ` ORDER BY m.workspace_id, m.due_at LIMIT 1)`
	}
	lap := func(name, first, next string) string {
		return name + ` (workspace_id) AS (SELECT ` + jump(first) + ` UNION ALL
			SELECT ` + jump(next) + ` FROM ` + name + ` AS w WHERE w.workspace_id IS NOT NULL)`
	}
	due := func(name string) string {
		return `SELECT * FROM (SELECT w.workspace_id FROM ` + name + ` AS w WHERE w.workspace_id IS NOT NULL
			AND (SELECT m.due_at FROM ?0 WHERE m.workspace_id = w.workspace_id AND m.due_at IS NOT NULL
				ORDER BY m.due_at LIMIT 1) <= ?2 LIMIT ?3) AS ` + name + `_due`
	}
	return db.NewRaw("WITH RECURSIVE "+
		lap("ahead", "m.workspace_id > ?1", "m.workspace_id > w.workspace_id")+", "+
		lap("behind", "m.workspace_id <= ?1", "m.workspace_id > w.workspace_id AND m.workspace_id <= ?1")+" "+
		due("ahead")+" UNION ALL "+due("behind")+" LIMIT ?3", c.from(), last, c.now, n)
}

// first locks the first memberships of each workspace.
func (c claim) first(db bun.IDB, lanes []bunstore.UID, quantum int) *bun.RawQuery {
	of := func(what, lane string) string {
		return `SELECT ` + what + ` FROM ?0 WHERE m.workspace_id = ` + lane + ` AND m.due_at <= ?1 ORDER BY m.due_at LIMIT ?2`
	}
	args := []any{c.from(), c.now, quantum}
	parts := make([]string, len(lanes))
	for i, lane := range lanes {
		parts[i] = fmt.Sprintf("?%d", len(args))
		args = append(args, lane)
	}
	switch c.dialect {
	case bunstore.MariaDB:
		for i, lane := range parts {
			parts[i] = "(" + of("m.*", lane) + " FOR UPDATE SKIP LOCKED)"
		}
		return db.NewRaw(strings.Join(parts, " UNION ALL "), args...)
	case bunstore.SQLite:
		return db.NewRaw(`WITH w (workspace_id) AS (VALUES (`+strings.Join(parts, "), (")+`))
			SELECT r.* FROM w CROSS JOIN engage_segments_members AS r ON r.rowid IN (`+of("m.rowid", "w.workspace_id")+`) ORDER BY r.due_at`, args...)
	case bunstore.PostgreSQL:
	}
	return db.NewRaw(`SELECT r.* FROM (VALUES (`+strings.Join(parts, "), (")+`)) AS w (workspace_id) CROSS JOIN LATERAL (`+
		of("m.*", "w.workspace_id::uuid")+` FOR UPDATE SKIP LOCKED) AS r`, args...)
}
