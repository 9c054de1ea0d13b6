package smtpmail

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"strings"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/netguard"
)

// TLSPolicy says how a connection is protected.
type TLSPolicy uint8

// The policies. The zero value is the safe choice for port 587.
const (
	// RequireSTARTTLS starts in plain text and refuses to go on unless the
	// server offers STARTTLS and proves its name.
	RequireSTARTTLS TLSPolicy = iota
	// ImplicitTLS speaks TLS from the first byte, as on port 465 (RFC 8314).
	ImplicitTLS
	// UnsafePlaintext never uses TLS. It is for mail catchers on the same
	// machine.
	UnsafePlaintext
	// UnsafeOpportunistic uses STARTTLS where the server offers it, and goes on in
	// plain text where it does not: whoever sits between takes the offer away. It
	// is for old relays in one's own network. A certificate that is offered must
	// be good, and credentials still need TLS.
	UnsafeOpportunistic
)

// String is the policy's name.
func (p TLSPolicy) String() string {
	switch p {
	case RequireSTARTTLS:
		return "require_starttls"
	case ImplicitTLS:
		return "implicit_tls"
	case UnsafePlaintext:
		return "unsafe_plaintext"
	case UnsafeOpportunistic:
		return "unsafe_opportunistic"
	}
	return "invalid"
}

// Limits of the connection pool.
const (
	DefaultMaxConns    = 4
	DefaultIdleTimeout = 15 * time.Second
	// DefaultMaxMessages is what the stricter providers grant a connection; a
	// handshake then costs a message a hundredth of itself.
	DefaultMaxMessages = 100
	// DefaultMaxWaiting is above the 256 messages that a process hands over at
	// once, so that only callers beside the dispatcher are ever turned away.
	DefaultMaxWaiting = 512
	// MaxIdleTimeout keeps a connection's rest below the shortest that common
	// servers grant before they hang up.
	MaxIdleTimeout = 30 * time.Second
)

// Timeouts bound the phases of a conversation. Each is the time for the whole
// phase, not for one read, so that a server which answers a byte at a time gains
// nothing. Zero means the default.
type Timeouts struct {
	Dial    time.Duration // name resolution and TCP; 10 s
	TLS     time.Duration // the TLS handshake; 10 s
	Command time.Duration // a command and its answer, the banner included; 30 s
	Body    time.Duration // writing the message; 2 min
	Final   time.Duration // the answer after the final dot; 2 min. What it cuts off becomes unknown
	Quit    time.Duration // saying goodbye; 2 s
	Total   time.Duration // one SendEmail with everything, the wait for a connection included; 5 min
}

func (t Timeouts) withDefaults() Timeouts {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&t.Dial, 10 * time.Second},
		{&t.TLS, 10 * time.Second},
		{&t.Command, 30 * time.Second},
		{&t.Body, 2 * time.Minute},
		{&t.Final, 2 * time.Minute},
		{&t.Quit, 2 * time.Second},
		{&t.Total, 5 * time.Minute},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	return t
}

// Config describes a mail server and how to talk to it.
type Config struct {
	// Addr is the server's "host:port". Required.
	Addr string

	// TLS is how connections are protected; zero: RequireSTARTTLS.
	TLS TLSPolicy
	// TLSConfig adds roots or a client certificate; nil: the system's roots.
	// ServerName defaults to the host of Addr, MinVersion to TLS 1.2.
	// InsecureSkipVerify is refused.
	TLSConfig *tls.Config

	// Username and Password sign in with AUTH PLAIN, or LOGIN where the server
	// has nothing better. Empty: no AUTH.
	Username string
	Password engage.Secret
	// Token gives the OAuth 2.0 access token for AUTH XOAUTH2, which is preferred
	// to a password where the server offers it; nil: none. It is asked at each
	// sign-in, by many goroutines, with a ctx that it must honour: keeping a token
	// until it expires is its own affair. When it answers ErrUnauthenticated,
	// ErrPermissionDenied, ErrNotFound, ErrInvalid or ErrFailedPrecondition the
	// sender is misconfigured; any other error is retryable.
	Token func(ctx context.Context) (engage.Secret, error)
	// UnsafeLoopbackAuth lets credentials cross a connection without TLS to this
	// same machine, where the TLS policy allows one: for relays and catchers on
	// loopback that want a password.
	UnsafeLoopbackAuth bool

	// Hello is the name given with EHLO; "": localhost. A machine that talks to
	// the public gives the name that its address resolves to.
	Hello string

	// MaxConns bounds the connections, open or in use; 0: DefaultMaxConns.
	MaxConns int
	// MaxWaiting bounds the calls that wait for a connection, in the order in
	// which they came; 0: DefaultMaxWaiting. Further ones are turned away with
	// ErrResourceExhausted, as retryable.
	MaxWaiting int
	// MaxMessages is how many messages a connection serves; 0: DefaultMaxMessages.
	MaxMessages int
	// IdleTimeout closes a connection that rested; 0: DefaultIdleTimeout; less
	// than MaxIdleTimeout.
	IdleTimeout time.Duration
	// Timeouts bound the phases.
	Timeouts Timeouts

	// Policy says which servers may be reached. Its zero value reaches public
	// addresses on the ports of mail: a relay or a catcher in one's own network is
	// named in Policy.Private. A host whose tenants name their servers leaves it
	// at that.
	Policy netguard.Policy
	// Dial opens connections in place of Policy, through a tunnel for instance;
	// nil: Policy. It must honour its ctx, which carries the deadline.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Clock gives the Date of messages and the time of receipts; nil:
	// engage.SystemClock. Deadlines always follow the machine's clock.
	Clock engage.Clock
}

