package buncontacts

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/uptrace/bun"
)

// Contacts implements contacts.Repository, events.Contacts and
// events.ContactsAcross.
type Contacts struct{ store *bunstore.Store }

var (
	_ contacts.Repository   = (*Contacts)(nil)
	_ events.Contacts       = (*Contacts)(nil)
	_ events.ContactsAcross = (*Contacts)(nil)
)

type contactRow struct {
	bun.BaseModel `bun:"table:engage_contacts,alias:c"`

	Workspace     bunstore.UID    `bun:"workspace_id,pk"`
	ID            bunstore.UID    `bun:"id,pk"`
	State         bunstore.Text   `bun:"state"`
	Attributes    bunstore.JSON   `bun:"attributes"`
	Locale        bunstore.Text   `bun:"locale"`
	TimeZone      bunstore.Text   `bun:"time_zone"`
	MergedInto    bunstore.UID    `bun:"merged_into,nullzero"`
	CreatedAt     bunstore.Micros `bun:"created_at"`
	UpdatedAt     bunstore.Micros `bun:"updated_at"`
	CreatedByType bunstore.Text   `bun:"created_by_type"`
	CreatedByID   bunstore.Text   `bun:"created_by_id"`
	UpdatedByType bunstore.Text   `bun:"updated_by_type"`
	UpdatedByID   bunstore.Text   `bun:"updated_by_id"`
	Version       int64           `bun:"version"`
}

// contactColumns are those that an update replaces.
var contactColumns = [...]string{
	"state", "attributes", "locale", "time_zone", "merged_into", "created_at", "updated_at",
	"created_by_type", "created_by_id", "updated_by_type", "updated_by_id", "version",
}

func (r contactRow) size() int { return rowBytes + len(r.Attributes) }

func contactRowOf(ws engage.WorkspaceID, c contacts.Contact, version engage.Version) contactRow {
	return contactRow{
		Workspace: bunstore.UID(ws), ID: bunstore.UID(c.ID), State: bunstore.Text(c.State),
		Attributes: c.Attributes.JSON(), Locale: bunstore.Text(c.Locale), TimeZone: bunstore.Text(c.TimeZone),
		MergedInto: bunstore.UID(c.MergedInto), CreatedAt: bunstore.Micros(c.CreatedAt), UpdatedAt: bunstore.Micros(c.UpdatedAt),
		CreatedByType: bunstore.Text(c.CreatedBy.Type), CreatedByID: bunstore.Text(c.CreatedBy.ID),
		UpdatedByType: bunstore.Text(c.UpdatedBy.Type), UpdatedByID: bunstore.Text(c.UpdatedBy.ID),
		Version: int64(version),
	}
}

func (r contactRow) contact() (contacts.Contact, error) {
	set, err := attribute.ParseSet(r.Attributes)
	return contacts.Contact{
		ID: contacts.ID(r.ID), State: contacts.State(r.State), Attributes: set,
		Locale: string(r.Locale), TimeZone: string(r.TimeZone), MergedInto: contacts.ID(r.MergedInto),
		CreatedAt: r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(),
		CreatedBy: engage.Actor{Type: string(r.CreatedByType), ID: string(r.CreatedByID)},
		UpdatedBy: engage.Actor{Type: string(r.UpdatedByType), ID: string(r.UpdatedByID)},
		Version:   engage.Version(r.Version),
	}, err
}

// NewContacts makes the repository of a store.
func NewContacts(store *bunstore.Store) *Contacts { return &Contacts{store} }

// Insert implements contacts.Repository.
func (r *Contacts) Insert(ctx context.Context, ws engage.WorkspaceID, all []contacts.Contact) error {
	const op = "buncontacts.Insert"
	db, err := r.write(ctx, op, ws, len(all))
	if err != nil || len(all) == 0 {
		return err
	}
	ids := make([]contacts.ID, len(all))
	for i, c := range all {
		ids[i] = c.ID
	}
	existing, err := r.existing(ctx, db, ws, ids)
	if err != nil {
		return bunstore.MapError(ctx, op, "", err)
	}
	taken, seen := engage.Faults{}, map[contacts.ID]bool{}
	for _, id := range existing {
		seen[id] = true
	}
	owned := ownership{owners: map[contacts.IdentityKey]contacts.ID{}}
	if err := owned.load(ctx, db, ws, keysOf(all)); err != nil {
		return bunstore.MapError(ctx, op, "", err)
	}
	rows := make([]contactRow, len(all))
	for i, c := range all {
		if seen[c.ID] {
			taken.Add(fmt.Sprintf("[%d].id", i), "taken", "contact %s exists", c.ID)
		}
		seen[c.ID] = true
		owned.claim(i, c, nil, &taken)
		rows[i] = contactRowOf(ws, c, 1)
	}
	if len(taken) > 0 {
		return &engage.Error{Code: engage.AlreadyExists, Op: op, Fields: taken}
	}
	slices.SortFunc(rows, func(a, b contactRow) int { return contacts.ID(a.ID).Compare(contacts.ID(b.ID)) })
	return r.atomically(ctx, op, ws, func(db bun.IDB) error {
		if err := insert(ctx, db, rows); err != nil {
			return err
		}
		return insert(ctx, db, identityRowsOf(ws, all))
	})
}

