package automation

import (
	"context"
	"encoding/json"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

// Actor does what the actions of one kind say. Package adapters/actions has
// those that call the suite's other domains; a host adds its own.
type Actor interface {
	// Kind is the word by which nodes name the actor.
	Kind() string
	// Check answers what is wrong with parameters, when a workflow is published.
	Check(params json.RawMessage) error
	// Act does the requests of one workspace, in the transaction in ctx, and
	// answers an error for each, aligned, or nil when all took effect. A request
	// whose error is not nil must have had no effect. Keys make requests
	// idempotent: one that was done before is done. Nothing leaves the process
	// here; what must is written down for a worker.
	Act(ctx context.Context, ws engage.WorkspaceID, requests []Request) []error
}

// Request asks an Actor to act for one run.
type Request struct {
	// Key is the same whenever the same visit of the same node is tried again.
	Key       string
	RunID     RunID
	ContactID contacts.ID
	Params    json.RawMessage
}

// Deps are what a Service works with.
type Deps struct {
	Runtime   engage.Runtime
	Workflows WorkflowRepository
	Runs      RunRepository
	Due       RunRepositoryAcross
	Actors    []Actor
}

// Config tunes a Service. The zero Config works.
type Config struct{}

// Service holds the rules of workflows and runs. It is safe for concurrent use.
type Service struct {
	rt        engage.Runtime
	workflows WorkflowRepository
	runs      RunRepository
	due       RunRepositoryAcross
	actors    map[string]Actor
	worker    *engage.Loop
}

// New makes a Service, or answers every fault of its arguments at once.
func New(d Deps, _ Config) (*Service, error) {
	var faults engage.Faults
	rt := d.Runtime.Resolve(&faults)
	if d.Workflows == nil {
		faults.Add("workflows", "required", "a WorkflowRepository is required")
	}
	if d.Runs == nil || d.Due == nil {
		faults.Add("runs", "required", "a RunRepository and a RunRepositoryAcross are required")
	}
	actors := map[string]Actor{}
	for _, a := range d.Actors {
		if actors[a.Kind()] != nil {
			faults.Add("actors", "duplicate", "two actors do %.40q", a.Kind())
		}
		actors[a.Kind()] = a
	}
	if err := faults.Err("automation.New", ""); err != nil {
		return nil, err
	}
	s := &Service{rt: rt, workflows: d.Workflows, runs: d.Runs, due: d.Due, actors: actors}
	s.worker = engage.NewLoop("automation.runs", rt.Log, s.step)
	return s, nil
}

// Workers are the package's background work: one that moves due runs on.
func (s *Service) Workers() []engage.Worker { return []engage.Worker{s.worker} }
