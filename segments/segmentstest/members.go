package segmentstest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/porttest"
	"github.com/go-engage/engage/segments"
)

func (f *fixture) members(add ...segments.Membership) {
	f.T.Helper()
	f.In(func(ctx context.Context) error { return f.Members.Add(ctx, f.WS, add) })
}

func (f *fixture) save(all ...segments.Membership) {
	f.T.Helper()
	f.In(func(ctx context.Context) error { return f.Members.Save(ctx, f.WS, all) })
}

// rows answers what is stored of contacts in segments.
func (f *fixture) rows(in []segments.ID, ids ...contacts.ID) (rows []segments.Membership) {
	f.T.Helper()
	f.In(func(ctx context.Context) (err error) {
		rows, err = f.Members.Lock(ctx, f.WS, in, ids)
		return err
	})
	return rows
}

// far is a time at which no timer rings in these cases.
var far = start.AddDate(7000, 0, 0)

func memberCases(t *testing.T, a Adapter) {
	run(t, a, "adds what there is not and refuses the rest", func(f *fixture) {
		s, ids := f.segmentID(), []contacts.ID{f.contactID(), f.contactID(), f.contactID()}
		in := func(i, revision int) segments.Membership {
			return segments.Membership{SegmentID: s, ContactID: ids[i], Revision: revision, Member: true, Since: start.Add(time.Microsecond), DueAt: far}
		}
		due := segments.Membership{SegmentID: s, ContactID: ids[1], Revision: 1, DueAt: far.Add(time.Microsecond)}
		f.members(in(2, 1), in(0, 2), in(0, 1), due)
		want := []segments.Membership{in(0, 1), in(0, 2), due, in(2, 1)}
		f.Same(f.rows([]segments.ID{s}, ids...), want)
		f.Code(f.Try(func(ctx context.Context) error {
			return f.Members.Add(ctx, f.WS, []segments.Membership{in(1, 2), in(0, 2)})
		}), engage.AlreadyExists)
		f.In(func(ctx context.Context) error { // the caller may go on, and nothing was added
			f.Code(f.Members.Add(ctx, f.WS, []segments.Membership{in(1, 2), in(0, 2)}), engage.AlreadyExists)
			return nil
		})
		f.Same(f.rows([]segments.ID{s}, ids...), want)
	})
	run(t, a, "saves what says something and removes what does not", func(f *fixture) {
		s, one, two := f.segmentID(), f.contactID(), f.contactID()
		m := segments.Membership{SegmentID: s, ContactID: one, Revision: 1, Member: true, Since: start, DueAt: far}
		n := segments.Membership{SegmentID: s, ContactID: two, Revision: 1, Member: true, Since: start}
		f.save(n, m)
		f.Same(f.rows([]segments.ID{s}, one, two), []segments.Membership{m, n})
		m.Member, m.Since = false, start.Add(time.Hour)
		n.Member = false
		f.save(m, n)
		f.Same(f.rows([]segments.ID{s}, one, two), []segments.Membership{m})
		m.DueAt = time.Time{}
		f.save(m)
		f.Same(f.rows([]segments.ID{s}, one, two), []segments.Membership(nil))
	})
	run(t, a, "removes the rows that are named and no others", func(f *fixture) {
		x, y, one, two := f.segmentID(), f.segmentID(), f.contactID(), f.contactID()
		var all []segments.Membership
		for _, id := range []contacts.ID{one, two} {
			for _, s := range []segments.ID{x, y} {
				for revision := 1; revision <= 2; revision++ {
					all = append(all, segments.Membership{SegmentID: s, ContactID: id, Revision: revision, Member: true, Since: start})
				}
			}
		}
		f.members(all...)
		f.save(segments.Membership{SegmentID: y, ContactID: one, Revision: 1}, segments.Membership{SegmentID: x, ContactID: two, Revision: 2})
		want := slices.Concat(all[:2], all[3:5], all[6:])
		f.Same(f.rows([]segments.ID{y, x}, two, one), want)
	})
	run(t, a, "locks the rows of the segments and contacts that are named", func(f *fixture) {
		x, y, one, two := f.segmentID(), f.segmentID(), f.contactID(), f.contactID()
		in := func(s segments.ID, id contacts.ID) segments.Membership {
			return segments.Membership{SegmentID: s, ContactID: id, Revision: 1, DueAt: far}
		}
		f.members(in(x, one), in(y, one), in(x, two))
		f.Same(f.rows([]segments.ID{x}, one), []segments.Membership{in(x, one)})
		f.Same(f.rows([]segments.ID{y, x}, two, one), []segments.Membership{in(x, one), in(y, one), in(x, two)})
		f.Same(f.rows(nil, one), []segments.Membership(nil))
	})
	run(t, a, "answers and counts members alone, of the revision asked, in pages by contact", func(f *fixture) {
		s, other := f.segmentID(), f.segmentID()
		var want []segments.Membership
		var ids []contacts.ID
		for i := range 9 {
			m := segments.Membership{SegmentID: s, ContactID: f.contactID(), Revision: 2, Member: i%3 != 0, Since: start, DueAt: far}
			f.members(m,
				segments.Membership{SegmentID: s, ContactID: m.ContactID, Revision: 1, Member: true, Since: start},
				segments.Membership{SegmentID: other, ContactID: m.ContactID, Revision: 2, Member: true, Since: start})
			if ids = append(ids, m.ContactID); m.Member {
				want = append(want, m)
			}
		}
		var got []segments.Membership
		page := engage.PageRequest{Limit: 4}
		for {
			part, err := f.Members.Members(f.Ctx, f.WS, s, 2, page)
			f.No(err)
			got = append(got, part.Items...)
			if page.After = part.Next; part.Next == "" {
				break
			}
			if len(got) == 4 { // somebody comes behind the cursor's row and somebody before it goes
				f.save(segments.Membership{SegmentID: s, ContactID: want[0].ContactID, Revision: 2})
				_, err := f.Members.Members(f.Ctx, f.WS, s, 1, page)
				f.Code(err, engage.Invalid)
				_, err = f.Members.Members(f.Ctx, f.Other, s, 2, page)
				f.Code(err, engage.Invalid)
			}
		}
		f.Same(got, want)
		n, err := f.Members.Count(f.Ctx, f.WS, s, 2)
		f.No(err)
		f.Same(n, len(want)-1)
		of, err := f.Members.Of(f.Ctx, f.WS, ids[3:5])
		f.No(err)
		f.Same(of, []segments.Membership{
			{SegmentID: s, ContactID: ids[3], Revision: 1, Member: true, Since: start},
			{SegmentID: other, ContactID: ids[3], Revision: 2, Member: true, Since: start},
			{SegmentID: s, ContactID: ids[4], Revision: 1, Member: true, Since: start},
			want[2],
			{SegmentID: other, ContactID: ids[4], Revision: 2, Member: true, Since: start},
		})
	})
	run(t, a, "forgets contacts in all segments", func(f *fixture) {
		s, one, two := f.segmentID(), f.contactID(), f.contactID()
		f.members(segments.Membership{SegmentID: s, ContactID: one, Revision: 1, Member: true, Since: start},
			segments.Membership{SegmentID: f.segmentID(), ContactID: one, Revision: 1, DueAt: far},
			segments.Membership{SegmentID: s, ContactID: two, Revision: 1, Member: true, Since: start})
		f.In(func(ctx context.Context) error { return f.Members.Forget(ctx, f.WS, []contacts.ID{one, f.contactID()}) })
		got, err := f.Members.Of(f.Ctx, f.WS, []contacts.ID{one, two})
		f.No(err)
		f.Same(got, []segments.Membership{{SegmentID: s, ContactID: two, Revision: 1, Member: true, Since: start}})
	})
	run(t, a, "discards revisions before those that stay, by parts", func(f *fixture) {
		one, two, other := f.segmentID(), f.segmentID(), f.segmentID()
		var ids []contacts.ID
		for i := range 5 {
			id := f.contactID()
			ids = append(ids, id)
			for revision := 1; revision <= 3; revision++ {
				for _, s := range []segments.ID{one, two, other} {
					f.members(segments.Membership{SegmentID: s, ContactID: id, Revision: revision, Member: i%2 == 0, Since: start, DueAt: far})
				}
			}
		}
		discard := func(purges []segments.Purge, want ...int) {
			f.T.Helper()
			for _, n := range want {
				f.In(func(ctx context.Context) error {
					got, err := f.Members.Discard(ctx, f.WS, purges, 6)
					f.Same(got, n)
					return err
				})
			}
		}
		left := func(want ...segments.ID) {
			f.T.Helper()
			var got []segments.ID
			for _, m := range f.rows([]segments.ID{one, two, other}, ids[0]) {
				got = append(got, m.SegmentID)
			}
			f.Same(got, want)
		}
		// What is built meanwhile has a later revision.
		discard([]segments.Purge{{SegmentID: two, Keep: 2}}, 5, 0)
		left(one, one, one, two, two, other, other, other)
		// Of one all but the last revision, of two all that is left, of one that
		// there is not nothing: 10 and 10.
		discard([]segments.Purge{{SegmentID: one, Keep: 3}, {SegmentID: f.segmentID()}, {SegmentID: two}, {SegmentID: two, Keep: 1}}, 6, 6, 6, 2, 0)
		left(one, other, other, other)
	})
	run(t, a, "keeps a whole batch, adds it, changes it and removes it", func(f *fixture) {
		s := f.segmentID()
		all, ids := make([]segments.Membership, engage.MaxBatch), make([]contacts.ID, engage.MaxBatch)
		for i := range all {
			ids[i] = f.contactID()
			all[i] = segments.Membership{SegmentID: s, ContactID: ids[i], Revision: 1, Member: true, Since: start, DueAt: far}
		}
		f.members(all...)
		for i := range all {
			all[i].DueAt = far.Add(time.Duration(i) * time.Microsecond)
		}
		f.save(all...)
		f.Same(f.rows([]segments.ID{s}, ids...), all)
		for i := range all {
			all[i].Member, all[i].DueAt = false, time.Time{}
		}
		f.save(all...)
		f.Same(f.rows([]segments.ID{s}, ids...), []segments.Membership(nil))
	})
}

