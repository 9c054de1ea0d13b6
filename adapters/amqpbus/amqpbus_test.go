package amqpbus_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"go.uber.org/goleak"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/amqpbus"
	"github.com/go-engage/engage/internal/testkit/brokers"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Watermill's suite leaves readers of closed subscriptions behind.
		goleak.IgnoreAnyFunction("github.com/ThreeDotsLabs/watermill/internal/subscriber.(*multiplier).Subscribe.func2"))
}

// features are what a queue with one active consumer is.
var features = tests.Features{
	ConsumerGroups:  true,
	GuaranteedOrder: true,
	Persistent:      true,
}

func TestWatermillSuite(t *testing.T) {
	t.Parallel()
	cfg := amqpbus.Config{URI: engage.NewSecret(brokers.AMQP(t))}
	open := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		publisher, err := amqpbus.NewPublisher(cfg)
		if err != nil {
			t.Fatal(err)
		}
		subscriber, err := amqpbus.NewSubscriber(amqpbus.SubscriberConfig{Config: cfg, Group: group, NackDelay: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = subscriber.Close() }) // some cases forget theirs
		return publisher, subscriber
	}
	tests.TestPubSub(t, features, func(t *testing.T) (message.Publisher, message.Subscriber) { return open(t, "suite") }, open)
}

func TestWhatIsMissingIsToldAtOnce(t *testing.T) {
	t.Parallel()
	_, err := amqpbus.NewSubscriber(amqpbus.SubscriberConfig{NackDelay: -1})
	var detailed *engage.Error
	if !errors.As(err, &detailed) || len(detailed.Fields) != 3 {
		t.Errorf("got %v, want 3 faults", err)
	}
	if _, err := amqpbus.NewPublisher(amqpbus.Config{}); !errors.Is(err, engage.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
	_, err = amqpbus.NewPublisher(amqpbus.Config{URI: engage.NewSecret("http://guest:hidden@127.0.0.1/")})
	if !errors.Is(err, engage.ErrInvalid) || strings.Contains(err.Error(), "hidden") {
		t.Errorf("got %v, want ErrInvalid without the password", err)
	}
}

func TestABrokerThatIsAwayIsUnavailable(t *testing.T) {
	t.Parallel()
	cfg := amqpbus.Config{URI: engage.NewSecret("amqp://guest:guest@127.0.0.1:1/")}
	publisher, err := amqpbus.NewPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := publisher.Publish("topic", message.NewMessage("1", nil)); !errors.Is(err, engage.ErrUnavailable) {
		t.Errorf("Publish: got %v, want ErrUnavailable", err)
	}
	subscriber, err := amqpbus.NewSubscriber(amqpbus.SubscriberConfig{Config: cfg, Group: "group"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := subscriber.Subscribe(t.Context(), "topic"); !errors.Is(err, engage.ErrUnavailable) {
		t.Errorf("Subscribe: got %v, want ErrUnavailable", err)
	}
	if err := errors.Join(publisher.Close(), subscriber.Close()); err != nil {
		t.Error(err)
	}
}
