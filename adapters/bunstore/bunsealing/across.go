package bunsealing

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/sealing"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// place names a data key.
type place struct{ workspace, id bunstore.UID }

func placeOf(k sealing.DataKeyAcross) place {
	return place{bunstore.UID(k.Workspace), bunstore.UID(k.Key.ID)}
}

func (p place) compare(other place) int {
	return cmp.Or(bytes.Compare(p.workspace[:], other.workspace[:]), bytes.Compare(p.id[:], other.id[:]))
}

// OutdatedAcross implements sealing.DataKeysAcross.
func (r *Keys) OutdatedAcross(ctx context.Context, shard engage.Shard, newest string, after sealing.DataKeyAcross, limit int) ([]sealing.DataKeyAcross, error) {
	const op = "bunsealing.OutdatedAcross"
	db, err := r.store.ReadShard(ctx, shard)
	if err == nil {
		err = checkBatch(op, limit)
	}
	if err != nil || limit == 0 {
		return nil, err
	}
	var rows []keyRow
	from := placeOf(after)
	query := db.NewSelect().Model(&rows).Where("wrapped_by <> ?", bunstore.Key(newest))
	err = (bunstore.Keyset{Columns: []string{"workspace_id", "id"}}).Apply(query, limit-1, from.workspace, from.id).Scan(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	found := make([]sealing.DataKeyAcross, len(rows))
	for i, row := range rows {
		found[i] = sealing.DataKeyAcross{Workspace: engage.WorkspaceID(row.Workspace), Key: row.key()}
	}
	return found, nil
}

// RewrapAcross implements sealing.DataKeysAcross. It locks the rows, and then
// writes those that are still of the version that was read.
func (r *Keys) RewrapAcross(ctx context.Context, shard engage.Shard, keys []sealing.DataKeyAcross) ([]bool, error) {
	const op = "bunsealing.RewrapAcross"
	db, err := r.store.WriteShard(ctx, shard)
	if err == nil {
		err = checkBatch(op, len(keys))
	}
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	versions, err := lock(ctx, db, keys)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	done := make([]bool, len(keys))
	var current []sealing.DataKeyAcross
	for i, k := range keys {
		version, there := versions[placeOf(k)]
		if there && version == k.Key.Version {
			done[i] = true
			current = append(current, k)
			delete(versions, placeOf(k)) // the same key twice in a call is written once
		}
	}
	if len(current) == 0 {
		return done, nil
	}
	_, err = db.NewUpdate().Model((*keyRow)(nil)).
		Set("wrapped_by = ?", of(current, "wrapped_by", func(k sealing.DataKey) any { return bunstore.Key(k.WrappedBy) })).
		Set("wrapped = ?", of(current, "wrapped", func(k sealing.DataKey) any { return k.Wrapped })).
		Set("wrapped_at = ?", of(current, "wrapped_at", func(k sealing.DataKey) any { return bunstore.Micros(k.WrappedAt) })).
		Set("version = version + 1").
		Where("(workspace_id, id) IN ?", tuples(current)).Exec(ctx)
	return done, bunstore.MapError(ctx, op, "", err)
}

// CountAcross implements sealing.DataKeysAcross.
func (r *Keys) CountAcross(ctx context.Context, shard engage.Shard) (map[string]int, error) {
	db, err := r.store.ReadShard(ctx, shard)
	if err != nil {
		return nil, err
	}
	var rows []struct {
		WrappedBy string `bun:"wrapped_by"`
		Keys      int    `bun:"data_keys"`
	}
	err = db.NewSelect().Model((*keyRow)(nil)).Column("wrapped_by").ColumnExpr("COUNT(*) AS data_keys").Group("wrapped_by").Scan(ctx, &rows)
	if err != nil {
		return nil, bunstore.MapError(ctx, "bunsealing.CountAcross", "", err)
	}
	counts := make(map[string]int, len(rows))
	for _, row := range rows {
		counts[row.WrappedBy] = row.Keys
	}
	return counts, nil
}

// lock answers the versions of data keys and keeps others from changing them
// until the transaction ends.
func lock(ctx context.Context, db bun.IDB, keys []sealing.DataKeyAcross) (map[place]engage.Version, error) {
	var rows []keyRow
	query := db.NewSelect().Model(&rows).Column("workspace_id", "id", "version").
		Where("(workspace_id, id) IN ?", tuples(keys)).OrderExpr("workspace_id, id")
	if bunstore.DialectOf(db) != bunstore.SQLite {
		query = query.For("UPDATE")
	}
	if err := query.Scan(ctx); err != nil {
		return nil, err
	}
	versions := make(map[place]engage.Version, len(rows))
	for _, row := range rows {
		versions[place{row.Workspace, row.ID}] = engage.Version(row.Version)
	}
	return versions, nil
}

func tuples(keys []sealing.DataKeyAcross) bunstore.Tuples {
	places := make([]place, len(keys))
	for i, k := range keys {
		places[i] = placeOf(k)
	}
	slices.SortFunc(places, place.compare)
	places = slices.Compact(places)
	all := make(bunstore.Tuples, len(places))
	for i, p := range places {
		all[i] = []any{p.workspace, p.id}
	}
	return all
}

// of is the value of a column by data key. The column itself, which stands for
// all others, gives the expression its type.
func of(keys []sealing.DataKeyAcross, column string, value func(sealing.DataKey) any) schema.QueryAppender {
	return cases{keys, column, value}
}

type cases struct {
	keys   []sealing.DataKeyAcross
	column string
	value  func(sealing.DataKey) any
}

// AppendQuery implements schema.QueryAppender.
func (c cases) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	b = append(b, "CASE"...)
	for _, k := range c.keys {
		at := placeOf(k)
		b = gen.AppendQuery(b, " WHEN workspace_id = ? AND id = ? THEN ?", at.workspace, at.id, c.value(k.Key))
	}
	return gen.AppendQuery(b, " ELSE ? END", bun.Ident(c.column)), nil
}

func checkBatch(op string, items int) error {
	var faults engage.Faults
	if items > engage.MaxBatch {
		faults.Add("items", "too_many", "%d, at most %d a call", items, engage.MaxBatch)
	}
	return faults.Err(op, "")
}
