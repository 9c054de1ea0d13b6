package smtpmail_test

import (
	"bufio"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/textproto"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage/adapters/netguard"
)

// kind is what goes wrong.
type kind string

const (
	none    kind = ""
	drop    kind = "drop"    // hangs up
	stall   kind = "stall"   // says nothing more, and does not hang up
	refuse4 kind = "4xx"     // refuses for now
	refuse5 kind = "5xx"     // refuses for good
	leave   kind = "421"     // says that it hangs up, and does
	half    kind = "half"    // hangs up in the middle of its reply
	freeze  kind = "freeze"  // says nothing more and reads nothing more
	garbage kind = "garbage" // answers what is no reply
	endless kind = "endless" // never ends its reply
)

// point is where it goes wrong.
type point string

const (
	atBanner   point = "banner"
	atEHLO     point = "EHLO"
	atSTARTTLS point = "STARTTLS"
	atTLS      point = "handshake"
	atAUTH     point = "AUTH"
	atMAIL     point = "MAIL"
	atRCPT     point = "RCPT"
	atDATA     point = "DATA"
	inBody     point = "body"       // after the first line
	beforeTake point = "before dot" // the message is whole, and is not taken
	afterTake  point = "after dot"  // the message is taken, and the answer suffers
	atQUIT     point = "QUIT"
)

// sink is a strict mail server over TCP that fails where it is told to and knows
// what it took. It is written by hand, so that it shares no reading of the RFC
// with any library.
type sink struct {
	tls        *tls.Config
	extensions []string
	mechanisms string              // of AUTH; "": PLAIN
	implicit   bool                // TLS from the first byte
	open       bool                // AUTH without TLS, too
	eager      bool                // takes DATA without a recipient
	injected   string              // plain text behind the reply to STARTTLS
	fault      func(at point) kind // asked once at each point of each conversation

	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]bool
	dialed int
	taken  []takenMessage
	lines  []string // every command, and every message's end
	closed bool
	done   chan struct{}

	stalled func(client string) // told the client's address when a conversation stalls
}

type takenMessage struct{ from, to, raw string }

func startSink(t testing.TB, s *sink) *sink {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.listener = listener
	s.prepare()
	s.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.running.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(s.close)
	return s
}

func (s *sink) prepare() { s.conns, s.done = map[net.Conn]bool{}, make(chan struct{}) }

func (s *sink) addr() string { return s.listener.Addr().String() }

// policy reaches the sink, which is on this machine.
func (s *sink) policy() netguard.Policy { return netguard.Policy{Private: []string{s.addr()}} }

func (s *sink) close() {
	_ = s.listener.Close()
	close(s.done)
	s.mu.Lock()
	s.closed = true
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

// hangUp closes every open connection, as a server that is restarted does.
func (s *sink) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		_ = conn.Close()
	}
}

func (s *sink) onStall(fn func(client string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stalled = fn
}

func (s *sink) stall(client string) {
	s.mu.Lock()
	fn := s.stalled
	s.mu.Unlock()
	if fn != nil {
		fn(client)
	}
}

func (s *sink) truth() []takenMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]takenMessage(nil), s.taken...)
}

func (s *sink) heard() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

func (s *sink) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dialed
}

// conversation is one connection's state.
type conversation struct {
	sink     *sink
	raw      net.Conn
	conn     net.Conn
	in       *bufio.Reader
	secure   bool
	greeted  bool
	signedIn bool
	from, to *string
}

