package watermillbus

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/go-engage/engage"
)

// LocalConfig is what a Local is made of. The zero value works.
type LocalConfig struct {
	// Topics are those that must have a subscriber: until they do, publishing
	// to them answers ErrUnavailable, and a Forwarder waits. A message of any
	// other topic that nobody subscribes to is gone.
	Topics []string
	// Backoff is the pause before a message that was refused (Nack) comes
	// again. nil: engage.Backoff, MaxHold at most.
	Backoff func(attempts int) time.Duration
	Logger  *slog.Logger // nil: discards
}

// Local is Watermill's GoChannel made fit to be fed by a Forwarder, for hosts
// that run plain Watermill routers in one process. Publish waits until every
// subscriber has acknowledged, so order is kept and nothing piles up in memory;
// it fails when Local is closed meanwhile, so that the Forwarder publishes again
// next time; and a message that is refused comes again after a pause instead of
// at once. Every subscriber of a topic gets every message.
type Local struct {
	cfg     LocalConfig
	channel *gochannel.GoChannel

	mu      sync.Mutex
	waiting map[string]int // subscribers by topic
	closed  bool
	wg      sync.WaitGroup
}

var (
	_ message.Publisher  = (*Local)(nil)
	_ message.Subscriber = (*Local)(nil)
)

// NewLocal makes a Local.
func NewLocal(cfg LocalConfig) *Local {
	if cfg.Backoff == nil {
		cfg.Backoff = engage.Backoff
	}
	return &Local{
		cfg: cfg, waiting: map[string]int{},
		channel: gochannel.NewGoChannel(gochannel.Config{BlockPublishUntilSubscriberAck: true}, Logger(cfg.Logger)),
	}
}

// Publish delivers messages to the topic's subscribers, one after the other, and
// waits for their acknowledgement.
func (l *Local) Publish(topic string, messages ...*message.Message) error {
	if err := l.ready(topic); err != nil {
		return err
	}
	for _, msg := range messages {
		if err := l.channel.Publish(topic, msg); err != nil {
			return &engage.Error{Code: engage.Unavailable, Op: "watermillbus.Local", Entity: topic, Err: err}
		}
		if err := l.ready(topic); err != nil {
			return err // it may have ended before they acknowledged
		}
	}
	return nil
}

func (l *Local) ready(topic string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return &engage.Error{Code: engage.Unavailable, Op: "watermillbus.Local", Entity: topic, Err: errClosed}
	case l.waiting[topic] == 0 && slices.Contains(l.cfg.Topics, topic):
		return &engage.Error{Code: engage.Unavailable, Op: "watermillbus.Local", Entity: topic, Err: errors.New("nobody subscribes yet")}
	}
	return nil
}

// Subscribe delivers what is published from now on until ctx ends or Close is
// called.
func (l *Local) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, &engage.Error{Code: engage.FailedPrecondition, Op: "watermillbus.Local", Entity: topic, Err: errClosed}
	}
	in, err := l.channel.Subscribe(ctx, topic)
	if err != nil {
		return nil, err
	}
	out := make(chan *message.Message)
	l.waiting[topic]++
	l.wg.Go(func() {
		defer close(out)
		defer l.leave(topic)
		for msg := range in {
			l.deliver(out, msg)
		}
	})
	return out, nil
}

func (l *Local) leave(topic string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting[topic]--
}

// deliver repeats a message until it is acknowledged or the subscription ends.
func (l *Local) deliver(out chan<- *message.Message, in *message.Message) {
	for attempt := 1; ; attempt++ {
		ctx, cancel := context.WithCancel(in.Context())
		msg := in.Copy()
		msg.SetContext(ctx)
		acked := offer(ctx, out, msg)
		cancel()
		if acked {
			in.Ack()
			return
		}
		if in.Context().Err() != nil || !pause(in.Context(), min(l.cfg.Backoff(attempt), MaxHold)) {
			return
		}
	}
}

// offer hands a message over and reports whether it was acknowledged.
func offer(ctx context.Context, out chan<- *message.Message, msg *message.Message) bool {
	select {
	case out <- msg:
	case <-ctx.Done():
		return false
	}
	select {
	case <-msg.Acked():
		return true
	case <-msg.Nacked():
	case <-ctx.Done():
	}
	return false
}

// Close ends all subscriptions and waits until their channels are closed.
func (l *Local) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	err := l.channel.Close()
	l.wg.Wait()
	return err
}
