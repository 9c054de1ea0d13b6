package smtpmail

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"time"

	"github.com/go-engage/engage"
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
	// machine; credentials are refused with it.
	UnsafePlaintext
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
	}
	return "invalid"
}

// Limits of the connection pool.
const (
	DefaultMaxConns    = 4
	DefaultIdleTimeout = 15 * time.Second
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

	// Hello is the name given with EHLO; "": localhost. A machine that talks to
	// the public gives the name that its address resolves to.
	Hello string

	// MaxConns bounds the connections, open or in use; 0: DefaultMaxConns.
	MaxConns int
	// IdleTimeout closes a connection that rested; 0: DefaultIdleTimeout; less
	// than MaxIdleTimeout.
	IdleTimeout time.Duration
	// Timeouts bound the phases.
	Timeouts Timeouts

	// Dial opens connections; nil: the plain dialer of package net. It must
	// honour its ctx, which carries the deadline. A host that lets its tenants
	// name their own mail servers passes a dialer that refuses special
	// addresses.
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
	if c.TLS > UnsafePlaintext {
		faults.Add("tls", "invalid", "unknown policy %d", c.TLS)
	}
	if c.TLSConfig != nil && c.TLSConfig.InsecureSkipVerify {
		faults.Add("tls_config.insecure_skip_verify", "not_allowed", "a certificate that is not checked protects nothing; add its root to RootCAs")
	}
	if c.Username != "" && c.TLS == UnsafePlaintext {
		faults.Add("username", "not_allowed", "credentials need TLS")
	}
	if (c.Username == "") != c.Password.IsZero() {
		faults.Add("password", "required", "username and password come together")
	}
	if strings.ContainsRune(c.Username+c.Password.Reveal(), 0) {
		faults.Add("username", "control_character", "NUL separates credentials in AUTH PLAIN")
	}
	if strings.ContainsFunc(c.Hello, func(r rune) bool { return r <= ' ' || r > '~' }) || len(c.Hello) > 255 {
		faults.Add("hello", "invalid", "want a host name or an address literal")
	}
	if c.MaxConns < 0 {
		faults.Add("max_conns", "out_of_range", "want 1 or more, or 0 for %d", DefaultMaxConns)
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
	return faults.Err("smtpmail.New", "")
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
	if c.Hello == "" {
		c.Hello = "localhost"
	}
	if c.MaxConns == 0 {
		c.MaxConns = DefaultMaxConns
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = DefaultIdleTimeout
	}
	if c.Dial == nil {
		// The only dialer of the package. The operator names Addr; tenants that
		// may name one come through Config.Dial.
		c.Dial = (&net.Dialer{}).DialContext
	}
	if c.Clock == nil {
		c.Clock = engage.SystemClock{}
	}
	c.Timeouts = c.Timeouts.withDefaults()
	return c
}
