package bunautomation

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/automation"
	"github.com/uptrace/bun"
)

// maxLanes is the number of workflows that a claim takes runs of, the longest
// waiting first. SQLite takes 500 terms in a compound SELECT.
const maxLanes = 400

// lane is a workflow that is not paused, with runs that may be claimed.
type lane struct {
	Workspace bunstore.UID    `bun:"workspace_id"`
	Workflow  bunstore.UID    `bun:"workflow_id"`
	Head      bunstore.Micros `bun:"head"` // since when the first of them may be
	Due       int             `bun:"due"`  // how many are, as far as is known
	Paused    bool            `bun:"paused"`

	quota int // how many are asked for
	given int // how many it gave without a lease, and would give again
}

// laneKey names a lane.
type laneKey struct{ workspace, workflow bunstore.UID }

func (l lane) key() laneKey { return laneKey{l.Workspace, l.Workflow} }

// ClaimDueAcross implements automation.RunRepositoryAcross.
func (r *Runs) ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]automation.RunAcross, error) {
	const op = "bunautomation.ClaimDueAcross"
	db, err := r.store.WriteShard(ctx, shard)
	if err != nil || limit <= 0 {
		return nil, err
	}
	lanes, deep, err := r.lanes(ctx, db, now, limit)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	take := taking{r: r, db: db, now: bunstore.Micros(now)}
	if lease > 0 {
		take.until = bunstore.Micros(engage.Instant(now.Add(lease)))
	}
	var rows []runRow
	had := map[runKey]bool{}
	// A lane that has less than its share leaves room for those that have more.
	for range 2 {
		share(lanes, limit-len(rows))
		lanes = slices.DeleteFunc(lanes, func(l lane) bool { return l.quota == 0 })
		if len(lanes) == 0 {
			break
		}
		taken, err := take.from(ctx, lanes)
		if err != nil {
			return nil, bunstore.MapError(ctx, op, "", err)
		}
		fresh := taken[:0]
		for _, row := range taken {
			if !had[row.key()] && len(rows)+len(fresh) < limit {
				had[row.key()], fresh = true, append(fresh, row)
			}
		}
		rows = append(rows, fresh...)
		if !deep || len(rows) == limit {
			break
		}
		lanes = take.unexhausted(lanes, fresh)
	}
	claimed := make([]automation.RunAcross, len(rows))
	for i, row := range rows {
		run, err := row.run()
		if err != nil {
			return nil, err
		}
		claimed[i] = automation.RunAcross{Workspace: engage.WorkspaceID(row.Workspace), Run: run}
	}
	return claimed, nil
}

// nextRuns are the workflows of the runs that may be claimed next.
const nextRuns = `SELECT d.workspace_id, d.workflow_id, d.head, d.due, COALESCE(w.state, '') = 'paused' AS paused
	FROM (SELECT n.workspace_id, n.workflow_id, MIN(n.claim_at) AS head, COUNT(*) AS due
		FROM (SELECT workspace_id, workflow_id, claim_at FROM engage_automation_runs WHERE claim_at <= ? ORDER BY claim_at LIMIT ?) AS n
		GROUP BY n.workspace_id, n.workflow_id) AS d
	LEFT JOIN engage_automation_workflows AS w ON w.workspace_id = d.workspace_id AND w.id = d.workflow_id
	ORDER BY d.head`

// lanes answers what runs may be claimed of, the longest waiting first. deep says
// that there are more of them than were counted.
func (r *Runs) lanes(ctx context.Context, db bun.IDB, now time.Time, limit int) (lanes []lane, deep bool, err error) {
	if err := db.NewRaw(nextRuns, bunstore.Micros(now), limit).Scan(ctx, &lanes); err != nil {
		return nil, false, err
	}
	total := 0
	for _, l := range lanes {
		total += l.Due
	}
	if deep = total >= limit; deep {
		// The next ones may be one workspace's flood, or all be paused.
		lanes = nil
		if err := db.NewRaw(everyLane[r.store.Dialect()], bunstore.Micros(now), maxLanes).Scan(ctx, &lanes); err != nil {
			return nil, false, err
		}
		for i := range lanes {
			lanes[i].Due = limit
		}
	}
	lanes = slices.DeleteFunc(lanes, func(l lane) bool { return l.Paused })
	return lanes[:min(len(lanes), maxLanes)], deep, nil
}

