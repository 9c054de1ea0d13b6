package kerneltest

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
)

// eventCases are the rules of Publish.
var eventCases = []testCase{
	{"carries what it is about, who did it and when", func(t *testing.T, k *fixture) {
		actor := engage.Actor{Type: "user", ID: "usr_1"}
		ctx := engage.WithTrace(engage.WithActor(t.Context(), actor), "00-trace-span-01")
		k.Clock.Advance(minute + 1234567) // not a whole number of microseconds
		err := k.Tx.InTx(ctx, k.ws, func(ctx context.Context) error {
			return k.Events.Publish(ctx, k.ws, noted{"k", "é\x00<&>\u2028"}, noted{"k", "2"})
		})
		must(t, "InTx", err)
		got := k.events(t, k.ws)
		if len(got) != 2 {
			t.Fatalf("%d events, want 2", len(got))
		}
		data := []byte(`{"key":"k","value":"é\u0000<&>\u2028"}`)
		envelope := engage.Envelope{
			ID: got[0].ID, Workspace: k.ws, Name: "kerneltest.noted.v1", Subject: engage.Ref{Type: "note", ID: keyID("k")},
			OccurredAt: k.Clock.Now(), Actor: actor, Trace: "00-trace-span-01", Data: data,
		}
		if diff := cmp.Diff(envelope, got[0]); diff != "" {
			t.Errorf("envelope (-want +got):\n%s", diff)
		}
		if got[0].ID.IsZero() || got[0].ID.Compare(got[1].ID) >= 0 {
			t.Errorf("ids %s and %s do not ascend", got[0].ID, got[1].ID)
		}
	}},
	{"keeps the order of the calls", func(t *testing.T, k *fixture) {
		k.commit(t, k.ws, func(ctx context.Context) error {
			must(t, "Publish", k.Events.Publish(ctx, k.ws, noted{"k", "1"}, noted{"k", "2"}))
			must(t, "InTx", k.Tx.InTx(ctx, k.ws, func(ctx context.Context) error {
				return k.Events.Publish(ctx, k.ws, noted{"k", "3"})
			}))
			return k.Events.Publish(ctx, k.ws, noted{"k", "4"})
		})
		k.commit(t, k.ws, func(ctx context.Context) error { return k.Events.Publish(ctx, k.ws, noted{"k", "5"}) })
		k.wantEvents(t, k.ws, "1", "2", "3", "4", "5")
	}},
	{"that does not encode is refused with all of its call", func(t *testing.T, k *fixture) {
		k.commit(t, k.ws, func(ctx context.Context) error {
			must(t, "Publish", k.Events.Publish(ctx, k.ws, noted{"k", "1"}))
			err := k.Events.Publish(ctx, k.ws, noted{"k", "2"}, broken{Pipe: make(chan int)}, noted{"k", "3"})
			want(t, "Publish", err, engage.ErrInvalid)
			return k.Events.Publish(ctx, k.ws, noted{"k", "4"})
		})
		k.wantEvents(t, k.ws, "1", "4")
	}},
	{"that is too large is refused with all of its call", func(t *testing.T, k *fixture) {
		largest := sized(engage.MaxEventBytes)
		k.commit(t, k.ws, func(ctx context.Context) error {
			err := k.Events.Publish(ctx, k.ws, noted{"k", "1"}, sized(engage.MaxEventBytes+1))
			want(t, "Publish", err, engage.ErrInvalid)
			return k.Events.Publish(ctx, k.ws, largest)
		})
		k.wantEvents(t, k.ws, largest.Value)
	}},
	{"is not needed: publishing nothing writes nothing", func(t *testing.T, k *fixture) {
		k.commit(t, k.ws, func(ctx context.Context) error { return k.Events.Publish(ctx, k.ws) })
		if got := k.slices(t, engage.PartitionOf(k.ws)); len(got) != 0 {
			t.Errorf("%d slices, want none", len(got))
		}
		want(t, "Publish", k.Events.Publish(t.Context(), k.ws), engage.ErrFailedPrecondition)
	}},
}

