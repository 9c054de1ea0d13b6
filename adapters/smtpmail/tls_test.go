package smtpmail_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/smtpmail"
	"github.com/go-engage/engage/messaging"
)

// sendTo sends one message to the sink with a sender of its own.
func sendTo(t *testing.T, s *sink, config smtpmail.Config) error {
	t.Helper()
	config.Addr, config.Policy = s.addr(), s.policy()
	if config.TLSConfig == nil {
		_, pool := certificate()
		config.TLSConfig = &tls.Config{RootCAs: pool}
	}
	sender, err := smtpmail.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sender.Close() }()
	_, err = sender.SendEmail(t.Context(), workspace, email(1))
	return err
}

func TestSigningIn(t *testing.T) {
	t.Parallel()
	serverTLS, _ := certificate()
	secret := engage.NewSecret(password)
	token := func(token string, err error) func(context.Context) (engage.Secret, error) {
		return func(context.Context) (engage.Secret, error) { return engage.NewSecret(token), err }
	}
	for _, c := range []struct {
		name   string
		sink   *sink
		config smtpmail.Config
		want   messaging.FailureClass
		step   string // what the server heard of it; "": no AUTH at all
	}{
		{"PLAIN is preferred", &sink{tls: serverTLS, mechanisms: "LOGIN PLAIN"}, smtpmail.Config{Password: secret}, "", "AUTH PLAIN "},
		{"LOGIN where there is nothing better", &sink{tls: serverTLS, mechanisms: "LOGIN"}, smtpmail.Config{Password: secret}, "", "AUTH LOGIN\n"},
		{"TLS from the first byte", &sink{tls: serverTLS, mechanisms: "CRAM-MD5 PLAIN", implicit: true}, smtpmail.Config{Password: secret, TLS: smtpmail.ImplicitTLS}, "", "AUTH PLAIN "},
		{"a server that offers neither", &sink{tls: serverTLS, mechanisms: "CRAM-MD5 XOAUTH2"}, smtpmail.Config{Password: secret}, messaging.FailureConfig, ""},
		{"a wrong password", &sink{tls: serverTLS}, smtpmail.Config{Password: engage.NewSecret(password + "?")}, messaging.FailureConfig, "AUTH PLAIN "},

		{"a token is preferred", &sink{tls: serverTLS, mechanisms: "PLAIN XOAUTH2"}, smtpmail.Config{Password: secret, Token: token(password, nil)}, "", "AUTH XOAUTH2 "},
		{"a long token has a line of its own", &sink{tls: serverTLS, mechanisms: "XOAUTH2"}, smtpmail.Config{Token: token(password+strings.Repeat("x", 3000), nil)}, "", "AUTH XOAUTH2\n"},
		{"a password where tokens are not offered", &sink{tls: serverTLS}, smtpmail.Config{Password: secret, Token: token("", nil)}, "", "AUTH PLAIN "},
		{"only tokens, which are not offered", &sink{tls: serverTLS}, smtpmail.Config{Token: token(password, nil)}, messaging.FailureConfig, ""},
		{"a wrong token", &sink{tls: serverTLS, mechanisms: "XOAUTH2"}, smtpmail.Config{Token: token("stale-"+password, nil)}, messaging.FailureConfig, "AUTH XOAUTH2 "},
		{"a token that would break out", &sink{tls: serverTLS, mechanisms: "XOAUTH2"}, smtpmail.Config{Token: token(password+"\x01auth=", nil)}, messaging.FailureConfig, ""},
		{"no token to be had now", &sink{tls: serverTLS, mechanisms: "XOAUTH2"}, smtpmail.Config{Token: token("", engage.ErrUnavailable)}, messaging.FailureRetryable, ""},
		{"no token to be had ever", &sink{tls: serverTLS, mechanisms: "XOAUTH2"}, smtpmail.Config{Token: token("", engage.ErrUnauthenticated)}, messaging.FailureConfig, ""},

		{"loopback with the switch", &sink{open: true}, smtpmail.Config{TLS: smtpmail.UnsafePlaintext, UnsafeLoopbackAuth: true, Password: secret}, "", "AUTH PLAIN "},
		{"opportunistic, with TLS", &sink{tls: serverTLS}, smtpmail.Config{TLS: smtpmail.UnsafeOpportunistic, Password: secret}, "", "AUTH PLAIN "},
		{"opportunistic, the offer was taken away", &sink{open: true}, smtpmail.Config{TLS: smtpmail.UnsafeOpportunistic, Password: secret}, messaging.FailureConfig, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startSink(t, c.sink)
			c.config.Username = "user"
			err := sendTo(t, s, c.config)
			if messaging.ClassOf(err) != c.want {
				t.Errorf("got %v", err)
			}
			if heard := s.heard() + "\n"; strings.Contains(heard, "AUTH") != (c.step != "") || !strings.Contains(heard, c.step) {
				t.Errorf("the server heard %q", heard)
			}
			if text := fmt.Sprint(err); strings.Contains(text, password) {
				t.Error(text)
			}
		})
	}
}

