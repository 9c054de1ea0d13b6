package automationtest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
)

// lease is how long the cases' workers may keep what they claimed.
const lease = time.Minute

// worker is a case that is alone with the database, at a time of its own.
type worker struct {
	*fixture
	now time.Time
	w   automation.Workflow
}

// workerCases run one after the other, each after all that the one before it has
// left: nothing that is due in one is due in another.
func workerCases(t *testing.T, a Adapter) {
	for _, group := range [][]workerCase{claimCases(), fairCases(), saveCases()} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				w := &worker{fixture: newFixture(t, a), now: start}
				w.w = w.workflow()
				w.publish(w.WS, w.w)
				w.sweep()
				c.fn(w)
			})
		}
	}
}

type workerCase struct {
	name string
	fn   func(w *worker)
}

// sweep ends what former cases left due.
func (w *worker) sweep() {
	w.T.Helper()
	far := w.now.AddDate(10, 0, 0)
	for range 10 {
		left := w.claimAt(far, engage.MaxBatch)
		if len(left) == 0 {
			return
		}
		progress := make([]automation.Progress, len(left))
		for i, c := range left {
			progress[i] = automation.Progress{Workspace: c.Workspace, Run: finished(c.Run)}
		}
		w.save(progress...)
	}
}

// due is a new run of the case's workflow that is due at an instant.
func (w *worker) due(at time.Time) automation.Run {
	r := w.newRun(w.w.ID)
	r.DueAt = at
	return r
}

// claimAt claims and fails the case when a run comes twice.
func (w *worker) claimAt(now time.Time, limit int) []automation.RunAcross {
	w.T.Helper()
	var claimed []automation.RunAcross
	if err := w.Tx.InShard(w.Ctx, engage.DefaultShard, func(ctx context.Context) (err error) {
		claimed, err = w.Due.ClaimDueAcross(ctx, engage.DefaultShard, now, lease, limit)
		return err
	}); err != nil {
		w.T.Fatalf("the claim failed: %v", err)
	}
	seen := map[string]bool{}
	for _, c := range claimed {
		key := c.Workspace.String() + c.Run.ID.String()
		if seen[key] {
			w.T.Fatalf("run %s was claimed twice at once", c.Run.ID)
		}
		seen[key] = true
	}
	if len(claimed) > limit {
		w.T.Fatalf("claimed %d, at most %d", len(claimed), limit)
	}
	return claimed
}

// claim claims now and answers the runs by id.
func (w *worker) claim(limit int) []automation.Run {
	w.T.Helper()
	return byID(w.claimAt(w.now, limit))
}

func byID(claimed []automation.RunAcross) []automation.Run {
	runs := make([]automation.Run, len(claimed))
	for i, c := range claimed {
		runs[i] = c.Run
	}
	slices.SortFunc(runs, func(a, b automation.Run) int { return a.ID.Compare(b.ID) })
	return runs
}

func (w *worker) save(progress ...automation.Progress) []bool {
	w.T.Helper()
	var saved []bool
	if err := w.Tx.InShard(w.Ctx, engage.DefaultShard, func(ctx context.Context) (err error) {
		saved, err = w.Due.SaveAcross(ctx, engage.DefaultShard, progress)
		return err
	}); err != nil {
		w.T.Fatalf("the save failed: %v", err)
	}
	if len(saved) != len(progress) {
		w.T.Fatalf("%d answers of %d", len(saved), len(progress))
	}
	return saved
}

func finished(r automation.Run) automation.Run {
	r.State, r.DueAt, r.EndedAt = automation.Completed, time.Time{}, start
	return r
}

// moved is a claimed run one node further, with the line of its log.
func (w *worker) moved(ws engage.WorkspaceID, r automation.Run) automation.Progress {
	r.Node, r.Waited, r.Visits, r.Attempts, r.LastError = "act", true, r.Visits+1, 3, "late 😀 '\"\\"
	r.DueAt = w.now.Add(48*time.Hour + time.Microsecond)
	r.Logged++
	return automation.Progress{Workspace: ws, Run: r, Steps: []automation.Step{
		{RunID: r.ID, Seq: r.Logged, Node: "wait", Outcome: automation.Waiting, Error: "none 😀 '\"\\", At: w.now.Add(time.Microsecond)},
	}}
}

