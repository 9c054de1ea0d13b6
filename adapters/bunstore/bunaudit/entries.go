package bunaudit

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// Entries implements audit.Repository.
type Entries struct{ store *bunstore.Store }

var _ audit.Repository = (*Entries)(nil)

type entryRow struct {
	bun.BaseModel `bun:"table:engage_audit_entries,alias:e"`

	Workspace   bunstore.UID    `bun:"workspace_id,pk"`
	ID          bunstore.UID    `bun:"id,pk"`
	At          bunstore.Micros `bun:"occurred_at"`
	ActorType   bunstore.Key    `bun:"actor_type"`
	ActorID     bunstore.Key    `bun:"actor_id"`
	Name        bunstore.Key    `bun:"name"`
	SubjectType bunstore.Key    `bun:"subject_type"`
	SubjectID   bunstore.UID    `bun:"subject_id"`
	Trace       bunstore.Key    `bun:"trace"`
	Data        bunstore.Text   `bun:"data"`
	Salt        bunstore.UID    `bun:"salt"`
	Number      *int64          `bun:"number"` // NULL: no place in the chain
	Hash        []byte          `bun:"hash"`
}

func entryRowOf(ws engage.WorkspaceID, e audit.Entry) entryRow {
	return entryRow{
		Workspace: bunstore.UID(ws), ID: bunstore.UID(e.ID), At: bunstore.Micros(e.At),
		ActorType: bunstore.Key(e.Actor.Type), ActorID: bunstore.Key(e.Actor.ID), Name: bunstore.Key(e.Name),
		SubjectType: bunstore.Key(e.Subject.Type), SubjectID: bunstore.UID(e.Subject.ID), Trace: bunstore.Key(e.Trace),
		Data: bunstore.Text(e.Data), Salt: bunstore.UID(e.Salt),
	}
}

func (r entryRow) entry() (audit.Entry, error) {
	e := audit.Entry{
		ID: audit.EntryID(r.ID), At: r.At.Time(), Actor: engage.Actor{Type: string(r.ActorType), ID: string(r.ActorID)}, Name: string(r.Name),
		Subject: engage.Ref{Type: string(r.SubjectType), ID: r.SubjectID}, Trace: string(r.Trace), Data: string(r.Data), Salt: r.Salt,
	}
	if r.Number != nil {
		e.Number = *r.Number
	}
	copy(e.Hash[:], r.Hash) // of another length only if somebody wrote it, which Verify sees
	return e, nil
}

type headRow struct {
	bun.BaseModel `bun:"table:engage_audit_heads,alias:h"`

	Workspace bunstore.UID    `bun:"workspace_id,pk"`
	Number    int64           `bun:"number"`
	Hash      []byte          `bun:"hash"`
	SealedAt  bunstore.Micros `bun:"sealed_at"`
	Version   int64           `bun:"version"`
}

// NewEntries makes the repository of a store.
func NewEntries(store *bunstore.Store) *Entries { return &Entries{store} }

// Append implements audit.Repository.
func (r *Entries) Append(ctx context.Context, ws engage.WorkspaceID, entries []audit.Entry) error {
	const op = "bunaudit.Append"
	db, err := r.writer(ctx, op, ws, len(entries))
	if err != nil || len(entries) == 0 {
		return err
	}
	rows := make([]entryRow, len(entries))
	for i, e := range entries {
		rows[i] = entryRowOf(ws, e)
	}
	isNew, err := bunstore.InsertNew(ctx, db, rows, "workspace_id", "id")
	if err != nil {
		return bunstore.MapError(ctx, op, "", err)
	}
	taken := -1
	var fresh []bunstore.UID
	for i, ok := range isNew {
		if ok {
			fresh = append(fresh, rows[i].ID)
		} else {
			taken = i
		}
	}
	if taken < 0 {
		return nil
	}
	if len(fresh) > 0 {
		_, err = db.NewDelete().Model((*entryRow)(nil)).
			Where("workspace_id = ?", bunstore.UID(ws)).Where("id IN (?)", bun.List(fresh)).Exec(ctx)
	}
	if err != nil {
		return bunstore.MapError(ctx, op, "", err)
	}
	return &engage.Error{Code: engage.AlreadyExists, Op: op, Entity: "entry " + entries[taken].ID.String()}
}

