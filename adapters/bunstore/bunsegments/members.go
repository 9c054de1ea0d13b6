package bunsegments

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/segments"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// Members implements segments.MembershipRepository and
// segments.MembershipRepositoryAcross.
type Members struct {
	store *bunstore.Store
	due   *bunstore.Turns[memberRow]
}

var (
	_ segments.MembershipRepository       = (*Members)(nil)
	_ segments.MembershipRepositoryAcross = (*Members)(nil)
)

type memberRow struct {
	bun.BaseModel `bun:"table:engage_segments_members,alias:m"`

	Workspace bunstore.UID    `bun:"workspace_id,pk"`
	ContactID bunstore.UID    `bun:"contact_id,pk"`
	SegmentID bunstore.UID    `bun:"segment_id,pk"`
	Revision  int             `bun:"revision,pk"`
	Member    bool            `bun:"is_member"`
	Since     bunstore.Micros `bun:"since"`
	DueAt     bunstore.Micros `bun:"due_at"`
}

func memberRowsOf(ws engage.WorkspaceID, all []segments.Membership) []memberRow {
	rows := each(all, func(m segments.Membership) memberRow {
		return memberRow{
			Workspace: bunstore.UID(ws), ContactID: bunstore.UID(m.ContactID), SegmentID: bunstore.UID(m.SegmentID), Revision: m.Revision,
			Member: m.Member, Since: bunstore.Micros(m.Since), DueAt: bunstore.Micros(m.DueAt),
		}
	})
	slices.SortFunc(rows, memberRow.compare)
	return rows
}

func (r memberRow) compare(other memberRow) int {
	return cmp.Or(bytes.Compare(r.ContactID[:], other.ContactID[:]), bytes.Compare(r.SegmentID[:], other.SegmentID[:]), cmp.Compare(r.Revision, other.Revision))
}

func (r memberRow) membership() segments.Membership {
	return segments.Membership{
		SegmentID: segments.ID(r.SegmentID), ContactID: contacts.ID(r.ContactID), Revision: r.Revision,
		Member: r.Member, Since: r.Since.Time(), DueAt: r.DueAt.Time(),
	}
}

// NewMembers makes the repository of a store.
func NewMembers(store *bunstore.Store) *Members {
	return &Members{store: store, due: bunstore.NewTurns(bunstore.Due{
		Table: "engage_segments_members", Index: "engage_segments_members_due_at_ix", Column: "due_at",
	}, func(row memberRow) bunstore.UID { return row.Workspace })}
}

// Add implements segments.MembershipRepository.
func (r *Members) Add(ctx context.Context, ws engage.WorkspaceID, memberships []segments.Membership) error {
	const op = "bunsegments.Add"
	db, err := writer(ctx, r.store, op, ws, len(memberships))
	if err != nil || len(memberships) == 0 {
		return err
	}
	rows := memberRowsOf(ws, memberships)
	if bunstore.DialectOf(db) == bunstore.MariaDB {
		_, err := db.NewInsert().Model(&rows).Returning("NULL").Exec(ctx)
		return bunstore.MapError(ctx, op, "", err)
	}
	// A failed statement would end a transaction of PostgreSQL, so rows that are
	// there are passed over and counted, and the savepoint removes the others.
	return r.store.InTx(ctx, ws, func(ctx context.Context) error {
		db, err := r.store.Write(ctx, ws)
		if err != nil {
			return err
		}
		result, err := db.NewInsert().Model(&rows).Returning("NULL").On("CONFLICT DO NOTHING").Exec(ctx)
		n, err := affected(ctx, op, result, err)
		if err == nil && n < len(rows) {
			return &engage.Error{Code: engage.AlreadyExists, Op: op}
		}
		return err
	})
}

