package planstest

import (
	"context"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/internal/porttest"
)

// Adapter is what a storage adapter gives to the suite: its ports, over one
// database.
type Adapter struct {
	Tx            engage.Transactor
	Subscriptions plans.SubscriptionRepository
	Usage         plans.UsageRepository
	Across        plans.UsageRepositoryAcross
}

// RunConformance runs the suite. open is called twice: for the cases that keep
// apart by using organizations of their own and run in parallel, and for those
// that see every organization and run one after another.
func RunConformance(t *testing.T, open func(t *testing.T) Adapter) {
	t.Helper()
	apart, across := open(t), open(t)
	for _, group := range []struct {
		name  string
		cases func(*testing.T, Adapter)
		a     Adapter
	}{
		{"every port", everyPort, apart},
		{"subscriptions", subscriptionCases, apart},
		{"counters", counterCases, apart},
		{"many at once", concurrentCases, apart},
		{"shares", shareCases, apart},
		{"marks", markCases, apart},
		{"marks across organizations", acrossCases, across},
	} {
		t.Run(group.name, func(t *testing.T) { group.cases(t, group.a) })
	}
}

var start = porttest.Start

// fixture is a case's two organizations, with the ports.
type fixture struct {
	*porttest.Fixture
	Adapter
}

func newFixture(t *testing.T, a Adapter) *fixture {
	t.Helper()
	return &fixture{Fixture: porttest.New(t, a.Tx), Adapter: a}
}

// run makes a case of a function.
func run(t *testing.T, a Adapter, name string, fn func(f *fixture)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		fn(newFixture(t, a))
	})
}

// runAlone makes a case that sees the marks of other cases.
func runAlone(t *testing.T, a Adapter, name string, fn func(f *fixture)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { fn(newFixture(t, a)) })
}

// subscription is one in which every field has a value, and which is not stored.
func (f *fixture) subscription() plans.Subscription {
	return plans.Subscription{
		Organization: accounts.OrganizationID(f.WS), Plan: "pro-2026", State: plans.Trialing, AnchorDay: 31, TimeZone: "America/Sao_Paulo",
		TrialEndsAt: start.Add(time.Hour), EndsAt: start.Add(2 * time.Hour), Ref: "sub_'😀\\", CreatedAt: start, UpdatedAt: start.Add(time.Microsecond),
	}
}

// put stores a subscription, which must succeed.
func (f *fixture) put(ws engage.WorkspaceID, subscription plans.Subscription) {
	f.T.Helper()
	f.InOf(ws, func(ctx context.Context) error { return f.Subscriptions.Put(ctx, ws, subscription) })
}

func (f *fixture) tryPut(subscription plans.Subscription) error {
	return f.Try(func(ctx context.Context) error { return f.Subscriptions.Put(ctx, f.WS, subscription) })
}

// key is a counter's.
func key(meter plans.Meter) plans.CounterKey { return plans.CounterKey{Meter: meter, Start: start} }

// addition is one use of an own workspace without a limit.
func (f *fixture) addition(meter plans.Meter, n int64) plans.Addition {
	return plans.Addition{CounterKey: key(meter), Workspace: f.WS, N: n, Max: plans.Unlimited, At: start}
}

// add counts in a transaction of its own.
func (f *fixture) add(a plans.Addition) (counter plans.Counter, ok bool) {
	f.T.Helper()
	f.In(func(ctx context.Context) (err error) {
		counter, ok, err = f.Usage.Add(ctx, f.WS, a)
		return err
	})
	return counter, ok
}

// counts fails the case unless an addition is counted, or refused, and leaves the
// counter so.
func (f *fixture) counts(a plans.Addition, want bool, used int64) {
	f.T.Helper()
	counter, ok := f.add(a)
	f.Same(counter, plans.Counter{CounterKey: a.CounterKey, Used: used, Told: counter.Told})
	f.Same(ok, want)
}

func (f *fixture) counters(keys ...plans.CounterKey) []plans.Counter {
	f.T.Helper()
	found, err := f.Usage.Counters(f.Ctx, f.WS, keys)
	f.No(err)
	return found
}

func (f *fixture) shares(key plans.CounterKey) []plans.Share {
	f.T.Helper()
	var all []plans.Share
	for share, err := range engage.Walk(f.Ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[plans.Share], error) {
		return f.Usage.Shares(ctx, f.WS, key, page)
	}) {
		f.No(err)
		all = append(all, share)
	}
	return all
}

func (f *fixture) mark(ws engage.WorkspaceID, key string, at time.Time) (isNew bool) {
	f.T.Helper()
	f.InOf(ws, func(ctx context.Context) (err error) {
		isNew, err = f.Usage.Mark(ctx, ws, key, at)
		return err
	})
	return isNew
}

// across runs fn in a transaction of the database.
func (f *fixture) across(fn func(ctx context.Context, shard engage.Shard) error) error {
	f.T.Helper()
	shards, err := f.Tx.Shards(f.Ctx)
	f.No(err)
	if len(shards) != 1 {
		f.T.Fatalf("the suite wants one database, got %v", shards)
	}
	return f.Tx.InShard(f.Ctx, shards[0], func(ctx context.Context) error { return fn(ctx, shards[0]) })
}

// Dump is everything that the ports answer of an organization about some
// counters, as JSON lines. Two adapters that were told the same have equal dumps.
func Dump(ctx context.Context, t *testing.T, a Adapter, ws engage.WorkspaceID, keys ...plans.CounterKey) string {
	t.Helper()
	out := porttest.NewDump(t)
	subscription, err := a.Subscriptions.Get(ctx, ws)
	if engage.CodeOf(err) != engage.NotFound {
		out.Add("subscription", subscription, err)
	}
	counters, err := a.Usage.Counters(ctx, ws, keys)
	for _, counter := range counters {
		out.Add("counter", counter, err)
	}
	out.Add("counters", len(counters), err)
	for _, key := range keys {
		for share, err := range engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[plans.Share], error) {
			return a.Usage.Shares(ctx, ws, key, page)
		}) {
			out.Add("share", share, err)
		}
	}
	return out.String()
}
