package memcontacts

import (
	"cmp"
	"context"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/contacts"
)

// Lists implements contacts.ListRepository.
type Lists struct {
	rows    *memory.Table[listRow]
	members *memory.Table[memberRow]
}

// Members implements contacts.MembershipRepository.
type Members struct{ members *memory.Table[memberRow] }

var (
	_ contacts.ListRepository       = (*Lists)(nil)
	_ contacts.MembershipRepository = (*Members)(nil)
)

type listRow struct {
	ws engage.WorkspaceID
	contacts.List
}

type memberRow struct {
	ws engage.WorkspaceID
	contacts.Membership
}

// NewLists makes the repository of a store.
func NewLists(store *memory.Store) *Lists {
	return &Lists{members: memberTable(store), rows: memory.NewTable(store, "contacts_lists",
		memory.Index[listRow]{Name: "id", Less: func(a, b *listRow) bool { return before(a.ws, b.ws, a.ID.Compare(b.ID)) }})}
}

// NewMembers makes the repository of a store.
func NewMembers(store *memory.Store) *Members { return &Members{members: memberTable(store)} }

func memberTable(store *memory.Store) *memory.Table[memberRow] {
	return memory.NewTable(store, "contacts_members",
		memory.Index[memberRow]{Name: "contact", Less: func(a, b *memberRow) bool {
			return before(a.ws, b.ws, cmp.Or(a.ContactID.Compare(b.ContactID), a.ListID.Compare(b.ListID)))
		}},
		memory.Index[memberRow]{Name: "list", Less: func(a, b *memberRow) bool {
			return before(a.ws, b.ws, cmp.Or(a.ListID.Compare(b.ListID), a.ContactID.Compare(b.ContactID)))
		}})
}

// Insert implements contacts.ListRepository.
func (r *Lists) Insert(ctx context.Context, ws engage.WorkspaceID, list contacts.List) error {
	rows, err := r.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	if _, taken := rows.Get("id", &listRow{ws: ws, List: list}); taken {
		return &engage.Error{Code: engage.AlreadyExists, Op: "memcontacts.Insert", Entity: "list " + list.ID.String()}
	}
	list.Version = 1
	rows.Set(&listRow{ws: ws, List: list})
	return nil
}

// Update implements contacts.ListRepository.
func (r *Lists) Update(ctx context.Context, ws engage.WorkspaceID, list contacts.List) error {
	rows, err := r.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	old, exists := rows.Get("id", &listRow{ws: ws, List: list})
	if !exists {
		return &engage.Error{Code: engage.NotFound, Op: "memcontacts.Update", Entity: "list " + list.ID.String()}
	}
	if old.Version != list.Version {
		return &engage.Error{Code: engage.Conflict, Op: "memcontacts.Update", Entity: "list " + list.ID.String()}
	}
	list.Version++
	rows.Set(&listRow{ws: ws, List: list})
	return nil
}

// Delete implements contacts.ListRepository.
func (r *Lists) Delete(ctx context.Context, ws engage.WorkspaceID, id contacts.ListID) error {
	rows, err := r.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	members, err := r.members.Write(ctx, ws)
	if err != nil {
		return err
	}
	if _, existed := rows.Delete(&listRow{ws: ws, List: contacts.List{ID: id}}); !existed {
		return &engage.Error{Code: engage.NotFound, Op: "memcontacts.Delete", Entity: "list " + id.String()}
	}
	for row := range members.Ascend("list", &memberRow{ws: ws, Membership: contacts.Membership{ListID: id}}) {
		if row.ws != ws || row.ListID != id {
			break
		}
		members.Delete(row)
	}
	return nil
}

// Get implements contacts.ListRepository.
func (r *Lists) Get(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ListID) ([]contacts.List, error) {
	if err := engage.CheckCall("memcontacts.Get", ws, len(ids)); err != nil {
		return nil, err
	}
	var found []contacts.List
	rows := r.rows.Read(ctx)
	for _, id := range sorted(ids) {
		if row, ok := rows.Get("id", &listRow{ws: ws, List: contacts.List{ID: id}}); ok {
			found = append(found, row.List)
		}
	}
	return found, nil
}