// List implements audit.Repository.
func (r *Entries) List(ctx context.Context, ws engage.WorkspaceID, query audit.Query) (engage.Page[audit.Entry], error) {
	const op = "bunaudit.List"
	var none engage.Page[audit.Entry]
	if err := engage.CheckCall(op, ws, 0); err != nil {
		return none, err
	}
	size, err := query.Size()
	if err != nil {
		return none, err
	}
	name := query.Binding(ws)
	key, err := query.After.Open(name)
	if err != nil {
		return none, err
	}
	var after []any
	if key != nil {
		if after, err = openKey(key); err != nil {
			return none, err
		}
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil {
		return none, err
	}
	var rows []entryRow
	q := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws))
	if !query.From.IsZero() {
		q = q.Where("occurred_at >= ?", bunstore.Micros(query.From))
	}
	if !query.Until.IsZero() {
		q = q.Where("occurred_at < ?", bunstore.Micros(query.Until))
	}
	if query.Actor != (engage.Actor{}) {
		q = q.Where("actor_type = ?", bunstore.Key(query.Actor.Type)).Where("actor_id = ?", bunstore.Key(query.Actor.ID))
	}
	if !query.Subject.IsZero() {
		q = q.Where("subject_type = ?", bunstore.Key(query.Subject.Type)).Where("subject_id = ?", bunstore.UID(query.Subject.ID))
	}
	if query.Name != "" {
		q = q.Where("name = ?", bunstore.Key(query.Name))
	}
	set := bunstore.Keyset{Columns: []string{"occurred_at", "id"}, Desc: true}
	if err := set.Apply(q, size, after...).Scan(ctx); err != nil {
		return none, bunstore.MapError(ctx, op, "", err)
	}
	return bunstore.PageOf(rows, size, name, sealKey, entryRow.entry)
}

