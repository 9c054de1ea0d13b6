package buncontacts

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/contacts"
	"github.com/uptrace/bun"
)

// Tags implements contacts.TagRepository.
type Tags struct{ store *bunstore.Store }

var _ contacts.TagRepository = (*Tags)(nil)

type tagRow struct {
	bun.BaseModel `bun:"table:engage_contacts_tags,alias:t"`

	Workspace bunstore.UID    `bun:"workspace_id,pk"`
	ID        bunstore.UID    `bun:"id,pk"`
	Name      bunstore.Text   `bun:"name"`
	Key       bunstore.Text   `bun:"name_key"` // folding may make a name longer than a natural key
	CreatedAt bunstore.Micros `bun:"created_at"`
	UpdatedAt bunstore.Micros `bun:"updated_at"`
	Version   int64           `bun:"version"`
}

func tagRowOf(ws engage.WorkspaceID, t contacts.Tag, version engage.Version) tagRow {
	return tagRow{
		Workspace: bunstore.UID(ws), ID: bunstore.UID(t.ID), Name: bunstore.Text(t.Name), Key: bunstore.Text(t.Key),
		CreatedAt: bunstore.Micros(t.CreatedAt), UpdatedAt: bunstore.Micros(t.UpdatedAt), Version: int64(version),
	}
}

func (r tagRow) tag() contacts.Tag {
	return contacts.Tag{
		ID: contacts.TagID(r.ID), Name: string(r.Name), Key: string(r.Key),
		CreatedAt: r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(), Version: engage.Version(r.Version),
	}
}

// NewTags makes the repository of a store.
func NewTags(store *bunstore.Store) *Tags { return &Tags{store} }

// Insert implements contacts.TagRepository.
func (r *Tags) Insert(ctx context.Context, ws engage.WorkspaceID, tag contacts.Tag) error {
	const op = "buncontacts.Insert"
	db, err := writer(ctx, r.store, op, ws, 1)
	if err != nil {
		return err
	}
	row := tagRowOf(ws, tag, 1)
	return insertOne(ctx, op, "tag "+tag.ID.String(), db, &row)
}

// Update implements contacts.TagRepository.
func (r *Tags) Update(ctx context.Context, ws engage.WorkspaceID, tag contacts.Tag) error {
	const op = "buncontacts.Update"
	entity := "tag " + tag.ID.String()
	db, err := writer(ctx, r.store, op, ws, 1)
	if err != nil {
		return err
	}
	var rows []tagRow
	q := db.NewSelect().Model(&rows).Column("id", "version").Where("workspace_id = ?", bunstore.UID(ws)).
		Where("id = ? OR name_key = ?", bunstore.UID(tag.ID), bunstore.Text(tag.Key)).OrderExpr("id")
	if err := locking(q).Scan(ctx); err != nil {
		return bunstore.MapError(ctx, op, entity, err)
	}
	code := engage.NotFound
	for _, row := range rows {
		switch {
		case row.ID == bunstore.UID(tag.ID) && engage.Version(row.Version) != tag.Version:
			return &engage.Error{Code: engage.Conflict, Op: op, Entity: entity}
		case row.ID == bunstore.UID(tag.ID) && code == engage.NotFound:
			code = ""
		}
	}
	if code == "" && len(rows) > 1 {
		code = engage.AlreadyExists
	}
	if code != "" {
		return &engage.Error{Code: code, Op: op, Entity: entity}
	}
	row := tagRowOf(ws, tag, tag.Version+1)
	_, err = db.NewUpdate().Model(&row).WherePK().Exec(ctx)
	return bunstore.MapError(ctx, op, entity, err)
}

