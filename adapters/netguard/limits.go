package netguard

import "time"

// Defaults of a Policy's limits.
const (
	// DefaultDialTimeout is for name resolution and TCP: a host that takes
	// longer is down.
	DefaultDialTimeout = 10 * time.Second
	// DefaultTimeout is for a whole HTTP exchange, redirects and the reading of
	// the body included: what Standard Webhooks asks of a sender at most.
	DefaultTimeout = 30 * time.Second
	// DefaultMaxBody is for a response's body after decompression, in bytes: a
	// feed of 40,000 items stays below it.
	DefaultMaxBody = 10 << 20
	// DefaultMaxHeader is for a response's header, in bytes: eight times what
	// common servers send at most.
	DefaultMaxHeader = 64 << 10
)

// Ports that a Policy without Ports opens.
const (
	portHTTP  = 80
	portHTTPS = 443
)

// mailPorts are SMTP (25, 465, 587, and 2525, which providers offer where 25 is
// blocked) and IMAP (143, 993). HTTP never reaches them.
func mailPorts() []uint16 { return []uint16{25, 143, 465, 587, 993, 2525} }

const (
	maxHostLength  = 253 // RFC 1035 §2.3.4, without the root's dot
	maxLabelLength = 63
	tlsTimeout     = 10 * time.Second
	idleTimeout    = 30 * time.Second
	maxIdleConns   = 64 // over all hosts: a connection costs about 64 KiB with TLS
	maxIdlePerHost = 4
)
