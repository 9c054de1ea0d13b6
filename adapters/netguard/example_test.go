package netguard_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/netguard"
)

// What a tenant typed is checked when it is saved, as far as that goes without
// resolving names; the address itself is checked whenever it is connected to.
func ExamplePolicy_CheckURL() {
	var policy netguard.Policy // the strictest
	for _, typed := range []string{
		"https://hooks.example.com/in",
		"http://hooks.example.com/in",
		"https://hooks.example.com:8443/in",
		"https://169.254.169.254/latest/meta-data",
		"https://0x7f.1/admin",
	} {
		err := policy.CheckURL(typed)
		fmt.Println(typed, engage.FieldsOf(err))
	}
	// Output:
	// https://hooks.example.com/in []
	// http://hooks.example.com/in [scheme: want https]
	// https://hooks.example.com:8443/in [port: the port is not among those allowed]
	// https://169.254.169.254/latest/meta-data [host: it has no address that may be reached]
	// https://0x7f.1/admin [host: it has no address that may be reached]
}

// A host opens what is its own by name, and bounds what comes back.
func ExamplePolicy_Client() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("a feed that never ends ", 1000))
	}))
	defer server.Close()

	policy := netguard.Policy{
		Private:   []string{strings.TrimPrefix(server.URL, "http://")}, // 127.0.0.1 on this port
		PlainHTTP: true,
		MaxBody:   1024,
	}
	client := policy.Client()
	defer client.CloseIdleConnections()
	response, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	fmt.Println(len(body), engage.CodeOf(err))
	// Output: 1024 resource_exhausted
}

// Protocols other than HTTP take DialContext where they take a dial function.
func ExamplePolicy_DialContext() {
	policy := netguard.Policy{Private: []string{"relay.internal:2525"}}
	_, err := policy.DialContext(context.Background(), "tcp", "127.0.0.1:25")
	fmt.Println(err)
	// Output: netguard: invalid; host: it has no address that may be reached
}
