package automation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memautomation"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
)

// greeter is an actor of the host's own.
type greeter struct{}

func (greeter) Kind() string { return "greet" }

func (greeter) Check(params json.RawMessage) error {
	var p struct {
		Text string `json:"text"`
	}
	return json.Unmarshal(params, &p)
}

func (greeter) Act(_ context.Context, _ engage.WorkspaceID, requests []automation.Request) []error {
	for _, r := range requests {
		fmt.Printf("greet %d contact: %s\n", len(requests), r.Params)
	}
	return nil // all took effect
}

// A contact enters when it joins a segment, and goes from node to node as time
// passes. Programs run the workers and the consumer; tests step them by hand.
func Example() {
	ctx, ws := context.Background(), engage.WorkspaceID{1}
	clock := engage.NewManualClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	store := memory.New(memory.Config{Clock: clock})
	runs := memautomation.NewRuns(store)
	workflows, err := automation.New(automation.Deps{
		Runtime:   engage.Runtime{Tx: store, Events: store, Clock: clock},
		Workflows: memautomation.NewWorkflows(store), Runs: runs, Due: runs,
		Actors: []automation.Actor{greeter{}},
	}, automation.Config{})
	if err != nil {
		panic(err)
	}
	draft, err := automation.ParseDefinition([]byte(`{
		"trigger": {"segment": "seg_newcomers"},
		"nodes": [
			{"id": "hello", "action": {"kind": "greet", "params": {"text": "hello"}}},
			{"id": "two-days", "wait": "48h"},
			{"id": "again", "action": {"kind": "greet", "params": {"text": "still here?"}}}
		]}`))
	if err != nil {
		panic(err)
	}
	welcome, err := workflows.Create(ctx, ws, "Welcome", draft)
	if err != nil {
		panic(err)
	}
	if _, err := workflows.Publish(ctx, ws, welcome.ID); err != nil {
		panic(err)
	}

	ana := contacts.ID{15: 1}
	joined, err := engage.NewEnvelope(ctx, ws, entered{SegmentID: "seg_newcomers", ContactID: ana}, engage.EventID{15: 1}, clock.Now())
	if err != nil {
		panic(err)
	}
	if err := store.InShard(ctx, engage.DefaultShard, func(ctx context.Context) error {
		return workflows.Consumer().Handle(ctx, ws, []engage.Envelope{joined})
	}); err != nil {
		panic(err)
	}

	step := workflows.Workers()[0].(*engage.Loop).Step
	for range 2 {
		if _, err := step(ctx); err != nil {
			panic(err)
		}
		clock.Advance(48 * time.Hour)
	}
	page, err := workflows.RunsOf(ctx, ws, ana, engage.PageRequest{})
	if err != nil {
		panic(err)
	}
	steps, err := workflows.Steps(ctx, ws, page.Items[0].ID)
	if err != nil {
		panic(err)
	}
	for _, s := range steps {
		fmt.Println(s.At.Format(time.DateOnly), s.Node, s.Outcome)
	}
	// Output:
	// greet 1 contact: {"text":"hello"}
	// greet 1 contact: {"text":"still here?"}
	// 2026-03-01 hello entered
	// 2026-03-01 hello done
	// 2026-03-01 two-days waiting
	// 2026-03-03 again done
	// 2026-03-03 again finished
}

// Everything that is wrong with a draft is said at once, when it is published.
func ExampleService_Publish() {
	ctx, ws := context.Background(), engage.WorkspaceID{1}
	store := memory.New(memory.Config{})
	runs := memautomation.NewRuns(store)
	workflows, err := automation.New(automation.Deps{
		Runtime: engage.Runtime{Tx: store, Events: store}, Workflows: memautomation.NewWorkflows(store), Runs: runs, Due: runs,
	}, automation.Config{})
	if err != nil {
		panic(err)
	}
	faulty, err := workflows.Create(ctx, ws, "Welcome", automation.Definition{Nodes: []automation.Node{
		{ID: "hello", Action: &automation.Action{Kind: "teleport"}, Next: "moon"},
	}})
	if err != nil {
		panic(err)
	}
	_, err = workflows.Publish(ctx, ws, faulty.ID)
	for _, fault := range engage.FieldsOf(err) {
		fmt.Println(fault)
	}
	// Output:
	// trigger.segment: a workflow needs the segment whose entry starts it
	// nodes[0].next: no node "moon"
	// nodes[0].action.kind: "teleport" is no kind of action here
}
