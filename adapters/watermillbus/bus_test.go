package watermillbus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/watermillbus"
)

func (b *bundle) publisher(t testing.TB) *watermillbus.Publisher {
	t.Helper()
	publisher, err := watermillbus.NewPublisher(watermillbus.PublisherConfig{Tx: b.tx, Events: b.events})
	if err != nil {
		t.Fatal(err)
	}
	return publisher
}

// subscriber opens one whose refused messages come again at once.
func (b *bundle) subscriber(t testing.TB, change func(cfg *watermillbus.SubscriberConfig)) *watermillbus.Subscriber {
	t.Helper()
	cfg := watermillbus.SubscriberConfig{Config: b.config(), Group: "group"}
	cfg.Backoff = func(int) time.Duration { return 0 }
	cfg.Grace = time.Millisecond
	if change != nil {
		change(&cfg)
	}
	subscriber, err := watermillbus.NewSubscriber(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := subscriber.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return subscriber
}

func subscribe(t testing.TB, s message.Subscriber, topic string) <-chan *message.Message {
	t.Helper()
	messages, err := s.Subscribe(t.Context(), topic)
	if err != nil {
		t.Fatalf("Subscribe: %v", err)
	}
	return messages
}

func newMessage(ws engage.WorkspaceID, uuid, payload string) *message.Message {
	msg := message.NewMessage(uuid, message.Payload(payload))
	msg.Metadata.Set(watermillbus.MetadataWorkspace, ws.String())
	return msg
}

func TestAMessageComesOutAsItWentIn(t *testing.T) {
	t.Parallel()
	b := inMemory()
	ws := b.workspaces(1)[0]
	payloads := []string{
		"", "x", "null", "12", "{}", `{"a":1}`, `{"a": 1}`, `{"a":"<b>"}`, `{"a":"\u003cb\u003e"}`, `{"a":1}x`, "\x00\xff",
		`{"_watermill":{"uuid":"mine"}}`, `{"a":"\"_watermill\":{"}`, `[1,2]`, `{"a":{"b":[1,{"c":null}]}}`,
	}
	var sent []*message.Message
	for i, payload := range payloads {
		msg := newMessage(ws, fmt.Sprint("uuid-", i), payload)
		msg.Metadata.Set("host's", `{"_watermill":{`)
		msg.Metadata.Set(watermillbus.MetadataSubject, engage.Ref{Type: "note", ID: number(i)}.String())
		msg.Metadata.Set(watermillbus.MetadataTrace, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		sent = append(sent, msg)
	}
	if err := b.publisher(t).Publish("test.notes.v1", sent...); err != nil {
		t.Fatal(err)
	}
	messages := subscribe(t, b.subscriber(t, nil), "test.notes.v1")
	for i, want := range sent {
		got := <-messages
		got.Ack()
		if got.UUID != want.UUID || string(got.Payload) != string(want.Payload) {
			t.Errorf("got %q %q, want %q %q", got.UUID, got.Payload, want.UUID, want.Payload)
		}
		for key, value := range want.Metadata {
			if got.Metadata.Get(key) != value {
				t.Errorf("message %d: metadata %s is %q, want %q", i, key, got.Metadata.Get(key), value)
			}
		}
	}
}

// note is the payload of a message that a typed handler reads.
type note struct {
	Text string `json:"text"`
}

func (note) EventName() string        { return "test.notes.v1" }
func (note) EventSubject() engage.Ref { return engage.Ref{} }

func TestATypedHandlerReadsAMessage(t *testing.T) {
	t.Parallel()
	b := inMemory()
	ws := b.workspaces(1)[0]
	if err := b.publisher(t).Publish("test.notes.v1", newMessage(ws, "1", `{"text":"hello"}`)); err != nil {
		t.Fatal(err)
	}
	var got []string
	consumer := engage.NewConsumer("reader")
	engage.On(consumer, func(_ context.Context, _ engage.WorkspaceID, notes []engage.Received[note]) error {
		for _, n := range notes {
			got = append(got, n.Payload.Text)
		}
		return nil
	})
	if _, err := drain(t, newRunner(t, b.config(), consumer)); err != nil || !slices.Equal(got, []string{"hello"}) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAPublisher(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		publisher := b.publisher(t)
		workspaces := b.workspaces(2)
		ws := workspaces[0]
		in := func(ctx context.Context, msg *message.Message) *message.Message {
			msg.SetContext(ctx)
			return msg
		}
		err := b.tx.InTx(t.Context(), ws, func(ctx context.Context) error {
			if err := publisher.Publish("test.a.v1", in(ctx, newMessage(ws, "undone", "x"))); err != nil {
				t.Errorf("Publish: %v", err)
			}
			return errOops
		})
		if !errors.Is(err, errOops) {
			t.Errorf("InTx: %v", err)
		}
		err = b.tx.InTx(t.Context(), ws, func(ctx context.Context) error {
			err := publisher.Publish("test.a.v1", in(ctx, newMessage(workspaces[1], "elsewhere", "x")))
			if !errors.Is(err, engage.ErrFailedPrecondition) {
				t.Errorf("Publish for another workspace's transaction: %v", err)
			}
			return publisher.Publish("test.a.v1", in(ctx, newMessage(ws, "joined", "x")))
		})
		if err != nil {
			t.Errorf("InTx: %v", err)
		}
		for what, msg := range map[string]*message.Message{
			"no workspace": message.NewMessage("1", nil),
			"too large":    newMessage(ws, "1", strings.Repeat("x", engage.MaxEventBytes)),
		} {
			if err := publisher.Publish("test.a.v1", msg); !errors.Is(err, engage.ErrInvalid) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := publisher.Publish(watermillbus.AllEvents, newMessage(ws, "1", "x")); !errors.Is(err, engage.ErrInvalid) {
			t.Errorf("publishing to all: %v", err)
		}
		if err := publisher.Publish("test.a.v1", newMessage(ws, "own", "x"), newMessage(workspaces[1], "other", "x")); err != nil {
			t.Errorf("Publish: %v", err)
		}
		b.sequence(t)
		var got []string
		messages := subscribe(t, b.subscriber(t, nil), watermillbus.AllEvents)
		for range 3 {
			msg := <-messages
			got = append(got, msg.UUID)
			msg.Ack()
		}
		slices.Sort(got)
		if want := []string{"joined", "other", "own"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if err := publisher.Close(); err != nil {
			t.Error(err)
		}
		if err := publisher.Publish("test.a.v1", newMessage(ws, "late", "x")); !errors.Is(err, engage.ErrFailedPrecondition) {
			t.Errorf("Publish after Close: %v", err)
		}
	})
}

func TestASubscriberRepeatsFromTheRefusedMessage(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		ws := b.workspaces(1)[0]
		b.publish(t, ws, 1, 5)
		var got []string
		messages := subscribe(t, b.subscriber(t, nil), "test.counted.v1")
		refused := 0
		for len(got) < 7 {
			msg := <-messages
			got = append(got, string(msg.Payload))
			if string(msg.Payload) == `{"n":3}` && refused < 2 {
				refused++
				msg.Nack()
			} else {
				msg.Ack()
			}
		}
		want := []string{`{"n":1}`, `{"n":2}`, `{"n":3}`, `{"n":3}`, `{"n":3}`, `{"n":4}`, `{"n":5}`}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
	})
}

func TestATransactionalSubscribersEffectsHappenOnce(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		ws := b.workspaces(1)[0]
		for i := range 3 {
			b.publish(t, ws, i*5+1, i*5+5)
		}
		crashes := 0
		subscriber := b.subscriber(t, func(cfg *watermillbus.SubscriberConfig) {
			cfg.Transactional = true
			cfg.Grace = time.Minute // for the commit that is under way when it closes
			cfg.Tx = hookedTx{Transactor: b.tx, after: func() error {
				if crashes++; crashes == 2 {
					return errOops // everything was acknowledged, and the commit fails
				}
				return nil
			}}
		})
		messages := subscribe(t, subscriber, "test.counted.v1")
		deliveries, acked := 0, map[string]int{}
		for acked[`{"n":15}`] == 0 {
			msg := <-messages
			deliveries++
			var n int
			if _, err := fmt.Sscanf(string(msg.Payload), `{"n":%d}`, &n); err != nil {
				t.Fatal(err)
			}
			if err := b.effects.Add(msg.Context(), ws, n); err != nil {
				t.Errorf("Add: %v", err)
			}
			if deliveries%4 == 0 && deliveries < 20 {
				msg.Nack()
				continue
			}
			acked[string(msg.Payload)]++
			msg.Ack()
		}
		if err := subscriber.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		b.wantEffects(t, ws, upTo(1, 15))
		b.wantBacklog(t, "group/test.counted.v1", 0, 0)
		if deliveries <= 15 {
			t.Errorf("%d deliveries: nothing was repeated", deliveries)
		}
	})
}

func TestASlowMessageKeepsItsClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New(memory.Config{})
		b := &bundle{tx: store, events: store, log: store, sequence: func(testing.TB) {}, ids: engage.NewIDSource(engage.SystemClock{}, nil)}
		ws := b.workspaces(1)[0]
		b.publish(t, ws, 1, 2)
		open := func() *watermillbus.Subscriber {
			return b.subscriber(t, func(cfg *watermillbus.SubscriberConfig) { cfg.Clock, cfg.Grace = nil, time.Minute })
		}
		mine, yours := open(), open()
		first := <-subscribe(t, mine, "test.counted.v1")
		messages := subscribe(t, yours, "test.counted.v1")
		select {
		case msg := <-messages:
			t.Errorf("the other subscriber got %s, too", msg.UUID)
		case <-time.After(10 * watermillbus.DefaultLease):
		}
		// A subscriber that is closed lets the handler finish.
		go func() {
			time.Sleep(time.Second)
			if err := first.Context().Err(); err != nil {
				t.Errorf("the message's context ended at once: %v", err)
			}
			first.Ack()
		}()
		if err := mine.Close(); err != nil {
			t.Error(err)
		}
		if err := first.Context().Err(); err == nil {
			t.Error("the message's context outlives its subscriber")
		}
		msg := <-messages // the slice was not done, so it comes whole
		msg.Ack()
		msg = <-messages
		msg.Ack()
	})
}

