package bunautomation

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/automation"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// runKey names a run among all workspaces.
type runKey struct{ workspace, run bunstore.UID }

func (r runRow) key() runKey { return runKey{r.Workspace, r.ID} }

// SaveAcross implements automation.RunRepositoryAcross: one update of all runs,
// and one insert of their lines. On MariaDB, which does not tell which rows an
// update met, the runs are locked and looked at before.
func (r *Runs) SaveAcross(ctx context.Context, shard engage.Shard, progress []automation.Progress) ([]bool, error) {
	const op = "bunautomation.SaveAcross"
	db, err := r.store.WriteShard(ctx, shard)
	if err != nil {
		return nil, err
	}
	if len(progress) > engage.MaxBatch {
		var faults engage.Faults
		faults.Add("items", "too_many", "%d, at most %d a call", len(progress), engage.MaxBatch)
		return nil, faults.Err(op, "")
	}
	saved := make([]bool, len(progress))
	if len(progress) == 0 {
		return saved, nil
	}
	rows := make([]runRow, len(progress))
	for i, p := range progress {
		rows[i] = runRowOf(p.Workspace, p.Run)
	}
	slices.SortFunc(rows, runRow.compare)
	stored := make(map[runKey]bool, len(rows))
	for chunk := range chunks(rows, runRow.size) {
		keys, err := r.saveChunk(ctx, db, chunk)
		if err != nil {
			return nil, bunstore.MapError(ctx, op, "", err)
		}
		for _, key := range keys {
			stored[key] = true
		}
	}
	var steps []stepRow
	for i, p := range progress {
		if saved[i] = stored[runKey{bunstore.UID(p.Workspace), bunstore.UID(p.Run.ID)}]; saved[i] {
			for _, step := range p.Steps {
				steps = append(steps, stepRowOf(p.Workspace, step))
			}
		}
	}
	return saved, bunstore.MapError(ctx, op, "", r.insertSteps(ctx, db, steps))
}

// saveChunk updates runs that are still as they were claimed, and answers which
// those were.
func (r *Runs) saveChunk(ctx context.Context, db bun.IDB, rows []runRow) ([]runKey, error) {
	switch r.store.Dialect() {
	case bunstore.PostgreSQL:
		return r.saveArrays(ctx, db, rows)
	case bunstore.SQLite:
		return saveDocument(ctx, db, rows)
	case bunstore.MariaDB:
	}
	return saveLocked(ctx, db, rows)
}

// setState is what a save changes of a run, by the row v.
const setState = `state = v.state, node = v.node, visits = v.visits, waited = v.waited, attempts = v.attempts, last_error = v.last_error,
	due_at = v.due_at, ended_at = v.ended_at, logged = v.logged, token = v.token + 1, claim_at = v.claim_at`

// saveRuns answers how many runs it saved, and which unless all were.
const saveRuns = `WITH v AS (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::int[], $7::boolean[], $8::int[],
		$9::text[], $10::timestamptz[], $11::timestamptz[], $12::int[], $13::timestamptz[])
		AS u (workspace_id, id, token, state, node, visits, waited, attempts, last_error, due_at, ended_at, logged, claim_at)),
	saved AS (UPDATE engage_automation_runs AS r SET ` + setState + ` FROM v
		WHERE r.workspace_id = v.workspace_id AND r.id = v.id AND r.token = v.token AND r.state = 'running' RETURNING r.workspace_id, r.id)
	SELECT count(*), CASE WHEN count(*) < ($14::bigint[])[1] THEN string_agg(encode(uuid_send(workspace_id) || uuid_send(id), 'hex'), '') END FROM saved`

func (r *Runs) saveArrays(ctx context.Context, db bun.IDB, rows []runRow) ([]runKey, error) {
	workspaces, ids, tokens := make([]bunstore.UID, len(rows)), make([]bunstore.UID, len(rows)), make([]int64, len(rows))
	states, nodes, failures := make([]bunstore.Text, len(rows)), make([]bunstore.Key, len(rows)), make([]bunstore.Text, len(rows))
	visits, attempts, logged := make([]int, len(rows)), make([]int, len(rows)), make([]int, len(rows))
	waited, due := make([]bool, len(rows)), make([]bunstore.Micros, len(rows))
	ended, claim := make([]bunstore.Micros, len(rows)), make([]bunstore.Micros, len(rows))
	for i, row := range rows {
		workspaces[i], ids[i], tokens[i] = row.Workspace, row.ID, row.Token
		states[i], nodes[i], failures[i] = row.State, row.Node, row.LastError
		visits[i], attempts[i], logged[i], waited[i] = row.Visits, row.Attempts, row.Logged, row.Waited
		due[i], ended[i], claim[i] = row.DueAt, row.EndedAt, row.ClaimAt
	}
	result, err := r.store.QueryArrays(ctx, db, saveRuns, workspaces, ids, tokens, states, nodes, visits, waited, attempts,
		failures, due, ended, logged, claim, []int64{int64(len(rows))})
	if err != nil {
		return nil, err
	}
	var count int
	var packed sql.NullString
	if result.Next() {
		err = result.Scan(&count, &packed)
	}
	if err = errors.Join(err, result.Err(), result.Close()); err != nil || !packed.Valid {
		return keysOf(rows[:count]), err
	}
	raw, err := hex.DecodeString(packed.String)
	var saved []runKey
	for pair := range slices.Chunk(raw, 32) {
		saved = append(saved, runKey{bunstore.UID(pair[:16]), bunstore.UID(pair[16:])})
	}
	return saved, err
}

