package main

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// floorPublish inserts slices as they are, in one statement and transaction.
func floorPublish(ctx context.Context, db *sql.DB, store string, ws, id func() [16]byte, slices [][]byte, events int) error {
	literal := func(b []byte) string {
		if store == "postgres" {
			return "'\\x" + hex.EncodeToString(b) + "'"
		}
		return "X'" + hex.EncodeToString(b) + "'"
	}
	uid := func(b [16]byte) string {
		if store == "postgres" {
			return "'" + hex.EncodeToString(b[:]) + "'"
		}
		return literal(b[:])
	}
	now := map[string]string{"postgres": "'2026-03-01'", "mysql": "1", "sqlite": "1"}[store]
	values := make([]string, len(slices))
	for i, payload := range slices {
		values[i] = fmt.Sprintf("(0, %s, %s, %d, %s, %s)", uid(ws()), uid(id()), events, now, literal(payload))
	}
	_, err := db.ExecContext(ctx, "INSERT INTO engage_log (part, workspace_id, id, events, created_at, payload) VALUES "+strings.Join(values, ", ")) //nolint:gosec // literals of this program's making
	return err
}

// floorConsume reads the slices of a partition behind a position, 8 at a time,
// and moves a cursor over them in a transaction each; it answers the position.
func floorConsume(ctx context.Context, db *sql.DB, part int, pos int64) (int64, error) {
	for {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return pos, err
		}
		rows, err := tx.QueryContext(ctx, fmt.Sprintf("SELECT pos, payload FROM engage_log WHERE part = %d AND pos > %d ORDER BY pos LIMIT 8", part, pos))
		if err != nil {
			return pos, err
		}
		n := 0
		for ; rows.Next(); n++ {
			var payload []byte
			if err := rows.Scan(&pos, &payload); err != nil {
				return pos, err
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil || n == 0 {
			return pos, errors.Join(err, tx.Rollback())
		}
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("UPDATE bench_cursor SET pos = %d", pos)); err != nil {
			return pos, err
		}
		if err := tx.Commit(); err != nil {
			return pos, err
		}
	}
}