// List implements contacts.ListRepository.
func (r *Lists) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[contacts.List], error) {
	var page engage.Page[contacts.List]
	after, size, query, err := open(ws, "contacts_lists", request)
	if err != nil {
		return page, err
	}
	pivot := &listRow{ws: ws}
	if after != nil {
		if pivot.ID, err = openID[contacts.ListID](after); err != nil {
			return page, err
		}
	}
	return collect(r.rows.Read(ctx).Ascend("id", pivot), query, size, func(row *listRow) step {
		return verdict(row.ws == ws, row.ID == pivot.ID)
	}, func(row *listRow) (contacts.List, []byte) { return row.List, row.ID[:] }), nil
}

// Put implements contacts.MembershipRepository.
func (r *Members) Put(ctx context.Context, ws engage.WorkspaceID, all []contacts.Membership) error {
	rows, err := r.write(ctx, "memcontacts.Put", ws, len(all))
	if err != nil {
		return err
	}
	for _, m := range all {
		rows.Set(&memberRow{ws: ws, Membership: m})
	}
	return nil
}

// Lock implements contacts.MembershipRepository: a writer is alone, so reading
// locks.
func (r *Members) Lock(ctx context.Context, ws engage.WorkspaceID, all []contacts.Membership) ([]contacts.Membership, error) {
	rows, err := r.write(ctx, "memcontacts.Lock", ws, len(all))
	if err != nil {
		return nil, err
	}
	var found []contacts.Membership
	for _, m := range all {
		if row, ok := rows.Get("contact", &memberRow{ws: ws, Membership: m}); ok {
			found = append(found, row.Membership)
		}
	}
	return found, nil
}

// Of implements contacts.MembershipRepository.
func (r *Members) Of(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.Membership, error) {
	if err := engage.CheckCall("memcontacts.Of", ws, len(ids)); err != nil {
		return nil, err
	}
	return membershipsOf(r.members.Read(ctx), ws, ids), nil
}

func membershipsOf(rows memory.View[memberRow], ws engage.WorkspaceID, ids []contacts.ID) []contacts.Membership {
	var found []contacts.Membership
	for _, id := range sorted(ids) {
		for row := range rows.Ascend("contact", &memberRow{ws: ws, Membership: contacts.Membership{ContactID: id}}) {
			if row.ws != ws || row.ContactID != id {
				break
			}
			found = append(found, row.Membership)
		}
	}
	return found
}

// Members implements contacts.MembershipRepository.
func (r *Members) Members(ctx context.Context, ws engage.WorkspaceID, list contacts.ListID, state contacts.MembershipState, request engage.PageRequest) (engage.Page[contacts.Membership], error) {
	var page engage.Page[contacts.Membership]
	after, size, query, err := open(ws, "contacts_members|"+list.String()+"|"+string(state), request)
	if err != nil {
		return page, err
	}
	pivot := &memberRow{ws: ws, Membership: contacts.Membership{ListID: list}}
	if after != nil {
		if pivot.ContactID, err = openID[contacts.ID](after); err != nil {
			return page, err
		}
	}
	return collect(r.members.Read(ctx).Ascend("list", pivot), query, size, func(row *memberRow) step {
		return verdict(row.ws == ws && row.ListID == list,
			after != nil && row.ContactID == pivot.ContactID || state != "" && row.State != state)
	}, func(row *memberRow) (contacts.Membership, []byte) { return row.Membership, row.ContactID[:] }), nil
}

// Move implements contacts.MembershipRepository.
func (r *Members) Move(ctx context.Context, ws engage.WorkspaceID, absorptions []contacts.Absorption) error {
	rows, err := r.write(ctx, "memcontacts.Move", ws, len(absorptions))
	if err != nil {
		return err
	}
	for _, a := range absorptions {
		for _, m := range membershipsOf(rows.View, ws, []contacts.ID{a.Absorbed}) {
			rows.Delete(&memberRow{ws: ws, Membership: m})
			m.ContactID = a.Survivor
			if theirs, both := rows.Get("contact", &memberRow{ws: ws, Membership: m}); !both || m.At.After(theirs.At) {
				rows.Set(&memberRow{ws: ws, Membership: m})
			}
		}
	}
	return nil
}

// Forget implements contacts.MembershipRepository.
func (r *Members) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) error {
	rows, err := r.write(ctx, "memcontacts.Forget", ws, len(ids))
	if err != nil {
		return err
	}
	for _, m := range membershipsOf(rows.View, ws, ids) {
		rows.Delete(&memberRow{ws: ws, Membership: m})
	}
	return nil
}

func (r *Members) write(ctx context.Context, op string, ws engage.WorkspaceID, items int) (memory.Writer[memberRow], error) {
	rows, err := r.members.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall(op, ws, items)
	}
	return rows, err
}
