package messaging

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-engage/engage"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// move is one thing that can happen to a message.
type move struct {
	name string
	do   func(*Message) error
	// from is the only state it is legal in.
	from State
}

func moves() []move {
	all := []move{
		{"intend", func(m *Message) error { return m.intend("a@b.test", now) }, Planned},
		{"skip", func(m *Message) error { return m.skip(Skipped, NoContact, now) }, Planned},
		{"fail before it is sent", func(m *Message) error { return m.skip(Failed, NoTemplate, now) }, Planned},
		{"accept", func(m *Message) error { return m.accept(Receipt{ProviderID: "p"}, now) }, Intended},
		{"lose", func(m *Message) error { return m.lose(now) }, Intended},
	}
	for _, class := range append(FailureClasses(), "", "of tomorrow") {
		all = append(all, move{"refuse as " + string(class), func(m *Message) error {
			return m.refuse(&SendError{Class: class, Code: "550"}, now)
		}, Intended})
	}
	return all
}

var states = []State{Planned, Intended, Accepted, Failed, Unknown, Skipped}

func TestAMessageRefusesIllegalMoves(t *testing.T) {
	t.Parallel()
	for _, from := range states {
		for _, move := range moves() {
			if move.from == from {
				continue
			}
			t.Run(fmt.Sprintf("%s: %s", from, move.name), func(t *testing.T) {
				t.Parallel()
				m := Message{State: from, Class: Transactional, DueAt: now, Attempts: 1}
				before := m
				if err := move.do(&m); !errors.Is(err, engage.ErrFailedPrecondition) {
					t.Errorf("want ErrFailedPrecondition, got %v", err)
				}
				if m != before {
					t.Errorf("the message changed: %+v", m)
				}
			})
		}
	}
	m := Message{State: Planned}
	if err := m.skip(Accepted, "", now); !errors.Is(err, engage.ErrFailedPrecondition) {
		t.Errorf("a plan is accepted unsent: %v", err)
	}
}

func TestTheOtherSidePutsAMessageOffForADayAtMost(t *testing.T) {
	t.Parallel()
	for asked, want := range map[time.Duration]time.Duration{time.Hour: time.Hour, 1 << 62: MaxRetryAfter} {
		m := Message{State: Intended, Attempts: 1}
		if err := m.refuse(&SendError{Class: FailureRetryable, RetryAfter: asked}, now); err != nil || !m.DueAt.Equal(now.Add(want)) {
			t.Errorf("asked for %s: due at %s (%v), want %s", asked, m.DueAt, err, now.Add(want))
		}
	}
}

