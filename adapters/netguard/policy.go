package netguard

import (
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-engage/engage"
)

// Policy says which hosts may be reached, and how much of them is taken in. The
// zero value is the strictest for hosts that anyone may name. A Policy is a
// value: copies are independent, and its methods may be called concurrently.
type Policy struct {
	// Hosts are the only names that may be used: "api.example.com" exactly, or
	// "*.example.com" for every name below it. Empty: every name.
	Hosts []string

	// Private are names whose addresses may be loopback, private (RFC 1918),
	// shared (100.64.0.0/10) or unique local, such as the relay of a company:
	// "relay.internal", "*.svc.internal", "127.0.0.1". With a port
	// ("relay.internal:2525") the name is opened for that port alone, which need
	// not be in Ports. The addresses at which clouds serve credentials stay
	// refused.
	Private []string

	// Deny are more addresses that are refused, such as the public network that
	// the host itself lives in.
	Deny []netip.Prefix

	// Ports may be connected to. Empty: 443, and 80 with PlainHTTP, for HTTP;
	// those and the ports of SMTP and IMAP (25, 143, 465, 587, 993, 2525) for
	// DialContext.
	Ports []uint16

	// PlainHTTP allows http:// addresses and redirects to them.
	PlainHTTP bool

	// MaxRedirects is how many redirects of a request are followed; 0: none,
	// and a redirect is answered as the response it is.
	MaxRedirects int

	DialTimeout time.Duration // 0: DefaultDialTimeout
	Timeout     time.Duration // of a whole HTTP exchange; 0: DefaultTimeout
	MaxBody     int64         // bytes, after decompression; 0: DefaultMaxBody
	MaxHeader   int64         // bytes; 0: DefaultMaxHeader

	// TLS adds roots or a client certificate for HTTP; nil: the system's roots.
	// MinVersion is TLS 1.2 at least. InsecureSkipVerify is refused.
	TLS *tls.Config

	// Resolver resolves names; nil: the system's.
	Resolver *net.Resolver
}

// Validate answers ErrInvalid with every fault at once. Whoever takes a Policy
// calls it; the methods of an invalid policy refuse what is in doubt.
func (p Policy) Validate() error {
	var faults engage.Faults
	for i, pattern := range p.Hosts {
		if _, err := canonicalHost(strings.TrimPrefix(pattern, "*.")); err != nil {
			faults.Add("hosts["+strconv.Itoa(i)+"]", "invalid", "want a host name or *.name")
		}
	}
	for i, pattern := range p.Private {
		if _, ok := parsePrivate(pattern); !ok {
			faults.Add("private["+strconv.Itoa(i)+"]", "invalid", "want a host name, *.name or an address, with or without :port")
		}
	}
	for i, prefix := range p.Deny {
		if !prefix.IsValid() {
			faults.Add("deny["+strconv.Itoa(i)+"]", "invalid", "want a prefix of addresses")
		}
	}
	if slices.Contains(p.Ports, 0) {
		faults.Add("ports", "out_of_range", "there is no port 0")
	}
	for _, limit := range []struct {
		path  string
		value int64
	}{
		{"max_redirects", int64(p.MaxRedirects)},
		{"dial_timeout", int64(p.DialTimeout)},
		{"timeout", int64(p.Timeout)},
		{"max_body", p.MaxBody},
		{"max_header", p.MaxHeader},
	} {
		if limit.value < 0 {
			faults.Add(limit.path, "out_of_range", "want 0 or more")
		}
	}
	if p.TLS != nil && p.TLS.InsecureSkipVerify {
		faults.Add("tls.insecure_skip_verify", "not_allowed", "a certificate that is not checked protects nothing; add its root to RootCAs")
	}
	return faults.Err("netguard.Policy", "")
}

// CheckAddr tells whether "host:port" may be dialled as far as can be said
// without resolving the name, so that a form can refuse what never could be
// reached. It answers nil or ErrInvalid.
func (p Policy) CheckAddr(addr string) error {
	_, err := p.target(addr, p.dialPorts())
	return err
}

