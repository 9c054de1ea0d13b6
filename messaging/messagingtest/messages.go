package messagingtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/internal/porttest"
	"github.com/go-engage/engage/messaging"
)

func messageCases(t *testing.T, a Adapter) {
	run(t, a, "answers what was planned", func(f *fixture) {
		m := f.message("order 1")
		m.Class = messaging.Transactional
		m.Data = attribute.Object(attribute.Set{
			"plan": attribute.String("pro <&> \u2028 \\ \" 😀"), "n": attribute.Integer(1<<62 + 1), "yes": attribute.Boolean(true), "no": attribute.Null,
			"nested": attribute.Object(attribute.Set{"b": attribute.Integer(2), "a": attribute.List()}),
		})
		m.DueAt, m.PlannedAt = start.Add(time.Microsecond), start.Add(-time.Microsecond)
		bare := f.message("order 2")
		bare.Data = attribute.Value{}
		f.Same(f.plan(m, bare), []bool{true, true})
		f.Same(f.get(m.ID, bare.ID), inOrder(m, bare))
	})
	run(t, a, "keeps instants to the microsecond, in UTC, before 1970 too", func(f *fixture) {
		for i, at := range instants() {
			m := f.message(fmt.Sprint(i))
			m.DueAt, m.PlannedAt = at, at
			f.plan(m)
			got := f.get(m.ID)[0]
			if !got.DueAt.Equal(at) || !got.PlannedAt.Equal(at) || got.DueAt.Location() != time.UTC {
				f.T.Errorf("stored %v, got %v and %v", at, got.DueAt, got.PlannedAt)
			}
		}
	})
	run(t, a, "plans one message of a key, the first", func(f *fixture) {
		first, second := f.message("a"), f.message("a")
		third, fourth, fifth := f.message("a"), f.message("b"), f.message("b")
		f.Same(f.plan(first), []bool{true})
		f.Same(f.plan(second), []bool{false})
		f.Same(f.plan(third, fourth, fifth), []bool{false, true, false})
		f.Same(f.get(first.ID, second.ID, third.ID, fourth.ID, fifth.ID), inOrder(first, fourth))
	})
	run(t, a, "plans a key in each workspace", func(f *fixture) {
		m := f.message("a")
		f.Same(f.plan(m), []bool{true})
		f.Same(f.planOf(f.Other, m), []bool{true})
	})
	run(t, a, "compares keys by their bytes", func(f *fixture) {
		var all []messaging.Message
		keys := append(hostile(), strings.Repeat("x", engage.MaxKeyBytes), strings.Repeat("x", engage.MaxKeyBytes-1)+"y", strings.Repeat("é", 127))
		for _, key := range keys {
			all = append(all, f.message(key))
		}
		for i, isNew := range f.plan(all...) {
			if !isNew {
				f.T.Errorf("%q counts as another key", keys[i])
			}
		}
		for i, isNew := range f.plan(all...) {
			if isNew {
				f.T.Errorf("%q is new a second time", keys[i])
			}
		}
		ids := make([]messaging.MessageID, len(all))
		for i, m := range all {
			ids[i] = m.ID
		}
		f.Same(f.get(ids...), inOrder(all...))
	})
	run(t, a, "refuses a taken id under a new key, and stores none of the call", func(f *fixture) {
		old := f.message("a")
		f.plan(old)
		thief, bystander := f.message("b"), f.message("c")
		thief.ID = old.ID
		err := f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error {
			return porttest.Err(f.Messages.Plan(ctx, f.WS, []messaging.Message{bystander, thief}))
		})
		f.Code(err, engage.AlreadyExists)
		f.Same(f.get(old.ID, bystander.ID), inOrder(old))
	})
	run(t, a, "answers messages ordered by id, each once, without the missing", func(f *fixture) {
		x, y, z := f.message("x"), f.message("y"), f.message("z")
		f.plan(x, y, z)
		f.Same(f.get(z.ID, x.ID, messaging.MessageID(f.IDs.NewID()), z.ID, y.ID), inOrder(x, y, z))
	})
	run(t, a, "stores a whole batch, with large data too", func(f *fixture) {
		all := make([]messaging.Message, engage.MaxBatch)
		ids := make([]messaging.MessageID, len(all))
		large := attribute.Object(attribute.Set{"text": attribute.String(strings.Repeat("é'\\\"", messaging.MaxDataBytes/10))})
		for i := range all {
			all[i] = f.message(fmt.Sprint(i))
			if ids[i] = all[i].ID; i%10 == 0 {
				all[i].Data = large
			}
		}
		if n, err := porttest.CountTrue(f.plan(all...), nil); n != len(all) || err != nil {
			f.T.Fatalf("%d of %d are new", n, len(all))
		}
		f.Same(f.get(ids...), inOrder(all...))
	})
	run(t, a, "forgets the messages of contacts and says how many there were", func(f *fixture) {
		x, y, z := f.message("x"), f.message("y"), f.message("z")
		y.ContactID = x.ContactID
		f.plan(x, y, z)
		n := 0
		forget := func(ids ...contacts.ID) {
			f.In(func(ctx context.Context) (err error) {
				n, err = f.Messages.Forget(ctx, f.WS, ids)
				return err
			})
		}
		forget(x.ContactID, contacts.ID(f.IDs.NewID()), x.ContactID)
		f.Same(n, 2)
		f.Same(f.get(x.ID, y.ID, z.ID), inOrder(z))
		forget(x.ContactID)
		f.Same(n, 0)
		f.Same(f.plan(x), []bool{true}) // its key is free again
	})
}

// inOrder sorts messages by id.
func inOrder(all ...messaging.Message) []messaging.Message {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b messaging.Message) int { return a.ID.Compare(b.ID) })
	return all
}

func pagingCases(t *testing.T, a Adapter) {
	someone := func(f *fixture, n int) []messaging.Message {
		all := make([]messaging.Message, n)
		for i := range all {
			all[i] = f.message(fmt.Sprint(i))
			all[i].ContactID = all[0].ContactID
		}
		f.plan(all...)
		f.plan(f.message("of someone else"))
		return inOrder(all...)
	}
	run(t, a, "pages the messages of a contact by id", func(f *fixture) {
		all := someone(f, 7)
		pages(f, all, func(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[messaging.Message], error) {
			return f.Messages.OfContact(ctx, ws, all[0].ContactID, page)
		})
	})
	run(t, a, "refuses a cursor of another contact", func(f *fixture) {
		all := someone(f, 3)
		page, err := f.Messages.OfContact(f.Ctx, f.WS, all[0].ContactID, engage.PageRequest{Limit: 1})
		f.No(err)
		_, err = f.Messages.OfContact(f.Ctx, f.WS, contacts.ID(f.IDs.NewID()), engage.PageRequest{After: page.Next})
		f.Code(err, engage.Invalid)
	})
	run(t, a, "neither repeats nor hides a message when others come and go", func(f *fixture) {
		all := someone(f, 6)
		page, err := f.Messages.OfContact(f.Ctx, f.WS, all[0].ContactID, engage.PageRequest{Limit: 3})
		f.No(err)
		early := f.message("early")
		early.ContactID, early.ID = all[0].ContactID, all[0].ID
		early.ID[0]-- // before all others
		f.plan(early)
		rest, err := f.Messages.OfContact(f.Ctx, f.WS, all[0].ContactID, engage.PageRequest{After: page.Next})
		f.No(err)
		f.Same(rest.Items, all[3:])
	})
}
