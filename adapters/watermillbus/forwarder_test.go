package watermillbus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/watermillbus"
)

// broker keeps what it takes; refuse may object to a batch.
type broker struct {
	refuse func(topic string, messages []*message.Message) error
	topics []string
	taken  []*message.Message
	calls  int
	closed bool
}

func (b *broker) Publish(topic string, messages ...*message.Message) error {
	b.calls++
	if b.refuse != nil {
		if err := b.refuse(topic, messages); err != nil {
			return err
		}
	}
	for _, msg := range messages {
		b.topics = append(b.topics, topic)
		b.taken = append(b.taken, msg)
	}
	return nil
}

func (b *broker) Close() error {
	b.closed = true
	return nil
}

func (b *broker) payloads() []string {
	var all []string
	for _, msg := range b.taken {
		all = append(all, string(msg.Payload))
	}
	return all
}

func payloads(from, to int) []string {
	var all []string
	for n := from; n <= to; n++ {
		all = append(all, fmt.Sprintf(`{"n":%d}`, n))
	}
	return all
}

func newForwarder(t testing.TB, cfg watermillbus.Config, to message.Publisher) *watermillbus.Forwarder {
	t.Helper()
	forwarder, err := watermillbus.NewForwarder(watermillbus.ForwarderConfig{Config: cfg, Publisher: to, Name: "forwarder"})
	if err != nil {
		t.Fatal(err)
	}
	return forwarder
}

func TestAForwarderPublishesTheLog(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		ws := b.workspaces(1)[0]
		b.publish(t, ws, 1, 700) // two slices
		b.publishEvents(t, ws, ignored{})
		to := &broker{}
		if n, err := drain(t, newForwarder(t, b.config(), to)); n != 701 || err != nil {
			t.Errorf("passed %d events, %v", n, err)
		}
		if got := to.payloads()[:700]; !slices.Equal(got, payloads(1, 700)) {
			t.Errorf("out of order: %v …", got[:10])
		}
		if to.topics[0] != "test.counted.v1" || to.topics[700] != "test.ignored.v1" || to.calls > 4 {
			t.Errorf("topics %s and %s, %d calls", to.topics[0], to.topics[700], to.calls)
		}
		slices, err := b.log.Read(t.Context(), shard, engage.PartitionOf(ws), 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		event, msg := slices[0].Events[41], to.taken[41]
		want := message.Metadata{
			watermillbus.MetadataWorkspace: ws.String(), watermillbus.MetadataName: "test.counted.v1",
			watermillbus.MetadataSubject: engage.Ref{Type: "count", ID: number(42)}.String(),
			watermillbus.MetadataEvent:   event.ID.String(), watermillbus.MetadataSlice: slices[0].ID.String(),
			watermillbus.MetadataOccurredAt: "2026-03-01T12:00:00.123456Z",
		}
		expected := message.NewMessage(event.ID.String(), message.Payload(event.Data))
		expected.Metadata = want
		if !msg.Equals(expected) {
			t.Errorf("got %s %v, want %s %v", msg.UUID, msg.Metadata, expected.UUID, want)
		}
		b.wantBacklog(t, "forwarder", 0, 0)
	})
}

func TestAForwarderPublishesAgainWhatItCouldNotNote(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		ws := b.workspaces(1)[0]
		b.publish(t, ws, 1, 10)
		crashed := false
		cfg := b.config()
		cfg.Tx = hookedTx{Transactor: b.tx, after: func() error {
			if !crashed {
				crashed = true
				return errOops
			}
			return nil
		}}
		to := &broker{}
		forwarder := newForwarder(t, cfg, to)
		_, _ = drain(t, forwarder)
		b.clock.Advance(time.Minute)
		if n, err := drain(t, forwarder); n != 10 || err != nil {
			t.Errorf("passed %d events, %v", n, err)
		}
		if len(to.taken) != 20 || to.taken[3].UUID != to.taken[13].UUID {
			t.Errorf("%d messages; a repetition has another UUID", len(to.taken))
		}
	})
}

func TestABrokersOutageParksNothing(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		ws := b.workspaces(1)[0]
		b.publish(t, ws, 1, 10)
		down := true
		to := &broker{refuse: func(string, []*message.Message) error {
			if down {
				return errors.New("connection refused")
			}
			return nil
		}}
		forwarder := newForwarder(t, b.config(), to)
		for range watermillbus.MaxFailures * 2 {
			if n, err := forwarder.Step(t.Context()); n != 0 || err == nil {
				t.Errorf("passed %d events, %v", n, err)
			}
			b.clock.Advance(watermillbus.MaxHold)
		}
		b.wantBacklog(t, "forwarder", 1, 0)
		down = false
		if n, err := drain(t, forwarder); n != 10 || err != nil {
			t.Errorf("passed %d events, %v", n, err)
		}
		if got := to.payloads(); !slices.Equal(got, payloads(1, 10)) {
			t.Errorf("got %v", got)
		}
	})
}