// target is a place that a policy allows to try.
type target struct {
	host    string // canonical
	port    string
	private bool // whether private addresses are allowed
}

// target checks names, spelling and port of an address, and the address itself
// where the host is a literal.
func (p Policy) target(addr string, ports []uint16) (target, error) {
	name, port, err := net.SplitHostPort(addr)
	if err != nil {
		return target{}, refused("host", "invalid", "want host:port")
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return target{}, refused("port", "invalid", "want a number")
	}
	host, err := canonicalHost(name)
	if err != nil {
		return target{}, err
	}
	private, opened := p.private(host, uint16(number))
	if len(p.Hosts) > 0 && !private && !slices.ContainsFunc(p.Hosts, func(pattern string) bool { return matches(pattern, host) }) {
		return target{}, refused("host", "not_allowed", "the host is not among those allowed")
	}
	if !opened && !slices.Contains(ports, uint16(number)) {
		return target{}, refused("port", "not_allowed", "the port is not among those allowed")
	}
	if literal, err := netip.ParseAddr(host); err == nil && !p.allows(literal, private) {
		return target{}, refusedAddress()
	}
	return target{host: host, port: strconv.FormatUint(number, 10), private: private}, nil
}

// allows reports whether an address may be connected to.
func (p Policy) allows(ip netip.Addr, private bool) bool {
	ip = ip.Unmap().WithZone("")
	if slices.ContainsFunc(p.Deny, func(prefix netip.Prefix) bool { return prefix.Contains(ip) }) {
		return false
	}
	class := classify(ip)
	return class == public || private && class.internal()
}

// private reports whether a host may have private addresses on a port, and
// whether that opens the port.
func (p Policy) private(host string, port uint16) (private, opened bool) {
	for _, pattern := range p.Private {
		entry, ok := parsePrivate(pattern)
		if !ok || !matches(entry.pattern, host) {
			continue
		}
		private = private || entry.port == 0 || entry.port == port
		opened = opened || entry.port == port
	}
	return private, opened
}

func (p Policy) webPorts() []uint16 {
	switch {
	case len(p.Ports) > 0:
		return p.Ports
	case p.PlainHTTP:
		return []uint16{portHTTPS, portHTTP}
	default:
		return []uint16{portHTTPS}
	}
}

func (p Policy) dialPorts() []uint16 {
	if len(p.Ports) > 0 {
		return p.Ports
	}
	return append(mailPorts(), p.webPorts()...)
}

// privateHost is one entry of Policy.Private.
type privateHost struct {
	pattern string
	port    uint16 // 0: those of the policy
}

func parsePrivate(entry string) (privateHost, bool) {
	parsed := privateHost{pattern: entry}
	if _, err := netip.ParseAddr(entry); err != nil {
		if host, port, err := net.SplitHostPort(entry); err == nil {
			number, err := strconv.ParseUint(port, 10, 16)
			if err != nil || number == 0 {
				return privateHost{}, false
			}
			parsed = privateHost{host, uint16(number)}
		}
	}
	_, err := canonicalHost(strings.TrimPrefix(parsed.pattern, "*."))
	return parsed, err == nil
}

// matches reports whether a canonical host is what a pattern names.
func matches(pattern, host string) bool {
	name, below := strings.CutPrefix(pattern, "*.")
	name, err := canonicalHost(name)
	if err != nil {
		return false
	}
	if below {
		return strings.HasSuffix(host, "."+name)
	}
	return host == name
}

// refused is the answer to what a policy does not allow.
func refused(field, code, message string) error {
	return &engage.Error{
		Code: engage.Invalid, Op: "netguard",
		Fields: []engage.FieldError{{Path: field, Code: code, Message: message}},
	}
}

// refusedAddress is the one answer for names that resolve to what is refused and
// for names that do not resolve, so that neither tells a tenant what names a
// private network has.
func refusedAddress() error {
	return refused("host", "refused_address", "it has no address that may be reached")
}
