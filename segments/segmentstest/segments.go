package segmentstest

import (
	"context"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/segments"
	"github.com/go-engage/engage/segments/filter"
)

func (f *fixture) insert(all ...segments.Segment) {
	f.T.Helper()
	f.In(func(ctx context.Context) error {
		for _, s := range all {
			f.No(f.Segments.Insert(ctx, f.WS, s))
		}
		return nil
	})
}

func (f *fixture) get(ids ...segments.ID) []segments.Segment {
	f.T.Helper()
	found, err := f.Segments.Get(f.Ctx, f.WS, ids)
	f.No(err)
	return found
}

func segmentCases(t *testing.T, a Adapter) {
	run(t, a, "answers what was stored, ordered by id, without the missing", func(f *fixture) {
		one, two := f.segment(), f.segment()
		two.BuiltTo, two.Cause, two.State, two.CreatedBy, two.Served = contacts.ID{}, "", segments.Active, engage.Actor{}, 3
		f.insert(two, one)
		f.Same(f.get(two.ID, f.segmentID(), one.ID), []segments.Segment{one, two})
	})
	run(t, a, "keeps instants to the microsecond, in UTC, before 1970 too", func(f *fixture) {
		for _, at := range []time.Time{start, time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)} {
			s := f.segment()
			s.CreatedAt, s.UpdatedAt = at, at
			f.insert(s)
			got := f.get(s.ID)[0]
			if !got.CreatedAt.Equal(at) || !got.UpdatedAt.Equal(at) || got.CreatedAt.Location() != time.UTC {
				f.T.Errorf("stored %v, got %v and %v", at, got.CreatedAt, got.UpdatedAt)
			}
		}
	})
	run(t, a, "gives a new segment Version 1 and refuses a taken id", func(f *fixture) {
		s := f.segment()
		s.Version = 7
		f.insert(s)
		s.Version = 1
		f.Same(f.get(s.ID), []segments.Segment{s})
		f.Code(f.Try(func(ctx context.Context) error { return f.Segments.Insert(ctx, f.WS, s) }), engage.AlreadyExists)
	})
	run(t, a, "updates every field of what has the version that was read", func(f *fixture) {
		s := f.segment()
		f.insert(s)
		where := filter.New(filter.All{})
		next := segments.Segment{
			ID: s.ID, Name: "Everybody", Filter: where, Hash: where.Hash(), State: segments.Broken, Revision: 4, Served: 4, Cause: "é",
			CreatedAt: start.Add(time.Hour), UpdatedAt: start.Add(2 * time.Hour), UpdatedBy: engage.Actor{Type: "user", ID: "2"}, Version: 1,
		}
		update := func(ctx context.Context) error { return f.Segments.Update(ctx, f.WS, []segments.Segment{next}) }
		f.In(update)
		f.Code(f.Try(update), engage.Conflict)
		next.Version = 2
		f.Same(f.get(s.ID), []segments.Segment{next})
		next.ID = f.segmentID()
		f.Code(f.Try(update), engage.NotFound)
	})
	run(t, a, "updates all segments of a call or none, and names those at fault", func(f *fixture) {
		one, two, ghost := f.segment(), f.segment(), f.segment()
		f.insert(one, two)
		renamed := func(s segments.Segment, version engage.Version) segments.Segment {
			s.Name, s.State, s.Version = "Renamed", segments.Active, version
			return s
		}
		stale, first, second := renamed(two, 7), renamed(one, 1), renamed(two, 1)
		for _, refused := range []struct {
			all  []segments.Segment
			code engage.Code
			path string
		}{
			{[]segments.Segment{first, stale}, engage.Conflict, "[1].version"},
			{[]segments.Segment{first, second, ghost}, engage.NotFound, "[2].id"},
			{[]segments.Segment{first, second, first}, engage.Invalid, "[2].id"},
		} {
			f.In(func(ctx context.Context) error { // the caller goes on, and commits
				err := f.Segments.Update(ctx, f.WS, refused.all)
				f.Code(err, refused.code)
				f.Names(err, refused.path)
				return nil
			})
			f.Same(f.get(one.ID, two.ID, ghost.ID), []segments.Segment{one, two})
		}
		f.In(func(ctx context.Context) error {
			return f.Segments.Update(ctx, f.WS, []segments.Segment{second, first})
		})
		f.Same(f.get(one.ID, two.ID), []segments.Segment{renamed(one, 2), renamed(two, 2)})
	})
	run(t, a, "deletes a segment once and leaves the rows of its members", func(f *fixture) {
		w := newWorld(f)
		remove := func(ctx context.Context) error { return f.Segments.Delete(ctx, f.WS, w.segment.ID) }
		f.In(remove)
		f.Code(f.Try(remove), engage.NotFound)
		f.Same(f.get(w.segment.ID), []segments.Segment(nil))
		members, err := f.Members.Of(f.Ctx, f.WS, []contacts.ID{w.member.ContactID})
		f.No(err)
		f.Same(members, []segments.Membership{w.member})
	})
	run(t, a, "pages segments by id and answers all heads", func(f *fixture) {
		var want, heads []segments.Segment
		for range 5 {
			s := f.segment()
			want = append(want, s)
			s.Filter = filter.Filter{}
			heads = append(heads, s)
		}
		f.insert(want[3], want[0], want[4], want[2], want[1])
		first, err := f.Segments.List(f.Ctx, f.WS, engage.PageRequest{Limit: 3})
		f.No(err)
		second, err := f.Segments.List(f.Ctx, f.WS, engage.PageRequest{Limit: 3, After: first.Next})
		f.No(err)
		f.Same(append(first.Items, second.Items...), want)
		f.Same(second.Next, engage.Cursor(""))
		_, err = f.Segments.List(f.Ctx, f.Other, engage.PageRequest{After: first.Next})
		f.Code(err, engage.Invalid)
		got, err := f.Segments.Heads(f.Ctx, f.WS)
		f.No(err)
		f.Same(got, heads)
		f.In(func(ctx context.Context) error {
			locked, err := f.Segments.Lock(ctx, f.WS)
			f.Same(locked, heads)
			return err
		})
	})
}

