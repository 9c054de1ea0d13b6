package messagingtest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/internal/porttest"
	"github.com/go-engage/engage/messaging"
)

func saveCases(t *testing.T, a Adapter) {
	// state is a message as it is stored, without its token.
	state := func(f *fixture, id messaging.MessageID) messaging.Message {
		f.T.Helper()
		m := f.get(id)[0]
		m.Token = 0
		return m
	}
	runAlone(t, a, "stores what became of a message, and leaves what it was planned with", func(f *fixture) {
		m := f.message("a")
		m.Data = attribute.Object(attribute.Set{"n": attribute.Integer(1)})
		f.plan(m)
		moved := f.claim(start, 10)[0]
		moved.Message.State, moved.Message.Address, moved.Message.Attempts, moved.Message.Repeats = messaging.Failed, "ana@acme.test", 3, 1
		moved.Message.Reason, moved.Message.Failure = messaging.TooManyTries, messaging.FailureRetryable
		moved.Message.Code, moved.Message.ProviderID = `550 5.1.1 '"\ ? é😀`, strings.Repeat("x", 255)
		moved.Message.DueAt, moved.Message.IntendedAt, moved.Message.SettledAt = time.Time{}, start.Add(time.Microsecond), start.Add(2*time.Microsecond)
		want := moved.Message
		want.Token = 0
		moved.Message.Key, moved.Message.Class, moved.Message.Data = "b", messaging.Transactional, attribute.Object(nil)
		moved.Message.ContactID, moved.Message.TemplateID, moved.Message.PlannedAt = contacts.ID(f.IDs.NewID()), messaging.TemplateID(f.IDs.NewID()), start.Add(time.Hour)
		f.Same(f.save(moved), []bool{true})
		f.Same(state(f, m.ID), want)
		f.Same(f.plan(f.message("a")), []bool{false}) // the key is still taken
	})
	runAlone(t, a, "keeps instants to the microsecond, in UTC, before 1970 too", func(f *fixture) {
		for i, at := range instants() {
			m := f.message(fmt.Sprint(i))
			f.plan(m)
			moved := to(messaging.Accepted, f.claim(start, 1)[0])
			moved.Message.IntendedAt, moved.Message.SettledAt = at, at
			f.Same(f.save(moved), []bool{true})
			f.Same(state(f, m.ID).IntendedAt, at)
			f.Same(state(f, m.ID).SettledAt, at)
		}
	})
	runAlone(t, a, "stores those whose token is the stored one, and says which", func(f *fixture) {
		x, y, z := f.message("x"), f.message("y"), f.message("z")
		f.plan(x, y, z)
		byKey := map[string]messaging.MessageAcross{}
		for _, c := range f.claim(start, 10) {
			byKey[c.Message.Key] = to(messaging.Accepted, c)
		}
		stale, stranger, unknown := byKey["y"], byKey["z"], byKey["z"]
		stale.Message.Token--
		stranger.Workspace = f.Other
		unknown.Message.ID = messaging.MessageID(f.IDs.NewID())
		f.Same(f.save(stale, byKey["x"], stranger, unknown), []bool{false, true, false, false})
		f.Same(state(f, x.ID).State, messaging.Accepted)
		f.Same(state(f, y.ID), y)
		f.Same(state(f, z.ID), z)
		f.Same(f.save(byKey["z"], byKey["y"]), []bool{true, true})
	})
	runAlone(t, a, "stores a repeated save once", func(f *fixture) {
		states := []messaging.State{messaging.Accepted, messaging.Failed, messaging.Unknown, messaging.Skipped, messaging.Planned}
		for _, s := range states {
			f.plan(f.message(string(s)))
		}
		for _, c := range f.claim(start, 10) {
			moved := to(messaging.State(c.Message.Key), c)
			f.Same(f.save(moved), []bool{true})
			f.Same(f.save(moved), []bool{false})
		}
	})
	runAlone(t, a, "lets an intent keep its lease and its token", func(f *fixture) {
		m := f.message("a")
		f.plan(m)
		intent := to(messaging.Intended, f.claim(start, 10)[0])
		f.Same(f.save(intent), []bool{true})
		f.Same(f.save(intent), []bool{true})
		f.Same(f.get(m.ID), inOrder(intent.Message))
		f.Same(keys(f.claimLost(start.Add(lease-time.Microsecond), 10)), []string{})
		f.Same(f.save(to(messaging.Accepted, intent)), []bool{true})
		f.Same(keys(f.claimLost(start.Add(24*time.Hour), 10)), []string{})
	})
	runAlone(t, a, "ends the lease of a message that is planned again", func(f *fixture) {
		f.plan(f.message("a"))
		intent := to(messaging.Intended, f.claim(start, 10)[0])
		f.save(intent)
		again := to(messaging.Planned, intent)
		again.Message.DueAt = start.Add(time.Second)
		f.Same(f.save(again), []bool{true})
		f.Same(keys(f.claim(start, 10)), []string{})
		f.Same(keys(f.claimLost(start.Add(24*time.Hour), 10)), []string{})
		next := f.claim(again.Message.DueAt, 10)
		f.Same(keys(next), []string{"a"})
		if next[0].Message.Token <= intent.Message.Token {
			f.T.Errorf("token %d after %d", next[0].Message.Token, intent.Message.Token)
		}
	})
	runAlone(t, a, "keeps messages of equal ids apart", func(f *fixture) {
		m := f.message("a")
		f.plan(m)
		f.planOf(f.Other, m)
		claimed := f.claim(start, 10)
		f.Same(len(claimed), 2)
		for _, c := range claimed {
			if c.Workspace == f.WS {
				f.Same(f.save(to(messaging.Accepted, c)), []bool{true})
			}
		}
		f.Same(state(f, m.ID).State, messaging.Accepted)
		twin, err := f.Messages.Get(f.Ctx, f.Other, []messaging.MessageID{m.ID})
		f.No(err)
		f.Same(twin[0].State, messaging.Planned)
	})
	runAlone(t, a, "stores a whole batch", func(f *fixture) {
		all := make([]messaging.Message, engage.MaxBatch)
		for i := range all {
			all[i] = f.message(fmt.Sprint(i))
		}
		f.plan(all...)
		claimed := f.claim(start, engage.MaxBatch)
		f.Same(len(claimed), len(all))
		for i, c := range claimed {
			claimed[i] = to(messaging.Accepted, c)
			claimed[i].Message.ProviderID = c.Message.Key
		}
		if n, _ := porttest.CountTrue(f.save(claimed...), nil); n != len(all) {
			f.T.Fatalf("%d of %d were stored", n, len(all))
		}
		for _, m := range all[:10] {
			f.Same(state(f, m.ID).ProviderID, m.Key)
		}
	})
}
