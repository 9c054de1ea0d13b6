package watermillbus_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/watermillbus"
)

// hand is a broker that a test plays by itself.
type hand struct{ lanes chan *message.Message }

func (h hand) Subscribe(context.Context, string) (<-chan *message.Message, error) {
	return h.lanes, nil
}

func (hand) Close() error { return nil }

// bring delivers a copy of a message and reports whether it was acknowledged.
func (h hand) bring(t testing.TB, msg *message.Message) bool {
	t.Helper()
	msg = msg.Copy()
	h.lanes <- msg
	select {
	case <-msg.Acked():
		return true
	case <-msg.Nacked():
		return false
	case <-time.After(time.Minute):
		t.Fatal("a message is never answered")
		return false
	}
}

// received is a running receiver of a consumer.
type received struct {
	*bundle
	hand
	counts    counts
	log       *bytes.Buffer
	receivers *watermillbus.Receivers
	stop      func()
}

func (b *bundle) receive(t testing.TB, consumer *engage.Consumer) *received {
	t.Helper()
	return b.receiveWithin(t, consumer, time.Minute)
}

func (b *bundle) receiveWithin(t testing.TB, consumer *engage.Consumer, grace time.Duration) *received {
	t.Helper()
	r := &received{bundle: b, hand: hand{make(chan *message.Message)}, log: &bytes.Buffer{}}
	cfg := b.config()
	cfg.Backoff, cfg.Telemetry, cfg.Grace = soon, &r.counts, grace
	cfg.Logger = slog.New(slog.NewTextHandler(r.log, nil))
	var err error
	r.receivers, err = watermillbus.NewReceivers(watermillbus.ReceiverConfig{
		Config: cfg, Marks: b.marks, Open: func(string) (message.Subscriber, error) { return r.hand, nil },
		Lanes: watermillbus.Lanes{Count: 1},
	}, consumer)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.receivers.Workers()[0].Run(ctx) }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(r.stop)
	return r
}

// relayedMessages are the messages that a relay makes of the log.
func (b *bundle) relayedMessages(t testing.TB) []*message.Message {
	t.Helper()
	to := &broker{}
	relay, err := watermillbus.NewRelay(watermillbus.RelayConfig{Config: b.config(), Publisher: to, Lanes: watermillbus.Lanes{Count: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := drain(t, relay); err != nil {
		t.Fatal(err)
	}
	return to.taken
}

func (b *bundle) wantNothingParked(t testing.TB) {
	t.Helper()
	if backlog, err := b.log.Backlog(t.Context(), shard, "adder"); err != nil || backlog.Parked != 0 {
		t.Errorf("%d events are parked, %v", backlog.Parked, err)
	}
}

func TestReceiversHandleWhatTheyAreBroughtOnceAndInOrder(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		ws := b.workspaces(1)[0]
		for n := range 5 {
			b.publish(t, ws, n*10+1, n*10+10)
		}
		messages := b.relayedMessages(t)
		r := b.receive(t, b.adder(nil, nil))
		for _, i := range []int{0, 0, 2, 1, 4, 0, 2, 3, 4} { // doubled and reordered
			if !r.bring(t, messages[i]) {
				t.Errorf("message %d was refused", i)
			}
		}
		b.wantEffects(t, ws, upTo(1, 50))
		if n := r.counts.of(fromLog); n != 20 {
			t.Errorf("%d events were read from the log, want the 20 that were passed over", n)
		}
	})
}

func TestAConsumerThatIsNewBeginsAtTheOldestSliceKept(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		ws := b.workspaces(1)[0]
		b.publish(t, ws, 1, 1200)
		messages := b.relayedMessages(t)
		r := b.receive(t, b.adder(nil, nil))
		r.bring(t, messages[2]) // the broker has forgotten the others
		b.wantEffects(t, ws, upTo(1, 1200))
	})
}

// TestARedeliveryAfterTheWindowIsRefused lets a broker repeat what is older than
// marks are kept. The slice may have been handled, so it is not handled again.
func TestARedeliveryAfterTheWindowIsRefused(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		ws := b.workspaces(1)[0]
		b.publish(t, ws, 1, 10)
		b.publish(t, ws, 11, 20)
		old := b.relayedMessages(t)
		r := b.receive(t, b.adder(nil, nil))
		idle := b.receive(t, b.adder(nil, nil)) // it knows of the first slice alone
		idle.bring(t, old[0])
		for _, msg := range old {
			r.bring(t, msg)
		}
		b.clock.Advance(watermillbus.MarkWindow + time.Hour)
		b.publish(t, ws, 21, 30)
		r.bring(t, b.relayedMessages(t)[0])
		r.stop()
		idle.stop()
		if _, err := b.marks.PruneMarks(t.Context(), shard, "adder", b.clock.Now().Add(-watermillbus.MarkWindow), 100); err != nil {
			t.Fatal(err) // the receivers may have done it
		}
		again := b.receive(t, b.adder(nil, nil))
		for _, msg := range old {
			if !again.bring(t, msg) {
				t.Error("a slice that is too old comes again and again")
			}
		}
		again.stop()
		b.wantEffects(t, ws, upTo(1, 30))
		b.wantNothingParked(t)
		if n := again.counts.of("engage.watermillbus.refused consumer adder"); n != 2 || !strings.Contains(again.log.String(), "older than marks are kept") {
			t.Errorf("%d slices are told as refused: %s", n, again.log)
		}
	})
}

