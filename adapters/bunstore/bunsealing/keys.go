package bunsealing

import (
	"context"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/sealing"
	"github.com/uptrace/bun"
)

// Keys implements sealing.DataKeys and sealing.DataKeysAcross.
type Keys struct{ store *bunstore.Store }

var (
	_ sealing.DataKeys       = (*Keys)(nil)
	_ sealing.DataKeysAcross = (*Keys)(nil)
)

type keyRow struct {
	bun.BaseModel `bun:"table:engage_sealing_keys,alias:k"`

	Workspace bunstore.UID    `bun:"workspace_id,pk"`
	ID        bunstore.UID    `bun:"id,pk"`
	Number    int             `bun:"number"`
	WrappedBy bunstore.Key    `bun:"wrapped_by"`
	Wrapped   []byte          `bun:"wrapped"`
	CreatedAt bunstore.Micros `bun:"created_at"`
	WrappedAt bunstore.Micros `bun:"wrapped_at"`
	Version   int64           `bun:"version"`
}

func (r keyRow) key() sealing.DataKey {
	return sealing.DataKey{
		ID: sealing.KeyID(r.ID), Number: r.Number, WrappedBy: string(r.WrappedBy), Wrapped: r.Wrapped,
		CreatedAt: r.CreatedAt.Time(), WrappedAt: r.WrappedAt.Time(), Version: engage.Version(r.Version),
	}
}

// NewKeys makes the repository of a store.
func NewKeys(store *bunstore.Store) *Keys { return &Keys{store} }

// Add implements sealing.DataKeys.
func (r *Keys) Add(ctx context.Context, ws engage.WorkspaceID, key sealing.DataKey) (bool, error) {
	db, err := r.store.Write(ctx, ws)
	if err != nil {
		return false, err
	}
	isNew, err := bunstore.InsertNew(ctx, db, []keyRow{{
		Workspace: bunstore.UID(ws), ID: bunstore.UID(key.ID), Number: key.Number,
		WrappedBy: bunstore.Key(key.WrappedBy), Wrapped: key.Wrapped,
		CreatedAt: bunstore.Micros(key.CreatedAt), WrappedAt: bunstore.Micros(key.WrappedAt), Version: 1,
	}}, "workspace_id", "number")
	if err != nil {
		return false, bunstore.MapError(ctx, "bunsealing.Add", entity(key.ID), err)
	}
	return isNew[0], nil
}

// Newest implements sealing.DataKeys.
func (r *Keys) Newest(ctx context.Context, ws engage.WorkspaceID) (sealing.DataKey, error) {
	return r.one(ctx, "bunsealing.Newest", "workspace "+ws.String(), ws, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.OrderExpr("number DESC").Limit(1)
	})
}

// Get implements sealing.DataKeys.
func (r *Keys) Get(ctx context.Context, ws engage.WorkspaceID, id sealing.KeyID) (sealing.DataKey, error) {
	return r.one(ctx, "bunsealing.Get", entity(id), ws, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("id = ?", bunstore.UID(id))
	})
}

func (r *Keys) one(ctx context.Context, op, entity string, ws engage.WorkspaceID, which func(*bun.SelectQuery) *bun.SelectQuery) (sealing.DataKey, error) {
	db, err := r.store.Read(ctx, ws)
	if err != nil {
		return sealing.DataKey{}, err
	}
	var row keyRow
	err = which(db.NewSelect().Model(&row).Where("workspace_id = ?", bunstore.UID(ws))).Scan(ctx)
	if err != nil {
		return sealing.DataKey{}, bunstore.MapError(ctx, op, entity, err)
	}
	return row.key(), nil
}

// List implements sealing.DataKeys.
func (r *Keys) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[sealing.DataKey], error) {
	const op = "bunsealing.List"
	var none engage.Page[sealing.DataKey]
	if err := engage.CheckCall(op, ws, 0); err != nil {
		return none, err
	}
	size, err := request.Size()
	if err != nil {
		return none, err
	}
	name := "sealing_keys|" + ws.String()
	key, err := request.After.Open(name)
	if err != nil {
		return none, err
	}
	var after []any
	if key != nil {
		var last bunstore.UID
		if copy(last[:], key) != len(key) || len(key) != len(last) {
			var faults engage.Faults
			faults.Add("after", "invalid", "this cursor is damaged")
			return none, faults.Err("engage.Cursor", "")
		}
		after = []any{last}
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil {
		return none, err
	}
	var rows []keyRow
	query := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws))
	if err := (bunstore.Keyset{Columns: []string{"id"}}).Apply(query, size, after...).Scan(ctx); err != nil {
		return none, bunstore.MapError(ctx, op, "", err)
	}
	return bunstore.PageOf(rows, size, name, func(row keyRow) []byte { return row.ID[:] },
		func(row keyRow) (sealing.DataKey, error) { return row.key(), nil })
}

// Erase implements sealing.DataKeys.
func (r *Keys) Erase(ctx context.Context, ws engage.WorkspaceID) (int, error) {
	db, err := r.store.Write(ctx, ws)
	if err != nil {
		return 0, err
	}
	result, err := db.NewDelete().Model((*keyRow)(nil)).Where("workspace_id = ?", bunstore.UID(ws)).Exec(ctx)
	var n int64
	if err == nil {
		n, err = result.RowsAffected()
	}
	return int(n), bunstore.MapError(ctx, "bunsealing.Erase", "workspace "+ws.String(), err)
}

func entity(id sealing.KeyID) string { return "data key " + id.String() }
