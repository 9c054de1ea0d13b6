package kerneltest

import (
	"context"
	"testing"

	"github.com/go-engage/engage"
)

// writeCases are the rules about what a write port needs in its ctx.
var writeCases = []testCase{
	{"without a transaction is refused", func(t *testing.T, k *fixture) {
		want(t, "Put", k.Notes.Put(t.Context(), k.ws, "k", "v"), engage.ErrFailedPrecondition)
		k.wantNotes(t, k.ws, map[string]string{})
	}},
	{"of an event without a transaction is refused", func(t *testing.T, k *fixture) {
		want(t, "Publish", k.Events.Publish(t.Context(), k.ws, noted{"k", "v"}), engage.ErrFailedPrecondition)
		k.wantEvents(t, k.ws)
	}},
	{"after the commit cannot be asked for without a transaction", func(t *testing.T, k *fixture) {
		ran := false
		want(t, "AfterCommit", k.Tx.AfterCommit(t.Context(), func() { ran = true }), engage.ErrFailedPrecondition)
		if ran {
			t.Error("the function ran")
		}
	}},
	{"of a consumer's progress without a transaction is refused", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "v")
		claim := k.claimOne(t, "c", "me")
		event := k.events(t, k.ws)[0]
		parked := engage.Parked{Consumer: "c", Event: event, NotBefore: k.Clock.Now()}
		want(t, "Advance", k.Log.Advance(t.Context(), claim, 1, k.Clock.Now(), minute), engage.ErrFailedPrecondition)
		want(t, "Park", k.Log.Park(t.Context(), shard, []engage.Parked{parked}), engage.ErrFailedPrecondition)
		want(t, "Unpark", k.Log.Unpark(t.Context(), shard, parked), engage.ErrFailedPrecondition)
	}},
	{"of a consumer's progress needs a transaction of the shard", func(t *testing.T, k *fixture) {
		k.publish(t, k.ws, "v")
		claim := k.claimOne(t, "c", "me")
		parked := engage.Parked{Consumer: "c", Event: k.events(t, k.ws)[0], NotBefore: k.Clock.Now()}
		k.commit(t, k.ws, func(ctx context.Context) error {
			want(t, "Advance", k.Log.Advance(ctx, claim, 1, k.Clock.Now(), minute), engage.ErrFailedPrecondition)
			want(t, "Park", k.Log.Park(ctx, shard, []engage.Parked{parked}), engage.ErrFailedPrecondition)
			want(t, "Unpark", k.Log.Unpark(ctx, shard, parked), engage.ErrFailedPrecondition)
			return nil
		})
	}},
	{"with the ctx of a committed transaction is refused", func(t *testing.T, k *fixture) {
		k.wantAllRefused(k.endedContext(t.Context(), t, nil), t)
		k.wantNotes(t, k.ws, map[string]string{})
	}},
	{"with the ctx of a rolled back transaction is refused", func(t *testing.T, k *fixture) {
		k.wantAllRefused(k.endedContext(t.Context(), t, errOops), t)
		k.wantNotes(t, k.ws, map[string]string{})
	}},
	{"with the ctx of a finished nested call is refused", func(t *testing.T, k *fixture) {
		k.commit(t, k.ws, func(ctx context.Context) error {
			k.wantAllRefused(k.endedContext(ctx, t, nil), t)
			k.wantAllRefused(k.endedContext(ctx, t, errOops), t)
			return k.put(ctx, k.ws, "k", "v")
		})
		k.wantNotes(t, k.ws, map[string]string{"k": "v"})
		k.wantEvents(t, k.ws, "v")
	}},
	{"for another workspace is refused", func(t *testing.T, k *fixture) {
		k.commit(t, k.ws, func(ctx context.Context) error {
			want(t, "Put", k.Notes.Put(ctx, k.other, "k", "v"), engage.ErrFailedPrecondition)
			want(t, "Put for a twin", k.Notes.Put(ctx, k.twin, "k", "v"), engage.ErrFailedPrecondition)
			want(t, "Publish", k.Events.Publish(ctx, k.other, noted{"k", "v"}), engage.ErrFailedPrecondition)
			return k.put(ctx, k.ws, "k", "mine")
		})
		k.wantNotes(t, k.other, map[string]string{})
		k.wantNotes(t, k.twin, map[string]string{})
		k.wantEvents(t, k.other)
		k.wantNotes(t, k.ws, map[string]string{"k": "mine"})
	}},
	{"for the zero workspace is refused", func(t *testing.T, k *fixture) {
		var zero engage.WorkspaceID
		k.commitShard(t, func(ctx context.Context) error {
			want(t, "Put", k.Notes.Put(ctx, zero, "k", "v"), engage.ErrInvalid)
			want(t, "Publish", k.Events.Publish(ctx, zero, noted{"k", "v"}), engage.ErrInvalid)
			return nil
		})
	}},
	{"with an equal key in two workspaces makes two notes", func(t *testing.T, k *fixture) {
		for _, ws := range []engage.WorkspaceID{k.ws, k.twin, k.other} {
			k.commit(t, ws, func(ctx context.Context) error { return k.put(ctx, ws, "k", ws.String()) })
		}
		for _, ws := range []engage.WorkspaceID{k.ws, k.twin, k.other} {
			k.wantNotes(t, ws, map[string]string{"k": ws.String()})
			k.wantEvents(t, ws, ws.String())
		}
	}},
}

// endedContext answers the ctx of a transaction or nested call that ended so.
func (k *fixture) endedContext(ctx context.Context, t *testing.T, end error) (ended context.Context) {
	t.Helper()
	err := k.Tx.InTx(ctx, k.ws, func(ctx context.Context) error {
		ended = ctx //nolint:fatcontext // the cases are about keeping it
		return end
	})
	want(t, "InTx", err, end)
	return ended
}

// wantAllRefused checks that nothing works with the ctx of a transaction that
// has ended.
func (k *fixture) wantAllRefused(ended context.Context, t *testing.T) {
	t.Helper()
	ran := false
	run := func(context.Context) error {
		ran = true
		return nil
	}
	want(t, "Put", k.Notes.Put(ended, k.ws, "late", "v"), engage.ErrFailedPrecondition)
	want(t, "Publish", k.Events.Publish(ended, k.ws, noted{"late", "v"}), engage.ErrFailedPrecondition)
	want(t, "AfterCommit", k.Tx.AfterCommit(ended, func() { ran = true }), engage.ErrFailedPrecondition)
	want(t, "InTx", k.Tx.InTx(ended, k.ws, run), engage.ErrFailedPrecondition)
	want(t, "InShard", k.Tx.InShard(ended, shard, run), engage.ErrFailedPrecondition)
	if ran {
		t.Error("a function ran")
	}
}
