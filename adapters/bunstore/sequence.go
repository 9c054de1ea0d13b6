package bunstore

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// A step of the sequencer numbers slices of up to stepWorkspaces workspaces and
// about stepSlices in all, shared out evenly, so that a flood of one tenant
// waits behind itself.
const (
	stepWorkspaces = 256
	stepSlices     = 1024
	minQuantum     = 4
	maxQuantum     = 512
	scanRows       = 4096 // rows of the index that a look for workspaces reads
	minScanRows    = 64   // and of one partition
)

// unnumbered is a committed slice without a position.
type unnumbered struct {
	Seq       int64            `bun:"seq"`
	Part      engage.Partition `bun:"part"`
	Workspace UID              `bun:"workspace_id"`
	Row       string           `bun:"row_id"` // where PostgreSQL keeps it
	Pos       int64            `bun:"-"`
}

// partition is the end of one partition of the log.
type partition struct {
	Part engage.Partition `bun:"part"`
	Last int64            `bun:"last_pos"`
}

// Sequence gives committed slices their positions, one step in every database:
// in the order in which they were written for a workspace, and in turns between
// workspaces. It answers how many it numbered. The store's worker calls it; any
// number of processes may, since each partition is locked for the step and a
// locked one is passed over. On SQLite slices have their positions when they are
// written, and there is nothing to do.
func (s *Store) Sequence(ctx context.Context) (int, error) {
	if s.dialect == SQLite {
		return 0, nil
	}
	total := 0
	for _, shard := range s.shards {
		n, err := s.sequence(ctx, s.databases[shard])
		total += n
		if err != nil {
			return total, MapError(ctx, "bunstore.Sequence", "shard "+string(shard), err)
		}
	}
	if total > 0 {
		s.wake()
	}
	return total, nil
}

func (s *Store) sequence(ctx context.Context, d *database) (int, error) {
	// Looking for work takes no lock, and on an idle system it is all there is.
	var parts []int
	err := d.polls.NewRaw(`SELECT p.part FROM engage_log_partitions AS p
		WHERE (SELECT l.part FROM engage_log AS l ? WHERE l.part = p.part AND l.pos IS NULL ORDER BY l.workspace_id LIMIT 1) IS NOT NULL
		ORDER BY p.part`, s.byWorkspace()).Scan(ctx, &parts)
	if err != nil || len(parts) == 0 {
		return 0, err
	}
	numbered := 0
	err = s.InShard(ctx, d.shard, func(ctx context.Context) error {
		numbered = 0
		db, err := s.WriteShard(ctx, d.shard)
		if err != nil {
			return err
		}
		var locked []partition
		err = db.NewRaw("SELECT part, last_pos FROM engage_log_partitions WHERE part IN (?) ORDER BY part"+s.skipLocked(), bun.List(parts)).
			Scan(ctx, &locked)
		if err != nil || len(locked) == 0 {
			return err
		}
		lanes, err := s.lanes(ctx, db, d.shard, locked)
		if err != nil || len(lanes) == 0 {
			return err
		}
		rows, err := s.take(ctx, db, lanes)
		if err != nil {
			return err
		}
		rows = number(rows, locked)
		if err := s.setPositions(ctx, db, rows); err != nil {
			return err
		}
		numbered = len(rows)
		return setLast(ctx, db, locked)
	})
	return numbered, err
}

// skipLocked locks the rows of a SELECT that nobody else holds. On SQLite a
// transaction holds the whole database already.
func (s *Store) skipLocked() string {
	if s.dialect == SQLite {
		return ""
	}
	return " FOR UPDATE SKIP LOCKED"
}

// byWorkspace makes MariaDB read the log by the index that was made for it; it
// once took 155 s for a step instead. PostgreSQL has no other index to take.
func (s *Store) byWorkspace() bun.Safe {
	if s.dialect == MariaDB {
		return "FORCE INDEX (engage_log_part_pos_workspace_id_ix)"
	}
	return ""
}

// lane is a workspace's slices that wait in a partition.
type lane struct {
	Part      int `bun:"part"`
	Workspace UID `bun:"workspace_id"`
	Waiting   int `bun:"waiting"` // some or all of them
}

// stretch is the part of a partition's workspaces that is still to be looked at.
type stretch struct {
	from    UID // the step began behind it
	after   UID
	wrapped bool // behind the end: what is left ends at from
}

