package smtpmail_test

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/smtpmail"
	"github.com/go-engage/engage/messaging"
)

var workspace = engage.WorkspaceID{1}

func email(id int) messaging.Email {
	return messaging.Email{
		From: messaging.Address{Name: "Ada’s Shop", Email: "shop@example.com"}, To: messaging.Address{Email: fmt.Sprintf("c%d@example.net", id)},
		ReturnPath: fmt.Sprintf("bounce+%d@example.com", id), MessageID: fmt.Sprintf("%d@example.com", id),
		Subject: "Grüße", Text: "Hello\n.\n..dots\nFrom here\n", HTML: "<p>Hello</p>",
	}
}

// impatient is a connection whose deadline passes when the server has stalled,
// however long it was set for: no test waits, and a phase without a deadline
// would never end.
type impatient struct {
	net.Conn
	mu      sync.Mutex
	expired bool
	phases  int // deadlines that were set
}

func (c *impatient) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phases++
	if c.expired {
		t = time.Unix(1, 0)
	}
	return c.Conn.SetDeadline(t)
}

func (c *impatient) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expired = true
	if c.phases > 0 { // else the first one that is set expires
		_ = c.Conn.SetDeadline(time.Unix(1, 0))
	}
}

// newSender makes a sender for the sink whose deadlines pass as soon as the sink
// stalls.
func newSender(t testing.TB, s *sink) *smtpmail.Sender {
	t.Helper()
	var dialing sync.Mutex
	var conns sync.Map // by local address
	s.onStall(func(client string) {
		dialing.Lock()
		defer dialing.Unlock()
		if conn, ok := conns.Load(client); ok {
			conn.(*impatient).expire()
		}
	})
	config := smtpmail.Config{
		Addr: s.addr(), TLS: smtpmail.UnsafePlaintext, MaxConns: 4, MaxMessages: 10,
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			dialing.Lock() // the sink may stall before Dial has returned
			defer dialing.Unlock()
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			c := &impatient{Conn: conn}
			conns.Store(conn.LocalAddr().String(), c)
			return c, nil
		},
	}
	if s.tls != nil {
		_, pool := certificate()
		config.TLS, config.TLSConfig = smtpmail.RequireSTARTTLS, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}
		config.Username, config.Password = "user", engage.NewSecret(password)
	}
	sender, err := smtpmail.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sender.Close() })
	return sender
}

// once answers kind the first time the point is passed.
func once(at point, k kind) func(point) kind {
	var passed atomic.Bool
	return func(now point) kind {
		if now == at && passed.CompareAndSwap(false, true) {
			return k
		}
		return none
	}
}

func TestTheOutcomeIsTheServersTruthAtEveryFault(t *testing.T) {
	t.Parallel()
	serverTLS, _ := certificate()
	retryable, config, permanent, unknown := messaging.FailureRetryable, messaging.FailureConfig, messaging.FailurePermanent, messaging.FailureUnknown
	refused := map[point]messaging.FailureClass{
		atBanner: config, atEHLO: config, atSTARTTLS: config, atAUTH: config, atMAIL: config,
		atRCPT: permanent, atDATA: permanent, inBody: permanent, beforeTake: permanent,
	}
	cells := 0
	for _, at := range []point{atBanner, atEHLO, atSTARTTLS, atTLS, atAUTH, atMAIL, atRCPT, atDATA, inBody, beforeTake, afterTake, atQUIT} {
		for _, k := range []kind{drop, stall, refuse4, refuse5, half, garbage, endless} {
			for _, extensions := range [][]string{nil, {"PIPELINING", "SIZE 1000000"}} {
				want := retryable
				switch {
				case k == refuse5:
					want = refused[at]
				case at == beforeTake && k != refuse4 || at == afterTake:
					want = unknown
				case at == inBody:
					want = unknown // so short a message has left whole
				case at == atTLS && k == garbage:
					want = config
				}
				switch {
				case at == atTLS && k != drop && k != stall && k != garbage, at == inBody && k != drop && k != stall,
					at == afterTake && (k == refuse4 || k == refuse5):
					continue // makes no sense there
				case at == atQUIT:
					want = ""
				}
				cells++
				t.Run(fmt.Sprintf("%s %s with %d extensions", at, k, len(extensions)), func(t *testing.T) {
					t.Parallel()
					s := startSink(t, &sink{tls: serverTLS, extensions: extensions, fault: once(at, k)})
					sender := newSender(t, s)
					_, err := sender.SendEmail(t.Context(), workspace, email(1))
					if got := messaging.ClassOf(err); got != want && !(at == inBody && got == retryable) {
						t.Errorf("got %s (%v), want %s", got, err, want)
					}
					wantTaken := 0
					if at == afterTake || err == nil {
						wantTaken = 1
					}
					if got := len(s.truth()); got != wantTaken {
						t.Errorf("the server took %d messages, want %d", got, wantTaken)
					}
					if err != nil {
						if _, ok := errors.AsType[*messaging.SendError](err); !ok || strings.Contains(err.Error(), password) {
							t.Errorf("the error is %v", err)
						}
					}
					// The fault is over: the sender has recovered by itself.
					if at == atQUIT {
						return
					}
					if _, err := sender.SendEmail(t.Context(), workspace, email(2)); err != nil {
						t.Errorf("the next message: %v", err)
					}
					if got := len(s.truth()); got != wantTaken+1 {
						t.Errorf("the server took %d messages, want %d", got, wantTaken+1)
					}
				})
			}
		}
	}
	t.Logf("%d cells", cells)
}