// Validate answers ErrInvalid with every fault at once.
func (c Config) Validate() error {
	var faults engage.Faults
	host, port, err := net.SplitHostPort(c.Addr)
	if err != nil || host == "" || port == "" {
		faults.Add("addr", "invalid", "want host:port")
	}
	if c.TLS > UnsafeOpportunistic {
		faults.Add("tls", "invalid", "unknown policy %d", c.TLS)
	}
	if c.TLSConfig != nil && c.TLSConfig.InsecureSkipVerify {
		faults.Add("tls_config.insecure_skip_verify", "not_allowed", "a certificate that is not checked protects nothing; add its root to RootCAs")
	}
	c.checkCredentials(&faults)
	if strings.ContainsFunc(c.Hello, func(r rune) bool { return r <= ' ' || r > '~' }) || len(c.Hello) > 255 {
		faults.Add("hello", "invalid", "want a host name or an address literal")
	}
	for _, n := range []struct {
		path            string
		value, standard int
	}{
		{"max_conns", c.MaxConns, DefaultMaxConns},
		{"max_waiting", c.MaxWaiting, DefaultMaxWaiting},
		{"max_messages", c.MaxMessages, DefaultMaxMessages},
	} {
		if n.value < 0 {
			faults.Add(n.path, "out_of_range", "want 1 or more, or 0 for %d", n.standard)
		}
	}
	if c.IdleTimeout < 0 || c.IdleTimeout >= MaxIdleTimeout {
		faults.Add("idle_timeout", "out_of_range", "want less than %s, or 0 for %s", MaxIdleTimeout, DefaultIdleTimeout)
	}
	t := c.Timeouts
	for _, d := range []time.Duration{t.Dial, t.TLS, t.Command, t.Body, t.Final, t.Quit, t.Total} {
		if d < 0 {
			faults.Add("timeouts", "out_of_range", "a timeout is negative")
			break
		}
	}
	if err := c.Policy.Validate(); err != nil {
		for _, fault := range engage.FieldsOf(err) {
			faults.Add("policy."+fault.Path, fault.Code, "%s", fault.Message)
		}
	}
	return faults.Err("smtpmail.New", "")
}

func (c Config) checkCredentials(faults *engage.Faults) {
	if c.Username != "" && c.TLS == UnsafePlaintext && !c.UnsafeLoopbackAuth {
		faults.Add("username", "not_allowed", "credentials need TLS")
	}
	if proven := !c.Password.IsZero() || c.Token != nil; proven != (c.Username != "") {
		faults.Add("password", "required", "a username comes with a password or a token, and they with it")
	}
	// NUL separates credentials in PLAIN, Control-A in XOAUTH2.
	if strings.ContainsAny(c.Username+c.Password.Reveal(), "\x00\x01") {
		faults.Add("username", "control_character", "credentials hold no NUL and no Control-A")
	}
}

// withDefaults is the configuration that a valid one stands for.
func (c Config) withDefaults() Config {
	host, _, _ := net.SplitHostPort(c.Addr)
	if c.TLSConfig == nil {
		c.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	c.TLSConfig = c.TLSConfig.Clone()
	if c.TLSConfig.ServerName == "" {
		c.TLSConfig.ServerName = host
	}
	c.TLSConfig.MinVersion = max(c.TLSConfig.MinVersion, tls.VersionTLS12)
	c.Hello = cmp.Or(c.Hello, "localhost")
	c.MaxConns = cmp.Or(c.MaxConns, DefaultMaxConns)
	c.MaxWaiting = cmp.Or(c.MaxWaiting, DefaultMaxWaiting)
	c.MaxMessages = cmp.Or(c.MaxMessages, DefaultMaxMessages)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, DefaultIdleTimeout)
	c.Timeouts = c.Timeouts.withDefaults()
	if c.Dial == nil {
		c.Policy.DialTimeout = c.Timeouts.Dial
		c.Dial = c.Policy.DialContext
	}
	if c.Clock == nil {
		c.Clock = engage.SystemClock{}
	}
	return c
}
