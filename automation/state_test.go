package automation

import (
	"testing"
	"time"

	"github.com/go-engage/engage"
)

// Every move of a workflow from every state, and where it leads; "" is refused.
func TestMovesOfAWorkflow(t *testing.T) {
	t.Parallel()
	moves := map[string]func(*Workflow) error{
		"publish": (*Workflow).publish, "pause": (*Workflow).pause, "resume": (*Workflow).resume, "archive": (*Workflow).archive,
	}
	table := map[WorkflowState]map[string]WorkflowState{
		Draft:    {"publish": Active, "pause": "", "resume": "", "archive": Archived},
		Active:   {"publish": Active, "pause": Paused, "resume": "", "archive": Archived},
		Paused:   {"publish": Paused, "pause": "", "resume": Active, "archive": Archived},
		Archived: {"publish": "", "pause": "", "resume": "", "archive": ""},
	}
	for from, cells := range table {
		if len(cells) != len(moves) {
			t.Errorf("%d cells for %s, want %d", len(cells), from, len(moves))
		}
		for move, to := range cells {
			w := Workflow{State: from, Revision: 3}
			err := moves[move](&w)
			if to == "" {
				if engage.CodeOf(err) != engage.FailedPrecondition || w.State != from || w.Revision != 3 {
					t.Errorf("%s of %s: %v, and it is %s", move, from, err, w.State)
				}
				continue
			}
			if err != nil || w.State != to {
				t.Errorf("%s of %s: %v, and it is %s, want %s", move, from, err, w.State, to)
			}
			if published := move == "publish"; (w.Revision == 4) != published {
				t.Errorf("%s of %s: revision %d", move, from, w.Revision)
			}
		}
	}
}

// Every move of a run from every state.
func TestMovesOfARun(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	states := []RunState{Running, Completed, Failed, Cancelled, Erased}
	moves := map[string]func(*Run) error{
		"enter": func(r *Run) error { return r.enter("next", now) },
		"wait":  func(r *Run) error { return r.wait(now) },
		"retry": func(r *Run) error { return r.retry("why", now) },
	}
	want := map[string]RunState{"enter": Running, "wait": Running, "retry": Running}
	for _, to := range states {
		moves["end as "+string(to)] = func(r *Run) error { return r.end(to, "why", now) }
		moves["withdraw as "+string(to)] = func(r *Run) error {
			_, err := r.withdraw(to, "why", now)
			return err
		}
		if to != Running {
			want["end as "+string(to)], want["withdraw as "+string(to)] = to, to
		}
	}
	for _, from := range states {
		for name, move := range moves {
			r := Run{State: from, Node: "node", Visits: 1, DueAt: now.Add(-time.Hour), Logged: 1}
			before := r
			err := move(&r)
			to, legal := want[name]
			if legal = legal && from == Running; !legal {
				if engage.CodeOf(err) != engage.FailedPrecondition || r != before {
					t.Errorf("%s of a run that is %s: %v, and it became %+v", name, from, err, r)
				}
				continue
			}
			if err != nil || r.State != to {
				t.Errorf("%s of a run that is %s: %v, and it is %s, want %s", name, from, err, r.State, to)
			}
			if ended := to != Running; r.EndedAt.IsZero() == ended || r.DueAt.IsZero() != ended {
				t.Errorf("%s: due at %v, ended at %v", name, r.DueAt, r.EndedAt)
			}
		}
	}
	r := Run{State: Running, Waited: true}
	if err := r.wait(now); engage.CodeOf(err) != engage.FailedPrecondition {
		t.Errorf("a wait that is over began again: %v", err)
	}
	r = Run{State: Running, Waited: true, Attempts: 3, LastError: "why", Visits: 4}
	if err := r.enter("next", now); err != nil || r.Waited || r.Attempts != 0 || r.LastError != "" || r.Visits != 5 || r.Node != "next" || !r.DueAt.Equal(now) {
		t.Errorf("entered a node as %+v: %v", r, err)
	}
	if err := r.enter("", now); err != nil || r.State != Completed {
		t.Errorf("no node leads to %s: %v", r.State, err)
	}
}
