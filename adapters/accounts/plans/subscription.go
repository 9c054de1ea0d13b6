package plans

import (
	"context"
	"fmt"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
)

// State says how a subscription stands.
type State string

// The states of subscriptions. All but the last let workspaces work.
const (
	Trialing State = "trialing" // until TrialEndsAt
	Active   State = "active"
	PastDue  State = "past_due" // a payment is missing; the operator decides how long
	Canceled State = "canceled"
)

// String is the state's word.
func (s State) String() string { return string(s) }

// Subscription binds an organization to a plan. An organization has one at most,
// and keeps it when it is cancelled: whoever comes back finds the anchor, and so
// the counters, as they were.
type Subscription struct {
	Organization accounts.OrganizationID
	Plan         string // a Plan's ID
	State        State
	AnchorDay    int    // of the month, 1 to 31, on which periods begin
	TimeZone     string // IANA; in which days begin
	TrialEndsAt  time.Time
	EndsAt       time.Time // when it is cancelled; zero: it goes on
	Ref          string    // the billing provider's; "": billed by hand
	CreatedAt    time.Time
	UpdatedAt    time.Time
	Version      engage.Version
}

// StateAt is the state at an instant: a cancellation takes effect by itself.
func (s Subscription) StateAt(now time.Time) State {
	if !s.EndsAt.IsZero() && !now.Before(s.EndsAt) {
		return Canceled
	}
	return s.State
}

// Serves reports whether workspaces may consume at an instant. A trial that is
// over serves no longer, until the subscription is activated.
func (s Subscription) Serves(now time.Time) bool {
	switch s.StateAt(now) {
	case Trialing:
		return now.Before(s.TrialEndsAt)
	case Active, PastDue:
		return true
	case Canceled:
		return false
	}
	return false
}

// The moves, in the order of a subscription's life. They answer false when there
// is nothing to change, since providers repeat themselves.

// start begins a subscription, or begins it again after a cancellation.
func (s *Subscription) start(plan string, trialEndsAt, now time.Time) error {
	if s.Version > 0 && s.StateAt(now) != Canceled {
		return refused("plans.Subscribe", s.Organization, "it is %s: change its plan", s.State)
	}
	s.Plan, s.State, s.TrialEndsAt, s.EndsAt, s.Ref = plan, Active, trialEndsAt, time.Time{}, ""
	if !trialEndsAt.IsZero() {
		s.State = Trialing
	}
	return nil
}

// activate ends a trial or a debt.
func (s *Subscription) activate(now time.Time) (bool, error) {
	switch s.StateAt(now) {
	case Trialing, PastDue:
		s.State = Active
		return true, nil
	case Active:
		return false, nil
	case Canceled:
	}
	return false, refused("plans.Activate", s.Organization, "it is canceled")
}

// fallDue notes that a payment is missing.
func (s *Subscription) fallDue(now time.Time) (bool, error) {
	switch s.StateAt(now) {
	case Trialing, Active:
		s.State = PastDue
		return true, nil
	case PastDue:
		return false, nil
	case Canceled:
	}
	return false, refused("plans.MarkPastDue", s.Organization, "it is canceled")
}

// change takes another plan.
func (s *Subscription) change(plan string, now time.Time) (bool, error) {
	if s.StateAt(now) == Canceled {
		return false, refused("plans.ChangePlan", s.Organization, "it is canceled")
	}
	changed := s.Plan != plan
	s.Plan = plan
	return changed, nil
}

// cancel ends it at an instant, or at once.
func (s *Subscription) cancel(at, now time.Time) (bool, error) {
	if s.StateAt(now) == Canceled {
		return false, nil
	}
	if !at.After(now) {
		s.State, s.EndsAt = Canceled, now
		return true, nil
	}
	changed := !s.EndsAt.Equal(at)
	s.EndsAt = at
	return changed, nil
}

// resume takes a cancellation back that has not taken effect.
func (s *Subscription) resume(now time.Time) (bool, error) {
	if s.StateAt(now) == Canceled {
		return false, refused("plans.Resume", s.Organization, "it is canceled: subscribe again")
	}
	changed := !s.EndsAt.IsZero()
	s.EndsAt = time.Time{}
	return changed, nil
}

func (s Subscription) terms() Terms {
	return Terms{
		Plan: s.Plan, State: s.State, AnchorDay: s.AnchorDay, TimeZone: s.TimeZone, TrialEndsAt: s.TrialEndsAt, EndsAt: s.EndsAt, Ref: s.Ref,
	}
}

