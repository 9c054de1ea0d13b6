package memautomation

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
)

// Runs implements automation.RunRepository and automation.RunRepositoryAcross.
type Runs struct {
	rows      *memory.Table[runRow]
	steps     *memory.Table[stepRow]
	workflows *memory.Table[workflowRow]
}

var (
	_ automation.RunRepository       = (*Runs)(nil)
	_ automation.RunRepositoryAcross = (*Runs)(nil)
)

type runRow struct {
	ws    engage.WorkspaceID
	until time.Time // end of the lease
	automation.Run
}

type stepRow struct {
	ws engage.WorkspaceID
	automation.Step
}

// NewRuns makes the repository of a store.
func NewRuns(store *memory.Store) *Runs {
	return &Runs{
		workflows: workflowTable(store),
		rows: memory.NewTable(store, "automation_runs",
			memory.Index[runRow]{Name: "id", Less: func(a, b *runRow) bool { return memory.Before(a.ws, b.ws, a.ID.Compare(b.ID)) }},
			memory.Index[runRow]{Name: "entry", Less: func(a, b *runRow) bool {
				return memory.Before(a.ws, b.ws, cmp.Or(a.WorkflowID.Compare(b.WorkflowID), a.ContactID.Compare(b.ContactID), cmp.Compare(a.EntryKey, b.EntryKey)))
			}},
			memory.Index[runRow]{Name: "contact", Less: func(a, b *runRow) bool {
				return memory.Before(a.ws, b.ws, cmp.Or(a.ContactID.Compare(b.ContactID), a.ID.Compare(b.ID)))
			}},
			memory.Index[runRow]{Name: "due", Less: func(a, b *runRow) bool {
				return cmp.Or(a.DueAt.Compare(b.DueAt), a.ws.Compare(b.ws), a.ID.Compare(b.ID)) < 0
			}}),
		steps: memory.NewTable(store, "automation_steps",
			memory.Index[stepRow]{Name: "seq", Less: func(a, b *stepRow) bool {
				return memory.Before(a.ws, b.ws, cmp.Or(a.RunID.Compare(b.RunID), cmp.Compare(a.Seq, b.Seq)))
			}}),
	}
}

// Start implements automation.RunRepository.
func (r *Runs) Start(ctx context.Context, ws engage.WorkspaceID, runs []automation.Run) ([]bool, error) {
	rows, err := r.write(ctx, "Start", ws, len(runs))
	if err != nil {
		return nil, err
	}
	steps, err := r.steps.Write(ctx, ws)
	if err != nil {
		return nil, err
	}
	isNew := make([]bool, len(runs))
	ids, entries := map[automation.RunID]bool{}, map[entry]bool{}
	for i, run := range runs {
		key := entry{run.WorkflowID, run.ContactID, run.EntryKey}
		if _, exists := rows.Get("entry", &runRow{ws: ws, Run: run}); exists || entries[key] {
			continue
		}
		if _, taken := rows.Get("id", &runRow{ws: ws, Run: run}); taken || ids[run.ID] {
			return nil, fault(engage.AlreadyExists, "Start", "run "+run.ID.String())
		}
		ids[run.ID], entries[key], isNew[i] = true, true, true
	}
	for i, run := range runs {
		if !isNew[i] {
			continue
		}
		run.Token = 0
		rows.Set(&runRow{ws: ws, Run: run})
		steps.Set(&stepRow{ws: ws, Step: automation.Step{RunID: run.ID, Seq: 1, Node: run.Node, Outcome: automation.Entered, At: run.StartedAt}})
	}
	return isNew, nil
}

// Get implements automation.RunRepository.
func (r *Runs) Get(ctx context.Context, ws engage.WorkspaceID, ids []automation.RunID) ([]automation.Run, error) {
	if err := engage.CheckCall("memautomation.Get", ws, len(ids)); err != nil {
		return nil, err
	}
	rows := r.rows.Read(ctx)
	var found []automation.Run
	for _, id := range memory.SortedIDs(ids) {
		if row, ok := rows.Get("id", &runRow{ws: ws, Run: automation.Run{ID: id}}); ok {
			found = append(found, row.Run)
		}
	}
	return found, nil
}

// OfContact implements automation.RunRepository.
func (r *Runs) OfContact(ctx context.Context, ws engage.WorkspaceID, contact contacts.ID, request engage.PageRequest) (engage.Page[automation.Run], error) {
	return memory.PageByID(ws, "automation_runs|"+contact.String(), request, func(after automation.RunID, yield func(automation.RunID, automation.Run) bool) {
		for row := range r.rows.Read(ctx).Ascend("contact", &runRow{ws: ws, Run: automation.Run{ContactID: contact, ID: after}}) {
			if row.ws != ws || row.ContactID != contact || !yield(row.ID, row.Run) {
				return
			}
		}
	})
}

// Steps implements automation.RunRepository.
func (r *Runs) Steps(ctx context.Context, ws engage.WorkspaceID, run automation.RunID) ([]automation.Step, error) {
	if err := engage.CheckCall("memautomation.Steps", ws, 0); err != nil {
		return nil, err
	}
	var found []automation.Step
	for row := range r.steps.Read(ctx).Ascend("seq", &stepRow{ws: ws, Step: automation.Step{RunID: run}}) {
		if row.ws != ws || row.RunID != run {
			break
		}
		found = append(found, row.Step)
	}
	return found, nil
}