// timerCases claim in all workspaces of the database, so they run one after
// another, behind the others, and look at what is theirs.
func timerCases(t *testing.T, a Adapter) {
	single := func(name string, fn func(f *fixture)) {
		t.Run(name, func(t *testing.T) { fn(newFixture(t, a)) })
	}
	single("claims what is due, once until the lease ends", func(f *fixture) {
		s, now := f.segmentID(), start
		ids := []contacts.ID{f.contactID(), f.contactID(), f.contactID()}
		m := func(i int, due time.Time) segments.Membership {
			return segments.Membership{SegmentID: s, ContactID: ids[i], Revision: 1, Member: i == 0, Since: start, DueAt: due}
		}
		f.members(m(0, now), m(1, now.Add(-time.Hour)), m(2, now.Add(time.Microsecond)))
		want := []segments.Due{{Workspace: f.WS, SegmentID: s, ContactID: ids[0]}, {Workspace: f.WS, SegmentID: s, ContactID: ids[1]}}
		f.Same(f.claim(now, 100), want)
		f.Same(f.claim(now, 100), []segments.Due(nil))
		f.Same(f.rows([]segments.ID{s}, ids...), []segments.Membership{m(0, now.Add(time.Minute)), m(1, now.Add(time.Minute)), m(2, now.Add(time.Microsecond))})
		f.save(m(1, far))
		later := now.Add(time.Minute)
		f.Same(f.claim(later, 100), []segments.Due{want[0], {Workspace: f.WS, SegmentID: s, ContactID: ids[2]}})
		f.save(m(0, far), m(2, far))
	})
	single("names a contact once for all revisions", func(f *fixture) {
		s, id := f.segmentID(), f.contactID()
		for revision := 1; revision <= 3; revision++ {
			f.members(segments.Membership{SegmentID: s, ContactID: id, Revision: revision, DueAt: start})
		}
		f.Same(f.claim(start, 100), []segments.Due{{Workspace: f.WS, SegmentID: s, ContactID: id}})
		f.In(func(ctx context.Context) error { return f.Members.Forget(ctx, f.WS, []contacts.ID{id}) })
	})
	single("leaves nothing claimed after a rollback, and claims in a shard's transaction alone", func(f *fixture) {
		s, id := f.segmentID(), f.contactID()
		f.members(segments.Membership{SegmentID: s, ContactID: id, Revision: 1, DueAt: start})
		claim := func(ctx context.Context) error {
			return porttest.Err(f.Due.ClaimDueAcross(ctx, engage.DefaultShard, start, time.Minute, 10))
		}
		f.Code(claim(f.Ctx), engage.FailedPrecondition)
		f.Code(f.Try(claim), engage.FailedPrecondition)
		undo := engage.ErrUnimplemented
		err := f.Tx.InShard(f.Ctx, engage.DefaultShard, func(ctx context.Context) error {
			f.No(claim(ctx))
			return undo
		})
		f.Code(err, engage.Unimplemented)
		f.Same(f.claim(start, 100), []segments.Due{{Workspace: f.WS, SegmentID: s, ContactID: id}})
		f.In(func(ctx context.Context) error { return f.Members.Forget(ctx, f.WS, []contacts.ID{id}) })
	})
	single("has a flood wait behind its own workspace", func(f *fixture) {
		s := f.segmentID()
		var flood []segments.Membership
		for range 300 {
			flood = append(flood, segments.Membership{SegmentID: s, ContactID: f.contactID(), Revision: 1, DueAt: start.Add(-time.Hour)})
		}
		f.members(flood...)
		quiet := segments.Membership{SegmentID: s, ContactID: f.contactID(), Revision: 1, DueAt: start}
		f.InOf(f.Other, func(ctx context.Context) error { return f.Members.Add(ctx, f.Other, []segments.Membership{quiet}) })
		claimed, total, found := f.claim(start, 20), 0, false
		for range 2 { // a claim may begin with either workspace, but it shares
			total += len(claimed)
			found = found || slices.Contains(claimed, segments.Due{Workspace: f.Other, SegmentID: s, ContactID: quiet.ContactID})
			claimed = f.claim(start, 20)
		}
		if !found || total > 40 {
			f.T.Fatalf("%d were claimed, the quiet workspace's among them: %v", total, found)
		}
		seen := map[segments.Due]bool{}
		for ; len(claimed) > 0; claimed = f.claim(start, 20) {
			if total += len(claimed); len(claimed) > 20 {
				f.T.Fatalf("%d claimed at once, want at most 20", len(claimed))
			}
			for _, due := range claimed {
				if seen[due] {
					f.T.Fatalf("%v was claimed twice", due)
				}
				seen[due] = true
			}
		}
		if total != 301 {
			f.T.Fatalf("%d were claimed in all, want 301", total)
		}
	})
}

// claim answers what was claimed in the fixture's workspaces, ordered.
func (f *fixture) claim(now time.Time, limit int) (mine []segments.Due) {
	f.T.Helper()
	err := f.Tx.InShard(f.Ctx, engage.DefaultShard, func(ctx context.Context) error {
		claimed, err := f.Due.ClaimDueAcross(ctx, engage.DefaultShard, now, time.Minute, limit)
		mine = slices.DeleteFunc(claimed, func(d segments.Due) bool { return d.Workspace != f.WS && d.Workspace != f.Other })
		return err
	})
	f.No(err)
	slices.SortFunc(mine, func(a, b segments.Due) int { return a.ContactID.Compare(b.ContactID) })
	return mine
}