// everyLane jumps from one workflow with running runs to the next, in an index
// that begins with them, and answers those with runs that may be claimed.
var everyLane = map[bunstore.Dialect]string{
	bunstore.PostgreSQL: `WITH RECURSIVE l AS (
			(SELECT workspace_id, workflow_id, claim_at FROM engage_automation_runs
				WHERE claim_at IS NOT NULL ORDER BY workspace_id, workflow_id, claim_at LIMIT 1)
			UNION ALL
			SELECT n.workspace_id, n.workflow_id, n.claim_at FROM l CROSS JOIN LATERAL (
				SELECT r.workspace_id, r.workflow_id, r.claim_at FROM engage_automation_runs AS r
				WHERE r.claim_at IS NOT NULL AND (r.workspace_id, r.workflow_id) > (l.workspace_id, l.workflow_id)
				ORDER BY r.workspace_id, r.workflow_id, r.claim_at LIMIT 1) AS n
		)` + dueLanes,
	bunstore.SQLite: `WITH RECURSIVE l (workspace_id, workflow_id, claim_at) AS (
			SELECT * FROM (SELECT workspace_id, workflow_id, claim_at FROM engage_automation_runs
				WHERE claim_at IS NOT NULL ORDER BY workspace_id, workflow_id, claim_at LIMIT 1)
			UNION ALL
			SELECT n.workspace_id, n.workflow_id, n.claim_at FROM l JOIN engage_automation_runs AS n ON n.rowid = (
				SELECT r.rowid FROM engage_automation_runs AS r
				WHERE r.claim_at IS NOT NULL AND (r.workspace_id, r.workflow_id) > (l.workspace_id, l.workflow_id)
				ORDER BY r.workspace_id, r.workflow_id, r.claim_at LIMIT 1)
		)` + dueLanes,
	// MariaDB jumps by itself when it groups by an index's first columns. It has no
	// partial indexes, so it meets workflows whose runs have all ended, too.
	bunstore.MariaDB: `WITH l AS (SELECT workspace_id, workflow_id, MIN(claim_at) AS claim_at FROM engage_automation_runs
			GROUP BY workspace_id, workflow_id)` + dueLanes,
}

const dueLanes = `
	SELECT l.workspace_id, l.workflow_id, l.claim_at AS head, COALESCE(w.state, '') = 'paused' AS paused FROM l
	LEFT JOIN engage_automation_workflows AS w ON w.workspace_id = l.workspace_id AND w.id = l.workflow_id
	WHERE l.claim_at <= ? AND COALESCE(w.state, '') <> 'paused' ORDER BY l.claim_at LIMIT ?`

// share gives out a number of runs to lanes: to each workspace one in turn, and
// within it to each of its workflows in turn, as far as they have some.
func share(lanes []lane, runs int) {
	var order [][]*lane
	at := map[bunstore.UID]int{}
	for i := range lanes {
		l := &lanes[i]
		l.quota = 0
		n, known := at[l.Workspace]
		if !known {
			n = len(order)
			at[l.Workspace], order = n, append(order, nil)
		}
		order[n] = append(order[n], l)
	}
	for len(order) > 0 && runs > 0 {
		for i := range order {
			if runs == 0 {
				break
			}
			next := order[i][0]
			next.quota++
			runs--
			order[i] = order[i][1:]
			if next.quota < next.Due {
				order[i] = append(order[i], next)
			}
		}
		order = slices.DeleteFunc(order, func(waiting []*lane) bool { return len(waiting) == 0 })
	}
}

// taking is a claim under way.
type taking struct {
	r     *Runs
	db    bun.IDB
	now   bunstore.Micros
	until bunstore.Micros // the end of the lease; zero: of the transaction
}

