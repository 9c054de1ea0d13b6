package audittest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/audit"
)

// hostile are values that databases confuse.
func hostile() []string {
	return []string{
		"alice", "Alice", "ALICE", "alice ", " alice", "al ice", "ålice", "a\u030alice", "straße", "😀", "%", "_", `\`, `\\`, `'`, `''`, `"`,
		"?", "?0", "$1", "--", "null", "0", "1e0", "\u200balice", "\t\r\n",
	}
}

func entryCases(t *testing.T, a Adapter) {
	run(t, a, "answers what was stored, byte for byte", func(f *fixture) {
		var want []audit.Entry
		for i, text := range hostile() {
			e := f.entry(text, i)
			e.Actor, e.Subject.Type, e.Trace = engage.Actor{Type: text, ID: text}, text, text
			e.Data = fmt.Sprintf(`{"z":%q, "a": 1.50,"a":1e2,"n":"\u0000"}`, text)
			want = append(want, e)
		}
		plain := f.entry("empty", len(want))
		plain.Actor, plain.Subject, plain.Trace, plain.Data, plain.Salt = engage.Actor{}, engage.Ref{}, "", "", [16]byte{}
		large := f.entry("large", len(want)+1)
		large.Data = strings.Repeat("é😀", 40_000)
		want = append(want, plain, large)
		f.add(want...)
		slices.Reverse(want)
		f.Same(f.all(f.WS), want)
	})
	run(t, a, "keeps instants to the microsecond, in UTC, before 1970 too", func(f *fixture) {
		for _, at := range []time.Time{
			start, time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
		} {
			e := f.entry("x", 0)
			e.At = at
			f.add(e)
			got, err := f.Entries.List(f.Ctx, f.WS, audit.Query{Subject: e.Subject})
			f.No(err)
			if len(got.Items) != 1 || !got.Items[0].At.Equal(at) || got.Items[0].At.Location() != time.UTC {
				f.T.Errorf("stored %v, got %v", at, got.Items)
			}
		}
	})
	run(t, a, "stores entries without a place, whatever they say", func(f *fixture) {
		e := f.entry("x", 0)
		e.Number, e.Hash = 7, audit.Hash{7}
		f.add(e)
		e.Number, e.Hash = 0, audit.Hash{}
		f.Same(f.all(f.WS), []audit.Entry{e})
	})
	run(t, a, "refuses a taken id, and stores none of the call", func(f *fixture) {
		e := f.entry("x", 0)
		f.add(e)
		thief := f.entry("thief", 1)
		thief.ID = e.ID
		f.In(func(ctx context.Context) error { // which commits, although the call failed
			f.Code(f.Entries.Append(ctx, f.WS, []audit.Entry{f.entry("first", 2), thief, f.entry("last", 3)}), engage.AlreadyExists)
			twin := f.entry("twin", 4)
			f.Code(f.Entries.Append(ctx, f.WS, []audit.Entry{twin, twin}), engage.AlreadyExists)
			return nil
		})
		f.Same(f.all(f.WS), []audit.Entry{e})
	})
	run(t, a, "erases a workspace's trail and says how many entries there were", func(f *fixture) {
		w := newWorld(f)
		w.fill(f.Other)
		other := w.dump(f.Other)
		f.In(func(ctx context.Context) error {
			n, err := f.Entries.Erase(ctx, f.WS)
			f.Same(n, 2)
			return err
		})
		f.Same(f.all(f.WS), nil)
		head, err := f.Entries.Head(f.Ctx, f.WS)
		f.No(err)
		f.Same(head, audit.Head{})
		f.Same(w.dump(f.Other), other)
		w.fill(f.WS) // a trail begins anew
	})
}

