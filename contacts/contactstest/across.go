package contactstest

import (
	"context"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts/events"
)

// acrossCases are about the options that serve all workspaces of a database. An
// adapter that has none passes without them.
func acrossCases(t *testing.T, a Adapter) {
	repository, appends := a.Events.(events.RepositoryAcross)
	people, knows := a.Existing.(events.ContactsAcross)
	if !appends && !knows {
		t.Skip("the adapter implements neither events.RepositoryAcross nor events.ContactsAcross")
	}
	if !appends || !knows {
		t.Fatal("a Collector needs both events.RepositoryAcross and events.ContactsAcross")
	}
	add := func(f *fixture, all ...events.EventAcross) (isNew []bool) {
		f.T.Helper()
		f.No(f.Tx.InShard(f.Ctx, engage.DefaultShard, func(ctx context.Context) (err error) {
			isNew, err = repository.AppendAcross(ctx, engage.DefaultShard, all)
			return err
		}))
		return isNew
	}
	stored := func(f *fixture, ws engage.WorkspaceID, ids ...events.ID) []events.Event {
		f.T.Helper()
		got, err := f.Events.Get(f.Ctx, ws, ids)
		f.No(err)
		return got
	}
	run(t, a, "stores equal ids of two workspaces, each once", func(f *fixture) {
		one, two := f.event(f.contactID(), "signed_in", 0), f.event(f.contactID(), "bought", 0)
		theirs := one
		theirs.Name, theirs.ContactID = "theirs", f.contactID()
		f.Same(add(f, events.EventAcross{Workspace: f.Other, Event: theirs}, events.EventAcross{Workspace: f.WS, Event: one}), []bool{true, true})
		f.Same(add(f,
			events.EventAcross{Workspace: f.WS, Event: two}, events.EventAcross{Workspace: f.Other, Event: one},
			events.EventAcross{Workspace: f.WS, Event: two}, events.EventAcross{Workspace: f.Other, Event: two}), []bool{true, false, false, true})
		f.Same(f.append(one, two), []bool{false, false})
		f.Same(stored(f, f.WS, one.ID, two.ID), []events.Event{one, two})
		f.Same(stored(f, f.Other, one.ID, two.ID), []events.Event{theirs, two})
		f.Same(add(f), []bool(nil))
	})
	run(t, a, "tells which contacts exist, of each workspace by itself", func(f *fixture) {
		c := f.contact()
		f.insert(c)
		var exists []bool
		f.No(f.Tx.InShard(f.Ctx, engage.DefaultShard, func(ctx context.Context) (err error) {
			exists, err = people.ExistingAcross(ctx, engage.DefaultShard, []events.ContactAcross{
				{Workspace: f.Other, ID: c.ID}, {Workspace: f.WS, ID: c.ID}, {Workspace: f.WS, ID: f.contactID()}, {Workspace: f.WS, ID: c.ID},
			})
			return err
		}))
		f.Same(exists, []bool{false, true, false, true})
	})
	run(t, a, "needs the transaction of a shard, and at most a batch", func(f *fixture) {
		e := f.event(f.contactID(), "signed_in", 0)
		calls := map[string]func(ctx context.Context, n int) error{
			"AppendAcross": func(ctx context.Context, n int) error {
				all := make([]events.EventAcross, n)
				for i := range all {
					all[i] = events.EventAcross{Workspace: f.WS, Event: e}
				}
				_, err := repository.AppendAcross(ctx, engage.DefaultShard, all)
				return err
			},
			"ExistingAcross": func(ctx context.Context, n int) error {
				_, err := people.ExistingAcross(ctx, engage.DefaultShard, make([]events.ContactAcross, n))
				return err
			},
		}
		for _, call := range calls {
			f.Code(call(f.Ctx, 1), engage.FailedPrecondition)
			_ = f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error {
				f.Code(call(ctx, 1), engage.FailedPrecondition)
				return nil
			})
			f.Code(f.Tx.InShard(f.Ctx, engage.DefaultShard, func(ctx context.Context) error { return call(ctx, engage.MaxBatch+1) }), engage.Invalid)
		}
		_ = f.Tx.InShard(f.Ctx, engage.DefaultShard, func(ctx context.Context) error {
			f.No(calls["AppendAcross"](ctx, 1))
			return engage.ErrInternal
		})
		f.Same(stored(f, f.WS, e.ID), []events.Event(nil))
	})
}
