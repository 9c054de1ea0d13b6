package plans

import (
	"context"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
)

// CounterKey tells the counters of an organization apart.
type CounterKey struct {
	Meter Meter
	Start time.Time // of the period
}

// Counter is what an organization used of a meter in a period.
type Counter struct {
	CounterKey
	Used int64
	Told int // the highest threshold whose crossing was told, in percent
}

// Share is what a workspace used of an organization's counter.
type Share struct {
	Workspace engage.WorkspaceID
	Used      int64
}

// Addition is a use to be counted, or with a negative N one to be given back.
type Addition struct {
	CounterKey
	Workspace engage.WorkspaceID // whose use it is
	N         int64
	Max       int64     // what the counter may reach; Unlimited: anything
	At        time.Time // when
}

// UsageRepository keeps the counters of organizations. Its tenant is the
// organization: ws is accounts.LogOf of its id. Writes need the transaction in
// ctx.
type UsageRepository interface {
	// Add counts and answers the counter as it then is, and true. What would take
	// a growing counter above Max, or the counter or the workspace's share below
	// zero, has no effect and answers the counter as it is, and false. Concurrent
	// calls are counted one after another: a counter never goes above the Max of
	// whoever adds to it. A counter that nobody added to is zero.
	Add(ctx context.Context, ws engage.WorkspaceID, a Addition) (Counter, bool, error)
	// Tell raises Told of a counter to percent, and answers whether it was lower.
	// For a counter that nobody added to it answers false.
	Tell(ctx context.Context, ws engage.WorkspaceID, key CounterKey, percent int) (bool, error)
	// Counters answers those that were added to among keys, at most
	// engage.MaxBatch, ordered by meter, then start.
	Counters(ctx context.Context, ws engage.WorkspaceID, keys []CounterKey) ([]Counter, error)
	// Shares answers the shares of a counter, ordered by workspace.
	Shares(ctx context.Context, ws engage.WorkspaceID, key CounterKey, page engage.PageRequest) (engage.Page[Share], error)
	// Mark notes a key of at most engage.MaxKeyBytes and answers whether it is
	// new. It waits for who notes the same.
	Mark(ctx context.Context, ws engage.WorkspaceID, key string, at time.Time) (bool, error)
}

// UsageRepositoryAcross is what the worker needs of all organizations of a
// database.
type UsageRepositoryAcross interface {
	// PruneAcross removes marks that were noted before an instant, at most limit
	// and that engage.MaxBatch, the oldest first, and answers how many. It needs
	// the transaction of InShard.
	PruneAcross(ctx context.Context, shard engage.Shard, before time.Time, limit int) (int, error)
}

// Receipt says what was counted.
type Receipt struct {
	Organization accounts.OrganizationID
	Meter        Meter
	Period       Period
	N            int64
	Used         int64 // of the allowance, when it was counted
	Included     int64 // or Unlimited
	Repeated     bool  // the key was known: nothing was counted now
}

// Consume counts n uses of a meter by a workspace, and answers a receipt that
// Return takes. Above a hard limit nothing is counted: it answers
// ErrResourceExhausted with a *LimitError. A workspace whose organization has no
// subscription that serves answers ErrFailedPrecondition, as does a call in a
// transaction that is pinned to a workspace.
//
// Crossing 80 and 100 percent of an allowance is told once a period.
func (s *Service) Consume(ctx context.Context, ws engage.WorkspaceID, meter Meter, n int64) (Receipt, error) {
	return s.consume(ctx, "plans.Consume", ws, meter, n, "")
}

// ConsumeOnce is Consume for what may be tried again: a key that the organization
// named before, within MarkLife, counts nothing and answers a receipt that says
// Repeated. The id of the event that is worked on is such a key.
func (s *Service) ConsumeOnce(ctx context.Context, ws engage.WorkspaceID, meter Meter, n int64, key string) (Receipt, error) {
	const op = "plans.ConsumeOnce"
	var faults engage.Faults
	if key == "" || len(key) > engage.MaxKeyBytes {
		faults.Add("key", "invalid", "%d bytes, want 1 to %d", len(key), engage.MaxKeyBytes)
	}
	if err := faults.Err(op, ""); err != nil {
		return Receipt{}, err
	}
	return s.consume(ctx, op, ws, meter, n, key)
}