// sliceCases are the rules of how events are cut into slices.
var sliceCases = []testCase{
	{"holds the events of one workspace and transaction", func(t *testing.T, k *fixture) {
		k.commitShard(t, func(ctx context.Context) error {
			for i := range 3 {
				for _, ws := range []engage.WorkspaceID{k.ws, k.twin} {
					must(t, "Publish", k.Events.Publish(ctx, ws, noted{"k", fmt.Sprint(i)}))
				}
			}
			return nil
		})
		k.publish(t, k.ws, "3")
		got := k.slices(t, engage.PartitionOf(k.ws))
		if len(got) != 3 {
			t.Fatalf("%d slices, want 3", len(got))
		}
		for _, slice := range got {
			for _, event := range slice.Events {
				if event.Workspace != slice.Workspace {
					t.Errorf("an event of %s in a slice of %s", event.Workspace, slice.Workspace)
				}
			}
		}
		k.wantEvents(t, k.ws, "0", "1", "2", "3")
		k.wantEvents(t, k.twin, "0", "1", "2")
	}},
	{"holds MaxSliceEvents at most", func(t *testing.T, k *fixture) {
		var all []engage.Event
		var want []string
		for i := range 2*engage.MaxSliceEvents + 200 {
			all = append(all, noted{"k", fmt.Sprint(i)})
			want = append(want, fmt.Sprint(i))
		}
		k.commit(t, k.ws, func(ctx context.Context) error { return k.Events.Publish(ctx, k.ws, all...) })
		var sizes []int
		for _, slice := range k.slices(t, engage.PartitionOf(k.ws)) {
			sizes = append(sizes, len(slice.Events))
		}
		if diff := cmp.Diff([]int{engage.MaxSliceEvents, engage.MaxSliceEvents, 200}, sizes); diff != "" {
			t.Errorf("events a slice (-want +got):\n%s", diff)
		}
		k.wantEvents(t, k.ws, want...)
	}},
	{"holds MaxSliceBytes at most", func(t *testing.T, k *fixture) {
		k.commit(t, k.ws, func(ctx context.Context) error {
			for range 10 {
				must(t, "Publish", k.Events.Publish(ctx, k.ws, sized(60<<10)))
			}
			return nil
		})
		var sizes []int
		for _, slice := range k.slices(t, engage.PartitionOf(k.ws)) {
			encoded, err := engage.EncodeSlice(slice.Events)
			must(t, "EncodeSlice", err)
			if len(encoded) > engage.MaxSliceBytes {
				t.Errorf("%d bytes in a slice", len(encoded))
			}
			sizes = append(sizes, len(slice.Events))
		}
		if diff := cmp.Diff([]int{4, 4, 2}, sizes); diff != "" {
			t.Errorf("events a slice (-want +got):\n%s", diff)
		}
	}},
	{"is answered alike at every read", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1", "2", "3")
		first := k.slices(t, engage.PartitionOf(k.ws))
		for i := range first {
			first[i].Events[0].Data[0] = '!' // what a reader does to its copy is its own affair
		}
		again := k.slices(t, engage.PartitionOf(k.ws))
		for i := range first {
			first[i].Events[0].Data[0] = '{'
		}
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("slices (-first +again):\n%s", diff)
		}
	}},
	{"has an id and knows its place", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "1", "2")
		k.publish(t, k.other, "3")
		seen := map[engage.SliceID]bool{{}: true}
		for _, ws := range []engage.WorkspaceID{k.ws, k.other} {
			for _, slice := range k.slices(t, engage.PartitionOf(ws)) {
				if seen[slice.ID] {
					t.Errorf("slice id %q is zero or was there before", slice.ID)
				}
				seen[slice.ID] = true
				if slice.Partition != engage.PartitionOf(ws) || slice.Workspace != ws {
					t.Errorf("slice of %s says %s in %d", ws, slice.Workspace, slice.Partition)
				}
			}
		}
	}},
}
