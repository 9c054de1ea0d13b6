package plans_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/adapters/accounts/plans/planstest"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memplans"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 3, 10, 12, 0, 0, 123456000, time.UTC)

// The meters of the plans below.
const (
	email    plans.Meter = "messages.email"
	sms      plans.Meter = "messages.sms"
	people   plans.Meter = "contacts"
	requests plans.Meter = "requests"
)

func catalogue() []plans.Plan {
	return []plans.Plan{
		{ID: "free", Name: "Free", Limits: []plans.Limit{
			{Meter: email, Included: 100}, {Meter: sms}, {Meter: people, Included: 50, Span: plans.Total}, {Meter: requests, Included: 1000, Soft: true},
		}},
		{ID: "pro", Name: "Pro", Limits: []plans.Limit{
			{Meter: people, Included: plans.Unlimited, Span: plans.Total}, {Meter: email, Included: 10_000}, {Meter: sms, Included: 100, Soft: true}, {Meter: requests, Included: plans.Unlimited},
		}},
	}
}

// directory is whose the workspaces are.
type directory map[engage.WorkspaceID]accounts.OrganizationID

func (d directory) OrganizationOf(_ context.Context, ws engage.WorkspaceID) (accounts.OrganizationID, error) {
	id, known := d[ws]
	if !known {
		return id, &engage.Error{Code: engage.NotFound, Op: "OrganizationOf", Entity: "workspace " + ws.String()}
	}
	return id, nil
}

// testBundle is a service over an empty store; the organization has two
// workspaces, the other one has one.
type testBundle struct {
	t          *testing.T
	ctx        context.Context
	clock      *engage.ManualClock
	store      *memory.Store
	deps       plans.Deps
	service    *plans.Service
	org, other accounts.OrganizationID
	ws, ws2    engage.WorkspaceID
	theirs     engage.WorkspaceID
	read       int // of the log of org
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	clock := engage.NewManualClock(start)
	store := memory.New(memory.Config{Clock: clock})
	usage := memplans.NewUsage(store)
	b := &testBundle{
		t: t, ctx: engage.WithActor(t.Context(), engage.Actor{Type: "user", ID: "usr_1"}), clock: clock, store: store,
		org: accounts.OrganizationID{1}, other: accounts.OrganizationID{2}, ws: engage.WorkspaceID{3}, ws2: engage.WorkspaceID{4}, theirs: engage.WorkspaceID{5},
	}
	b.deps = plans.Deps{
		Runtime:       engage.Runtime{Tx: store, Events: store, Clock: clock},
		Subscriptions: memplans.NewSubscriptions(store), Usage: usage, Across: usage,
		Organizations: directory{b.ws: b.org, b.ws2: b.org, b.theirs: b.other},
	}
	b.configure(plans.Config{Plans: catalogue()})
	return b
}

func (b *testBundle) configure(cfg plans.Config) {
	b.t.Helper()
	var err error
	b.service, err = plans.New(b.deps, cfg)
	b.no(err)
}

func (b *testBundle) no(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("unexpected error: %v", err)
	}
}

func (b *testBundle) code(err error, want engage.Code, paths ...string) {
	b.t.Helper()
	if got := engage.CodeOf(err); got != want {
		b.t.Fatalf("code %q, want %q: %v", got, want, err)
	}
	var got []string
	for _, f := range engage.FieldsOf(err) {
		got = append(got, f.Path)
	}
	if len(paths) > 0 && !slices.Equal(got, paths) {
		b.t.Fatalf("faults at %q, want %q", got, paths)
	}
}

func (b *testBundle) same(got, want any) {
	b.t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		b.t.Fatalf("-want +got:\n%s", diff)
	}
}

// tells fails the test unless exactly these domain events are new in the log of
// the organization, as "name payload" with each "*" for anything.
func (b *testBundle) tells(patterns ...string) {
	b.t.Helper()
	read, err := b.store.Read(b.ctx, engage.DefaultShard, engage.PartitionOf(accounts.LogOf(b.org)), 0, 1_000_000)
	b.no(err)
	var all []string
	for _, slice := range read {
		for _, e := range slice.Events {
			if e.Workspace == accounts.LogOf(b.org) {
				all = append(all, e.Name+" "+string(e.Data))
			}
		}
	}
	got := all[b.read:]
	b.read = len(all)
	ok := len(got) == len(patterns)
	for i := range min(len(got), len(patterns)) {
		ok = ok && matches(got[i], patterns[i])
	}
	if !ok {
		b.t.Fatalf("published:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(patterns, "\n  "))
	}
}

func matches(s, pattern string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return s == pattern
	}
	s, ok := strings.CutPrefix(s, parts[0])
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(s, part)
		s, ok = after, ok && found
	}
	return ok && strings.HasSuffix(s, parts[len(parts)-1])
}

// subscribe gives the organization the free plan, with periods from the first of the
// month.
func (b *testBundle) subscribe() {
	b.t.Helper()
	_, err := b.service.Subscribe(b.ctx, b.org, plans.Subscribe{Plan: "free", AnchorDay: 1})
	b.no(err)
	b.tells("accounts.subscription.*")
}

func (b *testBundle) consume(ws engage.WorkspaceID, meter plans.Meter, n int64) plans.Receipt {
	b.t.Helper()
	receipt, err := b.service.Consume(b.ctx, ws, meter, n)
	b.no(err)
	return receipt
}

// used is the organization's report, by meter.
func (b *testBundle) used() map[plans.Meter]int64 {
	b.t.Helper()
	report, err := b.service.Usage(b.ctx, b.org)
	b.no(err)
	used := map[plans.Meter]int64{}
	for _, line := range report {
		used[line.Limit.Meter] = line.Used
	}
	maps.DeleteFunc(used, func(_ plans.Meter, n int64) bool { return n == 0 })
	return used
}

func (b *testBundle) adapter() planstest.Adapter {
	return planstest.Adapter{Tx: b.store, Subscriptions: b.deps.Subscriptions, Usage: b.deps.Usage, Across: b.deps.Across}
}

// dump is everything that is stored of an organization in the current month.
func (b *testBundle) dump(id accounts.OrganizationID) string {
	b.t.Helper()
	var keys []plans.CounterKey
	for _, meter := range []plans.Meter{email, sms, people, requests} {
		for _, at := range []time.Time{time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, 0).UTC()} {
			keys = append(keys, plans.CounterKey{Meter: meter, Start: at})
		}
	}
	return planstest.Dump(b.ctx, b.t, b.adapter(), accounts.LogOf(id), keys...)
}
