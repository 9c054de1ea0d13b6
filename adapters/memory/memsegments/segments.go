package memsegments

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/segments"
	"github.com/go-engage/engage/segments/filter"
)

// Segments implements segments.SegmentRepository.
type Segments struct{ rows *memory.Table[segmentRow] }

var _ segments.SegmentRepository = (*Segments)(nil)

// segmentRow shares its filter with callers: filters are values that nothing
// changes, once their slices are cloned.
type segmentRow struct {
	ws       engage.WorkspaceID
	document []byte // the filter, as a database keeps it
	segments.Segment
}

// NewSegments makes the repository of a store.
func NewSegments(store *memory.Store) *Segments {
	return &Segments{memory.NewTable(store, "segments",
		memory.Index[segmentRow]{Name: "id", Less: func(a, b *segmentRow) bool { return before(a.ws, b.ws, a.ID.Compare(b.ID)) }})}
}

// before orders rows by workspace, then by a comparison.
func before(a, b engage.WorkspaceID, then int) bool { return cmp.Or(a.Compare(b), then) < 0 }

func rowOf(op string, ws engage.WorkspaceID, segment segments.Segment, version engage.Version) (*segmentRow, error) {
	document, err := segment.Filter.MarshalJSON()
	if err != nil {
		return nil, &engage.Error{Code: engage.Invalid, Op: op, Entity: "segment " + segment.ID.String(), Err: err}
	}
	segment.Filter, segment.Version = filter.Filter{}, version
	return &segmentRow{ws: ws, document: document, Segment: segment}, nil
}

func (r *segmentRow) segment() (segments.Segment, error) {
	segment := r.Segment
	err := segment.Filter.UnmarshalJSON(r.document)
	return segment, err
}

// Insert implements segments.SegmentRepository.
func (r *Segments) Insert(ctx context.Context, ws engage.WorkspaceID, segment segments.Segment) error {
	const op = "memsegments.Insert"
	rows, err := r.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	row, err := rowOf(op, ws, segment, 1)
	if err != nil {
		return err
	}
	if _, taken := rows.Get("id", row); taken {
		return &engage.Error{Code: engage.AlreadyExists, Op: op, Entity: "segment " + segment.ID.String()}
	}
	rows.Set(row)
	return nil
}

// Update implements segments.SegmentRepository.
func (r *Segments) Update(ctx context.Context, ws engage.WorkspaceID, all []segments.Segment) error {
	const op = "memsegments.Update"
	rows, err := r.rows.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall(op, ws, len(all))
	}
	if err != nil {
		return err
	}
	updated, seen := make([]*segmentRow, len(all)), map[segments.ID]bool{}
	var twice, missing, stale engage.Faults
	for i, segment := range all {
		if updated[i], err = rowOf(op, ws, segment, segment.Version+1); err != nil {
			return err
		}
		old, exists := rows.Get("id", updated[i])
		switch {
		case seen[segment.ID]:
			twice.Add(fmt.Sprintf("[%d].id", i), "duplicate", "segment %s stands in the call twice", segment.ID)
		case !exists:
			missing.Add(fmt.Sprintf("[%d].id", i), "not_found", "no segment %s", segment.ID)
		case old.Version != segment.Version:
			stale.Add(fmt.Sprintf("[%d].version", i), "stale", "stored is %d, not %d", old.Version, segment.Version)
		}
		seen[segment.ID] = true
	}
	switch {
	case len(twice) > 0:
		return twice.Err(op, "")
	case len(missing) > 0:
		return &engage.Error{Code: engage.NotFound, Op: op, Fields: missing}
	case len(stale) > 0:
		return &engage.Error{Code: engage.Conflict, Op: op, Fields: stale}
	}
	for _, row := range updated {
		rows.Set(row)
	}
	return nil
}

// Delete implements segments.SegmentRepository.
func (r *Segments) Delete(ctx context.Context, ws engage.WorkspaceID, id segments.ID) error {
	rows, err := r.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	if _, existed := rows.Delete(&segmentRow{ws: ws, Segment: segments.Segment{ID: id}}); !existed {
		return &engage.Error{Code: engage.NotFound, Op: "memsegments.Delete", Entity: "segment " + id.String()}
	}
	return nil
}

// Get implements segments.SegmentRepository.
func (r *Segments) Get(ctx context.Context, ws engage.WorkspaceID, ids []segments.ID) ([]segments.Segment, error) {
	if err := engage.CheckCall("memsegments.Get", ws, len(ids)); err != nil {
		return nil, err
	}
	rows := r.rows.Read(ctx)
	var found []segments.Segment
	for _, id := range sorted(ids) {
		row, ok := rows.Get("id", &segmentRow{ws: ws, Segment: segments.Segment{ID: id}})
		if !ok {
			continue
		}
		segment, err := row.segment()
		if err != nil {
			return nil, err
		}
		found = append(found, segment)
	}
	return found, nil
}

// List implements segments.SegmentRepository.
func (r *Segments) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[segments.Segment], error) {
	var page engage.Page[segments.Segment]
	after, size, err := open[segments.ID](ws, "segments|"+ws.String(), request)
	if err != nil {
		return page, err
	}
	for row := range r.rows.Read(ctx).Ascend("id", &segmentRow{ws: ws, Segment: segments.Segment{ID: after}}) {
		if row.ws != ws {
			break
		}
		if row.ID == after {
			continue
		}
		if len(page.Items) == size {
			page.Next = engage.SealCursor("segments|"+ws.String(), page.Items[size-1].ID[:])
			break
		}
		segment, err := row.segment()
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, segment)
	}
	return page, nil
}

// Heads implements segments.SegmentRepository.
func (r *Segments) Heads(ctx context.Context, ws engage.WorkspaceID) ([]segments.Segment, error) {
	if err := engage.CheckCall("memsegments.Heads", ws, 0); err != nil {
		return nil, err
	}
	return heads(r.rows.Read(ctx), ws), nil
}

func heads(rows memory.View[segmentRow], ws engage.WorkspaceID) []segments.Segment {
	var found []segments.Segment
	for row := range rows.Ascend("id", &segmentRow{ws: ws}) {
		if row.ws != ws {
			break
		}
		found = append(found, row.Segment)
	}
	return found
}

// Lock implements segments.SegmentRepository.
func (r *Segments) Lock(ctx context.Context, ws engage.WorkspaceID) ([]segments.Segment, error) {
	rows, err := r.rows.Write(ctx, ws)
	if err != nil {
		return nil, err
	}
	return heads(rows.View, ws), nil
}

// open begins a list that is ordered by ids: it answers the id that its cursor
// stands on and the page's size.
func open[ID engage.ID[K], K engage.Kind](ws engage.WorkspaceID, query string, request engage.PageRequest) (after ID, size int, err error) {
	if err = engage.CheckCall("memsegments.List", ws, 0); err != nil {
		return after, 0, err
	}
	key, err := request.After.Open(query)
	if err != nil {
		return after, 0, err
	}
	if key != nil && len(key) != len(after) {
		var faults engage.Faults
		faults.Add("after", "invalid", "this cursor is damaged")
		return after, 0, faults.Err("engage.Cursor", "")
	}
	copy(after[:], key)
	size, err = request.Size()
	return after, size, err
}

func sorted[ID engage.ID[K], K engage.Kind](ids []ID) []ID {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, func(a, b ID) int { return engage.ID[K](a).Compare(engage.ID[K](b)) })
	return slices.Compact(ids)
}