// Delete implements contacts.TagRepository.
func (r *Tags) Delete(ctx context.Context, ws engage.WorkspaceID, id contacts.TagID) error {
	const op = "buncontacts.Delete"
	db, err := writer(ctx, r.store, op, ws, 1)
	if err != nil {
		return err
	}
	result, err := db.NewDelete().Model((*tagRow)(nil)).
		Where("workspace_id = ?", bunstore.UID(ws)).Where("id = ?", bunstore.UID(id)).Exec(ctx)
	n, err := affected(ctx, op, result, err)
	if err == nil && n == 0 {
		return &engage.Error{Code: engage.NotFound, Op: op, Entity: "tag " + id.String()}
	}
	if err == nil {
		_, err = db.NewDelete().Model((*taggingRow)(nil)).
			Where("workspace_id = ?", bunstore.UID(ws)).Where("tag_id = ?", bunstore.UID(id)).Exec(ctx)
	}
	return bunstore.MapError(ctx, op, "", err)
}

// Get implements contacts.TagRepository.
func (r *Tags) Get(ctx context.Context, ws engage.WorkspaceID, ids []contacts.TagID) ([]contacts.Tag, error) {
	const op = "buncontacts.Get"
	if err := engage.CheckCall(op, ws, len(ids)); err != nil {
		return nil, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var rows []tagRow
	err = db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("id", ids)).OrderExpr("id").Scan(ctx)
	return each(rows, tagRow.tag), bunstore.MapError(ctx, op, "", err)
}

// Lock implements contacts.TagRepository. The lock is shared, so that many may
// give a popular tag at once.
func (r *Tags) Lock(ctx context.Context, ws engage.WorkspaceID, id contacts.TagID) (contacts.Tag, error) {
	const op = "buncontacts.Lock"
	db, err := writer(ctx, r.store, op, ws, 1)
	if err != nil {
		return contacts.Tag{}, err
	}
	var row tagRow
	q := db.NewSelect().Model(&row).Where("workspace_id = ?", bunstore.UID(ws)).Where("id = ?", bunstore.UID(id))
	err = sharing(q).Scan(ctx)
	return row.tag(), bunstore.MapError(ctx, op, "tag "+id.String(), err)
}

// sharing keeps rows from being changed. MariaDB's way to say so is beyond bun's
// query builder, so there the lock is not shared.
func sharing(q *bun.SelectQuery) *bun.SelectQuery {
	if bunstore.DialectOf(q) == bunstore.PostgreSQL {
		return q.For("SHARE")
	}
	return locking(q)
}

// Find implements contacts.TagRepository.
func (r *Tags) Find(ctx context.Context, ws engage.WorkspaceID, key string) (contacts.Tag, error) {
	const op = "buncontacts.Find"
	if err := engage.CheckCall(op, ws, 0); err != nil {
		return contacts.Tag{}, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil {
		return contacts.Tag{}, err
	}
	var row tagRow
	err = db.NewSelect().Model(&row).Where("workspace_id = ?", bunstore.UID(ws)).Where("name_key = ?", bunstore.Text(key)).Scan(ctx)
	return row.tag(), bunstore.MapError(ctx, op, "tag by name", err)
}

// List implements contacts.TagRepository.
func (r *Tags) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[contacts.Tag], error) {
	const op = "buncontacts.List"
	query := "contacts_tags|" + ws.String()
	var page engage.Page[contacts.Tag]
	after, size, err := open(op, ws, query, request, 0)
	if err != nil {
		return page, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil {
		return page, err
	}
	var rows []tagRow
	q, keyset := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)), bunstore.Keyset{Columns: []string{"name_key"}}
	if after != nil {
		q = keyset.Apply(q, size, bunstore.Text(after))
	} else {
		q = keyset.Apply(q, size)
	}
	if err := q.Scan(ctx); err != nil {
		return page, bunstore.MapError(ctx, op, "", err)
	}
	return bunstore.PageOf(rows, size, query,
		func(row tagRow) []byte { return []byte(row.Key) }, func(row tagRow) (contacts.Tag, error) { return row.tag(), nil })
}

// Taggings implements contacts.TaggingRepository.
type Taggings struct{ store *bunstore.Store }

var _ contacts.TaggingRepository = (*Taggings)(nil)

