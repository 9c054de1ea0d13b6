// Package customadapter is a third party's storage adapter: it keeps timelines,
// whose entries repeat themselves, compressed. Authors of adapters read it; its
// test shows how an adapter certifies itself with the public suite.
package customadapter

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/timeline"
)

// Timeline implements timeline.Repository over the tables of the memory kernel,
// whose transactions it takes part in.
type Timeline struct{ rows *memory.Table[row] }

var _ timeline.Repository = (*Timeline)(nil)

// row keeps what is compared as it is, and the rest compressed.
type row struct {
	ws      engage.WorkspaceID
	id      engage.EventID
	contact contacts.ID
	at      time.Time
	kind    timeline.Kind
	packed  []byte
}

// NewTimeline makes the adapter of a store.
func NewTimeline(store *memory.Store) *Timeline {
	return &Timeline{memory.NewTable(store, "customadapter_timeline",
		memory.Index[row]{Name: "id", Less: func(a, b *row) bool { return memory.Before(a.ws, b.ws, a.id.Compare(b.id)) }},
		memory.Index[row]{Name: "time", Less: func(a, b *row) bool {
			return memory.Before(a.ws, b.ws, cmp.Or(b.at.Compare(a.at), b.id.Compare(a.id))) // the newest first
		}})}
}

// Append implements timeline.Repository.
func (t *Timeline) Append(ctx context.Context, ws engage.WorkspaceID, entries []timeline.Entry) error {
	rows, err := t.write(ctx, ws, len(entries))
	if err != nil {
		return err
	}
	for _, e := range entries {
		r := &row{ws: ws, id: e.ID, contact: e.ContactID, at: e.At, kind: e.Kind}
		if _, known := rows.Get("id", r); known {
			continue
		}
		if r.packed, err = pack(e); err != nil {
			return err
		}
		rows.Set(r)
	}
	return nil
}

// List implements timeline.Repository. A cursor holds the id of the last entry.
func (t *Timeline) List(ctx context.Context, ws engage.WorkspaceID, query timeline.Query) (engage.Page[timeline.Entry], error) {
	var page engage.Page[timeline.Entry]
	if err := engage.CheckCall("customadapter.List", ws, len(query.Contacts)); err != nil {
		return page, err
	}
	size, err := query.Size()
	if err != nil {
		return page, err
	}
	after, err := query.After.Open(query.Binding(ws))
	if err != nil {
		return page, err
	}
	rows := t.rows.Read(ctx)
	pivot := &row{ws: ws, at: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}
	if after != nil {
		last := &row{ws: ws}
		copy(last.id[:], after)
		found, ok := rows.Get("id", last)
		if !ok {
			return page, nil // the entry was forgotten, and with it those behind it
		}
		pivot = found
	}
	for r := range rows.Ascend("time", pivot) {
		if r.ws != ws {
			break
		}
		if after != nil && r.id == pivot.id || !slices.Contains(query.Contacts, r.contact) ||
			len(query.Kinds) > 0 && !slices.Contains(query.Kinds, r.kind) {
			continue
		}
		if len(page.Items) == size {
			page.Next = engage.SealCursor(query.Binding(ws), page.Items[size-1].ID[:])
			break
		}
		entry, err := unpack(r.packed)
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, entry)
	}
	return page, nil
}

// Forget implements timeline.Repository.
func (t *Timeline) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) error {
	rows, err := t.write(ctx, ws, len(ids))
	if err != nil {
		return err
	}
	for r := range rows.Ascend("id", &row{ws: ws}) {
		if r.ws != ws {
			break
		}
		if slices.Contains(ids, r.contact) {
			rows.Delete(r)
		}
	}
	return nil
}

func (t *Timeline) write(ctx context.Context, ws engage.WorkspaceID, items int) (memory.Writer[row], error) {
	rows, err := t.rows.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall("customadapter", ws, items)
	}
	return rows, err
}

func pack(e timeline.Entry) ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err == nil {
		err = json.NewEncoder(w).Encode(e)
	}
	if err == nil {
		err = w.Close()
	}
	return b.Bytes(), err
}

func unpack(packed []byte) (timeline.Entry, error) {
	var e timeline.Entry
	data, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err == nil {
		err = json.Unmarshal(data, &e)
	}
	return e, err
}