func (s *Service) consume(ctx context.Context, op string, ws engage.WorkspaceID, meter Meter, n int64, key string) (Receipt, error) {
	var faults engage.Faults
	if !s.meters[meter] {
		faults.Add("meter", "unknown", "%.64q is no meter", string(meter))
	}
	checkAmount(&faults, n)
	id, err := s.organization(ctx, op, ws, faults)
	if err != nil {
		return Receipt{}, err
	}
	var receipt Receipt
	err = s.rt.Tx.InTx(ctx, accounts.LogOf(id), func(ctx context.Context) error {
		now := s.rt.Clock.Now()
		limit, period, err := s.allowance(ctx, op, id, meter, now)
		if err != nil {
			return err
		}
		receipt = Receipt{Organization: id, Meter: meter, Period: period, N: n, Included: limit.Included}
		if key != "" {
			isNew, err := s.usage.Mark(ctx, accounts.LogOf(id), key, now)
			if err != nil {
				return err
			}
			if !isNew {
				receipt.N, receipt.Repeated = 0, true
				return nil
			}
		}
		counter, err := s.count(ctx, op, id, ws, limit, period, n, now)
		receipt.Used = counter.Used
		return err
	})
	if err != nil {
		return Receipt{}, err
	}
	return receipt, nil
}

// count adds to a counter and tells which thresholds that crossed.
func (s *Service) count(ctx context.Context, op string, id accounts.OrganizationID, ws engage.WorkspaceID, limit Limit, period Period, n int64, now time.Time) (Counter, error) {
	addition := Addition{CounterKey: CounterKey{limit.Meter, period.Start}, Workspace: ws, N: n, Max: limit.Included, At: now}
	if limit.Soft {
		addition.Max = Unlimited
	}
	counter, ok, err := s.usage.Add(ctx, accounts.LogOf(id), addition)
	if err != nil {
		return counter, err
	}
	if !ok {
		return counter, exhausted(op, &LimitError{
			Meter: limit.Meter, Included: limit.Included, Remaining: max(0, limit.Included-counter.Used), ResetsAt: period.End,
		})
	}
	if limit.Included == Unlimited {
		return counter, nil
	}
	for _, percent := range thresholds {
		if counter.Told >= percent || counter.Used < limit.threshold(percent) {
			continue
		}
		isNew, err := s.usage.Tell(ctx, accounts.LogOf(id), addition.CounterKey, percent)
		if err != nil {
			return counter, err
		}
		if !isNew {
			continue
		}
		err = s.rt.Events.Publish(ctx, accounts.LogOf(id), ThresholdCrossed{
			Organization: id, Workspace: ws, Meter: limit.Meter, Percent: percent, Used: counter.Used, Included: limit.Included, Period: period,
		})
		if err != nil {
			return counter, err
		}
	}
	return counter, nil
}

// Return gives back n uses of what a receipt counted for the workspace, in the
// period in which it was counted. More than is counted there answers
// ErrFailedPrecondition; more than the receipt says ErrInvalid. What was told of
// thresholds stays told.
func (s *Service) Return(ctx context.Context, ws engage.WorkspaceID, receipt Receipt, n int64) error {
	const op = "plans.Return"
	var faults engage.Faults
	if !s.meters[receipt.Meter] || receipt.Period.Start.IsZero() {
		faults.Add("receipt", "invalid", "it is not of Consume")
	}
	if n < 1 || n > receipt.N {
		faults.Add("n", "out_of_range", "%d, want 1 to the %d of the receipt", n, receipt.N)
	}
	id, err := s.organization(ctx, op, ws, faults)
	if err != nil {
		return err
	}
	if id != receipt.Organization {
		return &engage.Error{Code: engage.NotFound, Op: op, Entity: "receipt of " + receipt.Organization.String()}
	}
	return s.rt.Tx.InTx(ctx, accounts.LogOf(id), func(ctx context.Context) error {
		_, ok, err := s.usage.Add(ctx, accounts.LogOf(id), Addition{
			CounterKey: CounterKey{receipt.Meter, receipt.Period.Start}, Workspace: ws, N: -n, Max: Unlimited, At: s.rt.Clock.Now(),
		})
		if err == nil && !ok {
			err = refused(op, id, "less than %d %s are counted for %s", n, receipt.Meter, ws)
		}
		return err
	})
}

// MeterUsage is a line of a report.
type MeterUsage struct {
	Limit  Limit
	Period Period
	Used   int64
}

