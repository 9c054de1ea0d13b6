package contactstest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

func (f *fixture) tag(name string) contacts.Tag {
	return contacts.Tag{
		ID: contacts.TagID(f.IDs.NewID()), Name: name, Key: name, CreatedAt: start, UpdatedAt: start.Add(time.Microsecond), Version: 1,
	}
}

func tagCases(t *testing.T, a Adapter) {
	run(t, a, "keeps tags by key, compared by its bytes", func(f *fixture) {
		var want []contacts.Tag
		for _, key := range hostile() {
			if len(key) <= contacts.MaxNameBytes {
				want = append(want, f.tag(key))
			}
		}
		f.In(func(ctx context.Context) error {
			for _, tag := range want {
				if err := f.Tags.Insert(ctx, f.WS, tag); err != nil {
					return err
				}
			}
			return nil
		})
		for _, tag := range want {
			got, err := f.Tags.Find(f.Ctx, f.WS, tag.Key)
			f.No(err)
			f.Same(got, tag)
		}
		_, err := f.Tags.Find(f.Ctx, f.WS, "aLICE")
		f.Code(err, engage.NotFound)
		slices.SortFunc(want, func(a, b contacts.Tag) int { return compare(a.Key, b.Key) })
		var got []contacts.Tag
		page := engage.PageRequest{Limit: 7}
		for {
			part, err := f.Tags.List(f.Ctx, f.WS, page)
			f.No(err)
			got = append(got, part.Items...)
			if page.After = part.Next; part.Next == "" {
				break
			}
		}
		f.Same(got, want)
	})
	run(t, a, "refuses a taken key, a stale version and a missing tag", func(f *fixture) {
		one, two := f.tag("one"), f.tag("two")
		insert := func(tag contacts.Tag) error {
			return f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error { return f.Tags.Insert(ctx, f.WS, tag) })
		}
		update := func(tag contacts.Tag) error {
			return f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error { return f.Tags.Update(ctx, f.WS, tag) })
		}
		f.No(insert(one))
		f.No(insert(two))
		twin := f.tag("one")
		f.Code(insert(twin), engage.AlreadyExists)
		f.Code(update(twin), engage.NotFound)
		two.Key = "one"
		f.Code(update(two), engage.AlreadyExists)
		two.Key, two.Name = "TWO", "Two"
		f.No(update(two))
		f.Code(update(two), engage.Conflict)
		two.Version = 2
		got, err := f.Tags.Get(f.Ctx, f.WS, []contacts.TagID{two.ID, twin.ID})
		f.No(err)
		f.Same(got, []contacts.Tag{two})
	})
	run(t, a, "says which taggings were new and which there were", func(f *fixture) {
		c, tag, other := f.contact(), f.tag("a"), f.tag("b")
		f.insert(c)
		f.In(func(ctx context.Context) error {
			if err := f.Tags.Insert(ctx, f.WS, tag); err != nil {
				return err
			}
			return f.Tags.Insert(ctx, f.WS, other)
		})
		all := []contacts.Tagging{{ContactID: c.ID, TagID: other.ID, At: start}, {ContactID: c.ID, TagID: tag.ID, At: start}}
		f.In(func(ctx context.Context) error {
			isNew, err := f.Taggings.Assign(ctx, f.WS, all[:1])
			f.Same(isNew, []bool{true})
			return err
		})
		later := slices.Clone(all)
		later[0].At = start.Add(time.Hour)
		f.In(func(ctx context.Context) error {
			isNew, err := f.Taggings.Assign(ctx, f.WS, later)
			f.Same(isNew, []bool{false, true})
			return err
		})
		got, err := f.Taggings.Of(f.Ctx, f.WS, []contacts.ID{c.ID})
		f.No(err)
		f.Same(got, []contacts.Tagging{all[1], all[0]})
		f.In(func(ctx context.Context) error {
			existed, err := f.Taggings.Unassign(ctx, f.WS, []contacts.Tagging{{ContactID: f.contactID(), TagID: tag.ID}, all[1]})
			f.Same(existed, []bool{false, true})
			return err
		})
	})
	run(t, a, "forgets a deleted tag on its contacts", func(f *fixture) {
		c, tag := f.contact(), f.tag("a")
		f.insert(c)
		f.In(func(ctx context.Context) error {
			if err := f.Tags.Insert(ctx, f.WS, tag); err != nil {
				return err
			}
			_, err := f.Taggings.Assign(ctx, f.WS, []contacts.Tagging{{ContactID: c.ID, TagID: tag.ID, At: start}})
			return err
		})
		remove := func(ctx context.Context) error { return f.Tags.Delete(ctx, f.WS, tag.ID) }
		f.In(remove)
		f.Code(f.Tx.InTx(f.Ctx, f.WS, remove), engage.NotFound)
		got, err := f.Taggings.Of(f.Ctx, f.WS, []contacts.ID{c.ID})
		f.No(err)
		f.Same(got, []contacts.Tagging(nil))
	})
	run(t, a, "lists who has a tag, moves tags to survivors and forgets them", func(f *fixture) {
		tag, other := f.tag("a"), f.tag("b")
		var all []contacts.Contact
		var ids []contacts.ID
		var taggings []contacts.Tagging
		for range 5 {
			c := f.contact()
			all, ids = append(all, c), append(ids, c.ID)
			taggings = append(taggings, contacts.Tagging{ContactID: c.ID, TagID: tag.ID, At: start})
		}
		taggings = append(taggings, contacts.Tagging{ContactID: ids[4], TagID: other.ID, At: start})
		f.insert(all...)
		f.In(func(ctx context.Context) error {
			f.No(f.Tags.Insert(ctx, f.WS, tag))
			f.No(f.Tags.Insert(ctx, f.WS, other))
			_, err := f.Taggings.Assign(ctx, f.WS, taggings)
			return err
		})
		tagged := func() []contacts.ID {
			var got []contacts.ID
			page := engage.PageRequest{Limit: 2}
			for {
				part, err := f.Taggings.Tagged(f.Ctx, f.WS, tag.ID, page)
				f.No(err)
				got = append(got, part.Items...)
				if page.After = part.Next; part.Next == "" {
					return got
				}
			}
		}
		f.Same(tagged(), ids)
		f.In(func(ctx context.Context) error {
			return f.Taggings.Move(ctx, f.WS, []contacts.Absorption{{Absorbed: ids[3], Survivor: ids[0]}, {Absorbed: ids[4], Survivor: ids[0]}})
		})
		f.Same(tagged(), ids[:3])
		got, err := f.Taggings.Of(f.Ctx, f.WS, []contacts.ID{ids[0]})
		f.No(err)
		f.Same(got, []contacts.Tagging{{ContactID: ids[0], TagID: tag.ID, At: start}, {ContactID: ids[0], TagID: other.ID, At: start}})
		f.In(func(ctx context.Context) error { return f.Taggings.Forget(ctx, f.WS, ids[1:3]) })
		f.Same(tagged(), ids[:1])
	})
}

