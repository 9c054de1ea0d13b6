package kerneltest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/go-engage/engage"
)

// claimCases are the rules of who works on a partition.
var claimCases = []testCase{
	{"is for a partition with slices to consume", func(t *testing.T, k *fixture) {
		if got := k.claim(t, "c", "me", 10); len(got) != 0 {
			t.Errorf("an empty log: %+v", got)
		}
		k.publish(t, k.ws, "1", "2")
		claim := k.claimOne(t, "c", "me")
		if claim.Consumer != "c" || claim.Shard != shard || claim.Partition != engage.PartitionOf(k.ws) || claim.Position != 0 {
			t.Errorf("got %+v", claim)
		}
	}},
	{"answers the limit at most, the longest waiting first", func(t *testing.T, k *fixture) {
		workspaces := k.workspaces(6)
		for i := range workspaces {
			k.publish(t, workspaces[len(workspaces)-1-i], "v")
			k.Clock.Advance(minute)
		}
		for i := range 3 {
			got := k.claim(t, "c", "me", 2)
			if len(got) != 2 {
				t.Fatalf("%d claims, want 2", len(got))
			}
			for j, claim := range got {
				if want := engage.PartitionOf(workspaces[len(workspaces)-1-2*i-j]); claim.Partition != want {
					t.Errorf("claim %d is of partition %d, want %d", 2*i+j, claim.Partition, want)
				}
			}
		}
	}},
	{"keeps the partition from everybody else", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1")
		k.claimOne(t, "c", "me")
		for _, owner := range []string{"you", "me"} {
			if got := k.claim(t, "c", owner, 10); len(got) != 0 {
				t.Errorf("%s got %+v", owner, got)
			}
		}
	}},
	{"is given to one of many owners", func(t *testing.T, k *fixture) {
		workspaces := k.workspaces(20)
		for _, ws := range workspaces {
			k.commit(t, ws, func(ctx context.Context) error { return k.Events.Publish(ctx, ws, noted{"k", "v"}) })
		}
		k.sequence(t)
		var wg sync.WaitGroup
		var mu sync.Mutex
		owners := map[engage.Partition][]string{}
		for _, owner := range []string{"a", "b", "c", "d", "e", "f"} {
			wg.Go(func() {
				for range 8 {
					claims, err := k.Log.Claim(t.Context(), shard, "c", owner, k.Clock.Now(), minute, 3)
					if err != nil {
						t.Errorf("Claim: %v", err)
					}
					mu.Lock()
					for _, claim := range claims {
						owners[claim.Partition] = append(owners[claim.Partition], owner)
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		for partition, by := range owners {
			if len(by) != 1 {
				t.Errorf("partition %d was claimed by %q", partition, by)
			}
		}
		if len(owners) != len(workspaces) {
			t.Errorf("%d partitions were claimed, want %d", len(owners), len(workspaces))
		}
	}},
	{"of one consumer is no other's", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1")
		k.claimOne(t, "c", "me")
		k.claimOne(t, "C", "me")
		k.claimOne(t, "c ", "me")
	}},
	{"ends with its lease", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1")
		mine := k.claimOne(t, "c", "me")
		k.Clock.Advance(minute - 1000)
		if got := k.claim(t, "c", "you", 10); len(got) != 0 {
			t.Fatalf("before the end: %+v", got)
		}
		k.Clock.Advance(1000)
		yours := k.claimOne(t, "c", "you")
		if yours.Token <= mine.Token || yours.Position != mine.Position {
			t.Errorf("mine %+v, then %+v", mine, yours)
		}
	}},
	{"is extended by Advance", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1", "2")
		mine := k.claimOne(t, "c", "me")
		k.Clock.Advance(minute / 2)
		must(t, "Advance", k.advance(t, mine, 1))
		k.Clock.Advance(minute / 2)
		if got := k.claim(t, "c", "you", 10); len(got) != 0 {
			t.Fatalf("before the end: %+v", got)
		}
		k.Clock.Advance(minute / 2)
		if yours := k.claimOne(t, "c", "you"); yours.Position != 1 {
			t.Errorf("got %+v, want position 1", yours)
		}
	}},
	{"is free at once when Advance gives it a lease of 0", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1", "2")
		mine := k.claimOne(t, "c", "me")
		err := k.Tx.InShard(t.Context(), shard, func(ctx context.Context) error {
			must(t, "Advance", k.Log.Advance(ctx, mine, 1, k.Clock.Now(), 0))
			return errOops
		})
		want(t, "InShard", err, errOops)
		if got := k.claim(t, "c", "you", 10); len(got) != 0 {
			t.Fatalf("after a rollback: %+v", got)
		}
		k.commitShard(t, func(ctx context.Context) error { return k.Log.Advance(ctx, mine, 1, k.Clock.Now(), 0) })
		yours := k.claimOne(t, "c", "you")
		if yours.Position != 1 || yours.Token <= mine.Token {
			t.Errorf("mine %+v, then %+v, want position 1", mine, yours)
		}
		want(t, "Advance by the former claim", k.advance(t, mine, 2), engage.ErrConflict)
		must(t, "Advance", k.advance(t, yours, 2))
	}},
	{"that was released is free at once", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1")
		k.publish(t, k.other, "1")
		mine := k.claim(t, "c", "me", 10)
		must(t, "Release", k.Log.Release(t.Context(), mine))
		yours := k.claim(t, "c", "you", 10)
		if len(yours) != 2 {
			t.Fatalf("%d claims, want 2", len(yours))
		}
		want(t, "Advance by a released claim", k.advance(t, mine[0], 1), engage.ErrConflict)
		must(t, "Release of lost claims", k.Log.Release(t.Context(), mine))
		if got := k.claim(t, "c", "they", 10); len(got) != 0 {
			t.Errorf("releasing lost claims freed %+v", got)
		}
		must(t, "Advance", k.advance(t, yours[0], 1))
	}},
	{"that was released no longer advances", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1")
		mine := k.claimOne(t, "c", "me")
		must(t, "Release", k.Log.Release(t.Context(), []engage.Claim{mine}))
		want(t, "Advance", k.advance(t, mine, 1), engage.ErrConflict)
		must(t, "Release of nothing", k.Log.Release(t.Context(), nil))
	}},
}

