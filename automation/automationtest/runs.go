package automationtest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
)

func runCases(t *testing.T, a Adapter) {
	run(t, a, "answers what was started, with the first line of its log", func(f *fixture) {
		r := f.newRun(automation.WorkflowID(f.IDs.NewID()))
		r.Revision, r.EntryKey, r.Node, r.Visits, r.Logged = 7, "key 😀 ", "né", 1, 1
		r.DueAt, r.StartedAt = never.Add(time.Microsecond), start.Add(999999*time.Microsecond)
		r.Token = 9 // the store's, whatever is given
		f.begin(f.WS, r)
		got := f.runs(f.WS, r.ID)
		f.sameRuns(got, []automation.Run{r})
		if got[0].DueAt.Location() != time.UTC || got[0].StartedAt.Location() != time.UTC {
			f.T.Errorf("instants in %v and %v, want UTC", got[0].DueAt.Location(), got[0].StartedAt.Location())
		}
		f.Same(f.steps(f.WS, r.ID), []automation.Step{entered(r)})
		f.Same(f.steps(f.WS, automation.RunID(f.IDs.NewID())), nil)
	})
	run(t, a, "starts one run of a workflow, contact and entry key", func(f *fixture) {
		workflow := automation.WorkflowID(f.IDs.NewID())
		one := f.newRun(workflow)
		again, later, other, nobody := f.newRun(workflow), f.newRun(workflow), f.newRun(automation.WorkflowID(f.IDs.NewID())), f.newRun(workflow)
		again.ContactID, later.ContactID, other.ContactID = one.ContactID, one.ContactID, one.ContactID
		later.EntryKey = "2"
		f.begin(f.WS, one)
		var isNew []bool
		f.In(func(ctx context.Context) (err error) {
			isNew, err = f.Runs.Start(ctx, f.WS, []automation.Run{nobody, again, later, later, other})
			return err
		})
		f.Same(isNew, []bool{true, false, true, false, true})
		f.sameRuns(f.runs(f.WS, again.ID, other.ID, one.ID, later.ID, nobody.ID), []automation.Run{one, later, other, nobody})
		f.Same(f.steps(f.WS, again.ID), nil)
		f.Same(f.steps(f.WS, later.ID), []automation.Step{entered(later)})
	})
	run(t, a, "compares entry keys by their bytes", func(f *fixture) {
		first := f.newRun(automation.WorkflowID(f.IDs.NewID()))
		var all []automation.Run
		for _, key := range hostile() {
			r := f.newRun(first.WorkflowID)
			r.ContactID, r.EntryKey = first.ContactID, key
			all = append(all, r)
		}
		f.begin(f.WS, all...)
		f.In(func(ctx context.Context) error {
			isNew, err := f.Runs.Start(ctx, f.WS, all)
			f.Same(slices.Contains(isNew, true), false)
			return err
		})
		f.sameRuns(f.runs(f.WS, idsOf(all)...), all)
	})
	run(t, a, "forgets a start that was rolled back, and refuses the id of another run", func(f *fixture) {
		r := f.newRun(automation.WorkflowID(f.IDs.NewID()))
		_ = f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error {
			_, err := f.Runs.Start(ctx, f.WS, []automation.Run{r})
			f.No(err)
			return engage.ErrInternal
		})
		f.begin(f.WS, r)
		thief, fresh := f.newRun(r.WorkflowID), f.newRun(r.WorkflowID)
		thief.ID = r.ID
		f.Code(f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error {
			_, err := f.Runs.Start(ctx, f.WS, []automation.Run{fresh, thief})
			return err
		}), engage.AlreadyExists)
		f.sameRuns(f.runs(f.WS, r.ID, fresh.ID), []automation.Run{r})
	})
	run(t, a, "pages the runs of a contact by id", func(f *fixture) {
		person := f.contactID()
		var all []automation.Run
		for i := range 11 {
			r := f.newRun(automation.WorkflowID(f.IDs.NewID()))
			r.ContactID, r.StartedAt = person, start.Add(-time.Duration(i)*time.Microsecond)
			all = append(all, r)
		}
		f.begin(f.WS, all...)
		f.begin(f.WS, f.newRun(all[0].WorkflowID))
		f.begin(f.Other, all[0])
		for size := 1; size <= 12; size++ {
			var got []automation.Run
			page := engage.PageRequest{Limit: size}
			for {
				part, err := f.Runs.OfContact(f.Ctx, f.WS, person, page)
				f.No(err)
				got = append(got, part.Items...)
				if page.After = part.Next; part.Next == "" {
					break
				}
			}
			f.sameRuns(got, all)
		}
		first, err := f.Runs.OfContact(f.Ctx, f.WS, person, engage.PageRequest{Limit: 1})
		f.No(err)
		_, err = f.Runs.OfContact(f.Ctx, f.WS, f.contactID(), engage.PageRequest{After: first.Next})
		f.Code(err, engage.Invalid)
	})
	run(t, a, "locks all runs of contacts, ordered by id", func(f *fixture) {
		workflow := automation.WorkflowID(f.IDs.NewID())
		one, two, three := f.newRun(workflow), f.newRun(workflow), f.newRun(automation.WorkflowID(f.IDs.NewID()))
		three.ContactID = one.ContactID
		f.begin(f.WS, one, two, three)
		ended := one
		ended.State, ended.DueAt, ended.EndedAt = automation.Completed, time.Time{}, start
		f.In(func(ctx context.Context) error { return f.Runs.Put(ctx, f.WS, []automation.Run{ended}, nil) })
		f.In(func(ctx context.Context) error {
			locked, err := f.Runs.Lock(ctx, f.WS, []contacts.ID{two.ContactID, f.contactID(), one.ContactID, two.ContactID})
			f.sameRuns(locked, []automation.Run{ended, two, three})
			return err
		})
	})
	run(t, a, "reads in a transaction what it wrote there, and outside only after the commit", func(f *fixture) {
		r := f.newRun(automation.WorkflowID(f.IDs.NewID()))
		f.In(func(ctx context.Context) error {
			_, err := f.Runs.Start(ctx, f.WS, []automation.Run{r})
			inside, insideErr := f.Runs.Get(ctx, f.WS, []automation.RunID{r.ID})
			f.sameRuns(inside, []automation.Run{r})
			f.Same(f.runs(f.WS, r.ID), nil)
			return errors.Join(err, insideErr)
		})
		f.sameRuns(f.runs(f.WS, r.ID), []automation.Run{r})
	})
	run(t, a, "stores a whole batch", func(f *fixture) {
		workflow := automation.WorkflowID(f.IDs.NewID())
		all := make([]automation.Run, engage.MaxBatch)
		lines := make([]automation.Step, len(all))
		for i := range all {
			all[i] = f.newRun(workflow)
		}
		f.begin(f.WS, all...)
		for i := range all {
			all[i].Node, all[i].Logged = "act", 2
			lines[i] = automation.Step{RunID: all[i].ID, Seq: 2, Node: "act", Outcome: automation.Done, At: start}
		}
		f.In(func(ctx context.Context) error { return f.Runs.Put(ctx, f.WS, all, lines) })
		f.sameRuns(f.runs(f.WS, idsOf(all)...), all)
		f.Same(f.steps(f.WS, all[999].ID)[1:], lines[999:])
	})
	putCases(t, a)
}

