package smtpmail_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/smtpmail"
	"github.com/go-engage/engage/messaging"
)

// pipeSender makes a sender whose connections to the sink are pipes, for tests in
// virtual time. Whoever calls it closes the sender and s.done.
func pipeSender(t *testing.T, s *sink, config smtpmail.Config) *smtpmail.Sender {
	t.Helper()
	s.prepare()
	config.Addr, config.TLS = "127.0.0.1:25", smtpmail.UnsafePlaintext
	config.Dial = func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go s.serve(server)
		return client, nil
	}
	sender, err := smtpmail.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

// refuseEvery makes every nth pass of a point fail.
func refuseEvery(n int, at point, k kind) func(point) kind {
	var mu sync.Mutex
	passed := 0
	return func(now point) kind {
		mu.Lock()
		defer mu.Unlock()
		if now == at {
			if passed++; passed%n == 0 {
				return k
			}
		}
		return none
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	serverTLS, _ := certificate()
	s := startSink(t, &sink{tls: serverTLS, extensions: []string{"PIPELINING"}})
	sender := newSender(t, s)
	for i := range 20 {
		if _, err := sender.SendEmail(t.Context(), workspace, email(i)); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.connections(); got != 2 { // each serves 10
		t.Errorf("20 messages took %d connections, want 2", got)
	}
	if got := len(s.truth()); got != 20 {
		t.Errorf("the server took %d messages", got)
	}
}

func TestARestingConnectionIsClosedInTime(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	s := startSink(t, &sink{fault: func(at point) kind {
		if at == atQUIT {
			close(gone)
		}
		return none
	}})
	sender, err := smtpmail.New(smtpmail.Config{Addr: s.addr(), Policy: s.policy(), TLS: smtpmail.UnsafePlaintext, IdleTimeout: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sender.Close() }()
	if _, err := sender.SendEmail(t.Context(), workspace, email(1)); err != nil {
		t.Fatal(err)
	}
	<-gone
}

func TestClose(t *testing.T) {
	t.Parallel()
	s := startSink(t, &sink{})
	sender := newSender(t, s)
	if err := sender.Close(); err != nil {
		t.Errorf("of a sender that never sent: %v", err)
	}
	sender = newSender(t, s)
	if _, err := sender.SendEmail(t.Context(), workspace, email(1)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := sender.Close(); err != nil {
			t.Error(err)
		}
	}
	if !strings.HasSuffix(s.heard(), "QUIT") {
		t.Error("it did not say goodbye")
	}
	if _, err := sender.SendEmail(t.Context(), workspace, email(2)); messaging.ClassOf(err) != messaging.FailureRetryable || !errors.Is(err, engage.ErrFailedPrecondition) {
		t.Errorf("a closed sender answers %v", err)
	}
}

// A strict server answers 503 to a second MAIL in one transaction.
func TestARefusalCostsNeitherTheNextMessageNorTheConnection(t *testing.T) {
	t.Parallel()
	for _, extensions := range [][]string{nil, {"PIPELINING"}} {
		for at, want := range map[point]messaging.FailureClass{
			atMAIL: messaging.FailureRetryable, atRCPT: messaging.FailurePermanent, atDATA: messaging.FailureRetryable, beforeTake: messaging.FailurePermanent,
		} {
			t.Run(fmt.Sprint(at, extensions), func(t *testing.T) {
				t.Parallel()
				k := refuse4
				if want == messaging.FailurePermanent {
					k = refuse5
				}
				s := startSink(t, &sink{extensions: extensions, fault: refuseEvery(2, at, k)})
				sender := newSender(t, s)
				for i := range 10 {
					_, err := sender.SendEmail(t.Context(), workspace, email(i))
					if want := map[bool]messaging.FailureClass{true: want}[i%2 == 1]; messaging.ClassOf(err) != want {
						t.Errorf("message %d: %v", i, err)
					}
				}
				if took, conns := len(s.truth()), s.connections(); took != 5 || conns != 1 {
					t.Errorf("the server took %d messages on %d connections, want 5 on 1", took, conns)
				}
			})
		}
	}
}

// What a server says to a connection that rested is no answer to the message.
func TestAServerThatLeavesARestingConnectionCostsNoMessage(t *testing.T) {
	t.Parallel()
	for _, extensions := range [][]string{nil, {"PIPELINING"}} {
		s := startSink(t, &sink{extensions: extensions, fault: refuseEvery(2, atMAIL, leave)})
		sender := newSender(t, s)
		for i := range 4 {
			if _, err := sender.SendEmail(t.Context(), workspace, email(i)); err != nil {
				t.Errorf("message %d: %v", i, err)
			}
		}
		if took, conns := len(s.truth()), s.connections(); took != 4 || conns != 4 {
			t.Errorf("the server took %d messages on %d connections, want 4 on 4", took, conns)
		}
		fresh := startSink(t, &sink{extensions: extensions, fault: refuseEvery(1, atMAIL, leave)})
		if _, err := newSender(t, fresh).SendEmail(t.Context(), workspace, email(1)); messaging.ClassOf(err) != messaging.FailureRetryable || fresh.connections() != 1 {
			t.Errorf("a server that leaves at once was asked on %d connections: %v", fresh.connections(), err)
		}
	}
}

func TestAServerThatWaitsForARefusedMessageGetsNone(t *testing.T) {
	t.Parallel()
	s := startSink(t, &sink{extensions: []string{"PIPELINING"}, eager: true, fault: once(atRCPT, refuse5)})
	sender := newSender(t, s)
	if _, err := sender.SendEmail(t.Context(), workspace, email(1)); messaging.ClassOf(err) != messaging.FailurePermanent {
		t.Errorf("got %v", err)
	}
	if _, err := sender.SendEmail(t.Context(), workspace, email(2)); err != nil {
		t.Error(err)
	}
	if took := s.truth(); len(took) != 1 || took[0].to != "c2@example.net" || s.connections() != 2 {
		t.Errorf("the server took %d messages on %d connections, want the second on a connection of its own", len(took), s.connections())
	}
}

func TestAConnectionServesSoManyMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		sender := pipeSender(t, s, smtpmail.Config{MaxConns: 1, MaxMessages: 5})
		for i := range 12 {
			if _, err := sender.SendEmail(t.Context(), workspace, email(i)); err != nil {
				t.Fatal(err)
			}
		}
		_ = sender.Close()
		synctest.Wait()
		if got, goodbyes := s.connections(), strings.Count(s.heard(), "QUIT"); got != 3 || goodbyes != 3 {
			t.Errorf("12 messages took %d connections and %d goodbyes, want 3 and 3", got, goodbyes)
		}
	})
}