func TestOneTenantsRefusalsLeaveTheOthersAlone(t *testing.T) {
	t.Parallel()
	b := inMemory()
	workspaces := b.workspaces(2)
	b.publish(t, workspaces[0], 1, 1)
	b.publish(t, workspaces[1], 1, 20)
	messages := subscribe(t, b.subscriber(t, func(cfg *watermillbus.SubscriberConfig) {
		cfg.Backoff = func(int) time.Duration { return time.Hour } // by the manual clock
	}), watermillbus.AllEvents)
	for acked := 0; acked < 20; {
		msg := <-messages
		if msg.Metadata.Get(watermillbus.MetadataWorkspace) == workspaces[0].String() {
			msg.Nack()
			continue
		}
		acked++
		msg.Ack()
	}
}

func TestSubscriberRefuses(t *testing.T) {
	t.Parallel()
	if _, err := watermillbus.NewSubscriber(watermillbus.SubscriberConfig{}); len(engage.FieldsOf(err)) != 3 {
		t.Errorf("NewSubscriber: %v", err)
	}
	b := inMemory()
	subscriber := b.subscriber(t, nil)
	for _, topic := range []string{"", strings.Repeat("x", engage.MaxKeyBytes)} {
		if _, err := subscriber.Subscribe(t.Context(), topic); !errors.Is(err, engage.ErrInvalid) {
			t.Errorf("topic of %d bytes: %v", len(topic), err)
		}
	}
	_ = subscriber.Close()
	if _, err := subscriber.Subscribe(t.Context(), "topic"); !errors.Is(err, engage.ErrFailedPrecondition) {
		t.Errorf("after Close: %v", err)
	}
}
