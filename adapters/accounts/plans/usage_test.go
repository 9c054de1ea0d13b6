package plans_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/plans"
)

func TestWorkspacesOfAnOrganizationDrawOnOneAllowance(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.subscribe()
	march := plans.Period{Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)}
	b.same(b.consume(b.ws, email, 30), plans.Receipt{Organization: b.org, Meter: email, Period: march, N: 30, Used: 30, Included: 100})
	b.same(b.consume(b.ws2, email, 40).Used, int64(70))

	_, err := b.service.Consume(b.ctx, b.ws, email, 31)
	b.code(err, engage.ResourceExhausted)
	limit, ok := errors.AsType[*plans.LimitError](err)
	b.same(ok, true)
	b.same(*limit, plans.LimitError{Meter: email, Included: 100, Remaining: 30, ResetsAt: march.End})
	b.same(err.Error(), "plans.Consume: meter messages.email: resource exhausted: 30 of 100 messages.email left until 2026-04-01T00:00:00Z")
	b.same(b.consume(b.ws, email, 30).Used, int64(100))
	b.same(b.used(), map[plans.Meter]int64{email: 100})

	shares, err := b.service.Shares(b.ctx, b.org, email, engage.PageRequest{})
	b.no(err)
	b.same(shares.Items, []plans.Share{{Workspace: b.ws, Used: 60}, {Workspace: b.ws2, Used: 40}})
	_, err = b.service.Shares(b.ctx, b.org, "other", engage.PageRequest{})
	b.code(err, engage.Invalid, "meter")

	b.clock.Advance(march.End.Sub(start))
	b.same(b.consume(b.ws, email, 1).Used, int64(1))
}

func TestLimitsAreHardSoftOrNone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.subscribe()
	b.consume(b.ws, requests, 5000) // soft
	_, err := b.service.Consume(b.ctx, b.ws, sms, 1)
	b.code(err, engage.ResourceExhausted) // none included
	b.consume(b.ws, people, 50)
	_, err = b.service.Consume(b.ctx, b.ws, people, 1)
	b.code(err, engage.ResourceExhausted)
	limit, _ := errors.AsType[*plans.LimitError](err)
	b.same(*limit, plans.LimitError{Meter: people, Included: 50})
	b.clock.Advance(1000 * 24 * time.Hour) // a total is not reset
	_, err = b.service.Consume(b.ctx, b.ws, people, 1)
	b.code(err, engage.ResourceExhausted)

	_, err = b.service.ChangePlan(b.ctx, b.org, "pro")
	b.no(err)
	b.same(b.consume(b.ws, people, plans.MaxAmount).Used, plans.MaxAmount+50)
	b.same(b.consume(b.ws, people, 1).Included, plans.Unlimited)
	_, err = b.service.ChangePlan(b.ctx, b.org, "free")
	b.no(err)
	_, err = b.service.Consume(b.ctx, b.ws, people, 1)
	b.code(err, engage.ResourceExhausted)
	limit, _ = errors.AsType[*plans.LimitError](err)
	b.same(limit.Remaining, int64(0)) // never less
}

func TestConsumeReportsItsFaults(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.subscribe()
	_, err := b.service.Consume(b.ctx, engage.WorkspaceID{}, "nothing", 0)
	b.code(err, engage.Invalid, "meter", "n", "workspace")
	for _, n := range []int64{-1, 0, plans.MaxAmount + 1} {
		_, err = b.service.Consume(b.ctx, b.ws, email, n)
		b.code(err, engage.Invalid, "n")
	}
	_, err = b.service.Consume(b.ctx, engage.WorkspaceID{9}, email, 1)
	b.code(err, engage.NotFound)
	for _, key := range []string{"", strings.Repeat("x", 256)} {
		_, err = b.service.ConsumeOnce(b.ctx, b.ws, email, 1, key)
		b.code(err, engage.Invalid, "key")
	}
	// A transaction of the workspace can't be one of the organization.
	b.no(b.store.InTx(b.ctx, b.ws, func(ctx context.Context) error {
		_, err := b.service.Consume(ctx, b.ws, email, 1)
		b.code(err, engage.FailedPrecondition)
		return nil
	}))
	// A consumer of the log has one of the database, which all join.
	b.no(b.store.InShard(b.ctx, engage.DefaultShard, func(ctx context.Context) error {
		_, err := b.service.Consume(ctx, b.ws, email, 1)
		return err
	}))
	b.same(b.used(), map[plans.Meter]int64{email: 1})
}

