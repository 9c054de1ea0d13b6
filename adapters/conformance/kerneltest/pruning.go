package kerneltest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
)

const day = 24 * time.Hour

// pruneCases are the rules of how long the log is kept.
var pruneCases = []testCase{
	{"keeps what is younger than 3 days", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1")
		k.Clock.Advance(3*day - minute)
		k.prune(t)
		k.wantEvents(t, k.ws, "1")
	}},
	{"removes what is older and consumed, and positions go on", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1", "2")
		must(t, "Advance", k.advance(t, k.claimOne(t, "c", "me"), 2))
		k.Clock.Advance(3*day + minute)
		k.prune(t)
		k.wantEvents(t, k.ws)
		k.publish(t, k.ws, "3")
		got := k.slices(t, engage.PartitionOf(k.ws))
		if len(got) != 1 || got[0].Position != 3 {
			t.Errorf("got %+v, want one slice at 3", got)
		}
	}},
	{"waits for every consumer that was ever there", func(t *testing.T, k *fixture) {
		k.publish(t, k.other, "1")
		k.claimOne(t, "slow", "me") // it knows of k.ws's partition, too
		k.publish(t, k.ws, "1", "2", "3")
		fast := k.claim(t, "fast", "me", 10)
		for _, claim := range fast {
			if claim.Partition == engage.PartitionOf(k.ws) {
				must(t, "Advance", k.advance(t, claim, 3))
			}
		}
		k.Clock.Advance(4 * day)
		k.prune(t)
		k.wantEvents(t, k.ws, "1", "2", "3")
		for _, claim := range k.claim(t, "slow", "you", 10) {
			if claim.Partition == engage.PartitionOf(k.ws) {
				must(t, "Advance", k.advance(t, claim, 2))
			}
		}
		k.prune(t)
		k.wantEvents(t, k.ws, "3")
	}},
	{"lets a new consumer start at the oldest slice that is kept", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1", "2")
		must(t, "Advance", k.advance(t, k.claimOne(t, "c", "me"), 2))
		k.Clock.Advance(3*day + minute)
		k.publish(t, k.ws, "3")
		k.prune(t)
		claim := k.claimOne(t, "new", "me")
		got, err := k.Log.Read(t.Context(), shard, claim.Partition, claim.Position, 10)
		must(t, "Read", err)
		if len(got) != 1 {
			t.Fatalf("%d slices behind %d, want 1", len(got), claim.Position)
		}
		if diff := cmp.Diff([]string{"3"}, values(t, got[0].Events)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		backlog, err := k.Log.Backlog(t.Context(), shard, "newer")
		if err != nil || backlog.Slices != 1 {
			t.Errorf("backlog %+v, %v", backlog, err)
		}
	}},
	{"no longer waits for a cursor that stood still for 7 days", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1")
		k.claimOne(t, "gone", "me")
		k.Clock.Advance(7*day - minute)
		k.prune(t)
		k.wantEvents(t, k.ws, "1")
		k.Clock.Advance(2 * minute)
		k.prune(t)
		k.wantEvents(t, k.ws)
	}},
	{"waits for a cursor that had nothing to do for 7 days", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1")
		must(t, "Advance", k.advance(t, k.claimOne(t, "c", "me"), 1))
		k.Clock.Advance(30 * day)
		k.publish(t, k.ws, "2")
		k.Clock.Advance(4 * day)
		k.prune(t)
		k.wantEvents(t, k.ws, "2")
	}},
}

// prune prunes until nothing more goes, or skips the case.
func (k *fixture) prune(t *testing.T) {
	t.Helper()
	if k.Prune == nil {
		t.Skip("this kernel offers no Prune")
	}
	if err := k.Prune(t.Context()); err != nil {
		t.Fatalf("Prune: %v", err)
	}
}
