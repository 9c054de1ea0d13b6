package bunautomation

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/uptrace/bun"
)

// Runs implements automation.RunRepository and automation.RunRepositoryAcross.
type Runs struct{ store *bunstore.Store }

var (
	_ automation.RunRepository       = (*Runs)(nil)
	_ automation.RunRepositoryAcross = (*Runs)(nil)
)

type runRow struct {
	bun.BaseModel `bun:"table:engage_automation_runs,alias:r"`

	Workspace  bunstore.UID    `bun:"workspace_id,pk"`
	ID         bunstore.UID    `bun:"id,pk"`
	WorkflowID bunstore.UID    `bun:"workflow_id"`
	Revision   int             `bun:"revision"`
	ContactID  bunstore.UID    `bun:"contact_id"`
	EntryKey   bunstore.Key    `bun:"entry_key"`
	State      bunstore.Text   `bun:"state"`
	Node       bunstore.Key    `bun:"node"`
	Visits     int             `bun:"visits"`
	Waited     bool            `bun:"waited"`
	Attempts   int             `bun:"attempts"`
	LastError  bunstore.Text   `bun:"last_error"`
	DueAt      bunstore.Micros `bun:"due_at"`
	StartedAt  bunstore.Micros `bun:"started_at"`
	EndedAt    bunstore.Micros `bun:"ended_at"`
	Logged     int             `bun:"logged"`
	Token      int64           `bun:"token"`
	ClaimAt    bunstore.Micros `bun:"claim_at"` // when it is due or its lease ends; NULL: never
}

// runColumns are those of runRow, for statements that bun does not build.
const runColumns = "workspace_id, id, workflow_id, revision, contact_id, entry_key, state, node, visits, waited, attempts, " +
	"last_error, due_at, started_at, ended_at, logged, token, claim_at"

// rowBytes is what the fixed columns of a row take at most.
const rowBytes = 512

func (r runRow) size() int { return rowBytes + len(r.LastError) }

func (r runRow) compare(other runRow) int {
	return cmp.Or(bytes.Compare(r.Workspace[:], other.Workspace[:]), bytes.Compare(r.ID[:], other.ID[:]))
}

// runRowOf is the row of a run that nobody holds.
func runRowOf(ws engage.WorkspaceID, r automation.Run) runRow {
	row := runRow{
		Workspace: bunstore.UID(ws), ID: bunstore.UID(r.ID), WorkflowID: bunstore.UID(r.WorkflowID), Revision: r.Revision,
		ContactID: bunstore.UID(r.ContactID), EntryKey: bunstore.Key(r.EntryKey), State: bunstore.Text(r.State), Node: bunstore.Key(r.Node),
		Visits: r.Visits, Waited: r.Waited, Attempts: r.Attempts, LastError: bunstore.Text(r.LastError),
		DueAt: bunstore.Micros(r.DueAt), StartedAt: bunstore.Micros(r.StartedAt), EndedAt: bunstore.Micros(r.EndedAt),
		Logged: r.Logged, Token: r.Token,
	}
	if r.State == automation.Running {
		row.ClaimAt = row.DueAt
	}
	return row
}

func (r runRow) run() (automation.Run, error) {
	return automation.Run{
		ID: automation.RunID(r.ID), WorkflowID: automation.WorkflowID(r.WorkflowID), Revision: r.Revision,
		ContactID: contacts.ID(r.ContactID), EntryKey: string(r.EntryKey), State: automation.RunState(r.State), Node: string(r.Node),
		Visits: r.Visits, Waited: r.Waited, Attempts: r.Attempts, LastError: string(r.LastError),
		DueAt: r.DueAt.Time(), StartedAt: r.StartedAt.Time(), EndedAt: r.EndedAt.Time(), Logged: r.Logged, Token: r.Token,
	}, nil
}

// NewRuns makes the repository of a store.
func NewRuns(store *bunstore.Store) *Runs { return &Runs{store} }

// Start implements automation.RunRepository.
func (r *Runs) Start(ctx context.Context, ws engage.WorkspaceID, runs []automation.Run) ([]bool, error) {
	const op = "bunautomation.Start"
	db, err := writer(ctx, r.store, op, ws, len(runs))
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	rows := make([]runRow, len(runs))
	for i, run := range runs {
		run.Token = 0
		rows[i] = runRowOf(ws, run)
	}
	var isNew []bool
	err = r.atomically(ctx, ws, func(db bun.IDB) error {
		if isNew, err = bunstore.InsertNew(ctx, db, rows, "workspace_id", "contact_id", "workflow_id", "entry_key"); err != nil {
			return err
		}
		var steps []stepRow
		for i, run := range runs {
			if isNew[i] {
				steps = append(steps, stepRowOf(ws, automation.Step{RunID: run.ID, Seq: 1, Node: run.Node, Outcome: automation.Entered, At: run.StartedAt}))
			}
		}
		return r.insertSteps(ctx, db, steps)
	}, db)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	return isNew, nil
}