func TestOnlySubscriptionsThatServeMayConsume(t *testing.T) {
	t.Parallel()
	b := setup(t)
	may := func(want bool) {
		b.t.Helper()
		_, err := b.service.Consume(b.ctx, b.ws, email, 1)
		if want {
			b.no(err)
			return
		}
		b.code(err, engage.FailedPrecondition)
	}
	may(false) // there is none
	_, err := b.service.Subscribe(b.ctx, b.org, plans.Subscribe{Plan: "free", TrialEndsAt: start.Add(time.Hour)})
	b.no(err)
	b.clock.Advance(time.Hour - time.Microsecond)
	may(true)
	b.clock.Advance(time.Microsecond)
	may(false) // the trial is over
	_, err = b.service.Activate(b.ctx, b.org)
	b.no(err)
	may(true)
	_, err = b.service.MarkPastDue(b.ctx, b.org)
	b.no(err)
	may(true)
	_, err = b.service.Cancel(b.ctx, b.org, start.Add(2*time.Hour))
	b.no(err)
	may(true)
	b.clock.Advance(time.Hour)
	may(false)
	_, err = b.service.Subscribe(b.ctx, b.org, plans.Subscribe{Plan: "free"})
	b.no(err)
	may(true)
	b.same(b.used(), map[plans.Meter]int64{email: 5}) // it was never reset

	// The host took the plan out of its configuration.
	b.configure(plans.Config{Plans: catalogue()[1:]})
	may(false)
	_, err = b.service.Usage(b.ctx, b.org)
	b.code(err, engage.FailedPrecondition)
}

func TestCrossingAThresholdIsToldOnceAPeriod(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.subscribe()
	b.consume(b.ws, email, 79)
	b.tells()
	b.consume(b.ws2, email, 1)
	b.tells(`accounts.usage.threshold_crossed.v1 {"organization_id":"org_*","workspace_id":"wsp_*","meter":"messages.email","percent":80,"used":80,"included":100,"period":{"start":"2026-03-01T00:00:00Z","end":"2026-04-01T00:00:00Z"}}`)
	receipt := b.consume(b.ws, email, 10)
	b.no(b.service.Return(b.ctx, b.ws, receipt, 10))
	b.no(b.service.Return(b.ctx, b.ws, b.consume(b.ws, email, 5), 5))
	b.consume(b.ws, email, 19)
	b.tells()
	_, err := b.service.Consume(b.ctx, b.ws, email, 2) // is refused: 100 is not reached
	b.code(err, engage.ResourceExhausted)
	b.tells()
	b.consume(b.ws, email, 1)
	b.tells(`*"percent":100,"used":100,*`)

	b.clock.Advance(31 * 24 * time.Hour)
	b.consume(b.ws, email, 100) // both at once
	b.tells(`*"percent":80,"used":100,*`, `*"percent":100,"used":100,*`)

	b.consume(b.ws, requests, 999)
	b.tells(`*"meter":"requests","percent":80,"used":999,*`)
	b.consume(b.ws, requests, 1_000_000) // a soft limit is passed, and told once
	b.consume(b.ws, requests, 1)
	b.tells(`*"meter":"requests","percent":100,"used":1000999,*`)
	b.consume(b.ws, people, 40)
	b.tells(`*"meter":"contacts","percent":80,*"period":{"start":"1970-01-01T00:00:00Z"}}`)

	_, err = b.service.ChangePlan(b.ctx, b.org, "pro")
	b.no(err)
	b.tells("accounts.subscription.changed.v1 *")
	b.consume(b.ws, people, 1_000_000)
	b.tells() // no limit has no thresholds
}