// SubscriptionRepository keeps the subscriptions of organizations. Its tenant is
// the organization: ws is accounts.LogOf of its id. Writes need the transaction in
// ctx and take effect whole or not at all.
type SubscriptionRepository interface {
	// Put stores a subscription. With Version 0 it is a new one, which gets
	// Version 1, or ErrAlreadyExists when ws has one. Else it replaces the one of
	// that version and raises it; a missing one answers ErrNotFound, another
	// stored version ErrConflict.
	Put(ctx context.Context, ws engage.WorkspaceID, subscription Subscription) error
	// Get answers the subscription of ws, or ErrNotFound.
	Get(ctx context.Context, ws engage.WorkspaceID) (Subscription, error)
	// Lock is Get, and keeps the subscription from being changed until the
	// transaction in ctx ends, which it needs.
	Lock(ctx context.Context, ws engage.WorkspaceID) (Subscription, error)
}

// Subscribe are the terms of a new subscription.
type Subscribe struct {
	Plan string
	// AnchorDay is the day of the month on which periods begin; 0: today's.
	AnchorDay int
	// TimeZone is where days begin; "": UTC.
	TimeZone string
	// TrialEndsAt makes it a trial until then; zero: it is active at once.
	TrialEndsAt time.Time
}

// Subscribe binds an organization to a plan. One that is subscribed answers
// ErrFailedPrecondition; one whose subscription was cancelled gets it back with
// the plan and the trial given here, and with its former anchor and time zone, so
// that nobody gains an allowance by coming and going.
//
// With a Billing, the provider is asked first and outside of any transaction: in
// one, it answers ErrFailedPrecondition. When the provider has agreed and what
// follows fails, calling again finds what it has begun.
func (s *Service) Subscribe(ctx context.Context, id accounts.OrganizationID, params Subscribe) (Subscription, error) {
	const op = "plans.Subscribe"
	now := s.rt.Clock.Now()
	fresh, err := s.subscription(op, id, params, now)
	if err != nil {
		return Subscription{}, err
	}
	ref := ""
	if s.billing != nil {
		known, err := s.subscriptions.Get(ctx, accounts.LogOf(id))
		if err != nil && engage.CodeOf(err) != engage.NotFound {
			return Subscription{}, err
		}
		trial := known
		if err := errFirst(s.outside(ctx, op), trial.start(fresh.Plan, fresh.TrialEndsAt, now)); err != nil {
			return Subscription{}, err
		}
		ref, err = s.billing.Start(ctx, Order{
			Organization: id, Plan: fresh.Plan, TrialEndsAt: fresh.TrialEndsAt, Key: fmt.Sprintf("%s/%d", id, known.Version+1),
		})
		if err != nil {
			return Subscription{}, err
		}
		if err := checkRef(op, ref); err != nil {
			return Subscription{}, err
		}
	}
	sub := fresh
	err = s.rt.Tx.InTx(ctx, accounts.LogOf(id), func(ctx context.Context) error {
		known, err := s.subscriptions.Lock(ctx, accounts.LogOf(id))
		var event engage.Event
		switch engage.CodeOf(err) {
		case "":
			sub = known
			if err := sub.start(fresh.Plan, fresh.TrialEndsAt, now); err != nil {
				return err
			}
			sub.Ref, sub.UpdatedAt = ref, now
			event = SubscriptionChanged{Organization: id, From: known.terms(), To: sub.terms()}
		case engage.NotFound:
			sub = fresh
			sub.Ref = ref
			event = SubscriptionStarted{Organization: id, Terms: sub.terms()}
		default:
			return err
		}
		if err := s.subscriptions.Put(ctx, accounts.LogOf(id), sub); err != nil {
			return err
		}
		sub.Version++
		return s.rt.Events.Publish(ctx, accounts.LogOf(id), event)
	})
	if err != nil {
		return Subscription{}, err
	}
	return sub, nil
}

// subscription is a new subscription by its terms.
func (s *Service) subscription(op string, id accounts.OrganizationID, params Subscribe, now time.Time) (Subscription, error) {
	sub := Subscription{
		Organization: id, AnchorDay: params.AnchorDay, TimeZone: params.TimeZone, CreatedAt: now, UpdatedAt: now,
	}
	var faults engage.Faults
	if id.IsZero() {
		faults.Add("organization", "required", "the zero organization is refused")
	}
	s.checkPlan(&faults, params.Plan)
	if sub.TimeZone == "" {
		sub.TimeZone = "UTC"
	}
	zone, err := s.zone(sub.TimeZone)
	switch {
	case err != nil:
		faults.Add("time_zone", "unknown", "%.40q is no IANA time zone", params.TimeZone)
	case sub.AnchorDay == 0:
		sub.AnchorDay = now.In(zone).Day()
	}
	if params.AnchorDay < 0 || params.AnchorDay > 31 {
		faults.Add("anchor_day", "out_of_range", "%d, want 1 to 31", params.AnchorDay)
	}
	trial := engage.Instant(params.TrialEndsAt)
	if !trial.IsZero() && !trial.After(now) {
		faults.Add("trial_ends_at", "out_of_range", "the trial would be over already")
	}
	if err := faults.Err(op, entity(id)); err != nil {
		return Subscription{}, err
	}
	return sub, sub.start(params.Plan, trial, now)
}

