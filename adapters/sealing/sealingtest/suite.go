package sealingtest

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/sealing"
	"github.com/go-engage/engage/internal/porttest"
)

// Adapter is what a storage adapter gives to the suite: its ports, over one
// database.
type Adapter struct {
	Tx     engage.Transactor
	Keys   sealing.DataKeys
	Across sealing.DataKeysAcross
}

// RunConformance runs the suite. open is called twice: for the cases that keep
// apart by using workspaces of their own and run in parallel, and for those of
// the worker's port, which see every workspace and run one after another.
func RunConformance(t *testing.T, open func(t *testing.T) Adapter) {
	t.Helper()
	apart, across := open(t), open(t)
	for _, group := range []struct {
		name  string
		cases func(*testing.T, Adapter)
		a     Adapter
	}{
		{"every port", everyPort, apart},
		{"keys", keyCases, apart},
		{"every port across", everyPortAcross, across},
		{"rewrapping", rewrapCases, across},
	} {
		t.Run(group.name, func(t *testing.T) { group.cases(t, group.a) })
	}
}

var start = porttest.Start

// fixture is a case's two workspaces, with the ports.
type fixture struct {
	*porttest.Fixture
	Adapter
	used map[engage.WorkspaceID]bool
}

func newFixture(t *testing.T, a Adapter) *fixture {
	t.Helper()
	return &fixture{Fixture: porttest.New(t, a.Tx), Adapter: a, used: map[engage.WorkspaceID]bool{}}
}

// run makes a case of a function.
func run(t *testing.T, a Adapter, name string, fn func(f *fixture)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		fn(newFixture(t, a))
	})
}

// runAlone makes a case that sees every workspace: it runs alone, and leaves no
// key behind.
func runAlone(t *testing.T, a Adapter, name string, fn func(f *fixture)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		f := newFixture(t, a)
		f.Ctx = context.WithoutCancel(f.Ctx) // for the cleanup
		t.Cleanup(func() {
			for ws := range f.used {
				f.InOf(ws, func(ctx context.Context) error { return porttest.Err(f.Keys.Erase(ctx, ws)) })
			}
		})
		fn(f)
	})
}

// key is a new key of a number.
func (f *fixture) key(number int) sealing.DataKey {
	return sealing.DataKey{
		ID: sealing.KeyID(f.IDs.NewID()), Number: number, WrappedBy: "host-1", Wrapped: bytes.Repeat([]byte{0, 0xff, byte(number), '\''}, 20),
		CreatedAt: start, WrappedAt: start.Add(time.Microsecond), Version: 1,
	}
}

// add stores keys of the fixture's workspace.
func (f *fixture) add(keys ...sealing.DataKey) {
	f.T.Helper()
	f.addOf(f.WS, keys...)
}

func (f *fixture) addOf(ws engage.WorkspaceID, keys ...sealing.DataKey) {
	f.T.Helper()
	f.used[ws] = true
	f.InOf(ws, func(ctx context.Context) error {
		for _, key := range keys {
			added, err := f.Keys.Add(ctx, ws, key)
			if err != nil {
				return err
			}
			if !added {
				f.T.Errorf("key %d was there", key.Number)
			}
		}
		return nil
	})
}

// all are the keys of a workspace, by id.
func (f *fixture) all(ws engage.WorkspaceID) []sealing.DataKey {
	f.T.Helper()
	var all []sealing.DataKey
	for key, err := range engage.Walk(f.Ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[sealing.DataKey], error) {
		return f.Keys.List(ctx, ws, page)
	}) {
		f.No(err)
		all = append(all, key)
	}
	return all
}

// across runs fn in a transaction of the database.
func (f *fixture) across(fn func(ctx context.Context) error) {
	f.T.Helper()
	if err := f.Tx.InShard(f.Ctx, f.shard(), fn); err != nil {
		f.T.Fatalf("the transaction failed: %v", err)
	}
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

// Dump is everything that the ports answer of a workspace, as JSON lines.
func Dump(ctx context.Context, t *testing.T, a Adapter, ws engage.WorkspaceID) string {
	t.Helper()
	out := porttest.NewDump(t)
	for key, err := range engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[sealing.DataKey], error) {
		return a.Keys.List(ctx, ws, page)
	}) {
		out.Add("data key", key, err)
	}
	return out.String()
}
