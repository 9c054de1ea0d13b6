package netguard

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"github.com/go-engage/engage"
)

// errRefused marks, within this package, what Control refused.
var errRefused = errors.New("refused address")

// DialContext connects to "host:port" over TCP. It has the signature of
// net.Dialer.DialContext, for whatever takes a dial function. It answers
// ErrInvalid for what the policy refuses and for names that do not exist,
// ErrUnavailable where another try may succeed, and the context's error.
func (p Policy) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return p.dial(ctx, network, addr, p.dialPorts())
}

func (p Policy) dial(ctx context.Context, network, addr string, ports []uint16) (net.Conn, error) {
	if !strings.HasPrefix(network, "tcp") {
		return nil, refused("network", "not_allowed", "only TCP is dialled")
	}
	to, err := p.target(addr, ports)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{
		Timeout:  orDefault(p.DialTimeout, DefaultDialTimeout),
		Resolver: p.Resolver,
		// The check that counts: it sees the address of each connection, after
		// resolution and before the first packet.
		Control: func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil || !p.allows(at.Addr(), to.private) {
				return errRefused
			}
			return nil
		},
	}
	conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(to.lookup(), to.port))
	if err != nil {
		return nil, dialError(ctx, to, err)
	}
	return conn, nil
}

// lookup is the host as the resolver is asked for it. The root's dot keeps the
// machine's search list away from names that tenants chose.
func (t target) lookup() string {
	if _, err := netip.ParseAddr(t.host); err == nil || t.private {
		return t.host
	}
	return t.host + "."
}

// dialError words what went wrong without an address, and without the text of
// package net, which holds them.
func dialError(ctx context.Context, to target, err error) error {
	dns, isDNS := errors.AsType[*net.DNSError](err)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errRefused), isDNS && dns.IsNotFound:
		return refusedAddress()
	case isDNS:
		return unavailable(to.host, errors.New("the name can't be resolved now"))
	default:
		return unavailable(to.host, withoutAddresses(err))
	}
}

// withoutAddresses takes the addresses that package net puts around a cause off.
func withoutAddresses(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

func unavailable(host string, cause error) error {
	return &engage.Error{Code: engage.Unavailable, Op: "netguard", Entity: "host " + host, Err: cause}
}

func orDefault[N ~int64](value, standard N) N {
	if value == 0 {
		return standard
	}
	return value
}
