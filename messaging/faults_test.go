package messaging_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/messaging"
)

// lottery draws what happens to a try of an email: the same in every run.
func lottery(email messaging.Email, try int) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(email.To.Email)) // ids are random
	return rand.New(rand.NewPCG(h.Sum64(), uint64(try)))
}

// faulty is another side that fails in each of eight ways once in a hundred.
func faulty(_ context.Context, email messaging.Email, try int) (bool, error) {
	switch lottery(email, try).IntN(100) {
	case 0:
		return false, refusal(messaging.FailureRetryable)
	case 1:
		return false, refusal(messaging.FailurePermanent)
	case 2:
		return false, refusal(messaging.FailureAddressGone)
	case 3:
		return false, refusal(messaging.FailurePayload)
	case 4:
		return false, refusal(messaging.FailureUnknown) // it had not been taken
	case 5:
		return true, refusal(messaging.FailureUnknown) // it had
	case 6:
		return true, errPanic
	case 7:
		return false, errors.New("an error without a class")
	}
	return true, nil
}

func TestTheLedgerTellsTheTruthAboutManyFaults(t *testing.T) {
	t.Parallel()
	const messages = 20_000
	b := setup(t)
	b.cfg.MaxUnconfirmed = 256
	b.outbox.answer = faulty
	var n atomic.Int64
	b.deps.Runtime.Tx = &brokenTx{Transactor: b.store, fails: func(int) (bool, error) {
		// One commit in a hundred fails, and one answer of a commit is lost.
		switch n.Add(1) % 100 {
		case 20:
			return false, errDown
		case 70:
			return true, errDown
		}
		return true, nil
	}}
	b.restart()
	ids := b.audience(messages)
	skipped := 0
	for range 30 {
		for idle := 0; idle < 2; { // a failed step is no end
			worked, err := b.step()
			if idle++; worked > 0 || err != nil {
				idle = 0
			}
		}
		b.clock.Advance(leaseEnds)
	}
	all := b.messages(b.ws, ids)
	for _, m := range all {
		arrived := b.outbox.count(m.ID)
		switch m.State {
		case messaging.Accepted:
			// Taken once, and once more where a transactional one was repeated.
			if arrived == 0 || arrived > 1+m.Repeats {
				t.Errorf("accepted, and arrived %d times: %+v", arrived, m)
			}
		case messaging.Failed, messaging.Skipped:
			skipped++
			if arrived != 0 {
				t.Errorf("%s, and arrived %d times: %+v", m.State, arrived, m)
			}
		case messaging.Unknown:
		case messaging.Planned, messaging.Intended:
			t.Errorf("left: %+v", m)
		}
		if m.Class == messaging.Marketing && arrived > 1 {
			t.Errorf("a marketing message arrived %d times", arrived)
		}
	}
	counts := total(all)
	b.same(counts[messaging.Accepted]+counts[messaging.Failed]+counts[messaging.Unknown]+counts[messaging.Skipped], messages)
	for _, state := range []messaging.State{messaging.Failed, messaging.Unknown, messaging.Skipped} {
		if counts[state] == 0 {
			t.Errorf("no message is %s: the test tests nothing", state)
		}
	}
	b.toldOnce(b.ws, all)
	t.Logf("%v; %d never left", counts, skipped)
}

// audience plans messages to people of whom a few can't be reached: half of them
// marketing, half transactional.
func (b *testBundle) audience(n int) []messaging.MessageID {
	b.t.Helper()
	template := b.template()
	profiles := make([]contacts.Profile, n)
	for i := range profiles {
		identity := contacts.Identity{Kind: contacts.Email, Value: fmt.Sprintf("p%d@home.test", i)}
		if i%100 == 7 {
			identity = contacts.Identity{Kind: contacts.UserID, Value: fmt.Sprint(i)}
		}
		profiles[i] = contacts.Profile{Identities: []contacts.Identity{identity}, Attributes: attribute.Set{"first_name": attribute.String("p")}}
	}
	var sends []messaging.Send
	for chunk := range slices.Chunk(profiles, engage.MaxBatch) {
		identified, err := b.people.Identify(b.ctx, b.ws, chunk...)
		b.no(err)
		for _, who := range identified {
			i := len(sends)
			send := messaging.Send{Key: fmt.Sprint(i), ContactID: who.Contact.ID, TemplateID: template.ID, Class: messaging.Marketing}
			if i%2 == 0 {
				send.Class = messaging.Transactional
			}
			switch i % 100 {
			case 13:
				send.ContactID = contacts.ID{9}
			case 17:
				send.TemplateID = messaging.TemplateID{9}
			}
			sends = append(sends, send)
		}
	}
	b.clock.Advance(time.Second)
	return b.enqueue(sends...)
}
