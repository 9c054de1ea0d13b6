package planstest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/internal/porttest"
)

// RunBilling runs the suite of adapters to billing providers. open answers an
// adapter to a provider's sandbox which knows the plans "free" and "pro".
func RunBilling(t *testing.T, open func(t *testing.T) plans.Billing) {
	t.Helper()
	fresh := func() plans.Order {
		ids := engage.NewIDSource(engage.SystemClock{}, nil)
		id := accounts.OrganizationID(ids.NewID())
		return plans.Order{Organization: id, Plan: "free", Key: id.String() + "/1"}
	}
	t.Run("has a case for each of its methods", func(t *testing.T) {
		covered := map[string]bool{"plans.Billing.Start": true, "plans.Billing.Change": true, "plans.Billing.Invoices": true}
		porttest.RequireCalls(t, covered, reflect.TypeFor[plans.Billing]())
	})
	t.Run("begins a subscription once a key", func(t *testing.T) {
		billing, order, other := open(t), fresh(), fresh()
		first, err := billing.Start(t.Context(), order)
		if err != nil || first == "" || len(first) > plans.MaxRefBytes {
			t.Fatalf("%q, %v", first, err)
		}
		if again, err := billing.Start(t.Context(), order); err != nil || again != first {
			t.Errorf("the same key: %q, %v, want %q", again, err, first)
		}
		if second, err := billing.Start(t.Context(), other); err != nil || second == first {
			t.Errorf("another key: %q, %v", second, err)
		}
	})
	t.Run("takes each arrangement as often as it is given", func(t *testing.T) {
		billing := open(t)
		ref, err := billing.Start(t.Context(), fresh())
		if err != nil {
			t.Fatal(err)
		}
		ends := start.AddDate(10, 0, 0)
		for _, to := range []plans.Arrangement{{Plan: "pro"}, {Plan: "pro", EndsAt: ends}, {Plan: "pro"}, {Plan: "free", EndsAt: start}} {
			for range 2 {
				if err := billing.Change(t.Context(), ref, to); err != nil {
					t.Errorf("%+v: %v", to, err)
				}
			}
		}
	})
	t.Run("knows no other references", func(t *testing.T) {
		billing := open(t)
		if err := billing.Change(t.Context(), "none", plans.Arrangement{Plan: "pro"}); engage.CodeOf(err) != engage.NotFound {
			t.Errorf("a change: want ErrNotFound, got %v", err)
		}
		if _, err := billing.Invoices(t.Context(), "none", engage.PageRequest{}); engage.CodeOf(err) != engage.NotFound {
			t.Errorf("invoices: want ErrNotFound, got %v", err)
		}
	})
	t.Run("pages invoices, the newest first", func(t *testing.T) {
		billing := open(t)
		ref, err := billing.Start(t.Context(), fresh())
		if err != nil {
			t.Fatal(err)
		}
		var last time.Time
		for invoice, err := range engage.Walk(t.Context(), func(ctx context.Context, page engage.PageRequest) (engage.Page[plans.Invoice], error) {
			page.Limit = 1
			return billing.Invoices(ctx, ref, page)
		}) {
			if err != nil {
				t.Fatal(err)
			}
			if invoice.Ref == "" || !last.IsZero() && invoice.IssuedAt.After(last) {
				t.Errorf("%+v comes after one of %v", invoice, last)
			}
			last = invoice.IssuedAt
		}
		if _, err := billing.Invoices(t.Context(), ref, engage.PageRequest{Limit: -1}); engage.CodeOf(err) != engage.Invalid {
			t.Errorf("a size out of range: want ErrInvalid, got %v", err)
		}
	})
}

// Billing is a provider in memory, for tests.
type Billing struct {
	mu       sync.Mutex
	refs     map[string]string // by key
	arranged map[string]plans.Arrangement
	invoices map[string][]plans.Invoice
}

var _ plans.Billing = (*Billing)(nil)

// NewBilling makes a provider without customers.
func NewBilling() *Billing {
	return &Billing{refs: map[string]string{}, arranged: map[string]plans.Arrangement{}, invoices: map[string][]plans.Invoice{}}
}

// Start implements plans.Billing.
func (b *Billing) Start(_ context.Context, order plans.Order) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ref, known := b.refs[order.Key]
	if !known {
		ref = fmt.Sprintf("sub_%d", len(b.refs)+1)
		b.refs[order.Key], b.arranged[ref] = ref, plans.Arrangement{Plan: order.Plan}
	}
	return ref, nil
}

// Change implements plans.Billing.
func (b *Billing) Change(_ context.Context, ref string, to plans.Arrangement) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.arranged[ref]; !known {
		return unknown("planstest.Change", ref)
	}
	b.arranged[ref] = to
	return nil
}

// Invoices implements plans.Billing.
func (b *Billing) Invoices(_ context.Context, ref string, request engage.PageRequest) (engage.Page[plans.Invoice], error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var page engage.Page[plans.Invoice]
	if _, known := b.arranged[ref]; !known {
		return page, unknown("planstest.Invoices", ref)
	}
	size, err := request.Size()
	if err != nil {
		return page, err
	}
	key, err := request.After.Open(ref)
	if err != nil {
		return page, err
	}
	older := b.invoices[ref] // invoices are never removed: their number from the oldest is a key
	if key != nil {
		n, err := strconv.Atoi(string(key))
		if err != nil {
			return page, engage.ErrInvalid
		}
		older = older[:n]
	}
	left := max(0, len(older)-size)
	page.Items = slices.Clone(older[left:])
	slices.Reverse(page.Items)
	if left > 0 {
		page.Next = engage.SealCursor(ref, []byte(strconv.Itoa(left)))
	}
	return page, nil
}

// Issue writes an invoice of a subscription.
func (b *Billing) Issue(ref string, invoice plans.Invoice) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.invoices[ref] = append(b.invoices[ref], invoice)
}

// Arranged is how a subscription stands with the provider, or false for a
// reference that it has not given out.
func (b *Billing) Arranged(ref string) (plans.Arrangement, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	to, known := b.arranged[ref]
	return to, known
}

func unknown(op, ref string) error {
	return &engage.Error{Code: engage.NotFound, Op: op, Entity: "subscription " + ref}
}
