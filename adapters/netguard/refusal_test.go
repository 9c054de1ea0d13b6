package netguard_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/netguard"
)

// classes are addresses that no tenant may reach, by the reason.
var classes = map[string][]string{
	"unspecified":         {"0.0.0.0", "0.1.2.3", "::"},
	"loopback":            {"127.0.0.1", "127.255.255.254", "::1"},
	"private":             {"10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.0.1"},
	"carrier-grade NAT":   {"100.64.0.1", "100.127.255.254"},
	"link-local":          {"169.254.0.1", "fe80::1", "febf::1"},
	"metadata":            {"169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254"},
	"protocol assignment": {"192.0.0.1", "192.0.0.192", "2001:1::1", "2001:20::1"},
	"documentation":       {"192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"},
	"benchmarking":        {"198.18.0.1", "198.19.255.254", "2001:2::1"},
	"6to4":                {"192.88.99.1", "2002:7f00:1::1", "2002:808:808::1"},
	"Teredo":              {"2001::1", "2001:0:7f00:1::1"},
	"NAT64":               {"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1"},
	"embedded IPv4":       {"::127.0.0.1", "::ffff:0:7f00:1", "::8.8.8.8"},
	"unique local":        {"fc00::1", "fdff::1"},
	"site-local":          {"fec0::1", "feff::1"},
	"discard-only":        {"100::1"},
	"multicast":           {"224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"},
	"broadcast":           {"255.255.255.255"},
	"reserved":            {"240.0.0.1", "255.255.255.254", "4000::1", "5f00::1", "fe00::1"},
}

// spellings are ways to write an address.
func spellings(t *testing.T, text string) map[string]string {
	t.Helper()
	ip := netip.MustParseAddr(text)
	if ip.Is6() {
		return map[string]string{
			"plain":        text,
			"expanded":     ip.StringExpanded(),
			"capitals":     strings.ToUpper(text),
			"dotted tail":  netip.AddrFrom16(ip.As16()).WithZone("").StringExpanded()[:30] + fmt.Sprintf("%d.%d.%d.%d", ip.As16()[12], ip.As16()[13], ip.As16()[14], ip.As16()[15]),
			"zone":         text + "%eth0",
			"brackets":     "[" + text + "]",
			"wide letters": wide(text),
		}
	}
	b := ip.As4()
	number := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	return map[string]string{
		"plain":            text,
		"octal":            fmt.Sprintf("0%o.0%o.0%o.0%o", b[0], b[1], b[2], b[3]),
		"padded octal":     fmt.Sprintf("%05o.%05o.%05o.%05o", b[0], b[1], b[2], b[3]),
		"hexadecimal":      fmt.Sprintf("0x%x.0x%x.0x%x.0x%x", b[0], b[1], b[2], b[3]),
		"capital hex":      fmt.Sprintf("0X%X.0X%X.0X%X.0X%X", b[0], b[1], b[2], b[3]),
		"whole":            fmt.Sprint(number),
		"whole hex":        fmt.Sprintf("0x%x", number),
		"whole octal":      fmt.Sprintf("0%o", number),
		"two parts":        fmt.Sprintf("%d.%d", b[0], number&0xffffff),
		"mapped":           "::ffff:" + text,
		"mapped hex":       fmt.Sprintf("::ffff:%x:%x", number>>16, number&0xffff),
		"trailing dot":     text + ".",
		"two dots":         text + "..",
		"wide digits":      wide(text),
		"ideographic dots": strings.ReplaceAll(text, ".", "。"),
		"circled":          strings.NewReplacer("1", "①", "2", "②", "3", "③", "4", "④", "5", "⑤", "6", "⑥", "7", "⑦", "8", "⑧", "9", "⑨").Replace(text),
		"soft hyphen":      text[:1] + "\u00ad" + text[1:],
		"leading space":    " " + text,
		"NUL":              text + "\x00.example.com",
	}
}

// wide writes ASCII in full-width forms, which IDNA maps back.
func wide(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r + 0xfee0
		}
		return r
	}, text)
}

// door is a way into the package.
type door struct {
	name string
	try  func(host string) error
}

func bracketed(host string) string {
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		return "[" + strings.ReplaceAll(host, "%", "%25") + "]"
	}
	return host
}

func TestNoSpellingOfASpecialAddressIsReachedThroughAnyDoor(t *testing.T) {
	t.Parallel()
	target := ""
	redirecting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Location"] = []string{target}
		w.WriteHeader(http.StatusFound)
	}))
	defer redirecting.Close()
	port := []uint16{443, 80, 25}
	strict := netguard.Policy{PlainHTTP: true, Ports: port, Resolver: startNameServer(t).resolver()}
	follows := strict
	follows.MaxRedirects = 5
	follows.Private = []string{strings.TrimPrefix(redirecting.URL, "http://")}
	client, following := strict.Client(), follows.Client()
	defer following.CloseIdleConnections()
	get := func(c *http.Client, address string) error {
		response, err := c.Get(address)
		if err == nil {
			_ = response.Body.Close()
		}
		return err
	}
	doors := []door{
		{"CheckAddr", func(host string) error { return strict.CheckAddr(net.JoinHostPort(host, "25")) }},
		{"CheckURL", func(host string) error { return strict.CheckURL("https://" + bracketed(host) + "/x") }},
		{"DialContext", func(host string) error {
			_, err := strict.DialContext(t.Context(), "tcp", net.JoinHostPort(host, "25"))
			return err
		}},
		{"Client", func(host string) error { return get(client, "http://"+bracketed(host)+"/x") }},
		{"a redirect", func(host string) error {
			target = "http://" + bracketed(host) + "/x"
			return get(following, redirecting.URL)
		}},
	}
	tried := 0
	for class, addresses := range classes {
		for _, address := range addresses {
			for spelling, host := range spellings(t, address) {
				for _, door := range doors {
					tried++
					err := door.try(host)
					switch {
					case err == nil:
						t.Errorf("%s of a %s address (%q) passes %s", spelling, class, host, door.name)
					case !errors.Is(err, engage.ErrInvalid) && !isNoURL(err):
						t.Errorf("%s of a %s address (%q) is refused by %s with %v, want ErrInvalid", spelling, class, host, door.name, err)
					}
				}
			}
		}
	}
	t.Logf("%d attempts", tried)
	if tried < 1200 {
		t.Errorf("only %d attempts", tried)
	}
}

