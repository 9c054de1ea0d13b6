package bunstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// Log is the consumers' side of the log. It is a type of its own because its
// methods share names with those of Store and Leases.
type Log struct{ s *Store }

var _ engage.EventLog = (*Log)(nil)

// Log is the store's log for consumers.
func (s *Store) Log() *Log { return &Log{s} }

var (
	errLost      = errors.New("the claim was lost")
	errBackwards = errors.New("the cursor is past that position already")
)

// cursorSet names a consumer's cursors in one database.
type cursorSet struct {
	shard    engage.Shard
	consumer string
}

// cursorRow is how far a consumer is in one partition, and who works on it.
type cursorRow struct {
	bun.BaseModel `bun:"table:engage_log_cursors,alias:c"`

	Consumer   Key             `bun:"consumer,pk"`
	Part       int             `bun:"part,pk"`
	Pos        engage.Position `bun:"pos"`
	Owner      Key             `bun:"owner"`
	Token      int64           `bun:"token"`
	LeaseUntil Micros          `bun:"lease_until"`
	MovedAt    Micros          `bun:"moved_at"`
}

// connection is the transaction in ctx, else the pool that workers poll on.
func (l *Log) connection(ctx context.Context, shard engage.Shard) (bun.IDB, error) {
	d, err := l.s.shard(shard)
	if err != nil {
		return nil, err
	}
	if sc, ok, err := l.s.joined(ctx); err != nil || ok && sc.t.db == d {
		return sc.conn(), err
	}
	return d.polls, nil
}

// Claim implements engage.EventLog. A consumer's first claim makes its cursors
// in every partition, so that the pruner waits for it in all of them. A claim
// that finds nothing is one statement and takes no lock.
func (l *Log) Claim(ctx context.Context, shard engage.Shard, consumer, owner string, now time.Time, lease time.Duration, limit int) ([]engage.Claim, error) {
	const op = "bunstore.Claim"
	if limit <= 0 {
		return nil, nil
	}
	if err := l.introduce(ctx, shard, consumer, now); err != nil {
		return nil, MapError(ctx, op, consumer, err)
	}
	waiting, err := l.waiting(ctx, shard, consumer, now)
	if err != nil || len(waiting) == 0 {
		return nil, MapError(ctx, op, consumer, err)
	}
	var claims []engage.Claim
	err = l.s.InShard(ctx, shard, func(ctx context.Context) error {
		claims, err = l.lease(ctx, shard, consumer, owner, waiting, now, lease, limit)
		return err
	})
	if err != nil {
		return nil, MapError(ctx, op, consumer, err)
	}
	return claims, nil
}

// introduce makes the cursors of a consumer that has none, just before the
// oldest slice of each partition that is still kept.
func (l *Log) introduce(ctx context.Context, shard engage.Shard, consumer string, now time.Time) error {
	set := cursorSet{shard, consumer}
	if _, known := l.s.known.Load(set); known {
		return nil
	}
	db, err := l.connection(ctx, shard)
	if err != nil {
		return err
	}
	n, err := db.NewSelect().Model((*cursorRow)(nil)).Where("consumer = ?", Key(consumer)).Count(ctx)
	if err != nil {
		return err
	}
	if n == engage.LogPartitions {
		l.s.known.Store(set, true)
		return nil
	}
	return l.s.InShard(ctx, shard, func(ctx context.Context) error {
		db, err := l.s.WriteShard(ctx, shard)
		if err != nil {
			return err
		}
		passOver := "ON CONFLICT DO NOTHING"
		if l.s.dialect == MariaDB {
			passOver = "ON DUPLICATE KEY UPDATE engage_log_cursors.pos = engage_log_cursors.pos"
		}
		_, err = db.ExecContext(ctx, `INSERT INTO engage_log_cursors (consumer, part, pos, owner, token, lease_until, moved_at)
			SELECT ?0, p.part, COALESCE((SELECT MIN(l.pos) - 1 FROM engage_log AS l WHERE l.part = p.part AND l.pos > 0), p.last_pos), '', 0, NULL, ?1
			FROM engage_log_partitions AS p WHERE p.part >= 0 ?2`, Key(consumer), l.s.instant(now), bun.Safe(passOver))
		if err != nil {
			return err
		}
		return l.s.AfterCommit(ctx, func() { l.s.known.Store(set, true) })
	})
}

// instant is a literal that also stands where a column does not give its type.
func (s *Store) instant(t time.Time) any {
	if s.dialect == PostgreSQL {
		return bun.SafeQuery("?::timestamptz", Micros(t))
	}
	return Micros(t)
}

