package memcontacts

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
)

// Contacts implements contacts.Repository, events.Contacts and
// events.ContactsAcross.
type Contacts struct {
	rows       *memory.Table[contactRow]
	identities *memory.Table[identityRow]
}

var (
	_ contacts.Repository   = (*Contacts)(nil)
	_ events.Contacts       = (*Contacts)(nil)
	_ events.ContactsAcross = (*Contacts)(nil)
)

type contactRow struct {
	ws engage.WorkspaceID
	contacts.Contact
}

type identityRow struct {
	ws    engage.WorkspaceID
	key   contacts.IdentityKey
	owner contacts.ID
}

// NewContacts makes the repository of a store.
func NewContacts(store *memory.Store) *Contacts {
	return &Contacts{
		rows: memory.NewTable(store, "contacts",
			memory.Index[contactRow]{Name: "id", Less: func(a, b *contactRow) bool {
				return before(a.ws, b.ws, a.ID.Compare(b.ID))
			}},
			memory.Index[contactRow]{Name: "updated", Less: func(a, b *contactRow) bool {
				return before(a.ws, b.ws, cmp.Or(a.UpdatedAt.Compare(b.UpdatedAt), a.ID.Compare(b.ID)))
			}},
			memory.Index[contactRow]{Name: "merged_into", Less: func(a, b *contactRow) bool {
				return before(a.ws, b.ws, cmp.Or(a.MergedInto.Compare(b.MergedInto), a.ID.Compare(b.ID)))
			}}),
		identities: memory.NewTable(store, "contacts_identities",
			memory.Index[identityRow]{Name: "key", Less: func(a, b *identityRow) bool {
				return before(a.ws, b.ws, cmp.Or(cmp.Compare(a.key.Kind, b.key.Kind), cmp.Compare(a.key.Value, b.key.Value)))
			}}),
	}
}

// before orders rows by workspace, then by a comparison.
func before(a, b engage.WorkspaceID, then int) bool { return cmp.Or(a.Compare(b), then) < 0 }

// Insert implements contacts.Repository.
func (r *Contacts) Insert(ctx context.Context, ws engage.WorkspaceID, all []contacts.Contact) error {
	const op = "memcontacts.Insert"
	rows, identities, err := r.write(ctx, op, ws, len(all))
	if err != nil {
		return err
	}
	var taken engage.Faults
	ids, keys := map[contacts.ID]bool{}, map[contacts.IdentityKey]bool{}
	for i, c := range all {
		if _, exists := rows.Get("id", &contactRow{ws: ws, Contact: contacts.Contact{ID: c.ID}}); exists || ids[c.ID] {
			taken.Add(fmt.Sprintf("[%d].id", i), "taken", "contact %s exists", c.ID)
		}
		ids[c.ID] = true
		for _, identity := range c.Identities {
			key := identity.Key()
			if _, owned := identities.Get("key", &identityRow{ws: ws, key: key}); owned || keys[key] {
				taken.Add(fmt.Sprintf("[%d].identities", i), "taken", "the %s belongs to another contact", key.Kind)
			}
			keys[key] = true
		}
	}
	if len(taken) > 0 {
		return &engage.Error{Code: engage.AlreadyExists, Op: op, Fields: taken}
	}
	for _, c := range all {
		c = c.Clone()
		c.Version = 1
		rows.Set(&contactRow{ws: ws, Contact: c})
		for _, identity := range c.Identities {
			identities.Set(&identityRow{ws: ws, key: identity.Key(), owner: c.ID})
		}
	}
	return nil
}

