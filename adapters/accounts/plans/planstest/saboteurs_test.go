package planstest_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/adapters/accounts/plans/planstest"
	"github.com/go-engage/engage/internal/saboteur"
)

// Each of these adapters does one thing wrong, as an author might, and the suite
// fails in the case that is named.
func TestTheSuiteNoticesAnAdapterThat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		does  string
		fails string
		to    func(a *planstest.Adapter)
	}{
		{"ignores the organization when it reads", "every port/finds nothing of another workspace and changes nothing there", func(a *planstest.Adapter) {
			a.Usage = readsAnywhere{a.Usage, &saboteur.Seen{}}
		}},
		{"ignores the organization when it gives back", "every port/gives back nothing of another organization", func(a *planstest.Adapter) {
			a.Tx = saboteur.Unpinned{Transactor: a.Tx}
			a.Usage = givesBackAnywhere{a.Usage, &saboteur.Seen{}}
		}},
		{"writes in another organization's transaction", "every port/refuses to write in another workspace's transaction", func(a *planstest.Adapter) {
			a.Tx = saboteur.Unpinned{Transactor: a.Tx}
		}},
		{"ignores the list when it pages", "shares/refuses a cursor of another list, a damaged one and a size out of range", func(a *planstest.Adapter) {
			a.Usage = &pagesAnywhere{UsageRepository: a.Usage}
		}},
		{"accepts the zero organization", "every port/refuses the zero workspace", func(a *planstest.Adapter) { a.Usage = zeroIsNobody{a.Usage} }},
		{"ignores the version", "subscriptions/puts what is new, and what has the version that was read", func(a *planstest.Adapter) {
			a.Subscriptions = lastWriterWins{a.Subscriptions}
		}},
		{"pages by offset", "shares/neither repeats nor hides a workspace when others come", func(a *planstest.Adapter) { a.Usage = pagesByOffset{a.Usage} }},
		{"folds case", "subscriptions/keeps texts as they are", func(a *planstest.Adapter) { a.Subscriptions = changesRefs{a.Subscriptions, strings.ToLower} }},
		{"trims spaces", "subscriptions/keeps texts as they are", func(a *planstest.Adapter) { a.Subscriptions = changesRefs{a.Subscriptions, strings.TrimSpace} }},
		{"folds the case of meters", "counters/keeps meters and periods apart, by their bytes and to the microsecond", func(a *planstest.Adapter) {
			a.Usage = foldsMeters{a.Usage}
		}},
		{"folds the case of marks", "marks/notes each key once, by its bytes", func(a *planstest.Adapter) { a.Usage = foldsMeters{a.Usage} }},
		{"truncates time", "subscriptions/keeps instants to the microsecond, in UTC", func(a *planstest.Adapter) { a.Subscriptions = roundsTime{a.Subscriptions} }},
		{"truncates the start of periods", "counters/keeps meters and periods apart, by their bytes and to the microsecond", func(a *planstest.Adapter) {
			a.Usage = roundsPeriods{a.Usage}
		}},
		{"writes without a transaction", "every port/refuses to write without a transaction", func(a *planstest.Adapter) { a.Usage = opensItsOwn{a.Usage, a.Tx} }},
		{"locks without a transaction", "every port/refuses to write without a transaction", func(a *planstest.Adapter) { a.Subscriptions = locksNothing{a.Subscriptions} }},
		{"keeps rows after a rollback", "every port/leaves nothing behind after a rollback", func(a *planstest.Adapter) {
			a.Tx = saboteur.CommitsAlways{Transactor: a.Tx}
		}},
		{"looks at the limit before it counts", "many at once/never goes above a limit, and reaches it", func(a *planstest.Adapter) {
			a.Usage = &looksBefore{UsageRepository: a.Usage}
		}},
		{"counts beyond the limit", "counters/counts up to the limit and not beyond", func(a *planstest.Adapter) { a.Usage = softens{a.Usage} }},
		{"gives back another workspace's share", "counters/gives back what was counted and no more", func(a *planstest.Adapter) {
			a.Usage = &givesBackShares{UsageRepository: a.Usage}
		}},
		{"limits what shrinks", "counters/gives back what was counted and no more", func(a *planstest.Adapter) { a.Usage = limitsAll{a.Usage} }},
		{"tells a threshold again", "counters/tells a threshold once, and none of a counter that is not there", func(a *planstest.Adapter) { a.Usage = tellsAgain{a.Usage} }},
		{"answers in the order it was asked", "counters/keeps meters and periods apart, by their bytes and to the microsecond", func(a *planstest.Adapter) {
			a.Usage = answersUnsorted{a.Usage}
		}},
		{"notes a key at each try", "marks/notes each key once, by its bytes", func(a *planstest.Adapter) { a.Usage = marksAlways{a.Usage} }},
		{"prunes what is young", "marks across organizations/removes old marks of all organizations, the oldest first", func(a *planstest.Adapter) {
			a.Across = prunesLater{a.Across}
		}},
		{"prunes any number", "marks across organizations/needs the transaction of a database, and takes a batch at most", func(a *planstest.Adapter) {
			a.Across = prunesAnyBatch{a.Across}
		}},
	} {
		t.Run(c.does, func(t *testing.T) {
			t.Parallel()
			saboteur.Spoil(t, c.fails, planstest.RunConformance, open, c.to)
		})
	}
}