// waiting answers the partitions in which slices wait for a consumer and nobody
// holds the cursor, the longest waiting first.
func (l *Log) waiting(ctx context.Context, shard engage.Shard, consumer string, now time.Time) ([]int, error) {
	db, err := l.connection(ctx, shard)
	if err != nil {
		return nil, err
	}
	var parts []int
	err = db.NewRaw(`SELECT w.part FROM (
			SELECT c.part, ? AS since FROM engage_log_cursors AS c JOIN engage_log_partitions AS p ON p.part = c.part AND p.last_pos > c.pos
			WHERE c.consumer = ? AND (c.lease_until IS NULL OR c.lease_until <= ?)
		) AS w WHERE w.since IS NOT NULL ORDER BY w.since, w.part`,
		next("created_at"), Key(consumer), Micros(now)).Scan(ctx, &parts)
	return parts, err
}

// next is a column of the first slice behind the cursor c in the partition p.
// Positions have no gaps, so it is the one after the cursor, or if that was
// pruned, the oldest that is kept; MariaDB would read everything before the
// cursor to find "the first behind it".
func next(column string) bun.Safe {
	return bun.Safe(strings.ReplaceAll(`COALESCE((SELECT l.$ FROM engage_log AS l WHERE l.part = p.part AND l.pos = COALESCE(c.pos, 0) + 1),
		(SELECT l.$ FROM engage_log AS l WHERE l.part = p.part AND l.pos > 0 ORDER BY l.pos LIMIT 1))`, "$", column))
}

// lease takes up to limit of those cursors that are still free, in the order of
// parts. Others may be taking the first ones at this moment; then it goes on to
// the next ones instead of waiting.
func (l *Log) lease(ctx context.Context, shard engage.Shard, consumer, owner string, parts []int, now time.Time, lease time.Duration, limit int) ([]engage.Claim, error) {
	db, err := l.s.WriteShard(ctx, shard)
	if err != nil {
		return nil, err
	}
	var claims []engage.Claim
	var taken []int
	for len(parts) > 0 && len(claims) < limit {
		some := parts[:min(limit-len(claims), len(parts))]
		parts = parts[len(some):]
		var free []cursorRow
		err = db.NewRaw(`SELECT part, pos, token FROM engage_log_cursors
			WHERE consumer = ? AND part IN (?) AND (lease_until IS NULL OR lease_until <= ?)`+l.s.skipLocked(),
			Key(consumer), bun.List(some), Micros(now)).Scan(ctx, &free)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(free, func(a, b cursorRow) int {
			return cmp.Compare(slices.Index(some, a.Part), slices.Index(some, b.Part))
		})
		for _, row := range free {
			taken = append(taken, row.Part)
			claims = append(claims, engage.Claim{
				Consumer: consumer, Shard: shard, Partition: engage.Partition(row.Part), Position: row.Pos, Token: row.Token + 1,
			})
		}
	}
	if len(taken) == 0 {
		return nil, nil
	}
	_, err = db.ExecContext(ctx, "UPDATE engage_log_cursors SET owner = ?, token = token + 1, lease_until = ? WHERE consumer = ? AND part IN (?)",
		Key(owner), Micros(now.Add(lease)), Key(consumer), bun.List(taken))
	return claims, err
}

// Read implements engage.EventLog.
func (l *Log) Read(ctx context.Context, shard engage.Shard, partition engage.Partition, after engage.Position, limit int) ([]engage.Slice, error) {
	const op = "bunstore.Read"
	if limit <= 0 {
		return nil, nil
	}
	db, err := l.connection(ctx, shard)
	if err != nil {
		return nil, err
	}
	var rows []logRow
	err = db.NewSelect().Model(&rows).Column("id", "workspace_id", "pos", "payload").
		Where("part = ?", partition).Where("pos > ?", after).Order("pos").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, MapError(ctx, op, "", err)
	}
	read := make([]engage.Slice, len(rows))
	for i, row := range rows {
		events, err := engage.DecodeSlice(row.Payload)
		if err != nil {
			return nil, &engage.Error{Code: engage.Internal, Op: op, Entity: engage.SliceID(row.ID).String(), Err: err}
		}
		if l.s.databases[shard].left(engage.WorkspaceID(row.Workspace)) {
			events = nil // consumed here before it left; a consumer that is new can't do anything for it here
		}
		read[i] = engage.Slice{
			ID: engage.SliceID(row.ID), Workspace: engage.WorkspaceID(row.Workspace), Partition: partition,
			Position: engage.Position(row.Pos), Events: events,
		}
	}
	return read, nil
}

