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

// Lists implements contacts.ListRepository.
type Lists struct{ store *bunstore.Store }

var _ contacts.ListRepository = (*Lists)(nil)

type listRow struct {
	bun.BaseModel `bun:"table:engage_contacts_lists,alias:l"`

	Workspace  bunstore.UID    `bun:"workspace_id,pk"`
	ID         bunstore.UID    `bun:"id,pk"`
	Name       bunstore.Text   `bun:"name"`
	Visibility bunstore.Text   `bun:"visibility"`
	CreatedAt  bunstore.Micros `bun:"created_at"`
	UpdatedAt  bunstore.Micros `bun:"updated_at"`
	Version    int64           `bun:"version"`
}

func listRowOf(ws engage.WorkspaceID, l contacts.List, version engage.Version) listRow {
	return listRow{
		Workspace: bunstore.UID(ws), ID: bunstore.UID(l.ID), Name: bunstore.Text(l.Name), Visibility: bunstore.Text(l.Visibility),
		CreatedAt: bunstore.Micros(l.CreatedAt), UpdatedAt: bunstore.Micros(l.UpdatedAt), Version: int64(version),
	}
}

func (r listRow) list() contacts.List {
	return contacts.List{
		ID: contacts.ListID(r.ID), Name: string(r.Name), Visibility: contacts.Visibility(r.Visibility),
		CreatedAt: r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(), Version: engage.Version(r.Version),
	}
}

// NewLists makes the repository of a store.
func NewLists(store *bunstore.Store) *Lists { return &Lists{store} }

// Insert implements contacts.ListRepository.
func (r *Lists) Insert(ctx context.Context, ws engage.WorkspaceID, list contacts.List) error {
	const op = "buncontacts.Insert"
	db, err := writer(ctx, r.store, op, ws, 1)
	if err != nil {
		return err
	}
	row := listRowOf(ws, list, 1)
	return insertOne(ctx, op, "list "+list.ID.String(), db, &row)
}

// Update implements contacts.ListRepository.
func (r *Lists) Update(ctx context.Context, ws engage.WorkspaceID, list contacts.List) error {
	const op = "buncontacts.Update"
	entity := "list " + list.ID.String()
	db, err := writer(ctx, r.store, op, ws, 1)
	if err != nil {
		return err
	}
	row := listRowOf(ws, list, list.Version+1)
	result, err := db.NewUpdate().Model(&row).WherePK().Where("version = ?", int64(list.Version)).Exec(ctx)
	n, err := affected(ctx, op, result, err)
	if err != nil || n > 0 {
		return err
	}
	exists, err := db.NewSelect().Model(&row).WherePK().Exists(ctx)
	if err != nil {
		return bunstore.MapError(ctx, op, entity, err)
	}
	if !exists {
		return &engage.Error{Code: engage.NotFound, Op: op, Entity: entity}
	}
	return &engage.Error{Code: engage.Conflict, Op: op, Entity: entity}
}

// Delete implements contacts.ListRepository.
func (r *Lists) Delete(ctx context.Context, ws engage.WorkspaceID, id contacts.ListID) error {
	const op = "buncontacts.Delete"
	db, err := writer(ctx, r.store, op, ws, 1)
	if err != nil {
		return err
	}
	result, err := db.NewDelete().Model((*listRow)(nil)).
		Where("workspace_id = ?", bunstore.UID(ws)).Where("id = ?", bunstore.UID(id)).Exec(ctx)
	n, err := affected(ctx, op, result, err)
	if err == nil && n == 0 {
		return &engage.Error{Code: engage.NotFound, Op: op, Entity: "list " + id.String()}
	}
	if err == nil {
		_, err = db.NewDelete().Model((*memberRow)(nil)).
			Where("workspace_id = ?", bunstore.UID(ws)).Where("list_id = ?", bunstore.UID(id)).Exec(ctx)
	}
	return bunstore.MapError(ctx, op, "", err)
}

// Get implements contacts.ListRepository.
func (r *Lists) Get(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ListID) ([]contacts.List, error) {
	const op = "buncontacts.Get"
	if err := engage.CheckCall(op, ws, len(ids)); err != nil {
		return nil, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var rows []listRow
	err = db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("id", ids)).OrderExpr("id").Scan(ctx)
	return each(rows, listRow.list), bunstore.MapError(ctx, op, "", err)
}

