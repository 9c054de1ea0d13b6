package bunstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite"
)

// ordered is a domain event of the examples.
type ordered struct {
	Number int `json:"number"`
}

func (ordered) EventName() string         { return "shop.order.placed.v1" }
func (ordered) EventSubject() engage.Ref  { return engage.Ref{Type: "order", ID: [16]byte{1}} }
func workspace(n byte) engage.WorkspaceID { return engage.WorkspaceID{15: n} }

// openPools opens a file of SQLite as a program would: a writer of one connection
// and a pool of readers.
func openPools(path string) (writes, reads *bun.DB) {
	dsn := "file:" + path +
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)"
	writer, err := sql.Open("sqlite", dsn+"&_txlock=immediate")
	must(err)
	writer.SetMaxOpenConns(1)
	must(writer.Ping())
	readers, err := sql.Open("sqlite", dsn+"&_pragma=query_only(1)")
	must(err)
	readers.SetMaxOpenConns(4)
	return bun.NewDB(writer, sqlitedialect.New()), bun.NewDB(readers, sqlitedialect.New())
}

func openExample(dir string) (*bunstore.Store, *bun.DB) {
	db, reads := openPools(filepath.Join(dir, "shop.db"))
	ctx := context.Background()
	store, err := bunstore.Open(ctx, bunstore.Config{Write: db, Read: reads})
	must(err)
	must(store.Migrate(ctx)) // and the schemas of the domains in use
	return store, db
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "engage")
	must(err)
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	store, _ := openExample(dir)
	ctx, ws := context.Background(), workspace(1)

	must(store.InTx(ctx, ws, func(ctx context.Context) error {
		return store.Publish(ctx, ws, ordered{Number: 7})
	}))

	slices, err := store.Log().Read(ctx, engage.DefaultShard, engage.PartitionOf(ws), 0, 10)
	must(err)
	for _, event := range slices[0].Events {
		fmt.Println(event.Name, string(event.Data))
	}
	// Output: shop.order.placed.v1 {"number":7}
}

// A host that begins its own transactions has the suite's writes join them.
func ExampleStore_InHostTx() {
	dir, err := os.MkdirTemp("", "engage")
	must(err)
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	store, db := openExample(dir)
	ctx, ws := context.Background(), workspace(1)

	tx, err := db.BeginTx(ctx, nil)
	must(err)
	// … the host's own statements …
	committed, err := store.InHostTx(ctx, ws, tx, func(ctx context.Context) error {
		return store.Publish(ctx, ws, ordered{Number: 8})
	})
	must(err)
	must(tx.Commit())
	committed()

	backlog, err := store.Log().Backlog(ctx, engage.DefaultShard, "mailer")
	must(err)
	fmt.Println(backlog.Slices, "slice waits for the mailer")
	// Output: 1 slice waits for the mailer
}

// A host's statements join a transaction of the suite, in consumers too.
func ExampleStore_Conn() {
	dir, err := os.MkdirTemp("", "engage")
	must(err)
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	store, db := openExample(dir)
	ctx, ws := context.Background(), workspace(1)
	_, err = db.Exec("CREATE TABLE orders (number INTEGER PRIMARY KEY)")
	must(err)

	must(store.InTx(ctx, ws, func(ctx context.Context) error {
		conn, _ := store.Conn(ctx)
		if _, err := conn.ExecContext(ctx, "INSERT INTO orders (number) VALUES (?)", 9); err != nil {
			return err
		}
		return store.Publish(ctx, ws, ordered{Number: 9})
	}))

	n, err := db.NewSelect().Table("orders").Count(ctx)
	must(err)
	fmt.Println(n, "order")
	// Output: 1 order
}

// Rows that are there already are passed over, and the caller learns which.
func ExampleInsertNew() {
	dir, err := os.MkdirTemp("", "engage")
	must(err)
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	store, db := openExample(dir)
	ctx, ws := context.Background(), workspace(1)
	_, err = db.Exec("CREATE TABLE tags (workspace_id BLOB, name TEXT, PRIMARY KEY (workspace_id, name))")
	must(err)
	type tag struct {
		bun.BaseModel `bun:"table:tags"`

		Workspace bunstore.UID `bun:"workspace_id,pk"`
		Name      bunstore.Key `bun:"name,pk"`
	}

	for _, names := range [][]bunstore.Key{{"vip", "new"}, {"new", "beta"}} {
		must(store.InTx(ctx, ws, func(ctx context.Context) error {
			conn, err := store.Write(ctx, ws)
			if err != nil {
				return err
			}
			var tags []tag
			for _, name := range names {
				tags = append(tags, tag{Workspace: bunstore.UID(ws), Name: name})
			}
			inserted, err := bunstore.InsertNew(ctx, conn, tags, "workspace_id", "name")
			fmt.Println(names, inserted)
			return err
		}))
	}
	// Output:
	// [vip new] [true true]
	// [new beta] [false true]
}

// A workspace that has grown moves to a database of its own, while it is in use.
func ExampleStore_Move() {
	dir, err := os.MkdirTemp("", "engage")
	must(err)
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	writes, reads := openPools(filepath.Join(dir, "main.db"))
	large, largeReads := openPools(filepath.Join(dir, "large.db"))
	ctx, ws := context.Background(), workspace(1)
	store, err := bunstore.Open(ctx, bunstore.Config{
		Write: writes, Read: reads, More: []bunstore.Database{{Shard: "large", Write: large, Read: largeReads}},
		Placement: &bunstore.Placement{CacheFor: time.Millisecond},
	})
	must(err)
	must(store.Migrate(ctx))

	publish := func(number int) {
		must(store.InTx(ctx, ws, func(ctx context.Context) error { return store.Publish(ctx, ws, ordered{Number: number}) }))
	}
	publish(1)
	_, err = store.Move(ctx, ws, "large")
	must(err)
	publish(2)

	var at bunstore.FeedPosition // a reader with a position of its own
	for range 2 {
		slices, next, err := store.Feed(ctx, ws, at, 10)
		must(err)
		fmt.Println(next.Shard, string(slices[0].Events[0].Data))
		at = next
	}
	// Output:
	// main {"number":1}
	// large {"number":2}
}
