package bunstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-engage/engage"
	"github.com/uptrace/bun"
)

// pending is an event that waits for the end of its transaction.
type pending struct {
	workspace engage.WorkspaceID
	encoded   []byte // one envelope, behind its length
}

// logRow is a slice of the log, as it is written.
type logRow struct {
	bun.BaseModel `bun:"table:engage_log"`

	Seq       int64            `bun:"seq,pk,autoincrement"` // the order of writing, which becomes Pos
	Part      engage.Partition `bun:"part"`
	Pos       int64            `bun:"pos,nullzero"`
	Workspace UID              `bun:"workspace_id"`
	ID        UID              `bun:"id"`
	Events    int              `bun:"events"`
	Payload   []byte           `bun:"payload"`
	CreatedAt Micros           `bun:"created_at"`
}

// insertBytes bounds the payloads of one INSERT: twice as many characters stay
// far under the smallest max_allowed_packet that Open takes.
const insertBytes = 4 << 20

// Publish implements engage.Publisher. The events wait in the transaction, which
// writes them as its last statement: so the order of the log's rows is the order
// in which transactions held the locks of what they changed.
func (s *Store) Publish(ctx context.Context, ws engage.WorkspaceID, events ...engage.Event) error {
	sc, err := s.writer(ctx, "bunstore.Publish", ws)
	if err != nil {
		return err
	}
	now := s.clock.Now()
	added := make([]pending, 0, len(events))
	for _, event := range events {
		envelope, err := engage.NewEnvelope(ctx, ws, event, engage.EventID(s.ids.NewID()), now)
		if err != nil {
			return err
		}
		slice, err := engage.EncodeSlice([]engage.Envelope{envelope})
		if err != nil {
			return err
		}
		added = append(added, pending{ws, slice[1:]})
	}
	sc.t.events = append(sc.t.events, added...)
	return nil
}

// flush writes what was published, one row a slice, in one statement unless it
// is larger than insertBytes.
func (s *Store) flush(ctx context.Context, t *tx) error {
	if len(t.events) == 0 {
		return nil
	}
	rows := s.cut(t.events)
	t.events = nil
	poke := s.sequencer.Poke
	if s.dialect == SQLite {
		poke = s.wake
		if err := place(ctx, t, rows); err != nil {
			return MapError(ctx, "bunstore.Publish", "", err)
		}
	}
	for len(rows) > 0 {
		n, size := 1, len(rows[0].Payload)
		for n < len(rows) && n < engage.MaxBatch && size+len(rows[n].Payload) <= insertBytes {
			size += len(rows[n].Payload)
			n++
		}
		chunk := rows[:n]
		rows = rows[n:]
		if err := s.append(ctx, t.conn, chunk); err != nil {
			return MapError(ctx, "bunstore.Publish", "", err)
		}
	}
	t.hooks = append(t.hooks, poke)
	return nil
}

// append writes slices, their payloads as bytes: in a statement's text they would
// stand in hexadecimal.
func (s *Store) append(ctx context.Context, db *conn, rows []logRow) error {
	const into = "INSERT INTO engage_log (part, pos, workspace_id, id, events, created_at, payload) "
	if s.dialect != PostgreSQL {
		args := make([]any, 0, 7*len(rows))
		for _, row := range rows {
			var pos any
			if row.Pos > 0 {
				pos = row.Pos
			}
			args = append(args, int64(row.Part), pos, row.Workspace[:], row.ID[:], int64(row.Events), row.CreatedAt.Time().UnixMicro(), row.Payload)
		}
		_, err := db.execBound(ctx, into+"VALUES "+strings.Repeat("(?, ?, ?, ?, ?, ?, ?), ", len(rows)-1)+"(?, ?, ?, ?, ?, ?, ?)", args...)
		return err
	}
	n := len(rows)
	parts, workspaces, ids := make([]int64, n), make([]UID, n), make([]UID, n)
	events, created, payloads := make([]int64, n), make([]Micros, n), make([][]byte, n)
	for i, row := range rows {
		parts[i], workspaces[i], ids[i] = int64(row.Part), row.Workspace, row.ID
		events[i], created[i], payloads[i] = int64(row.Events), row.CreatedAt, row.Payload
	}
	// Identities are drawn in the order of the rows.
	return s.execArrays(ctx, db, into+`SELECT part, NULL, workspace_id, id, events, created_at, payload
		FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::bytea[])
		WITH ORDINALITY AS u (part, workspace_id, id, events, created_at, payload, n) ORDER BY n`,
		parts, workspaces, ids, events, created, payloads)
}

// place gives slices their positions when they are written. SQLite alone can:
// it has one writer at a time, so no transaction commits behind a later one, and
// numbering afterwards would write each payload twice (0.26 ms a slice of 20 KB).
func place(ctx context.Context, t *tx, rows []logRow) error {
	n := map[engage.Partition]int64{}
	for _, row := range rows {
		n[row.Part]++
	}
	var cases strings.Builder
	var parts []int
	for part, count := range n {
		parts = append(parts, int(part))
		fmt.Fprintf(&cases, " WHEN %d THEN %d", part, count)
	}
	var moved []partition
	err := t.conn.NewRaw("UPDATE engage_log_partitions SET last_pos = last_pos + CASE part ? END WHERE part IN (?) RETURNING part, last_pos",
		bun.Safe(cases.String()), bun.List(parts)).Scan(ctx, &moved)
	next := map[engage.Partition]int64{}
	for _, p := range moved {
		next[p.Part] = p.Last - n[p.Part]
	}
	for i := range rows {
		next[rows[i].Part]++
		rows[i].Pos = next[rows[i].Part]
	}
	return err
}

// cut makes slices of events: of one workspace, in the order they came, up to
// the limits of a slice.
func (s *Store) cut(events []pending) []logRow {
	var rows []logRow
	now := Micros(s.clock.Now())
	last := map[engage.WorkspaceID]int{} // index of the workspace's row that still has room
	for _, e := range events {
		i, ok := last[e.workspace]
		if !ok || rows[i].Events == engage.MaxSliceEvents || len(rows[i].Payload)+len(e.encoded) > engage.MaxSliceBytes {
			i = len(rows)
			last[e.workspace] = i
			rows = append(rows, logRow{
				Part: engage.PartitionOf(e.workspace), Workspace: UID(e.workspace), ID: UID(s.ids.NewID()),
				Payload: []byte{1}, CreatedAt: now,
			})
		}
		rows[i].Events++
		rows[i].Payload = append(rows[i].Payload, e.encoded...)
	}
	return rows
}
