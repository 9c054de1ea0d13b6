package buncontacts_test

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
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/buncontacts"
	"github.com/go-engage/engage/contacts"
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
	if err := store.Migrate(ctx, buncontacts.Schema); err != nil {
		log.Fatal(err)
	}
	service, err := contacts.New(contacts.Deps{
		Runtime:  engage.Runtime{Tx: store, Events: store},
		Contacts: buncontacts.NewContacts(store),
		Schema:   buncontacts.NewAttributes(store),
		Tags:     buncontacts.NewTags(store), Taggings: buncontacts.NewTaggings(store),
		Lists: buncontacts.NewLists(store), Members: buncontacts.NewMembers(store),
	}, contacts.Config{})
	if err != nil {
		log.Fatal(err)
	}
	ws := engage.WorkspaceID(engage.NewIDSource(engage.SystemClock{}, nil).NewID())
	_, err = service.Identify(ctx, ws, contacts.Profile{
		Identities: []contacts.Identity{{Kind: contacts.Email, Value: "Ana@Acme.test"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	ana, err := service.Find(ctx, ws, contacts.Email, "ana@acme.test")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ana.State, ana.Identity(contacts.Email).Value)
	// Output: identified ana@acme.test
}
