package automation_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
)

func TestNew(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := automation.New(automation.Deps{Actors: []automation.Actor{b.actor, b.actor}}, automation.Config{})
	var paths []string
	for _, f := range engage.FieldsOf(err) {
		paths = append(paths, f.Path)
	}
	if diff := cmp.Diff([]string{"runtime.tx", "runtime.events", "workflows", "runs", "actors"}, paths); diff != "" {
		t.Error(diff)
	}
	if workers := b.service.Workers(); len(workers) != 1 || workers[0].Name() != "automation.runs" {
		t.Errorf("workers %v", workers)
	}
}

func TestPublishListsEveryFault(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	for name, c := range map[string]struct {
		draft automation.Definition
		want  []string
	}{
		"nothing": {automation.Definition{}, []string{"trigger.segment required", "nodes out_of_range"}},
		"the trigger": {
			automation.Definition{Trigger: automation.Trigger{Segment: long, Entry: "sometimes"}, Nodes: []automation.Node{act("a")}},
			[]string{"trigger.segment invalid", "trigger.entry unknown"},
		},
		"control characters": {
			automation.Definition{Trigger: automation.Trigger{Segment: "a\nb"}, Nodes: []automation.Node{wait("a\tb", time.Hour)}},
			[]string{"trigger.segment invalid", "nodes[0].id invalid"},
		},
		"too many nodes": {defined("", make([]automation.Node, automation.MaxNodes+1)...), []string{"nodes out_of_range"}},
		"the nodes": {
			defined("", act("a", "nowhere"), act("a"), act(""), act(long[:101]),
				wait("both", time.Hour), automation.Node{ID: "past", Wait: -time.Second}, wait("long", automation.MaxWait+1),
				automation.Node{ID: "unknown", Action: &automation.Action{Kind: "teleport"}},
				automation.Node{ID: "params", Action: &automation.Action{Kind: "spy", Params: json.RawMessage(`"bad"`)}},
				automation.Node{ID: "large", Action: &automation.Action{Kind: "spy", Params: json.RawMessage(`"` + strings.Repeat("x", automation.MaxParamsBytes) + `"`)}},
				automation.Node{ID: "end", Next: "a"}),
			[]string{
				"nodes[0].next not_found", "nodes[1].id duplicate", "nodes[2].id invalid", "nodes[3].id invalid", "nodes[4].wait invalid",
				"nodes[5].wait out_of_range", "nodes[6].wait out_of_range", "nodes[7].action.kind unknown", "nodes[8].action.params invalid",
				"nodes[9].action.params too_long", "nodes[10].next invalid",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			if name == "the nodes" {
				c.draft.Nodes[4].Action = &automation.Action{Kind: "spy"}
			}
			w, err := b.service.Create(b.ctx, b.ws, name, c.draft)
			b.no(err)
			_, err = b.service.Publish(b.ctx, b.ws, w.ID)
			b.code(err, engage.Invalid)
			var got []string
			for _, f := range engage.FieldsOf(err) {
				got = append(got, f.Path+" "+f.Code)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			stored, err := b.service.Get(b.ctx, b.ws, w.ID)
			b.no(err)
			if stored.State != automation.Draft || stored.Version != 1 {
				t.Errorf("a refused publication left %+v", stored)
			}
		})
	}
}

func TestDraftsThatNoStoreTakes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.publish("", act("a"))
	for name, draft := range map[string]automation.Definition{
		"params that are no JSON": defined("", automation.Node{ID: "a", Action: &automation.Action{Params: json.RawMessage(`{`)}}),
		"NUL in a name":           defined("", automation.Node{ID: "a\x00"}),
		"NUL in params":           defined("", automation.Node{ID: "a", Action: &automation.Action{Params: json.RawMessage(`{"x":"\u0000"}`)}}),
		"too large":               defined("", automation.Node{ID: strings.Repeat("x", automation.MaxDefinitionBytes)}),
	} {
		_, err := b.service.Create(b.ctx, b.ws, name, draft)
		b.code(err, engage.Invalid)
		_, err = b.service.Update(b.ctx, b.ws, w.ID, func(w *automation.Workflow) error { w.Draft = draft; return nil })
		b.code(err, engage.Invalid)
	}
	for _, name := range []string{"", "a\nb", strings.Repeat("x", automation.MaxNameBytes+1), "\xff"} {
		_, err := b.service.Create(b.ctx, b.ws, name, defined(""))
		b.code(err, engage.Invalid)
		_, err = b.service.Update(b.ctx, b.ws, w.ID, func(w *automation.Workflow) error { w.Name = name; return nil })
		b.code(err, engage.Invalid)
	}
	stored, err := b.service.Get(b.ctx, b.ws, w.ID)
	b.no(err)
	if diff := cmp.Diff(w, stored); diff != "" {
		t.Error(diff)
	}
}

