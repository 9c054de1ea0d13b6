package smtpmail

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
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
	reader     *bufio.Reader
	extensions map[string]string // of the last EHLO: upper-case keyword → parameters
	idle       *time.Timer       // closes it when it has rested; owned by the pool
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
	stop := context.AfterFunc(ctx, s.abort)
	defer stop()
	if err := s.introduce(ctx); err != nil {
		s.abort()
		return nil, err
	}
	return s, nil
}

func (s *session) introduce(ctx context.Context) error {
	if s.config.TLS == ImplicitTLS {
		if err := s.startTLS(ctx); err != nil {
			return err
		}
	}
	s.arm(s.config.Timeouts.Command)
	if err := s.expect(ctx, phaseBanner, 220); err != nil {
		return err
	}
	if err := s.hello(ctx); err != nil {
		return err
	}
	if s.config.TLS == RequireSTARTTLS {
		if err := s.upgrade(ctx); err != nil {
			return err
		}
	}
	return s.signIn(ctx)
}

// arm gives the next phase its deadline. What is left of the former one's is
// forgotten.
func (s *session) arm(d time.Duration) {
	_ = s.conn.SetDeadline(engage.SystemClock{}.Now().Add(d))
}

// abort closes the connection without a word. It may be called from any
// goroutine and more than once, and ends whatever waits on the connection.
func (s *session) abort() { _ = s.raw.Close() }

// quit says goodbye and closes.
func (s *session) quit() {
	s.arm(s.config.Timeouts.Quit)
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
	if isBadCert || isNoTLS {
		class = messaging.FailureConfig
	}
	if at == phaseFinal {
		class = messaging.FailureUnknown
	}
	if cause := context.Cause(ctx); cause != nil {
		err = errors.Join(cause, err)
	}
	return &messaging.SendError{Class: class, Err: fmt.Errorf("%s: %w", at, err)}
}

func misconfigured(at phase, why string) *messaging.SendError {
	return &messaging.SendError{Class: messaging.FailureConfig, Err: fmt.Errorf("%s: %s", at, why)}
}

// command sends a line and reads its reply within one deadline.
func (s *session) command(ctx context.Context, at phase, line string) (reply, error) {
	s.arm(s.config.Timeouts.Command)
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
	s.arm(s.config.Timeouts.TLS)
	conn := tls.Client(s.raw, s.config.TLSConfig)
	if err := conn.HandshakeContext(ctx); err != nil {
		return broken(ctx, phaseTLS, err)
	}
	s.conn = conn
	s.reader.Reset(conn)
	return nil
}

func (s *session) signIn(ctx context.Context) error {
	if s.config.Username == "" {
		return nil
	}
	if s.conn == s.raw {
		return misconfigured(phaseAUTH, "credentials need TLS")
	}
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	user, password := s.config.Username, s.config.Password
	offered := strings.Fields(strings.ToUpper(s.extensions["AUTH"]))
	var steps []string
	for _, mechanism := range offered {
		switch {
		case mechanism == "PLAIN":
			steps = []string{"AUTH PLAIN " + encode("\x00"+user+"\x00"+password.Reveal())}
		case mechanism == "LOGIN" && steps == nil:
			steps = []string{"AUTH LOGIN", encode(user), encode(password.Reveal())}
		}
	}
	if steps == nil {
		return misconfigured(phaseAUTH, "the server offers neither PLAIN nor LOGIN")
	}
	for i, step := range steps {
		got, err := s.command(ctx, phaseAUTH, step)
		if err != nil {
			return err
		}
		want := 334
		if i == len(steps)-1 {
			want = 235
		}
		if got.code != want {
			return refused(phaseAUTH, got)
		}
	}
	return nil
}

// envelope is who a message is from and to, for the server.
type envelope struct{ from, to string }

// deliver hands one message over. Its error is a *messaging.SendError, and stale
// says that the server had hung up before it heard of the message, as it may with
// a connection that rested.
func (s *session) deliver(ctx context.Context, e envelope, wire []byte) (got reply, stale bool, err error) {
	stop := context.AfterFunc(ctx, s.abort)
	defer stop()
	if limit, _ := strconv.Atoi(s.extensions["SIZE"]); limit > 0 && len(wire) > limit {
		return reply{}, false, &messaging.SendError{
			Class: messaging.FailurePayload,
			Err:   fmt.Errorf("MAIL: %d bytes, and the server takes %d", len(wire), limit),
		}
	}
	if stale, err := s.address(ctx, e, len(wire)); err != nil {
		return reply{}, stale, err
	}
	if err := s.write(ctx, wire); err != nil {
		return reply{}, false, err
	}
	got, err = s.finish(ctx)
	return got, false, err
}

// address sends MAIL, RCPT and DATA, in one go where the server takes it.
func (s *session) address(ctx context.Context, e envelope, size int) (stale bool, err error) {
	mail := "MAIL FROM:<" + e.from + ">"
	if _, ok := s.extensions["SIZE"]; ok {
		mail += " SIZE=" + strconv.Itoa(size)
	}
	commands := []string{mail, "RCPT TO:<" + e.to + ">", "DATA"}
	phases := []phase{phaseMAIL, phaseRCPT, phaseDATA}
	_, pipelining := s.extensions["PIPELINING"]
	if pipelining {
		s.arm(s.config.Timeouts.Command)
		if _, err := s.conn.Write([]byte(strings.Join(commands, "\r\n") + "\r\n")); err != nil {
			return true, broken(ctx, phaseMAIL, err)
		}
	}
	for i, at := range phases {
		var got reply
		if pipelining {
			s.arm(s.config.Timeouts.Command)
			if got, err = readReply(s.reader); err != nil {
				err = broken(ctx, at, err)
			}
		} else {
			got, err = s.command(ctx, at, commands[i])
		}
		if err != nil {
			return at == phaseMAIL, err
		}
		if at == phaseDATA && got.code != 354 || at != phaseDATA && !got.ok() {
			return at == phaseMAIL && got.code == 421, refused(at, got)
		}
	}
	return false, nil
}

// write sends the message without its final dot. Until that is sent the server
// cannot take the message.
func (s *session) write(ctx context.Context, wire []byte) error {
	s.arm(s.config.Timeouts.Body)
	if _, err := s.conn.Write(stuffDots(wire)); err != nil {
		return broken(ctx, phaseBody, err)
	}
	if s.reader.Buffered() > 0 {
		// The server spoke out of turn: it gave up, or is a reply ahead, and then
		// the one to the dot could not be told from it.
		got, err := readReply(s.reader)
		if err != nil {
			return broken(ctx, phaseBody, err)
		}
		return refused(phaseBody, got)
	}
	if err := context.Cause(ctx); err != nil {
		return broken(ctx, phaseBody, err)
	}
	return nil
}

// finish sends the dot. From here on only the server's word tells what became of
// the message.
func (s *session) finish(ctx context.Context) (reply, error) {
	s.arm(s.config.Timeouts.Final)
	if n, err := s.conn.Write([]byte(".\r\n")); err != nil {
		if n == 0 {
			return reply{}, broken(ctx, phaseBody, err) // the dot never left
		}
		return reply{}, broken(ctx, phaseFinal, err)
	}
	got, err := readReply(s.reader)
	if err != nil {
		return reply{}, broken(ctx, phaseFinal, err)
	}
	if !got.ok() {
		return reply{}, refused(phaseFinal, got)
	}
	return got, nil
}
