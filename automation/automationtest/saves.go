package automationtest

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
)

func saveCases() []workerCase {
	return []workerCase{
		{"stores what a worker made of runs, their lines, and ends the leases", func(w *worker) {
			one, two := w.due(w.now), w.due(w.now)
			w.begin(w.WS, one)
			w.begin(w.Other, two)
			claimed := w.claimAt(w.now, 10)
			progress := make([]automation.Progress, len(claimed))
			for i, c := range claimed {
				progress[i] = w.moved(c.Workspace, c.Run)
			}
			w.Same(w.save(progress...), []bool{true, true})
			for i, p := range progress {
				w.sameRuns(w.runs(p.Workspace, p.Run.ID), []automation.Run{p.Run})
				w.Same(w.steps(p.Workspace, p.Run.ID), append([]automation.Step{entered(claimed[i].Run)}, p.Steps...))
			}
			w.Same(w.claim(10), nil)
			w.now = progress[0].Run.DueAt
			w.Same(len(w.claim(10)), 2)
		}},
		{"stores the end of a run", func(w *worker) {
			w.begin(w.WS, w.due(w.now))
			r := finished(w.claim(10)[0])
			r.LastError = ""
			w.Same(w.save(automation.Progress{Workspace: w.WS, Run: r}), []bool{true})
			w.sameRuns(w.runs(w.WS, r.ID), []automation.Run{r})
			w.now = w.now.AddDate(1, 0, 0)
			w.Same(w.claim(10), nil)
		}},
		{"makes a run claimable at once when it is saved as due", func(w *worker) {
			w.begin(w.WS, w.due(w.now))
			p := w.moved(w.WS, w.claim(10)[0])
			p.Run.DueAt = w.now
			w.save(p)
			w.sameRuns(w.claim(10), []automation.Run{p.Run})
		}},
		{"refuses a late owner, and saves the others of its batch", func(w *worker) {
			for range 4 {
				w.begin(w.WS, w.due(w.now))
			}
			late := w.claim(2)
			kept := w.claim(2)
			w.now = w.now.Add(lease)
			taken := w.claim(10) // all four; the first two of them are saved by their new owner
			for _, r := range taken {
				if r.ID == late[0].ID {
					w.save(w.moved(w.WS, r))
				}
			}
			before := []automation.Run{w.runs(w.WS, late[0].ID)[0], w.runs(w.WS, late[1].ID)[0]}
			w.Same(w.save(w.moved(w.WS, late[0]), w.moved(w.WS, late[1]), w.moved(w.WS, kept[0])), []bool{false, false, false})
			w.Same([]automation.Run{w.runs(w.WS, late[0].ID)[0], w.runs(w.WS, late[1].ID)[0]}, before)
			w.Same(len(w.steps(w.WS, late[0].ID)), 2)
			w.Same(len(w.steps(w.WS, late[1].ID)), 1)
			var mine automation.Run
			for _, r := range taken {
				if r.ID == kept[1].ID {
					mine = r
				}
			}
			w.Same(w.save(w.moved(w.WS, late[1]), w.moved(w.WS, mine), w.moved(w.WS, late[0])), []bool{false, true, false})
			w.Same(len(w.steps(w.WS, mine.ID)), 2)
		}},
		{"refuses an owner whose run was moved by a transaction without a lease", func(w *worker) {
			w.begin(w.WS, w.due(w.now))
			late := w.claim(10)
			w.now = w.now.Add(lease)
			w.No(w.Tx.InShard(w.Ctx, engage.DefaultShard, func(ctx context.Context) error {
				claimed, err := w.Due.ClaimDueAcross(ctx, engage.DefaultShard, w.now, 0, 10)
				w.No(err)
				w.Same(len(claimed), 1)
				_, err = w.Due.SaveAcross(ctx, engage.DefaultShard, []automation.Progress{w.moved(w.WS, claimed[0].Run)})
				return err
			}))
			w.Same(w.save(w.moved(w.WS, late[0])), []bool{false})
			w.Same(len(w.steps(w.WS, late[0].ID)), 2)
		}},
		{"refuses the same progress the second time", func(w *worker) {
			w.begin(w.WS, w.due(w.now))
			p := w.moved(w.WS, w.claim(10)[0])
			w.Same(w.save(p), []bool{true})
			w.Same(w.save(p), []bool{false})
		}},
		{"refuses progress of a run that ended meanwhile, or that was put elsewhere", func(w *worker) {
			one, two, three := w.due(w.now), w.due(w.now), w.due(w.now)
			w.begin(w.WS, one, two, three)
			claimed := w.claim(10)
			ended := finished(claimed[0])
			ended.State = automation.Erased
			given := claimed[1]
			given.ContactID = w.contactID()
			w.In(func(ctx context.Context) error { return w.Runs.Put(ctx, w.WS, []automation.Run{ended, given}, nil) })
			w.Same(w.save(w.moved(w.WS, claimed[0]), w.moved(w.WS, claimed[1]), w.moved(w.WS, claimed[2])), []bool{false, false, true})
			w.sameRuns(w.runs(w.WS, ended.ID, given.ID), []automation.Run{ended, given})
			w.Same(len(w.steps(w.WS, ended.ID))+len(w.steps(w.WS, given.ID)), 2)
			w.sameRuns(w.claim(10), []automation.Run{given}) // its lease ended when it was put
		}},
		{"changes nothing that never changes about a run", func(w *worker) {
			r := w.due(w.now)
			r.EntryKey = "k"
			w.begin(w.WS, r)
			p := w.moved(w.WS, w.claim(10)[0])
			p.Run.WorkflowID, p.Run.Revision, p.Run.ContactID = automation.WorkflowID{9}, 9, w.contactID()
			p.Run.EntryKey, p.Run.StartedAt = "9", never
			w.Same(w.save(p), []bool{true})
			p.Run.WorkflowID, p.Run.Revision, p.Run.ContactID, p.Run.EntryKey, p.Run.StartedAt = r.WorkflowID, r.Revision, r.ContactID, r.EntryKey, r.StartedAt
			w.sameRuns(w.runs(w.WS, r.ID), []automation.Run{p.Run})
		}},
		{"keeps equal ids of two workspaces apart", func(w *worker) {
			r := w.due(w.now)
			w.begin(w.WS, r)
			w.publish(w.Other, w.w)
			w.begin(w.Other, r)
			claimed := w.claimAt(w.now, 10)
			w.Same(len(claimed), 2)
			// The lease of one is lost; the other's progress is stored, and only there.
			var mine automation.Run
			for _, c := range claimed {
				if c.Workspace == w.WS {
					mine = c.Run
				}
			}
			ghost := mine
			ghost.Token = -1
			w.Same(w.save(w.moved(w.Other, ghost), w.moved(w.WS, mine)), []bool{false, true})
			w.sameRuns(w.runs(w.Other, r.ID), []automation.Run{r})
			w.Same(len(w.steps(w.Other, r.ID)), 1)
			w.Same(len(w.steps(w.WS, r.ID)), 2)
		}},
		{"leaves nothing behind after a rollback", func(w *worker) {
			w.begin(w.WS, w.due(w.now))
			claimed := w.claim(10)
			_ = w.Tx.InShard(w.Ctx, engage.DefaultShard, func(ctx context.Context) error {
				saved, err := w.Due.SaveAcross(ctx, engage.DefaultShard, []automation.Progress{w.moved(w.WS, claimed[0])})
				w.No(err)
				w.Same(saved, []bool{true})
				return engage.ErrInternal
			})
			w.Same(w.runs(w.WS, claimed[0].ID), claimed)
			w.Same(len(w.steps(w.WS, claimed[0].ID)), 1)
			w.Same(w.save(w.moved(w.WS, claimed[0])), []bool{true})
		}},
		{"moves a whole batch of many workspaces", func(w *worker) {
			spaces := []engage.WorkspaceID{w.WS, w.Other}
			for range 8 {
				spaces = append(spaces, engage.WorkspaceID(w.IDs.NewID()))
			}
			for _, ws := range spaces {
				runs := make([]automation.Run, engage.MaxBatch/len(spaces))
				for i := range runs {
					runs[i] = w.due(w.now)
				}
				w.begin(ws, runs...)
			}
			claimed := w.claimAt(w.now, engage.MaxBatch)
			w.Same(len(claimed), engage.MaxBatch)
			progress := make([]automation.Progress, len(claimed))
			for i, c := range claimed {
				progress[i] = w.moved(c.Workspace, c.Run)
				progress[i].Run.LastError = fmt.Sprint(i)
				extra := progress[i].Steps[0]
				extra.Seq++
				progress[i].Run.Logged++
				progress[i].Steps = append(progress[i].Steps, extra)
			}
			w.Same(slices.Contains(w.save(progress...), false), false)
			for i := 0; i < len(progress); i += 97 {
				p := progress[i]
				w.sameRuns(w.runs(p.Workspace, p.Run.ID), []automation.Run{p.Run})
				if diff := cmp.Diff(p.Steps, w.steps(p.Workspace, p.Run.ID)[1:], cmpopts.EquateEmpty()); diff != "" {
					w.T.Fatal(diff)
				}
			}
		}},
	}
}
