package smtpmail

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/messaging"
)

// Sender sends emails through one mail server. It is safe for concurrent use,
// opens connections when they are needed and keeps them for the next message.
type Sender struct {
	config Config
	slots  chan struct{} // one for each connection, open or being opened

	mu     sync.Mutex
	idle   []*session // the most recently used last
	closed bool
	ending sync.WaitGroup // connections that are saying goodbye
}

var _ messaging.EmailSender = (*Sender)(nil)

// New makes a sender. It connects to nothing; a configuration that can't work
// answers ErrInvalid with all its faults.
func New(config Config) (*Sender, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	return &Sender{config: config, slots: make(chan struct{}, config.MaxConns)}, nil
}

// Format prints the server's address for every verb. Without it fmt would print
// the fields, and a Secret in an unexported field as it is.
func (s *Sender) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "smtpmail.Sender("+s.config.Addr+")")
}

var (
	errClosed  = fmt.Errorf("smtpmail: the sender is closed: %w", engage.ErrFailedPrecondition)
	errTimeout = fmt.Errorf("smtpmail: the total timeout is over: %w", context.DeadlineExceeded)
)

// SendEmail implements messaging.EmailSender. Its error is a *messaging.SendError.
func (s *Sender) SendEmail(ctx context.Context, ws engage.WorkspaceID, email messaging.Email) (messaging.Receipt, error) {
	fault := func(err error) (messaging.Receipt, error) {
		return messaging.Receipt{}, &messaging.SendError{Class: messaging.FailurePayload, Err: err}
	}
	if ws.IsZero() {
		var faults engage.Faults
		faults.Add("workspace", "required", "the zero workspace")
		return fault(faults.Err("smtpmail.SendEmail", ""))
	}
	if err := email.Validate(); err != nil {
		return fault(err)
	}
	wire, err := compose(email, s.config.Clock.Now())
	if err != nil {
		return fault(err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.config.Timeouts.Total, errTimeout)
	defer cancel()
	got, err := s.send(ctx, envelope{from: email.EnvelopeFrom(), to: email.To.Email}, wire)
	if err != nil {
		return messaging.Receipt{}, err
	}
	return messaging.Receipt{ProviderID: got.text(), AcceptedAt: engage.Instant(s.config.Clock.Now())}, nil
}

func (s *Sender) send(ctx context.Context, e envelope, wire []byte) (reply, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return reply{}, &messaging.SendError{
			Class: messaging.FailureRetryable,
			Err:   fmt.Errorf("no connection was free: %w", context.Cause(ctx)),
		}
	}
	session, err := s.take()
	if err != nil {
		return reply{}, &messaging.SendError{Class: messaging.FailureRetryable, Err: err}
	}
	if session != nil {
		got, stale, err := session.deliver(ctx, e, wire)
		s.give(ctx, session, err)
		if !stale || ctx.Err() != nil {
			return got, err
		}
		// The server hung up while the connection rested, and the message has
		// not been named yet: a new connection is no second attempt.
	}
	if session, err = open(ctx, &s.config); err != nil {
		return reply{}, err
	}
	got, _, err := session.deliver(ctx, e, wire)
	s.give(ctx, session, err)
	return got, err
}

// take answers the connection that rested least, or nil when there is none.
func (s *Sender) take() (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if len(s.idle) == 0 {
		return nil, nil
	}
	last := s.idle[len(s.idle)-1]
	s.idle = s.idle[:len(s.idle)-1]
	last.idle.Stop()
	return last, nil
}

// give puts a connection to rest. After an error, at the end of ctx, which closes
// what it was used with, and once the sender is closed, it ends it.
func (s *Sender) give(ctx context.Context, session *session, err error) {
	if err != nil || ctx.Err() != nil {
		session.abort()
		return
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		session.quit()
		return
	}
	defer s.mu.Unlock()
	session.idle = time.AfterFunc(s.config.IdleTimeout, func() { s.retire(session) })
	s.idle = append(s.idle, session)
}

// retire ends a connection that rested too long, unless it was taken meanwhile.
func (s *Sender) retire(rested *session) {
	s.mu.Lock()
	i := slices.Index(s.idle, rested)
	if i >= 0 {
		s.idle = slices.Delete(s.idle, i, i+1)
		s.ending.Add(1)
	}
	s.mu.Unlock()
	if i >= 0 {
		defer s.ending.Done()
		rested.quit()
	}
}

// Close ends the connections at rest; those in use end with their message, and
// later calls of SendEmail fail as retryable. Close may be called more than once,
// and on a sender that never sent anything. It takes Timeouts.Quit at most.
func (s *Sender) Close() error {
	s.mu.Lock()
	idle := s.idle
	s.idle, s.closed = nil, true
	s.mu.Unlock()
	for _, session := range idle {
		session.idle.Stop()
		s.ending.Go(session.quit)
	}
	s.ending.Wait()
	return nil
}
