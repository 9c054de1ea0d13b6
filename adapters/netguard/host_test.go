package netguard

import (
	"net/netip"
	"strings"
	"testing"
)

// FuzzCanonicalHost holds every host that passes to one spelling, which nothing
// can take for another address than it is.
func FuzzCanonicalHost(f *testing.F) {
	for _, host := range []string{"example.com", "EXAMPLE.com.", "127.0.0.1", "0x7f.1", "2130706433", "::ffff:127.0.0.1", "１２７。０。０。１", "bücher.example", "a_b.example", "::1%eth0"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		canonical, err := canonicalHost(host)
		if err != nil {
			return
		}
		if again, err := canonicalHost(canonical); err != nil || again != canonical {
			t.Errorf("%q is %q, which is %q (%v)", host, canonical, again, err)
		}
		if ip, err := netip.ParseAddr(canonical); err == nil {
			if ip.String() != canonical || ip.Is4In6() || ip.Zone() != "" {
				t.Errorf("%q is the address %q", host, canonical)
			}
			if typed, err := netip.ParseAddr(host); err != nil || typed != ip {
				t.Errorf("%q became the address %q", host, canonical)
			}
			return
		}
		if len(canonical) > maxHostLength || strings.Trim(canonical, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
			t.Errorf("%q passes as %q", host, canonical)
		}
		last := canonical[strings.LastIndexByte(canonical, '.')+1:]
		if strings.Trim(last, "0123456789") == "" {
			t.Errorf("%q ends in a number", canonical)
		}
	})
}

func TestNamesOfTenantsAreLookedUpFromTheRoot(t *testing.T) {
	t.Parallel()
	policy := Policy{Private: []string{"relay"}}
	for addr, want := range map[string]string{
		"relay:25": "relay", "internal:25": "internal.", "example.com.:25": "example.com.", "93.184.216.34:25": "93.184.216.34",
	} {
		to, err := policy.target(addr, policy.dialPorts())
		if err != nil || to.lookup() != want {
			t.Errorf("%s: the resolver is asked for %q (%v), want %q", addr, to.lookup(), err, want)
		}
	}
}