// from claims each lane's quota of runs, the longest waiting first, and answers
// them as they are then. Runs that another worker is claiming are passed over.
func (t taking) from(ctx context.Context, lanes []lane) (rows []runRow, err error) {
	dialect := t.r.store.Dialect()
	switch {
	case dialect == bunstore.PostgreSQL && t.until.IsZero():
		err = t.db.NewRaw(`WITH l (workspace_id, workflow_id, quota) AS (?)
			SELECT `+qualified("t")+` FROM l CROSS JOIN LATERAL (`+lanesRuns+`) AS t`, quotas(lanes), t.now).Scan(ctx, &rows)
		return rows, err
	case dialect == bunstore.PostgreSQL:
		err = t.db.NewRaw(`WITH l (workspace_id, workflow_id, quota) AS (?),
			taken AS (SELECT t.workspace_id, t.id FROM l CROSS JOIN LATERAL (`+lanesRuns+`) AS t)
			UPDATE engage_automation_runs AS r SET token = r.token + 1, claim_at = ? FROM taken
			WHERE r.workspace_id = taken.workspace_id AND r.id = taken.id RETURNING `+qualified("r"), quotas(lanes), t.now, t.until).Scan(ctx, &rows)
		return rows, err
	case dialect == bunstore.SQLite && !t.until.IsZero():
		err = t.db.NewRaw(`UPDATE engage_automation_runs SET token = token + 1, claim_at = ? WHERE rowid IN (?) RETURNING `+runColumns,
			t.until, t.union(lanes, "rowid")).Scan(ctx, &rows)
		return rows, err
	}
	err = t.db.NewRaw("?", t.union(lanes, runColumns)).Scan(ctx, &rows)
	if err != nil || len(rows) == 0 || t.until.IsZero() {
		return rows, err
	}
	slices.SortFunc(rows, runRow.compare)
	for i := range rows {
		rows[i].Token++
		rows[i].ClaimAt = t.until
	}
	_, err = t.db.ExecContext(ctx, "UPDATE ? SET r.token = r.token + 1, r.claim_at = ?", runsByKey(rows), t.until)
	return rows, err
}

// unexhausted are the lanes that gave all they were asked for.
func (t taking) unexhausted(lanes []lane, taken []runRow) (left []lane) {
	got := map[laneKey]int{}
	for _, row := range taken {
		got[laneKey{row.Workspace, row.WorkflowID}]++
	}
	for _, l := range lanes {
		if got[l.key()] < l.quota {
			continue
		}
		if t.until.IsZero() {
			l.given += l.quota
		}
		left = append(left, l)
	}
	return left
}

// lanesRuns are the next runs of a lane l on PostgreSQL.
const lanesRuns = `SELECT r.* FROM engage_automation_runs AS r
	WHERE r.workspace_id = l.workspace_id AND r.workflow_id = l.workflow_id AND r.claim_at <= ?
	ORDER BY r.claim_at LIMIT l.quota FOR UPDATE SKIP LOCKED`

// qualified are runColumns of an alias.
func qualified(alias string) string {
	return alias + "." + strings.ReplaceAll(runColumns, ", ", ", "+alias+".")
}

// quotas are lanes as rows of values.
func quotas(lanes []lane) tuples {
	rows := make(tuples, len(lanes))
	for i, l := range lanes {
		rows[i] = []any{l.Workspace, l.Workflow, l.given + l.quota}
	}
	return rows
}

// union joins the queries of the lanes' next runs, on SQLite and MariaDB.
func (t taking) union(lanes []lane, columns string) any {
	query := "(SELECT " + columns + ` FROM engage_automation_runs WHERE workspace_id = ? AND workflow_id = ? AND claim_at <= ?
		ORDER BY claim_at LIMIT ? FOR UPDATE SKIP LOCKED)`
	if t.r.store.Dialect() == bunstore.SQLite {
		query = "SELECT * FROM " + strings.Replace(query, " FOR UPDATE SKIP LOCKED", "", 1)
	}
	parts := make([]any, len(lanes))
	for i, l := range lanes {
		parts[i] = bun.SafeQuery(query, l.Workspace, l.Workflow, t.now, l.given+l.quota)
	}
	return bun.SafeQuery(strings.Repeat("? UNION ALL ", len(lanes)-1)+"?", parts...)
}
