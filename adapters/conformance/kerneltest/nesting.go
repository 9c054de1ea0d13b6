package kerneltest

import (
	"context"
	"fmt"
	"testing"

	"github.com/go-engage/engage"
)

// nestingCases are the rules of InTx within InTx.
var nestingCases = []testCase{
	{"joins the transaction", func(t *testing.T, k *fixture) {
		k.commit(t, k.ws, func(ctx context.Context) error {
			must(t, "put", k.put(ctx, k.ws, "outer", "1"))
			must(t, "the inner InTx", k.Tx.InTx(ctx, k.ws, func(ctx context.Context) error {
				k.wantNotesIn(ctx, t, k.ws, map[string]string{"outer": "1"})
				return k.put(ctx, k.ws, "inner", "2")
			}))
			k.wantNotesIn(ctx, t, k.ws, map[string]string{"outer": "1", "inner": "2"})
			k.wantNotes(t, k.ws, map[string]string{})
			return k.put(ctx, k.ws, "outer", "3")
		})
		k.wantNotes(t, k.ws, map[string]string{"outer": "3", "inner": "2"})
		k.wantEvents(t, k.ws, "1", "2", "3")
	}},
	{"is undone with the transaction it joined", func(t *testing.T, k *fixture) {
		err := k.Tx.InTx(t.Context(), k.ws, func(ctx context.Context) error {
			must(t, "the inner InTx", k.Tx.InTx(ctx, k.ws, func(ctx context.Context) error {
				return k.put(ctx, k.ws, "k", "v")
			}))
			return errOops
		})
		want(t, "InTx", err, errOops)
		k.wantNotes(t, k.ws, map[string]string{})
		k.wantEvents(t, k.ws)
	}},
	{"that fails has had no effect when its error is swallowed", func(t *testing.T, k *fixture) {
		k.commit(t, k.ws, func(ctx context.Context) error {
			must(t, "put", k.put(ctx, k.ws, "k", "1"))
			err := k.Tx.InTx(ctx, k.ws, func(ctx context.Context) error {
				must(t, "put", k.put(ctx, k.ws, "k", "2"))
				must(t, "put", k.put(ctx, k.ws, "new", "2"))
				return errOops
			})
			want(t, "the inner InTx", err, errOops)
			k.wantNotesIn(ctx, t, k.ws, map[string]string{"k": "1"})
			return k.put(ctx, k.ws, "last", "3")
		})
		k.wantNotes(t, k.ws, map[string]string{"k": "1", "last": "3"})
	}},
	{"that fails in a read has had no effect and the outer goes on", func(t *testing.T, k *fixture) {
		k.commit(t, k.ws, func(ctx context.Context) error {
			must(t, "put", k.put(ctx, k.ws, "k", "1"))
			k.readBroken(ctx, t, nil)
			k.readBroken(ctx, t, func(ctx context.Context) { must(t, "put", k.put(ctx, k.ws, "k", "2")) })
			k.readBroken(ctx, t, func(ctx context.Context) { k.wantNotesIn(ctx, t, k.ws, map[string]string{"k": "1"}) })
			k.wantNotesIn(ctx, t, k.ws, map[string]string{"k": "1"})
			return k.put(ctx, k.ws, "last", "3")
		})
		k.wantNotes(t, k.ws, map[string]string{"k": "1", "last": "3"})
		k.wantEvents(t, k.ws, "1", "3")
	}},
	{"that fails in a read is undone alone in a call that has read, and in one that goes on to write", func(t *testing.T, k *fixture) {
		k.commitShard(t, func(ctx context.Context) error {
			err := k.Tx.InTx(ctx, k.ws, func(ctx context.Context) error {
				k.readBroken(ctx, t, nil)
				k.wantNotesIn(ctx, t, k.ws, map[string]string{})
				k.readBroken(ctx, t, nil)
				must(t, "the innermost InTx", k.Tx.InTx(ctx, k.ws, func(ctx context.Context) error {
					k.readBroken(ctx, t, nil)
					return k.put(ctx, k.ws, "k", "1")
				}))
				k.readBroken(ctx, t, func(ctx context.Context) { must(t, "put", k.put(ctx, k.ws, "k", "2")) })
				return k.put(ctx, k.ws, "last", "3")
			})
			must(t, "the InTx that goes on", err)
			want(t, "the InTx that fails", k.Tx.InTx(ctx, k.other, func(ctx context.Context) error {
				must(t, "the innermost InTx", k.Tx.InTx(ctx, k.other, func(ctx context.Context) error {
					return k.put(ctx, k.other, "k", "undone")
				}))
				return errOops
			}), errOops)
			return nil
		})
		k.wantNotes(t, k.ws, map[string]string{"k": "1", "last": "3"})
		k.wantEvents(t, k.ws, "1", "3")
		k.wantNotes(t, k.other, map[string]string{})
		k.wantEvents(t, k.other)
	}},
	{"that fails takes its events with it", func(t *testing.T, k *fixture) {
		k.commit(t, k.ws, func(ctx context.Context) error {
			must(t, "Publish", k.Events.Publish(ctx, k.ws, noted{"k", "1"}))
			err := k.Tx.InTx(ctx, k.ws, func(ctx context.Context) error {
				must(t, "Publish", k.Events.Publish(ctx, k.ws, noted{"k", "2"}))
				return errOops
			})
			want(t, "the inner InTx", err, errOops)
			return k.Events.Publish(ctx, k.ws, noted{"k", "3"})
		})
		k.wantEvents(t, k.ws, "1", "3")
	}},
	{"that fails takes its functions after the commit with it", func(t *testing.T, k *fixture) {
		var ran []string
		k.commit(t, k.ws, func(ctx context.Context) error {
			must(t, "AfterCommit", k.Tx.AfterCommit(ctx, func() { ran = append(ran, "before") }))
			err := k.Tx.InTx(ctx, k.ws, func(ctx context.Context) error {
				must(t, "AfterCommit", k.Tx.AfterCommit(ctx, func() { ran = append(ran, "undone") }))
				return errOops
			})
			want(t, "the inner InTx", err, errOops)
			return k.Tx.AfterCommit(ctx, func() { ran = append(ran, "after") })
		})
		wantRan(t, ran, "before", "after")
	}},
	{"that panics has had no effect when it is recovered", func(t *testing.T, k *fixture) {
		var ran []string
		k.commit(t, k.ws, func(ctx context.Context) error {
			must(t, "put", k.put(ctx, k.ws, "k", "1"))
			value := recovered(func() {
				_ = k.Tx.InTx(ctx, k.ws, func(ctx context.Context) error {
					must(t, "put", k.put(ctx, k.ws, "k", "2"))
					must(t, "AfterCommit", k.Tx.AfterCommit(ctx, func() { ran = append(ran, "undone") }))
					panic("oops")
				})
			})
			if value != any("oops") {
				t.Errorf("recovered %v", value)
			}
			k.wantNotesIn(ctx, t, k.ws, map[string]string{"k": "1"})
			return k.put(ctx, k.ws, "last", "3")
		})
		k.wantNotes(t, k.ws, map[string]string{"k": "1", "last": "3"})
		k.wantEvents(t, k.ws, "1", "3")
		wantRan(t, ran)
	}},
	{"that fails undoes everything when its error is passed on", func(t *testing.T, k *fixture) {
		err := k.Tx.InTx(t.Context(), k.ws, func(ctx context.Context) error {
			must(t, "put", k.put(ctx, k.ws, "k", "1"))
			return k.Tx.InTx(ctx, k.ws, func(ctx context.Context) error {
				must(t, "put", k.put(ctx, k.ws, "k", "2"))
				return errOops
			})
		})
		want(t, "InTx", err, errOops)
		k.wantNotes(t, k.ws, map[string]string{})
		k.wantEvents(t, k.ws)
	}},
	{"that fails undoes the calls that succeeded in it", func(t *testing.T, k *fixture) {
		k.commit(t, k.ws, func(ctx context.Context) error {
			must(t, "put", k.put(ctx, k.ws, "a", "1"))
			err := k.Tx.InTx(ctx, k.ws, func(ctx context.Context) error {
				must(t, "put", k.put(ctx, k.ws, "b", "2"))
				must(t, "the innermost InTx", k.Tx.InTx(ctx, k.ws, func(ctx context.Context) error {
					must(t, "put", k.put(ctx, k.ws, "a", "3"))
					return k.put(ctx, k.ws, "c", "3")
				}))
				k.wantNotesIn(ctx, t, k.ws, map[string]string{"a": "3", "b": "2", "c": "3"})
				return errOops
			})
			want(t, "the middle InTx", err, errOops)
			k.wantNotesIn(ctx, t, k.ws, map[string]string{"a": "1"})
			return nil
		})
		k.wantNotes(t, k.ws, map[string]string{"a": "1"})
		k.wantEvents(t, k.ws, "1")
	}},
	{"may fail many times in one transaction", func(t *testing.T, k *fixture) {
		k.commit(t, k.ws, func(ctx context.Context) error {
			for i := range 20 {
				err := k.Tx.InTx(ctx, k.ws, func(ctx context.Context) error {
					must(t, "put", k.put(ctx, k.ws, "k", fmt.Sprint(i)))
					if i%2 == 1 {
						return errOops
					}
					return nil
				})
				if i%2 == 1 {
					want(t, "the inner InTx", err, errOops)
				} else {
					must(t, "the inner InTx", err)
				}
				k.wantNotesIn(ctx, t, k.ws, map[string]string{"k": fmt.Sprint(i / 2 * 2)})
			}
			return nil
		})
		k.wantNotes(t, k.ws, map[string]string{"k": "18"})
		k.wantEvents(t, k.ws, "0", "2", "4", "6", "8", "10", "12", "14", "16", "18")
	}},
	{"for another workspace is refused", func(t *testing.T, k *fixture) {
		k.commit(t, k.ws, func(ctx context.Context) error {
			for _, ws := range []engage.WorkspaceID{k.other, k.twin} {
				err := k.Tx.InTx(ctx, ws, func(context.Context) error {
					t.Error("fn ran")
					return nil
				})
				want(t, "the inner InTx", err, engage.ErrFailedPrecondition)
			}
			err := k.Tx.InTx(ctx, engage.WorkspaceID{}, func(context.Context) error { return nil })
			want(t, "InTx for the zero workspace", err, engage.ErrInvalid)
			return k.put(ctx, k.ws, "k", "v")
		})
		k.wantNotes(t, k.ws, map[string]string{"k": "v"})
	}},
	{"that is refused or fails without a write leaves the transaction usable", func(t *testing.T, k *fixture) {
		k.commit(t, k.ws, func(ctx context.Context) error {
			want(t, "the inner InTx", k.Tx.InTx(ctx, k.ws, func(context.Context) error { return errOops }), errOops)
			must(t, "an empty InTx", k.Tx.InTx(ctx, k.ws, func(context.Context) error { return nil }))
			return k.put(ctx, k.ws, "k", "v")
		})
		k.wantNotes(t, k.ws, map[string]string{"k": "v"})
		k.wantEvents(t, k.ws, "v")
	}},
}

// readBroken runs a nested call that does something and fails in a read.
func (k *fixture) readBroken(ctx context.Context, t *testing.T, before func(ctx context.Context)) {
	t.Helper()
	if k.BrokenRead == nil {
		t.Skip("no read can fail")
	}
	var broken error
	err := k.Tx.InTx(ctx, k.ws, func(ctx context.Context) error {
		if before != nil {
			before(ctx)
		}
		broken = k.BrokenRead(ctx, k.ws)
		return broken
	})
	if broken == nil {
		t.Fatal("BrokenRead answered no error")
	}
	want(t, "the InTx with the broken read", err, broken)
}