func (s *sink) serve(conn net.Conn) {
	s.mu.Lock()
	s.dialed++
	s.conns[conn] = true
	if s.closed {
		_ = conn.Close()
	}
	s.mu.Unlock()
	defer func() {
		_ = conn.Close()
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	}()
	c := &conversation{sink: s, raw: conn, conn: conn, in: bufio.NewReader(conn)}
	if s.implicit && !c.upgrade() || !c.reply(c.ask(atBanner), "220 sink ESMTP") {
		return
	}
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return
		}
		if !strings.HasSuffix(line, "\r\n") || strings.Count(line, "\r") != 1 {
			_, _ = io.WriteString(conn, "500 5.5.2 bare line end\r\n")
			return
		}
		line = strings.TrimSuffix(line, "\r\n")
		s.mu.Lock()
		s.lines = append(s.lines, line)
		s.mu.Unlock()
		if !c.command(line) {
			return
		}
	}
}

// ask is what goes wrong at a point now.
func (c *conversation) ask(at point) kind {
	if c.sink.fault == nil {
		return none
	}
	return c.sink.fault(at)
}

// reply sends a reply, or does what goes wrong instead; false ends the
// conversation.
func (c *conversation) reply(k kind, reply string) bool {
	write := func(s string) bool {
		_, err := io.WriteString(c.conn, s)
		return err == nil
	}
	switch k {
	case drop:
		return false
	case stall:
		c.sink.stall(c.raw.RemoteAddr().String())
		_, _ = io.Copy(io.Discard, c.in) // until the other side hangs up
		return false
	case freeze:
		c.sink.stall(c.raw.RemoteAddr().String())
		<-c.sink.done
		return false
	case refuse4:
		return write("451 4.3.0 not now\r\n")
	case refuse5:
		return write("550 5.7.1 never\r\n")
	case leave:
		write("421 4.4.2 idle for too long\r\n")
		return false
	case half:
		write(reply[:2])
		return false
	case garbage:
		write("HTTP/1.1 200 OK\r\n\r\n")
		return false
	case endless:
		for write(reply[:3] + "-and so on\r\n") {
		}
		return false
	case none:
	}
	return write(reply + "\r\n")
}

var (
	mailCommand = regexp.MustCompile(`^MAIL FROM:<([^<>\s]*)>( SIZE=\d+)?$`)
	rcptCommand = regexp.MustCompile(`^RCPT TO:<([^<>\s]+)>$`)
)

func (c *conversation) command(line string) bool {
	verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
	switch verb {
	case "EHLO":
		c.greeted, c.from, c.to = true, nil, nil
		reply := "250-sink"
		for _, extension := range c.sink.extensions {
			reply += "\r\n250-" + extension
		}
		if c.sink.tls != nil && !c.secure {
			reply += "\r\n250-STARTTLS"
		}
		if c.secure || c.sink.open {
			reply += "\r\n250-AUTH " + cmp.Or(c.sink.mechanisms, "PLAIN")
		}
		return c.reply(c.ask(atEHLO), reply+"\r\n250 HELP")
	case "STARTTLS":
		return c.reply(c.ask(atSTARTTLS), "220 2.0.0 go ahead"+c.sink.injected) && c.upgrade()
	case "AUTH":
		if line == "AUTH LOGIN" && c.secure && strings.Contains(c.sink.mechanisms, "LOGIN") {
			return c.login()
		}
		if strings.HasPrefix(line, "AUTH XOAUTH2") && strings.Contains(c.sink.mechanisms, "XOAUTH2") {
			return c.token(line)
		}
		want := "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00user\x00"+password))
		if !c.secure && !c.sink.open || line != want {
			return c.reply(none, "535 5.7.8 wrong: "+line)
		}
		c.signedIn = true
		return c.reply(c.ask(atAUTH), "235 2.7.0 welcome")
	case "MAIL":
		m := mailCommand.FindStringSubmatch(line)
		if m == nil || !c.greeted || c.from != nil || c.sink.tls != nil && !c.signedIn {
			return c.reply(none, "503 5.5.1 not now: "+line)
		}
		k := c.ask(atMAIL)
		if k == none {
			c.from = &m[1]
		}
		return c.reply(k, "250 2.1.0 sender ok")
	case "RCPT":
		m := rcptCommand.FindStringSubmatch(line)
		if m == nil || c.from == nil || c.to != nil {
			return c.reply(none, "503 5.5.1 not now: "+line)
		}
		k := c.ask(atRCPT)
		if k == none {
			c.to = &m[1]
		}
		return c.reply(k, "250 2.1.5 recipient ok")
	case "DATA":
		if c.to == nil && !c.sink.eager {
			return c.reply(none, "503 5.5.1 no recipient")
		}
		k := c.ask(atDATA)
		return c.reply(k, "354 go ahead") && (k != none || c.data())
	case "RSET":
		c.from, c.to = nil, nil
		return c.reply(none, "250 2.0.0 cleared")
	case "QUIT":
		c.reply(c.ask(atQUIT), "221 2.0.0 bye")
		return false
	}
	return c.reply(none, "502 5.5.1 unknown")
}

