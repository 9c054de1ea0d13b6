package bunsegments

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/segments"
	"github.com/go-engage/engage/segments/filter"
	"github.com/uptrace/bun"
)

// Segments implements segments.SegmentRepository.
type Segments struct{ store *bunstore.Store }

var _ segments.SegmentRepository = (*Segments)(nil)

type segmentRow struct {
	bun.BaseModel `bun:"table:engage_segments,alias:s"`

	Workspace     bunstore.UID    `bun:"workspace_id,pk"`
	ID            bunstore.UID    `bun:"id,pk"`
	Name          bunstore.Text   `bun:"name"`
	Filter        bunstore.JSON   `bun:"filter"`
	Hash          []byte          `bun:"filter_hash"`
	State         bunstore.Text   `bun:"state"`
	Revision      int             `bun:"revision"`
	Served        int             `bun:"served"`
	BuiltTo       bunstore.UID    `bun:"built_to,nullzero"`
	Cause         bunstore.Text   `bun:"cause"`
	CreatedAt     bunstore.Micros `bun:"created_at"`
	UpdatedAt     bunstore.Micros `bun:"updated_at"`
	CreatedByType bunstore.Text   `bun:"created_by_type"`
	CreatedByID   bunstore.Text   `bun:"created_by_id"`
	UpdatedByType bunstore.Text   `bun:"updated_by_type"`
	UpdatedByID   bunstore.Text   `bun:"updated_by_id"`
	Version       int64           `bun:"version"`
}

// segmentColumns are those that an update replaces.
var segmentColumns = [...]string{
	"name", "filter", "filter_hash", "state", "revision", "served", "built_to", "cause",
	"created_at", "updated_at", "created_by_type", "created_by_id", "updated_by_type", "updated_by_id", "version",
}

func segmentRowOf(ws engage.WorkspaceID, s segments.Segment, version engage.Version) (segmentRow, error) {
	document, err := s.Filter.MarshalJSON()
	return segmentRow{
		Workspace: bunstore.UID(ws), ID: bunstore.UID(s.ID), Name: bunstore.Text(s.Name), Filter: document, Hash: s.Hash[:],
		State: bunstore.Text(s.State), Revision: s.Revision, Served: s.Served, BuiltTo: bunstore.UID(s.BuiltTo), Cause: bunstore.Text(s.Cause),
		CreatedAt: bunstore.Micros(s.CreatedAt), UpdatedAt: bunstore.Micros(s.UpdatedAt),
		CreatedByType: bunstore.Text(s.CreatedBy.Type), CreatedByID: bunstore.Text(s.CreatedBy.ID),
		UpdatedByType: bunstore.Text(s.UpdatedBy.Type), UpdatedByID: bunstore.Text(s.UpdatedBy.ID),
		Version: int64(version),
	}, err
}

// head is the segment without its filter.
func (r segmentRow) head() segments.Segment {
	s := segments.Segment{
		ID: segments.ID(r.ID), Name: string(r.Name), State: segments.State(r.State), Revision: r.Revision, Served: r.Served,
		BuiltTo: contacts.ID(r.BuiltTo), Cause: string(r.Cause), CreatedAt: r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(),
		CreatedBy: engage.Actor{Type: string(r.CreatedByType), ID: string(r.CreatedByID)},
		UpdatedBy: engage.Actor{Type: string(r.UpdatedByType), ID: string(r.UpdatedByID)},
		Version:   engage.Version(r.Version),
	}
	copy(s.Hash[:], r.Hash)
	return s
}

func (r segmentRow) segment() (segments.Segment, error) {
	s := r.head()
	f, err := filter.Parse(r.Filter)
	if err != nil {
		return s, &engage.Error{Code: engage.Internal, Op: "bunsegments", Entity: "segment " + s.ID.String(), Err: err}
	}
	s.Filter = f
	return s, nil
}

// NewSegments makes the repository of a store.
func NewSegments(store *bunstore.Store) *Segments { return &Segments{store} }

// Insert implements segments.SegmentRepository.
func (r *Segments) Insert(ctx context.Context, ws engage.WorkspaceID, segment segments.Segment) error {
	const op = "bunsegments.Insert"
	entity := "segment " + segment.ID.String()
	db, err := writer(ctx, r.store, op, ws, 1)
	if err != nil {
		return err
	}
	row, err := segmentRowOf(ws, segment, 1)
	if err != nil {
		return err
	}
	isNew, err := bunstore.InsertNew(ctx, db, []segmentRow{row}, "workspace_id", "id")
	if err == nil && !isNew[0] {
		return &engage.Error{Code: engage.AlreadyExists, Op: op, Entity: entity}
	}
	return bunstore.MapError(ctx, op, entity, err)
}