func TestBillingInMemory(t *testing.T) {
	t.Parallel()
	planstest.RunBilling(t, func(*testing.T) plans.Billing {
		billing := planstest.NewBilling()
		for i := range 3 {
			for _, ref := range []string{"sub_1", "sub_2"} {
				billing.Issue(ref, plans.Invoice{Ref: strconv.Itoa(i), IssuedAt: time.Unix(int64(i), 0)})
			}
		}
		return billing
	})
}

func TestTheSuiteNoticesABillingThat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		does, fails string
		billing     func() plans.Billing
	}{
		{"begins at each try", "begins a subscription once a key", func() plans.Billing { return beginsAgain{planstest.NewBilling()} }},
		{"takes an arrangement once", "takes each arrangement as often as it is given", func() plans.Billing {
			return &takesOnce{Billing: planstest.NewBilling()}
		}},
		{"knows every reference", "knows no other references", func() plans.Billing { return knowsAll{planstest.NewBilling()} }},
		{"shows the oldest invoice first", "pages invoices, the newest first", func() plans.Billing { return oldestFirst{planstest.NewBilling()} }},
	} {
		t.Run(c.does, func(t *testing.T) {
			t.Parallel()
			saboteur.Fails(t, c.fails, func(t *testing.T) {
				planstest.RunBilling(t, func(*testing.T) plans.Billing { return c.billing() })
			})
		})
	}
}

type beginsAgain struct{ plans.Billing }

func (b beginsAgain) Start(ctx context.Context, order plans.Order) (string, error) {
	order.Key += time.Now().String()
	return b.Billing.Start(ctx, order)
}

type takesOnce struct {
	plans.Billing
	last plans.Arrangement
}

func (b *takesOnce) Change(ctx context.Context, ref string, to plans.Arrangement) error {
	if to == b.last {
		return engage.ErrConflict
	}
	b.last = to
	return b.Billing.Change(ctx, ref, to)
}

type knowsAll struct{ plans.Billing }

func (b knowsAll) Change(ctx context.Context, ref string, to plans.Arrangement) error {
	_ = b.Billing.Change(ctx, ref, to)
	return nil
}

type oldestFirst struct{ *planstest.Billing }

func (b oldestFirst) Start(ctx context.Context, order plans.Order) (string, error) {
	ref, err := b.Billing.Start(ctx, order)
	for i := range 3 {
		b.Issue(ref, plans.Invoice{Ref: "in", IssuedAt: time.Unix(int64(-i), 0)})
	}
	return ref, err
}

type readsAnywhere struct {
	plans.UsageRepository
	*saboteur.Seen
}

func (r readsAnywhere) Counters(ctx context.Context, ws engage.WorkspaceID, keys []plans.CounterKey) ([]plans.Counter, error) {
	found, err := r.UsageRepository.Counters(ctx, ws, keys)
	for _, other := range r.Note(ws) {
		if len(found) == 0 && err == nil {
			found, err = r.UsageRepository.Counters(ctx, other, keys)
		}
	}
	return found, err
}

type givesBackAnywhere struct {
	plans.UsageRepository
	*saboteur.Seen
}

func (r givesBackAnywhere) Add(ctx context.Context, ws engage.WorkspaceID, a plans.Addition) (plans.Counter, bool, error) {
	counter, ok, err := r.UsageRepository.Add(ctx, ws, a)
	for _, other := range r.Note(ws) {
		if a.N < 0 && !ok && err == nil {
			counter, ok, err = r.UsageRepository.Add(ctx, other, a)
		}
	}
	return counter, ok, err
}