// Update implements contacts.Repository.
func (r *Contacts) Update(ctx context.Context, ws engage.WorkspaceID, all []contacts.Contact) error {
	const op = "buncontacts.Update"
	db, err := r.write(ctx, op, ws, len(all))
	if err != nil || len(all) == 0 {
		return err
	}
	if err := lockVersions(ctx, op, db, ws, all); err != nil {
		return err
	}
	updated := make(map[contacts.ID]bool, len(all))
	ids, rows := make([]contacts.ID, len(all)), make([]contactRow, len(all))
	for i, c := range all {
		updated[c.ID], ids[i], rows[i] = true, c.ID, contactRowOf(ws, c, c.Version+1)
	}
	before, err := identitiesOf(ctx, db, ws, ids)
	if err != nil {
		return bunstore.MapError(ctx, op, "", err)
	}
	gone, added := diff(before, identityRowsOf(ws, all))
	owned := ownership{owners: map[contacts.IdentityKey]contacts.ID{}}
	var unknown []contacts.IdentityKey
	for _, row := range before {
		owned.owners[row.key()] = contacts.ID(row.ContactID)
	}
	for _, row := range added {
		if _, ours := owned.owners[row.key()]; !ours {
			unknown = append(unknown, row.key())
		}
	}
	if err := owned.load(ctx, db, ws, unknown); err != nil {
		return bunstore.MapError(ctx, op, "", err)
	}
	var taken engage.Faults
	for i, c := range all {
		owned.claim(i, c, updated, &taken)
	}
	if len(taken) > 0 {
		return &engage.Error{Code: engage.AlreadyExists, Op: op, Fields: taken}
	}
	slices.SortFunc(rows, func(a, b contactRow) int { return contacts.ID(a.ID).Compare(contacts.ID(b.ID)) })
	return r.atomically(ctx, op, ws, func(db bun.IDB) error {
		if err := upsert(ctx, db, rows, []string{"workspace_id", "id"}, contactColumns[:]...); err != nil {
			return err
		}
		if err := deleteIdentities(ctx, db, ws, gone); err != nil {
			return err
		}
		return insert(ctx, db, added)
	})
}

// atomically runs the writes of a call. Only another writer's identity can make
// them fail now. That ends a transaction of PostgreSQL and can't happen on
// SQLite; MariaDB would go on with half of them.
func (r *Contacts) atomically(ctx context.Context, op string, ws engage.WorkspaceID, writes func(bun.IDB) error) error {
	run := func(ctx context.Context) error {
		db, err := r.store.Write(ctx, ws)
		if err != nil {
			return err
		}
		return bunstore.MapError(ctx, op, "", writes(db))
	}
	if r.store.Dialect() == bunstore.MariaDB {
		return r.store.InTx(ctx, ws, run)
	}
	return run(ctx)
}

