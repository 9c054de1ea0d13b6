package plans_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/adapters/accounts/plans/planstest"
	"github.com/go-engage/engage/internal/goldens"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestEventPayloads(t *testing.T) {
	t.Parallel()
	id := accounts.OrganizationID{1}
	from := plans.Terms{Plan: "free", State: plans.Trialing, AnchorDay: 31, TimeZone: "Europe/Paris", TrialEndsAt: start, EndsAt: start.Add(time.Hour), Ref: "sub_<1>"}
	to := from
	to.Plan, to.State = "pro", plans.Active
	goldens.Events(t, *update,
		plans.SubscriptionStarted{Organization: id, Terms: from},
		plans.SubscriptionChanged{Organization: id, From: from, To: to},
		plans.ThresholdCrossed{
			Organization: id, Workspace: engage.WorkspaceID{2}, Meter: email, Percent: 80, Used: 85, Included: 100, Period: plans.Period{Start: start, End: start.AddDate(0, 1, 0)},
		},
	)
}

func TestAnOrganizationSubscribes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.service.Subscription(b.ctx, b.org)
	b.code(err, engage.NotFound)
	sub, err := b.service.Subscribe(b.ctx, b.org, plans.Subscribe{Plan: "pro", TimeZone: "Pacific/Kiritimati", TrialEndsAt: start.Add(time.Hour)})
	b.no(err)
	want := plans.Subscription{
		Organization: b.org, Plan: "pro", State: plans.Trialing, AnchorDay: 11 /* it is tomorrow there */, TimeZone: "Pacific/Kiritimati",
		TrialEndsAt: start.Add(time.Hour), CreatedAt: start, UpdatedAt: start, Version: 1,
	}
	b.same(sub, want)
	got, err := b.service.Subscription(b.ctx, b.org)
	b.no(err)
	b.same(got, want)
	b.tells(`accounts.subscription.started.v1 {"organization_id":"org_*","terms":{"plan":"pro","state":"trialing","anchor_day":11,"time_zone":"Pacific/Kiritimati","trial_ends_at":"2026-03-10T13:00:00.123456Z"}}`)
	_, err = b.service.Subscribe(b.ctx, b.org, plans.Subscribe{Plan: "free"})
	b.code(err, engage.FailedPrecondition)
	b.tells()
}

func TestEveryFaultOfASubscriptionIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.service.Subscribe(b.ctx, accounts.OrganizationID{}, plans.Subscribe{Plan: "gold", AnchorDay: 32, TimeZone: "Mars/Olympus", TrialEndsAt: start})
	b.code(err, engage.Invalid, "organization", "plan", "time_zone", "anchor_day", "trial_ends_at")
	for _, zone := range []string{"Local", "../../etc/passwd", "Europe/Paris\x00"} {
		_, err := b.service.Subscribe(b.ctx, b.org, plans.Subscribe{Plan: "free", TimeZone: zone})
		b.code(err, engage.Invalid, "time_zone")
	}
	b.subscribe()
	_, err = b.service.ChangePlan(b.ctx, b.org, "gold")
	b.code(err, engage.Invalid, "plan")
	_, err = plans.New(plans.Deps{}, plans.Config{})
	b.code(err, engage.Invalid, "runtime.tx", "runtime.events", "subscriptions", "usage", "across", "organizations", "plans")
}

