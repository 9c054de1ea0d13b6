package amqpbus_test

import (
	"errors"
	"testing"

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
		subscriber, err := amqpbus.NewSubscriber(cfg, group)
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
	_, err := amqpbus.NewSubscriber(amqpbus.Config{}, "")
	var detailed *engage.Error
	if !errors.As(err, &detailed) || len(detailed.Fields) != 2 {
		t.Errorf("got %v, want 2 faults", err)
	}
	if _, err := amqpbus.NewPublisher(amqpbus.Config{}); !errors.Is(err, engage.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
	_, err = amqpbus.NewPublisher(amqpbus.Config{URI: engage.NewSecret("amqp://guest:guest@127.0.0.1:1/")})
	if !errors.Is(err, engage.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}