// Lock implements automation.RunRepository.
func (r *Runs) Lock(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]automation.Run, error) {
	rows, err := r.write(ctx, "Lock", ws, len(ids))
	if err != nil {
		return nil, err
	}
	var found []automation.Run
	for _, id := range memory.SortedIDs(ids) {
		for row := range rows.Ascend("contact", &runRow{ws: ws, Run: automation.Run{ContactID: id}}) {
			if row.ws != ws || row.ContactID != id {
				break
			}
			found = append(found, row.Run)
		}
	}
	slices.SortFunc(found, func(a, b automation.Run) int { return a.ID.Compare(b.ID) })
	return found, nil
}

// Put implements automation.RunRepository.
func (r *Runs) Put(ctx context.Context, ws engage.WorkspaceID, runs []automation.Run, lines []automation.Step) error {
	const op = "Put"
	rows, err := r.write(ctx, op, ws, max(len(runs), len(lines)))
	if err != nil {
		return err
	}
	steps, err := r.steps.Write(ctx, ws)
	if err != nil {
		return err
	}
	put := make([]*runRow, len(runs))
	ours, entries := map[automation.RunID]bool{}, map[entry]bool{}
	for i, run := range runs {
		old, exists := rows.Get("id", &runRow{ws: ws, Run: run})
		if !exists || ours[run.ID] {
			return fault(engage.NotFound, op, "run "+run.ID.String())
		}
		ours[run.ID] = true
		row := *old
		row.Run = become(old.Run, run)
		row.ContactID, row.Token, row.until = run.ContactID, old.Token+1, time.Time{}
		put[i] = &row
	}
	for _, row := range put {
		key := entry{row.WorkflowID, row.ContactID, row.EntryKey}
		other, taken := rows.Get("entry", row)
		if taken && !ours[other.ID] || entries[key] {
			return fault(engage.AlreadyExists, op, "run "+row.ID.String())
		}
		entries[key] = true
	}
	for _, row := range put { // gone first, so that runs may swap their contacts
		rows.Delete(row)
	}
	for _, row := range put {
		rows.Set(row)
	}
	for _, line := range lines {
		steps.Set(&stepRow{ws: ws, Step: line})
	}
	return nil
}

// entry is what a workspace has one run of.
type entry struct {
	workflow automation.WorkflowID
	contact  contacts.ID
	key      string
}

// become is a stored run with what a new state changes about it.
func become(stored, run automation.Run) automation.Run {
	run.WorkflowID, run.Revision, run.ContactID = stored.WorkflowID, stored.Revision, stored.ContactID
	run.EntryKey, run.StartedAt = stored.EntryKey, stored.StartedAt
	return run
}

func (r *Runs) write(ctx context.Context, op string, ws engage.WorkspaceID, items int) (memory.Writer[runRow], error) {
	rows, err := r.rows.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall("memautomation."+op, ws, items)
	}
	return rows, err
}

// ClaimDueAcross implements automation.RunRepositoryAcross.
func (r *Runs) ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]automation.RunAcross, error) {
	rows, err := r.rows.WriteShard(ctx, shard)
	if err != nil {
		return nil, err
	}
	workflows := r.workflows.Read(ctx)
	queues := memory.NewTurns[*runRow](limit)
	for row := range rows.Ascend("due", &runRow{Run: automation.Run{DueAt: time.Unix(0, 0)}}) {
		if row.DueAt.After(now) {
			break
		}
		if row.State != automation.Running || row.until.After(now) {
			continue
		}
		if w, ok := workflows.Get("id", &workflowRow{ws: row.ws, Workflow: automation.Workflow{ID: row.WorkflowID}}); !ok || w.State != automation.Paused {
			queues.Add(row.ws, row)
		}
	}
	var claimed []automation.RunAcross
	for ws, free := range queues.Take() {
		row := *free
		if lease > 0 { // else the one open transaction holds them
			row.Token++
			row.until = now.Add(lease)
			rows.Set(&row)
		}
		claimed = append(claimed, automation.RunAcross{Workspace: ws, Run: row.Run})
	}
	return claimed, nil
}

// SaveAcross implements automation.RunRepositoryAcross.
func (r *Runs) SaveAcross(ctx context.Context, shard engage.Shard, progress []automation.Progress) ([]bool, error) {
	rows, err := r.rows.WriteShard(ctx, shard)
	if err != nil {
		return nil, err
	}
	steps, err := r.steps.WriteShard(ctx, shard)
	if err != nil {
		return nil, err
	}
	if len(progress) > engage.MaxBatch {
		return nil, fault(engage.Invalid, "SaveAcross", "more than a batch")
	}
	saved := make([]bool, len(progress))
	for i, p := range progress {
		old, exists := rows.Get("id", &runRow{ws: p.Workspace, Run: p.Run})
		if !exists || old.Token != p.Run.Token || old.State != automation.Running {
			continue
		}
		saved[i] = true
		row := &runRow{ws: p.Workspace, Run: become(old.Run, p.Run)}
		row.Token++
		rows.Set(row)
		for _, step := range p.Steps {
			steps.Set(&stepRow{ws: p.Workspace, Step: step})
		}
	}
	return saved, nil
}