func TestCredentialsStayOffAPipeToElsewhere(t *testing.T) {
	t.Parallel()
	s := &sink{open: true}
	s.prepare()
	sender, err := smtpmail.New(smtpmail.Config{
		Addr: "relay.example.com:25", TLS: smtpmail.UnsafePlaintext, UnsafeLoopbackAuth: true, Username: "user", Password: engage.NewSecret(password),
		Dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go s.serve(server)
			return client, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sender.Close() }()
	if _, err := sender.SendEmail(t.Context(), workspace, email(1)); messaging.ClassOf(err) != messaging.FailureConfig {
		t.Errorf("got %v", err)
	}
	if heard := s.heard(); strings.Contains(heard, "AUTH") {
		t.Errorf("the server heard %q", heard)
	}
}

func TestOpportunisticTLS(t *testing.T) {
	t.Parallel()
	serverTLS, _ := certificate()
	t.Run("takes what is offered", func(t *testing.T) {
		t.Parallel()
		s := startSink(t, &sink{tls: serverTLS})
		if err := sendTo(t, s, smtpmail.Config{TLS: smtpmail.UnsafeOpportunistic, Username: "user", Password: engage.NewSecret(password)}); err != nil || !strings.Contains(s.heard(), "STARTTLS") {
			t.Errorf("%v; the server heard %q", err, s.heard())
		}
	})
	t.Run("goes without", func(t *testing.T) {
		t.Parallel()
		if err := sendTo(t, startSink(t, &sink{}), smtpmail.Config{TLS: smtpmail.UnsafeOpportunistic}); err != nil {
			t.Error(err)
		}
	})
	t.Run("refuses a bad certificate", func(t *testing.T) {
		t.Parallel()
		s := startSink(t, &sink{tls: serverTLS})
		err := sendTo(t, s, smtpmail.Config{TLS: smtpmail.UnsafeOpportunistic, TLSConfig: &tls.Config{}})
		if messaging.ClassOf(err) != messaging.FailureConfig || strings.Contains(s.heard(), "MAIL") {
			t.Errorf("%v; the server heard %q", err, s.heard())
		}
	})
}

// Whoever sits between may add what is then read as if it came through TLS
// (CVE-2011-0411), or hold it back until the handshake.
func TestPlainTextBehindSTARTTLSIsNotRead(t *testing.T) {
	t.Parallel()
	serverTLS, _ := certificate()
	for _, injected := range []string{"\r\n250 AUTH PLAIN", "\r\n250-x\r\n250 SIZE 1", "\r\n220 again", "\r\n\x16\x03\x03"} {
		s := startSink(t, &sink{tls: serverTLS, injected: injected})
		err := sendTo(t, s, smtpmail.Config{Username: "user", Password: engage.NewSecret(password)})
		if messaging.ClassOf(err) != messaging.FailureConfig || s.heard() != "EHLO localhost\nSTARTTLS" {
			t.Errorf("%q: %v; the server heard %q", injected, err, s.heard())
		}
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	serverTLS, pool := certificate()
	old := serverTLS.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	s := startSink(t, &sink{tls: old})
	err := sendTo(t, s, smtpmail.Config{TLSConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10}})
	if err == nil || strings.Contains(s.heard(), "MAIL") {
		t.Errorf("%v; the server heard %q", err, s.heard())
	}
}

// A tenant may have named the server.
func TestTheNetworkOfTheHostIsNotReached(t *testing.T) {
	t.Parallel()
	s := startSink(t, &sink{})
	sender, err := smtpmail.New(smtpmail.Config{Addr: s.addr(), TLS: smtpmail.UnsafePlaintext})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sender.Close() }()
	_, err = sender.SendEmail(t.Context(), workspace, email(1))
	if messaging.ClassOf(err) != messaging.FailureConfig || !errors.Is(err, engage.ErrInvalid) || s.connections() != 0 {
		t.Errorf("%d connections; got %v", s.connections(), err)
	}
}