// lanes finds the workspaces that wait in the partitions. It reads a bounded
// number of rows of each partition in the order of the workspaces, and where
// that was not all of them goes on behind the last one, so that its cost does
// not grow with what one workspace has waiting. A step that found enough leaves
// the rest to the next, which begins there.
func (s *Store) lanes(ctx context.Context, db bun.IDB, shard engage.Shard, locked []partition) ([]lane, error) {
	var found []lane
	left := map[int]stretch{}
	for _, p := range locked {
		from := s.laneTurns.at(shard, int(p.Part))
		left[int(p.Part)] = stretch{from: from, after: from}
	}
	for len(left) > 0 && len(found) < stepWorkspaces {
		limit := max(scanRows/len(left), minScanRows)
		var query strings.Builder
		var args []any
		for part, at := range left {
			if query.Len() > 0 {
				query.WriteString(" UNION ALL ")
			}
			query.WriteString(`SELECT w.part, w.workspace_id, COUNT(*) AS waiting FROM (SELECT l.part, l.workspace_id FROM engage_log AS l ?
				WHERE l.part = ? AND l.pos IS NULL AND l.workspace_id > ?`)
			args = append(args, s.byWorkspace(), part, at.after)
			if at.wrapped {
				query.WriteString(" AND l.workspace_id <= ?")
				args = append(args, at.from)
			}
			query.WriteString(" ORDER BY l.workspace_id LIMIT ?) AS w GROUP BY w.part, w.workspace_id")
			args = append(args, limit)
		}
		var seen []lane
		if err := db.NewRaw(query.String(), args...).Scan(ctx, &seen); err != nil {
			return nil, err
		}
		found = append(found, seen...)
		read, last := map[int]int{}, map[int]UID{}
		for _, lane := range seen {
			read[lane.Part] += lane.Waiting
			if at := last[lane.Part]; bytes.Compare(lane.Workspace[:], at[:]) > 0 {
				last[lane.Part] = lane.Workspace
			}
		}
		for part, at := range left {
			switch {
			case read[part] == limit:
				at.after = last[part]
				left[part] = at
			case at.wrapped || at.from == UID{}:
				delete(left, part)
			default:
				left[part] = stretch{from: at.from, wrapped: true}
			}
		}
	}
	s.laneTurns.leave(shard, locked, left)
	return found, nil
}

// laneTurns remembers where the steps of this process stand in each partition
// that had more workspaces waiting than a step takes.
type laneTurns struct {
	mu   sync.Mutex
	last map[laneTurn]UID
}

type laneTurn struct {
	shard engage.Shard
	part  int
}

func (t *laneTurns) at(shard engage.Shard, part int) UID {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last[laneTurn{shard, part}]
}

// leave notes what a step leaves of the partitions it locked.
func (t *laneTurns) leave(shard engage.Shard, locked []partition, left map[int]stretch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		t.last = map[laneTurn]UID{}
	}
	for _, p := range locked {
		turn := laneTurn{shard, int(p.Part)}
		if at, more := left[turn.part]; more {
			t.last[turn] = at.after
		} else {
			delete(t.last, turn)
		}
	}
}

// take reads the oldest slices of each lane, in the order they were written.
func (s *Store) take(ctx context.Context, db bun.IDB, lanes []lane) (rows []unnumbered, err error) {
	quantum := min(max(stepSlices/len(lanes), minQuantum), maxQuantum)
	var query strings.Builder
	var args []any
	for i, lane := range lanes {
		if i > 0 {
			query.WriteString(" UNION ALL ")
		}
		query.WriteString(`(SELECT l.seq, l.part, l.workspace_id FROM engage_log AS l ?
			WHERE l.part = ? AND l.pos IS NULL AND l.workspace_id = ? ORDER BY l.seq LIMIT ?)`)
		args = append(args, s.byWorkspace(), lane.Part, lane.Workspace, quantum)
	}
	if s.dialect == PostgreSQL {
		query.Reset()
		values := make(Tuples, len(lanes))
		for i, lane := range lanes {
			values[i] = []any{lane.Part, lane.Workspace}
		}
		query.WriteString(`SELECT l.seq, w.part, l.workspace_id, l.ctid::text AS row_id FROM (VALUES ?) AS w (part, workspace_id) CROSS JOIN LATERAL (
			SELECT l.seq, l.workspace_id, l.ctid FROM engage_log AS l
			WHERE l.part = w.part AND l.pos IS NULL AND l.workspace_id = w.workspace_id::uuid ORDER BY l.seq LIMIT ?) AS l`)
		args = []any{values.Rows(), quantum}
	}
	err = db.NewRaw(query.String(), args...).Scan(ctx, &rows)
	slices.SortFunc(rows, func(a, b unnumbered) int { return cmp.Compare(a.Seq, b.Seq) })
	return rows, err
}