// cursorCases are the rules of how a consumer goes on.
var cursorCases = []testCase{
	{"moves with the effects, or not at all", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1", "2")
		mine := k.claimOne(t, "c", "me")
		effect := func(ctx context.Context) error {
			must(t, "Put", k.Notes.Put(ctx, k.other, "effect", "1"))
			return k.Log.Advance(ctx, mine, 1, k.Clock.Now(), minute)
		}
		err := k.Tx.InShard(t.Context(), shard, func(ctx context.Context) error {
			return errors.Join(effect(ctx), errOops)
		})
		want(t, "InShard", err, errOops)
		k.wantNotes(t, k.other, map[string]string{})
		must(t, "Release", k.Log.Release(t.Context(), []engage.Claim{mine}))
		if mine = k.claimOne(t, "c", "me"); mine.Position != 0 {
			t.Errorf("after the rollback: %+v, want position 0", mine)
		}

		k.commitShard(t, effect)
		k.wantNotes(t, k.other, map[string]string{"effect": "1"})
		must(t, "Release", k.Log.Release(t.Context(), []engage.Claim{mine}))
		if mine = k.claimOne(t, "c", "me"); mine.Position != 1 {
			t.Errorf("after the commit: %+v, want position 1", mine)
		}
	}},
	{"that a rolled back nested call moved stands where it stood", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1", "2")
		mine := k.claimOne(t, "c", "me")
		k.commitShard(t, func(ctx context.Context) error {
			err := k.Tx.InShard(ctx, shard, func(ctx context.Context) error {
				must(t, "Advance", k.Log.Advance(ctx, mine, 2, k.Clock.Now(), minute))
				return errOops
			})
			want(t, "the inner InShard", err, errOops)
			return k.Log.Advance(ctx, mine, 1, k.Clock.Now(), minute)
		})
		must(t, "Release", k.Log.Release(t.Context(), []engage.Claim{mine}))
		if yours := k.claimOne(t, "c", "you"); yours.Position != 1 {
			t.Errorf("got %+v, want position 1", yours)
		}
	}},
	{"is not moved by a former owner, whose effects roll back", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1", "2")
		mine := k.claimOne(t, "c", "me")
		k.Clock.Advance(minute)
		yours := k.claimOne(t, "c", "you")
		err := k.Tx.InShard(t.Context(), shard, func(ctx context.Context) error {
			must(t, "put", k.put(ctx, k.other, "effect", "late"))
			return k.Log.Advance(ctx, mine, 2, k.Clock.Now(), minute)
		})
		want(t, "the late owner's InShard", err, engage.ErrConflict)
		k.wantNotes(t, k.other, map[string]string{})
		must(t, "Advance", k.advance(t, yours, 1))
		want(t, "the late owner's Advance", k.advance(t, mine, 2), engage.ErrConflict)
	}},
	{"at the end leaves nothing to claim, until more comes", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1", "2")
		mine := k.claimOne(t, "c", "me")
		must(t, "Advance", k.advance(t, mine, 2))
		must(t, "Release", k.Log.Release(t.Context(), []engage.Claim{mine}))
		if got := k.claim(t, "c", "me", 10); len(got) != 0 {
			t.Errorf("at the end: %+v", got)
		}
		k.publish(t, k.twin, "3")
		if again := k.claimOne(t, "c", "me"); again.Position != 2 || again.Token <= mine.Token {
			t.Errorf("got %+v after %+v", again, mine)
		}
	}},
	{"starts at the oldest slice", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1", "2")
		first := k.claimOne(t, "first", "me")
		must(t, "Advance", k.advance(t, first, 2))
		if second := k.claimOne(t, "second", "me"); second.Position != 0 {
			t.Errorf("got %+v, want position 0", second)
		}
	}},
	{"says how far it is behind", func(t *testing.T, k *fixture) {
		backlog := func(want engage.Backlog) {
			t.Helper()
			got, err := k.Log.Backlog(t.Context(), shard, "c")
			must(t, "Backlog", err)
			if got.Slices != want.Slices || !got.Oldest.Equal(want.Oldest) || got.Parked != want.Parked {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
		backlog(engage.Backlog{})
		start := k.Clock.Now()
		k.publish(t, k.ws, "1")
		k.Clock.Advance(minute)
		k.publish(t, k.ws, "2")
		k.Clock.Advance(minute)
		k.publish(t, k.other, "3")
		backlog(engage.Backlog{Slices: 3, Oldest: start})

		var mine engage.Claim
		for _, claim := range k.claim(t, "c", "me", 10) {
			if claim.Partition == engage.PartitionOf(k.ws) {
				mine = claim
			}
		}
		must(t, "Advance", k.advance(t, mine, 1))
		backlog(engage.Backlog{Slices: 2, Oldest: start.Add(minute)})
		event := k.events(t, k.ws)[1]
		k.commitShard(t, func(ctx context.Context) error {
			must(t, "Park", k.Log.Park(ctx, shard, []engage.Parked{{Consumer: "c", Event: event, NotBefore: start}}))
			return k.Log.Advance(ctx, mine, 2, k.Clock.Now(), minute)
		})
		backlog(engage.Backlog{Slices: 1, Oldest: start.Add(2 * minute), Parked: 1})
	}},
	{"makes the effects of each event happen once, whoever competes", competingConsumers},
}

// competingConsumers lets owners take partitions from each other, fail, and
// lose their claims, while each counts the events in notes.
func competingConsumers(t *testing.T, k *fixture) {
	const events = 60
	workspaces := []engage.WorkspaceID{k.ws, k.twin, k.other}
	wanted := map[engage.WorkspaceID]map[string]string{k.ws: {}, k.twin: {}, k.other: {}}
	for i := range events {
		ws := workspaces[i%len(workspaces)]
		k.commit(t, ws, func(ctx context.Context) error {
			return k.Events.Publish(ctx, ws, noted{"k", string(rune('A' + i))})
		})
		wanted[ws]["seen"] += string(rune('A' + i))
	}
	k.sequence(t)

	append1 := func(ctx context.Context, slice engage.Slice) error {
		seen, err := k.Notes.Get(ctx, slice.Workspace, "seen")
		if err != nil && !errors.Is(err, engage.ErrNotFound) {
			return err
		}
		for _, value := range values(t, slice.Events) {
			seen += value
		}
		return k.Notes.Put(ctx, slice.Workspace, "seen", seen)
	}
	step := func(owner string, round int) {
		claims, err := k.Log.Claim(t.Context(), shard, "c", owner, k.Clock.Now(), minute, 1)
		if err != nil {
			t.Errorf("Claim: %v", err)
		}
		for _, claim := range claims {
			slices, err := k.Log.Read(t.Context(), shard, claim.Partition, claim.Position, 3)
			if err != nil || len(slices) == 0 {
				t.Errorf("Read: %d slices, %v", len(slices), err)
				return
			}
			if round%3 == 1 {
				k.Clock.Advance(minute) // whoever holds a claim now may lose it
			}
			err = k.Tx.InShard(t.Context(), shard, func(ctx context.Context) error {
				// The cursor first: it is the row that late owners meet at.
				if err := k.Log.Advance(ctx, claim, slices[len(slices)-1].Position, k.Clock.Now(), minute); err != nil {
					return err
				}
				for _, slice := range slices {
					if err := append1(ctx, slice); err != nil {
						return err
					}
				}
				if round%4 == 2 {
					return errOops
				}
				return nil
			})
			if err != nil && !errors.Is(err, errOops) && !errors.Is(err, engage.ErrConflict) && !errors.Is(err, engage.ErrUnavailable) {
				t.Errorf("InShard: %v", err)
			}
			if round%2 == 0 {
				if err := k.Log.Release(t.Context(), claims); err != nil {
					t.Errorf("Release: %v", err)
				}
			}
		}
	}
	var wg sync.WaitGroup
	for _, owner := range []string{"a", "b", "c"} {
		wg.Go(func() {
			for round := range 60 {
				step(owner, round)
			}
		})
	}
	wg.Wait()
	for round := 0; ; round += 4 { // whatever is left, without failures
		k.Clock.Advance(minute)
		backlog, err := k.Log.Backlog(t.Context(), shard, "c")
		must(t, "Backlog", err)
		if backlog.Slices == 0 {
			break
		}
		if round > 4*events {
			t.Fatalf("no progress: %+v", backlog)
		}
		step("last", round)
	}
	for _, ws := range workspaces {
		k.wantNotes(t, ws, wanted[ws])
	}
}
