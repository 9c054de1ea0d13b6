package memory

import (
	"context"
	"iter"

	"github.com/go-engage/engage"
)

// Parked is the operators' side of the parked events.
func (s *Store) Parked() engage.ParkedEvents { return parkedEvents{s} }

type parkedEvents struct{ store *Store }

var _ engage.ParkedEvents = parkedEvents{}

// List implements engage.ParkedEvents.
func (p parkedEvents) List(ctx context.Context, ws engage.WorkspaceID, consumer string, request engage.PageRequest) (engage.Page[engage.Parked], error) {
	var page engage.Page[engage.Parked]
	const op = "memory.List"
	if err := engage.CheckCall(op, ws, 0); err != nil {
		return page, err
	}
	size, err := request.Size()
	if err != nil {
		return page, err
	}
	query := "parked|" + ws.String() + "|" + consumer
	key, err := request.After.Open(query)
	if err != nil {
		return page, err
	}
	after := engage.Parked{Event: engage.Envelope{Workspace: ws}}
	if key != nil {
		if len(key) < len(after.Event.ID) {
			return page, damaged()
		}
		after.Consumer = string(key[copy(after.Event.ID[:], key):])
	}
	for row := range of(p.store.parked.Read(ctx), after, consumer) {
		if key != nil && row.Event.ID == after.Event.ID && row.Consumer == after.Consumer {
			continue
		}
		if len(page.Items) == size {
			last := page.Items[size-1]
			page.Next = engage.SealCursor(query, append(last.Event.ID[:], last.Consumer...))
			break
		}
		item := cloneParked(row.Parked)
		item.Token = 0
		page.Items = append(page.Items, item)
	}
	return page, nil
}

// of yields the events of a workspace that are parked for a consumer, "" for
// all, from one on.
func of(rows View[parkedRow], from engage.Parked, consumer string) iter.Seq[*parkedRow] {
	return func(yield func(*parkedRow) bool) {
		for row := range rows.Ascend(byEvent, &parkedRow{from}) {
			if row.Event.Workspace != from.Event.Workspace {
				return
			}
			if (consumer == "" || row.Consumer == consumer) && !yield(row) {
				return
			}
		}
	}
}

// Redrive implements engage.ParkedEvents.
func (p parkedEvents) Redrive(ctx context.Context, ws engage.WorkspaceID, consumer string, ids []engage.EventID) (int, error) {
	now := engage.Instant(p.store.clock.Now())
	return p.each(ctx, "memory.Redrive", ws, consumer, ids, func(rows Writer[parkedRow], row parkedRow) {
		row.Attempts, row.NotBefore = 0, now
		row.Token++
		rows.Set(&row)
	})
}

// Drop implements engage.ParkedEvents.
func (p parkedEvents) Drop(ctx context.Context, ws engage.WorkspaceID, consumer string, ids []engage.EventID) (int, error) {
	return p.each(ctx, "memory.Drop", ws, consumer, ids, func(rows Writer[parkedRow], row parkedRow) { rows.Delete(&row) })
}

// each changes the events of ids and counts them.
func (p parkedEvents) each(
	ctx context.Context, op string, ws engage.WorkspaceID, consumer string, ids []engage.EventID, change func(Writer[parkedRow], parkedRow),
) (int, error) {
	if err := engage.CheckCall(op, ws, len(ids)); err != nil {
		return 0, err
	}
	rows, err := p.store.parked.Write(ctx, ws)
	if err != nil {
		return 0, err
	}
	found := 0
	for _, id := range SortedIDs(ids) {
		from := engage.Parked{Event: engage.Envelope{Workspace: ws, ID: id}}
		for row := range of(rows.View, from, consumer) {
			if row.Event.ID != id {
				break
			}
			change(rows, *row)
			found++
		}
	}
	return found, nil
}