// List implements contacts.ListRepository.
func (r *Lists) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[contacts.List], error) {
	const op = "buncontacts.List"
	query := "contacts_lists|" + ws.String()
	var page engage.Page[contacts.List]
	after, size, err := open(op, ws, query, request, 0)
	if err != nil {
		return page, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil {
		return page, err
	}
	var rows []listRow
	q, err := byID(db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)), "id", after, size, false)
	if err != nil {
		return page, err
	}
	if err := q.Scan(ctx); err != nil {
		return page, bunstore.MapError(ctx, op, "", err)
	}
	return bunstore.PageOf(rows, size, query,
		func(row listRow) []byte { return row.ID[:] }, func(row listRow) (contacts.List, error) { return row.list(), nil })
}

// Members implements contacts.MembershipRepository.
type Members struct{ store *bunstore.Store }

var _ contacts.MembershipRepository = (*Members)(nil)

type memberRow struct {
	bun.BaseModel `bun:"table:engage_contacts_members,alias:m"`

	Workspace bunstore.UID    `bun:"workspace_id,pk"`
	ContactID bunstore.UID    `bun:"contact_id,pk"`
	ListID    bunstore.UID    `bun:"list_id,pk"`
	State     bunstore.Text   `bun:"state"`
	Source    bunstore.Text   `bun:"source"`
	At        bunstore.Micros `bun:"reached_at"`
}

// memberKey tells the memberships of a workspace apart.
type memberKey struct{ contact, list bunstore.UID }

func (r memberRow) size() int      { return rowBytes + len(r.Source) }
func (r memberRow) key() memberKey { return memberKey{r.ContactID, r.ListID} }

func (r memberRow) membership() contacts.Membership {
	return contacts.Membership{
		ListID: contacts.ListID(r.ListID), ContactID: contacts.ID(r.ContactID),
		State: contacts.MembershipState(r.State), Source: string(r.Source), At: r.At.Time(),
	}
}

func (k memberKey) compare(other memberKey) int {
	return cmp.Or(bytes.Compare(k.contact[:], other.contact[:]), bytes.Compare(k.list[:], other.list[:]))
}

func membersAmong(keys []memberKey) ofContacts {
	return ofContacts{"list_id", each(keys, func(k memberKey) [2]bunstore.UID { return [2]bunstore.UID{k.contact, k.list} })}
}

// memberRowsOf answers the rows of memberships, the last of equal ones, sorted.
func memberRowsOf(ws engage.WorkspaceID, all []contacts.Membership) []memberRow {
	rows := make([]memberRow, len(all))
	for i, m := range all {
		rows[len(all)-1-i] = memberRow{
			Workspace: bunstore.UID(ws), ContactID: bunstore.UID(m.ContactID), ListID: bunstore.UID(m.ListID),
			State: bunstore.Text(m.State), Source: bunstore.Text(m.Source), At: bunstore.Micros(m.At),
		}
	}
	slices.SortStableFunc(rows, func(a, b memberRow) int { return a.key().compare(b.key()) })
	return slices.CompactFunc(rows, func(a, b memberRow) bool { return a.key() == b.key() })
}

// NewMembers makes the repository of a store.
func NewMembers(store *bunstore.Store) *Members { return &Members{store} }

// Put implements contacts.MembershipRepository.
func (r *Members) Put(ctx context.Context, ws engage.WorkspaceID, all []contacts.Membership) error {
	const op = "buncontacts.Put"
	db, err := writer(ctx, r.store, op, ws, len(all))
	if err != nil {
		return err
	}
	return bunstore.MapError(ctx, op, "", putMembers(ctx, db, memberRowsOf(ws, all)))
}

func putMembers(ctx context.Context, db bun.IDB, rows []memberRow) error {
	return upsert(ctx, db, rows, []string{"workspace_id", "contact_id", "list_id"}, "state", "source", "reached_at")
}

