package natsbus_test

import (
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/natsbus"
	"github.com/go-engage/engage/internal/testkit/brokers"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Watermill's suite leaves readers of closed subscriptions behind.
		goleak.IgnoreAnyFunction("github.com/ThreeDotsLabs/watermill/internal/subscriber.(*multiplier).Subscribe.func2"))
}

// features are what JetStream is with one message under way for a group.
var features = tests.Features{
	ConsumerGroups:  true,
	GuaranteedOrder: true,
	Persistent:      true,
}

func TestWatermillSuite(t *testing.T) {
	t.Parallel()
	js := connect(t, brokers.NATS(t))
	stream := "SUITE-" + string(tests.NewTestID())
	t.Cleanup(func() { _ = js.DeleteStream(t.Context(), stream) })
	open := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		cfg := natsbus.Config{JetStream: js, Stream: stream, Prefix: stream}
		publisher, err := natsbus.NewPublisher(cfg)
		if err != nil {
			t.Fatal(err)
		}
		subscriber, err := natsbus.NewSubscriber(natsbus.SubscriberConfig{Config: cfg, Group: group, NackDelay: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = subscriber.Close() }) // some cases forget theirs
		return publisher, subscriber
	}
	tests.TestPubSub(t, features, func(t *testing.T) (message.Publisher, message.Subscriber) { return open(t, "suite") }, open)

	t.Run("a group that is new receives old messages", func(t *testing.T) {
		t.Parallel()
		features := features
		features.NewSubscriberReceivesOldMessages = true
		tests.TestNewSubscriberReceivesOldMessages(t, tests.TestContext{TestID: tests.NewTestID(), Features: features},
			func(t *testing.T) (message.Publisher, message.Subscriber) { return open(t, string(tests.NewTestID())) })
	})
}

func connect(t testing.TB, url string) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(url, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	conn.SetClosedHandler(func(*nats.Conn) { close(closed) })
	t.Cleanup(func() {
		conn.Close()
		<-closed
	})
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestWhatIsMissingIsToldAtOnce(t *testing.T) {
	t.Parallel()
	_, err := natsbus.NewSubscriber(natsbus.SubscriberConfig{Config: natsbus.Config{Stream: "a.b", Prefix: "a..b", Replicas: -1}, AckWait: -1})
	var detailed *engage.Error
	if !errors.As(err, &detailed) || len(detailed.Fields) != 6 {
		t.Errorf("got %v, want 6 faults", err)
	}
	if _, err := natsbus.NewPublisher(natsbus.Config{}); !errors.Is(err, engage.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
}

func TestATopicThatIsNoSubjectIsRefused(t *testing.T) {
	t.Parallel()
	js := connect(t, brokers.OwnNATS(t).URL())
	publisher, err := natsbus.NewPublisher(natsbus.Config{JetStream: js})
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"", "a b", "*", "a.>", "a..b", "line\nbreak"} {
		if err := publisher.Publish(topic, message.NewMessage("1", nil)); !errors.Is(err, engage.ErrInvalid) {
			t.Errorf("%q: got %v, want ErrInvalid", topic, err)
		}
	}
}

func TestAMessageComesAsItWas(t *testing.T) {
	t.Parallel()
	js := connect(t, brokers.OwnNATS(t).URL())
	cfg := natsbus.Config{JetStream: js}
	publisher, err := natsbus.NewPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	subscriber, err := natsbus.NewSubscriber(natsbus.SubscriberConfig{Config: cfg, Group: "group with spaces.and.dots"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = subscriber.Close() }()
	sent := message.NewMessage("id-1", []byte{0, 1, '\r', '\n', 255})
	sent.Metadata = message.Metadata{"key with space": "line\r\nbreak", "ä": "ö", "Nats-Msg-Id": "mine"}
	if err := publisher.Publish("shop.order.paid.v1", sent); err != nil {
		t.Fatal(err)
	}
	messages, err := subscriber.Subscribe(t.Context(), "shop.order.paid.v1")
	if err != nil {
		t.Fatal(err)
	}
	got := <-messages
	got.Ack()
	if !got.Equals(sent) {
		t.Errorf("got %s %q %v", got.UUID, got.Payload, got.Metadata)
	}
}
