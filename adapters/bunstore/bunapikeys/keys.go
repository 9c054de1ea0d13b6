package bunapikeys

import (
	"bytes"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// Keys implements apikeys.Repository and apikeys.RepositoryAcross.
type Keys struct{ store *bunstore.Store }

var (
	_ apikeys.Repository       = (*Keys)(nil)
	_ apikeys.RepositoryAcross = (*Keys)(nil)
)

// NewKeys makes the repository of a store.
func NewKeys(store *bunstore.Store) *Keys { return &Keys{store} }

// Insert implements apikeys.Repository.
func (k *Keys) Insert(ctx context.Context, ws engage.WorkspaceID, key apikeys.Record) error {
	const op = "bunapikeys.Insert"
	db, err := k.store.Write(ctx, ws)
	if err != nil {
		return err
	}
	key.Version = 1
	row, err := rowOf(ws, key)
	if err != nil {
		return err
	}
	isNew, err := bunstore.InsertNew(ctx, db, []keyRow{row}, "id")
	if err == nil && !isNew[0] {
		err = &engage.Error{Code: engage.AlreadyExists, Op: op, Entity: entity(key.ID)}
	}
	return bunstore.MapError(ctx, op, entity(key.ID), err)
}

// Update implements apikeys.Repository.
func (k *Keys) Update(ctx context.Context, ws engage.WorkspaceID, key apikeys.Record) error {
	const op = "bunapikeys.Update"
	db, err := k.store.Write(ctx, ws)
	if err != nil {
		return err
	}
	known := key.Version
	key.Version++
	row, err := rowOf(ws, key)
	if err != nil {
		return err
	}
	n, err := affected(db.NewUpdate().Model(&row).ExcludeColumn("workspace_id", "id", "last_used_at").
		WherePK().Where("version = ?", int64(known)).Exec(ctx))
	if err != nil || n > 0 {
		return bunstore.MapError(ctx, op, entity(key.ID), err)
	}
	exists, err := db.NewSelect().Model(&row).WherePK().Exists(ctx)
	if err != nil {
		return bunstore.MapError(ctx, op, entity(key.ID), err)
	}
	code := engage.NotFound
	if exists {
		code = engage.Conflict
	}
	return &engage.Error{Code: code, Op: op, Entity: entity(key.ID)}
}

// Delete implements apikeys.Repository.
func (k *Keys) Delete(ctx context.Context, ws engage.WorkspaceID, id apikeys.ID) error {
	const op = "bunapikeys.Delete"
	db, err := k.store.Write(ctx, ws)
	if err != nil {
		return err
	}
	n, err := affected(db.NewDelete().Model((*keyRow)(nil)).
		Where("workspace_id = ?", bunstore.UID(ws)).Where("id = ?", bunstore.UID(id)).Exec(ctx))
	if err == nil && n == 0 {
		err = &engage.Error{Code: engage.NotFound, Op: op, Entity: entity(id)}
	}
	return bunstore.MapError(ctx, op, entity(id), err)
}

// Get implements apikeys.Repository.
func (k *Keys) Get(ctx context.Context, ws engage.WorkspaceID, ids []apikeys.ID) ([]apikeys.Key, error) {
	const op = "bunapikeys.Get"
	if err := engage.CheckCall(op, ws, len(ids)); err != nil {
		return nil, err
	}
	db, err := k.store.Read(ctx, ws)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var rows []keyRow
	err = db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among(ids)).OrderExpr("id").Scan(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	found := make([]apikeys.Key, len(rows))
	for i, row := range rows {
		if found[i], err = row.key(); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Lock implements apikeys.Repository.
func (k *Keys) Lock(ctx context.Context, ws engage.WorkspaceID, id apikeys.ID) (apikeys.Record, error) {
	const op = "bunapikeys.Lock"
	db, err := k.store.Write(ctx, ws)
	if err != nil {
		return apikeys.Record{}, err
	}
	var row keyRow
	q := db.NewSelect().Model(&row).Where("workspace_id = ?", bunstore.UID(ws)).Where("id = ?", bunstore.UID(id))
	if k.store.Dialect() != bunstore.SQLite { // which has one writer
		q = q.For("UPDATE")
	}
	if err := q.Scan(ctx); err != nil {
		return apikeys.Record{}, bunstore.MapError(ctx, op, entity(id), err)
	}
	return row.record()
}

// List implements apikeys.Repository.
func (k *Keys) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[apikeys.Key], error) {
	const op = "bunapikeys.List"
	name := "accounts_keys|" + ws.String()
	var none engage.Page[apikeys.Key]
	if err := engage.CheckCall(op, ws, 0); err != nil {
		return none, err
	}
	size, err := request.Size()
	if err != nil {
		return none, err
	}
	cursor, err := request.After.Open(name)
	if err != nil {
		return none, err
	}
	var after []any
	if cursor != nil {
		var last bunstore.UID
		if copy(last[:], cursor) != len(cursor) || len(cursor) != len(last) {
			var faults engage.Faults
			faults.Add("after", "invalid", "this cursor is damaged")
			return none, faults.Err("engage.Cursor", "")
		}
		after = []any{last}
	}
	db, err := k.store.Read(ctx, ws)
	if err != nil {
		return none, err
	}
	var rows []keyRow
	query := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws))
	if err := (bunstore.Keyset{Columns: []string{"id"}}).Apply(query, size, after...).Scan(ctx); err != nil {
		return none, bunstore.MapError(ctx, op, "", err)
	}
	return bunstore.PageOf(rows, size, name, func(row keyRow) []byte { return row.ID[:] }, keyRow.key)
}