type pagesAnywhere struct {
	plans.UsageRepository
	mu    sync.Mutex
	known map[engage.Cursor]plans.CounterKey
}

func (r *pagesAnywhere) Shares(ctx context.Context, ws engage.WorkspaceID, key plans.CounterKey, request engage.PageRequest) (engage.Page[plans.Share], error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[engage.Cursor]plans.CounterKey{}
	}
	if of, ok := r.known[request.After]; ok {
		key = of
	}
	page, err := r.UsageRepository.Shares(ctx, ws, key, request)
	if page.Next != "" {
		r.known[page.Next] = key
	}
	return page, err
}

type zeroIsNobody struct{ plans.UsageRepository }

func (r zeroIsNobody) Counters(ctx context.Context, ws engage.WorkspaceID, keys []plans.CounterKey) ([]plans.Counter, error) {
	if ws.IsZero() {
		return nil, nil
	}
	return r.UsageRepository.Counters(ctx, ws, keys)
}

type lastWriterWins struct{ plans.SubscriptionRepository }

func (r lastWriterWins) Put(ctx context.Context, ws engage.WorkspaceID, sub plans.Subscription) error {
	if stored, err := r.Lock(ctx, ws); err == nil && sub.Version > 0 {
		sub.Version = stored.Version
	}
	return r.SubscriptionRepository.Put(ctx, ws, sub)
}

type pagesByOffset struct{ plans.UsageRepository }

func (r pagesByOffset) Shares(ctx context.Context, ws engage.WorkspaceID, key plans.CounterKey, request engage.PageRequest) (engage.Page[plans.Share], error) {
	var page engage.Page[plans.Share]
	name := ws.String() + string(key.Meter)
	cursor, err := request.After.Open(name)
	if err != nil {
		return page, err
	}
	offset, _ := strconv.Atoi(string(cursor))
	size, err := request.Size()
	if err != nil {
		return page, err
	}
	all, err := r.UsageRepository.Shares(ctx, ws, key, engage.PageRequest{Limit: engage.MaxPageSize})
	if err != nil {
		return page, err
	}
	page.Items = all.Items[min(offset, len(all.Items)):min(offset+size, len(all.Items))]
	if offset+size < len(all.Items) {
		page.Next = engage.SealCursor(name, []byte(strconv.Itoa(offset+size)))
	}
	return page, nil
}

type changesRefs struct {
	plans.SubscriptionRepository
	change func(string) string
}

func (r changesRefs) Put(ctx context.Context, ws engage.WorkspaceID, sub plans.Subscription) error {
	sub.Ref = r.change(sub.Ref)
	return r.SubscriptionRepository.Put(ctx, ws, sub)
}

type foldsMeters struct{ plans.UsageRepository }

func (r foldsMeters) Add(ctx context.Context, ws engage.WorkspaceID, a plans.Addition) (plans.Counter, bool, error) {
	a.Meter = plans.Meter(strings.ToLower(string(a.Meter)))
	return r.UsageRepository.Add(ctx, ws, a)
}

func (r foldsMeters) Mark(ctx context.Context, ws engage.WorkspaceID, key string, at time.Time) (bool, error) {
	return r.UsageRepository.Mark(ctx, ws, strings.ToLower(key), at)
}

type roundsTime struct{ plans.SubscriptionRepository }

func (r roundsTime) Put(ctx context.Context, ws engage.WorkspaceID, sub plans.Subscription) error {
	sub.EndsAt = sub.EndsAt.Truncate(time.Millisecond)
	return r.SubscriptionRepository.Put(ctx, ws, sub)
}

type roundsPeriods struct{ plans.UsageRepository }

func (r roundsPeriods) Add(ctx context.Context, ws engage.WorkspaceID, a plans.Addition) (plans.Counter, bool, error) {
	start := a.Start
	a.Start = a.Start.Truncate(time.Second)
	counter, ok, err := r.UsageRepository.Add(ctx, ws, a)
	counter.Start = start
	return counter, ok, err
}

type opensItsOwn struct {
	plans.UsageRepository
	tx engage.Transactor
}

func (r opensItsOwn) Mark(ctx context.Context, ws engage.WorkspaceID, key string, at time.Time) (isNew bool, err error) {
	isNew, err = r.UsageRepository.Mark(ctx, ws, key, at)
	if !errors.Is(err, engage.ErrFailedPrecondition) {
		return isNew, err
	}
	err = r.tx.InTx(ctx, ws, func(ctx context.Context) (err error) {
		isNew, err = r.UsageRepository.Mark(ctx, ws, key, at)
		return err
	})
	return isNew, err
}

