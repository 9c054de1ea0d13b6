package buncontacts

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/contacts"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

type identityRow struct {
	bun.BaseModel `bun:"table:engage_contacts_identities,alias:i"`

	Workspace  bunstore.UID    `bun:"workspace_id,pk"`
	Kind       bunstore.Key    `bun:"kind,pk"`
	Value      bunstore.Key    `bun:"value,pk"`
	ContactID  bunstore.UID    `bun:"contact_id"`
	Display    bunstore.Text   `bun:"display"`
	AddedAt    bunstore.Micros `bun:"added_at"`
	VerifiedAt bunstore.Micros `bun:"verified_at"`
}

func (r identityRow) size() int { return rowBytes + len(r.Value) + len(r.Display) }

func (r identityRow) key() contacts.IdentityKey {
	return contacts.IdentityKey{Kind: contacts.IdentityKind(r.Kind), Value: string(r.Value)}
}

// equal compares instants as a row keeps them.
func (r identityRow) equal(other identityRow) bool {
	return r.key() == other.key() && r.ContactID == other.ContactID && r.Display == other.Display &&
		engage.Instant(r.AddedAt.Time()).Equal(engage.Instant(other.AddedAt.Time())) &&
		engage.Instant(r.VerifiedAt.Time()).Equal(engage.Instant(other.VerifiedAt.Time()))
}

// compare is the order in which identities are locked.
func (r identityRow) compare(other identityRow) int {
	return cmp.Or(cmp.Compare(r.Kind, other.Kind), cmp.Compare(r.Value, other.Value))
}

// identityRowsOf answers the identities of contacts, sorted.
func identityRowsOf(ws engage.WorkspaceID, all []contacts.Contact) []identityRow {
	var rows []identityRow
	for _, c := range all {
		for _, i := range c.Identities {
			rows = append(rows, identityRow{
				Workspace: bunstore.UID(ws), Kind: bunstore.Key(i.Kind), Value: bunstore.Key(i.Value),
				ContactID: bunstore.UID(c.ID), Display: bunstore.Text(i.Display),
				AddedAt: bunstore.Micros(i.AddedAt), VerifiedAt: bunstore.Micros(i.VerifiedAt),
			})
		}
	}
	slices.SortFunc(rows, identityRow.compare)
	return rows
}

func keysOf(all []contacts.Contact) []contacts.IdentityKey {
	var keys []contacts.IdentityKey
	for _, c := range all {
		for _, i := range c.Identities {
			keys = append(keys, i.Key())
		}
	}
	return keys
}

// diff answers which rows go and which come; one that changes does both. Both
// arguments are sorted.
func diff(before, after []identityRow) (gone, added []identityRow) {
	kept := func(row identityRow, among []identityRow) bool {
		at, found := slices.BinarySearchFunc(among, row, identityRow.compare)
		return found && among[at].equal(row)
	}
	for _, row := range before {
		if !kept(row, after) {
			gone = append(gone, row)
		}
	}
	for _, row := range after {
		if !kept(row, before) {
			added = append(added, row)
		}
	}
	return gone, added
}

// identitiesOf answers the identities of contacts, sorted.
func identitiesOf(ctx context.Context, db bun.IDB, ws engage.WorkspaceID, ids []contacts.ID) ([]identityRow, error) {
	var rows []identityRow
	err := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).
		Where("?", among("contact_id", ids)).Scan(ctx)
	slices.SortFunc(rows, identityRow.compare)
	return rows, err
}

