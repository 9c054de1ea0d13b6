package segments_test

import (
	"testing"
	"time"

	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/segments/filter"
)

const hours, days = time.Hour, 24 * time.Hour

// trialists is the segment of the quickstart.
var trialists = filter.And(filter.Attr("plan").Is("trial"), filter.Event("signed_in").AtLeast(1).Within(7*days))

func TestAContact(t *testing.T) {
	t.Parallel()

	t.Run("enters when an attribute and an event meet, and exits by time alone", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id := b.segment(trialists)
		b.drain()
		ana := b.contact("ana", nil)
		b.did(ana, "signed_in", 0)
		b.drain()
		b.requireMembers(id)
		b.set(ana, "plan", attribute.String("trial"))
		b.drain()
		b.requireMembers(id, ana)
		b.requireMoves(move{ana, id, true, false})
		b.pass(7 * days)
		b.requireMembers(id, ana) // the window includes its ends
		b.pass(time.Microsecond)
		b.requireMembers(id)
		b.requireMoves(move{ana, id, false, false})
	})

	t.Run("stays while it keeps doing it", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id := b.segment(trialists)
		ana := b.contact("ana", attribute.Set{"plan": attribute.String("trial")})
		for range 10 {
			b.did(ana, "signed_in", 0)
			b.drain()
			b.pass(6 * days)
			b.requireMembers(id, ana)
		}
		b.requireMoves(move{ana, id, true, false})
		b.pass(6 * days)
		b.requireMoves(move{ana, id, false, false})
	})

	t.Run("enters at a count and exits when the oldest of those leaves the window", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id := b.segment(filter.Event("bought").AtLeast(3).Within(10 * days))
		ana := b.contact("ana", nil)
		for _, ago := range []time.Duration{20 * days, 9 * days, 5 * days, 0} {
			b.requireMembers(id)
			b.did(ana, "bought", ago)
			b.drain()
		}
		b.requireMembers(id, ana)
		b.pass(1 * days)
		b.requireMembers(id, ana)
		b.pass(time.Second)
		b.requireMembers(id)
		b.requireMoves(move{ana, id, true, false}, move{ana, id, false, false})
	})

	t.Run("is touched by a late event only if it lies in the window", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id := b.segment(filter.Event("signed_in").Within(7 * days))
		ana := b.contact("ana", nil)
		b.did(ana, "signed_in", 8*days)
		b.drain()
		b.requireMembers(id)
		b.did(ana, "signed_in", 6*days)
		b.drain()
		b.requireMembers(id, ana)
		b.pass(2 * days)
		b.requireMembers(id)
	})

	t.Run("enters by an event of the future when its time comes", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id := b.segment(filter.Event("renewed"))
		ana := b.contact("ana", nil)
		b.did(ana, "renewed", -2*hours)
		b.drain()
		b.requireMembers(id)
		b.pass(2*hours - time.Microsecond)
		b.requireMembers(id)
		b.pass(time.Microsecond)
		b.requireMembers(id, ana)
	})

	t.Run("without history did not do it, from the start", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id := b.segment(filter.Event("bought").Never().Within(3 * days))
		ana := b.contact("ana", nil)
		b.drain()
		b.requireMembers(id, ana)
		b.did(ana, "bought", 0)
		b.drain()
		b.requireMembers(id)
		b.pass(3*days + time.Microsecond)
		b.requireMembers(id, ana)
	})

	t.Run("enters by tag and list", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		tag, err := b.contacts.CreateTag(b.ctx, b.ws, "VIP")
		b.no(err)
		list, err := b.contacts.CreateList(b.ctx, b.ws, "News", contacts.Public)
		b.no(err)
		id := b.segment(filter.And(filter.Tag(tag.ID.String()), filter.List(list.ID.String())))
		ana := b.contact("ana", nil)
		_, err = b.contacts.AddTag(b.ctx, b.ws, tag.ID, ana)
		b.no(err)
		b.drain()
		b.requireMembers(id)
		_, err = b.contacts.SetMemberships(b.ctx, b.ws, contacts.Membership{ListID: list.ID, ContactID: ana, State: contacts.Subscribed})
		b.no(err)
		b.drain()
		b.requireMembers(id, ana)
		_, err = b.contacts.RemoveTag(b.ctx, b.ws, tag.ID, ana)
		b.no(err)
		b.drain()
		b.requireMembers(id)
		b.requireMoves(move{ana, id, true, false}, move{ana, id, false, false})
	})
}