// number gives the rows, which come in the order they were written, their
// positions behind the ends of their partitions, and moves those: a workspace's
// in that order, the workspaces of a partition in turns.
func number(rows []unnumbered, locked []partition) []unnumbered {
	lanes := map[engage.Partition][][]unnumbered{}
	index := map[UID]int{}
	for _, row := range rows {
		i, ok := index[row.Workspace]
		if !ok {
			i = len(lanes[row.Part])
			index[row.Workspace] = i
			lanes[row.Part] = append(lanes[row.Part], nil)
		}
		lanes[row.Part][i] = append(lanes[row.Part][i], row)
	}
	numbered := rows[:0:0]
	for i := range locked {
		p := &locked[i]
		for turn, left := 0, true; left; turn++ {
			left = false
			for _, waiting := range lanes[p.Part] {
				if turn < len(waiting) {
					left = true
					p.Last++
					waiting[turn].Pos = p.Last
					numbered = append(numbered, waiting[turn])
				}
			}
		}
	}
	slices.SortFunc(numbered, func(a, b unnumbered) int { return cmp.Compare(a.Seq, b.Seq) })
	return numbered
}

// setPositions writes the positions of all rows in one statement. PostgreSQL is
// told where the rows are, in a list: a join, by key or by place, is planned from
// statistics that can't keep up with a log, and read all that waits in each step,
// as the index over pos IS NULL would. The planner is not told how long the list
// is: it would take a thousand places for dearer than the whole table.
func (s *Store) setPositions(ctx context.Context, db bun.IDB, rows []unnumbered) error {
	var result sql.Result
	var err error
	if s.dialect == MariaDB {
		pairs := make([][2]int64, len(rows))
		for i, row := range rows {
			pairs[i] = [2]int64{row.Seq, row.Pos}
		}
		list, fault := json.Marshal(pairs)
		if fault != nil {
			return fault
		}
		result, err = db.ExecContext(ctx, `UPDATE JSON_TABLE(?, '$[*]' COLUMNS (seq BIGINT PATH '$[0]', pos BIGINT PATH '$[1]')) AS v
			STRAIGHT_JOIN engage_log AS l ON l.seq = v.seq SET l.pos = v.pos`, string(list))
	} else {
		values, places := make(Tuples, len(rows)), make([]string, len(rows))
		for i, row := range rows {
			values[i], places[i] = []any{row.Seq, row.Pos}, `"`+row.Row+`"`
		}
		result, err = db.ExecContext(ctx, `UPDATE engage_log AS l SET pos = v.pos FROM (VALUES ?) AS v (seq, pos)
			WHERE l.ctid = ANY((SELECT ?::tid[])::tid[]) AND l.seq = v.seq AND COALESCE(l.pos, 0) = 0`, values.Rows(), "{"+strings.Join(places, ",")+"}")
	}
	if n, err := affected(result, err); err != nil || n == int64(len(rows)) {
		return err
	}
	return &engage.Error{Code: engage.Internal, Op: "bunstore.Sequence", Err: errors.New("rows of the log moved during a step")}
}

func setLast(ctx context.Context, db bun.IDB, locked []partition) error {
	var cases strings.Builder
	parts := make([]int, len(locked))
	for i, p := range locked {
		parts[i] = int(p.Part)
		fmt.Fprintf(&cases, " WHEN %d THEN %d", p.Part, p.Last)
	}
	_, err := db.ExecContext(ctx, "UPDATE engage_log_partitions SET last_pos = CASE part ? END WHERE part IN (?)",
		bun.Safe(cases.String()), bun.List(parts))
	return err
}

// OnSequenced has fn run after this process gave slices their positions: runners of consumers pass their Poke, so that they need not wait
// for the next poll. fn must not block.
func (s *Store) OnSequenced(fn func()) {
	s.wakeM.Lock()
	defer s.wakeM.Unlock()
	s.wakes = append(s.wakes, fn)
}

func (s *Store) wake() {
	s.wakeM.Lock()
	wakes := s.wakes
	s.wakeM.Unlock()
	for _, fn := range wakes {
		fn()
	}
}
