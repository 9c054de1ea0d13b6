package health_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-engage/engage/adapters/health"
)

func ask(t *testing.T, h http.Handler, method, path string) (status int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestHandler(t *testing.T) {
	t.Parallel()
	works := health.Check{Name: "works", Run: func(context.Context) error { return nil }}
	down := health.Check{Name: "database", Run: func(context.Context) error { return errors.New("dial 10.0.0.7: refused") }}
	for _, c := range []struct {
		name         string
		checks       []health.Check
		method, path string
		status       int
		body         string
	}{
		{"alive whatever the checks say", []health.Check{down}, "GET", "/healthz", 200, `{"status":"ok"}`},
		{"ready without checks", nil, "GET", "/readyz", 200, `{"status":"ok"}`},
		{"ready when all checks work", []health.Check{works}, "GET", "/readyz", 200, `{"status":"ok","checks":{"works":"ok"}}`},
		{
			"not ready when one fails, and says which but not why",
			[]health.Check{works, down},
			"GET", "/readyz", 503, `{"status":"unavailable","checks":{"database":"failed","works":"ok"}}`,
		},
		{
			"not ready when one panics",
			[]health.Check{{Name: "wild", Run: func(context.Context) error { panic("!") }}},
			"GET", "/readyz", 503, `{"status":"unavailable","checks":{"wild":"failed"}}`,
		},
		{"asked with HEAD", []health.Check{down}, "HEAD", "/readyz", 503, `{"status":"unavailable","checks":{"database":"failed"}}`},
		{"never written to", nil, "POST", "/readyz", 405, "Method Not Allowed"},
		{"nothing else", nil, "GET", "/", 404, "404 page not found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, body := ask(t, health.New(nil, c.checks...), c.method, c.path)
			if status != c.status || body != c.body {
				t.Errorf("got %d %s, want %d %s", status, body, c.status, c.body)
			}
		})
	}
}

func TestHealthzRunsNoCheck(t *testing.T) {
	t.Parallel()
	ran := 0
	h := health.New(nil, health.Check{Name: "counted", Run: func(context.Context) error { ran++; return nil }})
	ask(t, h, "GET", "/healthz")
	if ran != 0 {
		t.Errorf("%d checks ran", ran)
	}
	if ask(t, h, "GET", "/readyz"); ran != 1 {
		t.Errorf("%d checks ran, want 1", ran)
	}
}

func TestACheckHasOneSecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		h := health.New(nil, health.Check{Name: "hangs", Run: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		if status, _ := ask(t, h, "GET", "/readyz"); status != http.StatusServiceUnavailable || time.Since(began) != health.Deadline {
			t.Errorf("got %d after %s", status, time.Since(began))
		}
	})
}

func TestDrain(t *testing.T) {
	t.Parallel()
	h := health.New(nil)
	h.Drain()
	if status, body := ask(t, h, "GET", "/readyz"); status != http.StatusServiceUnavailable || body != `{"status":"draining"}` {
		t.Errorf("got %d %s", status, body)
	}
	if status, _ := ask(t, h, "GET", "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz answers %d: a process that drains is not restarted", status)
	}
}

func TestTheLogSaysWhy(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	h := health.New(slog.New(slog.NewTextHandler(&text, nil)), health.Check{Name: "database", Run: func(context.Context) error { return errors.New("no route") }})
	ask(t, h, "GET", "/readyz")
	for _, want := range []string{"op=health.ready", "entity=database", `err="no route"`} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the log says %q without %s", text.String(), want)
		}
	}
}
