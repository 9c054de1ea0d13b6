package kerneltest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
)

const (
	shard  = engage.DefaultShard
	minute = time.Minute
)

var errOops = errors.New("oops")

// noted is the event of the suite: a note was put.
type noted struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func (noted) EventName() string          { return "kerneltest.noted.v1" }
func (n noted) EventSubject() engage.Ref { return engage.Ref{Type: "note", ID: keyID(n.Key)} }

func keyID(key string) (id [16]byte) {
	copy(id[:], key)
	return id
}

// broken is an event that does not encode.
type broken struct{ Pipe chan int }

func (broken) EventName() string        { return "kerneltest.broken.v1" }
func (broken) EventSubject() engage.Ref { return engage.Ref{} }

// sized is an event whose payload has exactly so many bytes.
func sized(bytes int) noted {
	overhead := len(`{"key":"size","value":""}`)
	return noted{"size", strings.Repeat("x", bytes-overhead)}
}

// fixture is an open kernel with three workspaces: other's partition is not
// ws's, twin's is.
type fixture struct {
	Kernel
	ids             engage.IDSource
	ws, twin, other engage.WorkspaceID
}

func newFixture(t *testing.T, kernel Kernel) *fixture {
	t.Helper()
	k := &fixture{Kernel: kernel, ids: engage.NewIDSource(kernel.Clock, nil)}
	k.ws = k.workspace()
	for k.twin.IsZero() || k.other.IsZero() {
		ws := k.workspace()
		if engage.PartitionOf(ws) == engage.PartitionOf(k.ws) {
			k.twin = ws
		} else {
			k.other = ws
		}
	}
	return k
}

func (k *fixture) workspace() engage.WorkspaceID { return engage.WorkspaceID(k.ids.NewID()) }

// workspaces answers so many workspaces, each in a partition of its own.
func (k *fixture) workspaces(n int) []engage.WorkspaceID {
	var found []engage.WorkspaceID
	taken := map[engage.Partition]bool{}
	for len(found) < n {
		if ws := k.workspace(); !taken[engage.PartitionOf(ws)] {
			taken[engage.PartitionOf(ws)] = true
			found = append(found, ws)
		}
	}
	return found
}

// commit runs fn in a transaction that must succeed.
func (k *fixture) commit(t *testing.T, ws engage.WorkspaceID, fn func(ctx context.Context) error) {
	t.Helper()
	if err := k.Tx.InTx(t.Context(), ws, fn); err != nil {
		t.Fatalf("InTx: %v", err)
	}
}

// commitShard runs fn in a shard's transaction that must succeed.
func (k *fixture) commitShard(t *testing.T, fn func(ctx context.Context) error) {
	t.Helper()
	if err := k.Tx.InShard(t.Context(), shard, fn); err != nil {
		t.Fatalf("InShard: %v", err)
	}
}

// put is a change with its event, as a service makes it.
func (k *fixture) put(ctx context.Context, ws engage.WorkspaceID, key, value string) error {
	if err := k.Notes.Put(ctx, ws, key, value); err != nil {
		return err
	}
	return k.Events.Publish(ctx, ws, noted{key, value})
}

// publish commits one event for each value and makes them readable.
func (k *fixture) publish(t *testing.T, ws engage.WorkspaceID, values ...string) {
	t.Helper()
	for _, value := range values {
		k.commit(t, ws, func(ctx context.Context) error {
			return k.Events.Publish(ctx, ws, noted{"k", value})
		})
	}
	k.sequence(t)
}

func (k *fixture) sequence(t *testing.T) {
	t.Helper()
	if k.Sequence == nil {
		return
	}
	if err := k.Sequence(t.Context()); err != nil {
		t.Fatalf("Sequence: %v", err)
	}
}

// wantNotes compares all notes of a workspace as a reader outside sees them.
func (k *fixture) wantNotes(t *testing.T, ws engage.WorkspaceID, want map[string]string) {
	t.Helper()
	k.wantNotesIn(t.Context(), t, ws, want)
}

// wantNotesIn compares all notes of a workspace as ctx sees them.
func (k *fixture) wantNotesIn(ctx context.Context, t *testing.T, ws engage.WorkspaceID, want map[string]string) {
	t.Helper()
	got, err := k.Notes.All(ctx, ws)
	if err != nil {
		t.Fatalf("All: %v", err)
	}
	if !maps.Equal(got, want) {
		t.Errorf("notes (-want +got):\n%s", cmp.Diff(want, got))
	}
}

// slices answers the readable slices of a partition.
func (k *fixture) slices(t *testing.T, partition engage.Partition) []engage.Slice {
	t.Helper()
	k.sequence(t)
	var all []engage.Slice
	var after engage.Position
	for {
		some, err := k.Log.Read(t.Context(), shard, partition, after, 100)
		if err != nil {
			t.Fatalf("Read: %v", err)
		}
		if len(some) == 0 {
			return all
		}
		all = append(all, some...)
		if last := some[len(some)-1].Position; last > after {
			after = last
			continue
		}
		t.Fatalf("Read answers position %d behind %d", some[len(some)-1].Position, after)
	}
}

// events answers the workspace's readable events, in order.
func (k *fixture) events(t *testing.T, ws engage.WorkspaceID) []engage.Envelope {
	t.Helper()
	var all []engage.Envelope
	for _, slice := range k.slices(t, engage.PartitionOf(ws)) {
		if slice.Workspace == ws {
			all = append(all, slice.Events...)
		}
	}
	return all
}

// wantEvents compares the values of the workspace's events, in order.
func (k *fixture) wantEvents(t *testing.T, ws engage.WorkspaceID, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, values(t, k.events(t, ws))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func values(t *testing.T, events []engage.Envelope) []string {
	t.Helper()
	var found []string
	for _, event := range events {
		found = append(found, payload(t, event).Value)
	}
	return found
}

func payload(t *testing.T, event engage.Envelope) (p noted) {
	t.Helper()
	if err := json.Unmarshal(event.Data, &p); err != nil {
		t.Fatalf("event %s: %v", event.ID, err)
	}
	return p
}

// claim leases partitions to owner for a minute from now.
func (k *fixture) claim(t *testing.T, consumer, owner string, limit int) []engage.Claim {
	t.Helper()
	claims, err := k.Log.Claim(t.Context(), shard, consumer, owner, k.Clock.Now(), minute, limit)
	if err != nil {
		t.Fatalf("Claim: %v", err)
	}
	return claims
}

// claimOne leases the one partition that must be there to be claimed.
func (k *fixture) claimOne(t *testing.T, consumer, owner string) engage.Claim {
	t.Helper()
	claims := k.claim(t, consumer, owner, engage.LogPartitions)
	if len(claims) != 1 {
		t.Fatalf("%d claims for %s, want 1: %+v", len(claims), owner, claims)
	}
	return claims[0]
}

// advance moves a cursor in a transaction of its own.
func (k *fixture) advance(t *testing.T, claim engage.Claim, to engage.Position) error {
	t.Helper()
	return k.Tx.InShard(t.Context(), shard, func(ctx context.Context) error {
		return k.Log.Advance(ctx, claim, to, k.Clock.Now(), minute)
	})
}

// want checks that err is of a sentinel; nil wants none.
func want(t *testing.T, what string, err, sentinel error) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Errorf("%s: got %v, want %v", what, err, sentinel)
	}
}

// must ends the case on an error.
func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// recovered runs fn and answers what it panicked with.
func recovered(fn func()) (value any) {
	defer func() { value = recover() }()
	fn()
	return nil
}
