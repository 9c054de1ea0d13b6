package bunstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// maxLanes is the number of workspaces that take part in one claim. More would
// make MariaDB open its table as often in one statement.
const maxLanes = 256

// Due says in which table, and by which of its columns, rows of all workspaces
// come due.
type Due struct {
	Table string
	// Index is over State, if there is one, workspace_id and Column, or over more
	// behind these. It may leave out the rows whose Column is NULL.
	Index  string
	Column string // an instant; NULL: never due
	// State is the column that the index begins with, and Value what it holds of
	// the rows that are meant; "": the index begins with workspace_id.
	State string
	Value any
}

// Turns finds rows that are due, of model R: workspaces take turns, so that a
// flood waits behind its own workspace, and more workspaces than a claim takes
// all come up. It is safe for concurrent use.
//
// The cost of a claim does not grow with the rows that wait. It grows with the
// workspaces that have any, due or not, by two probes of the index each (some
// 10 µs), up to where it has found enough of them; on MariaDB all are probed.
type Turns[R any] struct {
	due       Due
	workspace func(R) UID

	mu   sync.Mutex
	last map[engage.Shard]UID // where the turns of this process stand
}

// NewTurns makes turns of a table. workspace is a row's.
func NewTurns[R any](due Due, workspace func(R) UID) *Turns[R] {
	return &Turns[R]{due: due, workspace: workspace, last: map[engage.Shard]UID{}}
}

// Take locks rows that are due at now, at most limit, and passes over those that
// another transaction holds. Each workspace that has some gets an equal share, so
// fewer than limit come back when one has less than that; nothing comes back only
// if nothing is due and free.
func (t *Turns[R]) Take(ctx context.Context, db bun.IDB, shard engage.Shard, now time.Time, limit int) ([]R, error) {
	if limit <= 0 {
		return nil, nil
	}
	c := claim{Due: t.due, dialect: DialectOf(db), now: Micros(now)}
	t.mu.Lock()
	last := t.last[shard]
	t.mu.Unlock()
	var lanes []UID
	if err := c.lanes(db, last, min(limit, maxLanes)).Scan(ctx, &lanes); err != nil || len(lanes) == 0 {
		return nil, err
	}
	var rows []R
	if err := c.first(db, lanes, (limit+len(lanes)-1)/len(lanes)).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	rows = t.inTurns(rows, limit)
	last = lanes[len(lanes)-1]
	if len(rows) > 0 {
		last = t.workspace(rows[len(rows)-1])
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last[shard] = last
	return rows, nil
}

// inTurns orders rows by their place in their workspace, and cuts what is over
// the limit: at most one row of each workspace.
func (t *Turns[R]) inTurns(rows []R, limit int) []R {
	var places [][]R
	seen := map[UID]int{}
	for _, row := range rows {
		place := seen[t.workspace(row)]
		seen[t.workspace(row)]++
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
	Due
	dialect Dialect
	now     Micros
}

// from is the table, read by its index.
func (c claim) from() bun.Safe {
	switch c.dialect {
	case SQLite:
		return bun.Safe(c.Table + " AS m INDEXED BY " + c.Index)
	case MariaDB:
		return bun.Safe(c.Table + " AS m FORCE INDEX (" + c.Index + ")")
	case PostgreSQL:
	}
	return bun.Safe(c.Table + " AS m")
}

// query writes a statement in which {due} is the column that says when, {meant}
// the condition of the rows that are meant, and {state} the column of that. Its
// arguments are the table, {meant}'s value, the time, and more.
func (c claim) query(db bun.IDB, query string, args ...any) *bun.RawQuery {
	var meant, state string
	if c.State != "" {
		meant, state = "m."+c.State+" = ?1 AND ", "m."+c.State+", "
	}
	query = strings.NewReplacer("{due}", "m."+c.Column, "{meant} ", meant, "{state} ", state).Replace(query)
	return db.NewRaw(query, append([]any{c.from(), c.Value, c.now}, args...)...)
}

// lanes answers the next workspaces after last that have rows due, and goes on
// from the beginning behind the end.
func (c claim) lanes(db bun.IDB, last UID, n int) *bun.RawQuery {
	if c.dialect == MariaDB {
		// MariaDB jumps from group to group in the index by itself. In a recursion it
		// would read everything before the group each time, and end after a thousand.
		return c.query(db, `SELECT m.workspace_id FROM ?0 WHERE {meant} {due} IS NOT NULL GROUP BY {state} m.workspace_id
			HAVING MIN({due}) <= ?2 ORDER BY m.workspace_id <= ?3, m.workspace_id LIMIT ?4`, last, n)
	}
	// The order by two columns is one that no other index has, and the first
	// instant, unlike EXISTS, is nothing that PostgreSQL makes a join of.
	jump := func(where string) string {
		return `(SELECT m.workspace_id FROM ?0 WHERE {meant} {due} IS NOT NULL AND ` + where + ` ORDER BY m.workspace_id, {due} LIMIT 1)`
	}
	lap := func(name, first, next string) string {
		return name + ` (workspace_id) AS (SELECT ` + jump(first) + ` UNION ALL
			SELECT ` + jump(next) + ` FROM ` + name + ` AS w WHERE w.workspace_id IS NOT NULL)`
	}
	due := func(name string) string {
		return `SELECT * FROM (SELECT w.workspace_id FROM ` + name + ` AS w WHERE w.workspace_id IS NOT NULL
			AND (SELECT {due} FROM ?0 WHERE {meant} m.workspace_id = w.workspace_id AND {due} IS NOT NULL
				ORDER BY {due} LIMIT 1) <= ?2 LIMIT ?4) AS ` + name + `_due`
	}
	return c.query(db, "WITH RECURSIVE "+
		lap("ahead", "m.workspace_id > ?3", "m.workspace_id > w.workspace_id")+", "+
		lap("behind", "m.workspace_id <= ?3", "m.workspace_id > w.workspace_id AND m.workspace_id <= ?3")+" "+
		due("ahead")+" UNION ALL "+due("behind")+" LIMIT ?4", last, n)
}

// first locks the first rows of each workspace.
func (c claim) first(db bun.IDB, lanes []UID, quantum int) *bun.RawQuery {
	first := func(what, lane string) string {
		return `SELECT ` + what + ` FROM ?0 WHERE {meant} m.workspace_id = ` + lane + ` AND {due} <= ?2 ORDER BY {due} LIMIT ?3`
	}
	if c.dialect == MariaDB {
		parts, args := make([]string, len(lanes)), []any{quantum}
		for i, lane := range lanes {
			parts[i] = "(" + first("m.*", fmt.Sprintf("?%d", 4+i)) + " FOR UPDATE SKIP LOCKED)"
			args = append(args, lane)
		}
		return c.query(db, strings.Join(parts, " UNION ALL "), args...)
	}
	list := make(Tuples, len(lanes))
	for i, lane := range lanes {
		list[i] = []any{lane}
	}
	if c.dialect == SQLite {
		return c.query(db, `WITH w (workspace_id) AS (VALUES ?4) SELECT r.* FROM w CROSS JOIN `+c.Table+` AS r
			ON r.rowid IN (`+first("m.rowid", "w.workspace_id")+`) ORDER BY r.`+c.Column, quantum, list.Rows())
	}
	return c.query(db, `SELECT r.* FROM (VALUES ?4) AS w (workspace_id) CROSS JOIN LATERAL (`+
		first("m.*", "w.workspace_id::uuid")+` FOR UPDATE SKIP LOCKED) AS r`, quantum, list.Rows())
}