// lockVersions locks the stored contacts, in the order of their ids, and
// compares their versions.
func lockVersions(ctx context.Context, op string, db bun.IDB, ws engage.WorkspaceID, all []contacts.Contact) error {
	var faults engage.Faults
	ids, seen := make([]contacts.ID, len(all)), map[contacts.ID]bool{}
	for i, c := range all {
		if seen[c.ID] {
			faults.Add(fmt.Sprintf("[%d].id", i), "duplicate", "contact %s stands in the call twice", c.ID)
		}
		ids[i], seen[c.ID] = c.ID, true
	}
	if err := faults.Err(op, ""); err != nil {
		return err
	}
	var rows []contactRow
	q := db.NewSelect().Model(&rows).Column("id", "version").
		Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("id", ids)).OrderExpr("id")
	if err := locking(q).Scan(ctx); err != nil {
		return bunstore.MapError(ctx, op, "", err)
	}
	stored := make(map[contacts.ID]engage.Version, len(rows))
	for _, row := range rows {
		stored[contacts.ID(row.ID)] = engage.Version(row.Version)
	}
	var missing, stale engage.Faults
	for i, c := range all {
		version, exists := stored[c.ID]
		switch {
		case !exists:
			missing.Add(fmt.Sprintf("[%d].id", i), "not_found", "no contact %s", c.ID)
		case version != c.Version:
			stale.Add(fmt.Sprintf("[%d].version", i), "stale", "stored is %d, not %d", version, c.Version)
		}
	}
	if len(missing) > 0 {
		return &engage.Error{Code: engage.NotFound, Op: op, Fields: missing}
	}
	if len(stale) > 0 {
		return &engage.Error{Code: engage.Conflict, Op: op, Fields: stale}
	}
	return nil
}

// locking holds the rows of a query until the transaction ends. SQLite's writer
// is alone.
func locking(q *bun.SelectQuery) *bun.SelectQuery {
	if bunstore.DialectOf(q) == bunstore.SQLite {
		return q
	}
	return q.For("UPDATE")
}

// Delete implements contacts.Repository. The identities go with their contacts,
// by their foreign key.
func (r *Contacts) Delete(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) (int, error) {
	const op = "buncontacts.Delete"
	db, err := r.write(ctx, op, ws, len(ids))
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	result, err := db.NewDelete().Model((*contactRow)(nil)).
		Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("id", ids)).Exec(ctx)
	return affected(ctx, op, result, err)
}

