package memapikeys

import (
	"context"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
	"github.com/go-engage/engage/adapters/memory"
)

// Keys implements apikeys.Repository and apikeys.RepositoryAcross.
type Keys struct{ rows *memory.Table[row] }

var (
	_ apikeys.Repository       = (*Keys)(nil)
	_ apikeys.RepositoryAcross = (*Keys)(nil)
)

type row struct {
	ws engage.WorkspaceID
	apikeys.Record
}

// NewKeys makes the repository of a store.
func NewKeys(store *memory.Store) *Keys {
	return &Keys{rows: memory.NewTable(store, "accounts_keys",
		memory.Index[row]{Name: "id", Less: func(a, b *row) bool { return memory.Before(a.ws, b.ws, a.ID.Compare(b.ID)) }},
		memory.Index[row]{Name: "across", Less: func(a, b *row) bool { return a.ID.Compare(b.ID) < 0 }})}
}

// at is what a key's row is found by.
func at(ws engage.WorkspaceID, id apikeys.ID) *row {
	return &row{ws: ws, Record: apikeys.Record{Key: apikeys.Key{ID: id}}}
}

// rowOf copies a key that a caller gave.
func rowOf(ws engage.WorkspaceID, r apikeys.Record, version engage.Version) *row {
	r.Key = r.Clone()
	r.Version = version
	return &row{ws: ws, Record: r}
}

// Insert implements apikeys.Repository.
func (k *Keys) Insert(ctx context.Context, ws engage.WorkspaceID, key apikeys.Record) error {
	rows, err := k.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	if _, taken := rows.Get("across", at(ws, key.ID)); taken {
		return fault(engage.AlreadyExists, "Insert", key.ID)
	}
	rows.Set(rowOf(ws, key, 1))
	return nil
}

// Update implements apikeys.Repository.
func (k *Keys) Update(ctx context.Context, ws engage.WorkspaceID, key apikeys.Record) error {
	rows, err := k.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	old, exists := rows.Get("id", at(ws, key.ID))
	switch {
	case !exists:
		return fault(engage.NotFound, "Update", key.ID)
	case old.Version != key.Version:
		return fault(engage.Conflict, "Update", key.ID)
	}
	changed := rowOf(ws, key, key.Version+1)
	changed.LastUsedAt = old.LastUsedAt
	rows.Set(changed)
	return nil
}

// Delete implements apikeys.Repository.
func (k *Keys) Delete(ctx context.Context, ws engage.WorkspaceID, id apikeys.ID) error {
	rows, err := k.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	if _, existed := rows.Delete(at(ws, id)); !existed {
		return fault(engage.NotFound, "Delete", id)
	}
	return nil
}

// Get implements apikeys.Repository.
func (k *Keys) Get(ctx context.Context, ws engage.WorkspaceID, ids []apikeys.ID) ([]apikeys.Key, error) {
	if err := engage.CheckCall("memapikeys.Get", ws, len(ids)); err != nil {
		return nil, err
	}
	rows := k.rows.Read(ctx)
	var found []apikeys.Key
	for _, id := range memory.SortedIDs(ids) {
		if r, ok := rows.Get("id", at(ws, id)); ok {
			found = append(found, r.Clone())
		}
	}
	return found, nil
}

// Lock implements apikeys.Repository.
func (k *Keys) Lock(ctx context.Context, ws engage.WorkspaceID, id apikeys.ID) (apikeys.Record, error) {
	rows, err := k.rows.Write(ctx, ws)
	if err != nil {
		return apikeys.Record{}, err
	}
	r, ok := rows.Get("id", at(ws, id))
	if !ok {
		return apikeys.Record{}, fault(engage.NotFound, "Lock", id)
	}
	return r.record(), nil
}

// List implements apikeys.Repository.
func (k *Keys) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[apikeys.Key], error) {
	return memory.PageByID(ws, "accounts_keys", request, func(after apikeys.ID, yield func(apikeys.ID, apikeys.Key) bool) {
		for r := range k.rows.Read(ctx).Ascend("id", at(ws, after)) {
			if r.ws != ws || !yield(r.ID, r.Clone()) {
				return
			}
		}
	})
}

// FindAcross implements apikeys.RepositoryAcross.
func (k *Keys) FindAcross(ctx context.Context, shard engage.Shard, id apikeys.ID) (apikeys.RecordAcross, error) {
	if shard != engage.DefaultShard {
		return apikeys.RecordAcross{}, &engage.Error{Code: engage.NotFound, Op: "memapikeys.FindAcross", Entity: "shard " + string(shard)}
	}
	r, ok := k.rows.Read(ctx).Get("across", at(engage.WorkspaceID{}, id))
	if !ok {
		return apikeys.RecordAcross{}, fault(engage.NotFound, "FindAcross", id)
	}
	return apikeys.RecordAcross{Workspace: r.ws, Record: r.record()}, nil
}

// TouchAcross implements apikeys.RepositoryAcross.
func (k *Keys) TouchAcross(ctx context.Context, shard engage.Shard, when time.Time, ids []apikeys.ID) (int, error) {
	rows, err := k.rows.WriteShard(ctx, shard)
	if err != nil {
		return 0, err
	}
	if len(ids) > engage.MaxBatch {
		var faults engage.Faults
		faults.Add("items", "too_many", "%d, at most %d a call", len(ids), engage.MaxBatch)
		return 0, faults.Err("memapikeys.TouchAcross", "")
	}
	touched := 0
	for _, id := range memory.SortedIDs(ids) {
		if r, ok := rows.Get("across", at(engage.WorkspaceID{}, id)); ok && r.LastUsedAt.Before(when) {
			changed := *r
			changed.LastUsedAt = when
			rows.Set(&changed)
			touched++
		}
	}
	return touched, nil
}

func (r *row) record() apikeys.Record {
	out := r.Record
	out.Key = r.Clone()
	return out
}

func fault(code engage.Code, op string, id apikeys.ID) error {
	return &engage.Error{Code: code, Op: "memapikeys." + op, Entity: "key " + id.String()}
}