// isNoURL reports whether package http itself could not read the URL.
func isNoURL(err error) bool {
	parsing, ok := errors.AsType[*url.Error](err)
	return ok && (parsing.Op == "parse" || strings.Contains(err.Error(), "failed to parse Location") ||
		strings.Contains(err.Error(), "malformed MIME header line"))
}

func TestANameIsAsGoodAsTheAddressItIsConnectedTo(t *testing.T) {
	t.Parallel()
	names := startNameServer(t)
	policy := netguard.Policy{PlainHTTP: true, Ports: []uint16{80}, Resolver: names.resolver()}
	client := policy.Client()
	tried := 0
	for class, addresses := range classes {
		for i, address := range addresses {
			name := fmt.Sprintf("n%d.%x.test", i, class)
			for _, resolved := range []string{address, "::ffff:" + address} {
				if strings.Contains(address, ":") && resolved != address {
					continue // only IPv4 is mapped
				}
				names.set(name, at(resolved))
				_, err := policy.DialContext(t.Context(), "tcp", name+":80")
				requireRefusedAddress(t, err, address)
				response, err := client.Get("http://" + name)
				if err == nil {
					_ = response.Body.Close()
				}
				requireRefusedAddress(t, err, address)
				tried += 2
			}
		}
	}
	t.Logf("%d attempts", tried)
}

// requireRefusedAddress wants the one answer that tells nothing.
func requireRefusedAddress(t *testing.T, err error, address string) {
	t.Helper()
	fields := engage.FieldsOf(err)
	if !errors.Is(err, engage.ErrInvalid) || len(fields) != 1 || fields[0].Path != "host" || fields[0].Code != "refused_address" {
		t.Errorf("%s: got %v, want a refused address", address, err)
		return
	}
	if strings.Contains(err.Error(), address) {
		t.Errorf("the error names %s: %v", address, err)
	}
}

func TestANameThatIsRebound(t *testing.T) { //nolint:tparallel // its cases share a name server
	t.Parallel()
	names := startNameServer(t)
	reached := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	number := netip.MustParseAddrPort(server.Listener.Addr().String()).Port()
	policy := netguard.Policy{PlainHTTP: true, Ports: []uint16{number}, MaxRedirects: 3, Resolver: names.resolver()}

	t.Run("after a check by a lookup is refused at the connection", func(t *testing.T) {
		names.set("rebind.test", at("93.184.216.34"), at("127.0.0.1"))
		checked, err := policy.Resolver.LookupNetIP(t.Context(), "ip", "rebind.test.")
		if err != nil || len(checked) != 1 || checked[0].IsLoopback() {
			t.Fatalf("the first answer is %v, %v", checked, err)
		}
		_, err = policy.DialContext(t.Context(), "tcp", "rebind.test:"+port)
		requireRefusedAddress(t, err, "127.0.0.1")
		if got := names.lookups("rebind.test"); got != 2 {
			t.Errorf("the name was looked up %d times, want 2", got)
		}
	})
	t.Run("between two requests is refused at the second", func(t *testing.T) {
		open := policy
		open.Private = []string{"first.test"}
		names.set("first.test", at("127.0.0.1"), at("169.254.169.254"))
		client := open.Client()
		response, err := client.Get("http://first.test:" + port)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		client.CloseIdleConnections()
		_, err = client.Get("http://first.test:" + port) //nolint:bodyclose // it fails
		requireRefusedAddress(t, err, "169.254.169.254")
	})
	t.Run("with several addresses of which none may be reached", func(t *testing.T) {
		names.set("many.test", at("127.0.0.1", "10.0.0.1", "::1", "fd00::1"))
		_, err := policy.DialContext(t.Context(), "tcp", "many.test:"+port)
		requireRefusedAddress(t, err, "127.0.0.1")
	})
	if reached != 1 {
		t.Errorf("the server was reached %d times, want once", reached)
	}
}

func TestAnswersOfTheNameServer(t *testing.T) { //nolint:tparallel // its cases share a name server
	t.Parallel()
	names := startNameServer(t)
	names.set("internal.test", at("10.1.2.3"))
	names.set("broken.test", answer{failure: dnsmessage.RCodeServerFailure})
	names.set("empty.test", answer{})
	policy := netguard.Policy{Resolver: names.resolver()}
	dial := func(name string) error {
		_, err := policy.DialContext(t.Context(), "tcp", name+":25")
		return err
	}
	t.Run("a name that does not exist answers as one that is internal does", func(t *testing.T) {
		internal, missing, empty := dial("internal.test"), dial("missing.test"), dial("empty.test")
		if internal == nil || internal.Error() != missing.Error() || internal.Error() != empty.Error() {
			t.Errorf("they differ: %v; %v; %v", internal, missing, empty)
		}
	})
	t.Run("a name server that fails is worth another try", func(t *testing.T) {
		err := dial("broken.test")
		if engage.CodeOf(err) != engage.Unavailable {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
		if strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("the error names the name server: %v", err)
		}
	})
	t.Run("a caller who leaves gets the context's error", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := policy.DialContext(ctx, "tcp", "internal.test:25"); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the context's error", err)
		}
	})
}