// Get implements contacts.Repository.
func (r *Contacts) Get(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.Contact, error) {
	const op = "buncontacts.Get"
	if err := engage.CheckCall(op, ws, len(ids)); err != nil {
		return nil, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil {
		return nil, err
	}
	return get(ctx, op, db, ws, ids, false)
}

// Lock implements contacts.Repository.
func (r *Contacts) Lock(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.Contact, error) {
	const op = "buncontacts.Lock"
	db, err := r.write(ctx, op, ws, len(ids))
	if err != nil {
		return nil, err
	}
	return get(ctx, op, db, ws, ids, true)
}

func get(ctx context.Context, op string, db bun.IDB, ws engage.WorkspaceID, ids []contacts.ID, lock bool) ([]contacts.Contact, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []contactRow
	q := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("id", ids))
	if lock {
		q = locking(q.OrderExpr("id"))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	whole, err := withIdentities(ctx, op, db, ws, rows)
	if err != nil {
		return nil, err
	}
	byID := make(map[contacts.ID]contacts.Contact, len(whole))
	for _, c := range whole {
		byID[c.ID] = c
	}
	var found []contacts.Contact
	for _, id := range ids {
		if c, ok := byID[id]; ok {
			found = append(found, c.Clone())
		}
	}
	return found, nil
}

// Absorbed implements contacts.Repository.
func (r *Contacts) Absorbed(ctx context.Context, ws engage.WorkspaceID, survivors []contacts.ID) (map[contacts.ID][]contacts.ID, error) {
	const op = "buncontacts.Absorbed"
	if err := engage.CheckCall(op, ws, len(survivors)); err != nil {
		return nil, err
	}
	db, err := r.store.Read(ctx, ws)
	absorbed := map[contacts.ID][]contacts.ID{}
	if err != nil || len(survivors) == 0 {
		return absorbed, err
	}
	var rows []contactRow
	err = db.NewSelect().Model(&rows).Column("id", "merged_into").
		Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("merged_into", survivors)).OrderExpr("id").Scan(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	for _, row := range rows {
		survivor := contacts.ID(row.MergedInto)
		absorbed[survivor] = append(absorbed[survivor], contacts.ID(row.ID))
	}
	return absorbed, nil
}

// Existing implements events.Contacts.
func (r *Contacts) Existing(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.ID, error) {
	const op = "buncontacts.Existing"
	if err := engage.CheckCall(op, ws, len(ids)); err != nil {
		return nil, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	existing, err := r.existing(ctx, db, ws, ids)
	return existing, bunstore.MapError(ctx, op, "", err)
}

// ExistingAcross implements events.ContactsAcross.
func (r *Contacts) ExistingAcross(ctx context.Context, shard engage.Shard, asked []events.ContactAcross) ([]bool, error) {
	const op = "buncontacts.ExistingAcross"
	db, err := writerAcross(ctx, r.store, op, shard, len(asked))
	if err != nil || len(asked) == 0 {
		return nil, err
	}
	keys := make([]key, len(asked))
	for i, one := range asked {
		keys[i] = key{bunstore.UID(one.Workspace), bunstore.UID(one.ID)}
	}
	there, err := r.present(ctx, db, keys)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	return each(keys, func(k key) bool { return there[k] }), nil
}

// allExist answers how many of the keys are contacts, and which unless all are.
// Each is looked up by a subquery of its own: of "id = ANY(array)" a prepared
// plan makes a filter over the whole workspace while the table has no statistics
// (150 ms for 1,000 ids among 20,000, instead of 4). The first array holds the
// workspace of each key, or one for all.
const allExist = `WITH asked AS (
	SELECT COALESCE(u.workspace_id, ($1::uuid[])[1]) AS workspace_id, u.id FROM unnest($1::uuid[], $2::uuid[]) AS u (workspace_id, id)
), found AS (
	SELECT u.workspace_id, u.id FROM asked AS u
	WHERE (SELECT 1 FROM engage_contacts AS c WHERE c.workspace_id = u.workspace_id AND c.id = u.id) IS NOT NULL
) SELECT count(*), CASE WHEN count(*) < ($3::bigint[])[1] THEN string_agg(encode(uuid_send(workspace_id) || uuid_send(id), 'hex'), '') END FROM found`

func (r *Contacts) existing(ctx context.Context, db bun.IDB, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.ID, error) {
	there, err := r.present(ctx, db, each(ids, func(id contacts.ID) key { return key{bunstore.UID(ws), bunstore.UID(id)} }))
	if err != nil {
		return nil, err
	}
	ids = slices.Clone(ids)
	slices.SortFunc(ids, contacts.ID.Compare)
	return slices.DeleteFunc(slices.Compact(ids), func(id contacts.ID) bool { return !there[key{bunstore.UID(ws), bunstore.UID(id)}] }), nil
}

// present answers which of the keys are contacts.
func (r *Contacts) present(ctx context.Context, db bun.IDB, keys []key) (map[key]bool, error) {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, key.compare)
	keys = slices.Compact(keys)
	if r.store.Dialect() != bunstore.PostgreSQL {
		return present[contactRow](ctx, db, keys)
	}
	found, all, err := whichOf(ctx, r.store, db, allExist,
		workspacesOf(keys), each(keys, key.uid), []int64{int64(len(keys))})
	if all {
		found = keys
	}
	there := make(map[key]bool, len(found))
	for _, k := range found {
		there[k] = true
	}
	return there, err
}

// List implements contacts.Repository.
func (r *Contacts) List(ctx context.Context, ws engage.WorkspaceID, query contacts.Query) (engage.Page[contacts.Contact], error) {
	const op = "buncontacts.List"
	var page engage.Page[contacts.Contact]
	after, size, err := open(op, ws, query.Binding(ws), query.PageRequest, 0)
	if err != nil {
		return page, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil {
		return page, err
	}
	var rows []contactRow
	q := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("merged_into IS NULL")
	if query.State != "" {
		q = q.Where("state = ?", bunstore.Text(query.State))
	}
	if query.Sort == contacts.ByUpdate {
		q, err = byTime(q, "updated_at", after, size, query.Descending)
	} else {
		q, err = byContactID(q, after, size, query.Descending)
	}
	if err != nil {
		return page, err
	}
	if err := q.Scan(ctx); err != nil {
		return page, bunstore.MapError(ctx, op, "", err)
	}
	whole, err := withIdentities(ctx, op, db, ws, rows)
	if err != nil {
		return page, err
	}
	return bunstore.PageOf(whole, size, query.Binding(ws),
		func(c contacts.Contact) []byte { return sealKey(bunstore.Micros(c.UpdatedAt), bunstore.UID(c.ID)) },
		func(c contacts.Contact) (contacts.Contact, error) { return c, nil })
}

// byContactID orders by id alone; the cursor's key is that of every order.
func byContactID(q *bun.SelectQuery, after []byte, size int, descending bool) (*bun.SelectQuery, error) {
	if after != nil {
		_, id, err := openKey(after)
		if err != nil {
			return nil, err
		}
		after = id[:]
	}
	return byID(q, "id", after, size, descending)
}

func (r *Contacts) write(ctx context.Context, op string, ws engage.WorkspaceID, items int) (bun.IDB, error) {
	return writer(ctx, r.store, op, ws, items)
}