func claimCases() []workerCase {
	return []workerCase{
		{"claims what is due and nobody holds", func(w *worker) {
			early, exact, late := w.due(w.now.Add(-time.Hour)), w.due(w.now), w.due(w.now.Add(time.Microsecond))
			w.begin(w.WS, early, exact, late)
			got := w.claim(10)
			w.sameRuns(got, []automation.Run{early, exact})
			for _, r := range got {
				if r.Token == 0 {
					w.T.Error("a claimed run has no token")
				}
			}
			w.Same(w.claim(10), nil)
			w.now = w.now.Add(time.Microsecond)
			w.sameRuns(w.claim(10), []automation.Run{late})
		}},
		{"claims again, with another token, once a lease has ended", func(w *worker) {
			w.begin(w.WS, w.due(w.now))
			first := w.claim(10)
			w.now = w.now.Add(lease - time.Microsecond)
			w.Same(w.claim(10), nil)
			w.now = w.now.Add(time.Microsecond)
			second := w.claim(10)
			w.sameRuns(second, first)
			if second[0].Token <= first[0].Token {
				w.T.Errorf("token %d after %d, want a greater one", second[0].Token, first[0].Token)
			}
		}},
		{"forgets a claim that was rolled back", func(w *worker) {
			w.begin(w.WS, w.due(w.now))
			_ = w.Tx.InShard(w.Ctx, engage.DefaultShard, func(ctx context.Context) error {
				claimed, err := w.Due.ClaimDueAcross(ctx, engage.DefaultShard, w.now, lease, 10)
				w.No(err)
				w.Same(len(claimed), 1)
				return engage.ErrInternal
			})
			w.Same(len(w.claim(10)), 1)
		}},
		{"claims no more than the limit, the longest waiting first", func(w *worker) {
			var all []automation.Run
			for i := range 10 {
				all = append(all, w.due(w.now.Add(-time.Duration(10-i)*time.Second)))
			}
			w.begin(w.WS, all[5], all[0], all[9], all[3], all[7], all[1], all[8], all[2], all[6], all[4])
			w.Same(w.claim(0), nil)
			w.sameRuns(w.claim(4), all[:4])
			w.sameRuns(w.claim(4), all[4:8])
			w.sameRuns(w.claim(4), all[8:])
		}},
		{"does not claim a run that has ended", func(w *worker) {
			r := w.due(w.now)
			w.begin(w.WS, r)
			w.In(func(ctx context.Context) error {
				ended := finished(r)
				ended.DueAt = w.now // as a careless caller would leave it
				return w.Runs.Put(ctx, w.WS, []automation.Run{ended}, nil)
			})
			w.Same(w.claim(10), nil)
		}},
		{"passes over the runs of paused workflows, however many", func(w *worker) {
			paused := w.workflow()
			paused.State = automation.Paused
			w.publish(w.WS, paused)
			var held []automation.Run
			for range 30 {
				r := w.due(w.now.Add(-time.Hour))
				r.WorkflowID = paused.ID
				held = append(held, r)
			}
			r := w.due(w.now)
			w.begin(w.WS, held...)
			w.begin(w.WS, r)
			w.sameRuns(w.claim(10), []automation.Run{r})
			w.Same(w.claim(10), nil)
			paused.State = automation.Active
			w.In(func(ctx context.Context) error { return w.Workflows.Update(ctx, w.WS, paused) })
			w.sameRuns(w.claim(100), held)
		}},
		{"claims the runs of archived workflows, so that they can be cancelled", func(w *worker) {
			r := w.due(w.now)
			w.begin(w.WS, r)
			w.w.State = automation.Archived
			w.In(func(ctx context.Context) error { return w.Workflows.Update(ctx, w.WS, w.w) })
			w.sameRuns(w.claim(10), []automation.Run{r})
		}},
		{"holds runs for a transaction without writing, when it is given no lease", func(w *worker) {
			one, two := w.due(w.now), w.due(w.now.Add(time.Hour))
			w.begin(w.WS, one, two)
			before := w.runs(w.WS, one.ID)
			w.No(w.Tx.InShard(w.Ctx, engage.DefaultShard, func(ctx context.Context) error {
				claimed, err := w.Due.ClaimDueAcross(ctx, engage.DefaultShard, w.now, 0, 10)
				w.Same(byID(claimed), before)
				return err
			}))
			w.Same(w.runs(w.WS, one.ID), before)
			w.No(w.Tx.InShard(w.Ctx, engage.DefaultShard, func(ctx context.Context) error {
				claimed, err := w.Due.ClaimDueAcross(ctx, engage.DefaultShard, w.now, 0, 10)
				w.No(err)
				w.Same(byID(claimed), before)
				saved, err := w.Due.SaveAcross(ctx, engage.DefaultShard, []automation.Progress{w.moved(w.WS, claimed[0].Run)})
				w.Same(saved, []bool{true})
				return err
			}))
			w.Same(w.claim(10), nil)
			w.Same(len(w.steps(w.WS, one.ID)), 2)
		}},
		{"gives no run to two transactions at once", func(w *worker) {
			var all []automation.Run
			for range 200 {
				all = append(all, w.due(w.now))
			}
			w.begin(w.WS, all...)
			w.begin(w.Other, w.due(w.now)) // so that a share is left for a second look
			var workers sync.WaitGroup
			for range 4 {
				workers.Go(func() {
					for range 30 {
						err := w.Tx.InShard(w.Ctx, engage.DefaultShard, func(ctx context.Context) error {
							claimed, err := w.Due.ClaimDueAcross(ctx, engage.DefaultShard, w.now, 0, 20)
							if err != nil || len(claimed) == 0 {
								return err
							}
							progress := make([]automation.Progress, len(claimed))
							for i, c := range claimed {
								progress[i] = w.moved(c.Workspace, c.Run)
							}
							saved, err := w.Due.SaveAcross(ctx, engage.DefaultShard, progress)
							if slices.Contains(saved, false) {
								w.T.Error("another transaction had moved a run that this one held")
							}
							return err
						})
						if err != nil {
							w.T.Errorf("the transaction failed: %v", err)
						}
					}
				})
			}
			workers.Wait()
			for _, r := range all {
				if n := len(w.steps(w.WS, r.ID)); n != 2 {
					w.T.Errorf("a run was moved %d times", n-1)
				}
			}
		}},
		{"gives no run to two workers at once", func(w *worker) {
			var all []automation.Run
			for range 400 {
				all = append(all, w.due(w.now))
			}
			w.begin(w.WS, all...)
			var mu sync.Mutex
			var claimed []automation.RunAcross
			var workers sync.WaitGroup
			for range 4 {
				workers.Go(func() {
					for range 20 {
						var batch []automation.RunAcross
						err := w.Tx.InShard(w.Ctx, engage.DefaultShard, func(ctx context.Context) (err error) {
							batch, err = w.Due.ClaimDueAcross(ctx, engage.DefaultShard, w.now, lease, 30)
							return err
						})
						mu.Lock()
						if err != nil {
							w.T.Errorf("the claim failed: %v", err)
						}
						claimed = append(claimed, batch...)
						mu.Unlock()
					}
				})
			}
			workers.Wait()
			claimed = append(claimed, w.claimAt(w.now, engage.MaxBatch)...) // what they passed over for each other
			w.sameRuns(byID(claimed), all)
		}},
	}
}

