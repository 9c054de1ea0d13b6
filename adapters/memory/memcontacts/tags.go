package memcontacts

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/contacts"
)

// Tags implements contacts.TagRepository.
type Tags struct {
	rows     *memory.Table[tagRow]
	taggings *memory.Table[taggingRow]
}

// Taggings implements contacts.TaggingRepository.
type Taggings struct{ taggings *memory.Table[taggingRow] }

var (
	_ contacts.TagRepository     = (*Tags)(nil)
	_ contacts.TaggingRepository = (*Taggings)(nil)
)

type tagRow struct {
	ws engage.WorkspaceID
	contacts.Tag
}

type taggingRow struct {
	ws engage.WorkspaceID
	contacts.Tagging
}

// NewTags makes the repository of a store.
func NewTags(store *memory.Store) *Tags {
	return &Tags{taggings: taggingTable(store), rows: memory.NewTable(store, "contacts_tags",
		memory.Index[tagRow]{Name: "id", Less: func(a, b *tagRow) bool { return before(a.ws, b.ws, a.ID.Compare(b.ID)) }},
		memory.Index[tagRow]{Name: "key", Less: func(a, b *tagRow) bool { return before(a.ws, b.ws, strings.Compare(a.Key, b.Key)) }})}
}

// NewTaggings makes the repository of a store.
func NewTaggings(store *memory.Store) *Taggings { return &Taggings{taggings: taggingTable(store)} }

func taggingTable(store *memory.Store) *memory.Table[taggingRow] {
	return memory.NewTable(store, "contacts_taggings",
		memory.Index[taggingRow]{Name: "contact", Less: func(a, b *taggingRow) bool {
			return before(a.ws, b.ws, cmp.Or(a.ContactID.Compare(b.ContactID), a.TagID.Compare(b.TagID)))
		}},
		memory.Index[taggingRow]{Name: "tag", Less: func(a, b *taggingRow) bool {
			return before(a.ws, b.ws, cmp.Or(a.TagID.Compare(b.TagID), a.ContactID.Compare(b.ContactID)))
		}})
}

// Insert implements contacts.TagRepository.
func (r *Tags) Insert(ctx context.Context, ws engage.WorkspaceID, tag contacts.Tag) error {
	rows, err := r.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	_, sameID := rows.Get("id", &tagRow{ws: ws, Tag: tag})
	_, sameKey := rows.Get("key", &tagRow{ws: ws, Tag: tag})
	if sameID || sameKey {
		return &engage.Error{Code: engage.AlreadyExists, Op: "memcontacts.Insert", Entity: "tag " + tag.ID.String()}
	}
	tag.Version = 1
	rows.Set(&tagRow{ws: ws, Tag: tag})
	return nil
}

// Update implements contacts.TagRepository.
func (r *Tags) Update(ctx context.Context, ws engage.WorkspaceID, tag contacts.Tag) error {
	rows, err := r.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	fault := func(code engage.Code) error {
		return &engage.Error{Code: code, Op: "memcontacts.Update", Entity: "tag " + tag.ID.String()}
	}
	old, exists := rows.Get("id", &tagRow{ws: ws, Tag: tag})
	if !exists {
		return fault(engage.NotFound)
	}
	if old.Version != tag.Version {
		return fault(engage.Conflict)
	}
	if holder, taken := rows.Get("key", &tagRow{ws: ws, Tag: tag}); taken && holder.ID != tag.ID {
		return fault(engage.AlreadyExists)
	}
	tag.Version++
	rows.Set(&tagRow{ws: ws, Tag: tag})
	return nil
}

// Delete implements contacts.TagRepository.
func (r *Tags) Delete(ctx context.Context, ws engage.WorkspaceID, id contacts.TagID) error {
	rows, err := r.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	taggings, err := r.taggings.Write(ctx, ws)
	if err != nil {
		return err
	}
	if _, existed := rows.Delete(&tagRow{ws: ws, Tag: contacts.Tag{ID: id}}); !existed {
		return &engage.Error{Code: engage.NotFound, Op: "memcontacts.Delete", Entity: "tag " + id.String()}
	}
	for row := range taggings.Ascend("tag", &taggingRow{ws: ws, Tagging: contacts.Tagging{TagID: id}}) {
		if row.ws != ws || row.TagID != id {
			break
		}
		taggings.Delete(row)
	}
	return nil
}

