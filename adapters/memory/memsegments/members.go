package memsegments

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/segments"
)

// Members implements segments.MembershipRepository and
// segments.MembershipRepositoryAcross.
type Members struct{ rows *memory.Table[memberRow] }

var (
	_ segments.MembershipRepository       = (*Members)(nil)
	_ segments.MembershipRepositoryAcross = (*Members)(nil)
)

type memberRow struct {
	ws engage.WorkspaceID
	segments.Membership
}

// NewMembers makes the repository of a store.
func NewMembers(store *memory.Store) *Members {
	return &Members{memory.NewTable(store, "segments_members",
		memory.Index[memberRow]{Name: "contact", Less: func(a, b *memberRow) bool {
			return before(a.ws, b.ws, cmp.Or(a.ContactID.Compare(b.ContactID), a.SegmentID.Compare(b.SegmentID), cmp.Compare(a.Revision, b.Revision)))
		}},
		memory.Index[memberRow]{Name: "segment", Less: func(a, b *memberRow) bool {
			return before(a.ws, b.ws, cmp.Or(a.SegmentID.Compare(b.SegmentID), cmp.Compare(a.Revision, b.Revision), a.ContactID.Compare(b.ContactID)))
		}},
		memory.Index[memberRow]{Name: "due", Less: func(a, b *memberRow) bool {
			return cmp.Or(a.DueAt.Compare(b.DueAt), a.ws.Compare(b.ws), a.SegmentID.Compare(b.SegmentID),
				a.ContactID.Compare(b.ContactID), cmp.Compare(a.Revision, b.Revision)) < 0
		}})}
}

// Add implements segments.MembershipRepository.
func (r *Members) Add(ctx context.Context, ws engage.WorkspaceID, memberships []segments.Membership) error {
	const op = "memsegments.Add"
	rows, err := r.write(ctx, op, ws, len(memberships))
	if err != nil {
		return err
	}
	for _, m := range memberships {
		if _, taken := rows.Get("contact", &memberRow{ws: ws, Membership: m}); taken {
			return &engage.Error{Code: engage.AlreadyExists, Op: op, Entity: "membership of " + m.ContactID.String()}
		}
	}
	for _, m := range memberships {
		rows.Set(&memberRow{ws: ws, Membership: m})
	}
	return nil
}

// Save implements segments.MembershipRepository.
func (r *Members) Save(ctx context.Context, ws engage.WorkspaceID, memberships []segments.Membership) error {
	rows, err := r.write(ctx, "memsegments.Save", ws, len(memberships))
	if err != nil {
		return err
	}
	for _, m := range memberships {
		row := &memberRow{ws: ws, Membership: m}
		if !m.Member && m.DueAt.IsZero() {
			rows.Delete(row)
			continue
		}
		rows.Set(row)
	}
	return nil
}

// Lock implements segments.MembershipRepository.
func (r *Members) Lock(ctx context.Context, ws engage.WorkspaceID, among []segments.ID, ids []contacts.ID) ([]segments.Membership, error) {
	rows, err := r.write(ctx, "memsegments.Lock", ws, max(len(among), len(ids)))
	if err != nil {
		return nil, err
	}
	wanted := make(map[segments.ID]bool, len(among))
	for _, id := range among {
		wanted[id] = true
	}
	return ofContacts(rows.View, ws, ids, func(m segments.Membership) bool { return wanted[m.SegmentID] }), nil
}

// Of implements segments.MembershipRepository.
func (r *Members) Of(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]segments.Membership, error) {
	if err := engage.CheckCall("memsegments.Of", ws, len(ids)); err != nil {
		return nil, err
	}
	return ofContacts(r.rows.Read(ctx), ws, ids, func(m segments.Membership) bool { return m.Member }), nil
}

func ofContacts(rows memory.View[memberRow], ws engage.WorkspaceID, ids []contacts.ID, wanted func(segments.Membership) bool) []segments.Membership {
	var found []segments.Membership
	for _, id := range sorted(ids) {
		for row := range rows.Ascend("contact", &memberRow{ws: ws, Membership: segments.Membership{ContactID: id}}) {
			if row.ws != ws || row.ContactID != id {
				break
			}
			if wanted(row.Membership) {
				found = append(found, row.Membership)
			}
		}
	}
	return found
}

