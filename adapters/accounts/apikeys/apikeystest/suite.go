package apikeystest

import (
	"context"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
	"github.com/go-engage/engage/internal/porttest"
)

// Adapter is what a storage adapter gives to the suite: its ports, over one
// database.
type Adapter struct {
	Tx     engage.Transactor
	Keys   apikeys.Repository
	Across apikeys.RepositoryAcross
}

// RunConformance runs the suite. open is called once; the cases keep apart by
// using workspaces and ids of their own, and run in parallel.
func RunConformance(t *testing.T, open func(t *testing.T) Adapter) {
	t.Helper()
	a := open(t)
	for _, group := range []struct {
		name  string
		cases func(*testing.T, Adapter)
	}{
		{"every port", everyPort},
		{"every port across", everyPortAcross},
		{"keys", keyCases},
		{"lists of keys", listCases},
		{"keys across workspaces", acrossCases},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			group.cases(t, a)
		})
	}
}

var start = porttest.Start

// fixture is a case's two workspaces, with the ports.
type fixture struct {
	*porttest.Fixture
	Adapter
}

func newFixture(t *testing.T, a Adapter) *fixture {
	t.Helper()
	return &fixture{Fixture: porttest.New(t, a.Tx), Adapter: a}
}

// run makes a case of a function.
func run(t *testing.T, a Adapter, name string, fn func(f *fixture)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		fn(newFixture(t, a))
	})
}

// key is a new key in which every field has a value.
func (f *fixture) key() apikeys.Record {
	id := apikeys.ID(f.IDs.NewID())
	r := apikeys.Record{Key: apikeys.Key{
		ID: id, Name: "Shop 😀 'x' \\", Kind: apikeys.WriteKey, Permissions: []string{"a.read", "b"}, Origins: []string{"https://a.test", "https://b.test:81"},
		ExpiresAt: start.Add(time.Hour), RotatedAt: start.Add(time.Microsecond), FormerUntil: start.Add(time.Minute), RevokedAt: start.Add(2 * time.Hour),
		CreatedAt: start, UpdatedAt: start.Add(time.Second), CreatedBy: engage.Actor{Type: "user", ID: "u-1"}, UpdatedBy: engage.Actor{Type: "user", ID: "u-2"}, Version: 1,
	}}
	for i := range r.Digest {
		r.Digest[i], r.Former[i] = id[i%len(id)]^byte(i), byte(i) // zero bytes, quotes and newlines among them
	}
	return r
}

func (f *fixture) insert(ws engage.WorkspaceID, keys ...apikeys.Record) {
	f.T.Helper()
	f.InOf(ws, func(ctx context.Context) error {
		for _, key := range keys {
			if err := f.Keys.Insert(ctx, ws, key); err != nil {
				return err
			}
		}
		return nil
	})
}

// lock answers a whole key, as it is committed.
func (f *fixture) lock(id apikeys.ID) (key apikeys.Record) {
	f.T.Helper()
	f.In(func(ctx context.Context) (err error) {
		key, err = f.Keys.Lock(ctx, f.WS, id)
		return err
	})
	return key
}

// across runs fn in a transaction of the database.
func (f *fixture) across(fn func(ctx context.Context, shard engage.Shard) error) {
	f.T.Helper()
	f.No(f.tryAcross(fn))
}

func (f *fixture) tryAcross(fn func(ctx context.Context, shard engage.Shard) error) error {
	f.T.Helper()
	shard := f.shard()
	return f.Tx.InShard(f.Ctx, shard, func(ctx context.Context) error { return fn(ctx, shard) })
}

func (f *fixture) shard() engage.Shard {
	f.T.Helper()
	shards, err := f.Tx.Shards(f.Ctx)
	f.No(err)
	if len(shards) != 1 {
		f.T.Fatalf("the suite wants one database, got %v", shards)
	}
	return shards[0]
}

// Dump is everything that the ports answer of a workspace, digests included, as
// JSON lines. Two adapters that were told the same have equal dumps.
func Dump(ctx context.Context, t *testing.T, a Adapter, ws engage.WorkspaceID) string {
	t.Helper()
	shards, err := a.Tx.Shards(ctx)
	out := porttest.NewDump(t)
	out.Add("shards", len(shards), err)
	for key, err := range engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[apikeys.Key], error) {
		return a.Keys.List(ctx, ws, page)
	}) {
		out.Add("key", key, err)
		whole, err := a.Across.FindAcross(ctx, shards[0], key.ID)
		out.Add("record", whole, err)
		out.Add("digests", [][]byte{whole.Digest[:], whole.Former[:]}, nil)
	}
	return out.String()
}
