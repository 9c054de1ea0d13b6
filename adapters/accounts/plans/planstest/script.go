package planstest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/plans"
)

// RunScript plays a number of random operations of a seed, in transactions of
// which some are undone, and answers what each of them answered and what is left.
// Two adapters answer the same. One database takes a seed once.
func RunScript(t *testing.T, a Adapter, seed uint64, operations int) string {
	t.Helper()
	s := &script{Adapter: a, t: t, random: rand.New(rand.NewPCG(seed, 7))}
	for range 2 {
		s.orgs = append(s.orgs, s.id())
		s.workspaces = append(s.workspaces, s.id(), s.id())
	}
	for left := operations; left > 0; {
		org := pick(s, s.orgs)
		err := s.Tx.InTx(t.Context(), org, func(ctx context.Context) error {
			n := 1 + s.random.IntN(4)
			left -= n
			return s.block(ctx, org, n, 0)
		})
		fmt.Fprintln(&s.told, "transaction", engage.CodeOf(err))
	}
	var keys []plans.CounterKey
	for _, meter := range meters {
		for hour := range 3 {
			keys = append(keys, plans.CounterKey{Meter: meter, Start: start.Add(time.Duration(hour) * time.Hour)})
		}
	}
	for _, org := range s.orgs {
		s.told.WriteString(Dump(t.Context(), t, a, org, keys...))
	}
	return s.told.String()
}

var meters = []plans.Meter{"m", "M", "m ", "ß"}

type script struct {
	Adapter
	t                *testing.T
	random           *rand.Rand
	orgs, workspaces []engage.WorkspaceID
	told             strings.Builder
}

func pick[T any](s *script, from []T) T { return from[s.random.IntN(len(from))] }

func (s *script) id() (id engage.WorkspaceID) {
	for i := range id {
		id[i] = byte(s.random.Uint32())
	}
	return id
}

// block runs operations, some of them nested, and is undone one time in five.
func (s *script) block(ctx context.Context, org engage.WorkspaceID, n, depth int) error {
	for range n {
		if depth < 2 && s.random.IntN(4) == 0 {
			err := s.Tx.InTx(ctx, org, func(ctx context.Context) error { return s.block(ctx, org, 2, depth+1) })
			fmt.Fprintln(&s.told, "nested", engage.CodeOf(err))
			continue
		}
		if err := s.operation(ctx, org); err != nil {
			return err
		}
	}
	if s.random.IntN(5) == 0 {
		return errUndo
	}
	return nil
}

// operation answers the errors that no adapter may answer.
func (s *script) operation(ctx context.Context, org engage.WorkspaceID) error {
	key := plans.CounterKey{Meter: pick(s, meters), Start: start.Add(time.Duration(s.random.IntN(3)) * time.Hour)}
	switch s.random.IntN(6) {
	case 0, 1, 2:
		counter, ok, err := s.Usage.Add(ctx, org, plans.Addition{
			CounterKey: key, Workspace: pick(s, s.workspaces), N: pick(s, []int64{1, 2, 9, 30, -1, -5}), Max: pick(s, []int64{plans.Unlimited, 0, 20, 50}), At: start,
		})
		fmt.Fprintln(&s.told, "add", counter, ok, err)
		return err
	case 3:
		told, err := s.Usage.Tell(ctx, org, key, pick(s, []int{80, 100}))
		fmt.Fprintln(&s.told, "tell", told, err)
		return err
	case 4:
		isNew, err := s.Usage.Mark(ctx, org, pick(s, hostile()), start)
		fmt.Fprintln(&s.told, "mark", isNew, err)
		return err
	}
	known, err := s.Subscriptions.Lock(ctx, org)
	if engage.CodeOf(err) != engage.NotFound && err != nil {
		return err
	}
	version := pick(s, []engage.Version{known.Version, known.Version, known.Version + 1, 0})
	err = s.Subscriptions.Put(ctx, org, plans.Subscription{
		Organization: accounts.OrganizationID(org), Plan: pick(s, hostile()), State: plans.Active, AnchorDay: s.random.IntN(32), Ref: pick(s, hostile()),
		EndsAt: start.Add(time.Duration(s.random.IntN(1e9)) * time.Microsecond), Version: version,
	})
	fmt.Fprintln(&s.told, "put", known, version, engage.CodeOf(err))
	return nil
}
