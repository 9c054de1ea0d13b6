package bunplans

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/uptrace/bun"
)

// Usage implements plans.UsageRepository and plans.UsageRepositoryAcross.
type Usage struct{ store *bunstore.Store }

var (
	_ plans.UsageRepository       = (*Usage)(nil)
	_ plans.UsageRepositoryAcross = (*Usage)(nil)
)

type counterRow struct {
	bun.BaseModel `bun:"table:engage_accounts_usage,alias:u"`

	Workspace   bunstore.UID    `bun:"workspace_id,pk"`
	Meter       bunstore.Key    `bun:"meter,pk"`
	PeriodStart bunstore.Micros `bun:"period_start,pk"`
	Used        int64           `bun:"used"`
	Told        int             `bun:"told"`
	UpdatedAt   bunstore.Micros `bun:"updated_at"`
}

func (r counterRow) counter() plans.Counter {
	return plans.Counter{CounterKey: plans.CounterKey{Meter: plans.Meter(r.Meter), Start: r.PeriodStart.Time()}, Used: r.Used, Told: r.Told}
}

type shareRow struct {
	bun.BaseModel `bun:"table:engage_accounts_usage_shares,alias:h"`

	Workspace   bunstore.UID    `bun:"workspace_id,pk"`
	Meter       bunstore.Key    `bun:"meter,pk"`
	PeriodStart bunstore.Micros `bun:"period_start,pk"`
	UsedBy      bunstore.UID    `bun:"used_by,pk"`
	Used        int64           `bun:"used"`
	UpdatedAt   bunstore.Micros `bun:"updated_at"`
}

type markRow struct {
	bun.BaseModel `bun:"table:engage_accounts_usage_marks,alias:m"`

	Workspace bunstore.UID    `bun:"workspace_id,pk"`
	Mark      bunstore.Key    `bun:"mark,pk"`
	NotedAt   bunstore.Micros `bun:"noted_at"`
}

// NewUsage makes the repository of a store.
func NewUsage(store *bunstore.Store) *Usage { return &Usage{store} }

// Add implements plans.UsageRepository. The counter is locked first and the share
// behind it, so that all calls lock in one order.
func (u *Usage) Add(ctx context.Context, ws engage.WorkspaceID, a plans.Addition) (plans.Counter, bool, error) {
	const op = "bunplans.Add"
	db, err := u.store.Write(ctx, ws)
	if err != nil {
		return plans.Counter{}, false, err
	}
	row, ok, err := addCounter(ctx, db, ws, a)
	if err == nil && ok {
		ok, err = addShare(ctx, db, ws, a)
		if err == nil && !ok { // the counter had it, and the workspace had not: undone
			a.N, a.Max = -a.N, plans.Unlimited
			row, _, err = bump(ctx, db, ws, a)
		}
	}
	if err != nil {
		return plans.Counter{}, false, bunstore.MapError(ctx, op, "meter "+string(a.Meter), err)
	}
	return row.counter(), ok, nil
}

// addCounter adds to a counter, which it makes if there is none. That a counter
// was not changed means that it was missing or out of bounds, and it may have
// come about since: it is out of bounds if what is read then says so, too.
func addCounter(ctx context.Context, db bun.IDB, ws engage.WorkspaceID, a plans.Addition) (row counterRow, ok bool, err error) {
	for range maxLooks {
		if row, ok, err = bump(ctx, db, ws, a); err != nil || ok {
			return row, ok, err
		}
		var exists bool
		if row, exists, err = counterOf(ctx, db, ws, a.CounterKey); err != nil || !fits(row.Used, a) {
			return row, false, err
		}
		if !exists {
			if err := insertCounter(ctx, db, row, a.At); err != nil {
				return row, false, err
			}
		}
	}
	return row, false, nil
}

// maxLooks is how often a counter may turn out to have changed between two
// statements: once when another makes it first, and once more when others fill it
// and give back.
const maxLooks = 4

// fits reports whether a counter may take an addition.
func fits(used int64, a plans.Addition) bool {
	return used+a.N >= 0 && (a.N < 0 || a.Max == plans.Unlimited || used+a.N <= a.Max)
}