func listCases(t *testing.T, a Adapter) {
	run(t, a, "keeps lists and refuses a stale version and a missing list", func(f *fixture) {
		list := contacts.List{ID: contacts.ListID(f.IDs.NewID()), Name: "News 😀", Visibility: contacts.Public, CreatedAt: start, UpdatedAt: start, Version: 1}
		insert := func(ctx context.Context) error { return f.Lists.Insert(ctx, f.WS, list) }
		f.In(insert)
		f.Code(f.Tx.InTx(f.Ctx, f.WS, insert), engage.AlreadyExists)
		list.Name, list.Visibility = "Updates", contacts.Private
		update := func(ctx context.Context) error { return f.Lists.Update(ctx, f.WS, list) }
		f.In(update)
		f.Code(f.Tx.InTx(f.Ctx, f.WS, update), engage.Conflict)
		list.Version = 2
		got, err := f.Lists.Get(f.Ctx, f.WS, []contacts.ListID{list.ID})
		f.No(err)
		f.Same(got, []contacts.List{list})
		remove := func(ctx context.Context) error { return f.Lists.Delete(ctx, f.WS, list.ID) }
		f.In(remove)
		f.Code(f.Tx.InTx(f.Ctx, f.WS, remove), engage.NotFound)
		f.Code(f.Tx.InTx(f.Ctx, f.WS, update), engage.NotFound)
	})
	run(t, a, "pages lists by id", func(f *fixture) {
		var want []contacts.List
		for i := range 5 {
			want = append(want, contacts.List{ID: contacts.ListID(f.IDs.NewID()), Name: fmt.Sprint(9 - i), Visibility: contacts.Public, CreatedAt: start, UpdatedAt: start, Version: 1})
		}
		f.In(func(ctx context.Context) error {
			for _, list := range want {
				f.No(f.Lists.Insert(ctx, f.WS, list))
			}
			return nil
		})
		first, err := f.Lists.List(f.Ctx, f.WS, engage.PageRequest{Limit: 3})
		f.No(err)
		second, err := f.Lists.List(f.Ctx, f.WS, engage.PageRequest{Limit: 3, After: first.Next})
		f.No(err)
		f.Same(append(first.Items, second.Items...), want)
	})
	run(t, a, "keeps memberships, and of two the later when contacts merge", func(f *fixture) {
		w := newWorld(f)
		late, early, alone := f.contact(), f.contact(), f.contact()
		f.insert(late, early, alone)
		in := func(c contacts.Contact, state contacts.MembershipState, at time.Duration) contacts.Membership {
			return contacts.Membership{ListID: w.list.ID, ContactID: c.ID, State: state, Source: "form 😀", At: start.Add(at)}
		}
		all := []contacts.Membership{
			in(w.c, contacts.Subscribed, 1*time.Microsecond), in(late, contacts.Unsubscribed, 2*time.Microsecond),
			in(early, contacts.Complained, 0), in(alone, contacts.Pending, 0),
		}
		f.In(func(ctx context.Context) error { return f.Members.Put(ctx, f.WS, all) })
		members := func(state contacts.MembershipState) []contacts.Membership {
			page, err := f.Members.Members(f.Ctx, f.WS, w.list.ID, state, engage.PageRequest{})
			f.No(err)
			return page.Items
		}
		f.Same(members(""), all)
		f.Same(members(contacts.Pending), all[3:])
		f.In(func(ctx context.Context) error {
			locked, err := f.Members.Lock(ctx, f.WS, []contacts.Membership{all[2], {ListID: w.list.ID, ContactID: f.contactID()}})
			f.Same(locked, all[2:3])
			return err
		})
		f.In(func(ctx context.Context) error {
			return f.Members.Move(ctx, f.WS, []contacts.Absorption{{Absorbed: early.ID, Survivor: w.c.ID}, {Absorbed: late.ID, Survivor: w.c.ID}})
		})
		all[1].ContactID = w.c.ID
		f.Same(members(""), []contacts.Membership{all[1], all[3]})
		got, err := f.Members.Of(f.Ctx, f.WS, []contacts.ID{w.c.ID, alone.ID})
		f.No(err)
		f.Same(got, []contacts.Membership{all[1], all[3]})
		f.In(func(ctx context.Context) error { return f.Lists.Delete(ctx, f.WS, w.list.ID) })
		f.Same(members(""), []contacts.Membership(nil))
	})
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