// Usage answers what an organization used in its current period, a line for each
// meter in the order of its plan. Without a subscription it answers ErrNotFound.
func (s *Service) Usage(ctx context.Context, id accounts.OrganizationID) ([]MeterUsage, error) {
	sub, err := s.subscriptions.Get(ctx, accounts.LogOf(id))
	if err != nil {
		return nil, err
	}
	plan, err := s.plan("plans.Usage", sub)
	if err != nil {
		return nil, err
	}
	now := s.rt.Clock.Now()
	report := make([]MeterUsage, len(plan.Limits))
	keys := make([]CounterKey, len(plan.Limits))
	for i, limit := range plan.Limits {
		period, err := s.period(sub, limit, now)
		if err != nil {
			return nil, err
		}
		report[i], keys[i] = MeterUsage{Limit: limit, Period: period}, CounterKey{limit.Meter, period.Start}
	}
	counters, err := s.usage.Counters(ctx, accounts.LogOf(id), keys)
	if err != nil {
		return nil, err
	}
	for _, counter := range counters {
		for i := range report {
			if report[i].Limit.Meter == counter.Meter {
				report[i].Used = counter.Used
			}
		}
	}
	return report, nil
}

// Shares answers a page of what each workspace used of a meter in the
// organization's current period, ordered by workspace.
func (s *Service) Shares(ctx context.Context, id accounts.OrganizationID, meter Meter, page engage.PageRequest) (engage.Page[Share], error) {
	const op = "plans.Shares"
	var none engage.Page[Share]
	sub, err := s.subscriptions.Get(ctx, accounts.LogOf(id))
	if err != nil {
		return none, err
	}
	plan, err := s.plan(op, sub)
	if err != nil {
		return none, err
	}
	limit, ok := plan.Limit(meter)
	if !ok {
		var faults engage.Faults
		faults.Add("meter", "unknown", "%.64q is no meter", string(meter))
		return none, faults.Err(op, "")
	}
	period, err := s.period(sub, limit, s.rt.Clock.Now())
	if err != nil {
		return none, err
	}
	return s.usage.Shares(ctx, accounts.LogOf(id), CounterKey{meter, period.Start}, page)
}

// organization answers whose a workspace is, unless there are faults.
func (s *Service) organization(ctx context.Context, op string, ws engage.WorkspaceID, faults engage.Faults) (accounts.OrganizationID, error) {
	if ws.IsZero() {
		faults.Add("workspace", "required", "the zero workspace is refused")
	}
	if err := faults.Err(op, ""); err != nil {
		return accounts.OrganizationID{}, err
	}
	return s.organizations.OrganizationOf(ctx, ws)
}

// allowance answers what an organization's plan includes of a meter now.
func (s *Service) allowance(ctx context.Context, op string, id accounts.OrganizationID, meter Meter, now time.Time) (Limit, Period, error) {
	sub, err := s.subscriptions.Get(ctx, accounts.LogOf(id))
	switch {
	case engage.CodeOf(err) == engage.NotFound:
		return Limit{}, Period{}, refused(op, id, "there is none")
	case err != nil:
		return Limit{}, Period{}, err
	case !sub.Serves(now):
		return Limit{}, Period{}, refused(op, id, "it is %s and serves no longer", sub.StateAt(now))
	}
	plan, err := s.plan(op, sub)
	if err != nil {
		return Limit{}, Period{}, err
	}
	limit, _ := plan.Limit(meter) // each plan has each meter
	period, err := s.period(sub, limit, now)
	return limit, period, err
}

// plan answers the plan of a subscription. One that the host has removed from its
// configuration is a fault of the host's.
func (s *Service) plan(op string, sub Subscription) (Plan, error) {
	plan, ok := s.plans[sub.Plan]
	if !ok {
		return Plan{}, refused(op, sub.Organization, "its plan %q is not configured", sub.Plan)
	}
	return plan, nil
}

func (s *Service) period(sub Subscription, limit Limit, now time.Time) (Period, error) {
	if limit.Span == Total {
		return always, nil
	}
	zone, err := s.zone(sub.TimeZone)
	if err != nil {
		return Period{}, &engage.Error{Code: engage.Internal, Op: "plans.period", Entity: entity(sub.Organization), Err: err}
	}
	return monthOf(sub.AnchorDay, zone, now), nil
}

func checkAmount(faults *engage.Faults, n int64) {
	if n < 1 || n > MaxAmount {
		faults.Add("n", "out_of_range", "%d, want 1 to %d", n, MaxAmount)
	}
}
