package bunsegments

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/segments"
	"github.com/uptrace/bun"
)

// Facts implements segments.FactRepository.
type Facts struct{ store *bunstore.Store }

var _ segments.FactRepository = (*Facts)(nil)

type factRow struct {
	bun.BaseModel `bun:"table:engage_segments_facts,alias:f"`

	Workspace bunstore.UID    `bun:"workspace_id,pk"`
	ContactID bunstore.UID    `bun:"contact_id,pk"`
	Event     bunstore.Key    `bun:"event,pk"`
	Count     int64           `bun:"occurrences"`
	FirstAt   bunstore.Micros `bun:"first_at"`
	LastAt    bunstore.Micros `bun:"last_at"`
}

func (r factRow) compare(other factRow) int {
	return cmp.Or(bytes.Compare(r.ContactID[:], other.ContactID[:]), cmp.Compare(r.Event, other.Event))
}

func (r factRow) fact() segments.Fact {
	return segments.Fact{
		ContactID: contacts.ID(r.ContactID), Event: string(r.Event), Count: int(r.Count),
		FirstAt: r.FirstAt.Time(), LastAt: r.LastAt.Time(),
	}
}

// NewFacts makes the repository of a store.
func NewFacts(store *bunstore.Store) *Facts { return &Facts{store} }

// Add implements segments.FactRepository.
func (r *Facts) Add(ctx context.Context, ws engage.WorkspaceID, facts []segments.Fact) error {
	const op = "bunsegments.Add"
	db, err := writer(ctx, r.store, op, ws, len(facts))
	if err != nil || len(facts) == 0 {
		return err
	}
	rows := make([]factRow, len(facts))
	for i, f := range facts {
		rows[i] = factRow{
			Workspace: bunstore.UID(ws), ContactID: bunstore.UID(f.ContactID), Event: bunstore.Key(f.Event),
			Count: int64(f.Count), FirstAt: bunstore.Micros(f.FirstAt), LastAt: bunstore.Micros(f.LastAt),
		}
	}
	return bunstore.MapError(ctx, op, "", add(ctx, db, summed(rows)))
}

// summed answers one row for each contact and event, sorted.
func summed(rows []factRow) []factRow {
	slices.SortStableFunc(rows, factRow.compare)
	out := rows[:0:0]
	for _, row := range rows {
		if len(out) == 0 || out[len(out)-1].compare(row) != 0 {
			out = append(out, row)
			continue
		}
		last := &out[len(out)-1]
		last.Count += row.Count
		if row.FirstAt.Time().Before(last.FirstAt.Time()) {
			last.FirstAt = row.FirstAt
		}
		if row.LastAt.Time().After(last.LastAt.Time()) {
			last.LastAt = row.LastAt
		}
	}
	return out
}

// sums are how each database adds a fact to the stored one.
var sums = map[bunstore.Dialect][3]string{
	bunstore.SQLite: {
		"occurrences = f.occurrences + EXCLUDED.occurrences",
		"first_at = min(f.first_at, EXCLUDED.first_at)", "last_at = max(f.last_at, EXCLUDED.last_at)",
	},
	bunstore.PostgreSQL: {
		"occurrences = f.occurrences + EXCLUDED.occurrences",
		"first_at = least(f.first_at, EXCLUDED.first_at)", "last_at = greatest(f.last_at, EXCLUDED.last_at)",
	},
	bunstore.MariaDB: {
		"occurrences = occurrences + VALUES(occurrences)",
		"first_at = least(first_at, VALUES(first_at))", "last_at = greatest(last_at, VALUES(last_at))",
	},
}

func add(ctx context.Context, db bun.IDB, rows []factRow) error {
	dialect := bunstore.DialectOf(db)
	for chunk := range slices.Chunk(rows, engage.MaxBatch) {
		q := db.NewInsert().Model(&chunk).Returning("NULL")
		if dialect == bunstore.MariaDB {
			q = q.On("DUPLICATE KEY UPDATE")
		} else {
			q = q.On("CONFLICT (workspace_id, contact_id, event) DO UPDATE")
		}
		for _, sum := range sums[dialect] {
			q = q.Set(sum)
		}
		if _, err := q.Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Get implements segments.FactRepository.
func (r *Facts) Get(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID, names []string) ([]segments.Fact, error) {
	const op = "bunsegments.Get"
	db, err := reader(ctx, r.store, op, ws, max(len(ids), len(names)))
	if err != nil || len(ids) == 0 || len(names) == 0 {
		return nil, err
	}
	keys := slices.Sorted(slices.Values(each(names, func(name string) bunstore.Key { return bunstore.Key(name) })))
	var rows []factRow
	err = db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("contact_id", ids)).
		Where("event IN (?)", bun.List(slices.Compact(keys))).OrderExpr("contact_id, event").Scan(ctx)
	return each(rows, factRow.fact), bunstore.MapError(ctx, op, "", err)
}

// Move implements segments.FactRepository.
func (r *Facts) Move(ctx context.Context, ws engage.WorkspaceID, absorptions []contacts.Absorption) error {
	const op = "bunsegments.Move"
	db, err := writer(ctx, r.store, op, ws, len(absorptions))
	if err != nil || len(absorptions) == 0 {
		return err
	}
	// Where one absorption follows another, facts go to the last survivor at once.
	survivor := make(map[bunstore.UID]bunstore.UID, len(absorptions))
	for _, a := range slices.Backward(absorptions) {
		to := bunstore.UID(a.Survivor)
		if further, moved := survivor[to]; moved {
			to = further
		}
		survivor[bunstore.UID(a.Absorbed)] = to
	}
	ids := make([]bunstore.UID, 0, len(survivor))
	for id := range survivor {
		ids = append(ids, id)
	}
	var rows []factRow
	q := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("contact_id", ids)).OrderExpr("contact_id, event")
	if err := locking(q).Scan(ctx); err != nil || len(rows) == 0 {
		return bunstore.MapError(ctx, op, "", err)
	}
	if err := forget[factRow](ctx, db, ws, ids); err != nil {
		return bunstore.MapError(ctx, op, "", err)
	}
	for i := range rows {
		rows[i].ContactID = survivor[rows[i].ContactID]
	}
	return bunstore.MapError(ctx, op, "", add(ctx, db, summed(rows)))
}

// forget removes the rows of contacts from a table.
func forget[Row any, T ~[16]byte](ctx context.Context, db bun.IDB, ws engage.WorkspaceID, ids []T) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := db.NewDelete().Model((*Row)(nil)).Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("contact_id", ids)).Exec(ctx)
	return err
}

// Forget implements segments.FactRepository.
func (r *Facts) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) error {
	const op = "bunsegments.Forget"
	db, err := writer(ctx, r.store, op, ws, len(ids))
	if err != nil {
		return err
	}
	return bunstore.MapError(ctx, op, "", forget[factRow](ctx, db, ws, ids))
}
