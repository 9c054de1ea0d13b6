package kerneltest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
)

// parkedEventsCases are the rules of what operators see and do of them.
var parkedEventsCases = []testCase{
	{"are listed as they were parked, without a token", func(t *testing.T, k *fixture) {
		parked := k.parkOne(t, k.Clock.Now().Add(minute))
		for _, consumer := range []string{"c", ""} {
			if diff := cmp.Diff([]engage.Parked{parked}, k.listParked(t, k.ws, consumer)); diff != "" {
				t.Errorf("of consumer %q (-want +got):\n%s", consumer, diff)
			}
		}
		k.Clock.Advance(minute)
		claimed := k.claimParked(t, "c", 10)[0]
		claimed.Token = 0
		if diff := cmp.Diff([]engage.Parked{claimed}, k.listParked(t, k.ws, "c")); diff != "" {
			t.Errorf("a claimed one (-want +got):\n%s", diff)
		}
	}},
	{"are listed in the order of events, then of consumers, page by page", func(t *testing.T, k *fixture) {
		events := k.parkMany(t, 4, "b", "a")
		var wanted []string
		for _, value := range values(t, events) {
			wanted = append(wanted, value+"a", value+"b")
		}
		var got []string
		request := engage.PageRequest{Limit: 3}
		for range 5 {
			page, err := k.Parked.List(t.Context(), k.ws, "", request)
			must(t, "List", err)
			for _, p := range page.Items {
				got = append(got, payload(t, p.Event).Value+p.Consumer)
			}
			if request.After = page.Next; request.After == "" {
				break
			}
			// The event that the page ended with may go: the next page is found by
			// its key.
			last := page.Items[len(page.Items)-1]
			k.drop(t, k.ws, last.Consumer, last.Event.ID)
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("listed (-want +got):\n%s", diff)
		}
		var alone []string
		for p, err := range engage.Walk(t.Context(), func(ctx context.Context, r engage.PageRequest) (engage.Page[engage.Parked], error) {
			r.Limit = 2
			return k.Parked.List(ctx, k.ws, "b", r)
		}) {
			must(t, "List", err)
			alone = append(alone, payload(t, p.Event).Value+p.Consumer)
		}
		// The second page ended with 2b, which is dropped.
		if diff := cmp.Diff([]string{"0b", "1b", "3b"}, alone); diff != "" {
			t.Errorf("of b alone (-want +got):\n%s", diff)
		}
	}},
	{"of a full last page end with it", func(t *testing.T, k *fixture) {
		k.parkMany(t, 2, "c")
		page, err := k.Parked.List(t.Context(), k.ws, "c", engage.PageRequest{Limit: 2})
		if err != nil || len(page.Items) != 2 || page.Next != "" {
			t.Errorf("%d events, next %q, %v", len(page.Items), page.Next, err)
		}
	}},
	{"are not listed with another list's cursor or a limit out of range", func(t *testing.T, k *fixture) {
		k.parkMany(t, 3, "c")
		page, err := k.Parked.List(t.Context(), k.ws, "c", engage.PageRequest{Limit: 1})
		must(t, "List", err)
		for _, c := range []struct {
			name     string
			ws       engage.WorkspaceID
			consumer string
			request  engage.PageRequest
		}{
			{"of another workspace", k.other, "c", engage.PageRequest{After: page.Next}},
			{"of another consumer", k.ws, "d", engage.PageRequest{After: page.Next}},
			{"of all consumers", k.ws, "", engage.PageRequest{After: page.Next}},
			{"cut short", k.ws, "c", engage.PageRequest{After: engage.SealCursor("parked|"+k.ws.String()+"|c", []byte{1})}},
			{"a negative limit", k.ws, "c", engage.PageRequest{Limit: -1}},
			{"a large limit", k.ws, "c", engage.PageRequest{Limit: engage.MaxPageSize + 1}},
		} {
			_, err := k.Parked.List(t.Context(), c.ws, c.consumer, c.request)
			want(t, c.name, err, engage.ErrInvalid)
		}
	}},
	{"are those of one workspace", func(t *testing.T, k *fixture) {
		mine := k.parkOne(t, k.Clock.Now().Add(minute))
		all := []engage.WorkspaceID{k.ws, k.twin, k.other}
		for _, ws := range all[1:] {
			theirs := mine
			theirs.Event.Workspace, theirs.Cause = ws, ws.String()
			k.park(t, theirs)
		}
		ids := []engage.EventID{mine.Event.ID}
		if n := k.redrive(t, k.twin, "c", ids...); n != 1 {
			t.Errorf("%d were re-driven, want 1", n)
		}
		if n := k.drop(t, k.other, "", ids...); n != 1 {
			t.Errorf("%d were dropped, want 1", n)
		}
		for _, ws := range []engage.WorkspaceID{k.other, k.workspace()} {
			if n := k.redrive(t, ws, "", ids...) + k.drop(t, ws, "", ids...); n != 0 {
				t.Errorf("another workspace's ids found %d", n)
			}
		}
		if diff := cmp.Diff([]engage.Parked{mine}, k.listParked(t, k.ws, "")); diff != "" {
			t.Errorf("the first workspace's (-want +got):\n%s", diff)
		}
		twin := k.listParked(t, k.twin, "c")
		if len(twin) != 1 || twin[0].Attempts != 0 || twin[0].Cause != k.twin.String() || twin[0].Event.Workspace != k.twin {
			t.Errorf("the second workspace's: %+v", twin)
		}
		if got := k.listParked(t, k.other, ""); len(got) != 0 {
			t.Errorf("the third workspace's: %+v", got)
		}
	}},
	{"are those of one consumer, if one is named", func(t *testing.T, k *fixture) {
		events := k.parkMany(t, 1, "c", "C", "c ", "d")
		id := events[0].ID
		for _, consumer := range []string{"c", "C", "c "} {
			got := k.listParked(t, k.ws, consumer)
			if len(got) != 1 || got[0].Consumer != consumer {
				t.Errorf("of consumer %q: %+v", consumer, got)
			}
		}
		if n := k.drop(t, k.ws, "C", id); n != 1 {
			t.Errorf("%d were dropped, want 1", n)
		}
		if n := k.redrive(t, k.ws, "d", id); n != 1 {
			t.Errorf("%d were re-driven, want 1", n)
		}
		var left []string
		for _, p := range k.listParked(t, k.ws, "") {
			left = append(left, fmt.Sprintf("%s%d", p.Consumer, p.Attempts))
		}
		if diff := cmp.Diff([]string{"c1", "c 1", "d0"}, left); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
		if n := k.redrive(t, k.ws, "nobody", id) + k.drop(t, k.ws, "nobody", id); n != 0 {
			t.Errorf("nobody's: %d", n)
		}
	}},
	{"that are re-driven are due at once, as if never tried again", func(t *testing.T, k *fixture) {
		parked := k.parkOne(t, k.Clock.Now().Add(time.Hour))
		if n := k.redrive(t, k.ws, "c", parked.Event.ID); n != 1 {
			t.Errorf("%d were re-driven, want 1", n)
		}
		parked.Attempts, parked.NotBefore = 0, k.Clock.Now()
		if diff := cmp.Diff([]engage.Parked{parked}, k.listParked(t, k.ws, "c")); diff != "" {
			t.Errorf("listed (-want +got):\n%s", diff)
		}
		got := k.claimParked(t, "c", 10)
		if len(got) != 1 || got[0].Attempts != 1 || got[0].Cause != parked.Cause {
			t.Fatalf("claimed %+v", got)
		}
		must(t, "Unpark", k.unpark(t, got[0]))
	}},
	{"that are re-driven or dropped end the claim of a retry", func(t *testing.T, k *fixture) {
		parked := k.parkOne(t, k.Clock.Now())
		mine := k.claimParked(t, "c", 10)[0]
		k.redrive(t, k.ws, "c", parked.Event.ID)
		want(t, "the former claim's Unpark", k.unpark(t, mine), engage.ErrConflict)
		yours := k.claimParked(t, "c", 10)
		if len(yours) != 1 {
			t.Fatalf("%d events, want 1", len(yours))
		}
		if n := k.drop(t, k.ws, "c", parked.Event.ID); n != 1 {
			t.Errorf("%d were dropped, want 1", n)
		}
		want(t, "Unpark of what was dropped", k.unpark(t, yours[0]), engage.ErrConflict)
		k.Clock.Advance(time.Hour)
		if got := k.claimParked(t, "c", 10); len(got) != 0 {
			t.Errorf("still there: %+v", got)
		}
		backlog, err := k.Log.Backlog(t.Context(), shard, "c")
		if err != nil || backlog.Parked != 0 {
			t.Errorf("backlog %+v, %v", backlog, err)
		}
	}},
	{"are counted once for each consumer, however often they are named", func(t *testing.T, k *fixture) {
		events := k.parkMany(t, 3, "c", "d", "e")
		ids := []engage.EventID{events[1].ID, events[0].ID, events[1].ID, engage.EventID(k.ids.NewID())}
		if n := k.redrive(t, k.ws, "", ids...); n != 6 {
			t.Errorf("%d were re-driven, want 6", n)
		}
		if n := k.drop(t, k.ws, "d", ids...); n != 2 {
			t.Errorf("%d were dropped, want 2", n)
		}
		if n := k.redrive(t, k.ws, "") + k.drop(t, k.ws, ""); n != 0 {
			t.Errorf("no ids found %d", n)
		}
		if left := k.listParked(t, k.ws, ""); len(left) != 7 {
			t.Errorf("%d are left, want 7: %+v", len(left), left)
		}
	}},
	{"are changed in a transaction, and only there", func(t *testing.T, k *fixture) {
		parked := k.parkOne(t, k.Clock.Now().Add(time.Hour))
		ids := []engage.EventID{parked.Event.ID}
		refused := func(ctx context.Context, ws engage.WorkspaceID, ids []engage.EventID, sentinel error) {
			t.Helper()
			_, err := k.Parked.Redrive(ctx, ws, "c", ids)
			want(t, "Redrive", err, sentinel)
			_, err = k.Parked.Drop(ctx, ws, "c", ids)
			want(t, "Drop", err, sentinel)
		}
		refused(t.Context(), k.ws, ids, engage.ErrFailedPrecondition)
		refused(t.Context(), k.ws, nil, engage.ErrFailedPrecondition)
		k.commit(t, k.other, func(ctx context.Context) error {
			refused(ctx, k.ws, ids, engage.ErrFailedPrecondition)
			return nil
		})
		k.commitShard(t, func(ctx context.Context) error {
			refused(ctx, engage.WorkspaceID{}, ids, engage.ErrInvalid)
			refused(ctx, k.ws, slices.Repeat(ids, engage.MaxBatch+1), engage.ErrInvalid)
			_, err := k.Parked.List(ctx, engage.WorkspaceID{}, "c", engage.PageRequest{})
			want(t, "List", err, engage.ErrInvalid)
			return nil
		})
		err := k.Tx.InTx(t.Context(), k.ws, func(ctx context.Context) error {
			if n, err := k.Parked.Redrive(ctx, k.ws, "c", ids); n != 1 || err != nil {
				t.Errorf("Redrive: %d, %v", n, err)
			}
			if n, err := k.Parked.Drop(ctx, k.ws, "c", ids); n != 1 || err != nil {
				t.Errorf("Drop: %d, %v", n, err)
			}
			page, err := k.Parked.List(ctx, k.ws, "c", engage.PageRequest{})
			if err != nil || len(page.Items) != 0 {
				t.Errorf("within the transaction: %+v, %v", page, err)
			}
			if got := k.listParked(t, k.ws, "c"); len(got) != 1 {
				t.Errorf("outside the transaction: %+v", got)
			}
			return errOops
		})
		want(t, "InTx", err, errOops)
		if diff := cmp.Diff([]engage.Parked{parked}, k.listParked(t, k.ws, "c")); diff != "" {
			t.Errorf("after the rollback (-want +got):\n%s", diff)
		}
		k.commitShard(t, func(ctx context.Context) error {
			if n, err := k.Parked.Drop(ctx, k.ws, "c", ids); n != 1 || err != nil {
				t.Errorf("Drop in InShard: %d, %v", n, err)
			}
			return nil
		})
	}},
	{"are the caller's own", func(t *testing.T, k *fixture) {
		parked := k.parkOne(t, k.Clock.Now())
		clear(k.listParked(t, k.ws, "c")[0].Event.Data)
		if diff := cmp.Diff([]engage.Parked{parked}, k.listParked(t, k.ws, "c")); diff != "" {
			t.Errorf("after a change (-want +got):\n%s", diff)
		}
	}},
}

