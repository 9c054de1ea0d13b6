package planstest

import (
	"context"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/plans"
)

func subscriptionCases(t *testing.T, a Adapter) {
	run(t, a, "keeps every field of a subscription, and none", func(f *fixture) {
		full := f.subscription()
		bare := plans.Subscription{Organization: accounts.OrganizationID(f.Other), State: plans.Active}
		f.put(f.WS, full)
		f.put(f.Other, bare)
		full.Version, bare.Version = 1, 1
		got, err := f.Subscriptions.Get(f.Ctx, f.WS)
		f.No(err)
		f.Same(got, full)
		got, err = f.Subscriptions.Get(f.Ctx, f.Other)
		f.No(err)
		f.Same(got, bare)
		f.In(func(ctx context.Context) error {
			locked, err := f.Subscriptions.Lock(ctx, f.WS)
			f.Same(locked, full)
			return err
		})
	})
	run(t, a, "keeps instants to the microsecond, in UTC", func(f *fixture) {
		given := f.subscription()
		given.EndsAt = time.Date(2026, 7, 1, 12, 0, 0, 1000, time.UTC)
		f.put(f.WS, given)
		got, err := f.Subscriptions.Get(f.Ctx, f.WS)
		f.No(err)
		if got.EndsAt.Location() != time.UTC || !got.EndsAt.Equal(given.EndsAt) {
			f.T.Errorf("it ends at %v, want %v", got.EndsAt, given.EndsAt)
		}
	})
	run(t, a, "keeps texts as they are", func(f *fixture) {
		for i, text := range hostile() {
			given := f.subscription()
			given.Plan, given.Ref, given.TimeZone, given.Version = text, text, text, engage.Version(i)
			f.put(f.WS, given)
			got, err := f.Subscriptions.Get(f.Ctx, f.WS)
			f.No(err)
			given.Version++
			f.Same(got, given)
		}
	})
	run(t, a, "puts what is new, and what has the version that was read", func(f *fixture) {
		given := f.subscription()
		given.Version = 1
		f.Code(f.tryPut(given), engage.NotFound)
		given.Version = 0
		f.No(f.tryPut(given))
		f.Code(f.tryPut(given), engage.AlreadyExists)
		given = plans.Subscription{
			Organization: given.Organization, Plan: "free", State: plans.Canceled, AnchorDay: 1, TimeZone: "UTC", UpdatedAt: start.Add(time.Hour),
			CreatedAt: start.Add(time.Second), Version: 1,
		}
		f.No(f.tryPut(given))
		f.Code(f.tryPut(given), engage.Conflict)
		given.Version = 3
		f.Code(f.tryPut(given), engage.Conflict)
		got, err := f.Subscriptions.Get(f.Ctx, f.WS)
		f.No(err)
		given.Version = 2
		f.Same(got, given)
	})
	run(t, a, "goes on in a transaction that was refused", func(f *fixture) {
		given := f.subscription()
		f.put(f.WS, given)
		f.In(func(ctx context.Context) error {
			f.Code(f.Subscriptions.Put(ctx, f.WS, given), engage.AlreadyExists)
			given.Version, given.Plan = 1, "free"
			return f.Subscriptions.Put(ctx, f.WS, given)
		})
		got, err := f.Subscriptions.Get(f.Ctx, f.WS)
		f.No(err)
		f.Same(got.Plan, "free")
	})
	run(t, a, "answers not found where there is none", func(f *fixture) {
		_, err := f.Subscriptions.Get(f.Ctx, f.WS)
		f.Code(err, engage.NotFound)
		f.Code(f.Try(func(ctx context.Context) error {
			_, err := f.Subscriptions.Lock(ctx, f.WS)
			return err
		}), engage.NotFound)
	})
}

// hostile are values that databases confuse: case, outer space, accents in two
// spellings, letters with special folds, 4-byte characters, wildcards and quotes.
func hostile() []string {
	return []string{
		"alice", "Alice", "alice ", " alice", "ålice", "a\u030alice", "alıce", "alİce", "straße", "😀", "𝕬", "%", "_", `\`, `\\`, `'`, `''`,
		`"`, "?", "?0", "$1", "--", "null", "0", "00", "1e0", "\u200balice", "",
	}
}