// withIdentities makes contacts of rows, in their order.
func withIdentities(ctx context.Context, op string, db bun.IDB, ws engage.WorkspaceID, rows []contactRow) ([]contacts.Contact, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	all, at := make([]contacts.Contact, len(rows)), make(map[contacts.ID]int, len(rows))
	ids := make([]contacts.ID, len(rows))
	for i, row := range rows {
		c, err := row.contact()
		if err != nil {
			return nil, err
		}
		all[i], at[c.ID], ids[i] = c, i, c.ID
	}
	identities, err := identitiesOf(ctx, db, ws, ids)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	for _, row := range identities {
		c := &all[at[contacts.ID(row.ContactID)]]
		c.Identities = append(c.Identities, contacts.Identity{
			Kind: contacts.IdentityKind(row.Kind), Value: string(row.Value), Display: string(row.Display),
			AddedAt: row.AddedAt.Time(), VerifiedAt: row.VerifiedAt.Time(),
		})
	}
	for i := range all {
		slices.SortFunc(all[i].Identities, func(a, b contacts.Identity) int { return a.Key().Compare(b.Key()) })
	}
	return all, nil
}

// deleteIdentities removes rows by their keys.
func deleteIdentities(ctx context.Context, db bun.IDB, ws engage.WorkspaceID, rows []identityRow) error {
	for chunk := range chunks(rows) {
		keys := make([]contacts.IdentityKey, len(chunk))
		for i, row := range chunk {
			keys[i] = row.key()
		}
		_, err := db.NewDelete().Model((*identityRow)(nil)).
			Where("workspace_id = ?", bunstore.UID(ws)).Where("?", identitiesAmong(keys)).Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// identitiesAmong is the condition that an identity is one of some. They are
// grouped by kind, of which there are few: each group is one range of the key.
type identitiesAmong []contacts.IdentityKey

// AppendQuery implements schema.QueryAppender.
func (in identitiesAmong) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	byKind := map[contacts.IdentityKind][]bunstore.Key{}
	for _, key := range in {
		byKind[key.Kind] = append(byKind[key.Kind], bunstore.Key(key.Value))
	}
	for i, kind := range slices.Sorted(maps.Keys(byKind)) {
		if i > 0 {
			b = append(b, " OR "...)
		}
		values := byKind[kind]
		slices.Sort(values)
		b = gen.AppendQuery(b, "kind = ? AND value IN (?)", bunstore.Key(kind), bun.List(slices.Compact(values)))
	}
	return b, nil
}

// ownership is who has, or gets, which identity.
type ownership struct {
	owners  map[contacts.IdentityKey]contacts.ID
	claimed map[contacts.IdentityKey]bool
}

// load reads the stored owners of identities.
func (o *ownership) load(ctx context.Context, db bun.IDB, ws engage.WorkspaceID, keys []contacts.IdentityKey) error {
	for chunk := range slices.Chunk(keys, engage.MaxBatch) {
		var rows []identityRow
		err := db.NewSelect().Model(&rows).Column("kind", "value", "contact_id").
			Where("workspace_id = ?", bunstore.UID(ws)).Where("?", identitiesAmong(chunk)).Scan(ctx)
		if err != nil {
			return err
		}
		for _, row := range rows {
			o.owners[row.key()] = contacts.ID(row.ContactID)
		}
	}
	return nil
}

// claim notes the identities of the contact at index i, or the fault that one is
// claimed twice or belongs to a contact that is not among those being written.
func (o *ownership) claim(i int, c contacts.Contact, written map[contacts.ID]bool, taken *engage.Faults) {
	if o.claimed == nil {
		o.claimed = map[contacts.IdentityKey]bool{}
	}
	for _, identity := range c.Identities {
		key := identity.Key()
		owner, owned := o.owners[key]
		if o.claimed[key] || owned && !written[owner] {
			taken.Add(fmt.Sprintf("[%d].identities", i), "taken", "the %s belongs to another contact", key.Kind)
		}
		o.claimed[key] = true
	}
}

// Owners implements contacts.Repository.
func (r *Contacts) Owners(ctx context.Context, ws engage.WorkspaceID, keys []contacts.IdentityKey) (map[contacts.IdentityKey]contacts.ID, error) {
	const op = "buncontacts.Owners"
	if err := engage.CheckCall(op, ws, len(keys)); err != nil {
		return nil, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil {
		return nil, err
	}
	owned := ownership{owners: map[contacts.IdentityKey]contacts.ID{}}
	if err := owned.load(ctx, db, ws, keys); err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	return owned.owners, nil
}
