// Package netguard is the only dialer for hosts that a tenant can name: webhook
// targets, feeds, images, mail servers, push endpoints. Adapters import it, take
// a Policy from their host, and build their connections with it; nothing else in
// the suite dials.
//
// A Policy's zero value reaches public unicast addresses only, over HTTPS and
// the mail ports. The address is checked after resolution, at the moment of the
// connection (net.Dialer.Control), so a name that resolves to something else the
// second time gains nothing; redirects pass the same checks. What is refused is
// an engage.Error of code Invalid whose field is "host", "port" or "scheme". It
// says neither which address a name resolved to nor whether it resolved at all,
// and no error of this package holds an address: tenants could map a private
// network with them. What may pass when tried again is Unavailable.
//
//	policy := netguard.Policy{Private: []string{"relay.internal:2525"}}
//	client := policy.Client()                                // for HTTP
//	conn, err := policy.DialContext(ctx, "tcp", "mx.example:25") // for the rest
package netguard