func TestWhatIsNotUsedIsGivenBackToThePeriodItCameFrom(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.subscribe()
	chunk := b.consume(b.ws, email, 60)
	b.clock.Advance(31 * 24 * time.Hour)
	b.consume(b.ws, email, 7)
	b.no(b.service.Return(b.ctx, b.ws, chunk, 20))
	b.same(b.used(), map[plans.Meter]int64{email: 7})
	b.clock.Advance(-31 * 24 * time.Hour)
	b.same(b.used(), map[plans.Meter]int64{email: 40})

	err := b.service.Return(b.ctx, b.ws2, chunk, 1) // which used nothing
	b.code(err, engage.FailedPrecondition)
	err = b.service.Return(b.ctx, b.ws, chunk, 60) // more than is left
	b.code(err, engage.FailedPrecondition)
	err = b.service.Return(b.ctx, b.theirs, chunk, 1)
	b.code(err, engage.NotFound)
	for _, n := range []int64{-1, 0, 61} {
		b.code(b.service.Return(b.ctx, b.ws, chunk, n), engage.Invalid, "n")
	}
	b.code(b.service.Return(b.ctx, b.ws, plans.Receipt{Organization: b.org, N: 1}, 1), engage.Invalid, "receipt")
	b.same(b.used(), map[plans.Meter]int64{email: 40})
	b.no(b.service.Return(b.ctx, b.ws, chunk, 40))
	b.same(b.used(), map[plans.Meter]int64{})
}

func TestAKeyIsCountedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.subscribe()
	once := func(key string, n int64) (plans.Receipt, error) {
		b.t.Helper()
		return b.service.ConsumeOnce(b.ctx, b.ws, email, n, key)
	}
	first, err := once("dev_1", 60)
	b.no(err)
	b.same(first.Repeated, false)
	again, err := once("dev_1", 60)
	b.no(err)
	b.same(again.Repeated, true)
	b.same(again.N, int64(0))
	b.code(b.service.Return(b.ctx, b.ws, again, 1), engage.Invalid, "n")
	_, err = once("dev_2", 60)
	b.code(err, engage.ResourceExhausted)
	_, err = once("dev_2", 40) // what was refused was not noted
	b.no(err)
	b.same(b.used(), map[plans.Meter]int64{email: 100})

	step := func() (n int) {
		b.t.Helper()
		n, err := b.service.Workers()[0].(*engage.Loop).Step(b.ctx)
		b.no(err)
		return n
	}
	b.same(step(), 0)
	b.clock.Advance(plans.MarkLife)
	b.same(step(), 0) // to the instant it is known
	b.clock.Advance(time.Hour)
	b.same(step(), 2)
	b.same(step(), 0)
	_, err = b.service.ChangePlan(b.ctx, b.org, "pro")
	b.no(err)
	late, err := once("dev_1", 1)
	b.no(err)
	b.same(late.Repeated, false)
}

func TestConcurrentConsumersShareALimitExactly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.subscribe()
	var mu sync.Mutex
	counted := 0
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			for range 20 {
				_, err := b.service.Consume(b.ctx, []engage.WorkspaceID{b.ws, b.ws2}[i%2], email, 1)
				if err != nil && !errors.Is(err, engage.ErrResourceExhausted) {
					t.Error(err)
				}
				if err == nil {
					mu.Lock()
					counted++
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	b.same(counted, 100)
	b.same(b.used(), map[plans.Meter]int64{email: 100})
	b.tells(`*"percent":80,"used":80,*`, `*"percent":100,"used":100,*`)
}

func TestTheReportFollowsThePlan(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.service.Usage(b.ctx, b.org)
	b.code(err, engage.NotFound)
	_, err = b.service.Shares(b.ctx, b.org, email, engage.PageRequest{})
	b.code(err, engage.NotFound)
	b.subscribe()
	b.consume(b.ws, people, 3)
	b.consume(b.ws, requests, 4)
	report, err := b.service.Usage(b.ctx, b.org)
	b.no(err)
	march := plans.Period{Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)}
	b.same(report, []plans.MeterUsage{
		{Limit: plans.Limit{Meter: email, Included: 100, Span: plans.Monthly}, Period: march},
		{Limit: plans.Limit{Meter: sms, Span: plans.Monthly}, Period: march},
		{Limit: plans.Limit{Meter: people, Included: 50, Span: plans.Total}, Period: plans.Period{Start: time.Unix(0, 0).UTC()}, Used: 3},
		{Limit: plans.Limit{Meter: requests, Included: 1000, Soft: true, Span: plans.Monthly}, Period: march, Used: 4},
	})
}

