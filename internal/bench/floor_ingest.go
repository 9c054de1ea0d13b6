package main

import (
	"context"
	"database/sql"
	"encoding/hex"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// eventRow is an event as a program without the suite would have it.
type eventRow struct {
	ws, id, contact [16]byte
	name, props     string
	at              time.Time
}

// floorPostgres is one unnest an autocommit statement, with binary arrays.
func floorPostgres(ctx context.Context, pool *pgxpool.Pool, rows []eventRow) error {
	ws, ids, contacts := make([][16]byte, len(rows)), make([][16]byte, len(rows)), make([][16]byte, len(rows))
	names, props, at := make([]string, len(rows)), make([]string, len(rows)), make([]time.Time, len(rows))
	for i, r := range rows {
		ws[i], ids[i], contacts[i], names[i], props[i], at[i] = r.ws, r.id, r.contact, r.name, r.props, r.at
	}
	_, err := pool.Exec(ctx, `INSERT INTO engage_contacts_events (workspace_id, id, contact_id, name, occurred_at, received_at, properties)
		SELECT w, i, c, n, o, r, p::jsonb FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $5::timestamptz[], $6::text[]) AS u (w, i, c, n, o, r, p)
		ON CONFLICT DO NOTHING`, ws, ids, contacts, names, at, props)
	return err
}

// floorSQLite is a prepared row at a time in one transaction.
func floorSQLite(ctx context.Context, db *sql.DB, rows []eventRow) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	insert, err := tx.PrepareContext(ctx, `INSERT INTO engage_contacts_events VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`)
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	for _, r := range rows {
		if _, err := insert.ExecContext(ctx, r.ws[:], r.id[:], r.contact[:], r.name, r.at.UnixMicro(), r.at.UnixMicro(), r.props); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// floorMariaDB is one INSERT IGNORE a statement, values written into it.
func floorMariaDB(ctx context.Context, db *sql.DB, rows []eventRow) error {
	var b strings.Builder
	b.WriteString("INSERT IGNORE INTO engage_contacts_events VALUES ")
	for i, r := range rows {
		b.WriteString(strings.Repeat(",", min(i, 1)) + "(X'" + hex.EncodeToString(r.ws[:]) + "',X'" + hex.EncodeToString(r.id[:]) + "',X'" + hex.EncodeToString(r.contact[:]) + "','" + r.name + "',")
		micros := time.Duration(r.at.UnixMicro()) // as digits
		b.WriteString(digits(int64(micros)) + "," + digits(int64(micros)) + ",'" + r.props + "')")
	}
	_, err := db.ExecContext(ctx, b.String())
	return err
}