// insertCounter makes a counter unless another has made it.
func insertCounter(ctx context.Context, db bun.IDB, row counterRow, at time.Time) error {
	row.UpdatedAt = bunstore.Micros(at)
	query := db.NewInsert().Model(&row).Returning("NULL")
	if bunstore.DialectOf(db) == bunstore.MariaDB {
		query = query.On("DUPLICATE KEY UPDATE").Set("used = used") // unlike a refused INSERT, it locks as the UPDATE will
	} else {
		query = query.On("CONFLICT DO NOTHING")
	}
	_, err := query.Exec(ctx)
	return err
}

// bump adds to a counter that there is, unless the sum is out of bounds.
func bump(ctx context.Context, db bun.IDB, ws engage.WorkspaceID, a plans.Addition) (counterRow, bool, error) {
	row := counterRow{Workspace: bunstore.UID(ws), Meter: bunstore.Key(a.Meter), PeriodStart: bunstore.Micros(a.Start)}
	query := db.NewUpdate().Model(&row).Set("used = used + ?", a.N).Set("updated_at = ?", bunstore.Micros(a.At)).WherePK()
	if a.N < 0 {
		query = query.Where("used >= ?", -a.N)
	} else if a.Max != plans.Unlimited {
		query = query.Where("used <= ?", a.Max-a.N)
	}
	if bunstore.DialectOf(db) != bunstore.MariaDB {
		n, err := affected(query.Returning("used, told").Exec(ctx))
		return row, n > 0, err
	}
	n, err := affected(query.Exec(ctx))
	if err != nil || n == 0 {
		return row, false, err
	}
	return counterOf(ctx, db, ws, a.CounterKey)
}

// counterOf reads a counter; the zero one if there is none.
func counterOf(ctx context.Context, db bun.IDB, ws engage.WorkspaceID, key plans.CounterKey) (counterRow, bool, error) {
	row := counterRow{Workspace: bunstore.UID(ws), Meter: bunstore.Key(key.Meter), PeriodStart: bunstore.Micros(key.Start)}
	var rows []counterRow
	err := db.NewSelect().Model(&rows).Where("workspace_id = ?", row.Workspace).Where("meter = ?", row.Meter).Where("period_start = ?", row.PeriodStart).Scan(ctx)
	if err != nil || len(rows) == 0 {
		return row, false, err
	}
	return rows[0], true, nil
}

// addShare adds to a workspace's share of a counter that is locked. A share that
// grows has no bound of its own.
func addShare(ctx context.Context, db bun.IDB, ws engage.WorkspaceID, a plans.Addition) (bool, error) {
	row := shareRow{
		Workspace: bunstore.UID(ws), Meter: bunstore.Key(a.Meter), PeriodStart: bunstore.Micros(a.Start),
		UsedBy: bunstore.UID(a.Workspace), Used: a.N, UpdatedAt: bunstore.Micros(a.At),
	}
	if a.N < 0 {
		n, err := affected(db.NewUpdate().Model(&row).Set("used = used + ?", a.N).Set("updated_at = ?", row.UpdatedAt).
			WherePK().Where("used >= ?", -a.N).Exec(ctx))
		return n > 0, err
	}
	query := db.NewInsert().Model(&row).Returning("NULL")
	if bunstore.DialectOf(db) == bunstore.MariaDB {
		query = query.On("DUPLICATE KEY UPDATE").Set("used = used + VALUES(used)").Set("updated_at = VALUES(updated_at)")
	} else {
		query = query.On("CONFLICT (workspace_id, meter, period_start, used_by) DO UPDATE").
			Set("used = h.used + EXCLUDED.used").Set("updated_at = EXCLUDED.updated_at")
	}
	_, err := query.Exec(ctx)
	return true, err
}

// Tell implements plans.UsageRepository.
func (u *Usage) Tell(ctx context.Context, ws engage.WorkspaceID, key plans.CounterKey, percent int) (bool, error) {
	db, err := u.store.Write(ctx, ws)
	if err != nil {
		return false, err
	}
	row := counterRow{Workspace: bunstore.UID(ws), Meter: bunstore.Key(key.Meter), PeriodStart: bunstore.Micros(key.Start)}
	n, err := affected(db.NewUpdate().Model(&row).Set("told = ?", percent).WherePK().Where("told < ?", percent).Exec(ctx))
	return n > 0, bunstore.MapError(ctx, "bunplans.Tell", "meter "+string(key.Meter), err)
}

