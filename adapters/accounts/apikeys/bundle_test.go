package apikeys_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memapikeys"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

// testBundle is a service over an empty store, whose lookups are counted.
type testBundle struct {
	t       *testing.T
	ctx     context.Context
	clock   *engage.ManualClock
	store   *memory.Store
	across  *counting
	log     bytes.Buffer
	deps    apikeys.Deps
	service *apikeys.Service
	ws      engage.WorkspaceID
	other   engage.WorkspaceID
	read    int // of the log of ws
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	clock := engage.NewManualClock(start)
	store := memory.New(memory.Config{Clock: clock})
	keys := memapikeys.NewKeys(store)
	b := &testBundle{
		t: t, ctx: engage.WithActor(t.Context(), engage.Actor{Type: "user", ID: "usr_1"}), clock: clock, store: store,
		across: &counting{RepositoryAcross: keys}, ws: engage.WorkspaceID{1}, other: engage.WorkspaceID{2},
	}
	log := slog.New(slog.NewTextHandler(&b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b.deps = apikeys.Deps{Runtime: engage.Runtime{Tx: store, Events: store, Clock: clock, Log: log}, Keys: keys, Across: b.across}
	b.service = b.another(apikeys.Config{})
	return b
}

// another is a service as another process has it.
func (b *testBundle) another(cfg apikeys.Config) *apikeys.Service {
	b.t.Helper()
	service, err := apikeys.New(b.deps, cfg)
	b.no(err)
	return service
}

// counting counts what is asked of the storage.
type counting struct {
	apikeys.RepositoryAcross
	mu      sync.Mutex
	finds   int
	touches int
	fail    error
}

func (c *counting) FindAcross(ctx context.Context, shard engage.Shard, id apikeys.ID) (apikeys.RecordAcross, error) {
	c.mu.Lock()
	c.finds++
	fail := c.fail
	c.mu.Unlock()
	if fail != nil {
		return apikeys.RecordAcross{}, fail
	}
	return c.RepositoryAcross.FindAcross(ctx, shard, id)
}

func (c *counting) TouchAcross(ctx context.Context, shard engage.Shard, at time.Time, ids []apikeys.ID) (int, error) {
	c.mu.Lock()
	c.touches++
	fail := c.fail
	c.mu.Unlock()
	if fail != nil {
		return 0, fail
	}
	return c.RepositoryAcross.TouchAcross(ctx, shard, at, ids)
}

// found are the lookups since the last call.
func (c *counting) found() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.finds
	c.finds = 0
	return n
}

func (b *testBundle) no(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("unexpected error: %v", err)
	}
}

func (b *testBundle) code(err error, want engage.Code, paths ...string) {
	b.t.Helper()
	if got := engage.CodeOf(err); got != want {
		b.t.Fatalf("code %q, want %q: %v", got, want, err)
	}
	var got []string
	for _, f := range engage.FieldsOf(err) {
		got = append(got, f.Path)
	}
	if len(paths) > 0 && !slices.Equal(got, paths) {
		b.t.Fatalf("faults at %q, want %q", got, paths)
	}
}

func (b *testBundle) same(got, want any) {
	b.t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		b.t.Fatalf("-want +got:\n%s", diff)
	}
}

// tells fails the test unless exactly these domain events were published in ws
// since the last look, as "name payload" with each "*" for anything.
func (b *testBundle) tells(patterns ...string) {
	b.t.Helper()
	all := b.published(b.ws)
	got := all[b.read:]
	b.read = len(all)
	ok := len(got) == len(patterns)
	for i := range min(len(got), len(patterns)) {
		ok = ok && matches(got[i], patterns[i])
	}
	if !ok {
		b.t.Fatalf("published:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(patterns, "\n  "))
	}
}

func (b *testBundle) published(ws engage.WorkspaceID) []string {
	b.t.Helper()
	read, err := b.store.Read(b.ctx, engage.DefaultShard, engage.PartitionOf(ws), 0, 1_000_000)
	b.no(err)
	var all []string
	for _, slice := range read {
		for _, e := range slice.Events {
			if e.Workspace == ws {
				all = append(all, e.Name+" "+string(e.Data))
			}
		}
	}
	return all
}

func matches(s, pattern string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return s == pattern
	}
	s, ok := strings.CutPrefix(s, parts[0])
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(s, part)
		s, ok = after, ok && found
	}
	return ok && strings.HasSuffix(s, parts[len(parts)-1])
}

// secretKey makes a secret key.
func (b *testBundle) secretKey(permissions ...string) (apikeys.Key, engage.Secret) {
	b.t.Helper()
	return b.create(apikeys.NewKey{Name: "Deploy", Kind: apikeys.SecretKey, Permissions: permissions})
}

func (b *testBundle) create(params apikeys.NewKey) (apikeys.Key, engage.Secret) {
	b.t.Helper()
	key, text, err := b.service.Create(b.ctx, b.ws, params)
	b.no(err)
	return key, text
}

// serves fails the test unless a text is verified, or refused.
func (b *testBundle) serves(service *apikeys.Service, text engage.Secret, want bool) {
	b.t.Helper()
	_, err := service.VerifyKey(b.ctx, text)
	if want {
		b.no(err)
		return
	}
	b.code(err, engage.Unauthenticated)
}

// step runs the workers of a service once.
func (b *testBundle) step(service *apikeys.Service) (n int, err error) {
	b.t.Helper()
	for _, worker := range service.Workers() {
		did, stepErr := worker.(*engage.Loop).Step(b.ctx)
		n, err = n+did, stepErr
	}
	return n, err
}
