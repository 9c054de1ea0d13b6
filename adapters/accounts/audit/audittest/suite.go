package audittest

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/internal/porttest"
)

// Adapter is what a storage adapter gives to the suite: its port, over one
// database.
type Adapter struct {
	Tx      engage.Transactor
	Entries audit.Repository
}

// RunConformance runs the suite. open is called once; cases keep apart by using
// workspaces of their own, and run in parallel.
func RunConformance(t *testing.T, open func(t *testing.T) Adapter) {
	t.Helper()
	a := open(t)
	for _, group := range []struct {
		name  string
		cases func(*testing.T, Adapter)
	}{
		{"every port", everyPort}, {"entries", entryCases}, {"lists of entries", listCases}, {"chains", chainCases},
	} {
		t.Run(group.name, func(t *testing.T) { group.cases(t, a) })
	}
}

var start = porttest.Start

// fixture is a case's two workspaces, with the port.
type fixture struct {
	*porttest.Fixture
	Adapter
}

// run makes a case of a function.
func run(t *testing.T, a Adapter, name string, fn func(f *fixture)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		fn(&fixture{porttest.New(t, a.Tx), a})
	})
}

// entry is a new entry of a name, which came some microseconds after the start.
func (f *fixture) entry(name string, after int) audit.Entry {
	return audit.Entry{
		ID: audit.EntryID(f.IDs.NewID()), At: start.Add(time.Duration(after) * time.Microsecond), Actor: engage.Actor{Type: "user", ID: "u-1"},
		Name: name, Subject: engage.Ref{Type: "tag", ID: f.IDs.NewID()}, Trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		Data: `{"a":1}`, Salt: f.IDs.NewID(),
	}
}

// add stores entries of the fixture's workspace.
func (f *fixture) add(entries ...audit.Entry) {
	f.T.Helper()
	f.In(func(ctx context.Context) error { return f.Entries.Append(ctx, f.WS, entries) })
}

// all are the entries of a workspace, the newest first.
func (f *fixture) all(ws engage.WorkspaceID) []audit.Entry {
	f.T.Helper()
	var all []audit.Entry
	for e, err := range walk(f.Ctx, f.Adapter, ws, audit.Query{}) {
		f.No(err)
		all = append(all, e)
	}
	return all
}

func walk(ctx context.Context, a Adapter, ws engage.WorkspaceID, query audit.Query) func(func(audit.Entry, error) bool) {
	return engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[audit.Entry], error) {
		query.PageRequest = page
		return a.Entries.List(ctx, ws, query)
	})
}

// Dump is everything that the port answers of a workspace, as JSON lines.
func Dump(ctx context.Context, t *testing.T, a Adapter, ws engage.WorkspaceID) string {
	t.Helper()
	out := porttest.NewDump(t)
	for e, err := range walk(ctx, a, ws, audit.Query{}) {
		out.Add("entry", e, err)
	}
	head, err := a.Entries.Head(ctx, ws)
	out.Add("head", head, err)
	out.Add("version", head.Version, nil)
	return out.String()
}

// world is a workspace with one of everything: an entry in the chain, one that
// waits, and a head.
type world struct {
	*fixture
	chained, waiting audit.Entry
	head             audit.Head
}

func newWorld(f *fixture) *world {
	f.T.Helper()
	w := &world{fixture: f, chained: f.entry("contacts.tag.changed.v1", 1), waiting: f.entry("contacts.tag.changed.v1", 2)}
	w.head = audit.Head{Number: 1, Hash: audit.Hash{1}, At: start}
	w.fill(w.WS)
	w.head.Version = 1
	return w
}

// fill writes the world into a workspace; two workspaces may hold the same ids.
func (w *world) fill(ws engage.WorkspaceID) {
	w.T.Helper()
	w.InOf(ws, func(ctx context.Context) error {
		if err := w.Entries.Append(ctx, ws, []audit.Entry{w.chained, w.waiting}); err != nil {
			return err
		}
		head := w.head
		head.Version = 0
		return w.Entries.Chain(ctx, ws, []audit.Link{{ID: w.chained.ID, Number: 1, Hash: audit.Hash{1}}}, head)
	})
}

func (w *world) dump(ws engage.WorkspaceID) string {
	w.T.Helper()
	return Dump(w.Ctx, w.T, w.Adapter, ws)
}

// calls are all methods of the port.
func (w *world) calls() []porttest.Call {
	const port = "audit.Repository"
	number := func(head audit.Head, err error) (int, error) { return int(head.Number), err }
	return []porttest.Call{
		porttest.Creates(port, "Append", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Entries.Append(ctx, ws, []audit.Entry{w.entry("another", 3)}))
		}, porttest.Given(w.Entries.Append)),
		porttest.Reads(port, "List", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Entries.List(ctx, ws, audit.Query{}))
		}, nil),
		porttest.Reads(port, "Chained", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Entries.Chained(ctx, ws, audit.Link{}, 10))
		}, func(ctx context.Context, ws engage.WorkspaceID, n int) error {
			return porttest.Err(w.Entries.Chained(ctx, ws, audit.Link{}, n))
		}),
		porttest.Reads(port, "Waiting", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			n, _, err := w.Entries.Waiting(ctx, ws)
			return n, err
		}, nil),
		porttest.Reads(port, "Head", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return number(w.Entries.Head(ctx, ws))
		}, nil),
		porttest.Writes(port, "Lock", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return number(w.Entries.Lock(ctx, ws))
		}, nil),
		porttest.Creates(port, "Chain", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			head, err := w.Entries.Lock(ctx, ws)
			if err != nil {
				return 0, err
			}
			head.Number, head.Hash, head.At = 2, audit.Hash{2}, start
			return porttest.CountNone(w.Entries.Chain(ctx, ws, []audit.Link{{ID: w.waiting.ID, Number: 2, Hash: audit.Hash{2}}}, head))
		}, func(ctx context.Context, ws engage.WorkspaceID, n int) error {
			if n == 0 {
				return nil // the head moves even without entries
			}
			return w.Entries.Chain(ctx, ws, make([]audit.Link, n), audit.Head{})
		}),
		porttest.Writes(port, "Erase", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return w.Entries.Erase(ctx, ws)
		}, nil),
	}
}

// everyPort asks of each method what all of them promise.
func everyPort(t *testing.T, a Adapter) {
	porttest.EveryPort(t, func(t *testing.T) porttest.World {
		w := newWorld(&fixture{porttest.New(t, a.Tx), a})
		return porttest.World{Fixture: w.Fixture, Calls: w.calls(), Fill: w.fill, Dump: w.dump}
	}, reflect.TypeFor[audit.Repository]())
}