// Lock implements contacts.MembershipRepository.
func (r *Members) Lock(ctx context.Context, ws engage.WorkspaceID, all []contacts.Membership) ([]contacts.Membership, error) {
	const op = "buncontacts.Lock"
	db, err := writer(ctx, r.store, op, ws, len(all))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	var rows []memberRow
	q := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).
		Where("?", membersAmong(each(memberRowsOf(ws, all), memberRow.key))).OrderExpr("contact_id, list_id")
	if err := locking(q).Scan(ctx); err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	byKey := make(map[memberKey]contacts.Membership, len(rows))
	for _, row := range rows {
		byKey[row.key()] = row.membership()
	}
	var found []contacts.Membership
	for _, m := range all {
		if stored, ok := byKey[memberKey{bunstore.UID(m.ContactID), bunstore.UID(m.ListID)}]; ok {
			found = append(found, stored)
		}
	}
	return found, nil
}

// Of implements contacts.MembershipRepository.
func (r *Members) Of(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.Membership, error) {
	const op = "buncontacts.Of"
	if err := engage.CheckCall(op, ws, len(ids)); err != nil {
		return nil, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var rows []memberRow
	err = membersOf(db, &rows, ws, ids).Scan(ctx)
	return each(rows, memberRow.membership), bunstore.MapError(ctx, op, "", err)
}

func membersOf(db bun.IDB, rows *[]memberRow, ws engage.WorkspaceID, ids []contacts.ID) *bun.SelectQuery {
	return db.NewSelect().Model(rows).Where("workspace_id = ?", bunstore.UID(ws)).
		Where("?", among("contact_id", ids)).OrderExpr("contact_id, list_id")
}

// Members implements contacts.MembershipRepository.
func (r *Members) Members(ctx context.Context, ws engage.WorkspaceID, list contacts.ListID, state contacts.MembershipState, request engage.PageRequest) (engage.Page[contacts.Membership], error) {
	const op = "buncontacts.Members"
	query := "contacts_members|" + ws.String() + "|" + list.String() + "|" + string(state)
	var page engage.Page[contacts.Membership]
	after, size, err := open(op, ws, query, request, 0)
	if err != nil {
		return page, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil {
		return page, err
	}
	var rows []memberRow
	q := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("list_id = ?", bunstore.UID(list))
	if state != "" {
		q = q.Where("state = ?", bunstore.Text(state))
	}
	if q, err = byID(q, "contact_id", after, size, false); err != nil {
		return page, err
	}
	if err := q.Scan(ctx); err != nil {
		return page, bunstore.MapError(ctx, op, "", err)
	}
	return bunstore.PageOf(rows, size, query,
		func(row memberRow) []byte { return row.ContactID[:] }, func(row memberRow) (contacts.Membership, error) { return row.membership(), nil })
}

// Move implements contacts.MembershipRepository.
func (r *Members) Move(ctx context.Context, ws engage.WorkspaceID, absorptions []contacts.Absorption) error {
	const op = "buncontacts.Move"
	db, err := writer(ctx, r.store, op, ws, len(absorptions))
	if err != nil || len(absorptions) == 0 {
		return err
	}
	var before []memberRow
	if err := locking(membersOf(db, &before, ws, involved(absorptions))).Scan(ctx); err != nil {
		return bunstore.MapError(ctx, op, "", err)
	}
	gone, added := moved(before, absorptions, memberRow.key,
		func(row *memberRow) *bunstore.UID { return &row.ContactID },
		func(absorbed, survivor memberRow) bool { return absorbed.At.Time().After(survivor.At.Time()) })
	slices.SortFunc(gone, memberKey.compare)
	for chunk := range slices.Chunk(gone, engage.MaxBatch) {
		_, err := db.NewDelete().Model((*memberRow)(nil)).
			Where("workspace_id = ?", bunstore.UID(ws)).Where("?", membersAmong(chunk)).Exec(ctx)
		if err != nil {
			return bunstore.MapError(ctx, op, "", err)
		}
	}
	slices.SortFunc(added, func(a, b memberRow) int { return a.key().compare(b.key()) })
	return bunstore.MapError(ctx, op, "", putMembers(ctx, db, added))
}

// Forget implements contacts.MembershipRepository.
func (r *Members) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) error {
	const op = "buncontacts.Forget"
	db, err := writer(ctx, r.store, op, ws, len(ids))
	if err != nil {
		return err
	}
	_, err = forget[memberRow](ctx, op, db, ws, ids)
	return err
}