// Update implements contacts.Repository.
func (r *Contacts) Update(ctx context.Context, ws engage.WorkspaceID, all []contacts.Contact) error {
	const op = "memcontacts.Update"
	rows, identities, err := r.write(ctx, op, ws, len(all))
	if err != nil {
		return err
	}
	if err := checkVersions(op, ws, rows, all); err != nil {
		return err
	}
	updated := map[contacts.ID]bool{}
	for _, c := range all {
		updated[c.ID] = true
	}
	var taken engage.Faults
	keys := map[contacts.IdentityKey]bool{}
	for i, c := range all {
		for _, identity := range c.Identities {
			key := identity.Key()
			owned, exists := identities.Get("key", &identityRow{ws: ws, key: key})
			if keys[key] || exists && !updated[owned.owner] {
				taken.Add(fmt.Sprintf("[%d].identities", i), "taken", "the %s belongs to another contact", key.Kind)
			}
			keys[key] = true
		}
	}
	if len(taken) > 0 {
		return &engage.Error{Code: engage.AlreadyExists, Op: op, Fields: taken}
	}
	for _, c := range all {
		old, _ := rows.Get("id", &contactRow{ws: ws, Contact: contacts.Contact{ID: c.ID}})
		for _, identity := range old.Identities {
			identities.Delete(&identityRow{ws: ws, key: identity.Key()})
		}
	}
	for _, c := range all {
		c = c.Clone()
		c.Version++
		rows.Set(&contactRow{ws: ws, Contact: c})
		for _, identity := range c.Identities {
			identities.Set(&identityRow{ws: ws, key: identity.Key(), owner: c.ID})
		}
	}
	return nil
}

func checkVersions(op string, ws engage.WorkspaceID, rows memory.Writer[contactRow], all []contacts.Contact) error {
	var twice, missing, stale engage.Faults
	seen := map[contacts.ID]bool{}
	for i, c := range all {
		if seen[c.ID] {
			twice.Add(fmt.Sprintf("[%d].id", i), "duplicate", "contact %s stands in the call twice", c.ID)
		}
		seen[c.ID] = true
		old, exists := rows.Get("id", &contactRow{ws: ws, Contact: contacts.Contact{ID: c.ID}})
		switch {
		case !exists:
			missing.Add(fmt.Sprintf("[%d].id", i), "not_found", "no contact %s", c.ID)
		case old.Version != c.Version:
			stale.Add(fmt.Sprintf("[%d].version", i), "stale", "stored is %d, not %d", old.Version, c.Version)
		}
	}
	if err := twice.Err(op, ""); err != nil {
		return err
	}
	if len(missing) > 0 {
		return &engage.Error{Code: engage.NotFound, Op: op, Fields: missing}
	}
	if len(stale) > 0 {
		return &engage.Error{Code: engage.Conflict, Op: op, Fields: stale}
	}
	return nil
}

// Delete implements contacts.Repository.
func (r *Contacts) Delete(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) (int, error) {
	rows, identities, err := r.write(ctx, "memcontacts.Delete", ws, len(ids))
	if err != nil {
		return 0, err
	}
	n := 0
	for _, id := range ids {
		old, existed := rows.Delete(&contactRow{ws: ws, Contact: contacts.Contact{ID: id}})
		if !existed {
			continue
		}
		n++
		for _, identity := range old.Identities {
			identities.Delete(&identityRow{ws: ws, key: identity.Key()})
		}
	}
	return n, nil
}

// Get implements contacts.Repository.
func (r *Contacts) Get(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.Contact, error) {
	if err := engage.CheckCall("memcontacts.Get", ws, len(ids)); err != nil {
		return nil, err
	}
	return get(r.rows.Read(ctx), ws, ids), nil
}

// Lock implements contacts.Repository: a writer is alone, so reading locks.
func (r *Contacts) Lock(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.Contact, error) {
	rows, _, err := r.write(ctx, "memcontacts.Lock", ws, len(ids))
	if err != nil {
		return nil, err
	}
	return get(rows.View, ws, ids), nil
}

func get(rows memory.View[contactRow], ws engage.WorkspaceID, ids []contacts.ID) []contacts.Contact {
	var found []contacts.Contact
	for _, id := range ids {
		if row, ok := rows.Get("id", &contactRow{ws: ws, Contact: contacts.Contact{ID: id}}); ok {
			found = append(found, row.Clone())
		}
	}
	return found
}

// Owners implements contacts.Repository.
func (r *Contacts) Owners(ctx context.Context, ws engage.WorkspaceID, keys []contacts.IdentityKey) (map[contacts.IdentityKey]contacts.ID, error) {
	if err := engage.CheckCall("memcontacts.Owners", ws, len(keys)); err != nil {
		return nil, err
	}
	owners, rows := map[contacts.IdentityKey]contacts.ID{}, r.identities.Read(ctx)
	for _, key := range keys {
		if row, ok := rows.Get("key", &identityRow{ws: ws, key: key}); ok {
			owners[key] = row.owner
		}
	}
	return owners, nil
}

