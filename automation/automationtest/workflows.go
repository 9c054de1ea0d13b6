package automationtest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
)

func workflowCases(t *testing.T, a Adapter) {
	run(t, a, "answers what was stored", func(f *fixture) {
		w := f.workflow()
		w.Name, w.State, w.Revision = "Welcome 😀 'series' \"one\" \\", automation.Draft, 0
		w.CreatedAt, w.UpdatedAt = start.Add(time.Microsecond), start.Add(999999*time.Microsecond)
		w.UpdatedBy = engage.Actor{Type: "api_key", ID: "key 😀"}
		w.Draft.Trigger = automation.Trigger{Segment: "seg <&> \u2028", Entry: automation.Always}
		w.Draft.Nodes = append(w.Draft.Nodes, automation.Node{ID: "é", Wait: 90*time.Minute + time.Nanosecond, Next: "wait"},
			automation.Node{ID: "x", Action: &automation.Action{Kind: "none"}})
		w.Draft.Nodes[1].Action.Params = json.RawMessage(`{"b":[1,1.0,1e2,12345678901234567890.5],"a":{"z":null,"a":"\\"}}`)
		f.In(func(ctx context.Context) error { return f.Workflows.Insert(ctx, f.WS, w) })
		got, err := f.Workflows.Get(f.Ctx, f.WS, []automation.WorkflowID{w.ID})
		f.No(err)
		f.Same(got, []automation.Workflow{w})
	})
	run(t, a, "keeps instants to the microsecond, in UTC, before 1970 too", func(f *fixture) {
		for _, at := range []time.Time{start, time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)} {
			w := f.workflow()
			w.CreatedAt, w.UpdatedAt = at, at
			f.publish(f.WS, w)
			got, err := f.Workflows.Get(f.Ctx, f.WS, []automation.WorkflowID{w.ID})
			f.No(err)
			if !got[0].CreatedAt.Equal(at) || !got[0].UpdatedAt.Equal(at) || got[0].CreatedAt.Location() != time.UTC {
				f.T.Errorf("stored %v, got %v and %v", at, got[0].CreatedAt, got[0].UpdatedAt)
			}
		}
	})
	run(t, a, "gives out copies", func(f *fixture) {
		w := f.workflow()
		f.publish(f.WS, w)
		stored := f.workflow()
		stored.ID, stored.Draft = w.ID, definition(w.Draft.Trigger.Segment)
		spoil := func(d automation.Definition) {
			d.Nodes[0].ID = "changed"
			d.Nodes[1].Action.Kind, d.Nodes[1].Action.Params[2] = "changed", 'X'
		}
		spoil(w.Draft)
		for range 2 {
			got, err := f.Workflows.Get(f.Ctx, f.WS, []automation.WorkflowID{w.ID})
			f.No(err)
			f.Same(got, []automation.Workflow{stored})
			spoil(got[0].Draft)
			page, err := f.Workflows.List(f.Ctx, f.WS, engage.PageRequest{})
			f.No(err)
			f.Same(page.Items, []automation.Workflow{stored})
			spoil(page.Items[0].Draft)
			revisions, err := f.Workflows.Revisions(f.Ctx, f.WS, []automation.RevisionKey{{WorkflowID: w.ID, Number: 1}})
			f.No(err)
			f.Same(revisions, []automation.Revision{revisionOf(stored)})
			spoil(revisions[0].Definition)
		}
	})
	run(t, a, "updates every field of what has the version that was read", func(f *fixture) {
		w := f.workflow()
		f.publish(f.WS, w)
		insert := func(w automation.Workflow) error {
			return f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error { return f.Workflows.Insert(ctx, f.WS, w) })
		}
		update := func(w automation.Workflow) error {
			return f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error { return f.Workflows.Update(ctx, f.WS, w) })
		}
		f.Code(insert(w), engage.AlreadyExists)
		f.Code(update(f.workflow()), engage.NotFound)
		w.Name, w.State, w.Revision, w.Draft = "Other", automation.Paused, 7, definition("another")
		w.UpdatedAt, w.UpdatedBy = start.Add(time.Microsecond), engage.Actor{Type: "user", ID: "u-2"}
		f.No(update(w))
		stale := w
		stale.Name = "Stale"
		f.Code(update(stale), engage.Conflict)
		w.Version = 2
		got, err := f.Workflows.Get(f.Ctx, f.WS, []automation.WorkflowID{w.ID})
		f.No(err)
		f.Same(got, []automation.Workflow{w})
	})
	run(t, a, "has no effect when it refuses, even if the caller goes on", func(f *fixture) {
		w := newWorld(f)
		before := w.dump(f.WS)
		stale := w.w
		stale.Version, stale.Name = 9, "Stale"
		for name, refused := range map[string]func(ctx context.Context) error{
			"a taken id":       func(ctx context.Context) error { return f.Workflows.Insert(ctx, f.WS, stale) },
			"a stale version":  func(ctx context.Context) error { return f.Workflows.Update(ctx, f.WS, stale) },
			"a missing one":    func(ctx context.Context) error { return f.Workflows.Update(ctx, f.WS, f.workflow()) },
			"a taken revision": func(ctx context.Context) error { return f.Workflows.AddRevision(ctx, f.WS, revisionOf(stale)) },
		} {
			f.In(func(ctx context.Context) error {
				if err := refused(ctx); err == nil {
					f.T.Errorf("%s was not refused", name)
				}
				return nil
			})
			f.Same(w.dump(f.WS), before)
		}
	})
	run(t, a, "pages by id, and neither repeats nor hides a workflow when others come", func(f *fixture) {
		var all []automation.Workflow
		for i := range 11 {
			w := f.workflow()
			w.Name = fmt.Sprint(99 - i)
			all = append(all, w)
		}
		f.publish(f.WS, all[1:]...)
		f.publish(f.Other, all...)
		first, err := f.Workflows.List(f.Ctx, f.WS, engage.PageRequest{Limit: 4})
		f.No(err)
		f.Same(first.Items, all[1:5])
		f.publish(f.WS, all[0]) // before the page that was read
		second, err := f.Workflows.List(f.Ctx, f.WS, engage.PageRequest{Limit: 6, After: first.Next})
		f.No(err)
		f.Same(second.Items, all[5:])
		f.Same(second.Next, engage.Cursor(""))
		_, err = f.Workflows.List(f.Ctx, f.Other, engage.PageRequest{After: first.Next})
		f.Code(err, engage.Invalid)
		_, err = f.Runs.OfContact(f.Ctx, f.WS, f.contactID(), engage.PageRequest{After: first.Next})
		f.Code(err, engage.Invalid)
		for _, bad := range []engage.PageRequest{{After: "!"}, {Limit: -1}, {Limit: engage.MaxPageSize + 1}} {
			_, err = f.Workflows.List(f.Ctx, f.WS, bad)
			f.Code(err, engage.Invalid)
		}
	})
	run(t, a, "answers workflows ordered by id, without the missing", func(f *fixture) {
		one, two := f.workflow(), f.workflow()
		f.publish(f.WS, one, two)
		got, err := f.Workflows.Get(f.Ctx, f.WS, []automation.WorkflowID{two.ID, automation.WorkflowID(f.IDs.NewID()), one.ID, two.ID})
		f.No(err)
		f.Same(got, []automation.Workflow{one, two})
	})
}