// Get implements contacts.TagRepository.
func (r *Tags) Get(ctx context.Context, ws engage.WorkspaceID, ids []contacts.TagID) ([]contacts.Tag, error) {
	if err := engage.CheckCall("memcontacts.Get", ws, len(ids)); err != nil {
		return nil, err
	}
	var found []contacts.Tag
	rows := r.rows.Read(ctx)
	for _, id := range sorted(ids) {
		if row, ok := rows.Get("id", &tagRow{ws: ws, Tag: contacts.Tag{ID: id}}); ok {
			found = append(found, row.Tag)
		}
	}
	return found, nil
}

// Lock implements contacts.TagRepository: a writer is alone, so reading locks.
func (r *Tags) Lock(ctx context.Context, ws engage.WorkspaceID, id contacts.TagID) (contacts.Tag, error) {
	rows, err := r.rows.Write(ctx, ws)
	if err != nil {
		return contacts.Tag{}, err
	}
	row, ok := rows.Get("id", &tagRow{ws: ws, Tag: contacts.Tag{ID: id}})
	if !ok {
		return contacts.Tag{}, &engage.Error{Code: engage.NotFound, Op: "memcontacts.Lock", Entity: "tag " + id.String()}
	}
	return row.Tag, nil
}

// Find implements contacts.TagRepository.
func (r *Tags) Find(ctx context.Context, ws engage.WorkspaceID, key string) (contacts.Tag, error) {
	if err := engage.CheckCall("memcontacts.Find", ws, 0); err != nil {
		return contacts.Tag{}, err
	}
	row, ok := r.rows.Read(ctx).Get("key", &tagRow{ws: ws, Tag: contacts.Tag{Key: key}})
	if !ok {
		return contacts.Tag{}, &engage.Error{Code: engage.NotFound, Op: "memcontacts.Find", Entity: "tag by name"}
	}
	return row.Tag, nil
}

// List implements contacts.TagRepository.
func (r *Tags) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[contacts.Tag], error) {
	after, size, query, err := open(ws, "contacts_tags", request)
	if err != nil {
		return engage.Page[contacts.Tag]{}, err
	}
	pivot := &tagRow{ws: ws, Tag: contacts.Tag{Key: string(after)}}
	return collect(r.rows.Read(ctx).Ascend("key", pivot), query, size, func(row *tagRow) step {
		return verdict(row.ws == ws, row.Key == pivot.Key)
	}, func(row *tagRow) (contacts.Tag, []byte) { return row.Tag, []byte(row.Key) }), nil
}

// open begins a list: it checks the request and answers the key of its cursor,
// the page's size and what binds its cursors.
func open(ws engage.WorkspaceID, list string, request engage.PageRequest) (after []byte, size int, query string, err error) {
	query = list + "|" + ws.String()
	if err = engage.CheckCall("memcontacts.List", ws, 0); err != nil {
		return nil, 0, query, err
	}
	if after, err = request.After.Open(query); err != nil {
		return nil, 0, query, err
	}
	size, err = request.Size()
	return after, size, query, err
}

// verdict stops outside a list and skips the row that its cursor stands on.
func verdict(inside, atCursor bool) step {
	switch {
	case !inside:
		return stop
	case atCursor:
		return skip
	}
	return take
}

func sorted[ID engage.ID[K], K engage.Kind](ids []ID) []ID {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, func(a, b ID) int { return engage.ID[K](a).Compare(engage.ID[K](b)) })
	return slices.Compact(ids)
}