// Save implements segments.MembershipRepository.
func (r *Members) Save(ctx context.Context, ws engage.WorkspaceID, memberships []segments.Membership) error {
	const op = "bunsegments.Save"
	db, err := writer(ctx, r.store, op, ws, len(memberships))
	if err != nil {
		return err
	}
	var kept, gone []memberRow
	for _, row := range memberRowsOf(ws, memberships) {
		if row.Member || !row.DueAt.IsZero() {
			kept = append(kept, row)
		} else {
			gone = append(gone, row)
		}
	}
	if len(kept) > 0 {
		if err := upsert(ctx, db, kept); err != nil {
			return bunstore.MapError(ctx, op, "", err)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return bunstore.MapError(ctx, op, "", remove(ctx, db, ws, gone))
}

func remove(ctx context.Context, db bun.IDB, ws engage.WorkspaceID, rows []memberRow) error {
	_, err := db.NewDelete().Model((*memberRow)(nil)).Where("workspace_id = ?", bunstore.UID(ws)).
		Where("?", among("contact_id", each(rows, func(row memberRow) bunstore.UID { return row.ContactID }))).
		Where("?", keysAmong(rows)).Exec(ctx)
	return err
}

// keysAmong is the condition that a membership is one of some. PostgreSQL plans
// a list of a thousand rows in seconds and one of VALUES in milliseconds.
type keysAmong []memberRow

// AppendQuery implements schema.QueryAppender.
func (in keysAmong) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	const columns = "(contact_id, segment_id, revision) IN "
	if bunstore.DialectOf(gen) != bunstore.PostgreSQL {
		tuples := make(bunstore.Tuples, len(in))
		for i, row := range in {
			tuples[i] = []any{row.ContactID, row.SegmentID, row.Revision}
		}
		return gen.AppendQuery(b, columns+"?", tuples), nil
	}
	b = append(b, columns+"(VALUES "...)
	for i, row := range in {
		if i == 0 { // the first row says what the columns are
			b = gen.AppendQuery(b, "(?::uuid, ?::uuid, ?)", row.ContactID, row.SegmentID, row.Revision)
			continue
		}
		b = gen.AppendQuery(b, ", (?, ?, ?)", row.ContactID, row.SegmentID, row.Revision)
	}
	return append(b, ')'), nil
}

func upsert(ctx context.Context, db bun.IDB, rows []memberRow) error {
	return bunstore.Upsert(ctx, db, rows, []string{"workspace_id", "contact_id", "segment_id", "revision"}, "is_member", "since", "due_at")
}

// Lock implements segments.MembershipRepository.
func (r *Members) Lock(ctx context.Context, ws engage.WorkspaceID, in []segments.ID, ids []contacts.ID) ([]segments.Membership, error) {
	const op = "bunsegments.Lock"
	db, err := writer(ctx, r.store, op, ws, max(len(in), len(ids)))
	if err != nil || len(in) == 0 || len(ids) == 0 {
		return nil, err
	}
	return find(ctx, op, locking(db.NewSelect()), ws, ids, among("segment_id", in))
}

// Of implements segments.MembershipRepository.
func (r *Members) Of(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]segments.Membership, error) {
	const op = "bunsegments.Of"
	db, err := reader(ctx, r.store, op, ws, len(ids))
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	return find(ctx, op, db.NewSelect(), ws, ids, bun.SafeQuery("is_member = ?", true))
}

func find(ctx context.Context, op string, q *bun.SelectQuery, ws engage.WorkspaceID, ids []contacts.ID, where schema.QueryAppender) ([]segments.Membership, error) {
	var rows []memberRow
	err := q.Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("contact_id", ids)).Where("?", where).
		OrderExpr("contact_id, segment_id, revision").Scan(ctx)
	return each(rows, memberRow.membership), bunstore.MapError(ctx, op, "", err)
}

// ofRevision narrows a query to the members of a segment's revision.
func ofRevision(q *bun.SelectQuery, ws engage.WorkspaceID, segment segments.ID, revision int) *bun.SelectQuery {
	return q.Where("workspace_id = ?", bunstore.UID(ws)).Where("segment_id = ?", bunstore.UID(segment)).
		Where("revision = ?", revision).Where("is_member = ?", true)
}

// Members implements segments.MembershipRepository.
func (r *Members) Members(ctx context.Context, ws engage.WorkspaceID, segment segments.ID, revision int, request engage.PageRequest) (engage.Page[segments.Membership], error) {
	const op = "bunsegments.Members"
	query := "segments_members|" + ws.String() + "|" + segment.String() + "|" + strconv.Itoa(revision)
	var page engage.Page[segments.Membership]
	after, size, err := open(op, ws, query, request)
	if err != nil {
		return page, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil {
		return page, err
	}
	var rows []memberRow
	q := ofRevision(db.NewSelect().Model(&rows), ws, segment, revision)
	if err := (bunstore.Keyset{Columns: []string{"contact_id"}}).Apply(q, size, after...).Scan(ctx); err != nil {
		return page, bunstore.MapError(ctx, op, "", err)
	}
	return bunstore.PageOf(rows, size, query, func(row memberRow) []byte { return row.ContactID[:] },
		func(row memberRow) (segments.Membership, error) { return row.membership(), nil })
}

// Count implements segments.MembershipRepository.
func (r *Members) Count(ctx context.Context, ws engage.WorkspaceID, segment segments.ID, revision int) (int, error) {
	const op = "bunsegments.Count"
	db, err := reader(ctx, r.store, op, ws, 0)
	if err != nil {
		return 0, err
	}
	n, err := ofRevision(db.NewSelect().Model((*memberRow)(nil)), ws, segment, revision).Count(ctx)
	return int(n), bunstore.MapError(ctx, op, "", err)
}

// Forget implements segments.MembershipRepository.
func (r *Members) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) error {
	const op = "bunsegments.Forget"
	db, err := writer(ctx, r.store, op, ws, len(ids))
	if err != nil {
		return err
	}
	return bunstore.MapError(ctx, op, "", forget[memberRow](ctx, db, ws, ids))
}

