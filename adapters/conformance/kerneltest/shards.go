package kerneltest

import (
	"context"
	"slices"
	"testing"

	"github.com/go-engage/engage"
)

// shardCases are the rules of InShard.
var shardCases = []testCase{
	{"is for a shard that is listed", func(t *testing.T, k *fixture) {
		first, err := k.Tx.Shards(t.Context())
		must(t, "Shards", err)
		again, err := k.Tx.Shards(t.Context())
		must(t, "Shards", err)
		if !slices.Contains(first, shard) || !slices.Equal(first, again) {
			t.Errorf("shards %q, then %q", first, again)
		}
	}},
	{"is refused for one that is not", func(t *testing.T, k *fixture) {
		err := k.Tx.InShard(t.Context(), "nowhere", func(context.Context) error {
			t.Error("fn ran")
			return nil
		})
		want(t, "InShard", err, engage.ErrNotFound)
	}},
	{"writes for every workspace", func(t *testing.T, k *fixture) {
		all := []engage.WorkspaceID{k.ws, k.twin, k.other}
		k.commitShard(t, func(ctx context.Context) error {
			for _, ws := range all {
				must(t, "put", k.put(ctx, ws, "k", ws.String()))
			}
			return nil
		})
		for _, ws := range all {
			k.wantNotes(t, ws, map[string]string{"k": ws.String()})
			k.wantEvents(t, ws, ws.String())
		}
	}},
	{"rolls back as a whole", func(t *testing.T, k *fixture) {
		err := k.Tx.InShard(t.Context(), shard, func(ctx context.Context) error {
			must(t, "put", k.put(ctx, k.ws, "k", "v"))
			must(t, "put", k.put(ctx, k.other, "k", "v"))
			return errOops
		})
		want(t, "InShard", err, errOops)
		for _, ws := range []engage.WorkspaceID{k.ws, k.other} {
			k.wantNotes(t, ws, map[string]string{})
			k.wantEvents(t, ws)
		}
	}},
	{"is joined by InTx, which is pinned to its workspace", func(t *testing.T, k *fixture) {
		k.commitShard(t, func(ctx context.Context) error {
			for _, ws := range []engage.WorkspaceID{k.ws, k.other} {
				must(t, "the inner InTx", k.Tx.InTx(ctx, ws, func(ctx context.Context) error {
					want(t, "Put for another", k.Notes.Put(ctx, k.twin, "k", "v"), engage.ErrFailedPrecondition)
					want(t, "Publish for another", k.Events.Publish(ctx, k.twin, noted{"k", "v"}), engage.ErrFailedPrecondition)
					err := k.Tx.InTx(ctx, k.twin, func(context.Context) error { return nil })
					want(t, "InTx for another", err, engage.ErrFailedPrecondition)
					return k.put(ctx, ws, "k", ws.String())
				}))
			}
			k.wantNotes(t, k.ws, map[string]string{})
			return nil
		})
		k.wantNotes(t, k.ws, map[string]string{"k": k.ws.String()})
		k.wantNotes(t, k.other, map[string]string{"k": k.other.String()})
		k.wantNotes(t, k.twin, map[string]string{})
	}},
	{"keeps one workspace's failure from the others", func(t *testing.T, k *fixture) {
		k.commitShard(t, func(ctx context.Context) error {
			for _, ws := range []engage.WorkspaceID{k.ws, k.twin, k.other} {
				err := k.Tx.InTx(ctx, ws, func(ctx context.Context) error {
					must(t, "put", k.put(ctx, ws, "k", "v"))
					if ws == k.twin {
						return errOops
					}
					return nil
				})
				if ws == k.twin {
					want(t, "the failing InTx", err, errOops)
				} else {
					must(t, "the inner InTx", err)
				}
			}
			return nil
		})
		k.wantNotes(t, k.ws, map[string]string{"k": "v"})
		k.wantNotes(t, k.twin, map[string]string{})
		k.wantNotes(t, k.other, map[string]string{"k": "v"})
		k.wantEvents(t, k.ws, "v")
		k.wantEvents(t, k.twin)
		k.wantEvents(t, k.other, "v")
	}},
	{"is joined by InShard", func(t *testing.T, k *fixture) {
		k.commitShard(t, func(ctx context.Context) error {
			must(t, "put", k.put(ctx, k.ws, "k", "1"))
			must(t, "the inner InShard", k.Tx.InShard(ctx, shard, func(ctx context.Context) error {
				return k.put(ctx, k.other, "k", "2")
			}))
			err := k.Tx.InShard(ctx, shard, func(ctx context.Context) error {
				must(t, "put", k.put(ctx, k.ws, "k", "3"))
				return errOops
			})
			want(t, "the failing InShard", err, errOops)
			return nil
		})
		k.wantNotes(t, k.ws, map[string]string{"k": "1"})
		k.wantNotes(t, k.other, map[string]string{"k": "2"})
		k.wantEvents(t, k.ws, "1")
	}},
	{"is refused in a transaction of a workspace", func(t *testing.T, k *fixture) {
		refused := func(ctx context.Context) {
			err := k.Tx.InShard(ctx, shard, func(context.Context) error {
				t.Error("fn ran")
				return nil
			})
			want(t, "InShard", err, engage.ErrFailedPrecondition)
		}
		inWorkspace := func(ctx context.Context) error {
			refused(ctx)
			return k.put(ctx, k.ws, "k", "v")
		}
		k.commit(t, k.ws, inWorkspace)
		k.commitShard(t, func(ctx context.Context) error { return k.Tx.InTx(ctx, k.ws, inWorkspace) })
		k.wantEvents(t, k.ws, "v", "v")
	}},
}

