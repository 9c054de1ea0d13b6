package automation

import "time"

const (
	// MaxNameBytes is the length of a workflow's name.
	MaxNameBytes = 200
	// MaxNodeIDBytes is the length of a node's id. With it, a request's key stays
	// below engage.MaxKeyBytes.
	MaxNodeIDBytes = 100
	// MaxDefinitionBytes is the size of a definition's wire form, which is read
	// with every step of a run.
	MaxDefinitionBytes = 1 << 20
	// MaxNodes is the number of nodes of a workflow.
	MaxNodes = 500
	// MaxParamsBytes is the size of one action's parameters.
	MaxParamsBytes = 16 << 10
	// MaxWait is the longest that a node waits.
	MaxWait = 366 * 24 * time.Hour
	// MaxVisits is how many nodes a run enters: loops end. It is above MaxNodes,
	// so that every workflow without a loop comes to its end.
	MaxVisits = 1000
	// MaxAttempts is how often an action is tried before its run fails.
	MaxAttempts = 8

	// MaxErrorBytes is the length of an error's text in a run and its log: a
	// panic's stack down to the actor.
	MaxErrorBytes = 4 << 10

	// changeAttempts is how often an edit of a workflow is tried when others edit
	// it at the same time.
	changeAttempts = 3
	// stepsAtOnce is how many nodes a run passes before others have their turn.
	stepsAtOnce = 20
	// claimSize is the number of runs a worker takes at once, where a step costs
	// a fiftieth of what it costs alone.
	claimSize = 1000
	// claimLease is how long a worker may keep them.
	claimLease = time.Minute
)
