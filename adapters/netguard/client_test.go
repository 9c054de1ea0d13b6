package netguard_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/netguard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts an HTTP server and answers a policy that reaches it, and its
// "host:port".
func serve(t *testing.T, handler http.HandlerFunc) (netguard.Policy, string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	addr := server.Listener.Addr().String()
	return netguard.Policy{Private: []string{addr}, PlainHTTP: true}, addr
}

// client is the policy's client, whose connections end with the test.
func client(t *testing.T, p netguard.Policy) *http.Client {
	t.Helper()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	c := p.Client()
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// read sends a request and answers status and body.
func read(c *http.Client, r *http.Request) (status int, body string, err error) {
	response, err := c.Do(r)
	if err != nil {
		return 0, "", err
	}
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(content), errors.Join(err, response.Body.Close())
}

func get(t *testing.T, target string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func requireField(t *testing.T, err error, path, code string) {
	t.Helper()
	fields := engage.FieldsOf(err)
	if !errors.Is(err, engage.ErrInvalid) || len(fields) != 1 || fields[0].Path != path || fields[0].Code != code {
		t.Errorf("got %v, want ErrInvalid for %s: %s", err, path, code)
	}
}

func TestClientCaps(t *testing.T) {
	t.Parallel()
	t.Run("a body that ends at the limit is read whole", func(t *testing.T) {
		t.Parallel()
		policy, addr := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 1000)) })
		policy.MaxBody = 1000
		_, body, err := read(client(t, policy), get(t, "http://"+addr))
		if err != nil || len(body) != 1000 {
			t.Errorf("got %d bytes and %v", len(body), err)
		}
	})
	t.Run("a body past the limit answers ErrResourceExhausted after the limit", func(t *testing.T) {
		t.Parallel()
		policy, addr := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 1001)) })
		policy.MaxBody = 1000
		_, body, err := read(client(t, policy), get(t, "http://"+addr))
		if !errors.Is(err, engage.ErrResourceExhausted) || len(body) != 1000 {
			t.Errorf("got %d bytes and %v", len(body), err)
		}
	})
	t.Run("a compressed body counts as what it unpacks to", func(t *testing.T) {
		t.Parallel()
		var bomb bytes.Buffer
		zip := gzip.NewWriter(&bomb)
		_, _ = zip.Write(make([]byte, 1<<20))
		_ = zip.Close()
		policy, addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		})
		policy.MaxBody = 64 << 10
		if int64(bomb.Len()) >= policy.MaxBody {
			t.Fatalf("the bomb has %d bytes", bomb.Len())
		}
		_, body, err := read(client(t, policy), get(t, "http://"+addr))
		if !errors.Is(err, engage.ErrResourceExhausted) || int64(len(body)) != policy.MaxBody {
			t.Errorf("got %d bytes and %v", len(body), err)
		}
	})
	t.Run("a header past the limit fails", func(t *testing.T) {
		t.Parallel()
		policy, addr := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 8<<10)) })
		if _, _, err := read(client(t, policy), get(t, "http://"+addr)); err != nil {
			t.Fatalf("below the limit: %v", err)
		}
		policy.MaxHeader = 4 << 10
		_, _, err := read(client(t, policy), get(t, "http://"+addr))
		if engage.CodeOf(err) != engage.Unavailable {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
	})
	t.Run("the deadline covers a body that trickles", func(t *testing.T) {
		t.Parallel()
		policy, addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		policy.Timeout = 50 * time.Millisecond
		_, _, err := read(client(t, policy), get(t, "http://"+addr))
		if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
			t.Errorf("got %v, want a timeout", err)
		}
	})
	t.Run("the deadline covers a server that never answers", func(t *testing.T) {
		t.Parallel()
		policy, addr := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		policy.Timeout = 50 * time.Millisecond
		_, _, err := read(client(t, policy), get(t, "http://"+addr))
		if !errors.Is(err, context.DeadlineExceeded) || engage.CodeOf(err) != engage.Unavailable {
			t.Errorf("got %v, want a timeout", err)
		}
	})
	t.Run("a caller who leaves gets the context's error", func(t *testing.T) {
		t.Parallel()
		entered := make(chan struct{})
		policy, addr := serve(t, func(_ http.ResponseWriter, r *http.Request) { close(entered); <-r.Context().Done() })
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-entered; cancel() }()
		_, _, err := read(client(t, policy), get(t, "http://"+addr).WithContext(ctx))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the context's error", err)
		}
	})
	t.Run("a connection that breaks is worth another try, and its error holds no address", func(t *testing.T) {
		t.Parallel()
		policy, addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		_, _, err := read(client(t, policy), get(t, "http://"+addr))
		if engage.CodeOf(err) != engage.Unavailable {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
	})
}