func (f *fixture) facts(ids []contacts.ID, names ...string) []segments.Fact {
	f.T.Helper()
	found, err := f.Facts.Get(f.Ctx, f.WS, ids, names)
	f.No(err)
	return found
}

func (f *fixture) add(facts ...segments.Fact) {
	f.T.Helper()
	f.In(func(ctx context.Context) error { return f.Facts.Add(ctx, f.WS, facts) })
}

func factCases(t *testing.T, a Adapter) {
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Microsecond) }
	run(t, a, "adds counts, and takes the earlier first and the later last", func(f *fixture) {
		one, two := f.contactID(), f.contactID()
		f.add(
			segments.Fact{ContactID: two, Event: "b", Count: 1, FirstAt: at(5), LastAt: at(5)},
			segments.Fact{ContactID: one, Event: "a", Count: 2, FirstAt: at(3), LastAt: at(6)},
			segments.Fact{ContactID: one, Event: "a", Count: 1, FirstAt: at(1), LastAt: at(1)},
		)
		f.Same(f.facts([]contacts.ID{two, one, f.contactID()}, "b", "a", "c"), []segments.Fact{
			{ContactID: one, Event: "a", Count: 3, FirstAt: at(1), LastAt: at(6)},
			{ContactID: two, Event: "b", Count: 1, FirstAt: at(5), LastAt: at(5)},
		})
		f.add(
			segments.Fact{ContactID: one, Event: "a", Count: 40, FirstAt: at(2), LastAt: at(9)},
			segments.Fact{ContactID: two, Event: "b", Count: 1, FirstAt: at(4), LastAt: at(4)},
			segments.Fact{ContactID: two, Event: "a", Count: 1, FirstAt: at(0), LastAt: at(0)},
		)
		f.Same(f.facts([]contacts.ID{one, two}, "a", "b"), []segments.Fact{
			{ContactID: one, Event: "a", Count: 43, FirstAt: at(1), LastAt: at(9)},
			{ContactID: two, Event: "a", Count: 1, FirstAt: at(0), LastAt: at(0)},
			{ContactID: two, Event: "b", Count: 2, FirstAt: at(4), LastAt: at(5)},
		})
		f.Same(f.facts([]contacts.ID{one, two}, "b"), []segments.Fact{{ContactID: two, Event: "b", Count: 2, FirstAt: at(4), LastAt: at(5)}})
	})
	run(t, a, "compares event names by their bytes", func(f *fixture) {
		id := f.contactID()
		var all []segments.Fact
		for i, name := range hostile() {
			all = append(all, segments.Fact{ContactID: id, Event: name, Count: i + 1, FirstAt: at(i), LastAt: at(i)})
		}
		f.add(all...)
		for _, fact := range all {
			f.Same(f.facts([]contacts.ID{id}, fact.Event), []segments.Fact{fact})
		}
		got := f.facts([]contacts.ID{id}, hostile()...)
		if len(got) != len(all) {
			f.T.Fatalf("%d facts, want %d", len(got), len(all))
		}
		for i := 1; i < len(got); i++ {
			if got[i-1].Event >= got[i].Event {
				f.T.Errorf("%q stands before %q", got[i-1].Event, got[i].Event)
			}
		}
	})
	run(t, a, "moves facts to survivors, along chains, and adds them there", func(f *fixture) {
		a, b, c, other := f.contactID(), f.contactID(), f.contactID(), f.contactID()
		f.add(
			segments.Fact{ContactID: a, Event: "x", Count: 1, FirstAt: at(1), LastAt: at(1)},
			segments.Fact{ContactID: a, Event: "y", Count: 2, FirstAt: at(2), LastAt: at(3)},
			segments.Fact{ContactID: b, Event: "x", Count: 4, FirstAt: at(0), LastAt: at(7)},
			segments.Fact{ContactID: c, Event: "x", Count: 8, FirstAt: at(5), LastAt: at(6)},
			segments.Fact{ContactID: other, Event: "x", Count: 9, FirstAt: at(0), LastAt: at(9)},
		)
		f.In(func(ctx context.Context) error {
			return f.Facts.Move(ctx, f.WS, []contacts.Absorption{{Absorbed: a, Survivor: b}, {Absorbed: b, Survivor: c}})
		})
		f.Same(f.facts([]contacts.ID{a, b, c, other}, "x", "y"), []segments.Fact{
			{ContactID: c, Event: "x", Count: 13, FirstAt: at(0), LastAt: at(7)},
			{ContactID: c, Event: "y", Count: 2, FirstAt: at(2), LastAt: at(3)},
			{ContactID: other, Event: "x", Count: 9, FirstAt: at(0), LastAt: at(9)},
		})
	})
	run(t, a, "forgets contacts and resets a workspace by parts", func(f *fixture) {
		ids := []contacts.ID{f.contactID(), f.contactID(), f.contactID()}
		for _, id := range ids {
			f.add(segments.Fact{ContactID: id, Event: "x", Count: 1, FirstAt: start, LastAt: start},
				segments.Fact{ContactID: id, Event: "y", Count: 1, FirstAt: start, LastAt: start})
		}
		f.In(func(ctx context.Context) error {
			return f.Facts.Forget(ctx, f.WS, []contacts.ID{ids[1], f.contactID()})
		})
		if got := f.facts(ids, "x", "y"); len(got) != 4 {
			f.T.Fatalf("%d facts are left, want 4", len(got))
		}
		for _, want := range []int{3, 1, 0} {
			f.In(func(ctx context.Context) error {
				n, err := f.Facts.Reset(ctx, f.WS, segments.Facts, 3)
				f.Same(n, want)
				return err
			})
		}
		f.Same(f.facts(ids, "x", "y"), []segments.Fact(nil))
	})
	run(t, a, "marks events once, and removes the marks by parts", func(f *fixture) {
		ids := []events.ID{events.ID(f.IDs.NewID()), events.ID(f.IDs.NewID()), events.ID(f.IDs.NewID())}
		once := func(want []bool, ids ...events.ID) {
			f.T.Helper()
			f.In(func(ctx context.Context) error {
				isNew, err := f.Facts.Once(ctx, f.WS, ids)
				f.Same(isNew, want)
				return err
			})
		}
		once([]bool{true, true, false}, ids[2], ids[0], ids[2])
		once([]bool{false, true, false}, ids[0], ids[1], ids[2])
		for _, want := range []int{2, 1, 0} {
			f.In(func(ctx context.Context) error {
				n, err := f.Facts.Reset(ctx, f.WS, segments.Marks, 2)
				f.Same(n, want)
				return err
			})
		}
		once([]bool{true, true, true}, ids...)
	})
	run(t, a, "keeps where a recount stands", func(f *fixture) {
		set := func(r segments.Recount) {
			f.T.Helper()
			f.In(func(ctx context.Context) error { return f.Facts.SetRecount(ctx, f.WS, r) })
			got, err := f.Facts.Recount(f.Ctx, f.WS)
			f.No(err)
			f.Same(got, r)
		}
		set(segments.Recount{})
		set(segments.Recount{Run: engage.EventID(f.IDs.NewID()), Phase: segments.Clearing})
		set(segments.Recount{Run: engage.EventID(f.IDs.NewID()), Phase: segments.Scanning})
		set(segments.Recount{})
	})
	run(t, a, "keeps a whole batch", func(f *fixture) {
		all, ids := make([]segments.Fact, engage.MaxBatch), make([]contacts.ID, engage.MaxBatch)
		for i := range all {
			ids[i] = f.contactID()
			all[i] = segments.Fact{ContactID: ids[i], Event: "x", Count: i + 1, FirstAt: at(i), LastAt: at(i + 1)}
		}
		f.add(all...)
		f.Same(f.facts(ids, "x"), all)
	})
}