// FindAcross implements apikeys.RepositoryAcross.
func (k *Keys) FindAcross(ctx context.Context, shard engage.Shard, id apikeys.ID) (apikeys.RecordAcross, error) {
	const op = "bunapikeys.FindAcross"
	db, err := k.store.ReadShard(ctx, shard)
	if err != nil {
		return apikeys.RecordAcross{}, err
	}
	var row keyRow
	if err := db.NewSelect().Model(&row).Where("id = ?", bunstore.UID(id)).Scan(ctx); err != nil {
		return apikeys.RecordAcross{}, bunstore.MapError(ctx, op, entity(id), err)
	}
	record, err := row.record()
	return apikeys.RecordAcross{Workspace: engage.WorkspaceID(row.Workspace), Record: record}, err
}

// TouchAcross implements apikeys.RepositoryAcross.
func (k *Keys) TouchAcross(ctx context.Context, shard engage.Shard, at time.Time, ids []apikeys.ID) (int, error) {
	const op = "bunapikeys.TouchAcross"
	db, err := k.store.WriteShard(ctx, shard)
	if err != nil {
		return 0, err
	}
	if len(ids) > engage.MaxBatch {
		var faults engage.Faults
		faults.Add("items", "too_many", "%d, at most %d a call", len(ids), engage.MaxBatch)
		return 0, faults.Err(op, "")
	}
	if len(ids) == 0 {
		return 0, nil
	}
	n, err := affected(db.NewUpdate().Model((*keyRow)(nil)).Set("last_used_at = ?", bunstore.Micros(at)).Where("?", among(ids)).
		Where("last_used_at IS NULL OR last_used_at < ?", bunstore.Micros(at)).Exec(ctx))
	return n, bunstore.MapError(ctx, op, "", err)
}

// among is the condition that a key is one of some, sorted, so that rows are
// locked in one order everywhere.
func among(ids []apikeys.ID) schema.QueryWithArgs {
	sorted := bunstore.UIDs(ids)
	slices.SortFunc(sorted, func(a, b bunstore.UID) int { return bytes.Compare(a[:], b[:]) })
	return bun.SafeQuery("id IN (?)", bun.List(slices.Compact(sorted)))
}

func affected(result sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

func entity(id apikeys.ID) string { return "key " + id.String() }
