package bunmessaging

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/messaging"
	"github.com/uptrace/bun"
)

// key tells the messages of a database apart.
type key struct{ workspace, id bunstore.UID }

// keyRow is what statements answer of a row.
type keyRow struct {
	Workspace bunstore.UID `bun:"workspace_id"`
	ID        bunstore.UID `bun:"id"`
	Token     int64        `bun:"token"`
}

// ClaimPlannedAcross implements messaging.MessageRepositoryAcross.
func (r *Messages) ClaimPlannedAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]messaging.MessageAcross, error) {
	return r.claim(ctx, "bunmessaging.ClaimPlannedAcross", r.planned, shard, now, lease, limit)
}

// ClaimLostAcross implements messaging.MessageRepositoryAcross.
func (r *Messages) ClaimLostAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]messaging.MessageAcross, error) {
	return r.claim(ctx, "bunmessaging.ClaimLostAcross", r.lost, shard, now, lease, limit)
}

// claim locks rows that are due, in turns, and leases them.
func (r *Messages) claim(ctx context.Context, op string, due *bunstore.Turns[messageRow], shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]messaging.MessageAcross, error) {
	db, err := r.store.WriteShard(ctx, shard)
	if err == nil {
		err = checkBatch(op, limit)
	}
	if err != nil {
		return nil, err
	}
	rows, err := due.Take(ctx, db, shard, now, limit)
	if err != nil || len(rows) == 0 {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	claimed := make([]messaging.MessageAcross, len(rows))
	keys := make([][]any, len(rows))
	for i, row := range rows {
		row.Token++
		m, err := row.message()
		if err != nil {
			return nil, err
		}
		claimed[i] = messaging.MessageAcross{Workspace: engage.WorkspaceID(row.Workspace), Message: m}
		keys[i] = []any{row.Workspace, row.ID}
	}
	query := `UPDATE engage_messaging_messages SET token = token + 1, claim_at = ?0 WHERE (workspace_id, id) IN ?1`
	among := any(bunstore.Tuples(keys))
	if r.store.Dialect() == bunstore.PostgreSQL { // which plans a long list in seconds, and VALUES in milliseconds
		query = `UPDATE engage_messaging_messages AS m SET token = m.token + 1, claim_at = ?0
			FROM (VALUES ?1) AS v (workspace_id, id) WHERE m.workspace_id = v.workspace_id::uuid AND m.id = v.id::uuid`
		among = bunstore.Tuples(keys).Rows()
	}
	_, err = db.NewRaw(query, bunstore.Micros(engage.Instant(now.Add(lease))), among).Exec(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	return claimed, nil
}

func checkBatch(op string, items int) error {
	var faults engage.Faults
	if items > engage.MaxBatch {
		faults.Add("items", "too_many", "%d, at most %d a call", items, engage.MaxBatch)
	}
	return faults.Err(op, "")
}

// SaveAcross implements messaging.MessageRepositoryAcross.
func (r *Messages) SaveAcross(ctx context.Context, shard engage.Shard, messages []messaging.MessageAcross) ([]bool, error) {
	const op = "bunmessaging.SaveAcross"
	db, err := r.store.WriteShard(ctx, shard)
	if err == nil {
		err = checkBatch(op, len(messages))
	}
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	rows := make([]messageRow, len(messages))
	for i, m := range messages {
		rows[i] = messageRowOf(m.Workspace, m.Message)
	}
	stored, err := save(ctx, db, r.store.Dialect(), rows)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	saved := make([]bool, len(messages))
	for i, row := range rows {
		saved[i] = stored[key{row.Workspace, row.ID}]
	}
	return saved, nil
}

// moved sets what a save changes, of rows m, to the rows v: the lease of an intent goes on, under its
// token; any other state ends the lease and spends the token.
const moved = ` state = v.to_state, address = v.to_address, attempts = v.to_attempts, repeats = v.to_repeats,
	reason = v.to_reason, failure = v.to_failure, code = v.to_code, provider_id = v.to_provider_id,
	due_at = v.to_due_at?0, intended_at = v.to_intended_at?0, settled_at = v.to_settled_at?0,
	claim_at = CASE v.to_state WHEN 'intended' THEN m.claim_at WHEN 'planned' THEN v.to_due_at?0 END,
	token = CASE v.to_state WHEN 'intended' THEN m.token ELSE m.token + 1 END `

// save writes those rows whose token is still the stored one and answers which
// they were.
func save(ctx context.Context, db bun.IDB, dialect bunstore.Dialect, rows []messageRow) (map[key]bool, error) {
	if dialect == bunstore.MariaDB {
		return saveHeld(ctx, db, rows)
	}
	instant, uid := bun.Safe(""), bun.Safe("")
	if dialect == bunstore.PostgreSQL {
		instant, uid = "::timestamptz", "::uuid"
	}
	all := make(bunstore.Tuples, len(rows))
	for i, row := range rows {
		all[i] = []any{
			row.Workspace, row.ID, row.Token, row.State, row.Address, row.Attempts, row.Repeats,
			row.Reason, row.Failure, row.Code, row.ProviderID, row.DueAt, row.IntendedAt, row.SettledAt,
		}
	}
	var stored []keyRow
	err := db.NewRaw(`WITH v (ws, msg, held, to_state, to_address, to_attempts, to_repeats,
			to_reason, to_failure, to_code, to_provider_id, to_due_at, to_intended_at, to_settled_at) AS (VALUES ?2)
		UPDATE engage_messaging_messages AS m SET`+moved+`FROM v
		WHERE m.workspace_id = v.ws?1 AND m.id = v.msg?1 AND m.token = v.held
		RETURNING workspace_id, id, token`, instant, uid, all.Rows()).Scan(ctx, &stored)
	return keysOf(stored), err
}

// saveHeld is the way of MariaDB, whose UPDATE can't say what it changed: lock
// the rows, then write those that are still held.
func saveHeld(ctx context.Context, db bun.IDB, rows []messageRow) (map[key]bool, error) {
	keys := make(bunstore.Tuples, len(rows))
	for i, row := range rows {
		keys[i] = []any{row.Workspace, row.ID}
	}
	var stored []keyRow
	err := db.NewRaw(`SELECT workspace_id, id, token FROM engage_messaging_messages
		WHERE (workspace_id, id) IN ? ORDER BY workspace_id, id FOR UPDATE`, keys).Scan(ctx, &stored)
	if err != nil {
		return nil, err
	}
	tokens := make(map[key]int64, len(stored))
	for _, row := range stored {
		tokens[key{row.Workspace, row.ID}] = row.Token
	}
	held := make(map[key]bool, len(stored))
	var list [][]any
	for _, row := range rows {
		k := key{row.Workspace, row.ID}
		if token, there := tokens[k]; !there || token != row.Token || held[k] {
			continue
		}
		held[k] = true
		list = append(list, []any{
			hex.EncodeToString(k.workspace[:]), hex.EncodeToString(k.id[:]), row.State, row.Address, row.Attempts, row.Repeats,
			row.Reason, row.Failure, row.Code, row.ProviderID, micros(row.DueAt), micros(row.IntendedAt), micros(row.SettledAt),
		})
	}
	if len(list) == 0 {
		return nil, nil
	}
	document, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	_, err = db.NewRaw(`UPDATE JSON_TABLE(?1, '$[*]' COLUMNS (workspace_id CHAR(32) PATH '$[0]', id CHAR(32) PATH '$[1]',
			to_state VARCHAR(32) PATH '$[2]', to_address VARCHAR(255) PATH '$[3]', to_attempts INT PATH '$[4]', to_repeats INT PATH '$[5]',
			to_reason VARCHAR(32) PATH '$[6]', to_failure VARCHAR(32) PATH '$[7]', to_code VARCHAR(255) PATH '$[8]', to_provider_id VARCHAR(255) PATH '$[9]',
			to_due_at BIGINT PATH '$[10]', to_intended_at BIGINT PATH '$[11]', to_settled_at BIGINT PATH '$[12]')) AS v
		STRAIGHT_JOIN engage_messaging_messages AS m ON m.workspace_id = UNHEX(v.workspace_id) AND m.id = UNHEX(v.id)
		SET`+moved, bun.Safe(""), bunstore.Text(document)).Exec(ctx)
	return held, err
}

// micros is an instant as JSON has it: null for none.
func micros(m bunstore.Micros) any {
	if m.IsZero() {
		return nil
	}
	return m.Time().UnixMicro()
}

func keysOf(rows []keyRow) map[key]bool {
	keys := make(map[key]bool, len(rows))
	for _, row := range rows {
		keys[key{row.Workspace, row.ID}] = true
	}
	return keys
}
