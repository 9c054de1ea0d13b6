package buncontacts

import (
	"cmp"
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/uptrace/bun"
)

// Attributes implements attribute.Repository.
type Attributes struct{ store *bunstore.Store }

var _ attribute.Repository = (*Attributes)(nil)

type definitionRow struct {
	bun.BaseModel `bun:"table:engage_contacts_attributes,alias:a"`

	Workspace bunstore.UID    `bun:"workspace_id,pk"`
	Object    bunstore.Key    `bun:"object,pk"`
	Key       bunstore.Key    `bun:"attribute,pk"`
	Label     bunstore.Text   `bun:"label"`
	Type      bunstore.Text   `bun:"type"`
	Element   bunstore.Text   `bun:"element"`
	Options   bunstore.JSON   `bun:"options"` // NULL: nil
	CreatedAt bunstore.Micros `bun:"created_at"`
	UpdatedAt bunstore.Micros `bun:"updated_at"`
}

func (r definitionRow) size() int { return rowBytes + len(r.Label) + len(r.Options) }

func (r definitionRow) compare(other definitionRow) int {
	return cmp.Or(cmp.Compare(r.Object, other.Object), cmp.Compare(r.Key, other.Key))
}

func definitionRowOf(ws engage.WorkspaceID, d attribute.Definition) (definitionRow, error) {
	row := definitionRow{
		Workspace: bunstore.UID(ws), Object: bunstore.Key(d.Object), Key: bunstore.Key(d.Key), Label: bunstore.Text(d.Label),
		Type: bunstore.Text(d.Type), Element: bunstore.Text(d.Element),
		CreatedAt: bunstore.Micros(d.CreatedAt), UpdatedAt: bunstore.Micros(d.UpdatedAt),
	}
	var err error
	if d.Options != nil {
		row.Options, err = bunstore.JSONOf(d.Options)
	}
	return row, err
}

func (r definitionRow) definition() (attribute.Definition, error) {
	d := attribute.Definition{
		Object: string(r.Object), Key: string(r.Key), Label: string(r.Label),
		Type: attribute.Type(r.Type), Element: attribute.Type(r.Element),
		CreatedAt: r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(),
	}
	return d, r.Options.Decode(&d.Options)
}

// NewAttributes makes the repository of a store.
func NewAttributes(store *bunstore.Store) *Attributes { return &Attributes{store} }

// Define implements attribute.Repository.
func (r *Attributes) Define(ctx context.Context, ws engage.WorkspaceID, definitions []attribute.Definition) error {
	const op = "buncontacts.Define"
	db, err := writer(ctx, r.store, op, ws, len(definitions))
	if err != nil {
		return err
	}
	var rows []definitionRow
	at := map[[2]string]int{}
	for _, d := range definitions {
		row, err := definitionRowOf(ws, d)
		if err != nil {
			return err
		}
		key := [2]string{d.Object, d.Key}
		if i, again := at[key]; again { // the last of equal ones, as old as the first
			row.CreatedAt = rows[i].CreatedAt
			rows[i] = row
			continue
		}
		at[key], rows = len(rows), append(rows, row)
	}
	slices.SortFunc(rows, definitionRow.compare)
	err = upsert(ctx, db, rows, []string{"workspace_id", "object", "attribute"}, "label", "type", "element", "options", "updated_at")
	return bunstore.MapError(ctx, op, "", err)
}

// Definitions implements attribute.Repository.
func (r *Attributes) Definitions(ctx context.Context, ws engage.WorkspaceID, object string) ([]attribute.Definition, error) {
	const op = "buncontacts.Definitions"
	if err := engage.CheckCall(op, ws, 0); err != nil {
		return nil, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil {
		return nil, err
	}
	var rows []definitionRow
	err = db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).
		Where("object = ?", bunstore.Key(object)).OrderExpr("attribute").Scan(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	var found []attribute.Definition
	for _, row := range rows {
		d, err := row.definition()
		if err != nil {
			return nil, err
		}
		found = append(found, d)
	}
	return found, nil
}

// Undefine implements attribute.Repository.
func (r *Attributes) Undefine(ctx context.Context, ws engage.WorkspaceID, object string, keys []string) (int, error) {
	const op = "buncontacts.Undefine"
	db, err := writer(ctx, r.store, op, ws, len(keys))
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	named := each(keys, func(key string) bunstore.Key { return bunstore.Key(key) })
	result, err := db.NewDelete().Model((*definitionRow)(nil)).Where("workspace_id = ?", bunstore.UID(ws)).
		Where("object = ?", bunstore.Key(object)).Where("attribute IN (?)", bun.List(named)).Exec(ctx)
	return affected(ctx, op, result, err)
}