func TestThePlansOfAConfigurationAreChecked(t *testing.T) {
	t.Parallel()
	b := setup(t)
	limit := func(l plans.Limit) []plans.Plan { return []plans.Plan{{ID: "a", Limits: []plans.Limit{l}}} }
	for name, c := range map[string]struct {
		plans []plans.Plan
		paths []string
	}{
		"a plan without an id":     {[]plans.Plan{{}}, []string{"plans[0].id"}},
		"an id in capitals":        {[]plans.Plan{{ID: "Pro"}}, []string{"plans[0].id"}},
		"an id of signs":           {[]plans.Plan{{ID: "-a"}}, []string{"plans[0].id"}},
		"two of one id":            {[]plans.Plan{{ID: "a"}, {ID: "a"}}, []string{"plans[1].id"}},
		"a name that is no text":   {[]plans.Plan{{ID: "a", Name: "\xff"}}, []string{"plans[0].name"}},
		"a meter without a word":   {limit(plans.Limit{}), []string{"plans[0].limits[0].meter"}},
		"less than unlimited":      {limit(plans.Limit{Meter: "m", Included: -2}), []string{"plans[0].limits[0].included"}},
		"more than countable":      {limit(plans.Limit{Meter: "m", Included: plans.MaxAmount + 1}), []string{"plans[0].limits[0].included"}},
		"another span":             {limit(plans.Limit{Meter: "m", Span: "week"}), []string{"plans[0].limits[0].span"}},
		"two limits of a meter":    {[]plans.Plan{{ID: "a", Limits: []plans.Limit{{Meter: "m"}, {Meter: "m"}}}}, []string{"plans[0].limits[1].meter"}},
		"a meter that one forgets": {append(limit(plans.Limit{Meter: "m"}), plans.Plan{ID: "b"}), []string{"plans[1].limits"}},
		"a span that differs": {
			append(limit(plans.Limit{Meter: "m"}), plans.Plan{ID: "b", Limits: []plans.Limit{{Meter: "m", Span: plans.Total}}}), []string{"plans[1].limits[0].span"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			_, err := plans.New(b.deps, plans.Config{Plans: c.plans})
			b.code(err, engage.Invalid, c.paths...)
		})
	}
	given := catalogue()
	service, err := plans.New(b.deps, plans.Config{Plans: given})
	b.no(err)
	given[0].Limits[0].Included = 1
	plan, ok := service.Plan("free")
	limitOf, _ := plan.Limit(email)
	b.same(ok, true)
	b.same(limitOf, plans.Limit{Meter: email, Included: 100, Span: plans.Monthly})
	_, ok = service.Plan("gold")
	b.same(ok, false)
}

// Each move from each state: the state it leads to, no change, or a refusal.
func TestMoves(t *testing.T) {
	t.Parallel()
	const no = plans.State("refused")
	states := map[string]func(b *testBundle){
		"trialing": func(b *testBundle) {
			_, err := b.service.Subscribe(b.ctx, b.org, plans.Subscribe{Plan: "free", TrialEndsAt: start.Add(time.Hour)})
			b.no(err)
		},
		"active": func(b *testBundle) { b.subscribe() },
		"past_due": func(b *testBundle) {
			b.subscribe()
			_, err := b.service.MarkPastDue(b.ctx, b.org)
			b.no(err)
		},
		"ending": func(b *testBundle) {
			b.subscribe()
			_, err := b.service.Cancel(b.ctx, b.org, start.Add(time.Hour))
			b.no(err)
		},
		"ended by itself": func(b *testBundle) {
			b.subscribe()
			_, err := b.service.Cancel(b.ctx, b.org, start.Add(time.Hour))
			b.no(err)
			b.clock.Advance(time.Hour)
		},
		"canceled": func(b *testBundle) {
			b.subscribe()
			_, err := b.service.Cancel(b.ctx, b.org, time.Time{})
			b.no(err)
		},
	}
	moves := map[string]func(b *testBundle) (plans.Subscription, error){
		"Subscribe": func(b *testBundle) (plans.Subscription, error) {
			return b.service.Subscribe(b.ctx, b.org, plans.Subscribe{Plan: "pro", AnchorDay: 20, TimeZone: "Europe/Paris"})
		},
		"Activate":    func(b *testBundle) (plans.Subscription, error) { return b.service.Activate(b.ctx, b.org) },
		"MarkPastDue": func(b *testBundle) (plans.Subscription, error) { return b.service.MarkPastDue(b.ctx, b.org) },
		"ChangePlan":  func(b *testBundle) (plans.Subscription, error) { return b.service.ChangePlan(b.ctx, b.org, "pro") },
		"Cancel now":  func(b *testBundle) (plans.Subscription, error) { return b.service.Cancel(b.ctx, b.org, time.Time{}) },
		"Cancel later": func(b *testBundle) (plans.Subscription, error) {
			return b.service.Cancel(b.ctx, b.org, start.Add(2*time.Hour))
		},
		"Resume": func(b *testBundle) (plans.Subscription, error) { return b.service.Resume(b.ctx, b.org) },
	}
	type outcome struct {
		state  plans.State
		events int
	}
	table := map[string]map[string]outcome{
		"Subscribe": {
			"trialing": {no, 0}, "active": {no, 0}, "past_due": {no, 0}, "ending": {no, 0},
			"ended by itself": {plans.Active, 1}, "canceled": {plans.Active, 1},
		},
		"Activate": {
			"trialing": {plans.Active, 1}, "active": {plans.Active, 0}, "past_due": {plans.Active, 1}, "ending": {plans.Active, 0},
			"ended by itself": {no, 0}, "canceled": {no, 0},
		},
		"MarkPastDue": {
			"trialing": {plans.PastDue, 1}, "active": {plans.PastDue, 1}, "past_due": {plans.PastDue, 0}, "ending": {plans.PastDue, 1},
			"ended by itself": {no, 0}, "canceled": {no, 0},
		},
		"ChangePlan": {
			"trialing": {plans.Trialing, 1}, "active": {plans.Active, 1}, "past_due": {plans.PastDue, 1}, "ending": {plans.Active, 1},
			"ended by itself": {no, 0}, "canceled": {no, 0},
		},
		"Cancel now": {
			"trialing": {plans.Canceled, 1}, "active": {plans.Canceled, 1}, "past_due": {plans.Canceled, 1}, "ending": {plans.Canceled, 1},
			"ended by itself": {plans.Canceled, 0}, "canceled": {plans.Canceled, 0},
		},
		"Cancel later": {
			"trialing": {plans.Trialing, 1}, "active": {plans.Active, 1}, "past_due": {plans.PastDue, 1}, "ending": {plans.Active, 1},
			"ended by itself": {plans.Canceled, 0}, "canceled": {plans.Canceled, 0},
		},
		"Resume": {
			"trialing": {plans.Trialing, 0}, "active": {plans.Active, 0}, "past_due": {plans.PastDue, 0}, "ending": {plans.Active, 1},
			"ended by itself": {no, 0}, "canceled": {no, 0},
		},
	}
	for name, move := range moves {
		for from, reach := range states {
			t.Run(name+" when it is "+from, func(t *testing.T) {
				t.Parallel()
				want, ok := table[name][from]
				if !ok {
					t.Fatal("the table says nothing of it")
				}
				b := setup(t)
				reach(b)
				b.read = b.events()
				before := b.dump(b.org)
				sub, err := move(b)
				if want.state == no {
					b.code(err, engage.FailedPrecondition)
				} else {
					b.no(err)
					b.same(sub.StateAt(b.clock.Now()), want.state)
					stored, err := b.service.Subscription(b.ctx, b.org)
					b.no(err)
					b.same(sub, stored)
					b.same(sub.AnchorDay, stored.AnchorDay)
				}
				b.same(b.events()-b.read, want.events)
				if want.events == 0 {
					b.same(b.dump(b.org), before)
				}
				if sub.AnchorDay == 20 {
					t.Error("the anchor moved: whoever comes back would have a new allowance")
				}
			})
		}
	}
}

