package redisbus_test

import (
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/redisbus"
	"github.com/go-engage/engage/internal/testkit/brokers"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Watermill's suite leaves readers of closed subscriptions behind.
		goleak.IgnoreAnyFunction("github.com/ThreeDotsLabs/watermill/internal/subscriber.(*multiplier).Subscribe.func2"))
}

// features are what Redis Streams are: a group's processes take messages side by
// side, so one alone has them in order.
var features = tests.Features{
	ConsumerGroups:                      true,
	GuaranteedOrder:                     true,
	GuaranteedOrderWithSingleSubscriber: true,
	Persistent:                          true,
}

func TestWatermillSuite(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: brokers.Redis(t), PoolSize: 400})
	t.Cleanup(func() { _ = client.Close() })
	open := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		cfg := redisbus.Config{Client: client, NackDelay: time.Millisecond}
		publisher, err := redisbus.NewPublisher(cfg)
		if err != nil {
			t.Fatal(err)
		}
		cfg.ClaimIdle = 3 * time.Second // the suite waits no minute for what a closed subscriber held
		subscriber, err := redisbus.NewSubscriber(cfg, group)
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

func TestWhatIsMissingIsToldAtOnce(t *testing.T) {
	t.Parallel()
	_, err := redisbus.NewSubscriber(redisbus.Config{ClaimIdle: -1}, "")
	var detailed *engage.Error
	if !errors.As(err, &detailed) || len(detailed.Fields) != 3 {
		t.Errorf("got %v, want 3 faults", err)
	}
	if _, err := redisbus.NewPublisher(redisbus.Config{}); !errors.Is(err, engage.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
}
