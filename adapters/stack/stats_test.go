package stack_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/health"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/internal/scratch"
	"github.com/go-engage/engage/messaging"
)

func TestEveryWorkerTellsWhetherItIsReadyAndWhatItHasDone(t *testing.T) {
	t.Parallel()
	p, err := stack.Memory(stack.Config{Email: make(letters)})
	must(t, err)
	for _, w := range p.Workers() {
		_, ready := w.(interface{ Ready() bool })
		_, loop := w.(interface{ Stats() engage.LoopStats })
		_, collector := w.(interface{ Stats() events.CollectorStats })
		if !ready || !loop && !collector {
			t.Errorf("%s has no Ready or no Stats", w.Name())
		}
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	for _, store := range append([]string{"memory"}, scratch.Stores...) {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{"postgres": "ENGAGE_TEST_POSTGRES", "mysql": "ENGAGE_TEST_MYSQL"}[store]
			if env != "" && os.Getenv(env) == "" && os.Getenv("ENGAGE_TEST_REQUIRED") == "" {
				t.Skipf("%s is not set", env)
			}
			clock := engage.NewManualClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
			cfg := stack.Config{Clock: clock, Email: make(letters, 10)}
			var p *stack.Platform
			if store == "memory" {
				var err error
				p, err = stack.Memory(cfg)
				must(t, err)
			} else {
				p = admit(t, store, true, cfg).Platform
			}
			ctx, ws := t.Context(), engage.WorkspaceID{1}
			before, err := p.Stats(ctx)
			must(t, err)
			for _, d := range before.Due {
				if !d.Since.IsZero() {
					t.Errorf("%s waits since %s in an empty store", d.Worker, d.Since)
				}
			}
			letter, err := p.Messaging.CreateTemplate(ctx, ws, messaging.SavedTemplate{
				Name: "welcome", From: messaging.Address{Email: "team@acme.test"}, Content: messaging.Template{Subject: "Welcome", Text: "Hello."},
			})
			must(t, err)
			who, err := p.Contacts.Identify(ctx, ws, contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.Email, Value: "ana@acme.test"}}})
			must(t, err)
			_, err = p.Messaging.Enqueue(ctx, ws, messaging.Send{Key: "welcome-1", ContactID: who[0].Contact.ID, TemplateID: letter.ID})
			must(t, err)
			clock.Advance(time.Minute)
			waiting, err := p.Stats(ctx)
			must(t, err)
			must(t, p.Drain(ctx))
			done, err := p.Stats(ctx)
			must(t, err)

			for _, c := range done.Consumers {
				if c.Slices != 0 || c.Lag(clock.Now()) != 0 {
					t.Errorf("%s is %d slices and %s behind", c.Consumer, c.Slices, c.Lag(clock.Now()))
				}
			}
			if len(done.Consumers) != len(p.Consumers.Workers()) || len(done.Workers) != len(p.Workers()) {
				t.Errorf("%d consumers and %d workers", len(done.Consumers), len(done.Workers))
			}
			for _, w := range done.Workers {
				if w.Name != "contacts.collector" && (!w.Ready || w.Steps == 0 || w.Last != nil) {
					t.Errorf("after a drain: %+v", w)
				}
			}
			if store == "memory" {
				return
			}
			since := map[string]time.Time{}
			for _, d := range waiting.Due {
				since[d.Worker] = d.Since
			}
			if got := clock.Now().Sub(since["messaging.dispatcher"]); got != time.Minute {
				t.Errorf("the dispatcher is due since %s, want a minute", got)
			}
			if len(done.Pools) == 0 || done.Pools[0].MaxOpenConnections == 0 || done.Pools[0].InUse != 0 {
				t.Errorf("the pools are %+v", done.Pools)
			}
		})
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	ask := func(h http.Handler, path string) (status int, body string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		return w.Code, w.Body.String()
	}
	p := admit(t, "sqlite", false, stack.Config{})
	down := errors.New("down")
	probes := p.Health(nil, health.Check{Name: "host", Run: func(context.Context) error { return down }})
	if status, body := ask(probes, "/readyz"); status != 503 || !strings.Contains(body, `"database":"failed"`) {
		t.Errorf("without its tables it answers %d %s", status, body)
	}
	if status, body := ask(probes, "/healthz"); status != 200 {
		t.Errorf("it is not alive: %d %s", status, body)
	}
	must(t, p.Migrate(t.Context()))
	must(t, p.Ready(t.Context())) // without the handler's deadline, which a busy machine may miss
	if status, body := ask(probes, "/readyz"); status != 503 || !strings.Contains(body, `"host":"failed"`) {
		t.Errorf("the host's own check is not asked: %d %s", status, body)
	}
	down = nil
	must(t, p.Close())
	if status, body := ask(probes, "/readyz"); status != 503 || !strings.Contains(body, `"host":"ok"`) {
		t.Errorf("without its database it answers %d %s", status, body)
	}
	if status, body := ask(probes, "/healthz"); status != 200 {
		t.Errorf("without its database it is not alive: %d %s", status, body)
	}
}

