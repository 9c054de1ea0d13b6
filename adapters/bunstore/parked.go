package bunstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// maxCause is the part of an error's text that is kept with a parked event.
const maxCause = 8 << 10

// parkedRow is an event that a consumer failed on. A claimed one is due again
// when its lease ends, so not_before is the lease, too.
type parkedRow struct {
	bun.BaseModel `bun:"table:engage_log_parked,alias:k"`

	Consumer  Key    `bun:"consumer,pk"`
	Workspace UID    `bun:"workspace_id,pk"`
	Event     UID    `bun:"event_id,pk"`
	Slice     UID    `bun:"slice_id"`
	Attempts  int    `bun:"attempts"`
	NotBefore Micros `bun:"not_before"`
	Cause     Text   `bun:"cause"`
	Token     int64  `bun:"token"`
	Payload   []byte `bun:"payload"`
}

func (r *parkedRow) parked() (engage.Parked, error) {
	events, err := engage.DecodeSlice(r.Payload)
	if err != nil || len(events) != 1 {
		return engage.Parked{}, &engage.Error{
			Code: engage.Internal, Op: "bunstore.Parked", Entity: engage.EventID(r.Event).String(), Err: err,
		}
	}
	return engage.Parked{
		Consumer: string(r.Consumer), Event: events[0], Slice: engage.SliceID(r.Slice), Attempts: r.Attempts,
		NotBefore: r.NotBefore.Time(), Cause: string(r.Cause), Token: r.Token,
	}, nil
}

// Park implements engage.EventLog.
func (l *Log) Park(ctx context.Context, shard engage.Shard, events []engage.Parked) error {
	const op = "bunstore.Park"
	db, err := l.s.WriteShard(ctx, shard)
	if err != nil || len(events) == 0 {
		return err
	}
	rows := make([]parkedRow, 0, len(events))
	for _, event := range events {
		payload, err := engage.EncodeSlice([]engage.Envelope{event.Event})
		if err != nil {
			return err
		}
		rows = append(rows, parkedRow{
			Consumer: Key(event.Consumer), Workspace: UID(event.Event.Workspace), Event: UID(event.Event.ID), Slice: UID(event.Slice),
			Attempts: event.Attempts, NotBefore: Micros(event.NotBefore), Cause: Text(causeText(event.Cause)), Payload: payload,
		})
	}
	rows = lastOfEach(rows)
	query := db.NewInsert().Model(&rows).Returning("NULL")
	if l.s.dialect == MariaDB {
		query = query.On("DUPLICATE KEY UPDATE attempts = VALUES(attempts), not_before = VALUES(not_before), cause = VALUES(cause)")
	} else {
		query = query.On("CONFLICT (consumer, workspace_id, event_id) DO UPDATE").
			Set("attempts = EXCLUDED.attempts").Set("not_before = EXCLUDED.not_before").Set("cause = EXCLUDED.cause")
	}
	_, err = query.Exec(ctx)
	return MapError(ctx, op, "", err)
}

// lastOfEach sorts the rows by key and keeps the last of those with one key: an
// upsert must not meet a row twice.
func lastOfEach(rows []parkedRow) []parkedRow {
	order := func(a, b parkedRow) int {
		return cmp.Or(cmp.Compare(a.Consumer, b.Consumer), bytes.Compare(a.Workspace[:], b.Workspace[:]), bytes.Compare(a.Event[:], b.Event[:]))
	}
	slices.Reverse(rows)
	slices.SortStableFunc(rows, order)
	return slices.CompactFunc(rows, func(a, b parkedRow) bool { return order(a, b) == 0 })
}

// causeText is what of an error's text fits the column.
func causeText(cause string) string {
	if len(cause) > maxCause {
		cause = cause[:maxCause]
	}
	return strings.ToValidUTF8(strings.ReplaceAll(cause, "\x00", ""), "")
}

// ClaimParked implements engage.EventLog. One that finds nothing is one
// statement and takes no lock.
func (l *Log) ClaimParked(ctx context.Context, shard engage.Shard, consumer string, now time.Time, lease time.Duration, limit int) ([]engage.Parked, error) {
	const op = "bunstore.ClaimParked"
	if limit <= 0 {
		return nil, nil
	}
	db, err := l.connection(ctx, shard)
	if err != nil {
		return nil, err
	}
	due, err := db.NewSelect().Model((*parkedRow)(nil)).
		Where("consumer = ?", Key(consumer)).Where("not_before <= ?", Micros(now)).Exists(ctx)
	if err != nil || !due {
		return nil, MapError(ctx, op, consumer, err)
	}
	var claimed []engage.Parked
	err = l.s.InShard(ctx, shard, func(ctx context.Context) error {
		claimed, err = l.takeParked(ctx, shard, consumer, now, lease, limit)
		return err
	})
	if err != nil {
		return nil, MapError(ctx, op, consumer, err)
	}
	return claimed, nil
}

func (l *Log) takeParked(ctx context.Context, shard engage.Shard, consumer string, now time.Time, lease time.Duration, limit int) ([]engage.Parked, error) {
	db, err := l.s.WriteShard(ctx, shard)
	if err != nil {
		return nil, err
	}
	var rows []parkedRow
	err = db.NewRaw(`SELECT * FROM engage_log_parked WHERE consumer = ? AND not_before <= ?
		ORDER BY not_before, workspace_id, event_id LIMIT ?`+l.s.skipLocked(), Key(consumer), Micros(now), limit).Scan(ctx, &rows)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	claimed := make([]engage.Parked, len(rows))
	keys := make(Tuples, len(rows))
	for i := range rows {
		row := &rows[i]
		row.Attempts++
		row.Token++
		row.NotBefore = Micros(engage.Instant(now.Add(lease)))
		if claimed[i], err = row.parked(); err != nil {
			return nil, err
		}
		keys[i] = []any{row.Workspace, row.Event}
	}
	_, err = db.ExecContext(ctx, `UPDATE engage_log_parked SET attempts = attempts + 1, token = token + 1, not_before = ?
		WHERE consumer = ? AND (workspace_id, event_id) IN ?`, Micros(now.Add(lease)), Key(consumer), keys)
	return claimed, err
}

// Unpark implements engage.EventLog.
func (l *Log) Unpark(ctx context.Context, shard engage.Shard, event engage.Parked) error {
	const op = "bunstore.Unpark"
	db, err := l.s.WriteShard(ctx, shard)
	if err != nil {
		return err
	}
	result, err := db.NewDelete().Model((*parkedRow)(nil)).
		Where("consumer = ?", Key(event.Consumer)).Where("workspace_id = ?", UID(event.Event.Workspace)).
		Where("event_id = ?", UID(event.Event.ID)).Where("token = ?", event.Token).Exec(ctx)
	n, err := affected(result, err)
	if err != nil {
		return MapError(ctx, op, event.Event.ID.String(), err)
	}
	if n == 0 {
		return &engage.Error{Code: engage.Conflict, Op: op, Entity: event.Event.ID.String(), Err: errLost}
	}
	return nil
}
