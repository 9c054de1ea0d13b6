package netguard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"

	"github.com/go-engage/engage"
)

// Client answers an HTTP client that reaches what the policy allows: without
// cookies and without the environment's proxy, over HTTP/1.1 and HTTP/2, with a
// deadline over the whole exchange. Redirects are followed as far as
// MaxRedirects goes and pass every check anew; one to another origin takes no
// credentials along, nor any header but those that describe the content, and no
// body. Reading a body past MaxBody answers ErrResourceExhausted.
//
// A client keeps connections; make one and share it. Its errors are *url.Error
// around those of DialContext.
func (p Policy) Client() *http.Client {
	return &http.Client{
		Transport:     p.transport(),
		CheckRedirect: p.checkRedirect,
		Timeout:       orDefault(p.Timeout, DefaultTimeout),
	}
}

// CheckURL tells whether a URL may be requested as far as can be said without
// resolving its host, so that a form can refuse what never could be reached. It
// answers nil or ErrInvalid.
func (p Policy) CheckURL(rawURL string) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		return refused("host", "invalid", "want a URL")
	}
	return p.checkURL(u)
}

func (p Policy) checkURL(u *url.URL) error {
	port := u.Port()
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !p.PlainHTTP):
		return refused("scheme", "not_allowed", "want https")
	case port == "" && u.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	_, err := p.target(net.JoinHostPort(u.Hostname(), port), p.webPorts())
	return err
}

func (p Policy) transport() http.RoundTripper {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if p.TLS != nil {
		config = p.TLS.Clone()
		config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
		config.InsecureSkipVerify = false
	}
	return &guarded{policy: p, next: &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return p.dial(ctx, network, addr, p.webPorts())
		},
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    tlsTimeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           maxIdleConns,
		MaxIdleConnsPerHost:    maxIdlePerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: orDefault(p.MaxHeader, DefaultMaxHeader),
	}}
}

// guarded is a transport whose every request, the redirected ones too, passes
// the policy, and whose bodies end.
type guarded struct {
	policy Policy
	next   *http.Transport
}

// RoundTrip is http.RoundTripper's.
func (g *guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.policy.checkURL(r.URL); err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	response, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, tripError(r, err)
	}
	limit := orDefault(g.policy.MaxBody, DefaultMaxBody)
	response.Body = &cappedBody{host: r.URL.Hostname(), limit: limit, left: limit, body: response.Body}
	return response, nil
}

// CloseIdleConnections is what http.Client.CloseIdleConnections calls.
func (g *guarded) CloseIdleConnections() { g.next.CloseIdleConnections() }

func tripError(r *http.Request, err error) error {
	if _, ok := errors.AsType[*engage.Error](err); ok {
		return err
	}
	if ended := r.Context().Err(); ended != nil {
		return ended
	}
	return unavailable(r.URL.Hostname(), withoutAddresses(err))
}

// cappedBody is a body that may be read up to a limit.
type cappedBody struct {
	host        string
	limit, left int64
	body        io.ReadCloser
}

// Read answers ErrResourceExhausted when there is more than the limit.
func (b *cappedBody) Read(buf []byte) (int, error) {
	if b.left < 0 {
		return 0, b.tooLarge()
	}
	// One byte more than is left tells a body that ends at the limit from one
	// that goes on.
	if int64(len(buf)) > b.left+1 {
		buf = buf[:b.left+1]
	}
	n, err := b.body.Read(buf)
	b.left -= int64(n)
	switch {
	case b.left < 0:
		return n - 1, b.tooLarge()
	case err != nil && err != io.EOF:
		return n, unavailable(b.host, withoutAddresses(err))
	default:
		return n, err
	}
}

// Close closes the body.
func (b *cappedBody) Close() error { return b.body.Close() }

func (b *cappedBody) tooLarge() error {
	return &engage.Error{
		Code: engage.ResourceExhausted, Op: "netguard", Entity: "host " + b.host,
		Err: fmt.Errorf("the body is larger than %d bytes", b.limit),
	}
}

// checkRedirect is http.Client's: it decides on each redirect and strips the
// next request.
func (p Policy) checkRedirect(next *http.Request, via []*http.Request) error {
	if p.MaxRedirects == 0 {
		return http.ErrUseLastResponse
	}
	if len(via) > p.MaxRedirects {
		return refused("host", "redirects", fmt.Sprintf("it redirects more than %d times", p.MaxRedirects))
	}
	// The standard library compares host names alone and keeps credentials for
	// other ports, for plain HTTP and for every subdomain. Once a chain has left
	// its origin nothing is given back to it, for another led it there.
	first := origin(via[0].URL)
	left := origin(next.URL) != first || slices.ContainsFunc(via, func(r *http.Request) bool { return origin(r.URL) != first })
	if !left {
		return nil
	}
	if next.Body != nil && next.Body != http.NoBody {
		return refused("host", "redirects", "it redirects a body to another origin")
	}
	for name := range next.Header {
		if !slices.Contains(travelling, name) {
			next.Header.Del(name)
		}
	}
	return nil
}

// travelling are the header fields that follow a redirect to another origin:
// they say what is wanted, not who asks.
var travelling = []string{
	"Accept", "Accept-Language", "Content-Type", "If-Modified-Since", "If-None-Match", "Range", "User-Agent",
}

// origin is what RFC 6454 calls one: scheme, host and port.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	host, err := canonicalHost(u.Hostname())
	if err != nil {
		host = u.Hostname()
	}
	return u.Scheme + "://" + net.JoinHostPort(host, port)
}
