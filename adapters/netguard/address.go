package netguard

import "net/netip"

// class is what kind of address an address is.
type class string

// The classes. Only public addresses are reached without more.
const (
	public        class = "public"
	unspecified   class = "unspecified" // "this network", which many systems take for themselves
	loopback      class = "loopback"
	private       class = "private"
	shared        class = "shared" // carrier-grade NAT
	uniqueLocal   class = "unique_local"
	linkLocal     class = "link_local"
	metadata      class = "metadata" // where clouds serve a machine's credentials
	protocol      class = "protocol" // IETF protocol assignments
	documentation class = "documentation"
	benchmarking  class = "benchmarking"
	relay         class = "6to4" // and the anycast address of its relays
	teredo        class = "teredo"
	nat64         class = "nat64"
	embedded      class = "embedded" // IPv4-mapped, -compatible and -translated
	siteLocal     class = "site_local"
	discard       class = "discard_only"
	multicast     class = "multicast"
	broadcast     class = "broadcast"
	reserved      class = "reserved"
)

// internal reports whether Policy.Private opens the class.
func (c class) internal() bool {
	return c == loopback || c == private || c == shared || c == uniqueLocal
}

// special are the ranges that are not public; the first match counts. Sources are
// the IANA registries of special-purpose addresses for IPv4 and IPv6, and the
// documents of the clouds.
var special = []struct {
	prefix netip.Prefix
	class  class
}{
	{netip.MustParsePrefix("169.254.169.254/32"), metadata}, // AWS, Google Cloud, Azure, Oracle, DigitalOcean
	{netip.MustParsePrefix("169.254.170.2/32"), metadata},   // containers of AWS
	{netip.MustParsePrefix("100.100.100.200/32"), metadata}, // Alibaba Cloud
	{netip.MustParsePrefix("168.63.129.16/32"), metadata},   // the host below Azure's machines
	{netip.MustParsePrefix("fd00:ec2::/32"), metadata},      // AWS
	{netip.MustParsePrefix("fd20:ce::254/128"), metadata},   // Google Cloud

	{netip.MustParsePrefix("0.0.0.0/8"), unspecified},
	{netip.MustParsePrefix("10.0.0.0/8"), private},
	{netip.MustParsePrefix("100.64.0.0/10"), shared},
	{netip.MustParsePrefix("127.0.0.0/8"), loopback},
	{netip.MustParsePrefix("169.254.0.0/16"), linkLocal},
	{netip.MustParsePrefix("172.16.0.0/12"), private},
	{netip.MustParsePrefix("192.0.0.0/24"), protocol},
	{netip.MustParsePrefix("192.0.2.0/24"), documentation},
	{netip.MustParsePrefix("192.88.99.0/24"), relay},
	{netip.MustParsePrefix("192.168.0.0/16"), private},
	{netip.MustParsePrefix("198.18.0.0/15"), benchmarking},
	{netip.MustParsePrefix("198.51.100.0/24"), documentation},
	{netip.MustParsePrefix("203.0.113.0/24"), documentation},
	{netip.MustParsePrefix("224.0.0.0/4"), multicast},
	{netip.MustParsePrefix("255.255.255.255/32"), broadcast},
	{netip.MustParsePrefix("240.0.0.0/4"), reserved},

	{netip.MustParsePrefix("::/128"), unspecified},
	{netip.MustParsePrefix("::1/128"), loopback},
	{netip.MustParsePrefix("::/96"), embedded},
	{netip.MustParsePrefix("::ffff:0:0:0/96"), embedded},
	{netip.MustParsePrefix("64:ff9b::/96"), nat64},
	{netip.MustParsePrefix("64:ff9b:1::/48"), nat64},
	{netip.MustParsePrefix("100::/64"), discard},
	{netip.MustParsePrefix("2001::/32"), teredo},
	{netip.MustParsePrefix("2001:2::/48"), benchmarking},
	{netip.MustParsePrefix("2001::/23"), protocol},
	{netip.MustParsePrefix("2001:db8::/32"), documentation},
	{netip.MustParsePrefix("2002::/16"), relay},
	{netip.MustParsePrefix("3fff::/20"), documentation},
	{netip.MustParsePrefix("fc00::/7"), uniqueLocal},
	{netip.MustParsePrefix("fe80::/10"), linkLocal},
	{netip.MustParsePrefix("fec0::/10"), siteLocal},
	{netip.MustParsePrefix("ff00::/8"), multicast},
}

// globalUnicast is all that is handed out of IPv6 so far; what lies outside is
// reserved.
var globalUnicast = netip.MustParsePrefix("2000::/3")

// classify answers the class of an address. An IPv4 address within an IPv6 one
// (::ffff:0:0/96) is unmapped by the caller, as the kernel does.
func classify(ip netip.Addr) class {
	for _, r := range special {
		if r.prefix.Contains(ip) {
			return r.class
		}
	}
	if ip.Is4() || globalUnicast.Contains(ip) {
		return public
	}
	return reserved
}
