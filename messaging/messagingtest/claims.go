package messagingtest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/internal/porttest"
	"github.com/go-engage/engage/messaging"
)

// lease is how long the suite's claims hold.
const lease = time.Minute

// claim leases planned messages, as a worker's transaction of its own.
func (f *fixture) claim(now time.Time, limit int) []messaging.MessageAcross {
	f.T.Helper()
	return f.claimBy(f.Due.ClaimPlannedAcross, now, limit)
}

// claimLost leases intents whose worker died.
func (f *fixture) claimLost(now time.Time, limit int) []messaging.MessageAcross {
	f.T.Helper()
	return f.claimBy(f.Due.ClaimLostAcross, now, limit)
}

type claimer func(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]messaging.MessageAcross, error)

func (f *fixture) claimBy(by claimer, now time.Time, limit int) (claimed []messaging.MessageAcross) {
	f.T.Helper()
	shard := f.shard()
	f.across(func(ctx context.Context) (err error) {
		claimed, err = by(ctx, shard, now, lease, limit)
		return err
	})
	if len(claimed) > limit {
		f.T.Fatalf("%d messages claimed, at most %d", len(claimed), limit)
	}
	return claimed
}

// save stores moved messages, as a worker's transaction of its own.
func (f *fixture) save(moved ...messaging.MessageAcross) (saved []bool) {
	f.T.Helper()
	shard := f.shard()
	f.across(func(ctx context.Context) (err error) {
		saved, err = f.Due.SaveAcross(ctx, shard, moved)
		return err
	})
	if len(saved) != len(moved) {
		f.T.Fatalf("%d answers for %d messages", len(saved), len(moved))
	}
	return saved
}

// to is a claimed message in another state.
func to(state messaging.State, claimed messaging.MessageAcross) messaging.MessageAcross {
	claimed.Message.State = state
	switch state {
	case messaging.Intended:
		claimed.Message.IntendedAt = start
	case messaging.Planned:
	case messaging.Accepted, messaging.Failed, messaging.Unknown, messaging.Skipped:
		claimed.Message.DueAt, claimed.Message.SettledAt = time.Time{}, start
	}
	return claimed
}

// keys are the keys of messages, sorted by the order they came in.
func keys(claimed []messaging.MessageAcross) []string {
	out := make([]string, len(claimed))
	for i, c := range claimed {
		out[i] = c.Message.Key
	}
	return out
}

