package bunstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/internal/testkit"
)

// busy is an error as SQLite answers it; every dialect's conflicts are
// recognised in every store.
type busy struct{}

func (busy) Error() string { return "busy" }
func (busy) Code() int     { return 5 }

func TestConflictsAreRunAgain(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		conflict := func(ctx context.Context) error { return bunstore.MapError(ctx, "test", "", busy{}) }

		t.Run("until one attempt has none", func(t *testing.T) {
			runs, hooks := 0, 0
			err := b.InTx(t.Context(), b.ws, func(ctx context.Context) error {
				runs++
				if err := errors.Join(b.add(ctx, "again"), b.AfterCommit(ctx, func() { hooks++ })); err != nil {
					return err
				}
				if runs < 3 {
					return conflict(ctx)
				}
				return nil
			})
			if err != nil || runs != 3 || hooks != 1 {
				t.Errorf("%d runs, %d callbacks, %v", runs, hooks, err)
			}
			b.want(t, "again")
		})
		t.Run("even when the error is swallowed, in a nested call too", func(t *testing.T) {
			runs := 0
			err := b.InTx(t.Context(), b.ws, func(ctx context.Context) error {
				runs++
				_ = b.InTx(ctx, b.ws, func(ctx context.Context) error {
					if runs == 1 {
						_ = conflict(ctx)
						wantCode(t, b.add(ctx, "lost"), engage.Unavailable)
					}
					return nil
				})
				return nil
			})
			if err != nil || runs != 2 {
				t.Errorf("%d runs, %v", runs, err)
			}
			b.want(t, "again")
		})
		t.Run("three times at most", func(t *testing.T) {
			runs := 0
			err := b.InTx(t.Context(), b.ws, func(ctx context.Context) error {
				runs++
				return conflict(ctx)
			})
			wantCode(t, err, engage.Unavailable)
			if runs != 4 {
				t.Errorf("%d runs", runs)
			}
		})
		t.Run("not in a host's transaction", func(t *testing.T) {
			runs := 0
			tx, err := db.Write.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = b.InHostTx(t.Context(), b.ws, tx, func(ctx context.Context) error {
				runs++
				_ = conflict(ctx)
				return nil
			})
			wantCode(t, err, engage.Unavailable)
			if err := tx.Rollback(); err != nil || runs != 1 {
				t.Errorf("%d runs, %v", runs, err)
			}
		})
	})
}