// Absorbed implements contacts.Repository.
func (r *Contacts) Absorbed(ctx context.Context, ws engage.WorkspaceID, survivors []contacts.ID) (map[contacts.ID][]contacts.ID, error) {
	if err := engage.CheckCall("memcontacts.Absorbed", ws, len(survivors)); err != nil {
		return nil, err
	}
	absorbed, rows := map[contacts.ID][]contacts.ID{}, r.rows.Read(ctx)
	for _, survivor := range survivors {
		if survivor.IsZero() || absorbed[survivor] != nil {
			continue
		}
		for row := range rows.Ascend("merged_into", &contactRow{ws: ws, Contact: contacts.Contact{MergedInto: survivor}}) {
			if row.ws != ws || row.MergedInto != survivor {
				break
			}
			absorbed[survivor] = append(absorbed[survivor], row.ID)
		}
	}
	return absorbed, nil
}

// Existing implements events.Contacts.
func (r *Contacts) Existing(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.ID, error) {
	if err := engage.CheckCall("memcontacts.Existing", ws, len(ids)); err != nil {
		return nil, err
	}
	rows := r.rows.Read(ctx)
	return slices.DeleteFunc(slices.Clone(ids), func(id contacts.ID) bool {
		_, ok := rows.Get("id", &contactRow{ws: ws, Contact: contacts.Contact{ID: id}})
		return !ok
	}), nil
}

// ExistingAcross implements events.ContactsAcross.
func (r *Contacts) ExistingAcross(ctx context.Context, shard engage.Shard, asked []events.ContactAcross) ([]bool, error) {
	rows, err := r.rows.WriteShard(ctx, shard)
	if err != nil {
		return nil, err
	}
	if err := checkAcross("memcontacts.ExistingAcross", len(asked)); err != nil {
		return nil, err
	}
	exists := make([]bool, len(asked))
	for i, one := range asked {
		_, exists[i] = rows.Get("id", &contactRow{ws: one.Workspace, Contact: contacts.Contact{ID: one.ID}})
	}
	return exists, nil
}

// List implements contacts.Repository.
func (r *Contacts) List(ctx context.Context, ws engage.WorkspaceID, query contacts.Query) (engage.Page[contacts.Contact], error) {
	var page engage.Page[contacts.Contact]
	if err := engage.CheckCall("memcontacts.List", ws, 0); err != nil {
		return page, err
	}
	after, err := query.After.Open(query.Binding(ws))
	if err != nil {
		return page, err
	}
	size, err := query.Size()
	if err != nil {
		return page, err
	}
	index := "id"
	if query.Sort == contacts.ByUpdate {
		index = "updated"
	}
	pivot := &contactRow{ws: ws}
	if after != nil {
		if pivot.UpdatedAt, pivot.ID, err = openKey[contacts.ID](after); err != nil {
			return page, err
		}
	} else if query.Descending {
		pivot = lastOf(ws)
	}
	walk := r.rows.Read(ctx).Ascend
	if query.Descending {
		walk = r.rows.Read(ctx).Descend
	}
	return collect(walk(index, pivot), query.Binding(ws), size, func(row *contactRow) step {
		switch {
		case row.ws != ws:
			return stop
		case row.IsAbsorbed(), query.State != "" && row.State != query.State,
			after != nil && row.ID == pivot.ID && (index == "id" || row.UpdatedAt.Equal(pivot.UpdatedAt)):
			return skip
		}
		return take
	}, func(row *contactRow) (contacts.Contact, []byte) {
		return row.Clone(), sealKey(row.UpdatedAt, row.ID)
	}), nil
}

// lastOf stands behind every contact of a workspace, in each order.
func lastOf(ws engage.WorkspaceID) *contactRow {
	row := &contactRow{ws: ws, Contact: contacts.Contact{UpdatedAt: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}}
	for i := range row.ID {
		row.ID[i] = 0xff
	}
	return row
}

func (r *Contacts) write(ctx context.Context, op string, ws engage.WorkspaceID, items int) (memory.Writer[contactRow], memory.Writer[identityRow], error) {
	var identities memory.Writer[identityRow]
	rows, err := r.rows.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall(op, ws, items)
	}
	if err == nil {
		identities, err = r.identities.Write(ctx, ws)
	}
	return rows, identities, err
}
