package bunstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// Leases are the store's named leases.
func (s *Store) Leases() engage.Leases { return leases{s} }

type leases struct{ s *Store }

type leaseRow struct {
	bun.BaseModel `bun:"table:engage_leases,alias:e"`

	Name  Key    `bun:"name,pk"`
	Owner Key    `bun:"owner"`
	Token int64  `bun:"token"`
	Until Micros `bun:"lease_until"`
}

func (r leaseRow) heldBy(owner string, now time.Time) bool {
	return string(r.Owner) == owner && r.Until.Time().After(now)
}

var (
	errHeld    = errors.New("another owner holds the lease")
	errNotHeld = errors.New("the lease is no longer held")
)

// Acquire implements engage.Leases. A lease that its former owner takes again
// after its end gets a new token. Asking in vain is one statement and takes no
// lock.
func (l leases) Acquire(ctx context.Context, shard engage.Shard, name, owner string, now time.Time, ttl time.Duration) (engage.Lease, error) {
	const op = "bunstore.Acquire"
	var acquired engage.Lease
	seen, err := l.look(ctx, shard, name)
	if err != nil {
		return acquired, MapError(ctx, op, name, err)
	}
	if seen.Until.Time().After(now) && string(seen.Owner) != owner {
		return acquired, &engage.Error{Code: engage.Conflict, Op: op, Entity: name, Err: errHeld}
	}
	err = l.s.InShard(ctx, shard, func(ctx context.Context) error {
		acquired, err = l.acquire(ctx, shard, name, owner, now, ttl)
		return err
	})
	if err != nil {
		return engage.Lease{}, MapError(ctx, op, name, err)
	}
	return acquired, nil
}

// look answers the lease as it is committed, zero if there is none yet.
func (l leases) look(ctx context.Context, shard engage.Shard, name string) (row leaseRow, err error) {
	db, err := l.s.Log().connection(ctx, shard)
	if err != nil {
		return row, err
	}
	err = db.NewSelect().Model(&row).Where("name = ?", Key(name)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return leaseRow{}, nil
	}
	return row, err
}

func (l leases) acquire(ctx context.Context, shard engage.Shard, name, owner string, now time.Time, ttl time.Duration) (engage.Lease, error) {
	db, err := l.s.WriteShard(ctx, shard)
	if err != nil {
		return engage.Lease{}, err
	}
	row, err := l.lock(ctx, db, name)
	if errors.Is(err, sql.ErrNoRows) {
		row = leaseRow{Name: Key(name)}
		insert := db.NewInsert().Model(&row).Returning("NULL")
		if l.s.dialect == MariaDB {
			insert = insert.On("DUPLICATE KEY UPDATE token = token")
		} else {
			insert = insert.On("CONFLICT DO NOTHING")
		}
		if _, err := insert.Exec(ctx); err != nil {
			return engage.Lease{}, err
		}
		row, err = l.lock(ctx, db, name)
	}
	if err != nil {
		return engage.Lease{}, err
	}
	held := row.Until.Time().After(now)
	if held && string(row.Owner) != owner {
		return engage.Lease{}, &engage.Error{Code: engage.Conflict, Op: "bunstore.Acquire", Entity: name, Err: errHeld}
	}
	if !held {
		row.Token++
	}
	row.Owner, row.Until = Key(owner), Micros(engage.Instant(now.Add(ttl)))
	if _, err := db.NewUpdate().Model(&row).Column("owner", "token", "lease_until").WherePK().Exec(ctx); err != nil {
		return engage.Lease{}, err
	}
	return engage.Lease{Name: name, Owner: owner, Token: row.Token, Until: row.Until.Time()}, nil
}

// lock reads the lease and keeps others from changing it until the transaction
// ends.
func (l leases) lock(ctx context.Context, db bun.IDB, name string) (row leaseRow, err error) {
	query := db.NewSelect().Model(&row).Where("name = ?", Key(name))
	if l.s.dialect != SQLite {
		query = query.For("UPDATE")
	}
	err = query.Scan(ctx)
	return row, err
}

// Check implements engage.Leases.
func (l leases) Check(ctx context.Context, shard engage.Shard, lease engage.Lease, now time.Time) error {
	const op = "bunstore.Check"
	sc, err := l.s.shardWriter(ctx, op, shard)
	if err != nil {
		return err
	}
	row, err := l.lock(ctx, sc.conn(), lease.Name)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return MapError(ctx, op, lease.Name, err)
	}
	if err != nil || row.Token != lease.Token || !row.heldBy(lease.Owner, now) {
		return &engage.Error{Code: engage.Conflict, Op: op, Entity: lease.Name, Err: errNotHeld}
	}
	return nil
}

// Release implements engage.Leases.
func (l leases) Release(ctx context.Context, shard engage.Shard, lease engage.Lease) error {
	err := l.s.InShard(ctx, shard, func(ctx context.Context) error {
		db, err := l.s.WriteShard(ctx, shard)
		if err != nil {
			return err
		}
		_, err = db.NewUpdate().Model((*leaseRow)(nil)).Set("owner = ''").Set("lease_until = NULL").
			Where("name = ?", Key(lease.Name)).Where("token = ?", lease.Token).Exec(ctx)
		return err
	})
	return MapError(ctx, "bunstore.Release", lease.Name, err)
}
