package plans

import (
	"context"
	"fmt"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
)

// Billing collects the money: a payment adapter. It knows the address and the
// means of payment, and who asks here learns its references alone. What it
// notices itself (a payment, a missing one, an end) it tells by Activate,
// MarkPastDue and Cancel, of which the last asks it back for what holds already.
//
// Methods are called outside of transactions, with a deadline in ctx, and again
// after they failed. A provider that can't be reached answers ErrUnavailable; an
// unknown ref answers ErrNotFound.
type Billing interface {
	// Start begins a subscription and answers the provider's reference, at most
	// MaxRefBytes. Called again with the same Key it begins nothing and answers
	// the same reference.
	Start(ctx context.Context, order Order) (ref string, err error)
	// Change makes the subscription what the arrangement says. An arrangement
	// that holds already changes nothing.
	Change(ctx context.Context, ref string, to Arrangement) error
	// Invoices answers the subscription's invoices, the newest first.
	Invoices(ctx context.Context, ref string, page engage.PageRequest) (engage.Page[Invoice], error)
}

// Order is what a provider is asked to begin.
type Order struct {
	Organization accounts.OrganizationID
	Plan         string // a Plan's ID; the provider knows its price
	TrialEndsAt  time.Time
	Key          string // tells one order from another, for the provider's idempotency
}

// Arrangement is how a provider's subscription is to be.
type Arrangement struct {
	Plan   string
	EndsAt time.Time // when it ends; zero: it goes on
}

// Invoice is a document of the provider.
type Invoice struct {
	Ref      string
	Number   string
	Total    engage.Money
	Paid     bool
	IssuedAt time.Time
	URL      string // where the provider shows it
}

// Invoices answers a page of an organization's invoices. Without a Billing, and
// for a subscription that is billed by hand, there are none.
func (s *Service) Invoices(ctx context.Context, id accounts.OrganizationID, page engage.PageRequest) (engage.Page[Invoice], error) {
	sub, err := s.subscriptions.Get(ctx, accounts.LogOf(id))
	if err != nil || s.billing == nil || sub.Ref == "" {
		return engage.Page[Invoice]{}, err
	}
	return s.billing.Invoices(ctx, sub.Ref, page)
}

// outside answers ErrFailedPrecondition in a transaction, where a provider must
// not be called: AfterCommit works there alone.
func (s *Service) outside(ctx context.Context, op string) error {
	inTransaction := s.rt.Tx.AfterCommit(ctx, func() {}) == nil
	if !inTransaction {
		return nil
	}
	return &engage.Error{Code: engage.FailedPrecondition, Op: op, Err: fmt.Errorf("a billing provider is not called within a transaction")}
}

func checkRef(op, ref string) error {
	var faults engage.Faults
	if ref == "" || len(ref) > MaxRefBytes {
		faults.Add("ref", "invalid", "the provider's reference has %d bytes, want 1 to %d", len(ref), MaxRefBytes)
	}
	return faults.Err(op, "")
}
