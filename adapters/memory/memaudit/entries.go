package memaudit

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/adapters/memory"
)

// Entries implements audit.Repository.
type Entries struct {
	rows  *memory.Table[entryRow]
	heads *memory.Table[headRow]
}

var _ audit.Repository = (*Entries)(nil)

type entryRow struct {
	ws engage.WorkspaceID
	audit.Entry
}

type headRow struct {
	ws engage.WorkspaceID
	audit.Head
}

// NewEntries makes the repository of a store.
func NewEntries(store *memory.Store) *Entries {
	return &Entries{
		rows: memory.NewTable(store, "audit_entries",
			memory.Index[entryRow]{Name: "id", Less: func(a, b *entryRow) bool { return memory.Before(a.ws, b.ws, a.ID.Compare(b.ID)) }},
			memory.Index[entryRow]{Name: "time", Less: func(a, b *entryRow) bool {
				return memory.Before(a.ws, b.ws, cmp.Or(a.At.Compare(b.At), a.ID.Compare(b.ID)))
			}},
			memory.Index[entryRow]{Name: "number", Less: func(a, b *entryRow) bool {
				return memory.Before(a.ws, b.ws, cmp.Or(cmp.Compare(a.Number, b.Number), a.ID.Compare(b.ID)))
			}}),
		heads: memory.NewTable(store, "audit_heads",
			memory.Index[headRow]{Name: "workspace", Less: func(a, b *headRow) bool { return memory.Before(a.ws, b.ws, 0) }}),
	}
}

// Append implements audit.Repository.
func (r *Entries) Append(ctx context.Context, ws engage.WorkspaceID, entries []audit.Entry) error {
	const op = "Append"
	rows, err := r.rows.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall("memaudit."+op, ws, len(entries))
	}
	if err != nil {
		return err
	}
	ids := map[audit.EntryID]bool{}
	for _, e := range entries {
		if _, taken := rows.Get("id", &entryRow{ws: ws, Entry: e}); taken || ids[e.ID] {
			return fault(engage.AlreadyExists, op, "entry "+e.ID.String())
		}
		ids[e.ID] = true
	}
	for _, e := range entries {
		e.Number, e.Hash = 0, audit.Hash{}
		rows.Set(&entryRow{ws: ws, Entry: e})
	}
	return nil
}

// List implements audit.Repository.
func (r *Entries) List(ctx context.Context, ws engage.WorkspaceID, query audit.Query) (engage.Page[audit.Entry], error) {
	var page engage.Page[audit.Entry]
	if err := engage.CheckCall("memaudit.List", ws, 0); err != nil {
		return page, err
	}
	size, err := query.Size()
	if err != nil {
		return page, err
	}
	key, err := query.After.Open(query.Binding(ws))
	if err != nil {
		return page, err
	}
	pivot := &entryRow{ws: ws, Entry: audit.Entry{ID: lastID, At: lastTime}}
	if key != nil {
		if pivot.At, pivot.ID, err = openKey(key); err != nil {
			return page, err
		}
	}
	for row := range r.rows.Read(ctx).Descend("time", pivot) {
		if row.ws != ws {
			break
		}
		if row.ID == pivot.ID && row.At.Equal(pivot.At) || !query.Selects(row.Entry) {
			continue
		}
		if len(page.Items) == size {
			last := page.Items[size-1]
			page.Next = engage.SealCursor(query.Binding(ws), sealKey(last.At, last.ID))
			break
		}
		page.Items = append(page.Items, row.Entry)
	}
	return page, nil
}

// Chained implements audit.Repository.
func (r *Entries) Chained(ctx context.Context, ws engage.WorkspaceID, after audit.Link, limit int) ([]audit.Entry, error) {
	if err := engage.CheckCall("memaudit.Chained", ws, limit); err != nil {
		return nil, err
	}
	pivot := &entryRow{ws: ws, Entry: audit.Entry{ID: after.ID, Number: after.Number}}
	if after == (audit.Link{}) {
		pivot.Number = math.MinInt64
	}
	var found []audit.Entry
	for row := range r.rows.Read(ctx).Ascend("number", pivot) {
		if row.ws != ws || len(found) == limit {
			break
		}
		if row.Number != 0 && (row.Number != pivot.Number || row.ID != pivot.ID) {
			found = append(found, row.Entry)
		}
	}
	return found, nil
}

