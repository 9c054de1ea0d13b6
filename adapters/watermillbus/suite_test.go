package watermillbus_test

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/watermillbus"
	"github.com/go-engage/engage/internal/testkit"
)

// logFeatures are what the log is: persistent, at least once, ordered by
// workspace, and the suite's messages are of one.
var logFeatures = tests.Features{
	ConsumerGroups:  true,
	GuaranteedOrder: true,
	Persistent:      true,
}

func TestWatermillSuite(t *testing.T) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		store := memory.New(memory.Config{})
		runSuite(t, store, store, store, logFeatures)
	})
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		store := testkit.Store(t, db, nil)
		worker := store.Workers()[0]
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = worker.Run(t.Context())
		}()
		t.Cleanup(func() { <-done })
		features := logFeatures
		features.ForceShort = true // the long run commits 30,000 messages one by one
		runSuite(t, store, store, store.Log(), features)
	})
}

func runSuite(t *testing.T, tx engage.Transactor, events engage.Publisher, log engage.EventLog, features tests.Features) {
	ws := engage.WorkspaceID(engage.NewIDSource(engage.SystemClock{}, nil).NewID())
	open := func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		publisher, err := watermillbus.NewPublisher(watermillbus.PublisherConfig{Tx: tx, Events: events, Workspace: ws})
		if err != nil {
			t.Fatal(err)
		}
		subscriber, err := watermillbus.NewSubscriber(watermillbus.SubscriberConfig{
			Config: watermillbus.Config{
				Tx: tx, Log: log, Grace: 100 * time.Millisecond,
				Backoff: func(int) time.Duration { return time.Millisecond },
			},
			Group: group,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = subscriber.Close() }) // some cases forget theirs
		return publisher, subscriber
	}
	same := func(t *testing.T) (message.Publisher, message.Subscriber) { return open(t, "suite") }
	tests.TestPubSub(t, features, same, open)

	t.Run("a group that is new receives old messages", func(t *testing.T) {
		t.Parallel()
		features.NewSubscriberReceivesOldMessages = true
		id := tests.NewTestID()
		tests.TestNewSubscriberReceivesOldMessages(t, tests.TestContext{TestID: id, Features: features},
			func(t *testing.T) (message.Publisher, message.Subscriber) { return open(t, string(tests.NewTestID())) })
	})
}
