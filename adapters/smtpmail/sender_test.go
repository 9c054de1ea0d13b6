package smtpmail_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/netguard"
	"github.com/go-engage/engage/adapters/smtpmail"
	"github.com/go-engage/engage/adapters/smtpmail/mailcatcher"
	"github.com/go-engage/engage/messaging"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheEnvelopeIsTheMessagesOwn(t *testing.T) {
	t.Parallel()
	s := startSink(t, &sink{})
	receipt, err := newSender(t, s).SendEmail(t.Context(), workspace, email(7))
	if err != nil {
		t.Fatal(err)
	}
	got := s.truth()[0]
	if got.from != "bounce+7@example.com" || got.to != "c7@example.net" || receipt.ProviderID != "queued as 1" || receipt.AcceptedAt.IsZero() {
		t.Errorf("got %s → %s, receipt %+v", got.from, got.to, receipt)
	}
	want := "EHLO localhost\nMAIL FROM:<bounce+7@example.com>\nRCPT TO:<c7@example.net>\nDATA\n."
	if heard := s.heard(); heard != want {
		t.Errorf("the server heard\n%s\nwant\n%s", heard, want)
	}
}

func TestAServerThatHungUpMeanwhileCostsNoMessage(t *testing.T) {
	t.Parallel()
	for _, extensions := range [][]string{nil, {"PIPELINING"}} {
		t.Run(fmt.Sprint(extensions), func(t *testing.T) {
			t.Parallel()
			s := startSink(t, &sink{extensions: extensions})
			sender := newSender(t, s)
			for i := range 5 {
				if _, err := sender.SendEmail(t.Context(), workspace, email(i)); err != nil {
					t.Fatalf("message %d: %v", i, err)
				}
				s.hangUp()
			}
			if got := len(s.truth()); got != 5 {
				t.Errorf("the server took %d messages, want 5", got)
			}
		})
	}
}

func TestAMessageTheServerStopsReadingIsNotTaken(t *testing.T) {
	t.Parallel()
	s := startSink(t, &sink{fault: once(inBody, freeze)})
	sender := newSender(t, s)
	big := email(1)
	big.Attachments = []messaging.Attachment{{Filename: "big", Content: bytes.Repeat([]byte("x"), 16<<20)}}
	if _, err := sender.SendEmail(t.Context(), workspace, big); messaging.ClassOf(err) != messaging.FailureRetryable {
		t.Errorf("got %v", err)
	}
	if len(s.truth()) != 0 {
		t.Error("the server took it")
	}
}

func TestATooLargeMessageStaysHere(t *testing.T) {
	t.Parallel()
	s := startSink(t, &sink{extensions: []string{"SIZE 2000"}})
	sender := newSender(t, s)
	big := email(1)
	big.Text = strings.Repeat("x", 4000)
	if _, err := sender.SendEmail(t.Context(), workspace, big); messaging.ClassOf(err) != messaging.FailurePayload {
		t.Errorf("got %v", err)
	}
	if strings.Contains(s.heard(), "MAIL") {
		t.Error("the server heard of it")
	}
}

// No address of a valid email needs SMTPUTF8; that is said, not the address cut.
func TestAnInternationalAddressIsRefusedByName(t *testing.T) {
	t.Parallel()
	s := startSink(t, &sink{extensions: []string{"8BITMIME"}})
	sender := newSender(t, s)
	abroad := email(1)
	abroad.To.Email = "jürgen@example.net"
	_, err := sender.SendEmail(t.Context(), workspace, abroad)
	if messaging.ClassOf(err) != messaging.FailurePayload || !strings.Contains(err.Error(), "SMTPUTF8") || engage.FieldsOf(err)[0].Path != "to.email" {
		t.Errorf("got %v", err)
	}
	if _, err := sender.SendEmail(t.Context(), workspace, email(2)); err != nil {
		t.Fatal(err)
	}
	if heard, raw := s.heard(), s.truth()[0].raw; strings.Contains(heard, "BODY=") || strings.ContainsFunc(raw, func(r rune) bool { return r > '~' }) {
		t.Errorf("eight bits have left: %q, %q", heard, raw)
	}
}