// Chained implements audit.Repository.
func (r *Entries) Chained(ctx context.Context, ws engage.WorkspaceID, after audit.Link, limit int) ([]audit.Entry, error) {
	const op = "bunaudit.Chained"
	if err := engage.CheckCall(op, ws, limit); err != nil {
		return nil, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil || limit == 0 {
		return nil, err
	}
	var rows []entryRow
	if r.store.Dialect() == bunstore.MariaDB && after != (audit.Link{}) {
		// It enters the index at the workspace, not at the number, while more than
		// about half of the chain lies behind; numbers without a gap end the read.
		rows, err = chained(ctx, db, ws, after, limit, "number <= ?", after.Number+int64(limit))
	}
	if err == nil && len(rows) < limit {
		rows, err = chained(ctx, db, ws, after, limit, "number IS NOT NULL")
	}
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	found := make([]audit.Entry, len(rows))
	for i, row := range rows {
		found[i], _ = row.entry()
	}
	return found, nil
}

func chained(ctx context.Context, db bun.IDB, ws engage.WorkspaceID, after audit.Link, limit int, where string, args ...any) (rows []entryRow, err error) {
	var from []any
	if after != (audit.Link{}) {
		from = []any{after.Number, bunstore.UID(after.ID)}
	}
	q := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where(where, args...)
	err = (bunstore.Keyset{Columns: []string{"number", "id"}}).Apply(q, limit-1, from...).Scan(ctx)
	return rows, err
}

// Waiting implements audit.Repository.
func (r *Entries) Waiting(ctx context.Context, ws engage.WorkspaceID) (int, time.Time, error) {
	const op = "bunaudit.Waiting"
	db, err := r.store.Read(ctx, ws)
	if err != nil {
		return 0, time.Time{}, err
	}
	var n int
	var oldest bunstore.Micros
	q := db.NewSelect().Model((*entryRow)(nil)).ColumnExpr("COUNT(*)").ColumnExpr("MIN(occurred_at)").
		Where("workspace_id = ?", bunstore.UID(ws)).Where("number IS NULL")
	if r.store.Dialect() == bunstore.MariaDB {
		q = q.ForceIndex("engage_audit_entries_number_id_ix") // it would read the whole trail
	}
	err = q.Scan(ctx, &n, &oldest)
	return n, oldest.Time(), bunstore.MapError(ctx, op, "", err)
}

// Head implements audit.Repository.
func (r *Entries) Head(ctx context.Context, ws engage.WorkspaceID) (audit.Head, error) {
	db, err := r.store.Read(ctx, ws)
	if err != nil {
		return audit.Head{}, err
	}
	return head(ctx, "bunaudit.Head", ws, db.NewSelect())
}

// Lock implements audit.Repository.
func (r *Entries) Lock(ctx context.Context, ws engage.WorkspaceID) (audit.Head, error) {
	db, err := r.writer(ctx, "bunaudit.Lock", ws, 1)
	if err != nil {
		return audit.Head{}, err
	}
	query := db.NewSelect()
	if r.store.Dialect() != bunstore.SQLite {
		query = query.For("UPDATE")
	}
	return head(ctx, "bunaudit.Lock", ws, query)
}

func head(ctx context.Context, op string, ws engage.WorkspaceID, query *bun.SelectQuery) (audit.Head, error) {
	var row headRow
	err := query.Model(&row).Where("workspace_id = ?", bunstore.UID(ws)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return audit.Head{}, nil
	}
	found := audit.Head{Number: row.Number, At: row.SealedAt.Time(), Version: engage.Version(row.Version)}
	copy(found.Hash[:], row.Hash)
	return found, bunstore.MapError(ctx, op, "", err)
}

// Chain implements audit.Repository.
func (r *Entries) Chain(ctx context.Context, ws engage.WorkspaceID, links []audit.Link, head audit.Head) error {
	const op = "bunaudit.Chain"
	db, err := r.writer(ctx, op, ws, len(links))
	if err != nil {
		return err
	}
	row := headRow{
		Workspace: bunstore.UID(ws), Number: head.Number, Hash: head.Hash[:], SealedAt: bunstore.Micros(head.At), Version: int64(head.Version) + 1,
	}
	moved, err := move(ctx, db, row)
	if err == nil && !moved {
		return &engage.Error{Code: engage.Conflict, Op: op, Entity: "head of " + ws.String()}
	}
	if err == nil && len(links) > 0 {
		err = r.link(ctx, db, ws, links)
	}
	return bunstore.MapError(ctx, op, "", err)
}

// move replaces a head of the version before the row's.
func move(ctx context.Context, db bun.IDB, row headRow) (bool, error) {
	if row.Version == 1 {
		isNew, err := bunstore.InsertNew(ctx, db, []headRow{row}, "workspace_id")
		return err == nil && isNew[0], err
	}
	result, err := db.NewUpdate().Model(&row).WherePK().Where("version = ?", row.Version-1).Exec(ctx)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// link writes places into the entries that have none.
func (r *Entries) link(ctx context.Context, db bun.IDB, ws engage.WorkspaceID, links []audit.Link) error {
	if r.store.Dialect() == bunstore.MariaDB { // which has no UPDATE … FROM VALUES
		list := make([][]any, len(links))
		for i, l := range links {
			list[i] = []any{hex.EncodeToString(l.ID[:]), l.Number, hex.EncodeToString(l.Hash[:])}
		}
		document, err := json.Marshal(list)
		if err != nil {
			return err
		}
		_, err = db.NewRaw(`UPDATE JSON_TABLE(?, '$[*]' COLUMNS (id CHAR(32) PATH '$[0]', number BIGINT PATH '$[1]', hash CHAR(64) PATH '$[2]')) AS v
			STRAIGHT_JOIN engage_audit_entries AS e ON e.workspace_id = ? AND e.id = UNHEX(v.id)
			SET e.number = v.number, e.hash = UNHEX(v.hash) WHERE e.number IS NULL`, bunstore.Text(document), bunstore.UID(ws)).Exec(ctx)
		return err
	}
	uid, bytea := bun.Safe(""), bun.Safe("")
	if r.store.Dialect() == bunstore.PostgreSQL {
		uid, bytea = "::uuid", "::bytea"
	}
	_, err := db.NewRaw(`WITH v (id, number, hash) AS (VALUES ?0)
		UPDATE engage_audit_entries AS e SET number = v.number, hash = v.hash?2 FROM v
		WHERE e.workspace_id = ?3 AND e.id = v.id?1 AND e.number IS NULL`, values(links), uid, bytea, bunstore.UID(ws)).Exec(ctx)
	return err
}

// values are links behind a VALUES.
type values []audit.Link

// AppendQuery implements schema.QueryAppender.
func (v values) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	for i, l := range v {
		if i > 0 {
			b = append(b, ',')
		}
		b = gen.AppendQuery(b, "(?, ?, ?)", bunstore.UID(l.ID), l.Number, l.Hash[:])
	}
	return b, nil
}

// Erase implements audit.Repository.
func (r *Entries) Erase(ctx context.Context, ws engage.WorkspaceID) (int, error) {
	const op = "bunaudit.Erase"
	db, err := r.writer(ctx, op, ws, 1)
	if err != nil {
		return 0, err
	}
	if _, err := db.NewDelete().Model((*headRow)(nil)).Where("workspace_id = ?", bunstore.UID(ws)).Exec(ctx); err != nil {
		return 0, bunstore.MapError(ctx, op, "", err)
	}
	result, err := db.NewDelete().Model((*entryRow)(nil)).Where("workspace_id = ?", bunstore.UID(ws)).Exec(ctx)
	var n int64
	if err == nil {
		n, err = result.RowsAffected()
	}
	return int(n), bunstore.MapError(ctx, op, "", err)
}

// writer answers the connection of a write method, after the checks that all of
// them begin with.
func (r *Entries) writer(ctx context.Context, op string, ws engage.WorkspaceID, items int) (bun.IDB, error) {
	db, err := r.store.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall(op, ws, items)
	}
	return db, err
}

// sealKey is the key of a cursor behind an entry.
func sealKey(row entryRow) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(row.At.Time().UnixMicro())), row.ID[:]...)
}

// openKey reads what sealKey wrote.
func openKey(key []byte) ([]any, error) {
	if len(key) != 24 {
		var faults engage.Faults
		faults.Add("after", "invalid", "this cursor is damaged")
		return nil, faults.Err("engage.Cursor", "")
	}
	at := time.UnixMicro(int64(binary.BigEndian.Uint64(key))).UTC()
	return []any{bunstore.Micros(at), bunstore.UID(key[8:])}, nil
}