func TestEveryOutcomeOfAnIntent(t *testing.T) {
	t.Parallel()
	refuse := func(class FailureClass) func(*Message) error {
		return func(m *Message) error {
			return m.refuse(&SendError{Class: class, Code: "550", RetryAfter: time.Hour}, now)
		}
	}
	accept := func(m *Message) error { return m.accept(Receipt{}, now) }
	lose := func(m *Message) error { return m.lose(now) }
	for _, c := range []struct {
		name              string
		class             Class
		attempts, repeats int
		do                func(*Message) error
		want              State
		failure           FailureClass
		reason            Reason
	}{
		{"taken", Marketing, 1, 0, accept, Accepted, "", ""},
		{"a repeat is taken", Transactional, 2, 1, accept, Accepted, "", ""},
		{"not taken, may be tried again", Marketing, 1, 0, refuse(FailureRetryable), Planned, FailureRetryable, ""},
		{"not taken, tried often enough", Marketing, MaxAttempts, 0, refuse(FailureRetryable), Failed, FailureRetryable, TooManyTries},
		{"refused for good", Marketing, 1, 0, refuse(FailurePermanent), Failed, FailurePermanent, ""},
		{"the address is gone", Transactional, 1, 0, refuse(FailureAddressGone), Failed, FailureAddressGone, ""},
		{"the sender is wrong, the message waits", Transactional, 1, 0, refuse(FailureConfig), Planned, FailureConfig, ""},
		{"the message is wrong", Marketing, 1, 0, refuse(FailurePayload), Failed, FailurePayload, ""},
		{"marketing is sent at most once", Marketing, 1, 0, refuse(FailureUnknown), Unknown, FailureUnknown, ""},
		{"marketing whose worker died too", Marketing, 1, 0, lose, Unknown, FailureUnknown, ""},
		{"transactional is repeated", Transactional, 1, 0, refuse(FailureUnknown), Planned, FailureUnknown, ""},
		{"transactional whose worker died too", Transactional, 1, 0, lose, Planned, FailureUnknown, ""},
		{"a class that nobody knows says nothing", Marketing, 1, 0, refuse("of tomorrow"), Unknown, FailureUnknown, ""},
		{"no class says nothing", Marketing, 1, 0, refuse(""), Unknown, FailureUnknown, ""},
		{"a second unknown is the end", Transactional, 2, 1, refuse(FailureUnknown), Unknown, FailureUnknown, ""},
		{"a repeat's worker died", Transactional, 2, 1, lose, Unknown, FailureUnknown, ""},
		{"a repeat that was refused may have arrived before", Transactional, 2, 1, refuse(FailurePermanent), Unknown, FailurePermanent, ""},
		{"a repeat that was not taken is tried again", Transactional, 2, 1, refuse(FailureRetryable), Planned, FailureRetryable, ""},
		{"a repeat that was tried often enough", Transactional, MaxAttempts, 1, refuse(FailureRetryable), Unknown, FailureRetryable, TooManyTries},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := Message{State: Intended, Class: c.class, Attempts: c.attempts, Repeats: c.repeats, DueAt: now, Address: "a@b.test"}
			if err := c.do(&m); err != nil {
				t.Fatal(err)
			}
			if m.State != c.want || m.Failure != c.failure || m.Reason != c.reason {
				t.Errorf("%s, %s, %q: want %s, %s, %q", m.State, m.Failure, m.Reason, c.want, c.failure, c.reason)
			}
			if final := m.State.IsFinal(); final != !m.SettledAt.IsZero() || final != m.DueAt.IsZero() {
				t.Errorf("%s: settled %v, due %v", m.State, m.SettledAt, m.DueAt)
			}
			if repeated := c.want == Planned && c.failure == FailureUnknown; repeated != (m.Repeats > c.repeats) {
				t.Errorf("%d repeats after %d", m.Repeats, c.repeats)
			}
			if c.failure == FailureRetryable && c.want == Planned && m.DueAt.Before(now.Add(time.Hour)) {
				t.Errorf("due at %v, before the other side asked", m.DueAt)
			}
		})
	}
}

func TestARepeatThatCanNoLongerBeSentStaysUnknown(t *testing.T) {
	t.Parallel()
	m := Message{State: Planned, Class: Transactional, Attempts: 1, Repeats: 1, Failure: FailureUnknown}
	if err := m.skip(Skipped, NoContact, now); err != nil || m.State != Unknown || m.Reason != NoContact {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestAnIntentForgetsTheLastFailureAndKeepsItsMessageID(t *testing.T) {
	t.Parallel()
	m := Message{ID: MessageID{1}, State: Planned, Failure: FailureRetryable, Code: "421", Attempts: 1}
	name := m.messageID(Address{Email: "a@acme.test"})
	if err := m.intend("b@home.test", now); err != nil {
		t.Fatal(err)
	}
	if m.Failure != "" || m.Code != "" || m.Attempts != 2 || m.Address != "b@home.test" || !m.IntendedAt.Equal(now) {
		t.Errorf("%+v", m)
	}
	if got := m.messageID(Address{Email: "a@acme.test"}); got != name || !strings.HasSuffix(name, "@acme.test") {
		t.Errorf("Message-ID %q, then %q", name, got)
	}
}

func TestWhatAnotherSideAnswersIsMadeStorable(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"", "250 ok", "\x00", "a\xffb", strings.Repeat("é", 200), strings.Repeat("\xff", 300)} {
		got := clean(answer)
		if len(got) > maxAnswerBytes || !utf8.ValidString(got) || strings.Contains(got, "\x00") {
			t.Errorf("%.20q became %q", answer, got)
		}
	}
	if got := clean("250 ok"); got != "250 ok" {
		t.Errorf("a plain answer became %q", got)
	}
	m := Message{State: Intended, Class: Marketing}
	if err := m.accept(Receipt{ProviderID: "\x00\xff"}, now); err != nil || m.ProviderID != "\uFFFD\uFFFD" {
		t.Errorf("the provider's id became %q: %v", m.ProviderID, err)
	}
}
