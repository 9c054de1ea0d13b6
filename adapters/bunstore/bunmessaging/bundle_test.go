package bunmessaging_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunmessaging"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/internal/testkit"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/messaging/messagingtest"
)

// many is how many items the calls below are given: enough that a statement an
// item could not be overlooked.
const many = 50

// testBundle is a database with many messages in each of many workspaces.
type testBundle struct {
	messagingtest.Adapter
	db       *testkit.Database
	store    *bunstore.Store
	ids      engage.IDSource
	ws       engage.WorkspaceID // the last of the workspaces
	first    engage.WorkspaceID
	messages []messaging.Message // of ws
	template messaging.SavedTemplate
}

func setup(t *testing.T, db *testkit.Database) *testBundle {
	t.Helper()
	store := testkit.Store(t, db, nil, bunmessaging.Schema)
	b := &testBundle{Adapter: adapterOf(store), db: db, store: store, ids: engage.NewIDSource(engage.NewManualClock(testkit.Start), nil)}
	for range many {
		b.ws = engage.WorkspaceID(b.ids.NewID())
		if b.first.IsZero() {
			b.first = b.ws
		}
		b.messages = b.newMessages(many)
		b.in(t, func(ctx context.Context) error { return ignore(b.Messages.Plan(ctx, b.ws, b.messages)) })
	}
	b.template = messaging.SavedTemplate{ID: messaging.TemplateID(b.ids.NewID()), Name: "t", Version: 1}
	b.in(t, func(ctx context.Context) error { return b.Templates.Insert(ctx, b.ws, b.template) })
	return b
}

func (b *testBundle) newMessages(n int) []messaging.Message {
	all := make([]messaging.Message, n)
	for i := range all {
		id := messaging.MessageID(b.ids.NewID())
		all[i] = messaging.Message{
			ID: id, Key: id.String(), ContactID: contacts.ID(b.ids.NewID()), TemplateID: messaging.TemplateID(b.ids.NewID()), Class: messaging.Marketing,
			Data: attribute.Object(nil), State: messaging.Planned, DueAt: testkit.Start.Add(time.Duration(i) * time.Second), PlannedAt: testkit.Start,
		}
	}
	return all
}

func (b *testBundle) in(t *testing.T, fn func(ctx context.Context) error) {
	t.Helper()
	if err := b.store.InTx(t.Context(), b.ws, fn); err != nil {
		t.Fatalf("the transaction failed: %v", err)
	}
}

func ignore[T any](_ T, err error) error { return err }

// errUndo rolls back what a call did, so that the next one finds the bundle.
var errUndo = &engage.Error{Code: engage.Internal, Op: "undo"}

// ran answers what a call runs within a transaction that is rolled back.
func (b *testBundle) ran(t *testing.T, c call) (statements []string, tally testkit.Tally) {
	t.Helper()
	measured := func(ctx context.Context) error {
		var earlier []messaging.MessageAcross
		if c.claimed {
			var err error
			earlier, err = b.Due.ClaimPlannedAcross(ctx, engage.DefaultShard, due, time.Minute, many)
			if err != nil || len(earlier) != many {
				return fmt.Errorf("%d claimed: %w", len(earlier), err)
			}
		}
		b.db.Count.Reset()
		if err := c.run(ctx, earlier); err != nil {
			return err
		}
		statements, tally = b.db.Count.Statements(), b.db.Count.Tally()
		return errUndo
	}
	var err error
	if c.across {
		err = b.store.InShard(t.Context(), engage.DefaultShard, measured)
	} else {
		err = b.store.InTx(t.Context(), b.ws, measured)
	}
	if err != error(errUndo) { //nolint:errorlint // the very value
		t.Fatalf("the call failed: %v", err)
	}
	return statements, tally
}

// due is when every message of the bundle is.
var due = testkit.Start.Add(time.Hour)

// call is one call of a port. claimed calls are given many claimed messages.
type call struct {
	name            string
	across, claimed bool
	run             func(ctx context.Context, claimed []messaging.MessageAcross) error
}

func (b *testBundle) calls() []call {
	const shard = engage.DefaultShard
	ids, people := make([]messaging.MessageID, many), make([]contacts.ID, many)
	for i, m := range b.messages {
		ids[i], people[i] = m.ID, m.ContactID
	}
	to := func(state messaging.State, claimed []messaging.MessageAcross) []messaging.MessageAcross {
		for i := range claimed {
			claimed[i].Message.State = state
		}
		return claimed
	}
	return []call{
		{"a template is inserted", false, false, func(ctx context.Context, _ []messaging.MessageAcross) error {
			template := b.template
			template.ID = messaging.TemplateID(b.ids.NewID())
			return b.Templates.Insert(ctx, b.ws, template)
		}},
		{"a template is updated", false, false, func(ctx context.Context, _ []messaging.MessageAcross) error {
			return b.Templates.Update(ctx, b.ws, b.template)
		}},
		{"templates are read", false, false, func(ctx context.Context, _ []messaging.MessageAcross) error {
			return ignore(b.Templates.Get(ctx, b.ws, []messaging.TemplateID{b.template.ID, messaging.TemplateID(b.ids.NewID())}))
		}},
		{"templates are listed", false, false, func(ctx context.Context, _ []messaging.MessageAcross) error {
			return ignore(b.Templates.List(ctx, b.ws, engage.PageRequest{}))
		}},
		{"messages are planned", false, false, func(ctx context.Context, _ []messaging.MessageAcross) error {
			return ignore(b.Messages.Plan(ctx, b.ws, b.newMessages(many)))
		}},
		// MariaDB finds out which there are, and has none to insert.
		{"messages are planned again", false, false, func(ctx context.Context, _ []messaging.MessageAcross) error {
			return ignore(b.Messages.Plan(ctx, b.ws, b.messages))
		}},
		{"messages are read", false, false, func(ctx context.Context, _ []messaging.MessageAcross) error {
			return ignore(b.Messages.Get(ctx, b.ws, ids))
		}},
		{"the messages of a contact are listed", false, false, func(ctx context.Context, _ []messaging.MessageAcross) error {
			return ignore(b.Messages.OfContact(ctx, b.ws, people[0], engage.PageRequest{}))
		}},
		{"messages are forgotten", false, false, func(ctx context.Context, _ []messaging.MessageAcross) error {
			return ignore(b.Messages.Forget(ctx, b.ws, people))
		}},
		// the workspaces whose turn it is, their messages locked, leased.
		{"messages are claimed", true, false, func(ctx context.Context, _ []messaging.MessageAcross) error {
			return ignore(b.Due.ClaimPlannedAcross(ctx, shard, due, time.Minute, many))
		}},
		{"nothing is due", true, false, func(ctx context.Context, _ []messaging.MessageAcross) error {
			return ignore(b.Due.ClaimPlannedAcross(ctx, shard, testkit.Start.Add(-time.Hour), time.Minute, many))
		}},
		{"nothing was lost", true, false, func(ctx context.Context, _ []messaging.MessageAcross) error {
			return ignore(b.Due.ClaimLostAcross(ctx, shard, due, time.Minute, many))
		}},
		// MariaDB can't say what it updates: it locks first.
		{"intents are saved", true, true, func(ctx context.Context, claimed []messaging.MessageAcross) error {
			return ignore(b.Due.SaveAcross(ctx, shard, to(messaging.Intended, claimed)))
		}},
		{"outcomes are saved", true, true, func(ctx context.Context, claimed []messaging.MessageAcross) error {
			return ignore(b.Due.SaveAcross(ctx, shard, to(messaging.Accepted, claimed)))
		}},
	}
}