func TestClientRedirects(t *testing.T) {
	t.Parallel()
	// A countdown redirects to itself as often as its path says.
	countdown := func(w http.ResponseWriter, r *http.Request) {
		var n int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &n)
		if n > 0 {
			http.Redirect(w, r, fmt.Sprintf("/%d", n-1), http.StatusFound)
		}
	}
	t.Run("are answered as they are without MaxRedirects", func(t *testing.T) {
		t.Parallel()
		policy, addr := serve(t, countdown)
		status, _, err := read(client(t, policy), get(t, "http://"+addr+"/1"))
		if err != nil || status != http.StatusFound {
			t.Errorf("got %d, %v", status, err)
		}
	})
	t.Run("are followed up to MaxRedirects", func(t *testing.T) {
		t.Parallel()
		policy, addr := serve(t, countdown)
		policy.MaxRedirects = 3
		status, _, err := read(client(t, policy), get(t, "http://"+addr+"/3"))
		if err != nil || status != http.StatusOK {
			t.Errorf("got %d, %v", status, err)
		}
		_, _, err = read(client(t, policy), get(t, "http://"+addr+"/4"))
		requireField(t, err, "host", "redirects")
	})
	t.Run("that lead to a special address at the end of a chain are refused there", func(t *testing.T) {
		t.Parallel()
		names := startNameServer(t)
		names.set("inside.test", at("10.0.0.1"))
		for _, end := range []string{"http://169.254.169.254/latest/meta-data", "http://inside.test/", "http://[::1]/", "http://2130706433/", "http://0x7f.1/"} {
			policy, addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/0" {
					http.Redirect(w, r, end, http.StatusFound)
					return
				}
				countdown(w, r)
			})
			policy.MaxRedirects, policy.Ports, policy.Resolver = 10, []uint16{80}, names.resolver()
			_, _, err := read(client(t, policy), get(t, "http://"+addr+"/5"))
			requireField(t, err, "host", "refused_address")
		}
	})
	t.Run("to other schemes and ports are refused", func(t *testing.T) {
		t.Parallel()
		for end, field := range map[string]string{
			"file:///etc/passwd": "scheme", "ftp://example.com/": "scheme", "gopher://example.com/": "scheme", "data:text/html,x": "scheme",
			"https://example.com:6379/": "port", "https://example.com:0/": "port", "https://example.com:65536/": "port",
		} {
			policy, addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", end)
				w.WriteHeader(http.StatusFound)
			})
			policy.MaxRedirects = 1
			_, _, err := read(client(t, policy), get(t, "http://"+addr))
			if fields := engage.FieldsOf(err); len(fields) != 1 || fields[0].Path != field {
				t.Errorf("%s: got %v, want a fault of %s", end, err, field)
			}
		}
	})
	t.Run("from HTTPS to HTTP are refused without PlainHTTP", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewTLSServer(http.RedirectHandler("http://example.com/", http.StatusFound))
		t.Cleanup(server.Close)
		policy := secure(server)
		policy.MaxRedirects = 1
		_, _, err := read(client(t, policy), get(t, server.URL))
		requireField(t, err, "scheme", "not_allowed")
	})
}

func TestClientKeepsCredentialsFromOtherOrigins(t *testing.T) { //nolint:tparallel // its cases share what the servers saw
	t.Parallel()
	secrets := map[string]string{
		"Authorization": "Bearer t0p", "Cookie": "session=t0p", "X-Api-Key": "t0p", "Webhook-Signature": "t0p", "Proxy-Authorization": "t0p",
	}
	var seen []http.Header
	note := func(_ http.ResponseWriter, r *http.Request) { seen = append(seen, r.Header.Clone()) }
	var next string
	hop := func(w http.ResponseWriter, r *http.Request) {
		note(w, r)
		if r.URL.Path == "/" {
			http.Redirect(w, r, next, http.StatusFound)
		}
	}
	a, addrA := serve(t, hop)
	b, addrB := serve(t, func(w http.ResponseWriter, r *http.Request) {
		note(w, r)
		if r.URL.Path == "/back" {
			http.Redirect(w, r, "http://"+addrA+"/end", http.StatusFound)
		}
	})
	a.Private, a.MaxRedirects = append(a.Private, b.Private...), 5
	send := func(t *testing.T, to string) http.Header {
		t.Helper()
		next, seen = to, nil
		r := get(t, "http://"+addrA+"/")
		for name, value := range secrets {
			r.Header.Set(name, value)
		}
		r.Header.Set("Accept", "text/csv")
		if _, _, err := read(client(t, a), r); err != nil {
			t.Fatal(err)
		}
		return seen[len(seen)-1]
	}
	t.Run("the same origin gets them", func(t *testing.T) {
		last := send(t, "/end")
		for name, value := range secrets {
			if last.Get(name) != value {
				t.Errorf("%s is %q", name, last.Get(name))
			}
		}
	})
	for name, to := range map[string]string{
		"another port of the same host does not":              "http://" + addrB + "/end",
		"nor does the origin that another host sends back to": "http://" + addrB + "/back",
	} {
		t.Run(name, func(t *testing.T) {
			last := send(t, to)
			if len(seen) < 2 || last.Get("Accept") != "text/csv" {
				t.Fatalf("the redirect was not followed: %v", seen)
			}
			for _, headers := range seen[1:] {
				if text := fmt.Sprint(headers); strings.Contains(text, "t0p") {
					t.Errorf("a secret travelled: %s", text)
				}
			}
		})
	}
	t.Run("a body does not travel either", func(t *testing.T) {
		policy, addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://"+addrB+"/", http.StatusTemporaryRedirect)
		})
		policy.Private, policy.MaxRedirects = append(policy.Private, b.Private...), 5
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr, strings.NewReader("personal data"))
		_, _, err := read(client(t, policy), r)
		requireField(t, err, "host", "redirects")
	})
}

