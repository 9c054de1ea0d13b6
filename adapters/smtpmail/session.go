package smtpmail

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/messaging"
)

// session is one connection to the server, signed in and ready for messages. It
// serves one message at a time.
type session struct {
	config     *Config
	raw        net.Conn // what is closed
	conn       net.Conn // what is spoken through: raw, or TLS over it
	secure     bool     // conn is TLS
	reader     *bufio.Reader
	extensions map[string]string // of the last EHLO: upper-case keyword → parameters

	served   int         // messages it was used for
	reusable bool        // both sides know where they are: it may serve another
	dirty    bool        // the server may hold a transaction that was refused
	idle     *time.Timer // closes it when it has rested; owned by the pool
}

// open dials the server and goes through everything that comes before a message.
// Nothing has been handed over when it fails.
func open(ctx context.Context, config *Config) (*session, error) {
	dialing, cancel := context.WithTimeout(ctx, config.Timeouts.Dial)
	raw, err := config.Dial(dialing, "tcp", config.Addr)
	cancel()
	if err != nil {
		return nil, broken(ctx, phaseDial, err)
	}
	s := &session{config: config, raw: raw, conn: raw, reader: bufio.NewReaderSize(raw, 2*maxReplyLine)}
	ready := false
	defer func() {
		if !ready { // a host's Token may panic, too
			s.abort()
		}
	}()
	stop := context.AfterFunc(ctx, s.abort)
	defer stop()
	if err := s.introduce(ctx); err != nil {
		return nil, err
	}
	ready = true
	return s, nil
}

func (s *session) introduce(ctx context.Context) error {
	if s.config.TLS == ImplicitTLS {
		if err := s.startTLS(ctx); err != nil {
			return err
		}
	}
	s.arm(ctx, s.config.Timeouts.Command)
	if err := s.expect(ctx, phaseBanner, 220); err != nil {
		return err
	}
	if err := s.hello(ctx); err != nil {
		return err
	}
	_, offered := s.extensions["STARTTLS"]
	if s.config.TLS == RequireSTARTTLS || s.config.TLS == UnsafeOpportunistic && offered {
		if err := s.upgrade(ctx); err != nil {
			return err
		}
	}
	return s.signIn(ctx)
}

// arm gives the next phase its deadline, which is never behind that of ctx: the
// first word of a process that was halted must not be the one that it was about to
// say. What is left of the former phase's is forgotten.
func (s *session) arm(ctx context.Context, d time.Duration) {
	deadline := engage.SystemClock{}.Now().Add(d)
	if end, ok := ctx.Deadline(); ok && end.Before(deadline) {
		deadline = end
	}
	_ = s.conn.SetDeadline(deadline)
}

// abort closes the connection without a word. It may be called from any
// goroutine and more than once, and ends whatever waits on the connection.
func (s *session) abort() { _ = s.raw.Close() }

// quit says goodbye and closes.
func (s *session) quit() {
	s.arm(context.Background(), s.config.Timeouts.Quit)
	if _, err := s.conn.Write([]byte("QUIT\r\n")); err == nil {
		_, _ = readReply(s.reader)
	}
	s.abort()
}

// broken makes the error of a connection that failed before the message was
// handed over.
func broken(ctx context.Context, at phase, err error) *messaging.SendError {
	class := messaging.FailureRetryable
	_, isBadCert := errors.AsType[*tls.CertificateVerificationError](err)
	_, isNoTLS := errors.AsType[tls.RecordHeaderError](err)
	if isBadCert || isNoTLS || errors.Is(err, engage.ErrInvalid) { // the policy refuses the server
		class = messaging.FailureConfig
	}
	if at == phaseFinal {
		class = messaging.FailureUnknown
	}
	cause := context.Cause(ctx)
	if end, ok := ctx.Deadline(); cause == nil && ok && !(engage.SystemClock{}).Now().Before(end) {
		cause = context.DeadlineExceeded // the connection noticed first
	}
	if cause != nil {
		err = errors.Join(cause, err)
	}
	return &messaging.SendError{Class: class, Err: fmt.Errorf("%s: %w", at, err)}
}

func misconfigured(at phase, why string) *messaging.SendError {
	return &messaging.SendError{Class: messaging.FailureConfig, Err: fmt.Errorf("%s: %s", at, why)}
}

// command sends a line and reads its reply within one deadline.
func (s *session) command(ctx context.Context, at phase, line string) (reply, error) {
	s.arm(ctx, s.config.Timeouts.Command)
	if _, err := s.conn.Write([]byte(line + "\r\n")); err != nil {
		return reply{}, broken(ctx, at, err)
	}
	got, err := readReply(s.reader)
	if err != nil {
		return reply{}, broken(ctx, at, err)
	}
	return got, nil
}

// expect reads a reply and refuses any but the code.
func (s *session) expect(ctx context.Context, at phase, code int) error {
	got, err := readReply(s.reader)
	if err != nil {
		return broken(ctx, at, err)
	}
	if got.code != code {
		return refused(at, got)
	}
	return nil
}

func (s *session) hello(ctx context.Context) error {
	got, err := s.command(ctx, phaseEHLO, "EHLO "+s.config.Hello)
	if err != nil {
		return err
	}
	if got.code != 250 {
		return refused(phaseEHLO, got)
	}
	s.extensions = map[string]string{}
	for _, line := range got.lines[1:] {
		keyword, parameters, _ := strings.Cut(strings.TrimSpace(line), " ")
		s.extensions[strings.ToUpper(keyword)] = parameters
	}
	return nil
}

func (s *session) upgrade(ctx context.Context) error {
	if _, ok := s.extensions["STARTTLS"]; !ok {
		return misconfigured(phaseSTARTTLS, "the server does not offer it")
	}
	got, err := s.command(ctx, phaseSTARTTLS, "STARTTLS")
	if err != nil {
		return err
	}
	if got.code != 220 {
		return refused(phaseSTARTTLS, got)
	}
	// Bytes behind the reply came without protection and would be read as if
	// they had it (CVE-2011-0411).
	if s.reader.Buffered() > 0 {
		return misconfigured(phaseSTARTTLS, "plain text after the reply")
	}
	if err := s.startTLS(ctx); err != nil {
		return err
	}
	return s.hello(ctx)
}

func (s *session) startTLS(ctx context.Context) error {
	s.arm(ctx, s.config.Timeouts.TLS)
	conn := tls.Client(s.raw, s.config.TLSConfig)
	if err := conn.HandshakeContext(ctx); err != nil {
		return broken(ctx, phaseTLS, err)
	}
	s.conn, s.secure = conn, true
	s.reader.Reset(conn)
	return nil
}
