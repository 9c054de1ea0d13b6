package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"

	"github.com/go-engage/engage/adapters/netguard"
)

// startNetguard measures fetching 8 KiB over a kept connection to the loopback,
// which the policy opens; connected makes a connection for each.
func startNetguard(connected bool) func(ctx context.Context, store, dsn string) (sides, error) {
	return func(context.Context, string, string) (sides, error) {
		page := bytes.Repeat([]byte("x"), 8<<10)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) }))
		policy := netguard.Policy{Private: []string{server.Listener.Addr().String()}, PlainHTTP: true}
		plain, guarded := floorClient(), policy.Client()
		fetch := func(client *http.Client) func(context.Context, int) error {
			return func(ctx context.Context, n int) error {
				for range n {
					if err := floorGet(ctx, client, server.URL); err != nil {
						return err
					}
					if connected {
						client.CloseIdleConnections()
					}
				}
				return nil
			}
		}
		return sides{
			floor: fetch(plain), ours: fetch(guarded),
			close: func() error {
				plain.CloseIdleConnections()
				guarded.CloseIdleConnections()
				server.Close()
				return nil
			},
		}, nil
	}
}
