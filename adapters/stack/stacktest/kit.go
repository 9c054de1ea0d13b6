package stacktest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/messaging"
)

// Start is the instant at which a kit's clock stands first: a Monday, at noon.
var Start = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// Kit is a platform in memory under a test's control. Nothing happens in the
// background: Drain and Advance do the workers' work in the test's goroutine.
type Kit struct {
	*stack.Platform
	Clock     *engage.ManualClock
	Workspace engage.WorkspaceID // a tenant
	Other     engage.WorkspaceID // another one, to show that it sees nothing

	t   testing.TB
	box *mailbox
}

// New makes a kit with the platform's defaults.
func New(t testing.TB) *Kit {
	t.Helper()
	return With(t, stack.Config{})
}

// With makes a kit of a configuration, of which it fills in Clock, IDs and, if
// there is none, Email. Ids repeat from run to run.
func With(t testing.TB, cfg stack.Config) *Kit {
	t.Helper()
	k := &Kit{Clock: engage.NewManualClock(Start), t: t, box: &mailbox{}}
	cfg.Clock, cfg.IDs = k.Clock, engage.NewIDSource(k.Clock, rand.NewChaCha8([32]byte{}))
	if cfg.Email == nil {
		cfg.Email = k.box
	}
	platform, err := stack.Memory(cfg)
	if err != nil {
		t.Fatalf("stacktest: %v", err)
	}
	k.Platform = platform
	k.Workspace, k.Other = engage.WorkspaceID(cfg.IDs.NewID()), engage.WorkspaceID(cfg.IDs.NewID())
	t.Cleanup(func() { _ = platform.Close() })
	return k
}

// Drain does everything that is due, and fails the test when that fails.
func (k *Kit) Drain() {
	k.t.Helper()
	if err := k.Platform.Drain(k.t.Context()); err != nil {
		k.t.Fatalf("stacktest: %v", err)
	}
}

// advanceSteps is in how many steps Advance moves the clock, so that waits that
// follow each other end close to their own times.
const advanceSteps = 100

// Advance moves the clock by d, in a hundred steps, and does what falls due on
// the way.
func (k *Kit) Advance(d time.Duration) {
	k.t.Helper()
	k.Drain()
	step := d / advanceSteps
	for range advanceSteps - 1 {
		k.Clock.Advance(step)
		k.Drain()
	}
	k.Clock.Advance(d - step*(advanceSteps-1))
	k.Drain()
}

// Sent are the emails that were handed over, the oldest first.
func (k *Kit) Sent() []messaging.Email { return k.box.all() }

// FailNext has the next hand-overs fail, one with each error: a
// *messaging.SendError says how.
func (k *Kit) FailNext(errs ...error) { k.box.fail(errs) }

// RequireSent answers the first email to an address whose subject contains a
// text, and fails the test when there is none.
func (k *Kit) RequireSent(to, subject string) messaging.Email {
	k.t.Helper()
	for _, e := range k.Sent() {
		if e.To.Email == to && strings.Contains(e.Subject, subject) {
			return e
		}
	}
	k.t.Fatalf("no email to %s with %q in its subject was sent, but %s", to, subject, k.box)
	return messaging.Email{}
}

// RequireNotSent fails the test when an email to an address was handed over.
func (k *Kit) RequireNotSent(to string) {
	k.t.Helper()
	for _, e := range k.Sent() {
		if e.To.Email == to {
			k.t.Fatalf("an email to %s was sent: %q", to, e.Subject)
		}
	}
}

// Published answers the events of type E that were published in a workspace, in
// their order.
func Published[E engage.Event](k *Kit, ws engage.WorkspaceID) []E {
	k.t.Helper()
	var found []E
	reader := engage.NewConsumer("stacktest")
	engage.On(reader, func(_ context.Context, _ engage.WorkspaceID, events []engage.Received[E]) error {
		for _, e := range events {
			found = append(found, e.Payload)
		}
		return nil
	})
	partition, position := engage.PartitionOf(ws), engage.Position(0)
	for {
		slices, err := k.Log.Read(k.t.Context(), engage.DefaultShard, partition, position, 100)
		if err != nil {
			k.t.Fatalf("stacktest: %v", err)
		}
		if len(slices) == 0 {
			return found
		}
		for _, s := range slices {
			position = s.Position
			if s.Workspace != ws {
				continue
			}
			if err := reader.Handle(k.t.Context(), ws, s.Events); err != nil {
				k.t.Fatalf("stacktest: %v", err)
			}
		}
	}
}

// RequirePublished answers the first published event of type E that match
// accepts (nil: any), and fails the test when there is none.
func RequirePublished[E engage.Event](k *Kit, match func(E) bool) E {
	k.t.Helper()
	all := Published[E](k, k.Workspace)
	for _, e := range all {
		if match == nil || match(e) {
			return e
		}
	}
	var zero E
	k.t.Fatalf("no %s that matches was published, of %d", zero.EventName(), len(all))
	return zero
}

// mailbox is an EmailSender that keeps what it is given.
type mailbox struct {
	mu       sync.Mutex
	emails   []messaging.Email
	failures []error
}

func (m *mailbox) SendEmail(_ context.Context, _ engage.WorkspaceID, email messaging.Email) (messaging.Receipt, error) {
	if err := email.Validate(); err != nil {
		return messaging.Receipt{}, &messaging.SendError{Class: messaging.FailurePayload, Err: err}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.failures) > 0 {
		err := m.failures[0]
		m.failures = m.failures[1:]
		return messaging.Receipt{}, err
	}
	m.emails = append(m.emails, email)
	return messaging.Receipt{ProviderID: fmt.Sprintf("mailbox-%d", len(m.emails))}, nil
}

func (m *mailbox) all() []messaging.Email {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]messaging.Email(nil), m.emails...)
}

func (m *mailbox) fail(errs []error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failures = append(m.failures, errs...)
}

// String lists what was sent, for messages of failed tests.
func (m *mailbox) String() string {
	emails := m.all()
	if len(emails) == 0 {
		return "nothing was"
	}
	var b strings.Builder
	for _, e := range emails {
		fmt.Fprintf(&b, "\n  to %s: %q", e.To.Email, e.Subject)
	}
	return b.String()
}