func claimCases(t *testing.T, a Adapter) {
	runAlone(t, a, "gives out messages that are due, whole, with a new token", func(f *fixture) {
		m, later := f.message("due"), f.message("later")
		later.DueAt = start.Add(time.Microsecond)
		f.plan(m, later)
		claimed := f.claim(start, 10)
		if len(claimed) != 1 || claimed[0].Message.Token == 0 {
			f.T.Fatalf("claimed %+v", claimed)
		}
		token := claimed[0].Message.Token
		claimed[0].Message.Token = 0
		f.Same(claimed, []messaging.MessageAcross{{Workspace: f.WS, Message: m}})
		f.Same(keys(f.claim(later.DueAt, 10)), []string{"later"})
		m.Token = token
		f.Same(f.get(m.ID), inOrder(m))
	})
	runAlone(t, a, "takes now from the caller alone", func(f *fixture) {
		past, future := f.message("past"), f.message("future")
		past.DueAt = time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC)
		future.DueAt = time.Date(2600, 1, 1, 0, 0, 0, 0, time.UTC)
		f.plan(past, future)
		f.Same(keys(f.claim(past.DueAt.Add(-time.Microsecond), 10)), []string{})
		f.Same(keys(f.claim(past.DueAt, 10)), []string{"past"})
		f.Same(keys(f.claim(past.DueAt.Add(lease), 10)), []string{"past"})
		f.Same(len(f.claim(future.DueAt, 10)), 2)
	})
	runAlone(t, a, "gives a message to one worker until the lease ends", func(f *fixture) {
		f.plan(f.message("a"))
		first := f.claim(start, 10)
		f.Same(keys(f.claim(start, 10)), []string{})
		f.Same(keys(f.claim(start.Add(lease-time.Microsecond), 10)), []string{})
		second := f.claim(start.Add(lease), 10)
		f.Same(keys(second), []string{"a"})
		if second[0].Message.Token <= first[0].Message.Token {
			f.T.Errorf("token %d after %d", second[0].Message.Token, first[0].Message.Token)
		}
		f.Same(f.save(to(messaging.Accepted, first[0])), []bool{false})
		f.Same(f.save(to(messaging.Accepted, second[0])), []bool{true})
	})
	runAlone(t, a, "gives a message to one of many workers at once", func(f *fixture) {
		const workers, messages = 8, 60
		for i := range messages {
			m := f.message(fmt.Sprint(i))
			if i%2 == 0 {
				f.plan(m)
			} else {
				f.planOf(f.Other, m)
			}
		}
		shard := f.shard()
		var mu sync.Mutex
		owners := map[messaging.MessageID]int{}
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for {
					var claimed []messaging.MessageAcross
					err := f.Tx.InShard(f.Ctx, shard, func(ctx context.Context) (err error) {
						claimed, err = f.Due.ClaimPlannedAcross(ctx, shard, start, lease, 7)
						return err
					})
					if err != nil || len(claimed) == 0 {
						if err != nil {
							f.T.Errorf("claim: %v", err)
						}
						return
					}
					mu.Lock()
					for _, c := range claimed {
						owners[c.Message.ID]++
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		for _, left := range f.claim(start, engage.MaxBatch) { // what the last worker found locked
			owners[left.Message.ID]++
		}
		for id, n := range owners {
			if n != 1 {
				f.T.Errorf("message %s has %d owners", id, n)
			}
		}
		f.Same(len(owners), messages)
	})
	runAlone(t, a, "gives out neither intents nor what is settled as planned", func(f *fixture) {
		states := []messaging.State{messaging.Intended, messaging.Accepted, messaging.Failed, messaging.Unknown, messaging.Skipped}
		for _, state := range states {
			f.plan(f.message(string(state)))
		}
		var moved []messaging.MessageAcross
		for _, c := range f.claim(start, 10) {
			moved = append(moved, to(messaging.State(c.Message.Key), c))
		}
		f.Same(f.save(moved...), []bool{true, true, true, true, true})
		f.Same(keys(f.claim(start.Add(24*time.Hour), 10)), []string{})
		f.Same(keys(f.claimLost(start.Add(24*time.Hour), 10)), []string{"intended"})
	})
	runAlone(t, a, "gives out an intent when its lease has ended, and not before", func(f *fixture) {
		f.plan(f.message("a"))
		owner := to(messaging.Intended, f.claim(start, 10)[0])
		f.Same(keys(f.claimLost(start.Add(24*time.Hour), 10)), []string{}) // still a plan
		f.Same(f.save(owner), []bool{true})
		f.Same(keys(f.claimLost(start, 10)), []string{})
		f.Same(keys(f.claimLost(start.Add(lease-time.Microsecond), 10)), []string{})
		lost := f.claimLost(start.Add(lease), 10)
		f.Same(keys(lost), []string{"a"})
		if lost[0].Message.State != messaging.Intended || lost[0].Message.Token <= owner.Message.Token {
			f.T.Errorf("lost: %+v", lost[0])
		}
		f.Same(keys(f.claimLost(start.Add(lease), 10)), []string{}) // it is leased again
		f.Same(f.save(to(messaging.Accepted, owner)), []bool{false})
		f.Same(f.save(to(messaging.Unknown, lost[0])), []bool{true})
	})
	runAlone(t, a, "forgets a claimed message too", func(f *fixture) {
		m := f.message("a")
		f.plan(m)
		claimed := f.claim(start, 10)
		f.In(func(ctx context.Context) error { return porttest.Err(f.Messages.Forget(ctx, f.WS, f.people[f.WS])) })
		f.Same(f.save(to(messaging.Intended, claimed[0])), []bool{false})
		f.Same(f.get(m.ID), []messaging.Message{})
	})
}

func turnCases(t *testing.T, a Adapter) {
	flood := func(f *fixture, ws engage.WorkspaceID, n int) {
		all := make([]messaging.Message, n)
		for i := range all {
			all[i] = f.message(fmt.Sprint(i))
		}
		f.planOf(ws, all...)
	}
	byWorkspace := func(claimed []messaging.MessageAcross) map[engage.WorkspaceID]int {
		n := map[engage.WorkspaceID]int{}
		for _, c := range claimed {
			n[c.Workspace]++
		}
		return n
	}
	runAlone(t, a, "gives workspaces equal shares, however many messages one has", func(f *fixture) {
		third := engage.WorkspaceID(f.IDs.NewID())
		flood(f, f.WS, 200)
		flood(f, f.Other, 5)
		flood(f, third, 5)
		for round := range 2 {
			got := byWorkspace(f.claim(start, 6))
			f.Same(got, map[engage.WorkspaceID]int{f.WS: 2, f.Other: 2, third: 2})
			if f.T.Failed() {
				f.T.Fatalf("round %d", round)
			}
		}
		got := byWorkspace(f.claim(start, 6))
		if got[f.Other] != 1 || got[third] != 1 || got[f.WS] < 2 {
			f.T.Errorf("the last messages of two workspaces wait: %v", got)
		}
	})
	runAlone(t, a, "lets every workspace come up when there are more than a claim takes", func(f *fixture) {
		for range 10 {
			flood(f, engage.WorkspaceID(f.IDs.NewID()), 20)
		}
		got := map[engage.WorkspaceID]int{}
		for range 10 {
			for ws, n := range byWorkspace(f.claim(start, 3)) {
				got[ws] += n
			}
		}
		for ws := range f.people {
			if n := got[ws]; n < 2 || n > 4 { // 3 each, wherever the turns began
				f.T.Errorf("workspace %s got %d of 30 messages", ws, n)
			}
		}
	})
	runAlone(t, a, "takes turns with lost intents too", func(f *fixture) {
		flood(f, f.WS, 20)
		flood(f, f.Other, 4)
		var intents []messaging.MessageAcross
		for len(intents) < 24 {
			for _, c := range f.claim(start, engage.MaxBatch) {
				intents = append(intents, to(messaging.Intended, c))
			}
		}
		f.save(intents...)
		f.Same(byWorkspace(f.claimLost(start.Add(lease), 6)), map[engage.WorkspaceID]int{f.WS: 3, f.Other: 3})
	})
	runAlone(t, a, "passes over workspaces that have nothing due", func(f *fixture) {
		for i := range 30 {
			m := f.message("later")
			m.DueAt = start.Add(time.Duration(i+1) * time.Hour)
			f.planOf(engage.WorkspaceID(f.IDs.NewID()), m)
		}
		flood(f, f.WS, 4)
		f.Same(len(f.claim(start, 2)), 2)
		f.Same(len(f.claim(start, 2)), 2)
		f.Same(len(f.claim(start, 2)), 0)
	})
	runAlone(t, a, "hands out all that waits, a batch at most", func(f *fixture) {
		flood(f, f.WS, engage.MaxBatch)
		flood(f, f.Other, 300)
		total := 0
		for n := -1; n != 0; total += n {
			n = len(f.claim(start, engage.MaxBatch))
		}
		f.Same(total, engage.MaxBatch+300)
	})
}