// parkMany publishes so many events, "0", "1" and so on, and parks each for the
// consumers.
func (k *fixture) parkMany(t *testing.T, n int, consumers ...string) []engage.Envelope {
	t.Helper()
	for i := range n {
		k.publish(t, k.ws, fmt.Sprint(i))
	}
	events := k.events(t, k.ws)
	var parked []engage.Parked
	for _, event := range events {
		for _, consumer := range consumers {
			parked = append(parked, engage.Parked{Consumer: consumer, Event: event, Attempts: 1, NotBefore: k.Clock.Now().Add(minute)})
		}
	}
	slices.Reverse(parked)
	k.park(t, parked...)
	return events
}

func (k *fixture) park(t *testing.T, parked ...engage.Parked) {
	t.Helper()
	k.commitShard(t, func(ctx context.Context) error { return k.Log.Park(ctx, shard, parked) })
}

func (k *fixture) listParked(t *testing.T, ws engage.WorkspaceID, consumer string) []engage.Parked {
	t.Helper()
	page, err := k.Parked.List(t.Context(), ws, consumer, engage.PageRequest{})
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	return page.Items
}

func (k *fixture) redrive(t *testing.T, ws engage.WorkspaceID, consumer string, ids ...engage.EventID) (n int) {
	t.Helper()
	k.commit(t, ws, func(ctx context.Context) (err error) {
		n, err = k.Parked.Redrive(ctx, ws, consumer, ids)
		return err
	})
	return n
}

func (k *fixture) drop(t *testing.T, ws engage.WorkspaceID, consumer string, ids ...engage.EventID) (n int) {
	t.Helper()
	k.commit(t, ws, func(ctx context.Context) (err error) {
		n, err = k.Parked.Drop(ctx, ws, consumer, ids)
		return err
	})
	return n
}
