package bunautomation

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/automation"
	"github.com/uptrace/bun"
)

type stepRow struct {
	bun.BaseModel `bun:"table:engage_automation_steps,alias:s"`

	Workspace bunstore.UID    `bun:"workspace_id,pk"`
	RunID     bunstore.UID    `bun:"run_id,pk"`
	Seq       int             `bun:"seq,pk"`
	Node      bunstore.Key    `bun:"node"`
	Outcome   bunstore.Text   `bun:"outcome"`
	Error     bunstore.Text   `bun:"cause"`
	At        bunstore.Micros `bun:"happened_at"`
}

func (r stepRow) size() int { return rowBytes + len(r.Error) }

func (r stepRow) compare(other stepRow) int {
	return cmp.Or(bytes.Compare(r.Workspace[:], other.Workspace[:]), bytes.Compare(r.RunID[:], other.RunID[:]), cmp.Compare(r.Seq, other.Seq))
}

func stepRowOf(ws engage.WorkspaceID, s automation.Step) stepRow {
	return stepRow{
		Workspace: bunstore.UID(ws), RunID: bunstore.UID(s.RunID), Seq: s.Seq, Node: bunstore.Key(s.Node),
		Outcome: bunstore.Text(s.Outcome), Error: bunstore.Text(s.Error), At: bunstore.Micros(s.At),
	}
}

func (r stepRow) step() (automation.Step, error) {
	return automation.Step{
		RunID: automation.RunID(r.RunID), Seq: r.Seq, Node: string(r.Node),
		Outcome: automation.Outcome(r.Outcome), Error: string(r.Error), At: r.At.Time(),
	}, nil
}

// Steps implements automation.RunRepository.
func (r *Runs) Steps(ctx context.Context, ws engage.WorkspaceID, run automation.RunID) ([]automation.Step, error) {
	const op = "bunautomation.Steps"
	db, err := reader(ctx, r.store, op, ws, 0)
	if err != nil {
		return nil, err
	}
	var rows []stepRow
	err = db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("run_id = ?", bunstore.UID(run)).OrderExpr("seq").Scan(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	return each(rows, stepRow.step)
}

// addSteps is the statement of PostgreSQL, which takes columns as arrays.
const addSteps = `INSERT INTO engage_automation_steps (workspace_id, run_id, seq, node, outcome, cause, happened_at)
	SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])`

// insertSteps writes lines of logs, in the order of their keys.
func (r *Runs) insertSteps(ctx context.Context, db bun.IDB, rows []stepRow) error {
	slices.SortFunc(rows, stepRow.compare)
	for chunk := range chunks(rows, stepRow.size) {
		var err error
		if r.store.Dialect() == bunstore.PostgreSQL {
			err = r.insertStepArrays(ctx, db, chunk)
		} else {
			_, err = db.NewInsert().Model(&chunk).Returning("NULL").Exec(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Runs) insertStepArrays(ctx context.Context, db bun.IDB, rows []stepRow) error {
	workspaces, runs, seqs := make([]bunstore.UID, len(rows)), make([]bunstore.UID, len(rows)), make([]int, len(rows))
	nodes, outcomes := make([]bunstore.Key, len(rows)), make([]bunstore.Text, len(rows))
	causes, instants := make([]bunstore.Text, len(rows)), make([]bunstore.Micros, len(rows))
	for i, row := range rows {
		workspaces[i], runs[i], seqs[i], nodes[i] = row.Workspace, row.RunID, row.Seq, row.Node
		outcomes[i], causes[i], instants[i] = row.Outcome, row.Error, row.At
	}
	result, err := r.store.QueryArrays(ctx, db, addSteps, workspaces, runs, seqs, nodes, outcomes, causes, instants)
	if err != nil {
		return err
	}
	for result.Next() { // there are no rows; the driver tells of errors here
	}
	return errors.Join(result.Err(), result.Close())
}