type locksNothing struct{ plans.SubscriptionRepository }

func (r locksNothing) Lock(ctx context.Context, ws engage.WorkspaceID) (plans.Subscription, error) {
	return r.Get(ctx, ws)
}

// looksBefore reads the counter outside of the transaction, where others' counts
// are missing.
type looksBefore struct {
	plans.UsageRepository
	mu   sync.Mutex
	seen map[plans.CounterKey]int
}

func (r *looksBefore) Add(ctx context.Context, ws engage.WorkspaceID, a plans.Addition) (plans.Counter, bool, error) {
	r.mu.Lock()
	if r.seen == nil {
		r.seen = map[plans.CounterKey]int{}
	}
	r.seen[a.CounterKey]++
	late := r.seen[a.CounterKey]%2 == 0 // another was counted since this one looked
	r.mu.Unlock()
	known, err := r.Counters(ctx, ws, []plans.CounterKey{a.CounterKey})
	if err != nil {
		return plans.Counter{}, false, err
	}
	used := int64(0)
	if len(known) == 1 {
		used = known[0].Used
	}
	if late {
		used -= 2
	}
	if a.Max == plans.Unlimited || used+a.N <= a.Max {
		a.Max = plans.Unlimited
	}
	return r.UsageRepository.Add(ctx, ws, a)
}

type softens struct{ plans.UsageRepository }

func (r softens) Add(ctx context.Context, ws engage.WorkspaceID, a plans.Addition) (plans.Counter, bool, error) {
	a.Max = plans.Unlimited
	return r.UsageRepository.Add(ctx, ws, a)
}

// givesBackShares takes what a workspace has not from another.
type givesBackShares struct {
	plans.UsageRepository
	mu sync.Mutex
	by []engage.WorkspaceID
}

func (r *givesBackShares) Add(ctx context.Context, ws engage.WorkspaceID, a plans.Addition) (plans.Counter, bool, error) {
	counter, ok, err := r.UsageRepository.Add(ctx, ws, a)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.by = append(r.by, a.Workspace)
	for _, other := range slices.Clone(r.by) {
		if !ok && err == nil && a.N < 0 {
			a.Workspace = other
			counter, ok, err = r.UsageRepository.Add(ctx, ws, a)
		}
	}
	return counter, ok, err
}

type limitsAll struct{ plans.UsageRepository }

func (r limitsAll) Add(ctx context.Context, ws engage.WorkspaceID, a plans.Addition) (plans.Counter, bool, error) {
	if a.N < 0 && a.Max != plans.Unlimited {
		return plans.Counter{CounterKey: a.CounterKey}, false, nil
	}
	return r.UsageRepository.Add(ctx, ws, a)
}

type tellsAgain struct{ plans.UsageRepository }

func (r tellsAgain) Tell(ctx context.Context, ws engage.WorkspaceID, key plans.CounterKey, percent int) (bool, error) {
	_, err := r.UsageRepository.Tell(ctx, ws, key, percent)
	return true, err
}

type answersUnsorted struct{ plans.UsageRepository }

func (r answersUnsorted) Counters(ctx context.Context, ws engage.WorkspaceID, keys []plans.CounterKey) ([]plans.Counter, error) {
	found, err := r.UsageRepository.Counters(ctx, ws, keys)
	slices.Reverse(found)
	return found, err
}

type marksAlways struct{ plans.UsageRepository }

func (r marksAlways) Mark(ctx context.Context, ws engage.WorkspaceID, key string, at time.Time) (bool, error) {
	_, err := r.UsageRepository.Mark(ctx, ws, key, at)
	return true, err
}

type prunesLater struct{ plans.UsageRepositoryAcross }

func (r prunesLater) PruneAcross(ctx context.Context, shard engage.Shard, before time.Time, limit int) (int, error) {
	return r.UsageRepositoryAcross.PruneAcross(ctx, shard, before.Add(time.Microsecond), limit)
}

type prunesAnyBatch struct{ plans.UsageRepositoryAcross }

func (r prunesAnyBatch) PruneAcross(ctx context.Context, shard engage.Shard, before time.Time, limit int) (int, error) {
	return r.UsageRepositoryAcross.PruneAcross(ctx, shard, before, min(limit, engage.MaxBatch))
}
