package contacts_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

func TestTags(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		are  string
		test func(b *testBundle)
	}{
		{"are unique whatever their case and spacing, and keep the case they were given in", func(b *testBundle) {
			tag, err := b.service.CreateTag(b.ctx, b.ws, "Big  Spender ﬁ")
			b.no(err)
			b.tells(`contacts.tag.changed.v1 {"tag_id":"` + tag.ID.String() + `","change":"created","name":"Big  Spender ﬁ"}`)
			for _, name := range []string{"big spender fi", " BIG SPENDER FI ", "Big\u00a0Spender ﬁ"} {
				_, err := b.service.CreateTag(b.ctx, b.ws, name)
				b.code(err, engage.AlreadyExists)
				found, err := b.service.FindTag(b.ctx, b.ws, name)
				b.no(err)
				b.same(found, tag)
			}
			_, err = b.service.FindTag(b.ctx, b.ws, "small spender")
			b.code(err, engage.NotFound)
		}},
		{"keep their id and contacts when they are renamed", func(b *testBundle) {
			c := b.contact("1")
			tag, err := b.service.CreateTag(b.ctx, b.ws, "VIP")
			b.no(err)
			other, err := b.service.CreateTag(b.ctx, b.ws, "Other")
			b.no(err)
			_, err = b.service.AddTag(b.ctx, b.ws, tag.ID, c.ID)
			b.no(err)
			b.published()
			b.clock.Advance(time.Hour)
			renamed, err := b.service.RenameTag(b.ctx, b.ws, tag.ID, "vip")
			b.no(err)
			b.same(renamed, contacts.Tag{ID: tag.ID, Name: "vip", Key: "vip", CreatedAt: start, UpdatedAt: start.Add(time.Hour), Version: 2})
			b.tells(`contacts.tag.changed.v1 {"tag_id":"` + tag.ID.String() + `","change":"updated","name":"vip"}`)
			_, err = b.service.RenameTag(b.ctx, b.ws, tag.ID, "OTHER")
			b.code(err, engage.AlreadyExists)
			_, err = b.service.RenameTag(b.ctx, b.ws, contacts.TagID{9}, "new")
			b.code(err, engage.NotFound)
			taggings, err := b.service.TagsOf(b.ctx, b.ws, c.ID)
			b.no(err)
			b.same(taggings[0].TagID, tag.ID)
			page, err := b.service.Tags(b.ctx, b.ws, engage.PageRequest{})
			b.no(err)
			b.same(page.Items, []contacts.Tag{other, renamed})
		}},
		{"leave their contacts when they are deleted", func(b *testBundle) {
			c := b.contact("1")
			tag, err := b.service.CreateTag(b.ctx, b.ws, "VIP")
			b.no(err)
			_, err = b.service.AddTag(b.ctx, b.ws, tag.ID, c.ID)
			b.no(err)
			b.published()
			b.no(b.service.DeleteTag(b.ctx, b.ws, tag.ID))
			b.tells(`contacts.tag.changed.v1 {"tag_id":"` + tag.ID.String() + `","change":"deleted","name":""}`)
			b.code(b.service.DeleteTag(b.ctx, b.ws, tag.ID), engage.NotFound)
			taggings, err := b.service.TagsOf(b.ctx, b.ws, c.ID)
			b.no(err)
			b.same(len(taggings), 0)
		}},
		{"are put on contacts once and taken from them once", func(b *testBundle) {
			one, two := b.contact("1"), b.contact("2")
			tag, err := b.service.CreateTag(b.ctx, b.ws, "VIP")
			b.no(err)
			b.published()
			n, err := b.service.AddTag(b.ctx, b.ws, tag.ID, two.ID, one.ID, two.ID)
			b.no(err)
			b.same(n, 2)
			event := func(c contacts.Contact, assigned bool) string {
				return fmt.Sprintf(`contacts.tag.assigned.v1 {"contact_id":"%s","tag_id":"%s","assigned":%t}`, c.ID, tag.ID, assigned)
			}
			b.tells(event(one, true), event(two, true))
			n, err = b.service.AddTag(b.ctx, b.ws, tag.ID, one.ID)
			b.no(err)
			b.same(n, 0)
			b.tells()
			n, err = b.service.RemoveTag(b.ctx, b.ws, tag.ID, one.ID, one.ID)
			b.no(err)
			b.same(n, 1)
			b.tells(event(one, false))
			n, err = b.service.RemoveTag(b.ctx, b.ws, tag.ID, one.ID)
			b.no(err)
			b.same(n, 0)
			b.tells()
		}},
		{"name missing and absorbed contacts by the caller's index", func(b *testBundle) {
			c, seen := b.contact("1"), b.identify(device("d")).Contact
			b.identify(user("1"), device("d"))
			tag, err := b.service.CreateTag(b.ctx, b.ws, "VIP")
			b.no(err)
			b.published()
			_, err = b.service.AddTag(b.ctx, b.ws, tag.ID, contacts.ID{0xff}, c.ID, seen.ID, contacts.ID{})
			b.code(err, engage.NotFound, "[0]", "[2]", "[3]")
			_, err = b.service.AddTag(b.ctx, b.ws, contacts.TagID{9}, c.ID)
			b.code(err, engage.NotFound)
			b.tells()
		}},
		{"go on more contacts than a batch, chunk by chunk", func(b *testBundle) {
			profiles := make([]contacts.Profile, engage.MaxBatch+1)
			for i := range profiles {
				profiles[i] = profile(user(fmt.Sprint(i)))
			}
			var ids []contacts.ID
			for _, one := range b.identifyAll(profiles...) {
				ids = append(ids, one.Contact.ID)
			}
			slices.Reverse(ids)
			tag, err := b.service.CreateTag(b.ctx, b.ws, "VIP")
			b.no(err)
			n, err := b.service.AddTag(b.ctx, b.ws, tag.ID, append(slices.Clone(ids), contacts.ID{9})...)
			partial, ok := errors.AsType[*engage.PartialError](err)
			if !ok || partial.Done != engage.MaxBatch || n != engage.MaxBatch {
				b.t.Fatalf("%d, %v", n, err)
			}
			b.code(err, engage.NotFound, fmt.Sprintf("[%d]", engage.MaxBatch+1))
			taggings, err := b.service.TagsOf(b.ctx, b.ws, ids[engage.MaxBatch])
			b.no(err)
			b.same(len(taggings), 0) // the caller's last one, in the second chunk
		}},
		{"have a name of some sense and length", func(b *testBundle) {
			for _, name := range []string{"", "  ", "a\x00b", "\xff", "tab\t", strings.Repeat("x", contacts.MaxNameBytes+1), strings.Repeat("\ufdfa", 33)} {
				_, err := b.service.CreateTag(b.ctx, b.ws, name)
				b.code(err, engage.Invalid, "name")
			}
			b.tells()
		}},
	} {
		t.Run(c.are, func(t *testing.T) {
			t.Parallel()
			c.test(setup(t))
		})
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		are  string
		test func(b *testBundle)
	}{
		{"are made, changed, listed and deleted with their memberships", func(b *testBundle) {
			list, err := b.service.CreateList(b.ctx, b.ws, "News", "")
			b.no(err)
			b.same(list.Visibility, contacts.Private)
			second, err := b.service.CreateList(b.ctx, b.ws, "News", contacts.Public)
			b.no(err)
			b.clock.Advance(time.Hour)
			got, err := b.service.UpdateList(b.ctx, b.ws, list.ID, func(l *contacts.List) error {
				l.Name, l.Visibility, l.ID, l.Version = "Updates", contacts.Public, contacts.ListID{9}, 77
				return nil
			})
			b.no(err)
			b.same(got, contacts.List{ID: list.ID, Name: "Updates", Visibility: contacts.Public, CreatedAt: start, UpdatedAt: start.Add(time.Hour), Version: 2})
			page, err := b.service.Lists(b.ctx, b.ws, engage.PageRequest{})
			b.no(err)
			b.same(page.Items, []contacts.List{got, second})
			c := b.contact("1")
			_, err = b.service.SetMemberships(b.ctx, b.ws, contacts.Membership{ListID: list.ID, ContactID: c.ID, State: contacts.Subscribed})
			b.no(err)
			b.published()
			b.no(b.service.DeleteList(b.ctx, b.ws, list.ID))
			b.tells(`contacts.list.changed.v1 {"list_id":"` + list.ID.String() + `","change":"deleted","name":""}`)
			b.code(b.service.DeleteList(b.ctx, b.ws, list.ID), engage.NotFound)
			memberships, err := b.service.MembershipsOf(b.ctx, b.ws, c.ID)
			b.no(err)
			b.same(len(memberships), 0)
		}},
		{"are told of when they are made and changed", func(b *testBundle) {
			list, err := b.service.CreateList(b.ctx, b.ws, "News", "")
			b.no(err)
			_, err = b.service.UpdateList(b.ctx, b.ws, list.ID, func(l *contacts.List) error { l.Name = "Updates"; return nil })
			b.no(err)
			id := list.ID.String()
			b.tells(`contacts.list.changed.v1 {"list_id":"`+id+`","change":"created","name":"News"}`, `contacts.list.changed.v1 {"list_id":"`+id+`","change":"updated","name":"Updates"}`)
		}},
		{"are refused with a bad name or visibility, and not found when missing", func(b *testBundle) {
			_, err := b.service.CreateList(b.ctx, b.ws, "", "secret")
			b.code(err, engage.Invalid, "name", "visibility")
			list, err := b.service.CreateList(b.ctx, b.ws, "News", "")
			b.no(err)
			_, err = b.service.UpdateList(b.ctx, b.ws, list.ID, func(l *contacts.List) error { l.Name = "\x00"; return nil })
			b.code(err, engage.Invalid, "name")
			_, err = b.service.UpdateList(b.ctx, b.ws, contacts.ListID{9}, func(*contacts.List) error { return nil })
			b.code(err, engage.NotFound)
		}},
		{"answer their members by state", func(b *testBundle) {
			list, err := b.service.CreateList(b.ctx, b.ws, "News", "")
			b.no(err)
			var wanted []contacts.Membership
			for i, state := range []contacts.MembershipState{contacts.Pending, contacts.Subscribed, contacts.Unsubscribed, contacts.Subscribed} {
				wanted = append(wanted, contacts.Membership{ListID: list.ID, ContactID: b.contact(fmt.Sprint(i)).ID, State: state, Source: "form"})
			}
			b.published()
			n, err := b.service.SetMemberships(b.ctx, b.ws, wanted...)
			b.no(err)
			b.same(n, 4)
			b.tells(`contacts.list.membership_changed.v1 {"list_id":"`+list.ID.String()+`","contact_id":"`+wanted[0].ContactID.String()+`","to":"pending","source":"form"}`,
				`contacts.list.membership_changed.v1 *`, `contacts.list.membership_changed.v1 *`, `contacts.list.membership_changed.v1 *`)
			for i := range wanted {
				wanted[i].At = start
			}
			for state, want := range map[contacts.MembershipState][]contacts.Membership{
				"": wanted, contacts.Subscribed: {wanted[1], wanted[3]}, contacts.Bounced: nil,
			} {
				page, err := b.service.Members(b.ctx, b.ws, list.ID, state, engage.PageRequest{})
				b.no(err)
				b.same(page.Items, want)
			}
		}},
		{"name what is wrong with a call by index, and change nothing then", func(b *testBundle) {
			list, err := b.service.CreateList(b.ctx, b.ws, "News", "")
			b.no(err)
			c, d := b.contact("1"), b.contact("2")
			in := func(list contacts.ListID, c contacts.ID, state contacts.MembershipState) contacts.Membership {
				return contacts.Membership{ListID: list, ContactID: c, State: state}
			}
			b.published()
			bad := in(list.ID, d.ID, contacts.Pending)
			bad.Source = "\xff"
			_, err = b.service.SetMemberships(b.ctx, b.ws, in(list.ID, c.ID, "member"), in(list.ID, c.ID, ""), bad)
			b.code(err, engage.Invalid, "[0].state", "[1].state", "[1]", "[2].source")
			_, err = b.service.SetMemberships(b.ctx, b.ws, in(list.ID, c.ID, contacts.Pending), in(contacts.ListID{9}, c.ID, contacts.Pending))
			b.code(err, engage.NotFound, "[1].list_id")
			_, err = b.service.SetMemberships(b.ctx, b.ws, in(list.ID, c.ID, contacts.Pending), in(list.ID, contacts.ID{9}, contacts.Pending))
			b.code(err, engage.NotFound, "[1]")
			_, err = b.service.SetMemberships(b.ctx, b.ws, in(list.ID, c.ID, contacts.Pending), in(list.ID, d.ID, contacts.Complained))
			b.code(err, engage.FailedPrecondition, "[1].state")
			_, err = b.service.SetMemberships(b.ctx, b.ws, make([]contacts.Membership, engage.MaxBatch+1)...)
			b.code(err, engage.Invalid)
			b.tells()
			memberships, err := b.service.MembershipsOf(b.ctx, b.ws, c.ID, d.ID)
			b.no(err)
			b.same(len(memberships), 0)
		}},
	} {
		t.Run(c.are, func(t *testing.T) {
			t.Parallel()
			c.test(setup(t))
		})
	}
}

