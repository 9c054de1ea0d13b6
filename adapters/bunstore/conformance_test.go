package bunstore_test

import (
	"context"
	"flag"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/conformance/kerneltest"
	"github.com/go-engage/engage/internal/testkit"
	"github.com/uptrace/bun"
)

var (
	transactions = flag.Int("engage.transactions", 0, "transactions of the kernel suite's random script; 0: its default")
	seed         = flag.Uint64("engage.seed", 0, "seed of that script")
)

// notes is the suite's scratch table, as a domain's adapter would keep it.
type notes struct{ *bunstore.Store }

type note struct {
	bun.BaseModel `bun:"table:notes"`

	Workspace bunstore.UID  `bun:"workspace_id,pk"`
	Key       bunstore.Key  `bun:"note_key,pk"`
	Value     bunstore.Text `bun:"body"`
}

var notesDDL = map[bunstore.Dialect]string{
	bunstore.SQLite:     `CREATE TABLE notes (workspace_id BLOB NOT NULL, note_key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (workspace_id, note_key))`,
	bunstore.PostgreSQL: `CREATE TABLE notes (workspace_id uuid NOT NULL, note_key text COLLATE "C" NOT NULL, body text NOT NULL, PRIMARY KEY (workspace_id, note_key))`,
	bunstore.MariaDB:    `CREATE TABLE notes (workspace_id BINARY(16) NOT NULL, note_key VARBINARY(255) NOT NULL, body LONGTEXT NOT NULL, PRIMARY KEY (workspace_id, note_key)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
}

func (n notes) Put(ctx context.Context, ws engage.WorkspaceID, key, value string) error {
	db, err := n.Write(ctx, ws)
	if err != nil {
		return err
	}
	query := db.NewInsert().Model(&note{Workspace: bunstore.UID(ws), Key: bunstore.Key(key), Value: bunstore.Text(value)})
	if n.Dialect() == bunstore.MariaDB {
		query = query.On("DUPLICATE KEY UPDATE body = VALUES(body)")
	} else {
		query = query.On("CONFLICT (workspace_id, note_key) DO UPDATE").Set("body = EXCLUDED.body")
	}
	_, err = query.Exec(ctx)
	return bunstore.MapError(ctx, "notes.Put", key, err)
}

func (n notes) Get(ctx context.Context, ws engage.WorkspaceID, key string) (string, error) {
	db, err := n.Read(ctx, ws)
	if err != nil {
		return "", err
	}
	var row note
	err = db.NewSelect().Model(&row).Where("workspace_id = ?", bunstore.UID(ws)).Where("note_key = ?", bunstore.Key(key)).Scan(ctx)
	return string(row.Value), bunstore.MapError(ctx, "notes.Get", key, err)
}

func (n notes) All(ctx context.Context, ws engage.WorkspaceID) (map[string]string, error) {
	db, err := n.Read(ctx, ws)
	if err != nil {
		// The suite also looks with the ctx of a finished transaction.
		if db, err = n.Read(context.WithoutCancel(context.Background()), ws); err != nil {
			return nil, err
		}
	}
	var rows []note
	err = db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Scan(ctx)
	all := map[string]string{}
	for _, row := range rows {
		all[string(row.Key)] = string(row.Value)
	}
	return all, bunstore.MapError(ctx, "notes.All", "", err)
}

// broken is a read that every database refuses.
func (n notes) broken(ctx context.Context, ws engage.WorkspaceID) error {
	db, err := n.Read(ctx, ws)
	if err != nil {
		return err
	}
	_, err = db.NewSelect().Table("nowhere").Count(ctx)
	return bunstore.MapError(ctx, "notes.broken", "", err)
}

func TestKernelConformance(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *testkit.Database{
		"sqlite": testkit.SQLite, "postgres": testkit.Postgres, "mysql": testkit.MariaDB,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open(t) // skips here, once, without a server
			kerneltest.Suite{Transactions: *transactions, Seed: *seed}.Run(t, func(t *testing.T) kerneltest.Kernel {
				clock := engage.NewManualClock(testkit.Start)
				db := open(t)
				store := testkit.Store(t, db, clock)
				if _, err := db.Write.ExecContext(t.Context(), notesDDL[store.Dialect()]); err != nil {
					t.Fatal(err)
				}
				return kerneltest.Kernel{
					Tx: store, Events: store, Log: store.Log(), Parked: store.Parked(), Leases: store.Leases(),
					Notes: notes{store}, BrokenRead: notes{store}.broken, Clock: clock,
					Sequence: func(ctx context.Context) error {
						for {
							if n, err := store.Sequence(ctx); n == 0 || err != nil {
								return err
							}
						}
					},
					Prune: func(ctx context.Context) error {
						_, err := store.Prune(ctx, clock.Now())
						return err
					},
				}
			})
		})
	}
}

// TestKernelConformanceWithAPlacement runs the suite on two databases, whose
// transactions look at the fence.
func TestKernelConformanceWithAPlacement(t *testing.T) {
	t.Parallel()
	for name, open := range openers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && name != "sqlite" {
				t.Skip("two databases a case take long to make")
			}
			open(t)
			kerneltest.Suite{Transactions: 50}.Run(t, func(t *testing.T) kerneltest.Kernel {
				clock := engage.NewManualClock(testkit.Start)
				here, there := open(t), open(t)
				store, err := bunstore.Open(t.Context(), bunstore.Config{
					Clock: clock, Write: here.Write, Read: here.Read, Placement: &bunstore.Placement{},
					More: []bunstore.Database{{Shard: west, Write: there.Write, Read: there.Read}},
				})
				check(t, err)
				check(t, store.Migrate(t.Context()))
				for _, db := range []*testkit.Database{here, there} {
					_, err := db.Write.ExecContext(t.Context(), notesDDL[store.Dialect()])
					check(t, err)
				}
				return kerneltest.Kernel{
					Tx: store, Events: store, Log: store.Log(), Parked: store.Parked(), Leases: store.Leases(),
					Notes: notes{store}, BrokenRead: notes{store}.broken, Clock: clock,
					Away: func(ctx context.Context, ws engage.WorkspaceID) (engage.Shard, error) {
						return west, store.Place(ctx, ws, west)
					},
					Sequence: func(ctx context.Context) error {
						for {
							if n, err := store.Sequence(ctx); n == 0 || err != nil {
								return err
							}
						}
					},
				}
			})
		})
	}
}
