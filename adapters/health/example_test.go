package health_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/go-engage/engage/adapters/health"
)

func Example() {
	probes := health.New(nil, health.Check{Name: "database", Run: func(context.Context) error { return errors.New("down") }})
	routes := http.NewServeMux()
	routes.Handle("/internal/", http.StripPrefix("/internal", probes))
	for _, path := range []string{"/internal/healthz", "/internal/readyz"} {
		w := httptest.NewRecorder()
		routes.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 200 {"status":"ok"}
	// 503 {"status":"unavailable","checks":{"database":"failed"}}
}