// The table of all moves: a row is where a membership stands, a letter what
// happens when it is to go to the state above it: moves, stays, or is refused.
func TestAMembershipMoves(t *testing.T) {
	t.Parallel()
	states := []contacts.MembershipState{contacts.Pending, contacts.Subscribed, contacts.Unsubscribed, contacts.Bounced, contacts.Complained}
	table := []struct {
		from contacts.MembershipState
		// PSUBC
		to string
	}{
		{"", "mmm.."},
		{contacts.Pending, "smmm."},
		{contacts.Subscribed, ".smmm"},
		{contacts.Unsubscribed, "mms.."},
		{contacts.Bounced, "mmms."},
		{contacts.Complained, "m.m.s"},
	}
	if len(table) != len(states)+1 {
		t.Fatal("a state has no row")
	}
	for _, row := range table {
		for i, cell := range strings.Split(row.to, "") {
			t.Run(fmt.Sprintf("from %q to %q: %s", row.from, states[i], cell), func(t *testing.T) {
				t.Parallel()
				before := contacts.Membership{State: row.from, Source: "before", At: start}
				m := before
				moved, err := m.Become(states[i], "after", start.Add(time.Hour))
				want := before
				if cell == "m" {
					want = contacts.Membership{State: states[i], Source: "after", At: start.Add(time.Hour)}
				}
				if moved != (cell == "m") || m != want {
					t.Errorf("moved %t to %+v", moved, m)
				}
				if (cell == ".") != errors.Is(err, engage.ErrFailedPrecondition) {
					t.Errorf("error %v", err)
				}
			})
		}
	}
}
