// Command hostusers shows a shop that has its own employees, crews, branches and
// tokens, and gives them to the suite: it implements engage.Directory,
// engage.Authorizer, engage.SettingsReader and engage.KeyVerifier on its own
// tables and needs nothing of adapters/accounts. Hosts with users of their own
// read it. It runs on a SQLite file in a temporary folder and prints what
// happens at its edge.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/buncontacts"
	"github.com/go-engage/engage/contacts"
)

// The shop's rows.
const (
	geneva         = 1 // a shop; Cleo works in another one
	ana, ben, cleo = 1, 2, 3
	counter        = 1 // a crew
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// edge is where requests come in: it authorises, then calls a service.
type edge struct {
	directory engage.Directory
	may       engage.Authorizer
	settings  engage.SettingsReader
	keys      engage.KeyVerifier
	crm       *contacts.Service
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "hostusers")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	db, err := open(ctx, filepath.Join(dir, "shop.db"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	crm, err := compose(ctx, db)
	if err != nil {
		return err
	}
	own := people{db}
	e := edge{own, own, own, own, crm}

	for _, who := range []int64{ana, ben, cleo} {
		if err := e.register(ctx, who); err != nil {
			return err
		}
	}
	if err := e.introduce(ctx); err != nil {
		return err
	}
	key, err := own.newKey(ctx, 7, geneva, "contacts.read", "contacts.write")
	if err != nil {
		return err
	}
	if err := e.importOne(ctx, key); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "UPDATE tokens SET revoked = 1 WHERE id = 7"); err != nil {
		return err
	}
	if err := e.importOne(ctx, key); !errors.Is(err, engage.ErrUnauthenticated) {
		return fmt.Errorf("want the revoked key refused, got %w", err)
	}
	fmt.Println("the revoked key is refused")

	var ours int
	if err := db.NewRaw("SELECT count(*) FROM sqlite_master WHERE name LIKE 'engage_accounts%'").Scan(ctx, &ours); err != nil {
		return err
	}
	fmt.Println("tables of adapters/accounts:", ours)
	return nil
}

// register has an employee make a contact in the shop of Geneva.
func (e edge) register(ctx context.Context, who int64) error {
	ws, user := workspaceOf(geneva), userOf(who)
	ctx = engage.WithActor(ctx, engage.Actor{Type: "user", ID: user.String()})
	err := e.may.Authorize(ctx, ws, "contacts.write", engage.Ref{})
	if errors.Is(err, engage.ErrPermissionDenied) {
		fmt.Printf("employee %d may not write contacts in Geneva\n", who)
		return nil
	}
	if err != nil {
		return err
	}
	made, err := e.crm.Identify(ctx, ws, contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.UserID, Value: "customer of " + number(who)}}})
	if err != nil {
		return err
	}
	fmt.Printf("employee %d wrote a contact, recorded as made by a %s\n", who, made[0].Contact.CreatedBy.Type)
	return nil
}

// introduce prints what the suite learns of the shop: its users, but not those
// of another one, its crews and its settings.
func (e edge) introduce(ctx context.Context) error {
	ws := workspaceOf(geneva)
	users, err := e.directory.Users(ctx, ws, []engage.UserID{userOf(ana), userOf(ben), userOf(cleo)})
	if err != nil {
		return err
	}
	for _, u := range users {
		fmt.Println("user", u.Name)
	}
	teams, err := e.directory.Teams(ctx, ws, []engage.TeamID{teamOf(counter)})
	if err != nil {
		return err
	}
	for _, t := range teams {
		fmt.Println("team", t.Name, "of", len(t.Members))
	}
	settings, err := e.settings.Settings(ctx, ws)
	if err != nil {
		return err
	}
	fmt.Println("settings", settings.Name, settings.Locale, settings.TimeZone, settings.Currency, string(settings.Values["shop.theme"]))
	return nil
}

// importOne is a call by a program, which shows a key instead of a user.
func (e edge) importOne(ctx context.Context, key engage.Secret) error {
	grant, err := e.keys.VerifyKey(ctx, key)
	if err != nil {
		return err
	}
	ctx = engage.WithActor(ctx, grant.Actor)
	if err := e.may.Authorize(ctx, grant.Workspace, "contacts.write", engage.Ref{}); err != nil {
		return err
	}
	if _, err := e.crm.Identify(ctx, grant.Workspace, contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.Email, Value: "dan@acme.test"}}}); err != nil {
		return err
	}
	err = e.may.Authorize(ctx, grant.Workspace, "contacts.delete", engage.Ref{})
	fmt.Printf("key %s wrote a contact; it may delete: %t\n", grant.Actor.ID, err == nil)
	return nil
}

// open makes the shop's own tables and rows.
func open(ctx context.Context, path string) (*bun.DB, error) {
	raw, err := sql.Open("sqlite", "file:"+path+
		"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	raw.SetMaxOpenConns(1)
	db := bun.NewDB(raw, sqlitedialect.New())
	_, err = db.ExecContext(ctx, schema+`;
INSERT INTO shops VALUES (1, 'Genève', 'fr-CH', 'Europe/Zurich', 'CHF', '"dark"'), (2, 'Lausanne', 'fr-CH', 'Europe/Zurich', 'CHF', '"light"');
INSERT INTO employees VALUES (1, 1, 'ana@shop.test', 'Ana', 'manager', NULL), (2, 1, 'ben@shop.test', 'Ben', 'cashier', NULL), (3, 2, 'cleo@shop.test', 'Cleo', 'manager', NULL);
INSERT INTO crews VALUES (1, 1, 'Counter');
INSERT INTO shifts VALUES (1, 1), (1, 2);
INSERT INTO jobs VALUES ('manager', 'contacts.read'), ('manager', 'contacts.write'), ('cashier', 'contacts.read')`)
	return db, err
}

// compose makes the part of the suite that the shop uses, over its database.
func compose(ctx context.Context, db *bun.DB) (*contacts.Service, error) {
	store, err := bunstore.Open(ctx, bunstore.Config{Write: db})
	if err != nil {
		return nil, err
	}
	if err := store.Migrate(ctx, buncontacts.Schema); err != nil {
		return nil, err
	}
	return contacts.New(contacts.Deps{
		Runtime: engage.Runtime{Tx: store, Events: store}, Contacts: buncontacts.NewContacts(store), Schema: buncontacts.NewAttributes(store),
		Tags: buncontacts.NewTags(store), Taggings: buncontacts.NewTaggings(store),
		Lists: buncontacts.NewLists(store), Members: buncontacts.NewMembers(store),
	}, contacts.Config{})
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
