package audit

import (
	"context"
	"iter"
	"slices"

	"github.com/go-engage/engage"
)

// Deps are what a Service works with. The Publisher of its Runtime is not used.
type Deps struct {
	Runtime engage.Runtime
	Entries Repository
}

// Service reads and verifies trails; its Consumer chains them.
type Service struct {
	rt      engage.Runtime
	entries Repository
}

// New makes a Service, or answers every fault of its arguments at once.
func New(d Deps, _ Config) (*Service, error) {
	var faults engage.Faults
	rt := d.Runtime.Resolve(&faults)
	if d.Entries == nil {
		faults.Add("entries", "required", "a Repository is required")
	}
	if err := faults.Err("audit.New", ""); err != nil {
		return nil, err
	}
	return &Service{rt: rt, entries: d.Entries}, nil
}

// Entries answers a page of the entries that a query selects, the newest first.
func (s *Service) Entries(ctx context.Context, ws engage.WorkspaceID, query Query) (engage.Page[Entry], error) {
	query.From, query.Until = engage.Instant(query.From), engage.Instant(query.Until)
	return s.entries.List(ctx, ws, query)
}

// Export answers all entries that a query selects, the newest first.
func (s *Service) Export(ctx context.Context, ws engage.WorkspaceID, query Query) iter.Seq2[Entry, error] {
	return engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[Entry], error) {
		query.PageRequest = page
		return s.Entries(ctx, ws, query)
	})
}

// Head answers the end of the workspace's chain, for a witness outside of the
// database.
func (s *Service) Head(ctx context.Context, ws engage.WorkspaceID) (Head, error) {
	return s.entries.Head(ctx, ws)
}

// Erase removes the workspace's whole trail, when the workspace itself is erased.
func (s *Service) Erase(ctx context.Context, ws engage.WorkspaceID) error {
	return s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		_, err := s.entries.Erase(ctx, ws)
		return err
	})
}

// Consumer gives recorded entries their places in the chain, in the order of the
// log.
func (s *Service) Consumer() *engage.Consumer {
	c := engage.NewConsumer("audit.chain")
	engage.On(c, func(ctx context.Context, ws engage.WorkspaceID, received []engage.Received[Recorded]) error {
		var entries []Digested
		for _, r := range received {
			entries = append(entries, r.Payload.Entries...)
		}
		return s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error { return s.chain(ctx, ws, entries) })
	})
	return c
}

// chain appends entries to the chain. It trusts the digests of the log, not what
// the entries say by now: Verify compares the two.
func (s *Service) chain(ctx context.Context, ws engage.WorkspaceID, entries []Digested) error {
	head, err := s.entries.Lock(ctx, ws)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(entries, engage.MaxBatch) {
		links := make([]Link, len(chunk))
		for i, e := range chunk {
			head.Number++
			head.Hash = head.Hash.Next(head.Number, e.Digest)
			links[i] = Link{ID: e.ID, Number: head.Number, Hash: head.Hash}
		}
		head.At = s.rt.Clock.Now()
		if err := s.entries.Chain(ctx, ws, links, head); err != nil {
			return err
		}
		head.Version++
	}
	return nil
}