// jsonRun is a row as SQLite and MariaDB read it from one document, which SQLite
// reads in less time than as many rows of SQL: [workspace, id, token, state, …].
type jsonRun [13]any

// documentOf is rows as one document. Text that a row refuses is refused in it.
func documentOf(rows []runRow) (bunstore.JSON, error) {
	list := make([]jsonRun, len(rows))
	for i, r := range rows {
		list[i] = jsonRun{
			hex.EncodeToString(r.Workspace[:]), hex.EncodeToString(r.ID[:]), r.Token, r.State, r.Node, r.Visits, r.Waited, r.Attempts,
			r.LastError, microsOf(r.DueAt), microsOf(r.EndedAt), r.Logged, microsOf(r.ClaimAt),
		}
	}
	return bunstore.JSONOf(list)
}

// saveDocument is the way of SQLite.
func saveDocument(ctx context.Context, db bun.IDB, rows []runRow) ([]runKey, error) {
	document, err := documentOf(rows)
	if err != nil {
		return nil, err
	}
	var saved []runRow
	// The IN leads SQLite to the rows by their key: given the join alone, it reads
	// every run and looks for each among the values.
	err = db.NewRaw(`WITH v AS MATERIALIZED (SELECT unhex(value->>0) AS workspace_id, unhex(value->>1) AS id, value->>2 AS token, value->>3 AS state,
			value->>4 AS node, value->>5 AS visits, value->>6 AS waited, value->>7 AS attempts, value->>8 AS last_error,
			value->>9 AS due_at, value->>10 AS ended_at, value->>11 AS logged, value->>12 AS claim_at FROM json_each(?))
		UPDATE engage_automation_runs AS r SET `+setState+` FROM v
		WHERE (r.workspace_id, r.id) IN (SELECT workspace_id, id FROM v)
			AND r.workspace_id = v.workspace_id AND r.id = v.id AND r.token = v.token AND r.state = 'running'
		RETURNING workspace_id, id`, document).Scan(ctx, &saved)
	return keysOf(saved), err
}

func keysOf(rows []runRow) []runKey {
	keys := make([]runKey, len(rows))
	for i, row := range rows {
		keys[i] = row.key()
	}
	return keys
}

// saveLocked is the way of MariaDB.
func saveLocked(ctx context.Context, db bun.IDB, rows []runRow) ([]runKey, error) {
	var locked []runRow
	err := db.NewRaw("SELECT r.workspace_id, r.id, r.token FROM ? WHERE r.state = 'running' FOR UPDATE", runsByKey(rows)).Scan(ctx, &locked)
	if err != nil {
		return nil, err
	}
	tokens := make(map[runKey]int64, len(locked))
	for _, row := range locked {
		tokens[row.key()] = row.Token
	}
	rows = slices.DeleteFunc(rows, func(row runRow) bool {
		token, running := tokens[row.key()]
		return !running || token != row.Token
	})
	if len(rows) == 0 {
		return nil, nil
	}
	document, err := documentOf(rows)
	if err != nil {
		return nil, err
	}
	_, err = db.ExecContext(ctx, `UPDATE JSON_TABLE(?, '$[*]' COLUMNS (
			workspace_id CHAR(32) PATH '$[0]', id CHAR(32) PATH '$[1]', state VARCHAR(32) PATH '$[3]', node VARCHAR(255) PATH '$[4]',
			visits INT PATH '$[5]', waited BOOLEAN PATH '$[6]', attempts INT PATH '$[7]', last_error TEXT PATH '$[8]',
			due_at BIGINT PATH '$[9]', ended_at BIGINT PATH '$[10]', logged INT PATH '$[11]', claim_at BIGINT PATH '$[12]')) AS v
		STRAIGHT_JOIN engage_automation_runs AS r ON r.workspace_id = UNHEX(v.workspace_id) AND r.id = UNHEX(v.id)
		SET r.state = v.state, r.node = v.node, r.visits = v.visits, r.waited = v.waited, r.attempts = v.attempts, r.last_error = v.last_error,
			r.due_at = v.due_at, r.ended_at = v.ended_at, r.logged = v.logged, r.token = r.token + 1, r.claim_at = v.claim_at`, document)
	return keysOf(rows), err
}

// runsByKey are the runs r of rows, in their order, as MariaDB finds them by key
// whatever it thinks of a long IN.
func runsByKey(rows []runRow) schema.QueryWithArgs {
	keys := []byte{'['}
	for i, row := range rows {
		if i > 0 {
			keys = append(keys, ',')
		}
		keys = fmt.Appendf(keys, `["%x","%x"]`, row.Workspace[:], row.ID[:])
	}
	return bun.SafeQuery(`JSON_TABLE(?, '$[*]' COLUMNS (workspace_id CHAR(32) PATH '$[0]', id CHAR(32) PATH '$[1]')) AS k
		STRAIGHT_JOIN engage_automation_runs AS r ON r.workspace_id = UNHEX(k.workspace_id) AND r.id = UNHEX(k.id)`, string(append(keys, ']')))
}

// microsOf is an instant as MariaDB stores it.
func microsOf(m bunstore.Micros) any {
	if m.IsZero() {
		return nil
	}
	return m.Time().UnixMicro()
}