// Every method of the service, about the objects of one organization, leaves the
// other's alone, and refuses zero ids.
func TestOrganizationsAreKeptApart(t *testing.T) {
	t.Parallel()
	calls := func(b *testBundle, id accounts.OrganizationID, ws engage.WorkspaceID) map[string]func(ctx context.Context) error {
		s := b.service
		receipt := plans.Receipt{Organization: b.org, Meter: email, Period: plans.Period{Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}, N: 5}
		return map[string]func(ctx context.Context) error{
			"Subscribe": func(ctx context.Context) error {
				_, err := s.Subscribe(ctx, id, plans.Subscribe{Plan: "pro"})
				return err
			},
			"Subscription": func(ctx context.Context) error { return drop(s.Subscription(ctx, id)) },
			"ChangePlan":   func(ctx context.Context) error { return drop(s.ChangePlan(ctx, id, "pro")) },
			"Activate":     func(ctx context.Context) error { return drop(s.Activate(ctx, id)) },
			"MarkPastDue":  func(ctx context.Context) error { return drop(s.MarkPastDue(ctx, id)) },
			"Cancel":       func(ctx context.Context) error { return drop(s.Cancel(ctx, id, time.Time{})) },
			"Resume":       func(ctx context.Context) error { return drop(s.Resume(ctx, id)) },
			"Invoices":     func(ctx context.Context) error { return drop(s.Invoices(ctx, id, engage.PageRequest{})) },
			"Usage":        func(ctx context.Context) error { return drop(s.Usage(ctx, id)) },
			"Shares":       func(ctx context.Context) error { return drop(s.Shares(ctx, id, email, engage.PageRequest{})) },
			"Consume":      func(ctx context.Context) error { return drop(s.Consume(ctx, ws, email, 1)) },
			"ConsumeOnce":  func(ctx context.Context) error { return drop(s.ConsumeOnce(ctx, ws, email, 1, "a")) },
			"Return":       func(ctx context.Context) error { return s.Return(ctx, ws, receipt, 1) },
		}
	}
	for method := range reflect.TypeFor[*plans.Service]().Methods() {
		takesID := method.Type.NumIn() > 2 && (method.Type.In(2) == reflect.TypeFor[engage.WorkspaceID]() || method.Type.In(2) == reflect.TypeFor[accounts.OrganizationID]())
		if takesID && calls(&testBundle{}, accounts.OrganizationID{}, engage.WorkspaceID{})[method.Name] == nil {
			t.Errorf("%s takes an organization or a workspace and has no case here", method.Name)
		}
	}
	for name := range calls(&testBundle{}, accounts.OrganizationID{}, engage.WorkspaceID{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.subscribe()
			_, err := b.service.ConsumeOnce(b.ctx, b.ws, email, 5, "a")
			b.no(err)
			before := b.dump(b.org)
			err = calls(b, b.other, b.theirs)[name](b.ctx)
			switch {
			case name == "Subscribe":
				b.no(err)
			case strings.HasPrefix(name, "Consume"):
				b.code(err, engage.FailedPrecondition) // the other has no subscription
			default:
				b.code(err, engage.NotFound)
			}
			b.code(calls(b, accounts.OrganizationID{}, engage.WorkspaceID{})[name](b.ctx), engage.Invalid)
			b.no(b.store.InTx(b.ctx, accounts.LogOf(b.other), func(ctx context.Context) error {
				// Reads may answer; a write in the other's transaction may not.
				if err := calls(b, b.org, b.ws)[name](ctx); err != nil && !errors.Is(err, engage.ErrFailedPrecondition) {
					t.Errorf("want ErrFailedPrecondition, got %v", err)
				}
				return nil
			}))
			b.same(b.dump(b.org), before)
		})
	}
}

func drop[T any](_ T, err error) error { return err }
