package memory

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/go-engage/engage"
)

// Config is what a Store is made of. The zero value works.
type Config struct {
	Clock engage.Clock    // nil: engage.SystemClock
	IDs   engage.IDSource // of events and slices; nil: engage.NewIDSource(Clock, nil)
	Log   *slog.Logger    // nil: discards
}

// Store keeps every port of the kernel in memory. It is safe for concurrent
// use, and its data ends with it.
type Store struct {
	clock engage.Clock
	ids   engage.IDSource
	log   *slog.Logger

	writer    chan struct{}         // holds a token while a transaction is open
	committed atomic.Pointer[[]any] // the last commit: trees by table number

	registry sync.Mutex
	tables   map[string]any

	slices    *Table[sliceRow]
	heads     *Table[headRow]
	cursors   *Table[cursorRow]
	parked    *Table[parkedRow]
	leases    *Table[leaseRow]
	pruner    *engage.Loop
	reportedM sync.Mutex
	reported  map[cursorKey]bool
}

var (
	_ engage.Transactor = (*Store)(nil)
	_ engage.Publisher  = (*Store)(nil)
	_ engage.EventLog   = (*Store)(nil)
)

// New makes an empty store.
func New(cfg Config) *Store {
	if cfg.Clock == nil {
		cfg.Clock = engage.SystemClock{}
	}
	if cfg.IDs == nil {
		cfg.IDs = engage.NewIDSource(cfg.Clock, nil)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{
		clock: cfg.Clock, ids: cfg.IDs, log: cfg.Log,
		writer: make(chan struct{}, 1), tables: map[string]any{}, reported: map[cursorKey]bool{},
	}
	s.committed.Store(&[]any{})
	s.slices, s.heads = newSliceTable(s), newHeadTable(s)
	s.cursors, s.parked, s.leases = newCursorTable(s), newParkedTable(s), newLeaseTable(s)
	s.pruner = engage.NewLoop("memory.pruner", cfg.Log, s.Prune)
	return s
}

// Workers is the background work of the store: the pruner of its log. A store
// that lives for one test needs none.
func (s *Store) Workers() []engage.Worker { return []engage.Worker{s.pruner} }

func fault(code engage.Code, op, entity string, cause error) error {
	return &engage.Error{Code: code, Op: "memory." + op, Entity: entity, Err: cause}
}