func idsOf(runs []automation.Run) []automation.RunID {
	ids := make([]automation.RunID, len(runs))
	for i, r := range runs {
		ids[i] = r.ID
	}
	return ids
}

// putCases are about what changes a run from outside.
func putCases(t *testing.T, a Adapter) {
	run(t, a, "puts what a run has become, and keeps what never changes", func(f *fixture) {
		r := f.newRun(automation.WorkflowID(f.IDs.NewID()))
		f.begin(f.WS, r)
		before := f.runs(f.WS, r.ID)[0]
		next := automation.Run{
			ID: r.ID, WorkflowID: automation.WorkflowID{9}, Revision: 9, EntryKey: "9", StartedAt: never, ContactID: f.contactID(),
			State: automation.Erased, Node: "né", Visits: 3, Waited: true, Attempts: 2, LastError: "no 😀 '\"\\", EndedAt: start.Add(time.Microsecond), Logged: 3,
		}
		lines := []automation.Step{
			{RunID: r.ID, Seq: 2, Node: "é", Outcome: automation.Retrying, Error: "later 😀 '\"\\", At: start.Add(time.Microsecond)},
			{RunID: r.ID, Seq: 3, Node: "né", Outcome: automation.Withdrawn, At: start.Add(2 * time.Microsecond)},
		}
		f.In(func(ctx context.Context) error { return f.Runs.Put(ctx, f.WS, []automation.Run{next}, lines) })
		next.WorkflowID, next.Revision, next.EntryKey, next.StartedAt = r.WorkflowID, r.Revision, r.EntryKey, r.StartedAt
		got := f.runs(f.WS, r.ID)
		f.sameRuns(got, []automation.Run{next})
		if got[0].Token == before.Token {
			f.T.Error("the token stayed, so that a worker that holds the run is not refused")
		}
		f.Same(f.steps(f.WS, r.ID), append([]automation.Step{entered(r)}, lines...))
	})
	run(t, a, "lets runs of one call swap their contacts", func(f *fixture) {
		workflow := automation.WorkflowID(f.IDs.NewID())
		one, two := f.newRun(workflow), f.newRun(workflow)
		f.begin(f.WS, one, two)
		one.ContactID, two.ContactID = two.ContactID, one.ContactID
		f.In(func(ctx context.Context) error { return f.Runs.Put(ctx, f.WS, []automation.Run{two, one}, nil) })
		f.sameRuns(f.runs(f.WS, one.ID, two.ID), []automation.Run{one, two})
		again := f.newRun(workflow)
		again.ContactID = one.ContactID
		f.In(func(ctx context.Context) error {
			isNew, err := f.Runs.Start(ctx, f.WS, []automation.Run{again})
			f.Same(isNew, []bool{false})
			return err
		})
	})
	run(t, a, "has no effect when it refuses a run, even if the caller goes on", func(f *fixture) {
		workflow := automation.WorkflowID(f.IDs.NewID())
		one, two, three := f.newRun(workflow), f.newRun(workflow), f.newRun(workflow)
		f.begin(f.WS, one, two, three)
		moved, clash := one, two
		moved.Node, moved.Logged = "act", 2
		clash.ContactID = three.ContactID
		line := automation.Step{RunID: one.ID, Seq: 2, Node: "act", Outcome: automation.Done, At: start}
		for name, refused := range map[string]struct {
			runs []automation.Run
			want engage.Code
		}{
			"a missing run":      {[]automation.Run{moved, f.newRun(workflow)}, engage.NotFound},
			"a taken entry":      {[]automation.Run{moved, clash}, engage.AlreadyExists},
			"two of one contact": {[]automation.Run{moved, withContact(two, f.contactID()), withContact(three, one.ContactID)}, engage.AlreadyExists},
		} {
			f.In(func(ctx context.Context) error {
				if err := f.Runs.Put(ctx, f.WS, refused.runs, []automation.Step{line}); engage.CodeOf(err) != refused.want {
					f.T.Errorf("%s: want %s, got %v", name, refused.want, err)
				}
				return nil
			})
			f.sameRuns(f.runs(f.WS, one.ID, two.ID, three.ID), []automation.Run{one, two, three})
			f.Same(f.steps(f.WS, one.ID), []automation.Step{entered(one)})
		}
	})
}

func withContact(r automation.Run, contact contacts.ID) automation.Run {
	r.ContactID = contact
	return r
}
