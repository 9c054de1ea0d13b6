package engage_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/go-engage/engage"
)

// signedUp and paid are the events of a host.
type signedUp struct {
	Plan string `json:"plan"`
}

func (signedUp) EventName() string        { return "shop.user.signed_up.v1" }
func (signedUp) EventSubject() engage.Ref { return engage.Ref{Type: "user", ID: [16]byte{7}} }

type paid struct {
	Amount engage.Money `json:"amount"`
}

func (paid) EventName() string        { return "shop.order.paid.v1" }
func (paid) EventSubject() engage.Ref { return engage.Ref{Type: "order", ID: [16]byte{8}} }

func envelope(t testing.TB, event engage.Event, id byte) engage.Envelope {
	t.Helper()
	e, err := engage.NewEnvelope(engage.WithActor(context.Background(), engage.Actor{Type: "user", ID: "ada"}), engage.WorkspaceID{1}, event, engage.EventID{id}, start)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAnEnvelope(t *testing.T) {
	t.Parallel()
	t.Run("names its event, subject, actor and trace", func(t *testing.T) {
		t.Parallel()
		ctx := engage.WithTrace(engage.WithActor(t.Context(), engage.Actor{Type: "user", ID: "ada"}), "00-a-b-01")
		got, err := engage.NewEnvelope(ctx, engage.WorkspaceID{1}, signedUp{Plan: "<pro>"}, engage.EventID{2}, start.Add(999))
		want := engage.Envelope{
			ID: engage.EventID{2}, Workspace: engage.WorkspaceID{1}, Name: "shop.user.signed_up.v1", Subject: engage.Ref{Type: "user", ID: [16]byte{7}},
			OccurredAt: start, Actor: engage.Actor{Type: "user", ID: "ada"}, Trace: "00-a-b-01", Data: json.RawMessage(`{"plan":"<pro>"}`),
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("holds the largest payload and no larger one", func(t *testing.T) {
		t.Parallel()
		largest := signedUp{Plan: strings.Repeat("<", engage.MaxEventBytes-len(`{"plan":""}`))}
		slice, err := engage.EncodeSlice([]engage.Envelope{envelope(t, largest, 1)})
		if err != nil || len(slice) > engage.MaxSliceBytes {
			t.Errorf("a slice of %d bytes, %v", len(slice), err)
		}
		largest.Plan += "<"
		if _, err := engage.NewEnvelope(t.Context(), engage.WorkspaceID{1}, largest, engage.EventID{1}, start); !errors.Is(err, engage.ErrInvalid) {
			t.Errorf("want ErrInvalid, got %v", err)
		}
	})
}

func TestASlice(t *testing.T) {
	t.Parallel()
	t.Run("is decoded to what was encoded", func(t *testing.T) {
		t.Parallel()
		want := []engage.Envelope{envelope(t, signedUp{Plan: "<&>\u2028😀"}, 1), envelope(t, paid{engage.Money{Minor: 1, Currency: "EUR"}}, 2)}
		data, err := engage.EncodeSlice(want)
		got, decodeErr := engage.DecodeSlice(data)
		if err = errors.Join(err, decodeErr); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("is refused when it is cut, or of another version", func(t *testing.T) {
		t.Parallel()
		data, err := engage.EncodeSlice([]engage.Envelope{envelope(t, signedUp{}, 1)})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := engage.DecodeSlice(data[:1]); len(got) != 0 || err != nil {
			t.Errorf("an empty slice: %v, %v", got, err)
		}
		for n := range data {
			if n == 1 {
				continue
			}
			if got, err := engage.DecodeSlice(data[:n]); !errors.Is(err, engage.ErrInvalid) {
				t.Errorf("cut to %d bytes: %v, %v", n, got, err)
			}
		}
		data[0] = 2
		if _, err := engage.DecodeSlice(data); !errors.Is(err, engage.ErrInvalid) {
			t.Errorf("another version: %v", err)
		}
	})
}

func TestAPartition(t *testing.T) {
	t.Parallel()
	t.Run("is a workspace's for good, and they spread", func(t *testing.T) {
		t.Parallel()
		if got := engage.PartitionOf(engage.WorkspaceID{1, 2, 3}); got != 33 { // stored rows rely on it
			t.Errorf("partition %d", got)
		}
		ids, seen := engage.NewIDSource(engage.NewManualClock(start), nil), map[engage.Partition]int{}
		for range 100 * engage.LogPartitions {
			seen[engage.PartitionOf(engage.WorkspaceID(ids.NewID()))]++
		}
		for partition, n := range seen {
			if n > 300 || partition >= engage.LogPartitions {
				t.Errorf("%d workspaces in partition %d", n, partition)
			}
		}
		if len(seen) != engage.LogPartitions {
			t.Errorf("%d partitions", len(seen))
		}
	})
}

func TestAConsumer(t *testing.T) {
	t.Parallel()
	t.Run("gives runs of one event to its handler, in order, and passes over the others", func(t *testing.T) {
		t.Parallel()
		var calls []string
		c := engage.NewConsumer("shop")
		engage.On(c, func(_ context.Context, _ engage.WorkspaceID, events []engage.Received[signedUp]) error {
			call := "signed up:"
			for _, e := range events {
				call += " " + e.Payload.Plan
				if e.Name != (signedUp{}).EventName() || e.Actor.ID != "ada" {
					t.Errorf("envelope %+v", e.Envelope)
				}
			}
			calls = append(calls, call)
			return nil
		})
		events := []engage.Envelope{
			envelope(t, signedUp{"a"}, 1), envelope(t, signedUp{"b"}, 2), envelope(t, paid{engage.Money{Currency: "EUR"}}, 3),
			envelope(t, paid{engage.Money{Currency: "EUR"}}, 4), envelope(t, signedUp{"c"}, 5),
		}
		if err := c.Handle(t.Context(), engage.WorkspaceID{1}, events); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(calls, []string{"signed up: a b", "signed up: c"}) {
			t.Errorf("%q", calls)
		}
		if c.Name() != "shop" || !reflect.DeepEqual(c.Events(), []string{"shop.user.signed_up.v1"}) {
			t.Errorf("%s of %q", c.Name(), c.Events())
		}
		if err := c.Handle(t.Context(), engage.WorkspaceID{1}, nil); err != nil {
			t.Error(err)
		}
	})
	t.Run("ends with the first error", func(t *testing.T) {
		t.Parallel()
		calls := 0
		c := engage.NewConsumer("shop")
		engage.On(c, func(context.Context, engage.WorkspaceID, []engage.Received[signedUp]) error {
			calls++
			return engage.ErrUnavailable
		})
		err := c.Handle(t.Context(), engage.WorkspaceID{1}, []engage.Envelope{envelope(t, signedUp{}, 1), envelope(t, paid{engage.Money{Currency: "EUR"}}, 2), envelope(t, signedUp{}, 3)})
		if calls != 1 || !errors.Is(err, engage.ErrUnavailable) {
			t.Errorf("%d calls, %v", calls, err)
		}
	})
	t.Run("answers ErrInvalid for a payload that does not decode", func(t *testing.T) {
		t.Parallel()
		c := engage.NewConsumer("shop")
		engage.On(c, func(context.Context, engage.WorkspaceID, []engage.Received[paid]) error { return nil })
		bad := envelope(t, paid{engage.Money{Currency: "EUR"}}, 1)
		bad.Data = json.RawMessage(`{"amount":{"minor":1,"currency":"euro"}}`)
		if err := c.Handle(t.Context(), engage.WorkspaceID{1}, []engage.Envelope{bad}); !errors.Is(err, engage.ErrInvalid) || !strings.Contains(err.Error(), bad.ID.String()) {
			t.Errorf("%v", err)
		}
	})
	t.Run("has one handler an event, the last", func(t *testing.T) {
		t.Parallel()
		got := ""
		c := engage.NewConsumer("shop")
		for _, name := range []string{"first", "second"} {
			engage.On(c, func(context.Context, engage.WorkspaceID, []engage.Received[signedUp]) error { got += name; return nil })
		}
		if err := c.Handle(t.Context(), engage.WorkspaceID{1}, []engage.Envelope{envelope(t, signedUp{}, 1)}); err != nil || got != "second" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestARuntime(t *testing.T) {
	t.Parallel()
	t.Run("says what is missing and fills in the rest", func(t *testing.T) {
		t.Parallel()
		var faults engage.Faults
		got := (engage.Runtime{}).Resolve(&faults)
		if len(faults) != 2 || got.Clock == nil || got.IDs == nil || got.Log == nil || got.Telemetry == nil {
			t.Errorf("%v, %+v", faults, got)
		}
		ctx, end := got.Telemetry.Span(t.Context(), "engage.test.span")
		got.Telemetry.Count(ctx, "engage.test.count", 1)
		got.Telemetry.Record(ctx, "engage.test.record", 1)
		end(nil)
		clock := engage.NewManualClock(start)
		if kept := (engage.Runtime{Clock: clock}).Resolve(&faults); kept.Clock != engage.Clock(clock) || kept.Clock.Now() != start {
			t.Error("a clock was replaced")
		}
	})
}