func TestWithoutTLSNothingLeaves(t *testing.T) {
	t.Parallel()
	serverTLS, pool := certificate()
	for name, c := range map[string]struct {
		server *tls.Config
		client smtpmail.Config
	}{
		"the server offers none":            {nil, smtpmail.Config{TLSConfig: &tls.Config{RootCAs: pool}}},
		"the certificate is not trusted":    {serverTLS, smtpmail.Config{}},
		"the certificate is another host's": {serverTLS, smtpmail.Config{TLSConfig: &tls.Config{RootCAs: pool, ServerName: "mail.example.com"}}},
		"TLS meets plain text":              {serverTLS, smtpmail.Config{TLS: smtpmail.ImplicitTLS, TLSConfig: &tls.Config{RootCAs: pool}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSink(t, &sink{tls: c.server})
			c.client.Addr, c.client.Policy, c.client.Username, c.client.Password = s.addr(), s.policy(), "user", engage.NewSecret(password)
			sender, err := smtpmail.New(c.client)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = sender.Close() }()
			_, err = sender.SendEmail(t.Context(), workspace, email(1))
			if messaging.ClassOf(err) != messaging.FailureConfig {
				t.Errorf("got %v", err)
			}
			if heard := s.heard(); strings.Contains(heard, "AUTH") || strings.Contains(heard, "MAIL") {
				t.Errorf("the server heard %q", heard)
			}
		})
	}
}

func TestTheEndOfContextEndsTheCall(t *testing.T) {
	t.Parallel()
	for at, want := range map[point]messaging.FailureClass{
		atBanner: messaging.FailureRetryable, atMAIL: messaging.FailureRetryable, atDATA: messaging.FailureRetryable, afterTake: messaging.FailureUnknown,
	} {
		t.Run(string(at), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			s := startSink(t, &sink{fault: once(at, stall)})
			sender := newSender(t, s)
			s.onStall(func(string) { cancel() })
			_, err := sender.SendEmail(ctx, workspace, email(1))
			if messaging.ClassOf(err) != want || !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want %s", err, want)
			}
			if _, err := sender.SendEmail(t.Context(), workspace, email(2)); err != nil {
				t.Errorf("the next message: %v", err)
			}
		})
	}
}

// halted is the ctx of a process that was stopped and goes on: its deadline has
// passed, and no timer has had the time to say so.
type halted struct {
	context.Context
	now atomic.Bool
}

func (c *halted) Deadline() (time.Time, bool) {
	if c.now.Load() {
		return time.Unix(1, 0), true
	}
	return time.Now().Add(time.Minute), true // sooner than the sender's own
}

func TestAProcessThatWasHaltedHandsNothingOver(t *testing.T) {
	t.Parallel()
	for _, at := range []point{atEHLO, atMAIL, atDATA} {
		t.Run(string(at), func(t *testing.T) {
			t.Parallel()
			ctx := &halted{Context: t.Context()}
			s := startSink(t, &sink{fault: func(now point) kind {
				if now == at {
					ctx.now.Store(true)
				}
				return none
			}})
			_, err := newSender(t, s).SendEmail(ctx, workspace, email(1))
			if messaging.ClassOf(err) != messaging.FailureRetryable || !errors.Is(err, context.DeadlineExceeded) || len(s.truth()) != 0 {
				t.Errorf("the server took %d messages; got %v", len(s.truth()), err)
			}
		})
	}
}

func TestAStockServerTakesMailOverSTARTTLS(t *testing.T) {
	t.Parallel()
	serverTLS, pool := certificate()
	catcher, err := mailcatcher.Start(mailcatcher.Config{TLSConfig: serverTLS})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = catcher.Close() }()
	sender, err := smtpmail.New(smtpmail.Config{Addr: catcher.Addr(), Policy: catcher.Policy(), TLSConfig: &tls.Config{RootCAs: pool}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sender.Close() }()
	var senders sync.WaitGroup
	for i := range 40 {
		senders.Go(func() {
			if _, err := sender.SendEmail(t.Context(), workspace, email(i)); err != nil {
				t.Error(err)
			}
		})
	}
	senders.Wait()
	if got := len(catcher.Unique()); got != 40 || len(catcher.Messages()) != 40 {
		t.Errorf("the server took %d messages, want 40", got)
	}
	if m := catcher.Messages()[0]; m.Text != "Hello\r\n.\r\n..dots\r\nFrom here\r\n" || m.Subject != "Grüße" || m.HTML != "<p>Hello</p>" {
		t.Errorf("got %q, %q, %q", m.Subject, m.Text, m.HTML)
	}
}