// Discard implements segments.MembershipRepository.
func (r *Members) Discard(ctx context.Context, ws engage.WorkspaceID, purges []segments.Purge, limit int) (int, error) {
	const op = "bunsegments.Discard"
	db, err := writer(ctx, r.store, op, ws, max(len(purges), limit))
	if err != nil || len(purges) == 0 || limit <= 0 {
		return 0, err
	}
	var rows []memberRow
	if err := stale(db, ws, purges, limit).Scan(ctx, &rows); err != nil || len(rows) == 0 {
		return 0, bunstore.MapError(ctx, op, "", err)
	}
	slices.SortFunc(rows, memberRow.compare)
	return len(rows), bunstore.MapError(ctx, op, "", remove(ctx, db, ws, rows))
}

// stale locks memberships that purges name. It reads them by the index over
// segments and revisions, one purge after another, and no more than limit.
func stale(db bun.IDB, ws engage.WorkspaceID, purges []segments.Purge, limit int) *bun.RawQuery {
	before := map[segments.ID]int{} // of two purges, the one that goes further
	for _, p := range purges {
		if p.Keep == 0 {
			p.Keep = math.MaxInt32
		}
		before[p.SegmentID] = max(before[p.SegmentID], p.Keep)
	}
	var list bunstore.Tuples
	for _, id := range slices.SortedFunc(maps.Keys(before), segments.ID.Compare) {
		list = append(list, []any{bunstore.UID(id), before[id]})
	}
	const index = "engage_segments_members_segment_id_revision_ix"
	args := []any{bunstore.UID(ws), limit, list.Rows()}
	switch bunstore.DialectOf(db) {
	case bunstore.MariaDB: // whose VALUES names no columns
		return db.NewRaw(`SELECT m.* FROM (SELECT NULL AS segment_id, NULL AS keep FROM dual WHERE FALSE UNION ALL VALUES ?2) AS p
			STRAIGHT_JOIN engage_segments_members AS m FORCE INDEX (`+index+`)
			ON m.workspace_id = ?0 AND m.segment_id = p.segment_id AND m.revision < p.keep LIMIT ?1 FOR UPDATE`, args...)
	case bunstore.SQLite:
		return db.NewRaw(`WITH p (segment_id, keep) AS (VALUES ?2) SELECT m.* FROM p CROSS JOIN engage_segments_members AS m INDEXED BY `+index+`
			ON m.workspace_id = ?0 AND m.segment_id = p.segment_id AND m.revision < p.keep LIMIT ?1`, args...)
	case bunstore.PostgreSQL:
	}
	return db.NewRaw(`SELECT r.* FROM (VALUES ?2) AS p (segment_id, keep) CROSS JOIN LATERAL (
		SELECT m.* FROM engage_segments_members AS m WHERE m.workspace_id = ?0 AND m.segment_id = p.segment_id::uuid AND m.revision < p.keep
		LIMIT ?1 FOR UPDATE) AS r LIMIT ?1`, args...)
}

// ClaimDueAcross implements segments.MembershipRepositoryAcross.
func (r *Members) ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]segments.Due, error) {
	const op = "bunsegments.ClaimDueAcross"
	db, err := r.store.WriteShard(ctx, shard)
	if err != nil {
		return nil, err
	}
	rows, err := r.due.Take(ctx, db, shard, now, min(limit, engage.MaxBatch))
	if err != nil || len(rows) == 0 {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	var claimed []segments.Due
	seen := map[segments.Due]bool{}
	for i, row := range rows {
		rows[i].DueAt = bunstore.Micros(now.Add(lease))
		due := segments.Due{Workspace: engage.WorkspaceID(row.Workspace), SegmentID: segments.ID(row.SegmentID), ContactID: contacts.ID(row.ContactID)}
		if !seen[due] {
			seen[due] = true
			claimed = append(claimed, due)
		}
	}
	slices.SortFunc(rows, func(a, b memberRow) int { return cmp.Or(bytes.Compare(a.Workspace[:], b.Workspace[:]), a.compare(b)) })
	return claimed, bunstore.MapError(ctx, op, "", upsert(ctx, db, rows))
}