// TestAPlatformGoesDownInOrder ends a server in the documented order while
// clients write: what was acknowledged is there, and nothing is left behind,
// which TestMain looks for.
func TestAPlatformGoesDownInOrder(t *testing.T) {
	t.Parallel()
	p := admit(t, "sqlite", true, stack.Config{})
	ws := engage.WorkspaceID{1}
	who, err := p.Contacts.Identify(t.Context(), ws, contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.UserID, Value: "ana"}}})
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()

	probes := p.Health(nil)
	routes := http.NewServeMux()
	routes.Handle("/", probes)
	routes.HandleFunc("POST /events", func(w http.ResponseWriter, r *http.Request) {
		_, err := p.Collector.Append(r.Context(), ws, events.Input{ContactID: who[0].Contact.ID, Name: "seen", MessageID: r.URL.Query().Get("id")})
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	server := httptest.NewServer(routes)
	var (
		mu      sync.Mutex
		acked   int
		clients sync.WaitGroup
		warm    = make(chan struct{})
		once    sync.Once
	)
	for client := range 8 {
		clients.Go(func() {
			for i := 0; ; i++ {
				response, err := server.Client().Post(server.URL+"/events?id="+strconv.Itoa(client)+"-"+strconv.Itoa(i), "", nil)
				if err != nil {
					return // the server is gone
				}
				_ = response.Body.Close()
				mu.Lock()
				if response.StatusCode == http.StatusOK {
					acked++
				}
				if acked > 100 {
					once.Do(func() { close(warm) })
				}
				mu.Unlock()
			}
		})
	}
	<-warm
	probes.Drain()
	must(t, server.Config.Shutdown(t.Context()))
	clients.Wait()
	server.Close()
	stop()
	must(t, <-ended)
	var stored int
	must(t, p.Database.NewRaw("SELECT COUNT(*) FROM engage_contacts_events").Scan(t.Context(), &stored))
	if stored != acked {
		t.Errorf("%d events were acknowledged, %d are stored", acked, stored)
	}
	must(t, p.Close())
}

// A dashboard asks for the lag of each consumer; adapters/otel has a gauge for
// it. Probes are mounted beside the host's routes.
func ExamplePlatform_Stats() {
	ctx := context.Background()
	platform, err := stack.Memory(stack.Config{Email: printer{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = platform.Close() }()
	_, err = platform.Contacts.Identify(ctx, engage.WorkspaceID{1}, contacts.Profile{
		Identities: []contacts.Identity{{Kind: contacts.UserID, Value: "ana"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	stats, err := platform.Stats(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range stats.Consumers {
		if c.Consumer == "segments" {
			fmt.Println(c.Consumer, "is behind by", c.Slices, "and has parked", c.Parked)
		}
	}
	routes := http.NewServeMux()
	routes.Handle("/", platform.Health(nil))
	w := httptest.NewRecorder()
	routes.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody))
	fmt.Print(w.Code, " ", w.Body)
	// Output:
	// segments is behind by 1 and has parked 0
	// 200 {"status":"ok","checks":{"database":"ok"}}
}