// Subscription answers an organization's subscription, or ErrNotFound.
func (s *Service) Subscription(ctx context.Context, id accounts.OrganizationID) (Subscription, error) {
	return s.subscriptions.Get(ctx, accounts.LogOf(id))
}

// ChangePlan moves a subscription to another plan at once. What was counted in
// the period stays counted, so a smaller plan may be exhausted from the start.
func (s *Service) ChangePlan(ctx context.Context, id accounts.OrganizationID, plan string) (Subscription, error) {
	const op = "plans.ChangePlan"
	var faults engage.Faults
	s.checkPlan(&faults, plan)
	if err := faults.Err(op, entity(id)); err != nil {
		return Subscription{}, err
	}
	return s.move(ctx, op, id, true, func(sub *Subscription, now time.Time) (bool, error) { return sub.change(plan, now) })
}

// Activate notes that the organization pays: it ends a trial or a debt. The
// provider says so, or the operator; it is not asked.
func (s *Service) Activate(ctx context.Context, id accounts.OrganizationID) (Subscription, error) {
	return s.move(ctx, "plans.Activate", id, false, (*Subscription).activate)
}

// MarkPastDue notes that a payment is missing. Workspaces go on working: who wants
// them to stop cancels.
func (s *Service) MarkPastDue(ctx context.Context, id accounts.OrganizationID) (Subscription, error) {
	return s.move(ctx, "plans.MarkPastDue", id, false, (*Subscription).fallDue)
}

// Cancel ends a subscription at an instant, as the end of its period; with one
// that is not in the future, at once. Cancelling again moves the end while it has
// not come.
func (s *Service) Cancel(ctx context.Context, id accounts.OrganizationID, at time.Time) (Subscription, error) {
	return s.move(ctx, "plans.Cancel", id, true, func(sub *Subscription, now time.Time) (bool, error) {
		return sub.cancel(engage.Instant(at), now)
	})
}

// Resume takes a cancellation back that has not taken effect.
func (s *Service) Resume(ctx context.Context, id accounts.OrganizationID) (Subscription, error) {
	return s.move(ctx, "plans.Resume", id, true, (*Subscription).resume)
}

// move makes a move of a subscription, and tells what it changed. A move that the
// provider must follow is tried first, then asked for, then made: so the provider
// hears of no move that is illegal, and a move that is repeated because its last
// step failed asks for the same.
func (s *Service) move(ctx context.Context, op string, id accounts.OrganizationID, asks bool, move func(*Subscription, time.Time) (bool, error)) (Subscription, error) {
	now := s.rt.Clock.Now()
	if asks && s.billing != nil {
		sub, err := s.subscriptions.Get(ctx, accounts.LogOf(id))
		if err != nil {
			return Subscription{}, err
		}
		changed, err := move(&sub, now)
		if err != nil {
			return Subscription{}, err
		}
		if changed && sub.Ref != "" {
			if err := s.outside(ctx, op); err != nil {
				return Subscription{}, err
			}
			if err := s.billing.Change(ctx, sub.Ref, Arrangement{Plan: sub.Plan, EndsAt: sub.EndsAt}); err != nil {
				return Subscription{}, err
			}
		}
	}
	var sub Subscription
	err := s.rt.Tx.InTx(ctx, accounts.LogOf(id), func(ctx context.Context) (err error) {
		if sub, err = s.subscriptions.Lock(ctx, accounts.LogOf(id)); err != nil {
			return err
		}
		from := sub.terms()
		changed, err := move(&sub, now)
		if err != nil || !changed {
			return err
		}
		sub.UpdatedAt = now
		if err := s.subscriptions.Put(ctx, accounts.LogOf(id), sub); err != nil {
			return err
		}
		sub.Version++
		return s.rt.Events.Publish(ctx, accounts.LogOf(id), SubscriptionChanged{Organization: id, From: from, To: sub.terms()})
	})
	if err != nil {
		return Subscription{}, err
	}
	return sub, nil
}

func (s *Service) checkPlan(faults *engage.Faults, plan string) {
	if _, ok := s.plans[plan]; !ok {
		faults.Add("plan", "unknown", "%.64q is no plan", plan)
	}
}

func errFirst(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