func TestDeadlocksAreRunAgain(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		if db.Name == "sqlite" {
			t.Skip("SQLite has one writer: no deadlocks")
		}
		b := setup(t, db)
		one, two := b.probe("1"), b.probe("2")
		if err := b.insert(t.Context(), one, two); err != nil {
			t.Fatal(err)
		}
		// Both transactions hold their first row before either asks for its
		// second; a later run finds the channel closed and does not wait.
		var ready sync.WaitGroup
		ready.Add(2)
		var group sync.WaitGroup
		for _, order := range [][2]*probe{{one, two}, {two, one}} {
			group.Go(func() {
				var once sync.Once
				err := b.InTx(t.Context(), b.ws, func(ctx context.Context) error {
					for i, row := range order {
						c, err := b.Write(ctx, b.ws)
						if err != nil {
							return err
						}
						_, err = c.NewUpdate().Model(row).Set("body = ?", bunstore.Text("done")).WherePK().Exec(ctx)
						if err != nil {
							return bunstore.MapError(ctx, "test", "", err)
						}
						if i == 0 {
							once.Do(ready.Done)
							ready.Wait()
						}
					}
					return b.Publish(ctx, b.ws, *order[0])
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if rows, events := b.texts(t); rows[0] != "done" || rows[1] != "done" || len(events) != 2 {
			t.Errorf("rows %q, events %q", rows, events)
		}
	})
}

func TestInHostTx(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		ctx := t.Context()
		t.Run("commits and rolls back with the host's", func(t *testing.T) {
			for _, host := range []string{"bun", "sql"} {
				for _, commit := range []bool{false, true} {
					tx, err := db.Write.BeginTx(ctx, nil)
					if err != nil {
						t.Fatal(err)
					}
					var given any = tx
					if host == "sql" {
						given = tx.Tx
					}
					ran := false
					committed, err := b.InHostTx(ctx, b.ws, given, func(ctx context.Context) error {
						return errors.Join(b.add(ctx, host), b.AfterCommit(ctx, func() { ran = true }))
					})
					if err != nil {
						t.Fatal(err)
					}
					if !commit {
						if err := tx.Rollback(); err != nil {
							t.Fatal(err)
						}
						continue
					}
					if err := tx.Commit(); err != nil {
						t.Fatal(err)
					}
					if ran {
						t.Error("AfterCommit ran before committed was called")
					}
					committed()
					committed()
					if !ran {
						t.Error("AfterCommit did not run")
					}
				}
			}
			if rows, events := b.texts(t); len(rows) != 2 || len(events) != 2 {
				t.Errorf("rows %q, events %q", rows, events)
			}
		})
		t.Run("a failure leaves the host's own writes", func(t *testing.T) {
			tx, err := db.Write.BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			hosts := b.probe("host's")
			if _, err := tx.NewInsert().Model(hosts).Exec(ctx); err != nil {
				t.Fatal(err)
			}
			_, err = b.InHostTx(ctx, b.ws, tx, func(ctx context.Context) error { return errors.Join(b.add(ctx, "ours"), errStop) })
			if !errors.Is(err, errStop) {
				t.Errorf("err is %v", err)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			b.wantRows(t, "bun", "host's", "sql")
		})
		t.Run("something else than a transaction is refused", func(t *testing.T) {
			_, err := b.InHostTx(ctx, b.ws, db.Write, nil)
			wantCode(t, err, engage.Invalid)
		})
		t.Run("the host's code joins ours through Conn", func(t *testing.T) {
			if _, ok := b.Conn(ctx); ok {
				t.Error("there is a connection without a transaction")
			}
			err := b.InTx(ctx, b.ws, func(ctx context.Context) error {
				c, ok := b.Conn(ctx)
				if !ok {
					t.Fatal("no connection")
				}
				_, err := c.NewInsert().Model(b.probe("joined")).Exec(ctx)
				return errors.Join(err, errStop)
			})
			if !errors.Is(err, errStop) {
				t.Error(err)
			}
			b.wantRows(t, "bun", "host's", "sql")
		})
	})
}

func TestSeveralDatabases(t *testing.T) {
	t.Parallel()
	here, there := testkit.SQLite(t), testkit.SQLite(t)
	ids := engage.NewIDSource(engage.SystemClock{}, nil)
	near, far := engage.WorkspaceID(ids.NewID()), engage.WorkspaceID(ids.NewID())
	store, err := bunstore.Open(t.Context(), bunstore.Config{
		Write: here.Write, Read: here.Read, More: []bunstore.Database{{Shard: "far", Write: there.Write, Read: there.Read}},
		Resolve: func(_ context.Context, ws engage.WorkspaceID) (engage.Shard, error) {
			if ws == far {
				return "far", nil
			}
			return engage.DefaultShard, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, ws := range []engage.WorkspaceID{near, far} {
		err := store.InTx(t.Context(), ws, func(ctx context.Context) error { return store.Publish(ctx, ws, probe{Text: "e"}) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if n, err := store.Sequence(t.Context()); n != 0 || err != nil {
		t.Errorf("Sequence numbered %d, %v", n, err)
	}
	for shard, ws := range map[engage.Shard]engage.WorkspaceID{engage.DefaultShard: near, "far": far} {
		slices, err := store.Log().Read(t.Context(), shard, engage.PartitionOf(ws), 0, 10)
		if err != nil || len(slices) != 1 || slices[0].Workspace != ws {
			t.Errorf("the log of %s is %+v, %v", shard, slices, err)
		}
	}
	err = store.InShard(t.Context(), "far", func(ctx context.Context) error {
		_, err := store.Write(ctx, near)
		wantCode(t, err, engage.FailedPrecondition)
		wantCode(t, store.InTx(ctx, near, nil), engage.FailedPrecondition)
		wantCode(t, store.InShard(ctx, engage.DefaultShard, nil), engage.FailedPrecondition)
		return store.InTx(ctx, far, func(context.Context) error { return nil })
	})
	if err != nil {
		t.Error(err)
	}
}