func TestAnEventThatABrokerRefusesIsParked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		refuse func() error
		steps  int
	}{
		"after MaxFailures, while it takes others": {func() error { return errors.New("message too large") }, watermillbus.MaxFailures + 1},
		"at once, when it panics":                  {func() error { panic("nil pointer") }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := inMemory()
			ws := b.workspaces(1)[0]
			b.publish(t, ws, 1, 10)
			broken := true
			to := &broker{refuse: func(_ string, messages []*message.Message) error {
				for _, msg := range messages {
					if broken && string(msg.Payload) == `{"n":4}` {
						return c.refuse()
					}
				}
				return nil
			}}
			forwarder := newForwarder(t, b.config(), to)
			for range c.steps {
				_, _ = drain(t, forwarder)
				b.clock.Advance(watermillbus.MaxHold)
			}
			if got, want := to.payloads(), append(payloads(1, 3), payloads(5, 10)...); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			b.wantBacklog(t, "forwarder", 0, 1)
			broken = false
			b.clock.Advance(time.Hour)
			if n, err := drain(t, forwarder); n != 1 || err != nil {
				t.Errorf("passed %d parked events, %v", n, err)
			}
			if got := to.payloads(); got[len(got)-1] != `{"n":4}` {
				t.Errorf("got %v", got)
			}
			b.wantBacklog(t, "forwarder", 0, 0)
		})
	}
}

func TestKeepOpen(t *testing.T) {
	t.Parallel()
	shared := &broker{}
	if err := watermillbus.KeepOpen(shared).Close(); err != nil || shared.closed {
		t.Errorf("the shared publisher was closed, %v", err)
	}
}

// localBundle is a memory store and a Local in a bubble of virtual time.
func localBundle(t *testing.T, cfg watermillbus.LocalConfig) (*bundle, *watermillbus.Local, *watermillbus.Forwarder) {
	store := memory.New(memory.Config{})
	b := &bundle{tx: store, events: store, log: store, sequence: func(testing.TB) {}, ids: engage.NewIDSource(engage.SystemClock{}, nil)}
	local := watermillbus.NewLocal(cfg)
	config := b.config()
	config.Clock = nil
	return b, local, newForwarder(t, config, local)
}

// running runs a worker until the test's end.
func running(t *testing.T, worker engage.Worker) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := worker.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

func TestLocal(t *testing.T) {
	t.Parallel()
	t.Run("delivers in order to every subscriber, and a refused message after a pause", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b, local, forwarder := localBundle(t, watermillbus.LocalConfig{Backoff: func(int) time.Duration { return time.Minute }})
			a, c := subscribe(t, local, "test.counted.v1"), subscribe(t, local, "test.counted.v1")
			b.publish(t, b.workspaces(1)[0], 1, 50)
			stop := running(t, forwarder)
			go func() {
				for msg := range c {
					msg.Ack()
				}
			}()
			start, refused := time.Now(), false
			var got []string
			for len(got) < 50 {
				msg := <-a
				if len(got) == 20 && !refused {
					refused = true
					msg.Nack()
					continue
				}
				got = append(got, string(msg.Payload))
				msg.Ack()
			}
			if !slices.Equal(got, payloads(1, 50)) {
				t.Errorf("got %v", got)
			}
			if waited := time.Since(start); waited < time.Minute {
				t.Errorf("the refused message came again after %v", waited)
			}
			stop()
			if err := local.Close(); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("waits for the subscriber of a topic that must have one", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b, local, forwarder := localBundle(t, watermillbus.LocalConfig{Topics: []string{"test.counted.v1"}})
			b.publish(t, b.workspaces(1)[0], 1, 3)
			stop := running(t, forwarder)
			time.Sleep(time.Hour)
			messages := subscribe(t, local, "test.counted.v1")
			for _, want := range payloads(1, 3) {
				msg := <-messages
				if string(msg.Payload) != want {
					t.Errorf("got %s, want %s", msg.Payload, want)
				}
				msg.Ack()
			}
			stop()
			_ = local.Close()
		})
	})
	t.Run("that is closed in the middle loses nothing", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b, local, forwarder := localBundle(t, watermillbus.LocalConfig{})
			b.publish(t, b.workspaces(1)[0], 1, 3)
			messages := subscribe(t, local, "test.counted.v1")
			stop := running(t, forwarder)
			(<-messages).Ack()
			<-messages // at work when it closes
			_ = local.Close()
			stop()
			b.wantBacklog(t, "forwarder", 1, 0)
			if _, err := local.Subscribe(t.Context(), "test.counted.v1"); !errors.Is(err, engage.ErrFailedPrecondition) {
				t.Errorf("Subscribe after Close: %v", err)
			}
		})
	})
}