func TestInvalidInputNeverConnects(t *testing.T) {
	t.Parallel()
	s := startSink(t, &sink{})
	sender := newSender(t, s)
	bad := email(1)
	bad.Subject = "a\r\nBcc: x@example.com"
	for _, err := range []error{
		func() error { _, err := sender.SendEmail(t.Context(), workspace, bad); return err }(),
		func() error { _, err := sender.SendEmail(t.Context(), engage.WorkspaceID{}, email(1)); return err }(),
	} {
		if messaging.ClassOf(err) != messaging.FailurePayload || !errors.Is(err, engage.ErrInvalid) || len(engage.FieldsOf(err)) != 1 {
			t.Errorf("got %v", err)
		}
	}
	if s.connections() != 0 {
		t.Error("it dialed")
	}
}

func TestAnInvalidConfigurationIsReportedWhole(t *testing.T) {
	t.Parallel()
	_, err := smtpmail.New(smtpmail.Config{
		Addr: ":25", TLS: 9, TLSConfig: &tls.Config{InsecureSkipVerify: true}, Username: "a\x00", Hello: "a b",
		MaxConns: -1, MaxWaiting: -1, MaxMessages: -1, IdleTimeout: time.Minute, Timeouts: smtpmail.Timeouts{Body: -1},
		Policy: netguard.Policy{Ports: []uint16{0}},
	})
	if got := len(engage.FieldsOf(err)); got != 12 || !errors.Is(err, engage.ErrInvalid) {
		t.Errorf("%d faults: %v", got, engage.FieldsOf(err))
	}
}

func TestTheSenderPrintsNoSecret(t *testing.T) {
	t.Parallel()
	serverTLS, _ := certificate()
	sender := newSender(t, startSink(t, &sink{tls: serverTLS}))
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "sender", sender)
	for _, printed := range []string{fmt.Sprintf("%v %+v %#v %s %q", sender, sender, sender, sender, sender), log.String(), fmt.Sprint(struct{ s any }{sender})} {
		if strings.Contains(printed, password) {
			t.Error(printed)
		}
	}
}

// TestEachPhaseEndsAtItsDeadline runs in virtual time: a server that stalls costs
// exactly the phase it stalls in.
func TestEachPhaseEndsAtItsDeadline(t *testing.T) {
	t.Parallel()
	serverTLS, pool := certificate()
	timeouts := smtpmail.Timeouts{Dial: 1 * time.Second, TLS: 2 * time.Second, Command: 3 * time.Second, Body: 4 * time.Second, Final: 5 * time.Second, Quit: 6 * time.Second}
	for at, want := range map[point]time.Duration{
		atBanner: timeouts.Command, atEHLO: timeouts.Command, atSTARTTLS: timeouts.Command, atTLS: timeouts.TLS, atAUTH: timeouts.Command,
		atMAIL: timeouts.Command, atRCPT: timeouts.Command, atDATA: timeouts.Command, inBody: timeouts.Body,
		beforeTake: timeouts.Final, afterTake: timeouts.Final, atQUIT: timeouts.Quit, "dial": timeouts.Dial, "drip": timeouts.Command,
	} {
		t.Run(string(at), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				k := stall
				if at == inBody {
					k = freeze
				}
				s := &sink{tls: serverTLS, fault: once(at, k)}
				s.prepare()
				sender, err := smtpmail.New(smtpmail.Config{
					Addr: "127.0.0.1:25", TLSConfig: &tls.Config{RootCAs: pool}, Timeouts: timeouts,
					Username: "user", Password: engage.NewSecret(password),
					Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
						if at == "dial" {
							<-ctx.Done()
							return nil, ctx.Err()
						}
						client, server := net.Pipe()
						if at == "drip" {
							go drip(server, s.done)
						} else {
							go s.serve(server)
						}
						return client, nil
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				large := email(1) // more than the server reads before it freezes
				large.Text = strings.Repeat("x", 100_000)
				start := time.Now()
				_, err = sender.SendEmail(t.Context(), workspace, large)
				_ = sender.Close()
				if got := time.Since(start); got != want {
					t.Errorf("it took %s of virtual time (%v), want %s", got, err, want)
				}
				close(s.done)
			})
		})
	}
}

// drip greets a byte a second, for ever.
func drip(conn net.Conn, done <-chan struct{}) {
	for {
		if _, err := io.WriteString(conn, "2"); err != nil {
			return
		}
		select {
		case <-time.After(time.Second): // of virtual time
		case <-done:
			return
		}
	}
}
