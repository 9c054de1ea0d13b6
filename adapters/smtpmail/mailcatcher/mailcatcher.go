package mailcatcher

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"sync"

	"github.com/emersion/go-smtp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/netguard"
)

// MaxMessageBytes is the size of a message that the catcher takes; larger ones
// are refused with 552 5.3.4.
const MaxMessageBytes = 64 << 20

// Config says where the catcher listens and what it refuses. The zero Config
// works.
type Config struct {
	// Addr is the address to listen on; "": a free port of 127.0.0.1. Other
	// than loopback addresses are refused: the catcher takes mail from anyone.
	Addr string

	// TLSConfig makes the catcher offer STARTTLS; nil: plain text only.
	TLSConfig *tls.Config

	// Refuse is asked about each recipient; a *Refusal is the server's answer,
	// nil takes the message. It is called from many goroutines.
	Refuse func(recipient string) *Refusal
}

// Refusal is the answer to a recipient that the catcher does not take.
type Refusal struct {
	Code     int    // a reply code, as 550
	Enhanced [3]int // an enhanced status code, as {5, 1, 1}; zero: none
	Text     string
}

// Catcher is a running server. All methods are safe for concurrent use.
type Catcher struct {
	server   *smtp.Server
	listener net.Listener
	served   sync.WaitGroup
	refuse   func(string) *Refusal

	mu       sync.Mutex
	messages []Message
	arrived  chan struct{} // closed and replaced with every message
}

// Start listens and serves until Close. An address that is not of this machine
// answers ErrInvalid, one that is taken ErrUnavailable.
func Start(config Config) (*Catcher, error) {
	if config.Addr == "" {
		config.Addr = "127.0.0.1:0"
	}
	if !isLoopback(config.Addr) {
		var faults engage.Faults
		faults.Add("addr", "not_allowed", "the catcher listens on loopback addresses only")
		return nil, faults.Err("mailcatcher.Start", "")
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", config.Addr)
	if err != nil {
		return nil, &engage.Error{Code: engage.Unavailable, Op: "mailcatcher.Start", Err: err}
	}
	c := &Catcher{listener: listener, refuse: config.Refuse, arrived: make(chan struct{})}
	c.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &session{catcher: c}, nil
	}))
	c.server.Domain = "mailcatcher"
	c.server.TLSConfig = config.TLSConfig
	c.server.MaxMessageBytes = MaxMessageBytes
	c.server.ErrorLog = silent{}
	c.served.Go(func() { _ = c.server.Serve(listener) })
	return c, nil
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// Addr is the "host:port" that the catcher listens on.
func (c *Catcher) Addr() string { return c.listener.Addr().String() }

// Policy is what a sender needs to reach the catcher, and nothing else: its Addr,
// which is on this machine.
func (c *Catcher) Policy() netguard.Policy {
	return netguard.Policy{Hosts: []string{"catcher.invalid"}, Private: []string{c.Addr()}}
}

// Messages are the messages so far, in the order of their arrival.
func (c *Catcher) Messages() []Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.messages)
}

// Unique are the messages so far with repeats left out: of messages with one
// Message-ID to one recipient the first stays. Fewer than Messages means that
// something was sent twice.
func (c *Catcher) Unique() []Message {
	type key struct{ id, to string }
	seen := map[key]bool{}
	return slices.DeleteFunc(c.Messages(), func(m Message) bool {
		k := key{m.MessageID, m.EnvelopeTo}
		repeated := m.MessageID != "" && seen[k]
		seen[k] = true
		return repeated
	})
}

// Wait answers the messages as soon as there are n or more. When ctx ends before
// that, it answers those there are and the error of ctx.
func (c *Catcher) Wait(ctx context.Context, n int) ([]Message, error) {
	for {
		c.mu.Lock()
		messages, arrived := slices.Clone(c.messages), c.arrived
		c.mu.Unlock()
		if len(messages) >= n {
			return messages, nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return messages, ctx.Err()
		}
	}
}

// Reset forgets the messages.
func (c *Catcher) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages = nil
}

// Close hangs up on everybody and stops listening. It may be called more than
// once; the messages stay.
func (c *Catcher) Close() error {
	err := c.server.Close()
	if errors.Is(err, smtp.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		err = nil
	}
	// The server may not have begun to serve the listener.
	_ = c.listener.Close()
	c.served.Wait()
	return err
}

func (c *Catcher) add(m Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages = append(c.messages, m)
	close(c.arrived)
	c.arrived = make(chan struct{})
}

// silent keeps the library from writing to the host's standard error.
type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// session is one client's conversation; the server calls it from one goroutine.
type session struct {
	catcher *Catcher
	from    string
	to      []string
}

func (s *session) Reset()        { s.from, s.to = "", nil }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.from != "" {
		// The library lets a second MAIL pass; servers in the field do not.
		return &smtp.SMTPError{Code: 503, EnhancedCode: smtp.EnhancedCode{5, 5, 1}, Message: "nested MAIL command"}
	}
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.catcher.refuse != nil {
		if r := s.catcher.refuse(to); r != nil {
			enhanced := smtp.EnhancedCode(r.Enhanced)
			if r.Enhanced == [3]int{} {
				enhanced = smtp.NoEnhancedCode
			}
			return &smtp.SMTPError{Code: r.Code, EnhancedCode: enhanced, Message: r.Text}
		}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	for _, to := range s.to {
		m := parse(raw)
		m.EnvelopeFrom, m.EnvelopeTo = s.from, to
		s.catcher.add(m)
	}
	return nil
}
