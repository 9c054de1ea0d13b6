package kerneltest

import (
	"context"
	"slices"
	"testing"

	"github.com/go-engage/engage"
)

// awayCases are the rules of installations with several databases: k.other is on
// another one than k.ws.
var awayCases = []testCase{
	{"has a shard that is listed", func(t *testing.T, k *fixture) {
		elsewhere := k.away(t)
		shards, err := k.Tx.Shards(t.Context())
		must(t, "Shards", err)
		if !slices.Contains(shards, elsewhere) || elsewhere == shard {
			t.Errorf("it is on %q, of %q", elsewhere, shards)
		}
	}},
	{"keeps its rows and its events there", func(t *testing.T, k *fixture) {
		elsewhere := k.away(t)
		k.commit(t, k.ws, func(ctx context.Context) error { return k.put(ctx, k.ws, "k", "here") })
		k.commit(t, k.other, func(ctx context.Context) error { return k.put(ctx, k.other, "k", "there") })
		k.wantNotes(t, k.ws, map[string]string{"k": "here"})
		k.wantNotes(t, k.other, map[string]string{"k": "there"})
		k.wantEvents(t, k.ws, "here")
		k.wantEvents(t, k.other)
		read, err := k.Log.Read(t.Context(), elsewhere, engage.PartitionOf(k.other), 0, 10)
		must(t, "Read", err)
		if len(read) != 1 || read[0].Workspace != k.other {
			t.Errorf("the log of its database has %+v", read)
		}
	}},
	{"is refused in a transaction of this one", func(t *testing.T, k *fixture) {
		k.away(t)
		refused := func(ctx context.Context) error {
			err := k.Tx.InTx(ctx, k.other, func(context.Context) error {
				t.Error("fn ran")
				return nil
			})
			want(t, "InTx", err, engage.ErrFailedPrecondition)
			want(t, "Put", k.Notes.Put(ctx, k.other, "k", "v"), engage.ErrFailedPrecondition)
			want(t, "Publish", k.Events.Publish(ctx, k.other, noted{"k", "v"}), engage.ErrFailedPrecondition)
			return k.put(ctx, k.ws, "k", "v")
		}
		k.commitShard(t, refused)
		k.commit(t, k.ws, refused)
		k.wantNotes(t, k.other, map[string]string{})
	}},
	{"is joined by a transaction of its own", func(t *testing.T, k *fixture) {
		elsewhere := k.away(t)
		must(t, "InShard", k.Tx.InShard(t.Context(), elsewhere, func(ctx context.Context) error {
			want(t, "Put for one here", k.Notes.Put(ctx, k.ws, "k", "v"), engage.ErrFailedPrecondition)
			err := k.Tx.InShard(ctx, shard, func(context.Context) error { return nil })
			want(t, "InShard of this one", err, engage.ErrFailedPrecondition)
			return k.Tx.InTx(ctx, k.other, func(ctx context.Context) error { return k.put(ctx, k.other, "k", "v") })
		}))
		k.wantNotes(t, k.other, map[string]string{"k": "v"})
	}},
	{"is consumed from its own log alone", func(t *testing.T, k *fixture) {
		elsewhere := k.away(t)
		k.publish(t, k.other, "v")
		if claims := k.claim(t, "consumer", "owner", engage.LogPartitions); len(claims) != 0 {
			t.Errorf("here are %d claims", len(claims))
		}
		claims, err := k.Log.Claim(t.Context(), elsewhere, "consumer", "owner", k.Clock.Now(), minute, engage.LogPartitions)
		must(t, "Claim", err)
		if len(claims) != 1 || claims[0].Shard != elsewhere || claims[0].Partition != engage.PartitionOf(k.other) {
			t.Errorf("there are the claims %+v", claims)
		}
	}},
	{"has leases of its own", func(t *testing.T, k *fixture) {
		elsewhere := k.away(t)
		for _, at := range []engage.Shard{shard, elsewhere} {
			_, err := k.Leases.Acquire(t.Context(), at, "lease", string(at), k.Clock.Now(), minute)
			must(t, "Acquire on "+string(at), err)
		}
	}},
}

// away puts k.other on another database, or skips the case.
func (k *fixture) away(t *testing.T) engage.Shard {
	t.Helper()
	if k.Away == nil {
		t.Skip("the kernel has one database")
	}
	elsewhere, err := k.Away(t.Context(), k.other)
	must(t, "Away", err)
	return elsewhere
}
