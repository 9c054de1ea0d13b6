package plans

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
)

// Organizations tells whose a workspace is.
type Organizations interface {
	// OrganizationOf answers the organization of a workspace, or ErrNotFound. It
	// is asked before each count and should answer from memory.
	OrganizationOf(ctx context.Context, ws engage.WorkspaceID) (accounts.OrganizationID, error)
}

// Deps are what a Service works with.
type Deps struct {
	Runtime       engage.Runtime
	Subscriptions SubscriptionRepository
	Usage         UsageRepository
	Across        UsageRepositoryAcross // over the tables of Usage
	Organizations Organizations
	Billing       Billing // nil: subscriptions are billed by hand
}

// Config tunes a Service.
type Config struct {
	// Plans are what organizations may subscribe to. Required.
	Plans []Plan
}

// Service holds the rules of plans. It is safe for concurrent use.
type Service struct {
	rt            engage.Runtime
	subscriptions SubscriptionRepository
	usage         UsageRepository
	across        UsageRepositoryAcross
	organizations Organizations
	billing       Billing
	plans         map[string]Plan
	meters        map[Meter]bool
	zones         sync.Map // *time.Location by name: loading one reads a file
	worker        *engage.Loop

	mu        sync.Mutex
	nextPrune time.Time
}

// New makes a Service, or answers every fault of its arguments at once.
func New(d Deps, cfg Config) (*Service, error) {
	var faults engage.Faults
	rt := d.Runtime.Resolve(&faults)
	for _, dep := range []struct {
		path    string
		missing bool
	}{
		{"subscriptions", d.Subscriptions == nil}, {"usage", d.Usage == nil}, {"across", d.Across == nil}, {"organizations", d.Organizations == nil},
	} {
		if dep.missing {
			faults.Add(dep.path, "required", "it is required")
		}
	}
	plans := catalogue(&faults, cfg.Plans)
	if err := faults.Err("plans.New", ""); err != nil {
		return nil, err
	}
	s := &Service{
		rt: rt, subscriptions: d.Subscriptions, usage: d.Usage, across: d.Across, organizations: d.Organizations, billing: d.Billing,
		plans: map[string]Plan{}, meters: map[Meter]bool{},
	}
	for _, plan := range plans {
		s.plans[plan.ID] = plan
		for _, limit := range plan.Limits {
			s.meters[limit.Meter] = true
		}
	}
	s.worker = engage.NewLoop("plans.marks", rt.Log, s.pruneMarks)
	return s, nil
}

// Workers are what removes marks whose time is over. One process of an
// installation is enough, any number is no harm.
func (s *Service) Workers() []engage.Worker { return []engage.Worker{s.worker} }

// Plan answers a plan by its id.
func (s *Service) Plan(id string) (Plan, bool) {
	plan, ok := s.plans[id]
	return plan.clone(), ok
}

// pruneMarks is the worker's step: a batch of each database while there is one to
// remove, then nothing for an hour.
func (s *Service) pruneMarks(ctx context.Context) (int, error) {
	now := s.rt.Clock.Now()
	s.mu.Lock()
	idle := now.Before(s.nextPrune)
	s.mu.Unlock()
	if idle {
		return 0, nil
	}
	shards, err := s.rt.Tx.Shards(ctx)
	if err != nil {
		return 0, err
	}
	total := 0
	for _, shard := range shards {
		n := 0
		err := s.rt.Tx.InShard(ctx, shard, func(ctx context.Context) (err error) {
			n, err = s.across.PruneAcross(ctx, shard, now.Add(-MarkLife), pruned)
			return err
		})
		if err != nil {
			return total, err
		}
		total += n
	}
	if total == 0 {
		s.mu.Lock()
		s.nextPrune = now.Add(between)
		s.mu.Unlock()
	}
	return total, nil
}

// zone loads a time zone once. Names come from checked subscriptions, so there
// are no more than the world has.
func (s *Service) zone(name string) (*time.Location, error) {
	if known, ok := s.zones.Load(name); ok {
		return known.(*time.Location), nil //nolint:forcetypeassert // nothing else is stored
	}
	if len(name) > 64 || name == "Local" {
		return nil, fmt.Errorf("%.64q is no IANA time zone", name)
	}
	zone, err := time.LoadLocation(name)
	if err == nil {
		s.zones.Store(name, zone)
	}
	return zone, err
}
