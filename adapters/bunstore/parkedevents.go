package bunstore

import (
	"context"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// Parked is the operators' side of the parked events. Each of its methods is
// one statement.
func (s *Store) Parked() engage.ParkedEvents { return parkedEvents{s} }

type parkedEvents struct{ s *Store }

// List implements engage.ParkedEvents.
func (p parkedEvents) List(ctx context.Context, ws engage.WorkspaceID, consumer string, request engage.PageRequest) (engage.Page[engage.Parked], error) {
	const op = "bunstore.List"
	var page engage.Page[engage.Parked]
	if err := engage.CheckCall(op, ws, 0); err != nil {
		return page, err
	}
	size, err := request.Size()
	if err != nil {
		return page, err
	}
	name := "parked|" + ws.String() + "|" + consumer
	after, err := p.open(request.After, name)
	if err != nil {
		return page, err
	}
	db, err := p.s.Read(ctx, ws)
	if err != nil {
		return page, err
	}
	var rows []parkedRow
	query := db.NewSelect().Model(&rows).Where("workspace_id = ?", UID(ws))
	order := Keyset{Columns: []string{"event_id", "consumer"}}
	if consumer != "" {
		query = query.Where("consumer = ?", Key(consumer))
		order.Columns, after = order.Columns[:1], after[:min(1, len(after))]
	}
	if err := order.Apply(query, size, after...).Scan(ctx); err != nil {
		return page, MapError(ctx, op, consumer, err)
	}
	key := func(r parkedRow) []byte { return append(r.Event[:], r.Consumer...) }
	return PageOf(rows, size, name, key, func(r parkedRow) (engage.Parked, error) {
		r.Token = 0
		return r.parked()
	})
}

// open answers what the cursor's page ended at: an event's id and a consumer.
func (parkedEvents) open(cursor engage.Cursor, name string) ([]any, error) {
	key, err := cursor.Open(name)
	if err != nil || key == nil {
		return nil, err
	}
	var id UID
	if len(key) < len(id) {
		var faults engage.Faults
		faults.Add("after", "invalid", "this cursor is damaged")
		return nil, faults.Err("engage.Cursor", "")
	}
	return []any{id, Key(key[copy(id[:], key):])}, nil
}

// Redrive implements engage.ParkedEvents.
func (p parkedEvents) Redrive(ctx context.Context, ws engage.WorkspaceID, consumer string, ids []engage.EventID) (int, error) {
	now := Micros(p.s.clock.Now())
	return p.change(ctx, "bunstore.Redrive", ws, consumer, ids, func(db bun.IDB, chosen string, args []any) (int64, error) {
		return affected(db.NewUpdate().Model((*parkedRow)(nil)).
			Set("attempts = 0").Set("token = token + 1").Set("not_before = ?", now).Where(chosen, args...).Exec(ctx))
	})
}

// Drop implements engage.ParkedEvents.
func (p parkedEvents) Drop(ctx context.Context, ws engage.WorkspaceID, consumer string, ids []engage.EventID) (int, error) {
	return p.change(ctx, "bunstore.Drop", ws, consumer, ids, func(db bun.IDB, chosen string, args []any) (int64, error) {
		return affected(db.NewDelete().Model((*parkedRow)(nil)).Where(chosen, args...).Exec(ctx))
	})
}

// change runs a statement on the rows that are chosen and answers how many it
// met.
func (p parkedEvents) change(
	ctx context.Context, op string, ws engage.WorkspaceID, consumer string, ids []engage.EventID,
	run func(db bun.IDB, chosen string, args []any) (int64, error),
) (int, error) {
	if err := engage.CheckCall(op, ws, len(ids)); err != nil {
		return 0, err
	}
	db, err := p.s.Write(ctx, ws)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	chosen, args := "workspace_id = ? AND event_id IN (?)", []any{UID(ws), bun.List(UIDs(ids))}
	if consumer != "" {
		chosen, args = chosen+" AND consumer = ?", append(args, Key(consumer))
	}
	n, err := run(db, chosen, args)
	return int(n), MapError(ctx, op, consumer, err)
}