// Members implements segments.MembershipRepository.
func (r *Members) Members(ctx context.Context, ws engage.WorkspaceID, segment segments.ID, revision int, request engage.PageRequest) (engage.Page[segments.Membership], error) {
	var page engage.Page[segments.Membership]
	query := "segments_members|" + ws.String() + "|" + segment.String() + "|" + strconv.Itoa(revision)
	after, size, err := open[contacts.ID](ws, query, request)
	if err != nil {
		return page, err
	}
	first := &memberRow{ws: ws, Membership: segments.Membership{SegmentID: segment, Revision: revision, ContactID: after}}
	for row := range r.rows.Read(ctx).Ascend("segment", first) {
		if row.ws != ws || row.SegmentID != segment || row.Revision != revision {
			break
		}
		if !row.Member || request.After != "" && row.ContactID == after {
			continue
		}
		if len(page.Items) == size {
			page.Next = engage.SealCursor(query, page.Items[size-1].ContactID[:])
			break
		}
		page.Items = append(page.Items, row.Membership)
	}
	return page, nil
}

// Count implements segments.MembershipRepository.
func (r *Members) Count(ctx context.Context, ws engage.WorkspaceID, segment segments.ID, revision int) (int, error) {
	if err := engage.CheckCall("memsegments.Count", ws, 0); err != nil {
		return 0, err
	}
	n := 0
	for row := range r.rows.Read(ctx).Ascend("segment", &memberRow{ws: ws, Membership: segments.Membership{SegmentID: segment, Revision: revision}}) {
		if row.ws != ws || row.SegmentID != segment || row.Revision != revision {
			break
		}
		if row.Member {
			n++
		}
	}
	return n, nil
}

// Forget implements segments.MembershipRepository.
func (r *Members) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) error {
	rows, err := r.write(ctx, "memsegments.Forget", ws, len(ids))
	if err != nil {
		return err
	}
	for _, m := range ofContacts(rows.View, ws, ids, func(segments.Membership) bool { return true }) {
		rows.Delete(&memberRow{ws: ws, Membership: m})
	}
	return nil
}

// Discard implements segments.MembershipRepository.
func (r *Members) Discard(ctx context.Context, ws engage.WorkspaceID, purges []segments.Purge, limit int) (int, error) {
	rows, err := r.write(ctx, "memsegments.Discard", ws, max(len(purges), limit))
	if err != nil {
		return 0, err
	}
	n := 0
	for _, p := range purges {
		for row := range rows.Ascend("segment", &memberRow{ws: ws, Membership: segments.Membership{SegmentID: p.SegmentID}}) {
			if row.ws != ws || row.SegmentID != p.SegmentID || p.Keep > 0 && row.Revision >= p.Keep || n == limit {
				break
			}
			rows.Delete(row)
			n++
		}
	}
	return n, nil
}

func (r *Members) write(ctx context.Context, op string, ws engage.WorkspaceID, items int) (memory.Writer[memberRow], error) {
	rows, err := r.rows.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall(op, ws, items)
	}
	return rows, err
}

// ClaimDueAcross implements segments.MembershipRepositoryAcross.
func (r *Members) ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]segments.Due, error) {
	rows, err := r.rows.WriteShard(ctx, shard)
	if err != nil {
		return nil, err
	}
	queues, order := map[engage.WorkspaceID][]*memberRow{}, []engage.WorkspaceID(nil)
	for row := range rows.Ascend("due", &memberRow{Membership: segments.Membership{DueAt: time.Time{}.Add(time.Microsecond)}}) {
		if row.DueAt.After(now) {
			break
		}
		if queues[row.ws] == nil {
			order = append(order, row.ws)
		}
		queues[row.ws] = append(queues[row.ws], row)
	}
	var claimed []segments.Due
	seen := map[segments.Due]bool{}
	for turn, took := 0, true; took; turn++ {
		took = false
		for _, ws := range order {
			if turn >= len(queues[ws]) || len(claimed) >= limit {
				continue
			}
			took = true
			row := *queues[ws][turn]
			row.DueAt = now.Add(lease)
			rows.Set(&row)
			due := segments.Due{Workspace: ws, SegmentID: row.SegmentID, ContactID: row.ContactID}
			if !seen[due] {
				seen[due] = true
				claimed = append(claimed, due)
			}
		}
	}
	return claimed, nil
}