func listCases(t *testing.T, a Adapter) {
	run(t, a, "orders entries by time and id, the newest first, also while others come", func(f *fixture) {
		var want []audit.Entry
		for i := range 9 {
			want = append(want, f.entry("x", i/3)) // three of one instant
		}
		f.add(want[4], want[8], want[0], want[1], want[2], want[3], want[5], want[6], want[7])
		slices.Reverse(want)
		page, err := f.Entries.List(f.Ctx, f.WS, audit.Query{PageRequest: engage.PageRequest{Limit: 4}})
		f.No(err)
		f.Same(page.Items, want[:4])
		_, err = f.Entries.List(f.Ctx, f.Other, audit.Query{PageRequest: engage.PageRequest{After: page.Next}})
		f.Code(err, engage.Invalid)
		_, err = f.Entries.List(f.Ctx, f.WS, audit.Query{Name: "x", PageRequest: engage.PageRequest{After: page.Next}})
		f.Code(err, engage.Invalid)
		f.add(f.entry("x", 10))
		page, err = f.Entries.List(f.Ctx, f.WS, audit.Query{PageRequest: engage.PageRequest{Limit: 5, After: page.Next}})
		f.No(err)
		f.Same(page.Items, want[4:])
		f.Same(page.Next, engage.Cursor(""))
		_, err = f.Entries.List(f.Ctx, f.WS, audit.Query{PageRequest: engage.PageRequest{Limit: engage.MaxPageSize + 1}})
		f.Code(err, engage.Invalid)
		damaged := engage.SealCursor(audit.Query{}.Binding(f.WS), []byte("x"))
		_, err = f.Entries.List(f.Ctx, f.WS, audit.Query{PageRequest: engage.PageRequest{After: damaged}})
		f.Code(err, engage.Invalid)
	})
	run(t, a, "selects by time, actor, subject and name, compared by their bytes", func(f *fixture) {
		var all []audit.Entry
		for i, text := range hostile() {
			e := f.entry(text, i)
			e.Actor = engage.Actor{Type: "user", ID: text}
			all = append(all, e)
		}
		api := f.entry("alice", len(all))
		api.Actor = engage.Actor{Type: "api_key", ID: "alice"}
		all = append(all, api)
		f.add(all...)
		for _, e := range all {
			for _, query := range []audit.Query{
				{Actor: e.Actor},
				{Subject: e.Subject},
				{Name: e.Name},
				{From: e.At, Until: e.At.Add(time.Microsecond)},
				{From: e.At},
				{Until: e.At},
				{Name: e.Name, Actor: e.Actor},
				{Name: e.Name, Subject: e.Subject, Actor: e.Actor, From: e.At, Until: e.At.Add(time.Hour)},
				{Name: e.Name, Actor: engage.Actor{Type: "nobody"}},
				{Subject: engage.Ref{Type: e.Subject.Type + "s", ID: e.Subject.ID}},
			} {
				var want []audit.Entry
				for _, other := range slices.Backward(all) {
					if query.Selects(other) {
						want = append(want, other)
					}
				}
				got, err := f.Entries.List(f.Ctx, f.WS, query)
				f.No(err)
				f.Same(got.Items, want)
			}
		}
	})
}

// link is the place of an entry.
func link(e audit.Entry, number int64) audit.Link {
	return audit.Link{ID: e.ID, Number: number, Hash: audit.Hash{byte(number), 0xff, 0, '\''}}
}

// chain gives entries of the fixture's workspace places.
func (f *fixture) chain(head audit.Head, links ...audit.Link) error {
	return f.Try(func(ctx context.Context) error { return f.Entries.Chain(ctx, f.WS, links, head) })
}