func (c *conversation) login() bool {
	for _, step := range [][2]string{{"VXNlcm5hbWU6", "user"}, {"UGFzc3dvcmQ6", password}} {
		if !c.reply(none, "334 "+step[0]) {
			return false
		}
		line, err := c.in.ReadString('\n')
		if err != nil || line != base64.StdEncoding.EncodeToString([]byte(step[1]))+"\r\n" {
			return false
		}
	}
	c.signedIn = true
	return c.reply(none, "235 2.7.0 welcome")
}

// token wants the password as an access token, in the command or after it.
func (c *conversation) token(line string) bool {
	answer, ok := strings.CutPrefix(line, "AUTH XOAUTH2 ")
	if !ok {
		if !c.reply(none, "334 ") {
			return false
		}
		var err error
		if answer, err = c.in.ReadString('\n'); err != nil {
			return false
		}
	}
	got, err := base64.StdEncoding.DecodeString(strings.TrimRight(answer, "\r\n"))
	if err == nil && len(line) <= 510 && strings.HasPrefix(string(got), "user=user\x01auth=Bearer "+password) {
		c.signedIn = true
		return c.reply(none, "235 2.7.0 welcome")
	}
	if !c.reply(none, "334 eyJzdGF0dXMiOiI0MDEifQ==") {
		return false
	}
	if line, err := c.in.ReadString('\n'); err != nil || line != "\r\n" {
		return false
	}
	return c.reply(none, "535 5.7.8 "+answer)
}

func (c *conversation) upgrade() bool {
	if k := c.ask(atTLS); k != none {
		return c.reply(k, "")
	}
	conn := tls.Server(c.raw, c.sink.tls)
	if conn.HandshakeContext(context.Background()) != nil {
		return false
	}
	c.conn, c.in, c.secure, c.greeted = conn, bufio.NewReader(conn), true, false
	return true
}

func (c *conversation) data() bool {
	if k := c.ask(inBody); k != none {
		if _, err := c.in.ReadString('\n'); err != nil {
			return false
		}
		return c.reply(k, "")
	}
	raw, err := io.ReadAll(textproto.NewReader(c.in).DotReader())
	if err != nil {
		return false // the final dot never came
	}
	message := takenMessage{raw: string(raw)}
	if c.to != nil { // an eager server may know neither
		message.from, message.to = *c.from, *c.to
	}
	c.from, c.to = nil, nil
	if k := c.ask(beforeTake); k != none {
		return c.reply(k, "250 2.0.0 queued as 0")
	}
	c.sink.mu.Lock()
	c.sink.taken = append(c.sink.taken, message)
	n := len(c.sink.taken)
	c.sink.lines = append(c.sink.lines, ".")
	c.sink.mu.Unlock()
	return c.reply(c.ask(afterTake), fmt.Sprintf("250 2.0.0 queued as %d", n))
}

const password = "correct-horse-battery"

// certificate makes a key pair for 127.0.0.1 and the pool that trusts it.
var certificate = sync.OnceValues(func() (*tls.Config, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sink"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0), BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
})
