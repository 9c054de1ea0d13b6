package bunsegments_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore/bunsegments"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/testkit"
	"github.com/go-engage/engage/segments"
	"github.com/go-engage/engage/segments/filter"
	"github.com/go-engage/engage/segments/segmentstest"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// tables are filled ports, of which the tests call those that grow.
type tables struct {
	segmentstest.Adapter
	db      *testkit.Database
	ids     engage.IDSource
	ws      engage.WorkspaceID
	segment segments.ID
	stored  []segments.Segment
	people  []contacts.ID
	facts   []segments.Fact
	members []segments.Membership
}

// fill keeps 1,000 contacts with their facts and memberships in each of some
// workspaces; the last one filled is the one that is asked.
func fill(t *testing.T, db *testkit.Database) *tables {
	t.Helper()
	b := &tables{
		Adapter: adapterOf(testkit.Store(t, db, nil, bunsegments.Schema)), db: db,
		ids: engage.NewIDSource(engage.NewManualClock(testkit.Start), nil),
	}
	for range 4 {
		b.ws = engage.WorkspaceID(b.ids.NewID())
		for range 12 {
			b.segment, b.people, b.facts, b.members = segments.ID(b.ids.NewID()), nil, nil, nil
			for i := range engage.MaxBatch {
				id := contacts.ID(b.ids.NewID())
				b.people = append(b.people, id)
				b.facts = append(b.facts, segments.Fact{ContactID: id, Event: fmt.Sprint("e", i%7), Count: 1, FirstAt: testkit.Start, LastAt: testkit.Start})
				b.members = append(b.members, segments.Membership{SegmentID: b.segment, ContactID: id, Revision: 1, Member: i%4 > 0, Since: testkit.Start, DueAt: testkit.Start.Add(day)})
			}
			err := b.Tx.InTx(t.Context(), b.ws, func(ctx context.Context) error {
				return errors.Join(b.Facts.Add(ctx, b.ws, b.facts), b.Members.Add(ctx, b.ws, b.members))
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 100 {
		where := filter.New(filter.All{})
		b.stored = append(b.stored, segments.Segment{
			ID: segments.ID(b.ids.NewID()), Name: "s", Filter: where, Hash: where.Hash(), State: segments.Active, Revision: 1, CreatedAt: testkit.Start, UpdatedAt: testkit.Start, Version: 1,
		})
	}
	err := b.Tx.InTx(t.Context(), b.ws, func(ctx context.Context) error {
		for _, s := range b.stored {
			if err := b.Segments.Insert(ctx, b.ws, s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	analyze := map[string][]string{"sqlite": {"ANALYZE"}, "postgres": {"ANALYZE"}, "mysql": {"ANALYZE TABLE engage_segments", "ANALYZE TABLE engage_segments_facts", "ANALYZE TABLE engage_segments_members"}}
	for _, statement := range analyze[db.Name] {
		if _, err := db.Write.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

type hotCall struct {
	name  string
	call  func(ctx context.Context) error
	shard bool
}

func (b *tables) hotCalls() []hotCall {
	names := []string{"e1", "e2", "e3"}
	few := b.people[:10]
	page := engage.PageRequest{Limit: 10}
	silenced := make([]segments.Membership, len(b.members))
	for i, m := range b.members {
		if silenced[i] = m; i%2 == 0 {
			silenced[i] = segments.Membership{SegmentID: m.SegmentID, ContactID: m.ContactID, Revision: m.Revision}
		}
	}
	added := make([]segments.Membership, len(b.members))
	for i, m := range b.members {
		added[i] = m
		added[i].Revision = 2
	}
	ignore := func(_ any, err error) error { return err }
	return []hotCall{
		{name: "Segments.Lock", call: func(ctx context.Context) error { return ignore(b.Segments.Lock(ctx, b.ws)) }},
		{name: "Segments.Update of 100", call: func(ctx context.Context) error { return b.Segments.Update(ctx, b.ws, b.stored) }},
		{name: "Facts.Add", call: func(ctx context.Context) error { return b.Facts.Add(ctx, b.ws, b.facts) }},
		{name: "Facts.Get of many", call: func(ctx context.Context) error { return ignore(b.Facts.Get(ctx, b.ws, b.people, names)) }},
		{name: "Facts.Get of few", call: func(ctx context.Context) error { return ignore(b.Facts.Get(ctx, b.ws, few, names)) }},
		{name: "Facts.Move", call: func(ctx context.Context) error {
			return b.Facts.Move(ctx, b.ws, []contacts.Absorption{{Absorbed: few[0], Survivor: few[1]}, {Absorbed: few[2], Survivor: few[3]}})
		}},
		{name: "Facts.Forget", call: func(ctx context.Context) error { return b.Facts.Forget(ctx, b.ws, few) }},
		{name: "Facts.Reset", call: func(ctx context.Context) error { return ignore(b.Facts.Reset(ctx, b.ws, segments.Facts, 100)) }},
		{name: "Members.Add", call: func(ctx context.Context) error { return b.Members.Add(ctx, b.ws, added) }},
		{name: "Members.Save", call: func(ctx context.Context) error { return b.Members.Save(ctx, b.ws, silenced) }},
		{name: "Members.Lock of many", call: func(ctx context.Context) error {
			return ignore(b.Members.Lock(ctx, b.ws, []segments.ID{b.segment, {1}}, b.people))
		}},
		{name: "Members.Lock of few", call: func(ctx context.Context) error {
			return ignore(b.Members.Lock(ctx, b.ws, []segments.ID{b.segment, {1}}, few))
		}},
		{name: "Members.Of", call: func(ctx context.Context) error { return ignore(b.Members.Of(ctx, b.ws, few)) }},
		{name: "Members.Members", call: func(ctx context.Context) error { return ignore(b.Members.Members(ctx, b.ws, b.segment, 1, page)) }},
		{name: "Members.Count", call: func(ctx context.Context) error { return ignore(b.Members.Count(ctx, b.ws, b.segment, 1)) }},
		{name: "Members.Forget", call: func(ctx context.Context) error { return b.Members.Forget(ctx, b.ws, few) }},
		{name: "Members.Discard", call: func(ctx context.Context) error {
			return ignore(b.Members.Discard(ctx, b.ws, []segments.Purge{{SegmentID: segments.ID{1}}, {SegmentID: b.segment, Keep: 2}}, 100))
		}},
		{name: "ClaimDueAcross", shard: true, call: func(ctx context.Context) error {
			return ignore(b.Due.ClaimDueAcross(ctx, engage.DefaultShard, testkit.Start.Add(day), day, 100))
		}},
	}
}

// ran runs a call in a transaction that is rolled back, and answers what it ran.
func (b *tables) ran(t *testing.T, c hotCall) (statements []string, tally testkit.Tally) {
	t.Helper()
	undo := errors.New("undo")
	work := func(ctx context.Context) error {
		b.db.Count.Reset()
		if err := c.call(ctx); err != nil {
			return err
		}
		statements, tally = b.db.Count.Statements(), b.db.Count.Tally()
		return undo
	}
	var err error
	if c.shard {
		err = b.Tx.InShard(t.Context(), engage.DefaultShard, work)
	} else {
		err = b.Tx.InTx(t.Context(), b.ws, work)
	}
	if !errors.Is(err, undo) {
		t.Fatalf("%s failed: %v", c.name, err)
	}
	return statements, tally
}

// TestHotCallsKeepTheirPlansAndBudgets compares what the calls run that grow with
// the tables, with many items, and how the database would run it, against
// testdata. On PostgreSQL sequential scans are off, so that small tables plan as
// large ones.
func TestHotCallsKeepTheirPlansAndBudgets(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b, plans, budgets := fill(t, db), testkit.NewPlans(db), testkit.NewBudgets(db, engage.MaxBatch)
		plans.AsLarge = true
		for _, hot := range b.hotCalls() {
			statements, tally := b.ran(t, hot)
			plans.Add(t, hot.name, statements)
			budgets.Add(hot.name, tally)
		}
		plans.Compare(t, *update)
		budgets.Compare(t, *update)
	})
}
