package automation_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory/memautomation"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/automation/automationtest"
)

// Every method of the service that serves one workspace is called with another
// one's ids: it finds nothing, changes nothing, and refuses the zero workspace.
func TestIsolation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.publish("", wait("w", time.Hour), act("hello"))
	who := b.enter(1)[0]
	b.drain()
	r := b.runOf(who)
	calls := map[string]func(ws engage.WorkspaceID) (int, error){
		"Create": func(ws engage.WorkspaceID) (int, error) {
			_, err := b.service.Create(b.ctx, ws, "Mine", automation.Definition{})
			return 0, err
		},
		"Get": func(ws engage.WorkspaceID) (int, error) { return one(b.service.Get(b.ctx, ws, w.ID)) },
		"List": func(ws engage.WorkspaceID) (int, error) {
			return items(b.service.List(b.ctx, ws, engage.PageRequest{}))
		},
		"Update": func(ws engage.WorkspaceID) (int, error) {
			return one(b.service.Update(b.ctx, ws, w.ID, func(w *automation.Workflow) error { w.Name = "Theirs"; return nil }))
		},
		"Publish": func(ws engage.WorkspaceID) (int, error) { return one(b.service.Publish(b.ctx, ws, w.ID)) },
		"Pause":   func(ws engage.WorkspaceID) (int, error) { return one(b.service.Pause(b.ctx, ws, w.ID)) },
		"Resume":  func(ws engage.WorkspaceID) (int, error) { return one(b.service.Resume(b.ctx, ws, w.ID)) },
		"Archive": func(ws engage.WorkspaceID) (int, error) { return one(b.service.Archive(b.ctx, ws, w.ID)) },
		"Run":     func(ws engage.WorkspaceID) (int, error) { return one(b.service.Run(b.ctx, ws, r.ID)) },
		"RunsOf": func(ws engage.WorkspaceID) (int, error) {
			return items(b.service.RunsOf(b.ctx, ws, who, engage.PageRequest{}))
		},
		"Steps": func(ws engage.WorkspaceID) (int, error) {
			steps, err := b.service.Steps(b.ctx, ws, r.ID)
			return len(steps), err
		},
	}
	runs := memautomation.NewRuns(b.store)
	adapter := automationtest.Adapter{Tx: b.store, Workflows: memautomation.NewWorkflows(b.store), Runs: runs, Due: runs}
	before := automationtest.Dump(b.ctx, t, adapter, b.ws, who)
	service, workspace := reflect.TypeFor[*automation.Service](), reflect.TypeFor[engage.WorkspaceID]()
	other := engage.WorkspaceID{9}
	for method := range service.Methods() {
		other[15]++ // what one method makes is not another's to find
		if method.Type.NumIn() < 3 || method.Type.In(2) != workspace {
			continue // Consumer, Workers
		}
		call := calls[method.Name]
		if call == nil {
			t.Errorf("%s has no call here", method.Name)
			continue
		}
		found, err := call(other)
		if found != 0 || err != nil && !errors.Is(err, engage.ErrNotFound) {
			t.Errorf("%s of another workspace found %d: %v", method.Name, found, err)
		}
		if _, err := call(engage.WorkspaceID{}); !errors.Is(err, engage.ErrInvalid) {
			t.Errorf("%s of the zero workspace: want ErrInvalid, got %v", method.Name, err)
		}
	}
	if diff := cmp.Diff(before, automationtest.Dump(b.ctx, t, adapter, b.ws, who)); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
}

// An event of one workspace starts no run of another's workflow, nor ends one.
func TestIsolationOfEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.publish("", wait("w", time.Hour), act("hello"))
	who := b.enter(1)[0]
	mine := b.ws
	b.ws = engage.WorkspaceID(b.ids.NewID())
	b.enter(1)
	b.consume(entered{SegmentID: "joined", ContactID: who}, merged(who, b.enter(1)[0]))
	if runs := b.runsOf(who); len(runs) != 0 {
		t.Errorf("the other workspace has %+v", runs)
	}
	b.ws = mine
	b.logs(b.runOf(who), "w entered")
}

func one[T any](_ T, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return 1, nil
}

func items[T any](page engage.Page[T], err error) (int, error) { return len(page.Items), err }
