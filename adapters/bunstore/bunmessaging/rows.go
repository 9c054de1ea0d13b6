package bunmessaging

import (
	"bytes"
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// writer answers the connection of a write method, after the checks that all of
// them begin with.
func writer(ctx context.Context, store *bunstore.Store, op string, ws engage.WorkspaceID, items int) (bun.IDB, error) {
	db, err := store.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall(op, ws, items)
	}
	return db, err
}

// among is the condition that a column is one of some ids, sorted, so that rows
// are locked in one order everywhere.
func among[T ~[16]byte](column string, ids []T) schema.QueryWithArgs {
	sorted := bunstore.UIDs(ids)
	slices.SortFunc(sorted, func(a, b bunstore.UID) int { return bytes.Compare(a[:], b[:]) })
	return bun.SafeQuery("? IN (?)", bun.Ident(column), bun.List(slices.Compact(sorted)))
}

// page reads a page of a list that is ordered by id. name tells the list and its
// selection from others.
func page[Row, T any](
	ctx context.Context, store *bunstore.Store, op string, ws engage.WorkspaceID, name string, request engage.PageRequest,
	where schema.QueryWithArgs, id func(Row) bunstore.UID, item func(Row) (T, error),
) (engage.Page[T], error) {
	var none engage.Page[T]
	name += "|" + ws.String()
	if err := engage.CheckCall(op, ws, 0); err != nil {
		return none, err
	}
	size, err := request.Size()
	if err != nil {
		return none, err
	}
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
	db, err := store.Read(ctx, ws)
	if err != nil {
		return none, err
	}
	var rows []Row
	query := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("?", where)
	if err := (bunstore.Keyset{Columns: []string{"id"}}).Apply(query, size, after...).Scan(ctx); err != nil {
		return none, bunstore.MapError(ctx, op, "", err)
	}
	return bunstore.PageOf(rows, size, name, func(row Row) []byte { key := id(row); return key[:] }, item)
}