// secure is a policy for a test server with TLS.
func secure(server *httptest.Server) netguard.Policy {
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return netguard.Policy{Private: []string{server.Listener.Addr().String()}, TLS: &tls.Config{RootCAs: roots}}
}

func TestClientTLS(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T, change func(*httptest.Server)) *httptest.Server {
		t.Helper()
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
		server.Config.ErrorLog = discard()
		change(server)
		server.StartTLS()
		t.Cleanup(server.Close)
		return server
	}
	t.Run("HTTP/2 is spoken", func(t *testing.T) {
		t.Parallel()
		server := start(t, func(s *httptest.Server) { s.EnableHTTP2 = true })
		_, proto, err := read(client(t, secure(server)), get(t, server.URL))
		if err != nil || proto != "HTTP/2.0" {
			t.Errorf("got %q, %v", proto, err)
		}
	})
	t.Run("below 1.2 is refused, whatever the policy says", func(t *testing.T) {
		t.Parallel()
		server := start(t, func(s *httptest.Server) {
			s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
		})
		policy := secure(server)
		policy.TLS.MinVersion = tls.VersionTLS10
		if _, _, err := read(client(t, policy), get(t, server.URL)); engage.CodeOf(err) != engage.Unavailable {
			t.Errorf("got %v", err)
		}
	})
	t.Run("an unknown certificate is refused, whatever the policy says", func(t *testing.T) {
		t.Parallel()
		server := start(t, func(*httptest.Server) {})
		policy := secure(server)
		policy.TLS = &tls.Config{InsecureSkipVerify: true}
		if err := policy.Validate(); !errors.Is(err, engage.ErrInvalid) {
			t.Errorf("Validate answers %v", err)
		}
		c := policy.Client()
		t.Cleanup(c.CloseIdleConnections)
		if _, _, err := read(c, get(t, server.URL)); err == nil {
			t.Error("it was accepted")
		}
	})
}

func TestClientHasNoMemoryAndNoProxy(t *testing.T) {
	proxied := 0
	_, proxy := serve(t, func(http.ResponseWriter, *http.Request) { proxied++ })
	t.Setenv("HTTP_PROXY", "http://"+proxy)
	var cookies []string
	policy, addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cookies = append(cookies, r.Header.Get("Cookie"))
		http.SetCookie(w, &http.Cookie{Name: "tenant", Value: "a"})
	})
	names := startNameServer(t)
	names.set("shop.test", at("127.0.0.1"))
	_, port, _ := net.SplitHostPort(addr)
	policy.Private, policy.Resolver = []string{"shop.test:" + port}, names.resolver()

	// The environment's proxy is there for whoever asks for it: names other than
	// localhost would go through it.
	if through, err := http.ProxyFromEnvironment(get(t, "http://shop.test:"+port)); err != nil || through == nil {
		t.Fatalf("the environment has no proxy: %v, %v", through, err)
	}
	c := client(t, policy)
	for range 2 {
		if _, _, err := read(c, get(t, "http://shop.test:"+port)); err != nil {
			t.Fatal(err)
		}
	}
	if proxied != 0 || len(cookies) != 2 || cookies[1] != "" {
		t.Errorf("%d requests went through the proxy; the server saw the cookies %q", proxied, cookies)
	}
}

func TestErrorsOfConnectionsHoldNoAddress(t *testing.T) {
	t.Parallel()
	names := startNameServer(t)
	names.set("down.test", at("127.0.0.1"))
	gone := httptest.NewServer(http.NotFoundHandler())
	addr := netip.MustParseAddrPort(gone.Listener.Addr().String())
	gone.Close()
	policy := netguard.Policy{Private: []string{"down.test"}, Ports: []uint16{addr.Port()}, PlainHTTP: true, Resolver: names.resolver()}
	_, dialling := policy.DialContext(t.Context(), "tcp", fmt.Sprintf("down.test:%d", addr.Port()))
	_, _, requesting := read(client(t, policy), get(t, (&url.URL{Scheme: "http", Host: fmt.Sprintf("down.test:%d", addr.Port())}).String()))
	for _, err := range []error{dialling, requesting} {
		if engage.CodeOf(err) != engage.Unavailable || strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(err.Error(), "::1") {
			t.Errorf("got %v, want ErrUnavailable without an address", err)
		}
	}
}