// Counters implements plans.UsageRepository.
func (u *Usage) Counters(ctx context.Context, ws engage.WorkspaceID, keys []plans.CounterKey) ([]plans.Counter, error) {
	const op = "bunplans.Counters"
	if err := engage.CheckCall(op, ws, len(keys)); err != nil {
		return nil, err
	}
	db, err := u.store.Read(ctx, ws)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	tuples := make(bunstore.Tuples, len(keys))
	for i, key := range keys {
		tuples[i] = []any{bunstore.Key(key.Meter), bunstore.Micros(key.Start)}
	}
	var rows []counterRow
	err = db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("(meter, period_start) IN ?", tuples).Scan(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	found := make([]plans.Counter, len(rows))
	for i, row := range rows {
		found[i] = row.counter()
	}
	slices.SortFunc(found, func(a, b plans.Counter) int {
		return cmp.Or(strings.Compare(string(a.Meter), string(b.Meter)), a.Start.Compare(b.Start))
	})
	return found, nil
}

// Shares implements plans.UsageRepository.
func (u *Usage) Shares(ctx context.Context, ws engage.WorkspaceID, key plans.CounterKey, request engage.PageRequest) (engage.Page[plans.Share], error) {
	const op = "bunplans.Shares"
	name := "accounts_usage_shares|" + string(key.Meter) + "|" + key.Start.UTC().Format(time.RFC3339Nano) + "|" + ws.String()
	var none engage.Page[plans.Share]
	size, err := request.Size()
	if err != nil {
		return none, err
	}
	cursor, err := request.After.Open(name)
	if err != nil {
		return none, err
	}
	var after []any
	if cursor != nil {
		if len(cursor) != len(bunstore.UID{}) {
			var faults engage.Faults
			faults.Add("after", "invalid", "this cursor is damaged")
			return none, faults.Err("engage.Cursor", "")
		}
		after = []any{bunstore.UID(cursor)}
	}
	db, err := u.store.Read(ctx, ws)
	if err != nil {
		return none, err
	}
	var rows []shareRow
	query := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).
		Where("meter = ?", bunstore.Key(key.Meter)).Where("period_start = ?", bunstore.Micros(key.Start))
	if err := (bunstore.Keyset{Columns: []string{"used_by"}}).Apply(query, size, after...).Scan(ctx); err != nil {
		return none, bunstore.MapError(ctx, op, "", err)
	}
	return bunstore.PageOf(rows, size, name, func(row shareRow) []byte { return row.UsedBy[:] }, func(row shareRow) (plans.Share, error) {
		return plans.Share{Workspace: engage.WorkspaceID(row.UsedBy), Used: row.Used}, nil
	})
}

// Mark implements plans.UsageRepository.
func (u *Usage) Mark(ctx context.Context, ws engage.WorkspaceID, key string, at time.Time) (bool, error) {
	const op = "bunplans.Mark"
	db, err := u.store.Write(ctx, ws)
	if err != nil {
		return false, err
	}
	isNew, err := bunstore.InsertNew(ctx, db, []markRow{{
		Workspace: bunstore.UID(ws), Mark: bunstore.Key(key), NotedAt: bunstore.Micros(at),
	}}, "workspace_id", "mark")
	if err != nil {
		return false, bunstore.MapError(ctx, op, "", err)
	}
	return isNew[0], nil
}

// PruneAcross implements plans.UsageRepositoryAcross. MariaDB can limit a DELETE,
// and can't limit a subquery of one.
func (u *Usage) PruneAcross(ctx context.Context, shard engage.Shard, before time.Time, limit int) (int, error) {
	const op = "bunplans.PruneAcross"
	db, err := u.store.WriteShard(ctx, shard)
	if err != nil {
		return 0, err
	}
	if limit > engage.MaxBatch {
		var faults engage.Faults
		faults.Add("limit", "too_many", "%d, at most %d a call", limit, engage.MaxBatch)
		return 0, faults.Err(op, "")
	}
	query := `DELETE FROM engage_accounts_usage_marks WHERE (workspace_id, mark) IN (
		SELECT workspace_id, mark FROM engage_accounts_usage_marks WHERE noted_at < ? ORDER BY noted_at LIMIT ?)`
	if u.store.Dialect() == bunstore.MariaDB {
		query = `DELETE FROM engage_accounts_usage_marks WHERE noted_at < ? ORDER BY noted_at LIMIT ?`
	}
	n, err := affected(db.NewRaw(query, bunstore.Micros(before), max(0, limit)).Exec(ctx))
	return n, bunstore.MapError(ctx, op, "", err)
}
