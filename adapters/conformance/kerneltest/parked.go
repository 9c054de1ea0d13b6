package kerneltest

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
)

// parkedCases are the rules of events that a consumer failed on.
var parkedCases = []testCase{
	{"is claimed as it was parked, with one attempt more", func(t *testing.T, k *fixture) {
		parked := k.parkOne(t, k.Clock.Now())
		got := k.claimParked(t, "c", 10)
		if len(got) != 1 {
			t.Fatalf("%d events, want 1", len(got))
		}
		parked.Attempts++
		parked.Token, parked.NotBefore = got[0].Token, got[0].NotBefore
		if diff := cmp.Diff(parked, got[0]); diff != "" {
			t.Errorf("parked event (-want +got):\n%s", diff)
		}
	}},
	{"is not claimed before it is due", func(t *testing.T, k *fixture) {
		k.parkOne(t, k.Clock.Now().Add(minute))
		if got := k.claimParked(t, "c", 10); len(got) != 0 {
			t.Errorf("too early: %+v", got)
		}
		k.Clock.Advance(minute)
		if got := k.claimParked(t, "c", 10); len(got) != 1 {
			t.Errorf("%d events, want 1", len(got))
		}
	}},
	{"is claimed again when its lease has ended", func(t *testing.T, k *fixture) {
		k.parkOne(t, k.Clock.Now())
		mine := k.claimParked(t, "c", 10)
		k.Clock.Advance(minute - 1000)
		if got := k.claimParked(t, "c", 10); len(got) != 0 {
			t.Fatalf("before the end: %+v", got)
		}
		k.Clock.Advance(1000)
		yours := k.claimParked(t, "c", 10)
		if len(yours) != 1 || yours[0].Token <= mine[0].Token || yours[0].Attempts != mine[0].Attempts+1 {
			t.Fatalf("mine %+v, then %+v", mine, yours)
		}
		want(t, "the late owner's Unpark", k.unpark(t, mine[0]), engage.ErrConflict)
		must(t, "Unpark", k.unpark(t, yours[0]))
	}},
	{"comes in order, the oldest first, up to the limit", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1", "2", "3")
		k.publish(t, k.other, "4")
		all := append(k.events(t, k.ws), k.events(t, k.other)...)
		k.commitShard(t, func(ctx context.Context) error {
			var parked []engage.Parked
			for i, event := range all {
				due := k.Clock.Now().Add(time.Duration(i) * time.Second)
				parked = append(parked, engage.Parked{Consumer: "c", Event: event, NotBefore: due})
			}
			return k.Log.Park(ctx, shard, parked)
		})
		k.Clock.Advance(2 * time.Second)
		var got []string
		for range 3 {
			for _, event := range k.claimParked(t, "c", 2) {
				got = append(got, payload(t, event.Event).Value)
			}
		}
		if diff := cmp.Diff([]string{"1", "2", "3"}, got); diff != "" {
			t.Errorf("claimed (-want +got):\n%s", diff)
		}
	}},
	{"is gone when it is unparked, with its effects", func(t *testing.T, k *fixture) {
		k.parkOne(t, k.Clock.Now())
		mine := k.claimParked(t, "c", 10)[0]
		err := k.Tx.InShard(t.Context(), shard, func(ctx context.Context) error {
			must(t, "Unpark", k.Log.Unpark(ctx, shard, mine))
			return errOops
		})
		want(t, "InShard", err, errOops)
		k.commitShard(t, func(ctx context.Context) error {
			must(t, "put", k.put(ctx, k.ws, "effect", "v"))
			return k.Log.Unpark(ctx, shard, mine)
		})
		k.wantNotes(t, k.ws, map[string]string{"effect": "v"})
		want(t, "the second Unpark", k.unpark(t, mine), engage.ErrConflict)
		k.Clock.Advance(time.Hour)
		if got := k.claimParked(t, "c", 10); len(got) != 0 {
			t.Errorf("still there: %+v", got)
		}
	}},
	{"that is parked again has new attempts, time and cause", func(t *testing.T, k *fixture) {
		first := k.parkOne(t, k.Clock.Now())
		mine := k.claimParked(t, "c", 10)[0]
		again := mine
		again.Attempts, again.NotBefore, again.Cause = 7, k.Clock.Now().Add(time.Second), "worse"
		k.commitShard(t, func(ctx context.Context) error { return k.Log.Park(ctx, shard, []engage.Parked{again}) })
		if got := k.claimParked(t, "c", 10); len(got) != 0 {
			t.Fatalf("before it is due: %+v", got)
		}
		k.Clock.Advance(time.Second)
		got := k.claimParked(t, "c", 10)
		if len(got) != 1 {
			t.Fatalf("%d events when due, want 1", len(got))
		}
		if got[0].Attempts != 8 || got[0].Cause != "worse" || got[0].Slice != first.Slice {
			t.Errorf("got %+v", got[0])
		}
		backlog, err := k.Log.Backlog(t.Context(), shard, "c")
		if err != nil || backlog.Parked != 1 {
			t.Errorf("backlog %+v, %v", backlog, err)
		}
		want(t, "Unpark by the former claim", k.unpark(t, mine), engage.ErrConflict)
	}},
	{"may be unparked and parked again in one transaction", func(t *testing.T, k *fixture) {
		first := k.parkOne(t, k.Clock.Now())
		mine := k.claimParked(t, "c", 10)[0]
		again := mine
		again.NotBefore, again.Cause = k.Clock.Now().Add(time.Second), "worse"
		k.commitShard(t, func(ctx context.Context) error {
			must(t, "Unpark", k.Log.Unpark(ctx, shard, mine))
			return k.Log.Park(ctx, shard, []engage.Parked{again})
		})
		if got := k.claimParked(t, "c", 10); len(got) != 0 {
			t.Fatalf("before it is due: %+v", got)
		}
		k.Clock.Advance(time.Second)
		got := k.claimParked(t, "c", 10)
		if len(got) != 1 {
			t.Fatalf("%d events when due, want 1", len(got))
		}
		first.Attempts, first.Cause, first.NotBefore, first.Token = 3, "worse", got[0].NotBefore, got[0].Token
		if diff := cmp.Diff(first, got[0]); diff != "" {
			t.Errorf("parked event (-want +got):\n%s", diff)
		}
		must(t, "Unpark", k.unpark(t, got[0]))
	}},
	{"is kept only if its transaction commits", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1")
		event := k.events(t, k.ws)[0]
		err := k.Tx.InShard(t.Context(), shard, func(ctx context.Context) error {
			must(t, "Park", k.Log.Park(ctx, shard, []engage.Parked{{Consumer: "c", Event: event, NotBefore: k.Clock.Now()}}))
			return errOops
		})
		want(t, "InShard", err, errOops)
		if got := k.claimParked(t, "c", 10); len(got) != 0 {
			t.Errorf("got %+v", got)
		}
	}},
	{"belongs to one consumer and one workspace", func(t *testing.T, k *fixture) {
		parked := k.parkOne(t, k.Clock.Now())
		elsewhere := parked
		elsewhere.Event.Workspace, elsewhere.Cause = k.other, "elsewhere"
		k.commitShard(t, func(ctx context.Context) error { return k.Log.Park(ctx, shard, []engage.Parked{elsewhere}) })
		if got := k.claimParked(t, "d", 10); len(got) != 0 {
			t.Errorf("another consumer got %+v", got)
		}
		got := k.claimParked(t, "c", 10)
		if len(got) != 2 {
			t.Fatalf("%d events, want 2", len(got))
		}
		must(t, "Unpark", k.unpark(t, got[0]))
		backlog, err := k.Log.Backlog(t.Context(), shard, "c")
		if err != nil || backlog.Parked != 1 {
			t.Errorf("backlog %+v, %v", backlog, err)
		}
		must(t, "Unpark", k.unpark(t, got[1]))
	}},
}

// parkOne publishes an event and parks it for the consumer "c".
func (k *fixture) parkOne(t *testing.T, due time.Time) engage.Parked {
	t.Helper()
	k.publish(t, k.ws, "v")
	slice := k.slices(t, engage.PartitionOf(k.ws))[0]
	parked := engage.Parked{
		Consumer: "c", Event: slice.Events[0], Slice: slice.ID, Attempts: 1, NotBefore: due, Cause: "oops",
	}
	k.commitShard(t, func(ctx context.Context) error { return k.Log.Park(ctx, shard, []engage.Parked{parked}) })
	return parked
}

func (k *fixture) claimParked(t *testing.T, consumer string, limit int) []engage.Parked {
	t.Helper()
	claimed, err := k.Log.ClaimParked(t.Context(), shard, consumer, k.Clock.Now(), minute, limit)
	if err != nil {
		t.Fatalf("ClaimParked: %v", err)
	}
	return claimed
}

func (k *fixture) unpark(t *testing.T, event engage.Parked) error {
	t.Helper()
	return k.Tx.InShard(t.Context(), shard, func(ctx context.Context) error { return k.Log.Unpark(ctx, shard, event) })
}
