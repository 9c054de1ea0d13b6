package memsealing

import (
	"bytes"
	"cmp"
	"context"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/sealing"
)

// Keys implements sealing.DataKeys and sealing.DataKeysAcross.
type Keys struct{ rows *memory.Table[keyRow] }

var (
	_ sealing.DataKeys       = (*Keys)(nil)
	_ sealing.DataKeysAcross = (*Keys)(nil)
)

type keyRow struct {
	ws engage.WorkspaceID
	sealing.DataKey
}

// key is the row's own key: callers may write into what they are answered.
func (r *keyRow) key() sealing.DataKey {
	k := r.DataKey
	k.Wrapped = bytes.Clone(k.Wrapped)
	return k
}

// NewKeys makes the repository of a store.
func NewKeys(store *memory.Store) *Keys {
	return &Keys{rows: memory.NewTable(store, "sealing_keys",
		memory.Index[keyRow]{Name: "id", Less: func(a, b *keyRow) bool { return memory.Before(a.ws, b.ws, a.ID.Compare(b.ID)) }},
		memory.Index[keyRow]{Name: "number", Less: func(a, b *keyRow) bool { return memory.Before(a.ws, b.ws, cmp.Compare(a.Number, b.Number)) }})}
}

// Add implements sealing.DataKeys.
func (r *Keys) Add(ctx context.Context, ws engage.WorkspaceID, key sealing.DataKey) (bool, error) {
	rows, err := r.rows.Write(ctx, ws)
	if err != nil {
		return false, err
	}
	row := &keyRow{ws: ws, DataKey: key}
	if _, taken := rows.Get("number", row); taken {
		return false, nil
	}
	if _, taken := rows.Get("id", row); taken {
		return false, fault(engage.AlreadyExists, "Add", "data key "+key.ID.String())
	}
	row.Wrapped, row.Version = bytes.Clone(key.Wrapped), 1
	rows.Set(row)
	return true, nil
}

// Newest implements sealing.DataKeys.
func (r *Keys) Newest(ctx context.Context, ws engage.WorkspaceID) (sealing.DataKey, error) {
	if err := engage.CheckCall("memsealing.Newest", ws, 0); err != nil {
		return sealing.DataKey{}, err
	}
	for row := range r.rows.Read(ctx).Descend("number", &keyRow{ws: ws, DataKey: sealing.DataKey{Number: maxNumber}}) {
		if row.ws != ws {
			break
		}
		return row.key(), nil
	}
	return sealing.DataKey{}, fault(engage.NotFound, "Newest", "workspace "+ws.String())
}

// maxNumber is what databases keep a number in.
const maxNumber = 1<<31 - 1

// Get implements sealing.DataKeys.
func (r *Keys) Get(ctx context.Context, ws engage.WorkspaceID, id sealing.KeyID) (sealing.DataKey, error) {
	if err := engage.CheckCall("memsealing.Get", ws, 0); err != nil {
		return sealing.DataKey{}, err
	}
	row, ok := r.rows.Read(ctx).Get("id", &keyRow{ws: ws, DataKey: sealing.DataKey{ID: id}})
	if !ok {
		return sealing.DataKey{}, fault(engage.NotFound, "Get", "data key "+id.String())
	}
	return row.key(), nil
}

// List implements sealing.DataKeys.
func (r *Keys) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[sealing.DataKey], error) {
	return memory.PageByID(ws, "sealing_keys", request, func(after sealing.KeyID, yield func(sealing.KeyID, sealing.DataKey) bool) {
		for row := range r.rows.Read(ctx).Ascend("id", &keyRow{ws: ws, DataKey: sealing.DataKey{ID: after}}) {
			if row.ws != ws || !yield(row.ID, row.key()) {
				return
			}
		}
	})
}

// Erase implements sealing.DataKeys.
func (r *Keys) Erase(ctx context.Context, ws engage.WorkspaceID) (int, error) {
	rows, err := r.rows.Write(ctx, ws)
	if err != nil {
		return 0, err
	}
	n := 0
	for row := range rows.Ascend("id", &keyRow{ws: ws}) {
		if row.ws != ws {
			break
		}
		rows.Delete(row)
		n++
	}
	return n, nil
}

// OutdatedAcross implements sealing.DataKeysAcross.
func (r *Keys) OutdatedAcross(ctx context.Context, shard engage.Shard, newest string, after sealing.DataKeyAcross, limit int) ([]sealing.DataKeyAcross, error) {
	if err := check("OutdatedAcross", shard, limit); err != nil {
		return nil, err
	}
	var found []sealing.DataKeyAcross
	pivot := &keyRow{ws: after.Workspace, DataKey: after.Key}
	for row := range r.rows.Read(ctx).Ascend("id", pivot) {
		if len(found) == limit {
			break
		}
		if row.WrappedBy != newest && (row.ws != pivot.ws || row.ID != pivot.ID) {
			found = append(found, sealing.DataKeyAcross{Workspace: row.ws, Key: row.key()})
		}
	}
	return found, nil
}

// RewrapAcross implements sealing.DataKeysAcross.
func (r *Keys) RewrapAcross(ctx context.Context, shard engage.Shard, keys []sealing.DataKeyAcross) ([]bool, error) {
	rows, err := r.rows.WriteShard(ctx, shard)
	if err == nil {
		err = check("RewrapAcross", shard, len(keys))
	}
	if err != nil {
		return nil, err
	}
	done := make([]bool, len(keys))
	for i, k := range keys {
		old, exists := rows.Get("id", &keyRow{ws: k.Workspace, DataKey: k.Key})
		if !exists || old.Version != k.Key.Version {
			continue
		}
		row := *old
		row.WrappedBy, row.WrappedAt, row.Wrapped = k.Key.WrappedBy, k.Key.WrappedAt, bytes.Clone(k.Key.Wrapped)
		row.Version++
		rows.Set(&row)
		done[i] = true
	}
	return done, nil
}

// CountAcross implements sealing.DataKeysAcross.
func (r *Keys) CountAcross(ctx context.Context, shard engage.Shard) (map[string]int, error) {
	if err := check("CountAcross", shard, 0); err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for row := range r.rows.Read(ctx).Ascend("id", nil) {
		counts[row.WrappedBy]++
	}
	return counts, nil
}

func check(op string, shard engage.Shard, items int) error {
	var faults engage.Faults
	if items > engage.MaxBatch {
		faults.Add("items", "too_many", "%d, at most %d a call", items, engage.MaxBatch)
	}
	if shard != engage.DefaultShard {
		return fault(engage.NotFound, op, "shard "+string(shard))
	}
	return faults.Err("memsealing."+op, "")
}

func fault(code engage.Code, op, entity string) error {
	return &engage.Error{Code: code, Op: "memsealing." + op, Entity: entity}
}