type taggingRow struct {
	bun.BaseModel `bun:"table:engage_contacts_taggings,alias:t"`

	Workspace bunstore.UID    `bun:"workspace_id,pk"`
	ContactID bunstore.UID    `bun:"contact_id,pk"`
	TagID     bunstore.UID    `bun:"tag_id,pk"`
	At        bunstore.Micros `bun:"tagged_at"`
}

// taggingKey tells the taggings of a workspace apart.
type taggingKey struct {
	ContactID bunstore.UID `bun:"contact_id"`
	TagID     bunstore.UID `bun:"tag_id"`
}

func (r taggingRow) key() taggingKey { return taggingKey{r.ContactID, r.TagID} }

func (r taggingRow) tagging() contacts.Tagging {
	return contacts.Tagging{ContactID: contacts.ID(r.ContactID), TagID: contacts.TagID(r.TagID), At: r.At.Time()}
}

func (k taggingKey) compare(other taggingKey) int {
	return cmp.Or(bytes.Compare(k.ContactID[:], other.ContactID[:]), bytes.Compare(k.TagID[:], other.TagID[:]))
}

func taggingsAmong(keys []taggingKey) ofContacts {
	return ofContacts{"tag_id", each(keys, func(k taggingKey) [2]bunstore.UID { return [2]bunstore.UID{k.ContactID, k.TagID} })}
}

func taggingRowsOf(ws engage.WorkspaceID, all []contacts.Tagging) []taggingRow {
	return each(all, func(t contacts.Tagging) taggingRow {
		return taggingRow{
			Workspace: bunstore.UID(ws), ContactID: bunstore.UID(t.ContactID), TagID: bunstore.UID(t.TagID), At: bunstore.Micros(t.At),
		}
	})
}

// insertTaggings writes those that do not exist and answers, aligned, which.
func insertTaggings(ctx context.Context, db bun.IDB, rows []taggingRow) ([]bool, error) {
	return bunstore.InsertNew(ctx, db, rows, "workspace_id", "contact_id", "tag_id")
}

// NewTaggings makes the repository of a store.
func NewTaggings(store *bunstore.Store) *Taggings { return &Taggings{store} }

// Assign implements contacts.TaggingRepository.
func (r *Taggings) Assign(ctx context.Context, ws engage.WorkspaceID, all []contacts.Tagging) ([]bool, error) {
	const op = "buncontacts.Assign"
	db, err := writer(ctx, r.store, op, ws, len(all))
	if err != nil {
		return nil, err
	}
	isNew, err := insertTaggings(ctx, db, taggingRowsOf(ws, all))
	return isNew, bunstore.MapError(ctx, op, "", err)
}

// Unassign implements contacts.TaggingRepository.
func (r *Taggings) Unassign(ctx context.Context, ws engage.WorkspaceID, all []contacts.Tagging) ([]bool, error) {
	const op = "buncontacts.Unassign"
	db, err := writer(ctx, r.store, op, ws, len(all))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	keys := each(taggingRowsOf(ws, all), taggingRow.key)
	slices.SortFunc(keys, taggingKey.compare)
	keys = slices.Compact(keys)
	var gone []taggingKey
	if bunstore.DialectOf(db) == bunstore.MariaDB {
		err = db.NewSelect().Model((*taggingRow)(nil)).Column("contact_id", "tag_id").
			Where("workspace_id = ?", bunstore.UID(ws)).Where("?", taggingsAmong(keys)).For("UPDATE").Scan(ctx, &gone)
		if err == nil && len(gone) > 0 {
			err = deleteTaggings(ctx, db, ws, gone)
		}
	} else {
		err = db.NewDelete().Model((*taggingRow)(nil)).Where("workspace_id = ?", bunstore.UID(ws)).
			Where("?", taggingsAmong(keys)).Returning("contact_id, tag_id").Scan(ctx, &gone)
	}
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	set := make(map[taggingKey]bool, len(gone))
	for _, key := range gone {
		set[key] = true
	}
	out := make([]bool, len(all))
	for i, t := range taggingRowsOf(ws, all) {
		out[i] = set[t.key()]
		delete(set, t.key())
	}
	return out, nil
}

