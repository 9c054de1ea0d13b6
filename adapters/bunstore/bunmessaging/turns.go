package bunmessaging

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/messaging"
	"github.com/uptrace/bun"
)

// maxLanes is the number of workspaces that take part in one claim. More would
// make MariaDB open its table as often in one statement.
const maxLanes = 256

// turns finds messages of a state that are due: workspaces take turns, so that a
// flood waits behind its own workspace, and more workspaces than a claim takes
// all come up. It is safe for concurrent use.
//
// The cost of a claim does not grow with the messages that wait. It grows with
// the workspaces that have any, due or not, by two probes of the index each
// (some 10 µs), until it has found enough of them; on MariaDB all are probed.
type turns struct {
	state messaging.State

	mu   sync.Mutex
	last map[engage.Shard]bunstore.UID // where the turns of this process stand
}

// take locks messages that are due at now, at most limit, and passes over those
// that another transaction holds. Each workspace that has some gets an equal
// share, so fewer than limit come back when one has less than that; nothing
// comes back only if nothing is due and free.
func (t *turns) take(ctx context.Context, db bun.IDB, shard engage.Shard, now time.Time, limit int) ([]messageRow, error) {
	if limit <= 0 {
		return nil, nil
	}
	q := turn{dialect: bunstore.DialectOf(db), state: bunstore.Text(t.state), now: bunstore.Micros(now)}
	t.mu.Lock()
	last := t.last[shard]
	t.mu.Unlock()
	var lanes []bunstore.UID
	if err := q.lanes(db, last, min(limit, maxLanes)).Scan(ctx, &lanes); err != nil || len(lanes) == 0 {
		return nil, err
	}
	var rows []messageRow
	if err := q.take(db, lanes, (limit+len(lanes)-1)/len(lanes)).Scan(ctx, &rows); err != nil {
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
func inTurns(rows []messageRow, limit int) []messageRow {
	var places [][]messageRow
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

// turn is the statements of one claim. They name the index where the database
// lets them, since the statistics of a queue are out of date as a rule.
type turn struct {
	dialect bunstore.Dialect
	state   bunstore.Text
	now     bunstore.Micros
}

// from is the table, read by the index over state, workspace_id and claim_at.
func (q turn) from() string {
	const index = "engage_messaging_messages_state_claim_at_ix"
	switch q.dialect {
	case bunstore.SQLite:
		return "engage_messaging_messages AS m INDEXED BY " + index
	case bunstore.MariaDB:
		return "engage_messaging_messages AS m FORCE INDEX (" + index + ")"
	case bunstore.PostgreSQL:
	}
	return "engage_messaging_messages AS m"
}

// lanes answers the next workspaces after last that have messages due, and goes
// on from the beginning behind the end.
func (q turn) lanes(db bun.IDB, last bunstore.UID, n int) *bun.RawQuery {
	from := bun.Safe(q.from())
	if q.dialect == bunstore.MariaDB {
		// MariaDB jumps from group to group in the index by itself. In a recursion it
		// would read everything before the group each time, and end after a thousand.
		return db.NewRaw(`SELECT m.workspace_id FROM ?0 WHERE m.state = ?1 GROUP BY m.state, m.workspace_id
			HAVING MIN(m.claim_at) <= ?3 ORDER BY m.workspace_id <= ?2, m.workspace_id LIMIT ?4`, from, q.state, last, q.now, n)
	}
	// The order by two columns is one that no other index has, and the first
	// message's instant, unlike EXISTS, is nothing that PostgreSQL makes a join of.
	jump := func(where string) string {
		return `(SELECT m.workspace_id FROM ?0 WHERE m.state = ?1 AND m.claim_at IS NOT NULL AND ` + where + `
			ORDER BY m.workspace_id, m.claim_at LIMIT 1)`
	}
	lap := func(name, first, next string) string {
		return name + ` (workspace_id) AS (SELECT ` + jump(first) + ` UNION ALL
			SELECT ` + jump(next) + ` FROM ` + name + ` AS w WHERE w.workspace_id IS NOT NULL)`
	}
	due := func(name string) string {
		return `SELECT * FROM (SELECT w.workspace_id FROM ` + name + ` AS w WHERE w.workspace_id IS NOT NULL
			AND (SELECT m.claim_at FROM ?0 WHERE m.state = ?1 AND m.workspace_id = w.workspace_id AND m.claim_at IS NOT NULL
				ORDER BY m.claim_at LIMIT 1) <= ?3 LIMIT ?4) AS ` + name + `_due`
	}
	return db.NewRaw("WITH RECURSIVE "+
		lap("ahead", "m.workspace_id > ?2", "m.workspace_id > w.workspace_id")+", "+
		lap("behind", "m.workspace_id <= ?2", "m.workspace_id > w.workspace_id AND m.workspace_id <= ?2")+" "+
		due("ahead")+" UNION ALL "+due("behind")+" LIMIT ?4", from, q.state, last, q.now, n)
}

// take locks the first messages of each workspace.
func (q turn) take(db bun.IDB, lanes []bunstore.UID, quantum int) *bun.RawQuery {
	first := func(what, lane string) string {
		return `SELECT ` + what + ` FROM ?0 WHERE m.state = ?1 AND m.workspace_id = ` + lane + ` AND m.claim_at <= ?2
			ORDER BY m.claim_at LIMIT ?3`
	}
	args := []any{bun.Safe(q.from()), q.state, q.now, quantum}
	if q.dialect == bunstore.MariaDB {
		parts := make([]string, len(lanes))
		for i, lane := range lanes {
			parts[i] = "(" + first("m.*", fmt.Sprintf("?%d", len(args))) + " FOR UPDATE SKIP LOCKED)"
			args = append(args, lane)
		}
		return db.NewRaw(strings.Join(parts, " UNION ALL "), args...)
	}
	list := make(values, len(lanes))
	for i, lane := range lanes {
		list[i] = []any{lane}
	}
	args = append(args, list)
	if q.dialect == bunstore.SQLite {
		return db.NewRaw(`WITH w (workspace_id) AS (VALUES ?4) SELECT r.* FROM w CROSS JOIN engage_messaging_messages AS r
			ON r.rowid IN (`+first("m.rowid", "w.workspace_id")+`) ORDER BY r.claim_at`, args...)
	}
	return db.NewRaw(`SELECT r.* FROM (VALUES ?4) AS w (workspace_id) CROSS JOIN LATERAL (`+
		first("m.*", "w.workspace_id::uuid")+` FOR UPDATE SKIP LOCKED) AS r`, args...)
}