var (
	mails   = flag.Int("engage.mails", 1000, "mails of the run through faults")
	percent = flag.Int("engage.faults", 4, "percent of the passes of each point at which something fails")
	seed    = flag.Uint64("engage.seed", 7, "of the run through faults")
)

// TestManyMailsThroughFaultsEndAsTheServerKnows sends with a fault now and then at
// every point, and compares each outcome with what the server took. The long run:
//
//	go test ./adapters/smtpmail -run ManyMails -v -engage.mails 20000 -engage.faults 1
func TestManyMailsThroughFaultsEndAsTheServerKnows(t *testing.T) {
	t.Parallel()
	serverTLS, _ := certificate()
	failing := newFaults(*seed, *percent, drop, stall, refuse4, refuse5, garbage, half, endless)
	s := startSink(t, &sink{tls: serverTLS, extensions: []string{"PIPELINING"}, fault: failing.at})
	sender := newSender(t, s)
	classes := sendAll(*mails, func(i int) error {
		_, err := sender.SendEmail(context.Background(), workspace, email(i))
		return err
	})
	_ = sender.Close()
	outcomes, wrong := compareWithTruth(t, s, classes)
	t.Logf("%d mails, seed %d, %d %% faults at each point, %d connections: outcomes %v, faults %v, %d outcomes against the server's truth",
		*mails, *seed, *percent, s.connections(), outcomes, failing.count, wrong)
}

// faults chooses what goes wrong, and counts it.
type faults struct {
	mu      sync.Mutex
	random  *rand.Rand
	percent int
	kinds   []kind
	count   map[point]int
}

func newFaults(seed uint64, percent int, kinds ...kind) *faults {
	return &faults{random: rand.New(rand.NewPCG(seed, 11)), percent: percent, kinds: kinds, count: map[point]int{}}
}

func (f *faults) at(now point) kind {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now == atSTARTTLS || now == atTLS || now == inBody || f.random.IntN(100) >= f.percent {
		return none
	}
	k := f.kinds[f.random.IntN(len(f.kinds))]
	if now == afterTake && (k == refuse4 || k == refuse5) {
		return none // who takes a message does not refuse it
	}
	f.count[now]++
	return k
}

// sendAll sends n mails from 4 goroutines and answers their classes.
func sendAll(n int, send func(i int) error) []messaging.FailureClass {
	classes := make([]messaging.FailureClass, n)
	queue := make(chan int)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for i := range queue {
				classes[i] = messaging.ClassOf(send(i))
			}
		})
	}
	for i := range n {
		queue <- i
	}
	close(queue)
	workers.Wait()
	return classes
}

func compareWithTruth(t *testing.T, s *sink, classes []messaging.FailureClass) (outcomes map[messaging.FailureClass]int, wrong int) {
	t.Helper()
	taken := map[string]int{}
	for _, m := range s.truth() {
		taken[m.to]++
	}
	outcomes = map[messaging.FailureClass]int{}
	for i, class := range classes {
		outcomes[class]++
		got := taken[email(i).To.Email]
		switch {
		case class == "" && got != 1, class == messaging.FailureUnknown && got > 1,
			class != "" && class != messaging.FailureUnknown && got != 0:
			wrong++
			t.Errorf("mail %d ended as %s, and the server took it %d times", i, class, got)
		}
	}
	return outcomes, wrong
}

// TestNoCallOutlivesItsDeadline runs in virtual time, in which a server that says
// nothing costs exactly what the sender waits for it.
func TestNoCallOutlivesItsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failing := newFaults(*seed, 10, drop, stall, stall, freeze, half, garbage, endless)
		s := &sink{fault: failing.at}
		sender := pipeSender(t, s, smtpmail.Config{MaxConns: 3, MaxMessages: 5, Timeouts: smtpmail.Timeouts{Command: 3 * time.Second, Final: 5 * time.Second}})
		const deadline = 8 * time.Second
		var mu sync.Mutex
		var longest time.Duration
		classes := sendAll(500, func(i int) error {
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			start := time.Now()
			_, err := sender.SendEmail(ctx, workspace, email(i))
			mu.Lock()
			defer mu.Unlock()
			longest = max(longest, time.Since(start))
			return err
		})
		_ = sender.Close()
		close(s.done)
		outcomes, _ := compareWithTruth(t, s, classes)
		if longest > deadline || outcomes[messaging.FailureUnknown] == 0 || outcomes[messaging.FailureRetryable] == 0 {
			t.Errorf("the longest call took %s, want %s at most; outcomes %v", longest, deadline, outcomes)
		}
	})
}