// Advance implements engage.EventLog. A position behind the cursor answers
// ErrInvalid.
func (l *Log) Advance(ctx context.Context, claim engage.Claim, to engage.Position, now time.Time, lease time.Duration) error {
	const op = "bunstore.Advance"
	db, err := l.s.WriteShard(ctx, claim.Shard)
	if err != nil {
		return err
	}
	result, err := db.ExecContext(ctx, `UPDATE engage_log_cursors SET pos = ?, moved_at = ?, lease_until = ?
		WHERE consumer = ? AND part = ? AND token = ? AND pos <= ?`,
		to, Micros(now), Micros(now.Add(lease)), Key(claim.Consumer), claim.Partition, claim.Token, to)
	if n, err := affected(result, err); err != nil || n > 0 {
		return MapError(ctx, op, claim.Consumer, err)
	}
	held, err := db.NewSelect().Model((*cursorRow)(nil)).
		Where("consumer = ?", Key(claim.Consumer)).Where("part = ?", claim.Partition).Where("token = ?", claim.Token).Exists(ctx)
	switch {
	case err != nil:
		return MapError(ctx, op, claim.Consumer, err)
	case held:
		return &engage.Error{Code: engage.Invalid, Op: op, Entity: claim.Consumer, Err: errBackwards}
	}
	return &engage.Error{Code: engage.Conflict, Op: op, Entity: claim.Consumer, Err: errLost}
}

// Release implements engage.EventLog.
func (l *Log) Release(ctx context.Context, claims []engage.Claim) error {
	sets := map[cursorSet][]engage.Claim{}
	for _, claim := range claims {
		set := cursorSet{claim.Shard, claim.Consumer}
		sets[set] = append(sets[set], claim)
	}
	for set, claims := range sets {
		err := l.s.InShard(ctx, set.shard, func(ctx context.Context) error {
			db, err := l.s.WriteShard(ctx, set.shard)
			if err != nil {
				return err
			}
			query := db.NewUpdate().Model((*cursorRow)(nil)).
				Set("owner = ''").Set("lease_until = NULL").Set("token = token + 1").Where("consumer = ?", Key(set.consumer))
			pairs := make(Tuples, len(claims))
			for i, claim := range claims {
				pairs[i] = []any{claim.Partition, claim.Token}
			}
			_, err = query.Where("(part, token) IN ?", pairs).Exec(ctx)
			return err
		})
		if err != nil {
			return MapError(ctx, "bunstore.Release", set.consumer, err)
		}
	}
	return nil
}

// Backlog implements engage.EventLog. What is committed and has no position yet
// counts, too.
func (l *Log) Backlog(ctx context.Context, shard engage.Shard, consumer string) (engage.Backlog, error) {
	backlog, err := l.backlog(ctx, shard, consumer)
	return backlog, MapError(ctx, "bunstore.Backlog", consumer, err)
}

func (l *Log) backlog(ctx context.Context, shard engage.Shard, consumer string) (backlog engage.Backlog, err error) {
	db, err := l.connection(ctx, shard)
	if err != nil {
		return backlog, err
	}
	var behind []struct {
		Slices *int64 `bun:"slices"` // NULL when the slices behind the cursor were pruned
		Oldest Micros `bun:"oldest"`
	}
	err = db.NewRaw(`SELECT p.last_pos - ?0 + 1 AS slices, ?1 AS oldest
			FROM engage_log_partitions AS p LEFT JOIN engage_log_cursors AS c ON c.part = p.part AND c.consumer = ?2 WHERE p.last_pos > COALESCE(c.pos, 0)
		UNION ALL SELECT (SELECT COUNT(*) FROM engage_log AS l ?3 WHERE l.part = p.part AND l.pos IS NULL),
			(SELECT MIN(l.created_at) FROM engage_log AS l ?3 WHERE l.part = p.part AND l.pos IS NULL) FROM engage_log_partitions AS p`,
		next("pos"), next("created_at"), Key(consumer), l.s.byWorkspace()).Scan(ctx, &behind)
	if err != nil {
		return backlog, err
	}
	for _, b := range behind {
		if b.Slices == nil || *b.Slices == 0 {
			continue
		}
		backlog.Slices += *b.Slices
		if oldest := b.Oldest.Time(); backlog.Oldest.IsZero() || oldest.Before(backlog.Oldest) {
			backlog.Oldest = oldest
		}
	}
	backlog.Parked, err = db.NewSelect().Model((*parkedRow)(nil)).Where("consumer = ?", Key(consumer)).Count(ctx)
	return backlog, err
}

// affected is the number of rows that a statement met.
func affected(result interface{ RowsAffected() (int64, error) }, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("rows affected: %w", err)
	}
	return n, nil
}