func deleteTaggings(ctx context.Context, db bun.IDB, ws engage.WorkspaceID, keys []taggingKey) error {
	slices.SortFunc(keys, taggingKey.compare)
	for chunk := range slices.Chunk(keys, engage.MaxBatch) {
		_, err := db.NewDelete().Model((*taggingRow)(nil)).
			Where("workspace_id = ?", bunstore.UID(ws)).Where("?", taggingsAmong(chunk)).Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// Of implements contacts.TaggingRepository.
func (r *Taggings) Of(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.Tagging, error) {
	const op = "buncontacts.Of"
	if err := engage.CheckCall(op, ws, len(ids)); err != nil {
		return nil, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var rows []taggingRow
	err = taggingsOf(db, &rows, ws, ids).Scan(ctx)
	return each(rows, taggingRow.tagging), bunstore.MapError(ctx, op, "", err)
}

func taggingsOf(db bun.IDB, rows *[]taggingRow, ws engage.WorkspaceID, ids []contacts.ID) *bun.SelectQuery {
	return db.NewSelect().Model(rows).Where("workspace_id = ?", bunstore.UID(ws)).
		Where("?", among("contact_id", ids)).OrderExpr("contact_id, tag_id")
}

// Tagged implements contacts.TaggingRepository.
func (r *Taggings) Tagged(ctx context.Context, ws engage.WorkspaceID, tag contacts.TagID, request engage.PageRequest) (engage.Page[contacts.ID], error) {
	const op = "buncontacts.Tagged"
	query := "contacts_tagged|" + ws.String() + "|" + tag.String()
	var page engage.Page[contacts.ID]
	after, size, err := open(op, ws, query, request, 0)
	if err != nil {
		return page, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil {
		return page, err
	}
	var ids []bunstore.UID
	q, err := byID(db.NewSelect().Model((*taggingRow)(nil)).Column("contact_id").Where("workspace_id = ?", bunstore.UID(ws)).
		Where("tag_id = ?", bunstore.UID(tag)), "contact_id", after, size, false)
	if err != nil {
		return page, err
	}
	if err := q.Scan(ctx, &ids); err != nil {
		return page, bunstore.MapError(ctx, op, "", err)
	}
	return bunstore.PageOf(ids, size, query, func(id bunstore.UID) []byte { return id[:] },
		func(id bunstore.UID) (contacts.ID, error) { return contacts.ID(id), nil })
}

// Move implements contacts.TaggingRepository.
func (r *Taggings) Move(ctx context.Context, ws engage.WorkspaceID, absorptions []contacts.Absorption) error {
	const op = "buncontacts.Move"
	db, err := writer(ctx, r.store, op, ws, len(absorptions))
	if err != nil || len(absorptions) == 0 {
		return err
	}
	var before []taggingRow
	if err := locking(taggingsOf(db, &before, ws, involved(absorptions))).Scan(ctx); err != nil {
		return bunstore.MapError(ctx, op, "", err)
	}
	gone, added := moved(before, absorptions, taggingRow.key,
		func(row *taggingRow) *bunstore.UID { return &row.ContactID },
		func(taggingRow, taggingRow) bool { return false })
	if err := deleteTaggings(ctx, db, ws, gone); err != nil {
		return bunstore.MapError(ctx, op, "", err)
	}
	_, err = insertTaggings(ctx, db, added)
	return bunstore.MapError(ctx, op, "", err)
}

// Forget implements contacts.TaggingRepository.
func (r *Taggings) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) error {
	const op = "buncontacts.Forget"
	db, err := writer(ctx, r.store, op, ws, len(ids))
	if err != nil {
		return err
	}
	_, err = forget[taggingRow](ctx, op, db, ws, ids)
	return err
}
