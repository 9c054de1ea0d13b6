package main

import (
	"context"
	"database/sql"
	"encoding/hex"
)

// floorPublish inserts a slice as it is, in one statement and transaction, its
// payload bound as bytes.
func floorPublish(ctx context.Context, db *sql.DB, store string, ws, id [16]byte, payload []byte, events int) error {
	const into = "INSERT INTO engage_log (part, workspace_id, id, events, created_at, payload) VALUES "
	if store == "postgres" {
		_, err := db.ExecContext(ctx, into+"(0, $1, $2, $3, '2026-03-01', $4)", hex.EncodeToString(ws[:]), hex.EncodeToString(id[:]), events, payload)
		return err
	}
	_, err := db.ExecContext(ctx, into+"(0, ?, ?, ?, 1, ?)", ws[:], id[:], events, payload)
	return err
}
