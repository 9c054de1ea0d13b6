package netguard_test

import (
	"crypto/tls"
	"io"
	"log"
	"net/netip"
	"strings"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/netguard"
)

func discard() *log.Logger { return log.New(io.Discard, "", 0) }

func TestPolicy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		policy  netguard.Policy
		addr    string
		refused string // the field at fault; "" passes
	}{
		{"the zero value reaches HTTPS", netguard.Policy{}, "example.com:443", ""},
		{"and mail", netguard.Policy{}, "mx.example.com:25", ""},
		{"and public addresses", netguard.Policy{}, "93.184.216.34:443", ""},
		{"of both families", netguard.Policy{}, "[2606:4700::1]:993", ""},
		{"but not plain HTTP", netguard.Policy{}, "example.com:80", "port"},
		{"nor other ports", netguard.Policy{}, "example.com:6379", "port"},
		{"nor services by name", netguard.Policy{}, "example.com:https", "port"},
		{"PlainHTTP opens its port", netguard.Policy{PlainHTTP: true}, "example.com:80", ""},
		{"Ports take the place of the standard ones", netguard.Policy{Ports: []uint16{8443}}, "example.com:443", "port"},
		{"and are open", netguard.Policy{Ports: []uint16{8443}}, "example.com:8443", ""},
		{"Hosts close all others", netguard.Policy{Hosts: []string{"api.example.com"}}, "example.com:443", "host"},
		{"a host is compared whole", netguard.Policy{Hosts: []string{"example.com"}}, "badexample.com:443", "host"},
		{"and without case", netguard.Policy{Hosts: []string{"Example.com"}}, "EXAMPLE.com.:443", ""},
		{"and in one alphabet", netguard.Policy{Hosts: []string{"bücher.example"}}, "xn--bcher-kva.example:443", ""},
		{"a suffix names what is below it", netguard.Policy{Hosts: []string{"*.example.com"}}, "a.b.example.com:443", ""},
		{"but not itself", netguard.Policy{Hosts: []string{"*.example.com"}}, "example.com:443", "host"},
		{"nor what ends alike", netguard.Policy{Hosts: []string{"*.example.com"}}, "a.badexample.com:443", "host"},
		{"a broken pattern names nothing", netguard.Policy{Hosts: []string{"*"}}, "example.com:443", "host"},
		{"Private opens an address that is named", netguard.Policy{Private: []string{"10.1.2.3"}}, "10.1.2.3:25", ""},
		{"and no other", netguard.Policy{Private: []string{"10.1.2.3"}}, "10.1.2.4:25", "host"},
		{"on the ports of the policy", netguard.Policy{Private: []string{"10.1.2.3"}}, "10.1.2.3:26", "port"},
		{"or on the port it names", netguard.Policy{Private: []string{"10.1.2.3:26"}}, "10.1.2.3:26", ""},
		{"and then on no other", netguard.Policy{Private: []string{"10.1.2.3:26"}}, "10.1.2.3:25", "host"},
		{"of both families", netguard.Policy{Private: []string{"[fd00::1]:26"}}, "[fd00::1]:26", ""},
		{"without brackets", netguard.Policy{Private: []string{"::1"}}, "[::1]:25", ""},
		{"Private hosts need not be among Hosts", netguard.Policy{Hosts: []string{"example.com"}, Private: []string{"relay.internal"}}, "relay.internal:25", ""},
		{"Private opens no credentials of a cloud", netguard.Policy{Private: []string{"169.254.169.254"}, PlainHTTP: true}, "169.254.169.254:80", "host"},
		{"in no network", netguard.Policy{Private: []string{"fd00:ec2::254"}, PlainHTTP: true}, "[fd00:ec2::254]:80", "host"},
		{"nor multicast", netguard.Policy{Private: []string{"224.0.0.1"}}, "224.0.0.1:25", "host"},
		{"Deny closes public addresses", netguard.Policy{Deny: []netip.Prefix{netip.MustParsePrefix("93.184.0.0/16")}}, "93.184.216.34:443", "host"},
		{"and private ones", netguard.Policy{Private: []string{"10.1.2.3"}, Deny: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, "10.1.2.3:25", "host"},
		{"an address without a port is none", netguard.Policy{}, "example.com", "host"},
		{"an empty host is none", netguard.Policy{}, ":25", "host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := c.policy.CheckAddr(c.addr)
			fields := engage.FieldsOf(err)
			switch {
			case c.refused == "" && err != nil:
				t.Errorf("%s: %v", c.addr, err)
			case c.refused != "" && (engage.CodeOf(err) != engage.Invalid || len(fields) != 1 || fields[0].Path != c.refused):
				t.Errorf("%s: got %v, want a fault of %s", c.addr, err, c.refused)
			}
		})
	}
}

func TestPolicyKeepsHTTPFromMailPorts(t *testing.T) {
	t.Parallel()
	var policy netguard.Policy
	for _, port := range []string{"25", "143", "465", "587", "993", "2525"} {
		if err := policy.CheckAddr("example.com:" + port); err != nil {
			t.Errorf("port %s: %v", port, err)
		}
		requireField(t, policy.CheckURL("https://example.com:"+port), "port", "not_allowed")
	}
}

func TestDialContextDialsTCPAlone(t *testing.T) {
	t.Parallel()
	var policy netguard.Policy
	for _, network := range []string{"udp", "unix", "ip4:icmp", ""} {
		_, err := policy.DialContext(t.Context(), network, "example.com:443")
		requireField(t, err, "network", "not_allowed")
	}
}

func TestValidateReportsEveryFaultAtOnce(t *testing.T) {
	t.Parallel()
	err := netguard.Policy{
		Hosts: []string{"ok.example", "not a host", "*"}, Private: []string{"relay:port", "10.0.0.0/8", "*.internal:25"},
		Deny: []netip.Prefix{{}}, Ports: []uint16{443, 0}, MaxRedirects: -1, DialTimeout: -1, Timeout: -1, MaxBody: -1, MaxHeader: -1,
		TLS: &tls.Config{InsecureSkipVerify: true},
	}.Validate()
	var paths []string
	for _, f := range engage.FieldsOf(err) {
		paths = append(paths, f.Path)
	}
	want := "hosts[1] hosts[2] private[0] private[1] deny[0] ports max_redirects dial_timeout timeout max_body max_header tls.insecure_skip_verify"
	if got := strings.Join(paths, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if err := (netguard.Policy{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
}