// Update implements segments.SegmentRepository.
func (r *Segments) Update(ctx context.Context, ws engage.WorkspaceID, all []segments.Segment) error {
	const op = "bunsegments.Update"
	db, err := writer(ctx, r.store, op, ws, len(all))
	if err != nil || len(all) == 0 {
		return err
	}
	if err := lockVersions(ctx, op, db, ws, all); err != nil {
		return err
	}
	rows := make([]segmentRow, len(all))
	for i, segment := range all {
		if rows[i], err = segmentRowOf(ws, segment, segment.Version+1); err != nil {
			return err
		}
	}
	slices.SortFunc(rows, func(a, b segmentRow) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return bunstore.MapError(ctx, op, "", bunstore.Upsert(ctx, db, rows, []string{"workspace_id", "id"}, segmentColumns[:]...))
}

// lockVersions locks the rows of segments and answers ErrNotFound or ErrConflict
// for those that are not there in their version.
func lockVersions(ctx context.Context, op string, db bun.IDB, ws engage.WorkspaceID, all []segments.Segment) error {
	var twice, missing, stale engage.Faults
	ids, seen := make([]segments.ID, len(all)), map[segments.ID]bool{}
	for i, s := range all {
		if seen[s.ID] {
			twice.Add(fmt.Sprintf("[%d].id", i), "duplicate", "segment %s stands in the call twice", s.ID)
		}
		ids[i], seen[s.ID] = s.ID, true
	}
	if err := twice.Err(op, ""); err != nil {
		return err
	}
	var rows []segmentRow
	q := db.NewSelect().Model(&rows).Column("id", "version").
		Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("id", ids)).OrderExpr("id")
	if err := locking(q).Scan(ctx); err != nil {
		return bunstore.MapError(ctx, op, "", err)
	}
	stored := make(map[segments.ID]engage.Version, len(rows))
	for _, row := range rows {
		stored[segments.ID(row.ID)] = engage.Version(row.Version)
	}
	for i, s := range all {
		version, exists := stored[s.ID]
		switch {
		case !exists:
			missing.Add(fmt.Sprintf("[%d].id", i), "not_found", "no segment %s", s.ID)
		case version != s.Version:
			stale.Add(fmt.Sprintf("[%d].version", i), "stale", "stored is %d, not %d", version, s.Version)
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

// Delete implements segments.SegmentRepository.
func (r *Segments) Delete(ctx context.Context, ws engage.WorkspaceID, id segments.ID) error {
	const op = "bunsegments.Delete"
	db, err := writer(ctx, r.store, op, ws, 1)
	if err != nil {
		return err
	}
	result, err := db.NewDelete().Model((*segmentRow)(nil)).
		Where("workspace_id = ?", bunstore.UID(ws)).Where("id = ?", bunstore.UID(id)).Exec(ctx)
	n, err := affected(ctx, op, result, err)
	if err == nil && n == 0 {
		return &engage.Error{Code: engage.NotFound, Op: op, Entity: "segment " + id.String()}
	}
	return err
}

// Get implements segments.SegmentRepository.
func (r *Segments) Get(ctx context.Context, ws engage.WorkspaceID, ids []segments.ID) ([]segments.Segment, error) {
	const op = "bunsegments.Get"
	db, err := reader(ctx, r.store, op, ws, len(ids))
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var rows []segmentRow
	err = db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("id", ids)).OrderExpr("id").Scan(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	found := make([]segments.Segment, len(rows))
	for i, row := range rows {
		if found[i], err = row.segment(); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// List implements segments.SegmentRepository.
func (r *Segments) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[segments.Segment], error) {
	const op = "bunsegments.List"
	query := "segments|" + ws.String()
	var page engage.Page[segments.Segment]
	after, size, err := open(op, ws, query, request)
	if err != nil {
		return page, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil {
		return page, err
	}
	var rows []segmentRow
	q := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws))
	if err := (bunstore.Keyset{Columns: []string{"id"}}).Apply(q, size, after...).Scan(ctx); err != nil {
		return page, bunstore.MapError(ctx, op, "", err)
	}
	return bunstore.PageOf(rows, size, query, func(row segmentRow) []byte { return row.ID[:] }, segmentRow.segment)
}

// Heads implements segments.SegmentRepository.
func (r *Segments) Heads(ctx context.Context, ws engage.WorkspaceID) ([]segments.Segment, error) {
	const op = "bunsegments.Heads"
	db, err := reader(ctx, r.store, op, ws, 0)
	if err != nil {
		return nil, err
	}
	return heads(ctx, op, ws, db.NewSelect())
}

// Lock implements segments.SegmentRepository.
func (r *Segments) Lock(ctx context.Context, ws engage.WorkspaceID) ([]segments.Segment, error) {
	const op = "bunsegments.Lock"
	db, err := writer(ctx, r.store, op, ws, 0)
	if err != nil {
		return nil, err
	}
	return heads(ctx, op, ws, locking(db.NewSelect()))
}

func heads(ctx context.Context, op string, ws engage.WorkspaceID, q *bun.SelectQuery) ([]segments.Segment, error) {
	var rows []segmentRow
	err := q.Model(&rows).ExcludeColumn("filter").Where("workspace_id = ?", bunstore.UID(ws)).OrderExpr("id").Scan(ctx)
	return each(rows, segmentRow.head), bunstore.MapError(ctx, op, "", err)
}