// atomically runs the writes of a call that a clash can stop between two
// statements. PostgreSQL refuses the rest of such a transaction by itself, and on
// SQLite the first one is told of every clash; MariaDB would go on with half of
// them.
func (r *Runs) atomically(ctx context.Context, ws engage.WorkspaceID, writes func(bun.IDB) error, db bun.IDB) error {
	if r.store.Dialect() != bunstore.MariaDB {
		return writes(db)
	}
	return r.store.InTx(ctx, ws, func(ctx context.Context) error {
		db, err := r.store.Write(ctx, ws)
		if err != nil {
			return err
		}
		return writes(db)
	})
}

// Get implements automation.RunRepository.
func (r *Runs) Get(ctx context.Context, ws engage.WorkspaceID, ids []automation.RunID) ([]automation.Run, error) {
	const op = "bunautomation.Get"
	db, err := reader(ctx, r.store, op, ws, len(ids))
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var rows []runRow
	err = db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).
		Where("?", amongIDs("id", ids)).OrderExpr("id").Scan(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	return each(rows, runRow.run)
}

// OfContact implements automation.RunRepository.
func (r *Runs) OfContact(ctx context.Context, ws engage.WorkspaceID, contact contacts.ID, request engage.PageRequest) (engage.Page[automation.Run], error) {
	list := pageByID[runRow]{op: "bunautomation.OfContact", name: "automation_runs|" + ws.String() + "|" + contact.String()}
	rows, size, err := list.read(ctx, r.store, ws, request, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("contact_id = ?", bunstore.UID(contact))
	})
	if err != nil {
		return engage.Page[automation.Run]{}, err
	}
	return bunstore.PageOf(rows, size, list.name, func(row runRow) []byte { return row.ID[:] }, runRow.run)
}

// Lock implements automation.RunRepository.
func (r *Runs) Lock(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]automation.Run, error) {
	const op = "bunautomation.Lock"
	db, err := writer(ctx, r.store, op, ws, len(ids))
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var rows []runRow
	query := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).
		Where("?", amongIDs("contact_id", ids)).OrderExpr("id")
	if err := r.locking(query).Scan(ctx); err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	return each(rows, runRow.run)
}

// locking holds the rows of a query until the transaction ends. SQLite's writer
// is alone.
func (r *Runs) locking(query *bun.SelectQuery) *bun.SelectQuery {
	if r.store.Dialect() == bunstore.SQLite {
		return query
	}
	return query.For("UPDATE")
}

// Put implements automation.RunRepository. Rows are removed and written anew:
// runs that swap their contacts would meet in the unique key otherwise.
func (r *Runs) Put(ctx context.Context, ws engage.WorkspaceID, runs []automation.Run, steps []automation.Step) error {
	const op = "bunautomation.Put"
	db, err := writer(ctx, r.store, op, ws, max(len(runs), len(steps)))
	if err != nil || len(runs) == 0 {
		return err
	}
	ids := make([]bunstore.UID, len(runs))
	for i, run := range runs {
		ids[i] = bunstore.UID(run.ID)
	}
	var stored []runRow
	err = r.locking(db.NewSelect().Model(&stored).Where("workspace_id = ?", bunstore.UID(ws)).Where("?", amongIDs("id", ids)).OrderExpr("id")).Scan(ctx)
	if err != nil {
		return bunstore.MapError(ctx, op, "", err)
	}
	rows, err := becomeAll(op, ws, stored, runs)
	if err != nil {
		return err
	}
	// A clash must leave nothing behind, and is told by the second statement.
	return bunstore.MapError(ctx, op, "", r.store.InTx(ctx, ws, func(ctx context.Context) error {
		db, err := r.store.Write(ctx, ws)
		if err != nil {
			return err
		}
		if _, err := db.NewDelete().Model((*runRow)(nil)).Where("workspace_id = ?", bunstore.UID(ws)).Where("?", amongIDs("id", ids)).Exec(ctx); err != nil {
			return err
		}
		isNew, err := bunstore.InsertNew(ctx, db, rows, "workspace_id", "contact_id", "workflow_id", "entry_key")
		if err != nil {
			return err
		}
		if i := slices.Index(isNew, false); i >= 0 {
			return &engage.Error{Code: engage.AlreadyExists, Op: op, Entity: "run " + automation.RunID(rows[i].ID).String()}
		}
		lines := make([]stepRow, len(steps))
		for i, step := range steps {
			lines[i] = stepRowOf(ws, step)
		}
		return r.insertSteps(ctx, db, lines)
	}))
}

// becomeAll answers the rows that stored ones become, in the order of runs.
func becomeAll(op string, ws engage.WorkspaceID, stored []runRow, runs []automation.Run) ([]runRow, error) {
	byID := make(map[bunstore.UID]runRow, len(stored))
	for _, row := range stored {
		byID[row.ID] = row
	}
	rows := make([]runRow, len(runs))
	for i, run := range runs {
		old, exists := byID[bunstore.UID(run.ID)]
		if !exists {
			return nil, &engage.Error{Code: engage.NotFound, Op: op, Entity: "run " + run.ID.String()}
		}
		delete(byID, old.ID) // twice in a call is not there the second time
		row := runRowOf(ws, run)
		row.WorkflowID, row.Revision, row.EntryKey, row.StartedAt = old.WorkflowID, old.Revision, old.EntryKey, old.StartedAt
		row.Token = old.Token + 1
		rows[i] = row
	}
	return rows, nil
}
