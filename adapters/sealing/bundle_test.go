package sealing_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memsealing"
	"github.com/go-engage/engage/adapters/sealing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// testBundle is a service over a store in memory, which several processes share.
type testBundle struct {
	*sealing.Service
	clock    *engage.ManualClock
	store    *memory.Store
	keys     *countingKeys
	provider *countingProvider
	ids      engage.IDSource
	ws       engage.WorkspaceID
	log      *strings.Builder
}

// hostKey is the newest key of the host.
var hostKey = engage.NewSecret(strings.Repeat("k", sealing.KeyBytes))

func setup(t testing.TB) *testBundle {
	t.Helper()
	clock := engage.NewManualClock(start)
	b := &testBundle{clock: clock, store: memory.New(memory.Config{Clock: clock}), ids: engage.NewIDSource(clock, nil)}
	b.ws = engage.WorkspaceID(b.ids.NewID())
	return b.process(t, hostKey)
}

// process is another process over the same store, with keys of its own.
func (b *testBundle) process(t testing.TB, newest engage.Secret, older ...engage.Secret) *testBundle {
	t.Helper()
	static, err := sealing.NewStaticKeys(newest, older...)
	no(t, err)
	return b.processWith(t, static)
}

func (b *testBundle) processWith(t testing.TB, provider sealing.KeyProvider) *testBundle {
	t.Helper()
	keys, log := memsealing.NewKeys(b.store), &strings.Builder{}
	other := &testBundle{
		clock: b.clock, store: b.store, ids: b.ids, ws: b.ws, log: log,
		keys: &countingKeys{DataKeys: keys}, provider: &countingProvider{KeyProvider: provider},
	}
	s, err := sealing.New(sealing.Deps{
		Runtime: engage.Runtime{Tx: b.store, Events: b.store, Clock: b.clock, Log: slog.New(slog.NewTextHandler(log, nil))},
		Keys:    other.keys, Across: keys, Provider: other.provider, Leases: b.store.Leases(),
	}, sealing.Config{})
	no(t, err)
	other.Service = s
	return other
}

func (b *testBundle) seal(t testing.TB, plain string) []byte {
	t.Helper()
	sealed, err := b.Seal(t.Context(), b.ws, place, []byte(plain))
	no(t, err)
	return sealed
}

// opens wants a value to open.
func (b *testBundle) opens(t testing.TB, sealed []byte, want string) {
	t.Helper()
	plain, err := b.Open(t.Context(), b.ws, place, sealed)
	no(t, err)
	if string(plain) != want {
		t.Fatalf("opened %q, want %q", plain, want)
	}
}

// refuses wants ErrInvalid for a value.
func (b *testBundle) refuses(t testing.TB, sealed []byte) {
	t.Helper()
	code(t, second(b.Open(t.Context(), b.ws, place, sealed)), engage.Invalid)
}

func (b *testBundle) step(t testing.TB) int {
	t.Helper()
	n, err := b.Workers()[0].(*engage.Loop).Step(t.Context())
	no(t, err)
	return n
}

const place = "messaging_senders.password:1"

// countingKeys counts what the store is asked.
type countingKeys struct {
	sealing.DataKeys
	mu    sync.Mutex
	asked int
}

func (k *countingKeys) Get(ctx context.Context, ws engage.WorkspaceID, id sealing.KeyID) (sealing.DataKey, error) {
	k.count()
	return k.DataKeys.Get(ctx, ws, id)
}

func (k *countingKeys) Newest(ctx context.Context, ws engage.WorkspaceID) (sealing.DataKey, error) {
	k.count()
	return k.DataKeys.Newest(ctx, ws)
}

func (k *countingKeys) count() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
}

// countingProvider counts what the host's keys unwrap, and can be down.
type countingProvider struct {
	sealing.KeyProvider
	mu        sync.Mutex
	unwrapped int
	down      bool
	// between is called before a data key is unwrapped.
	between func()
}

func (p *countingProvider) Unwrap(ctx context.Context, id string, wrapped, bound []byte) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unwrapped++
	if p.down {
		return nil, &engage.Error{Code: engage.Unavailable, Op: "kms.Decrypt"}
	}
	if p.between != nil {
		p.between()
	}
	return p.KeyProvider.Unwrap(ctx, id, wrapped, bound)
}

func no(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func code(t testing.TB, err error, want engage.Code) {
	t.Helper()
	if got := engage.CodeOf(err); got != want {
		t.Fatalf("code %q, want %q: %v", got, want, err)
	}
}

func same[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func second[T any](_ T, err error) error { return err }
