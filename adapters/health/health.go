package health

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-engage/engage"
)

// Deadline is the time that the checks of one question have: probes of
// orchestrators give up after one second by default.
const Deadline = time.Second

// Check is one thing that must work before the process may be sent requests.
type Check struct {
	// Name is shown in the answer.
	Name string
	// Run answers nil when it works. It must end with its ctx.
	Run func(ctx context.Context) error
}

// Handler serves /healthz and /readyz, below whatever path it is mounted on. It
// may be used concurrently.
type Handler struct {
	log      *slog.Logger
	checks   []Check
	mux      *http.ServeMux
	draining atomic.Bool
	asking   sync.Mutex
}

// New makes a handler. A nil log discards; failures of checks go there, and not
// into the answer, which strangers may read.
func New(log *slog.Logger, checks ...Check) *Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{log: log, checks: checks, mux: http.NewServeMux()}
	h.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, report{Status: ok}) })
	h.mux.HandleFunc("GET /readyz", h.ready)
	return h
}

// ServeHTTP serves GET and HEAD of the two paths.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// Drain makes /readyz answer 503 from now on, whatever the checks say, so that
// no more requests are sent here.
func (h *Handler) Drain() { h.draining.Store(true) }

// What a report says.
const (
	ok          = "ok"
	failed      = "failed"
	unavailable = "unavailable"
	draining    = "draining"
)

// report is the body of an answer.
type report struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks,omitempty"`
}

func (h *Handler) ready(w http.ResponseWriter, r *http.Request) {
	if h.draining.Load() {
		answer(w, report{Status: draining})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), Deadline)
	defer cancel()
	// One question at a time: a flood of them holds one connection at most.
	h.asking.Lock()
	defer h.asking.Unlock()
	answer(w, h.ask(ctx))
}

// ask runs the checks beside each other.
func (h *Handler) ask(ctx context.Context) report {
	outcomes := make([]error, len(h.checks))
	var wg sync.WaitGroup
	for i, check := range h.checks {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					outcomes[i] = engage.PanicError("health check "+check.Name, p)
				}
			}()
			outcomes[i] = check.Run(ctx)
		})
	}
	wg.Wait()
	said := report{Status: ok, Checks: map[string]string{}}
	for i, check := range h.checks {
		said.Checks[check.Name] = ok
		if err := outcomes[i]; err != nil {
			said.Status, said.Checks[check.Name] = unavailable, failed
			h.log.WarnContext(ctx, "not ready", "op", "health.ready", "entity", check.Name, "err", err)
		}
	}
	return said
}

func answer(w http.ResponseWriter, said report) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if said.Status != ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(said) // the caller may be gone
}
