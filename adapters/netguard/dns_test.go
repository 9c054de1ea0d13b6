package netguard_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer is a DNS server on the loopback that answers each question with
// the next of a name's answers; the last one stays. Names it does not know do
// not exist.
type nameServer struct {
	conn net.PacketConn

	mu      sync.Mutex
	answers map[string][]answer
	asked   map[string]int
}

// answer is the addresses of a name at one time, or a failure.
type answer struct {
	addresses []netip.Addr
	failure   dnsmessage.RCode
}

func at(addresses ...string) answer {
	var a answer
	for _, text := range addresses {
		a.addresses = append(a.addresses, netip.MustParseAddr(text))
	}
	return a
}

func startNameServer(t *testing.T) *nameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{conn: conn, answers: map[string][]answer{}, asked: map[string]int{}}
	done := make(chan struct{})
	go func() { defer close(done); s.serve() }()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return s
}

// set gives a name its answers, in the order of the times it is looked up.
func (s *nameServer) set(name string, answers ...answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[name], s.asked[name] = answers, 0
}

// lookups is how often a name was looked up.
func (s *nameServer) lookups(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[name]
}

// resolver asks this server alone.
func (s *nameServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", s.conn.LocalAddr().String())
	}}
}

func (s *nameServer) serve() {
	buf := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var query dnsmessage.Message
		if query.Unpack(buf[:n]) != nil || len(query.Questions) != 1 {
			continue
		}
		reply := s.reply(query)
		if packed, err := reply.Pack(); err == nil {
			_, _ = s.conn.WriteTo(packed, from)
		}
	}
}

func (s *nameServer) reply(query dnsmessage.Message) dnsmessage.Message {
	question := query.Questions[0]
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: query.ID, Response: true, Authoritative: true, RecursionAvailable: true},
		Questions: query.Questions,
	}
	current, known := s.next(strings.TrimSuffix(strings.ToLower(question.Name.String()), "."), question.Type)
	if !known {
		reply.RCode = dnsmessage.RCodeNameError
		return reply
	}
	reply.RCode = current.failure
	for _, ip := range current.addresses {
		header := dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 0}
		switch {
		case ip.Is4() && question.Type == dnsmessage.TypeA:
			reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: ip.As4()}})
		case ip.Is6() && question.Type == dnsmessage.TypeAAAA:
			reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}})
		}
	}
	return reply
}

// next is the answer of this lookup. A lookup asks for both families; the
// question for IPv4 counts.
func (s *nameServer) next(name string, kind dnsmessage.Type) (answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answers, known := s.answers[name]
	if !known {
		return answer{}, false
	}
	current := answers[min(s.asked[name], len(answers)-1)]
	if kind == dnsmessage.TypeA {
		s.asked[name]++
	}
	return current, true
}
