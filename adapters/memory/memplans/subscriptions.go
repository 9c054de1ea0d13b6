package memplans

import (
	"context"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/adapters/memory"
)

// Subscriptions implements plans.SubscriptionRepository.
type Subscriptions struct {
	rows *memory.Table[subscriptionRow]
}

var _ plans.SubscriptionRepository = (*Subscriptions)(nil)

type subscriptionRow struct {
	ws engage.WorkspaceID
	plans.Subscription
}

// NewSubscriptions makes the repository of a store.
func NewSubscriptions(store *memory.Store) *Subscriptions {
	return &Subscriptions{rows: memory.NewTable(store, "accounts_subscriptions",
		memory.Index[subscriptionRow]{Name: "workspace", Less: func(a, b *subscriptionRow) bool { return a.ws.Compare(b.ws) < 0 }})}
}

// Put implements plans.SubscriptionRepository.
func (s *Subscriptions) Put(ctx context.Context, ws engage.WorkspaceID, subscription plans.Subscription) error {
	rows, err := s.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	old, exists := rows.Get("workspace", &subscriptionRow{ws: ws})
	switch isNew := subscription.Version == 0; {
	case isNew && exists:
		return fault(engage.AlreadyExists, "Put", ws)
	case !isNew && !exists:
		return fault(engage.NotFound, "Put", ws)
	case !isNew && old.Version != subscription.Version:
		return fault(engage.Conflict, "Put", ws)
	}
	subscription.Version++
	rows.Set(&subscriptionRow{ws: ws, Subscription: subscription})
	return nil
}

// Get implements plans.SubscriptionRepository.
func (s *Subscriptions) Get(ctx context.Context, ws engage.WorkspaceID) (plans.Subscription, error) {
	if err := engage.CheckCall("memplans.Get", ws, 0); err != nil {
		return plans.Subscription{}, err
	}
	return found(s.rows.Read(ctx), "Get", ws)
}

// Lock implements plans.SubscriptionRepository.
func (s *Subscriptions) Lock(ctx context.Context, ws engage.WorkspaceID) (plans.Subscription, error) {
	rows, err := s.rows.Write(ctx, ws)
	if err != nil {
		return plans.Subscription{}, err
	}
	return found(rows.View, "Lock", ws)
}

func found(rows memory.View[subscriptionRow], op string, ws engage.WorkspaceID) (plans.Subscription, error) {
	row, ok := rows.Get("workspace", &subscriptionRow{ws: ws})
	if !ok {
		return plans.Subscription{}, fault(engage.NotFound, op, ws)
	}
	return row.Subscription, nil
}

func fault(code engage.Code, op string, ws engage.WorkspaceID) error {
	return &engage.Error{Code: code, Op: "memplans." + op, Entity: "subscription of " + ws.String()}
}