// events is how many domain events the organization's log holds.
func (b *testBundle) events() int {
	b.t.Helper()
	read, err := b.store.Read(b.ctx, engage.DefaultShard, engage.PartitionOf(accounts.LogOf(b.org)), 0, 1_000_000)
	b.no(err)
	n := 0
	for _, slice := range read {
		n += len(slice.Events)
	}
	return n
}

func TestAChangeIsToldWithWhatWasAndWhatIs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.subscribe()
	b.clock.Advance(time.Second)
	_, err := b.service.ChangePlan(b.ctx, b.org, "pro")
	b.no(err)
	b.tells(`accounts.subscription.changed.v1 {"organization_id":"org_*","from":{"plan":"free","state":"active","anchor_day":1,"time_zone":"UTC"},"to":{"plan":"pro","state":"active","anchor_day":1,"time_zone":"UTC"}}`)
	sub, err := b.service.Cancel(b.ctx, b.org, start.Add(time.Hour+1))
	b.no(err)
	b.same(sub.UpdatedAt, start.Add(time.Second))
	b.tells(`accounts.subscription.changed.v1 *"to":{"plan":"pro","state":"active","anchor_day":1,"time_zone":"UTC","ends_at":"2026-03-10T13:00:00.123456Z"}}`)
	_, err = b.service.Activate(b.ctx, b.other)
	b.code(err, engage.NotFound)
}

// provider is a billing provider that counts its calls and fails when told.
type provider struct {
	*planstest.Billing
	starts, changes int
	fail            error
}

func (p *provider) Start(ctx context.Context, order plans.Order) (string, error) {
	p.starts++
	ref, err := p.Billing.Start(ctx, order)
	return ref, errors.Join(err, p.fail)
}

func (p *provider) Change(ctx context.Context, ref string, to plans.Arrangement) error {
	p.changes++
	return errors.Join(p.fail, p.Billing.Change(ctx, ref, to))
}