func fairCases() []workerCase {
	return []workerCase{
		{"takes turns between workspaces, so that a flood queues behind its own tenant", func(w *worker) {
			var flood, few []automation.Run
			for i := range 300 {
				flood = append(flood, w.due(w.now.Add(-time.Hour+time.Duration(i))))
			}
			for range 3 {
				few = append(few, w.due(w.now))
			}
			w.begin(w.WS, flood...)
			w.publish(w.Other, w.w)
			w.begin(w.Other, few...)
			claimed := w.claimAt(w.now, 20)
			w.Same(len(claimed), 20)
			w.sameRuns(byID(slices.DeleteFunc(claimed, func(c automation.RunAcross) bool { return c.Workspace != w.Other })), few)
		}},
		{"fills a batch when the others have little", func(w *worker) {
			var flood []automation.Run
			for range 300 {
				flood = append(flood, w.due(w.now))
			}
			w.begin(w.WS, flood...)
			for range 9 {
				ws := engage.WorkspaceID(w.IDs.NewID())
				w.begin(ws, w.due(w.now))
			}
			w.Same(len(w.claim(100)), 100)
			w.Same(len(w.claim(engage.MaxBatch)), 209)
			w.Same(w.claim(engage.MaxBatch), nil)
		}},
		{"serves as many workspaces as it may claim runs", func(w *worker) {
			for range 25 {
				w.begin(engage.WorkspaceID(w.IDs.NewID()), w.due(w.now), w.due(w.now), w.due(w.now))
			}
			served := map[engage.WorkspaceID]bool{}
			for _, c := range w.claimAt(w.now, 10) {
				served[c.Workspace] = true
			}
			w.Same(len(served), 10)
		}},
	}
}