// afterCommitCases are the rules of AfterCommit.
var afterCommitCases = []testCase{
	{"runs before InTx returns, in the order of the calls", func(t *testing.T, k *fixture) {
		var ran []string
		k.commit(t, k.ws, func(ctx context.Context) error {
			for _, name := range []string{"1", "2", "3"} {
				must(t, "AfterCommit", k.Tx.AfterCommit(ctx, func() { ran = append(ran, name) }))
			}
			return nil
		})
		wantRan(t, ran, "1", "2", "3")
	}},
	{"sees what was committed", func(t *testing.T, k *fixture) {
		ran := false
		k.commit(t, k.ws, func(ctx context.Context) error {
			must(t, "AfterCommit", k.Tx.AfterCommit(ctx, func() {
				ran = true
				k.wantNotes(t, k.ws, map[string]string{"k": "v"})
			}))
			return k.Notes.Put(ctx, k.ws, "k", "v")
		})
		if !ran {
			t.Error("the function did not run")
		}
	}},
	{"may begin a transaction", func(t *testing.T, k *fixture) {
		outer := t.Context()
		k.commit(t, k.ws, func(ctx context.Context) error {
			return k.Tx.AfterCommit(ctx, func() {
				must(t, "InTx", k.Tx.InTx(outer, k.other, func(ctx context.Context) error {
					return k.Notes.Put(ctx, k.other, "k", "v")
				}))
			})
		})
		k.wantNotes(t, k.other, map[string]string{"k": "v"})
	}},
	{"never runs when the transaction rolls back", func(t *testing.T, k *fixture) {
		var ran []string
		note := func(ctx context.Context) {
			must(t, "AfterCommit", k.Tx.AfterCommit(ctx, func() { ran = append(ran, "undone") }))
		}
		err := k.Tx.InTx(t.Context(), k.ws, func(ctx context.Context) error {
			note(ctx)
			return errOops
		})
		want(t, "InTx", err, errOops)
		_ = recovered(func() {
			_ = k.Tx.InTx(t.Context(), k.ws, func(ctx context.Context) error {
				note(ctx)
				panic("oops")
			})
		})
		outer, cancel := context.WithCancel(t.Context())
		err = k.Tx.InTx(outer, k.ws, func(ctx context.Context) error {
			note(ctx)
			cancel()
			return nil
		})
		want(t, "InTx", err, context.Canceled)
		wantRan(t, ran)
	}},
	{"of a nested call waits for the outermost commit", func(t *testing.T, k *fixture) {
		var ran []string
		k.commitShard(t, func(ctx context.Context) error {
			must(t, "AfterCommit", k.Tx.AfterCommit(ctx, func() { ran = append(ran, "outer") }))
			must(t, "the inner InTx", k.Tx.InTx(ctx, k.ws, func(ctx context.Context) error {
				return k.Tx.AfterCommit(ctx, func() { ran = append(ran, "inner") })
			}))
			wantRan(t, ran)
			return nil
		})
		wantRan(t, ran, "outer", "inner")
	}},
}

func wantRan(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("ran %q, want %q", got, want)
	}
}