func revisionCases(t *testing.T, a Adapter) {
	run(t, a, "keeps every revision as it was published", func(f *fixture) {
		one, two := f.workflow(), f.workflow()
		f.publish(f.WS, one, two)
		next := automation.Revision{WorkflowID: one.ID, Number: 2, Definition: definition("other"), PublishedAt: start.Add(time.Hour)}
		f.In(func(ctx context.Context) error { return f.Workflows.AddRevision(ctx, f.WS, next) })
		got, err := f.Workflows.Revisions(f.Ctx, f.WS, []automation.RevisionKey{
			{WorkflowID: two.ID, Number: 1}, {WorkflowID: one.ID, Number: 2}, {WorkflowID: two.ID, Number: 2}, {WorkflowID: one.ID, Number: 1}, {WorkflowID: one.ID, Number: 1},
		})
		f.No(err)
		f.Same(got, []automation.Revision{revisionOf(one), next, revisionOf(two)})
		next.Definition = definition("changed")
		f.Code(f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error { return f.Workflows.AddRevision(ctx, f.WS, next) }), engage.AlreadyExists)
	})
	run(t, a, "answers what a segment's entry starts: the last revision of each active workflow", func(f *fixture) {
		states := map[automation.WorkflowState]automation.Workflow{}
		for _, state := range []automation.WorkflowState{automation.Draft, automation.Active, automation.Paused, automation.Archived} {
			w := f.workflow()
			w.State, w.Draft.Trigger.Segment = state, "joined"
			f.publish(f.WS, w)
			states[state] = w
		}
		entered := func(segments ...string) []automation.Revision {
			found, err := f.Workflows.Entered(f.Ctx, f.WS, segments)
			f.No(err)
			return found
		}
		active := states[automation.Active]
		f.Same(entered("joined", "joined", "another"), []automation.Revision{revisionOf(active)})
		active.Revision, active.Draft = 2, definition("bought")
		f.In(func(ctx context.Context) error { return f.Workflows.AddRevision(ctx, f.WS, revisionOf(active)) })
		f.Same(entered("bought"), nil) // published, but not yet what contacts enter
		f.In(func(ctx context.Context) error { return f.Workflows.Update(ctx, f.WS, active) })
		f.Same(entered("joined"), nil)
		f.Same(entered("bought"), []automation.Revision{revisionOf(active)})
		second := f.workflow()
		second.Draft.Trigger.Segment = "bought"
		f.publish(f.WS, second)
		f.Same(entered("bought", "joined"), []automation.Revision{revisionOf(active), revisionOf(second)})
	})
	run(t, a, "compares segments by their bytes", func(f *fixture) {
		byName := map[string]automation.Revision{}
		for _, name := range hostile() {
			w := f.workflow()
			w.Draft.Trigger.Segment = name
			f.publish(f.WS, w)
			byName[name] = revisionOf(w)
		}
		for name, want := range byName {
			got, err := f.Workflows.Entered(f.Ctx, f.WS, []string{name})
			f.No(err)
			f.Same(got, []automation.Revision{want})
		}
		got, err := f.Workflows.Entered(f.Ctx, f.WS, append(hostile(), "ViP", "vip  "))
		f.No(err)
		f.Same(len(got), len(hostile()))
		f.Same(slices.IsSortedFunc(got, func(a, b automation.Revision) int { return a.WorkflowID.Compare(b.WorkflowID) }), true)
	})
}
