package bunplans

import (
	"context"
	"database/sql"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/uptrace/bun"
)

// Subscriptions implements plans.SubscriptionRepository.
type Subscriptions struct{ store *bunstore.Store }

var _ plans.SubscriptionRepository = (*Subscriptions)(nil)

type subscriptionRow struct {
	bun.BaseModel `bun:"table:engage_accounts_subscriptions,alias:s"`

	Workspace   bunstore.UID    `bun:"workspace_id,pk"`
	Plan        bunstore.Text   `bun:"plan"`
	State       bunstore.Text   `bun:"state"`
	AnchorDay   int             `bun:"anchor_day"`
	TimeZone    bunstore.Text   `bun:"time_zone"`
	TrialEndsAt bunstore.Micros `bun:"trial_ends_at"`
	EndsAt      bunstore.Micros `bun:"ends_at"`
	Ref         bunstore.Text   `bun:"ref"`
	CreatedAt   bunstore.Micros `bun:"created_at"`
	UpdatedAt   bunstore.Micros `bun:"updated_at"`
	Version     int64           `bun:"version"`
}

func (r subscriptionRow) subscription() plans.Subscription {
	return plans.Subscription{
		Organization: accounts.OrganizationID(r.Workspace), Plan: string(r.Plan), State: plans.State(r.State),
		AnchorDay: r.AnchorDay, TimeZone: string(r.TimeZone), TrialEndsAt: r.TrialEndsAt.Time(), EndsAt: r.EndsAt.Time(), Ref: string(r.Ref),
		CreatedAt: r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(), Version: engage.Version(r.Version),
	}
}

// NewSubscriptions makes the repository of a store.
func NewSubscriptions(store *bunstore.Store) *Subscriptions { return &Subscriptions{store} }

// Put implements plans.SubscriptionRepository.
func (s *Subscriptions) Put(ctx context.Context, ws engage.WorkspaceID, subscription plans.Subscription) error {
	const op = "bunplans.Put"
	db, err := s.store.Write(ctx, ws)
	if err != nil {
		return err
	}
	row := subscriptionRow{
		Workspace: bunstore.UID(ws), Plan: bunstore.Text(subscription.Plan), State: bunstore.Text(subscription.State),
		AnchorDay: subscription.AnchorDay, TimeZone: bunstore.Text(subscription.TimeZone),
		TrialEndsAt: bunstore.Micros(subscription.TrialEndsAt), EndsAt: bunstore.Micros(subscription.EndsAt), Ref: bunstore.Text(subscription.Ref),
		CreatedAt: bunstore.Micros(subscription.CreatedAt), UpdatedAt: bunstore.Micros(subscription.UpdatedAt), Version: int64(subscription.Version) + 1,
	}
	if subscription.Version == 0 {
		isNew, err := bunstore.InsertNew(ctx, db, []subscriptionRow{row}, "workspace_id")
		if err == nil && !isNew[0] {
			err = fault(engage.AlreadyExists, op, ws)
		}
		return bunstore.MapError(ctx, op, entity(ws), err)
	}
	n, err := affected(db.NewUpdate().Model(&row).WherePK().Where("version = ?", int64(subscription.Version)).Exec(ctx))
	if err != nil || n > 0 {
		return bunstore.MapError(ctx, op, entity(ws), err)
	}
	exists, err := db.NewSelect().Model(&row).WherePK().Exists(ctx)
	switch {
	case err != nil:
		return bunstore.MapError(ctx, op, entity(ws), err)
	case exists:
		return fault(engage.Conflict, op, ws)
	}
	return fault(engage.NotFound, op, ws)
}

// Get implements plans.SubscriptionRepository.
func (s *Subscriptions) Get(ctx context.Context, ws engage.WorkspaceID) (plans.Subscription, error) {
	db, err := s.store.Read(ctx, ws)
	if err != nil {
		return plans.Subscription{}, err
	}
	return read(ctx, "bunplans.Get", ws, db.NewSelect())
}

// Lock implements plans.SubscriptionRepository.
func (s *Subscriptions) Lock(ctx context.Context, ws engage.WorkspaceID) (plans.Subscription, error) {
	db, err := s.store.Write(ctx, ws)
	if err != nil {
		return plans.Subscription{}, err
	}
	query := db.NewSelect()
	if s.store.Dialect() != bunstore.SQLite { // which has one writer
		query = query.For("UPDATE")
	}
	return read(ctx, "bunplans.Lock", ws, query)
}

func read(ctx context.Context, op string, ws engage.WorkspaceID, query *bun.SelectQuery) (plans.Subscription, error) {
	var row subscriptionRow
	if err := query.Model(&row).Where("workspace_id = ?", bunstore.UID(ws)).Scan(ctx); err != nil {
		return plans.Subscription{}, bunstore.MapError(ctx, op, entity(ws), err)
	}
	return row.subscription(), nil
}

func affected(result sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

func fault(code engage.Code, op string, ws engage.WorkspaceID) error {
	return &engage.Error{Code: code, Op: op, Entity: entity(ws)}
}

func entity(ws engage.WorkspaceID) string { return "subscription of " + ws.String() }
