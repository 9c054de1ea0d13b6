package smtpmail

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/messaging"
)

// Sender sends emails through one mail server. It is safe for concurrent use,
// opens connections when they are needed and keeps them for the next message.
type Sender struct {
	config  Config
	slots   chan struct{} // one for each connection in use; those who wait are served in turn
	closing chan struct{} // closed by Close

	mu     sync.Mutex
	calls  int        // that wait for a connection or use one
	idle   []*session // the most recently used last
	closed bool

	inFlight sync.WaitGroup // calls
	ending   sync.WaitGroup // connections that are saying goodbye
}

var _ messaging.EmailSender = (*Sender)(nil)

// New makes a sender. It connects to nothing; a configuration that can't work
// answers ErrInvalid with all its faults.
func New(config Config) (*Sender, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	return &Sender{config: config, slots: make(chan struct{}, config.MaxConns), closing: make(chan struct{})}, nil
}

// Format prints the server's address for every verb. Without it fmt would print
// the fields, and a Secret in an unexported field as it is.
func (s *Sender) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "smtpmail.Sender("+s.config.Addr+")")
}

var (
	errClosed  = fmt.Errorf("smtpmail: the sender is closed: %w", engage.ErrFailedPrecondition)
	errBusy    = fmt.Errorf("smtpmail: too many messages wait for a connection: %w", engage.ErrResourceExhausted)
	errTimeout = fmt.Errorf("smtpmail: the total timeout is over: %w", context.DeadlineExceeded)
)

// SendEmail implements messaging.EmailSender. Its error is a *messaging.SendError.
func (s *Sender) SendEmail(ctx context.Context, ws engage.WorkspaceID, email messaging.Email) (messaging.Receipt, error) {
	if ws.IsZero() {
		var faults engage.Faults
		faults.Add("workspace", "required", "the zero workspace")
		return messaging.Receipt{}, malformed(faults.Err("smtpmail.SendEmail", ""))
	}
	if err := email.Validate(); err != nil {
		if needsUTF8(email) {
			err = fmt.Errorf("an address needs SMTPUTF8, which is not spoken: %w", err)
		}
		return messaging.Receipt{}, malformed(err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.config.Timeouts.Total, errTimeout)
	defer cancel()
	if err := s.wait(ctx); err != nil {
		return messaging.Receipt{}, &messaging.SendError{Class: messaging.FailureRetryable, Err: err}
	}
	got, err := s.send(ctx, email)
	if err != nil {
		return messaging.Receipt{}, err
	}
	return messaging.Receipt{ProviderID: got.text(), AcceptedAt: engage.Instant(s.config.Clock.Now())}, nil
}

func malformed(err error) error {
	return &messaging.SendError{Class: messaging.FailurePayload, Err: err}
}

func needsUTF8(email messaging.Email) bool {
	return strings.ContainsFunc(email.EnvelopeFrom()+email.To.Email, func(r rune) bool { return r > '~' })
}

// wait answers nil when the caller may use a connection; give ends that.
func (s *Sender) wait(ctx context.Context) error {
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
		return errClosed
	case s.calls == s.config.MaxConns+s.config.MaxWaiting:
		s.mu.Unlock()
		return errBusy
	}
	s.calls++
	s.inFlight.Add(1)
	s.mu.Unlock()
	err := errClosed
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-s.closing:
	case <-ctx.Done():
		err = fmt.Errorf("no connection was free: %w", context.Cause(ctx))
	}
	s.leave()
	return err
}

func (s *Sender) leave() {
	s.mu.Lock()
	s.calls--
	s.mu.Unlock()
	s.inFlight.Done()
}

// send uses a connection at rest, or a new one. The message is composed here, so
// that those who wait hold no second copy of theirs.
func (s *Sender) send(ctx context.Context, email messaging.Email) (got reply, err error) {
	var used *session
	defer func() { s.give(used) }()
	wire, err := compose(email, s.config.Clock.Now())
	if err != nil {
		return reply{}, malformed(err)
	}
	e := envelope{from: email.EnvelopeFrom(), to: email.To.Email}
	if used = s.take(); used != nil {
		got, stale, err := used.deliver(ctx, e, wire)
		if !stale || ctx.Err() != nil {
			return got, err
		}
		// The server hung up while the connection rested, and the message has
		// not been named yet: a new connection is no second attempt.
		used.abort()
	}
	if used, err = open(ctx, &s.config); err != nil {
		return reply{}, err
	}
	got, _, err = used.deliver(ctx, e, wire)
	return got, err
}

// take answers the connection that rested least, or nil when there is none.
func (s *Sender) take() *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.idle) == 0 {
		return nil
	}
	last := s.idle[len(s.idle)-1]
	s.idle = s.idle[:len(s.idle)-1]
	last.idle.Stop()
	return last
}

// give puts a connection to rest, or ends it, and lets the next caller in. One
// that says goodbye still counts: servers refuse a connection too many.
func (s *Sender) give(used *session) {
	defer s.leave()
	if used != nil && used.reusable && used.served >= s.config.MaxMessages {
		s.ending.Go(func() {
			used.quit()
			<-s.slots
		})
		return
	}
	if used != nil && used.reusable {
		s.mu.Lock()
		used.idle = time.AfterFunc(s.config.IdleTimeout, func() { s.retire(used) })
		s.idle = append(s.idle, used)
		s.mu.Unlock()
	} else if used != nil {
		used.abort()
	}
	<-s.slots
}

// retire ends a connection that rested too long, unless it was taken meanwhile.
func (s *Sender) retire(rested *session) {
	s.mu.Lock()
	i := slices.Index(s.idle, rested)
	if i < 0 {
		s.mu.Unlock()
		return
	}
	select {
	case s.slots <- struct{}{}:
	default: // all callers that there can be are here: one is about to take it
		rested.idle.Reset(s.config.IdleTimeout)
		s.mu.Unlock()
		return
	}
	s.idle = slices.Delete(s.idle, i, i+1)
	s.ending.Add(1)
	s.mu.Unlock()
	rested.quit()
	<-s.slots
	s.ending.Done()
}

// Close turns away those who wait for a connection, waits for the messages that
// use one, and says goodbye to the server. Later calls of SendEmail fail as
// retryable. Close may be called more than once, and on a sender that never sent
// anything. It takes Timeouts.Total and Timeouts.Quit at most; who can't wait so
// long ends the contexts of the messages.
func (s *Sender) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
	s.mu.Unlock()
	s.inFlight.Wait()
	s.mu.Lock()
	idle := s.idle
	s.idle = nil
	for _, rested := range idle {
		rested.idle.Stop()
		s.ending.Go(rested.quit)
	}
	s.mu.Unlock()
	s.ending.Wait()
	return nil
}