// TestWhatIsOldButNewToTheConsumerIsHandled lets a consumer rest for longer than
// marks are kept.
func TestWhatIsOldButNewToTheConsumerIsHandled(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		ws := b.workspaces(1)[0]
		b.publish(t, ws, 1, 10)
		b.publish(t, ws, 11, 20)
		messages := b.relayedMessages(t)
		r := b.receive(t, b.adder(nil, nil))
		r.bring(t, messages[0])
		b.clock.Advance(2 * watermillbus.MarkWindow)
		r.bring(t, messages[1])
		b.wantEffects(t, ws, upTo(1, 20))
	})
}

func TestAnEventAtFaultIsParkedAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		ws := b.workspaces(1)[0]
		b.publish(t, ws, 1, 40)
		b.publish(t, ws, 41, 50)
		failing := []int{7, 23}
		r := b.receive(t, b.adder(nil, func(_ context.Context, _ engage.WorkspaceID, n int) error {
			if slices.Contains(failing, n) {
				return errOops
			}
			return nil
		}))
		for _, msg := range b.relayedMessages(t) {
			r.bring(t, msg)
		}
		r.stop()
		b.wantEffects(t, ws, upTo(1, 50, 7, 23))
		failing = nil
		b.clock.Advance(time.Hour)
		if n, err := r.receivers.Step(t.Context()); n != 2 || err != nil {
			t.Errorf("%d parked events were handled, %v", n, err)
		}
		b.wantEffects(t, ws, append(upTo(1, 50, 7, 23), 7, 23))
	})
}

// TestADeploymentLosesAndParksNothing ends receivers while they handle: what
// finishes within the grace is kept, what does not is undone and goes back.
func TestADeploymentLosesAndParksNothing(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		ws := b.workspaces(1)[0]
		b.publish(t, ws, 1, 10)
		b.publish(t, ws, 11, 20)
		messages := b.relayedMessages(t)
		for i, grace := range []time.Duration{time.Minute, time.Millisecond, time.Minute} {
			patient := grace == time.Minute
			entered, leave := make(chan struct{}), make(chan struct{})
			first := true
			r := b.receiveWithin(t, b.adder(nil, func(ctx context.Context, _ engage.WorkspaceID, _ int) error {
				if !first {
					return nil
				}
				first = false
				close(entered)
				if patient {
					<-leave
					return nil
				}
				<-ctx.Done() // longer than the grace
				return ctx.Err()
			}), grace)
			answered := make(chan bool)
			go func() { answered <- r.bring(t, messages[(i+1)/2]) }()
			<-entered
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				r.stop()
			}()
			close(leave)
			if acked := <-answered; acked != patient {
				t.Errorf("round %d was acknowledged: %v", i, acked)
			}
			<-stopped
		}
		b.wantEffects(t, ws, upTo(1, 20))
		b.wantNothingParked(t)
	})
}

func TestWhatNoBrokerBringsIsReadFromTheLog(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		ws := b.workspaces(1)[0]
		b.publish(t, ws, 1, 10)
		r := b.receive(t, b.adder(nil, nil))
		r.stop()
		if n, err := drain(t, r.receivers); n != 0 || err != nil {
			t.Errorf("%d events were read before the broker had its time, %v", n, err)
		}
		b.clock.Advance(watermillbus.DefaultSweep)
		if n, err := drain(t, r.receivers); n != 10 || err != nil {
			t.Errorf("%d events were read, %v", n, err)
		}
		b.wantEffects(t, ws, upTo(1, 10))
	})
}

func TestAMessageThatIsNoSliceIsPassedOver(t *testing.T) {
	t.Parallel()
	b := inMemory()
	ws := b.workspaces(1)[0]
	b.publish(t, ws, 1, 10)
	whole := b.relayedMessages(t)[0]
	r := b.receive(t, b.adder(nil, nil))
	for _, spoil := range []func(msg *message.Message){
		func(msg *message.Message) { msg.UUID = "1" },
		func(msg *message.Message) { msg.Payload = msg.Payload[:len(msg.Payload)/2+1] },
		func(msg *message.Message) { msg.Metadata.Set(watermillbus.MetadataPartition, "64") },
		func(msg *message.Message) { msg.Metadata.Set(watermillbus.MetadataPosition, "0") },
		func(msg *message.Message) { msg.Metadata = nil },
	} {
		msg := whole.Copy()
		spoil(msg)
		if !r.bring(t, msg) {
			t.Errorf("a message comes again that never can be read: %v", msg)
		}
	}
	b.wantEffects(t, ws, nil)
	r.stop()
	if n := strings.Count(r.log.String(), "a message is no slice"); n != 5 {
		t.Errorf("%d messages are told of: %s", n, r.log)
	}
}

// TestASliceTheBrokerRefusesIsRelayedByName relays to a broker with a limit of
// bytes: its partition does not wait, and receivers read the slice from the log.
func TestASliceTheBrokerRefusesIsRelayedByName(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, b *bundle) {
		ws := b.workspaces(1)[0]
		b.publish(t, ws, 1, 1)
		b.publish(t, ws, 2, 200)
		b.publish(t, ws, 201, 201)
		to := &broker{refuse: func(_ string, messages []*message.Message) error {
			for _, msg := range messages {
				if len(msg.Payload) > 1000 {
					return errors.New("too large")
				}
			}
			return nil
		}}
		relay, err := watermillbus.NewRelay(watermillbus.RelayConfig{Config: b.config(), Publisher: to})
		if err != nil {
			t.Fatal(err)
		}
		for range watermillbus.MaxFailures + 1 {
			_, _ = drain(t, relay)
			b.clock.Advance(watermillbus.MaxHold)
		}
		b.wantBacklog(t, "watermillbus.relay", 0, 0)
		r := b.receive(t, b.adder(nil, nil))
		for _, msg := range to.taken {
			r.bring(t, msg)
		}
		b.wantEffects(t, ws, upTo(1, 201))
	})
}
