package memcontacts

import (
	"cmp"
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/contacts/attribute"
)

// Attributes implements attribute.Repository.
type Attributes struct {
	rows *memory.Table[definitionRow]
}

var _ attribute.Repository = (*Attributes)(nil)

type definitionRow struct {
	ws engage.WorkspaceID
	attribute.Definition
}

// NewAttributes makes the repository of a store.
func NewAttributes(store *memory.Store) *Attributes {
	return &Attributes{rows: memory.NewTable(store, "contacts_attributes",
		memory.Index[definitionRow]{Name: "key", Less: func(a, b *definitionRow) bool {
			return before(a.ws, b.ws, cmp.Or(cmp.Compare(a.Object, b.Object), cmp.Compare(a.Key, b.Key)))
		}})}
}

// Define implements attribute.Repository.
func (r *Attributes) Define(ctx context.Context, ws engage.WorkspaceID, definitions []attribute.Definition) error {
	rows, err := r.rows.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall("memcontacts.Define", ws, len(definitions))
	}
	if err != nil {
		return err
	}
	for _, d := range definitions {
		d.Options = slices.Clone(d.Options)
		if old, exists := rows.Get("key", &definitionRow{ws: ws, Definition: d}); exists {
			d.CreatedAt = old.CreatedAt
		}
		rows.Set(&definitionRow{ws: ws, Definition: d})
	}
	return nil
}

// Definitions implements attribute.Repository.
func (r *Attributes) Definitions(ctx context.Context, ws engage.WorkspaceID, object string) ([]attribute.Definition, error) {
	if err := engage.CheckCall("memcontacts.Definitions", ws, 0); err != nil {
		return nil, err
	}
	var found []attribute.Definition
	for row := range r.rows.Read(ctx).Ascend("key", &definitionRow{ws: ws, Definition: attribute.Definition{Object: object}}) {
		if row.ws != ws || row.Object != object {
			break
		}
		d := row.Definition
		d.Options = slices.Clone(d.Options)
		found = append(found, d)
	}
	return found, nil
}

// Undefine implements attribute.Repository.
func (r *Attributes) Undefine(ctx context.Context, ws engage.WorkspaceID, object string, keys []string) (int, error) {
	rows, err := r.rows.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall("memcontacts.Undefine", ws, len(keys))
	}
	if err != nil {
		return 0, err
	}
	n := 0
	for _, key := range keys {
		if _, existed := rows.Delete(&definitionRow{ws: ws, Definition: attribute.Definition{Object: object, Key: key}}); existed {
			n++
		}
	}
	return n, nil
}
