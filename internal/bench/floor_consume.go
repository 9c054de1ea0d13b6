package main

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// floorConsume reads the slices of a partition behind a position, 8 at a time,
// and moves a cursor over them in a transaction each; it answers the position.
func floorConsume(ctx context.Context, db *sql.DB, part int, pos int64, handle func(payload []byte) error) (int64, error) {
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
			if err := errors.Join(rows.Scan(&pos, &payload), handle(payload)); err != nil {
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

// floorDecode reads the payloads of a slice with encoding/json: behind its
// version byte, each event has a length, 56 bytes and five texts before it.
func floorDecode[E any](slice []byte) (events []E, err error) {
	for rest := slice[1:]; len(rest) > 0 && err == nil; {
		size, n := binary.Uvarint(rest)
		event := rest[n+56 : n+int(size)]
		for range 5 {
			text, n := binary.Uvarint(event)
			event = event[n+int(text):]
		}
		var e E
		err = json.Unmarshal(event, &e)
		events, rest = append(events, e), rest[n+int(size):]
	}
	return events, err
}
