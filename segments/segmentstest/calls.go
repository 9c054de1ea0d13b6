package segmentstest

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/internal/porttest"
	"github.com/go-engage/engage/segments"
)

// world is a workspace with one of everything.
type world struct {
	*fixture
	segment segments.Segment
	fact    segments.Fact
	member  segments.Membership
	marked  events.ID
	recount segments.Recount
}

func newWorld(f *fixture) *world {
	w := &world{fixture: f, segment: f.segment()}
	contact := f.contactID()
	w.fact = segments.Fact{ContactID: contact, Event: "signed_in", Count: 3, FirstAt: start, LastAt: start.Add(time.Hour)}
	w.member = segments.Membership{
		SegmentID: w.segment.ID, ContactID: contact, Revision: 2, Member: true, Since: start, DueAt: start.AddDate(7000, 0, 0),
	}
	w.marked, w.recount = events.ID(f.IDs.NewID()), segments.Recount{Run: engage.EventID(f.IDs.NewID()), Phase: segments.Scanning}
	w.fill(w.WS)
	return w
}

// fill writes the world into a workspace; two workspaces may hold the same ids.
func (w *world) fill(ws engage.WorkspaceID) {
	w.T.Helper()
	w.InOf(ws, func(ctx context.Context) error {
		_, onceErr := w.Facts.Once(ctx, ws, []events.ID{w.marked})
		return errors.Join(onceErr, w.Facts.SetRecount(ctx, ws, w.recount),
			w.Segments.Insert(ctx, ws, w.segment), w.Facts.Add(ctx, ws, []segments.Fact{w.fact}),
			w.Members.Add(ctx, ws, []segments.Membership{w.member}))
	})
}

func (w *world) dump(ws engage.WorkspaceID) string {
	w.T.Helper()
	return Dump(w.Ctx, w.T, w.Adapter, ws, []contacts.ID{w.fact.ContactID}, []string{w.fact.Event})
}

// calls are all methods of all ports.
func (w *world) calls() []porttest.Call {
	return append(append(w.segmentCalls(), w.factCalls()...), w.memberCalls()...)
}

func (w *world) segmentCalls() []porttest.Call {
	const port = "segments.SegmentRepository"
	return []porttest.Call{
		porttest.Creates(port, "Insert", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Segments.Insert(ctx, ws, w.fixture.segment()))
		}, nil),
		porttest.Writes(port, "Update", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Segments.Update(ctx, ws, []segments.Segment{w.segment}))
		}, porttest.Given(w.Segments.Update)),
		porttest.Writes(port, "Delete", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Segments.Delete(ctx, ws, w.segment.ID))
		}, nil),
		porttest.Reads(port, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Segments.Get(ctx, ws, []segments.ID{w.segment.ID}))
		}, porttest.Asked(w.Segments.Get)),
		porttest.Reads(port, "List", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Segments.List(ctx, ws, engage.PageRequest{}))
		}, nil),
		porttest.Reads(port, "Heads", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Segments.Heads(ctx, ws))
		}, nil),
		porttest.Writes(port, "Lock", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Segments.Lock(ctx, ws))
		}, nil),
	}
}

func (w *world) factCalls() []porttest.Call {
	const port = "segments.FactRepository"
	ids := []contacts.ID{w.fact.ContactID}
	return []porttest.Call{
		porttest.Creates(port, "Add", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Facts.Add(ctx, ws, []segments.Fact{w.fact}))
		}, porttest.Given(w.Facts.Add)),
		porttest.Reads(port, "Get", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Facts.Get(ctx, ws, ids, []string{w.fact.Event}))
		}, func(ctx context.Context, ws engage.WorkspaceID, n int) error {
			return porttest.Err(w.Facts.Get(ctx, ws, make([]contacts.ID, n), make([]string, n)))
		}),
		porttest.Writes(port, "Move", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Facts.Move(ctx, ws, []contacts.Absorption{{Absorbed: w.fact.ContactID, Survivor: contacts.ID{1}}}))
		}, porttest.Given(w.Facts.Move)),
		porttest.Writes(port, "Forget", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Facts.Forget(ctx, ws, ids))
		}, porttest.Given(w.Facts.Forget)),
		porttest.Reads(port, "Recount", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			recount, err := w.Facts.Recount(ctx, ws)
			return len(recount.Phase), err
		}, nil),
		porttest.Creates(port, "SetRecount", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Facts.SetRecount(ctx, ws, segments.Recount{}))
		}, nil),
		porttest.Creates(port, "Once", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Facts.Once(ctx, ws, []events.ID{w.marked, events.ID(w.IDs.NewID())}))
		}, porttest.Asked(w.Facts.Once)),
		porttest.Writes(port, "Reset", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			n, err := w.Facts.Reset(ctx, ws, segments.Facts, 10)
			if err != nil {
				return n, err
			}
			m, err := w.Facts.Reset(ctx, ws, segments.Marks, 10)
			return n + m, err
		}, func(ctx context.Context, ws engage.WorkspaceID, n int) error {
			return porttest.Err(w.Facts.Reset(ctx, ws, segments.Facts, n))
		}),
	}
}

func (w *world) memberCalls() []porttest.Call {
	const port = "segments.MembershipRepository"
	ids := []contacts.ID{w.member.ContactID}
	changed := w.member
	changed.Member = false
	return []porttest.Call{
		porttest.Creates(port, "Add", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			added := w.member
			added.ContactID = w.contactID()
			return porttest.CountNone(w.Members.Add(ctx, ws, []segments.Membership{added}))
		}, porttest.Given(w.Members.Add)),
		porttest.Creates(port, "Save", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Members.Save(ctx, ws, []segments.Membership{changed}))
		}, porttest.Given(w.Members.Save)),
		porttest.Writes(port, "Lock", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Members.Lock(ctx, ws, []segments.ID{w.segment.ID}, ids))
		}, func(ctx context.Context, ws engage.WorkspaceID, n int) error {
			return porttest.Err(w.Members.Lock(ctx, ws, make([]segments.ID, n), make([]contacts.ID, n)))
		}),
		porttest.Reads(port, "Of", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.Count(w.Members.Of(ctx, ws, ids))
		}, porttest.Asked(w.Members.Of)),
		porttest.Reads(port, "Members", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountPage(w.Members.Members(ctx, ws, w.segment.ID, w.member.Revision, engage.PageRequest{}))
		}, nil),
		porttest.Reads(port, "Count", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return w.Members.Count(ctx, ws, w.segment.ID, w.member.Revision)
		}, nil),
		porttest.Writes(port, "Forget", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return porttest.CountNone(w.Members.Forget(ctx, ws, ids))
		}, porttest.Given(w.Members.Forget)),
		porttest.Writes(port, "Discard", func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			return w.Members.Discard(ctx, ws, []segments.Purge{{SegmentID: w.segment.ID}}, 10)
		}, func(ctx context.Context, ws engage.WorkspaceID, n int) error {
			return porttest.Err(w.Members.Discard(ctx, ws, make([]segments.Purge, n), 10))
		}),
	}
}

// everyPort asks of each method what all of them promise. The port that serves
// all workspaces at once has cases of its own.
func everyPort(t *testing.T, a Adapter) {
	porttest.EveryPort(t, func(t *testing.T) porttest.World {
		w := newWorld(newFixture(t, a))
		return porttest.World{Fixture: w.Fixture, Calls: w.calls(), Fill: w.fill, Dump: w.dump}
	},
		reflect.TypeFor[segments.SegmentRepository](), reflect.TypeFor[segments.FactRepository](), reflect.TypeFor[segments.MembershipRepository]())
}