func TestThereAreNeverMoreConnectionsThanAllowed(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	open, most := 0, 0
	s := startSink(t, &sink{fault: func(at point) kind {
		mu.Lock()
		defer mu.Unlock()
		switch at { //nolint:exhaustive // the ends of a conversation
		case atBanner:
			open++
			most = max(most, open)
		case atQUIT:
			open--
		}
		return none
	}})
	sender, err := smtpmail.New(smtpmail.Config{
		Addr: s.addr(), Policy: s.policy(), TLS: smtpmail.UnsafePlaintext, MaxConns: 3, MaxMessages: 2, IdleTimeout: time.Microsecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	var senders sync.WaitGroup
	for i := range 100 {
		senders.Go(func() {
			if _, err := sender.SendEmail(t.Context(), workspace, email(i)); err != nil {
				t.Error(err)
			}
		})
	}
	senders.Wait()
	_ = sender.Close()
	if most > 3 || len(s.truth()) != 100 {
		t.Errorf("%d messages on %d connections at once, want 100 on 3 at most", len(s.truth()), most)
	}
}

// TestThoseWhoWaitAreServedInTurn also fills the line.
func TestThoseWhoWaitAreServedInTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		s := &sink{fault: func(at point) kind {
			if at == atMAIL {
				<-gate
			}
			return none
		}}
		sender := pipeSender(t, s, smtpmail.Config{MaxConns: 1, MaxWaiting: 3})
		gone, leave := context.WithCancel(t.Context())
		for i := range 4 {
			ctx, want := t.Context(), error(nil)
			if i == 2 {
				ctx, want = gone, context.Canceled
			}
			go func() {
				if _, err := sender.SendEmail(ctx, workspace, email(i)); !errors.Is(err, want) {
					t.Errorf("message %d: %v", i, err)
				}
			}()
			synctest.Wait()
		}
		_, err := sender.SendEmail(t.Context(), workspace, email(4))
		if messaging.ClassOf(err) != messaging.FailureRetryable || !errors.Is(err, engage.ErrResourceExhausted) {
			t.Errorf("behind a full line: %v", err)
		}
		leave()
		synctest.Wait()
		go func() {
			if _, err := sender.SendEmail(t.Context(), workspace, email(5)); err != nil {
				t.Errorf("in the place of one who left: %v", err)
			}
		}()
		synctest.Wait()
		close(gate)
		synctest.Wait()
		var order []string
		for _, m := range s.truth() {
			order = append(order, m.to)
		}
		if want := []string{"c0@example.net", "c1@example.net", "c3@example.net", "c5@example.net"}; !slices.Equal(order, want) {
			t.Errorf("served %v, want %v", order, want)
		}
		_ = sender.Close()
	})
}

func TestCloseWaitsForWhatIsInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		s := &sink{fault: func(at point) kind {
			if at == beforeTake {
				<-gate
			}
			return none
		}}
		sender := pipeSender(t, s, smtpmail.Config{MaxConns: 1})
		outcomes := make([]error, 3)
		for i := range outcomes {
			go func() { _, outcomes[i] = sender.SendEmail(t.Context(), workspace, email(i)) }()
			synctest.Wait()
		}
		closed := 0
		var mu sync.Mutex
		for range 2 {
			go func() {
				_ = sender.Close()
				mu.Lock()
				defer mu.Unlock()
				closed++
			}()
		}
		synctest.Wait()
		if closed != 0 {
			t.Error("it did not wait for the message in flight")
		}
		for _, err := range outcomes[1:] {
			if messaging.ClassOf(err) != messaging.FailureRetryable || !errors.Is(err, engage.ErrFailedPrecondition) {
				t.Errorf("one that waited: %v", err)
			}
		}
		close(gate)
		synctest.Wait()
		if closed != 2 || outcomes[0] != nil || len(s.truth()) != 1 || !strings.HasSuffix(s.heard(), "QUIT") {
			t.Errorf("%d of 2 have closed; the message in flight: %v; heard\n%s", closed, outcomes[0], s.heard())
		}
	})
}