// Waiting implements audit.Repository.
func (r *Entries) Waiting(ctx context.Context, ws engage.WorkspaceID) (n int, oldest time.Time, err error) {
	if err := engage.CheckCall("memaudit.Waiting", ws, 0); err != nil {
		return 0, oldest, err
	}
	for row := range r.rows.Read(ctx).Ascend("number", &entryRow{ws: ws}) {
		if row.ws != ws || row.Number != 0 {
			break
		}
		if n == 0 || row.At.Before(oldest) {
			oldest = row.At
		}
		n++
	}
	return n, oldest, nil
}

// Head implements audit.Repository.
func (r *Entries) Head(ctx context.Context, ws engage.WorkspaceID) (audit.Head, error) {
	if err := engage.CheckCall("memaudit.Head", ws, 0); err != nil {
		return audit.Head{}, err
	}
	return headOf(r.heads.Read(ctx), ws), nil
}

// Lock implements audit.Repository: one transaction runs at a time.
func (r *Entries) Lock(ctx context.Context, ws engage.WorkspaceID) (audit.Head, error) {
	heads, err := r.heads.Write(ctx, ws)
	if err != nil {
		return audit.Head{}, err
	}
	return headOf(heads.View, ws), nil
}

func headOf(heads memory.View[headRow], ws engage.WorkspaceID) audit.Head {
	if row, ok := heads.Get("workspace", &headRow{ws: ws}); ok {
		return row.Head
	}
	return audit.Head{}
}

// Chain implements audit.Repository.
func (r *Entries) Chain(ctx context.Context, ws engage.WorkspaceID, links []audit.Link, head audit.Head) error {
	const op = "Chain"
	heads, err := r.heads.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall("memaudit."+op, ws, len(links))
	}
	if err != nil {
		return err
	}
	rows, err := r.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	if headOf(heads.View, ws).Version != head.Version {
		return fault(engage.Conflict, op, "head of "+ws.String())
	}
	head.Version++
	heads.Set(&headRow{ws: ws, Head: head})
	for _, link := range links {
		old, exists := rows.Get("id", &entryRow{ws: ws, Entry: audit.Entry{ID: link.ID}})
		if !exists || old.Number != 0 {
			continue
		}
		row := *old
		row.Number, row.Hash = link.Number, link.Hash
		rows.Set(&row)
	}
	return nil
}

// Erase implements audit.Repository.
func (r *Entries) Erase(ctx context.Context, ws engage.WorkspaceID) (int, error) {
	rows, err := r.rows.Write(ctx, ws)
	if err != nil {
		return 0, err
	}
	heads, err := r.heads.Write(ctx, ws)
	if err != nil {
		return 0, err
	}
	heads.Delete(&headRow{ws: ws})
	n := 0
	for row := range rows.Ascend("id", &entryRow{ws: ws}) {
		if row.ws != ws {
			break
		}
		rows.Delete(row)
		n++
	}
	return n, nil
}

// lastTime and lastID are behind every entry.
var (
	lastTime = time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)
	lastID   = audit.EntryID(slices.Repeat([]byte{0xff}, 16))
)

// sealKey is the key of a cursor behind an entry.
func sealKey(at time.Time, id audit.EntryID) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(at.UnixMicro())), id[:]...)
}

// openKey reads what sealKey wrote.
func openKey(key []byte) (time.Time, audit.EntryID, error) {
	if len(key) != 24 {
		var faults engage.Faults
		faults.Add("after", "invalid", "this cursor is damaged")
		return time.Time{}, audit.EntryID{}, faults.Err("engage.Cursor", "")
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(key))).UTC(), audit.EntryID(key[8:]), nil
}

func fault(code engage.Code, op, entity string) error {
	return &engage.Error{Code: code, Op: "memaudit." + op, Entity: entity}
}