// racing is a repository in which somebody else edits a workflow between reading
// and writing, a number of times.
type racing struct {
	automation.WorkflowRepository
	times int
}

func (r *racing) Update(ctx context.Context, ws engage.WorkspaceID, w automation.Workflow) error {
	if r.times > 0 {
		r.times--
		return engage.ErrConflict
	}
	return r.WorkflowRepository.Update(ctx, ws, w)
}

func TestUpdate(t *testing.T) {
	t.Parallel()

	t.Run("is tried three times against others", func(t *testing.T) {
		t.Parallel()
		for times, want := range map[int]engage.Code{0: "", 2: "", 3: engage.Conflict} {
			b := setup(t)
			w := b.publish("", act("a"))
			b.deps.Workflows = &racing{b.deps.Workflows, times}
			b.service = b.restart()
			calls := 0
			_, err := b.service.Update(b.ctx, b.ws, w.ID, func(*automation.Workflow) error { calls++; return nil })
			b.code(err, want)
			if calls != min(times+1, 3) {
				t.Errorf("fn ran %d times after %d races", calls, times)
			}
		}
	})

	t.Run("writes nothing when fn refuses", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		w := b.publish("", act("a"))
		refused := errors.New("outdated")
		_, err := b.service.Update(b.ctx, b.ws, w.ID, func(w *automation.Workflow) error { w.Name = "No"; return refused })
		if !errors.Is(err, refused) {
			t.Errorf("want the error of fn, got %v", err)
		}
		stored, err := b.service.Get(b.ctx, b.ws, w.ID)
		b.no(err)
		if diff := cmp.Diff(w, stored); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("says who did it, and tells of it", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		ana := engage.Actor{Type: "user", ID: "ana"}
		b.ctx = engage.WithActor(b.ctx, ana)
		w := b.publish("", act("a"))
		b.ctx = engage.WithActor(b.ctx, engage.Actor{Type: "user", ID: "ben"})
		b.clock.Advance(time.Hour)
		paused, err := b.service.Pause(b.ctx, b.ws, w.ID)
		b.no(err)
		if paused.CreatedBy != ana || paused.UpdatedBy.ID != "ben" || !paused.UpdatedAt.Equal(start.Add(time.Hour)) || !paused.CreatedAt.Equal(start) {
			t.Errorf("paused as %+v", paused)
		}
		want := []automation.WorkflowChanged{
			{WorkflowID: w.ID, Name: "Welcome", State: automation.Draft},
			{WorkflowID: w.ID, Name: "Welcome", State: automation.Active, Revision: 1},
			{WorkflowID: w.ID, Name: "Welcome", State: automation.Paused, Revision: 1},
		}
		if diff := cmp.Diff(want, published[automation.WorkflowChanged](b)); diff != "" {
			t.Error(diff)
		}
		_, err = b.service.Pause(b.ctx, b.ws, w.ID)
		b.code(err, engage.FailedPrecondition)
	})
}