func TestTheProviderIsAskedBeforeAnythingIsKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	billing := &provider{Billing: planstest.NewBilling()}
	b.deps.Billing = billing
	b.configure(plans.Config{Plans: catalogue()})

	// The answer is lost; the second try finds what the first began.
	billing.fail = engage.ErrUnavailable
	_, err := b.service.Subscribe(b.ctx, b.org, plans.Subscribe{Plan: "free"})
	b.code(err, engage.Unavailable)
	_, err = b.service.Subscription(b.ctx, b.org)
	b.code(err, engage.NotFound)
	billing.fail = nil
	sub, err := b.service.Subscribe(b.ctx, b.org, plans.Subscribe{Plan: "free"})
	b.no(err)
	b.same(sub.Ref, "sub_1")
	b.same(billing.starts, 2)
	_, err = b.service.Subscribe(b.ctx, b.org, plans.Subscribe{Plan: "free"})
	b.code(err, engage.FailedPrecondition)
	b.same(billing.starts, 2) // it hears of no illegal move

	arranged := func(want plans.Arrangement) {
		b.t.Helper()
		got, _ := billing.Arranged(sub.Ref)
		b.same(got, want)
	}
	_, err = b.service.ChangePlan(b.ctx, b.org, "pro")
	b.no(err)
	arranged(plans.Arrangement{Plan: "pro"})
	_, err = b.service.ChangePlan(b.ctx, b.org, "pro")
	b.no(err)
	b.same(billing.changes, 1) // nor of what changes nothing
	billing.fail = engage.ErrUnavailable
	_, err = b.service.ChangePlan(b.ctx, b.org, "free")
	b.code(err, engage.Unavailable)
	kept, err := b.service.Subscription(b.ctx, b.org)
	b.no(err)
	b.same(kept.Plan, "pro")
	billing.fail = nil

	end := start.Add(time.Hour)
	_, err = b.service.Cancel(b.ctx, b.org, end)
	b.no(err)
	arranged(plans.Arrangement{Plan: "pro", EndsAt: end})
	_, err = b.service.Resume(b.ctx, b.org)
	b.no(err)
	arranged(plans.Arrangement{Plan: "pro"})
	_, err = b.service.Cancel(b.ctx, b.org, time.Time{})
	b.no(err)
	arranged(plans.Arrangement{Plan: "pro", EndsAt: start})

	back, err := b.service.Subscribe(b.ctx, b.org, plans.Subscribe{Plan: "pro"})
	b.no(err)
	b.same(back.Ref, "sub_2") // another order
	changes := billing.changes
	_, err = b.service.MarkPastDue(b.ctx, b.org)
	b.no(err)
	_, err = b.service.Activate(b.ctx, b.org)
	b.no(err)
	b.same(billing.changes, changes) // which it has told itself

	err = b.store.InTx(b.ctx, accounts.LogOf(b.org), func(ctx context.Context) error {
		_, err := b.service.ChangePlan(ctx, b.org, "free")
		b.code(err, engage.FailedPrecondition)
		_, err = b.service.Subscribe(ctx, b.org, plans.Subscribe{Plan: "free"})
		b.code(err, engage.FailedPrecondition)
		return nil
	})
	b.no(err)
	b.same(billing.changes, changes)
}

func TestInvoicesAreTheProviders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.subscribe()
	page, err := b.service.Invoices(b.ctx, b.org, engage.PageRequest{})
	b.no(err)
	b.same(len(page.Items), 0) // billed by hand

	billing := planstest.NewBilling()
	b.deps.Billing = billing
	b.configure(plans.Config{Plans: catalogue()})
	sub, err := b.service.Subscribe(b.ctx, b.other, plans.Subscribe{Plan: "pro"})
	b.no(err)
	for i := range 3 {
		billing.Issue(sub.Ref, plans.Invoice{Ref: fmt.Sprint("in_", i), Total: engage.Money{Minor: 1999, Currency: "EUR"}, IssuedAt: start.AddDate(0, i, 0)})
	}
	page, err = b.service.Invoices(b.ctx, b.other, engage.PageRequest{Limit: 2})
	b.no(err)
	b.same([]string{page.Items[0].Ref, page.Items[1].Ref}, []string{"in_2", "in_1"})
	page, err = b.service.Invoices(b.ctx, b.other, engage.PageRequest{After: page.Next})
	b.no(err)
	b.same(page.Items[0].Ref, "in_0")
	page, err = b.service.Invoices(b.ctx, b.org, engage.PageRequest{})
	b.no(err)
	b.same(len(page.Items), 0)
	_, err = b.service.Invoices(b.ctx, accounts.OrganizationID{9}, engage.PageRequest{})
	b.code(err, engage.NotFound)
}