func chainCases(t *testing.T, a Adapter) {
	run(t, a, "gives entries their places, and moves the head", func(f *fixture) {
		one, two, three := f.entry("one", 1), f.entry("two", 2), f.entry("three", 3)
		f.add(one, two, three)
		head := audit.Head{Number: 2, Hash: audit.Hash{2, 0xfe}, At: start}
		f.No(f.chain(head, link(three, 1), link(one, 2)))
		head.Version = 1
		got, err := f.Entries.Head(f.Ctx, f.WS)
		f.No(err)
		f.Same(got, head)
		for _, done := range []struct {
			e    *audit.Entry
			link audit.Link
		}{{&three, link(three, 1)}, {&one, link(one, 2)}} {
			done.e.Number, done.e.Hash = done.link.Number, done.link.Hash
		}
		f.Same(f.all(f.WS), []audit.Entry{three, two, one})
		chained, err := f.Entries.Chained(f.Ctx, f.WS, audit.Link{}, 10)
		f.No(err)
		f.Same(chained, []audit.Entry{three, one})
		waiting, oldest, err := f.Entries.Waiting(f.Ctx, f.WS)
		f.No(err)
		f.Same(waiting, 1)
		f.Same(oldest, two.At)
	})
	run(t, a, "passes over missing entries and those that have a place", func(f *fixture) {
		one, two := f.entry("one", 1), f.entry("two", 2)
		f.add(one, two)
		f.No(f.chain(audit.Head{Number: 1, At: start}, link(one, 1)))
		f.No(f.chain(audit.Head{Number: 4, At: start, Version: 1}, link(one, 2), link(f.entry("missing", 3), 3), link(two, 4)))
		chained, err := f.Entries.Chained(f.Ctx, f.WS, audit.Link{}, 10)
		f.No(err)
		one.Number, one.Hash, two.Number, two.Hash = 1, link(one, 1).Hash, 4, link(two, 4).Hash
		f.Same(chained, []audit.Entry{one, two})
	})
	run(t, a, "moves the head from the version that was read", func(f *fixture) {
		one, two := f.entry("one", 1), f.entry("two", 2)
		f.add(one, two)
		f.Code(f.chain(audit.Head{Number: 1, At: start, Version: 1}, link(one, 1)), engage.Conflict)
		f.No(f.chain(audit.Head{Number: 1, At: start}, link(one, 1)))
		f.In(func(ctx context.Context) error { // which commits, although the calls failed
			f.Code(f.Entries.Chain(ctx, f.WS, []audit.Link{link(two, 1)}, audit.Head{Number: 1, At: start}), engage.Conflict)
			f.Code(f.Entries.Chain(ctx, f.WS, []audit.Link{link(two, 2)}, audit.Head{Number: 2, At: start, Version: 2}), engage.Conflict)
			return nil
		})
		n, _, err := f.Entries.Waiting(f.Ctx, f.WS)
		f.No(err)
		f.Same(n, 1)
		head, err := f.Entries.Head(f.Ctx, f.WS)
		f.No(err)
		f.Same(head, audit.Head{Number: 1, At: start, Version: 1})
	})
	run(t, a, "keeps a locked head from others", func(f *fixture) {
		f.No(f.chain(audit.Head{Number: 1, At: start}))
		const many = 6
		var wg sync.WaitGroup
		for range many {
			wg.Go(func() {
				err := f.Try(func(ctx context.Context) error {
					head, err := f.Entries.Lock(ctx, f.WS)
					if err != nil {
						return err
					}
					head.Number++
					return f.Entries.Chain(ctx, f.WS, nil, head)
				})
				if err != nil {
					f.T.Errorf("unexpected error: %v", err)
				}
			})
		}
		wg.Wait()
		head, err := f.Entries.Head(f.Ctx, f.WS)
		f.No(err)
		f.Same(head, audit.Head{Number: 1 + many, At: start, Version: 1 + many})
	})
	run(t, a, "answers the chain in pages, by number and id, whatever numbers there are", func(f *fixture) {
		var want []audit.Entry
		var links []audit.Link
		for _, number := range []int64{-3, -1, 1, 2, 2, 2, 7} {
			e := f.entry("x", len(want))
			links = append(links, link(e, number))
			want = append(want, e)
		}
		f.add(append(want, f.entry("waits", 99))...)
		f.No(f.chain(audit.Head{Number: 7, At: start}, links...))
		var got []audit.Entry
		for after := (audit.Link{}); ; {
			page, err := f.Entries.Chained(f.Ctx, f.WS, after, 2)
			f.No(err)
			if len(page) == 0 {
				break
			}
			got = append(got, page...)
			after = audit.Link{ID: page[len(page)-1].ID, Number: page[len(page)-1].Number}
		}
		for i := range want {
			want[i].Number, want[i].Hash = links[i].Number, links[i].Hash
		}
		f.Same(got, want)
	})
}
