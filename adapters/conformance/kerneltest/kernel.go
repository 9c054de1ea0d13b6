package kerneltest

import (
	"context"
	"testing"

	"github.com/go-engage/engage"
)

// Kernel is what the suite is run against: the kernel's ports over one empty
// database, engage.DefaultShard.
type Kernel struct {
	Tx     engage.Transactor
	Events engage.Publisher
	Log    engage.EventLog
	Parked engage.ParkedEvents
	Leases engage.Leases
	Notes  Notes

	// BrokenRead runs a read that the database refuses, of a table that does not
	// exist, as a read port would run it, and answers its error. Nil: no read
	// can fail, and the cases about it are skipped.
	BrokenRead func(ctx context.Context, ws engage.WorkspaceID) error

	// Clock is the clock that the kernel was opened with.
	Clock *engage.ManualClock

	// Sequence gives the committed slices their positions, as the kernel's
	// worker would. Nil: they have them when InTx returns.
	Sequence func(ctx context.Context) error

	// Away puts a workspace that nobody has written for on another database than
	// engage.DefaultShard, and answers which. Nil: there is none, and the cases
	// about it are skipped.
	Away func(ctx context.Context, ws engage.WorkspaceID) (engage.Shard, error)

	// Prune removes the slices that need not be kept, as the kernel's worker
	// would. Nil: the cases about it are skipped.
	Prune func(ctx context.Context) error
}

// Notes is a scratch table in the kernel's database: one text for each
// workspace and key. An adapter's test implements it as the adapter's write and
// read ports are implemented.
type Notes interface {
	// Put stores a note or replaces it. It is a write port: without a
	// transaction and in another workspace's it answers ErrFailedPrecondition,
	// for the zero workspace ErrInvalid. It locks the note until the
	// transaction ends, where the database has such locks.
	Put(ctx context.Context, ws engage.WorkspaceID, key, value string) error
	// Get answers a note, or ErrNotFound.
	Get(ctx context.Context, ws engage.WorkspaceID, key string) (string, error)
	// All answers the workspace's notes by key.
	All(ctx context.Context, ws engage.WorkspaceID) (map[string]string, error)
}

// RunConformance runs the suite as Suite's zero value.
func RunConformance(t *testing.T, open func(t *testing.T) Kernel) {
	t.Helper()
	Suite{}.Run(t, open)
}

// Suite is how the suite is run. The zero value is what CI takes.
type Suite struct {
	Transactions int    // of the random script; 0: 2,000, or 200 with -short
	Seed         uint64 // of the random script
}

// Run runs every case against kernels that open makes. Open answers an empty
// one at each call, and closes it by t.Cleanup.
func (s Suite) Run(t *testing.T, open func(t *testing.T) Kernel) {
	t.Helper()
	if s.Transactions == 0 {
		s.Transactions = 2000
		if testing.Short() {
			s.Transactions = 200
		}
	}
	groups := []struct {
		name  string
		cases []testCase
	}{
		{"a write", writeCases},
		{"a transaction", transactionCases},
		{"a nested call", nestingCases},
		{"a transaction of a shard", shardCases},
		{"a workspace of another database", awayCases},
		{"a function after the commit", afterCommitCases},
		{"an event", eventCases},
		{"a slice", sliceCases},
		{"the log", logCases},
		{"a claim", claimCases},
		{"a cursor", cursorCases},
		{"a parked event", parkedCases},
		{"parked events", parkedEventsCases},
		{"a lease", leaseCases},
		{"pruning", pruneCases},
		{"a random script", s.scriptCases()},
	}
	for _, group := range groups {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range group.cases {
				t.Run(c.rule, func(t *testing.T) {
					t.Parallel()
					c.check(t, newFixture(t, open(t)))
				})
			}
		})
	}
}

// testCase is one rule and how it is checked.
type testCase struct {
	rule  string
	check func(t *testing.T, k *fixture)
}