// Assign implements contacts.TaggingRepository.
func (r *Taggings) Assign(ctx context.Context, ws engage.WorkspaceID, all []contacts.Tagging) ([]bool, error) {
	rows, err := r.write(ctx, "memcontacts.Assign", ws, len(all))
	if err != nil {
		return nil, err
	}
	isNew := make([]bool, len(all))
	for i, t := range all {
		if _, exists := rows.Get("contact", &taggingRow{ws: ws, Tagging: t}); !exists {
			rows.Set(&taggingRow{ws: ws, Tagging: t})
			isNew[i] = true
		}
	}
	return isNew, nil
}

// Unassign implements contacts.TaggingRepository.
func (r *Taggings) Unassign(ctx context.Context, ws engage.WorkspaceID, all []contacts.Tagging) ([]bool, error) {
	rows, err := r.write(ctx, "memcontacts.Unassign", ws, len(all))
	if err != nil {
		return nil, err
	}
	existed := make([]bool, len(all))
	for i, t := range all {
		_, existed[i] = rows.Delete(&taggingRow{ws: ws, Tagging: t})
	}
	return existed, nil
}

// Of implements contacts.TaggingRepository.
func (r *Taggings) Of(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.Tagging, error) {
	if err := engage.CheckCall("memcontacts.Of", ws, len(ids)); err != nil {
		return nil, err
	}
	return taggingsOf(r.taggings.Read(ctx), ws, ids), nil
}

func taggingsOf(rows memory.View[taggingRow], ws engage.WorkspaceID, ids []contacts.ID) []contacts.Tagging {
	var found []contacts.Tagging
	for _, id := range sorted(ids) {
		for row := range rows.Ascend("contact", &taggingRow{ws: ws, Tagging: contacts.Tagging{ContactID: id}}) {
			if row.ws != ws || row.ContactID != id {
				break
			}
			found = append(found, row.Tagging)
		}
	}
	return found
}

// Tagged implements contacts.TaggingRepository.
func (r *Taggings) Tagged(ctx context.Context, ws engage.WorkspaceID, tag contacts.TagID, request engage.PageRequest) (engage.Page[contacts.ID], error) {
	var page engage.Page[contacts.ID]
	after, size, query, err := open(ws, "contacts_tagged|"+tag.String(), request)
	if err != nil {
		return page, err
	}
	pivot := &taggingRow{ws: ws, Tagging: contacts.Tagging{TagID: tag}}
	if after != nil {
		if pivot.ContactID, err = openID[contacts.ID](after); err != nil {
			return page, err
		}
	}
	return collect(r.taggings.Read(ctx).Ascend("tag", pivot), query, size, func(row *taggingRow) step {
		return verdict(row.ws == ws && row.TagID == tag, after != nil && row.ContactID == pivot.ContactID)
	}, func(row *taggingRow) (contacts.ID, []byte) { return row.ContactID, row.ContactID[:] }), nil
}

// Move implements contacts.TaggingRepository.
func (r *Taggings) Move(ctx context.Context, ws engage.WorkspaceID, absorptions []contacts.Absorption) error {
	rows, err := r.write(ctx, "memcontacts.Move", ws, len(absorptions))
	if err != nil {
		return err
	}
	for _, a := range absorptions {
		for _, t := range taggingsOf(rows.View, ws, []contacts.ID{a.Absorbed}) {
			rows.Delete(&taggingRow{ws: ws, Tagging: t})
			t.ContactID = a.Survivor
			if _, both := rows.Get("contact", &taggingRow{ws: ws, Tagging: t}); !both {
				rows.Set(&taggingRow{ws: ws, Tagging: t})
			}
		}
	}
	return nil
}

// Forget implements contacts.TaggingRepository.
func (r *Taggings) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) error {
	rows, err := r.write(ctx, "memcontacts.Forget", ws, len(ids))
	if err != nil {
		return err
	}
	for _, t := range taggingsOf(rows.View, ws, ids) {
		rows.Delete(&taggingRow{ws: ws, Tagging: t})
	}
	return nil
}

func (r *Taggings) write(ctx context.Context, op string, ws engage.WorkspaceID, items int) (memory.Writer[taggingRow], error) {
	rows, err := r.taggings.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall(op, ws, items)
	}
	return rows, err
}
