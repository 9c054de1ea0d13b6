package netguard

import (
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// canonicalHost is the one spelling of a host: an address as netip writes it, or
// a name in lower-case ASCII without the root's dot. Other spellings of addresses
// (octal, hexadecimal, whole numbers, IPv4 within IPv6, other scripts' digits, a
// final dot) are refused, for resolvers differ in what they make of them.
func canonicalHost(host string) (string, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Is4In6() || ip.Zone() != "" {
			return "", refusedAddress()
		}
		return ip.String(), nil
	}
	name := strings.ToLower(host)
	if strings.ContainsFunc(host, func(r rune) bool { return r > '~' }) {
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil {
			return "", badName()
		}
		name = ascii
	}
	name = strings.TrimSuffix(name, ".")
	if len(name) > maxHostLength {
		return "", badName()
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if !isLabel(label) {
			return "", badName()
		}
	}
	if isNumber(labels[len(labels)-1]) {
		return "", refusedAddress()
	}
	return name, nil
}

func badName() error { return refused("host", "invalid", "want a host name or an address") }

// isLabel reports whether a label is letters, digits, hyphens and underscores,
// which are in use although no host should have them.
func isLabel(label string) bool {
	if label == "" || len(label) > maxLabelLength || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(label, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// isNumber reports whether a final label makes a host an address for what reads
// addresses as browsers and inet_aton do (WHATWG URL, "ends in a number"). No
// top-level domain is one.
func isNumber(label string) bool {
	if digits, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}
