package bunaccounts_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunaccounts"
)

// A host that wires the suite by hand opens its pool, makes the tables and gives
// the repositories to the service.
func Example() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "engage")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder) //nolint:errcheck // a temporary folder
	db, err := sql.Open("sqlite", "file:"+filepath.Join(folder, "engage.db")+
		"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // the program ends
	db.SetMaxOpenConns(1)

	store, err := bunstore.Open(ctx, bunstore.Config{Write: bun.NewDB(db, sqlitedialect.New())})
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Migrate(ctx, bunaccounts.Schema); err != nil {
		log.Fatal(err)
	}
	dir := bunaccounts.NewDirectory(store, engage.DefaultShard)
	service, err := accounts.New(accounts.Deps{
		Runtime:       engage.Runtime{Tx: store, Events: store},
		Organizations: bunaccounts.NewOrganizations(dir), Members: bunaccounts.NewMembers(dir),
		Workspaces: bunaccounts.NewWorkspaces(dir), Settings: bunaccounts.NewSettings(dir), Users: bunaccounts.NewUsers(dir),
		Teams: bunaccounts.NewTeams(dir), Levels: bunaccounts.NewLevels(dir), Access: bunaccounts.NewAccess(dir),
	}, accounts.Config{})
	if err != nil {
		log.Fatal(err)
	}
	ana, err := service.CreateUser(ctx, accounts.UserProfile{Email: "ana@acme.test", Name: "Ana"})
	if err != nil {
		log.Fatal(err)
	}
	acme, err := service.CreateOrganization(ctx, "Acme", ana.ID)
	if err != nil {
		log.Fatal(err)
	}
	members, err := service.Members(ctx, acme.ID, engage.PageRequest{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(acme.Name, len(members.Items), members.Items[0].Role)
	// Output: Acme 1 admin
}
