// Command hosttx shows a host's own tables and the suite's in one transaction:
// rolled back and committed from the host's side and from the suite's, and in a
// consumer whose effect on the host's table happens once though its first try
// fails. It runs on a SQLite file in a temporary folder and prints what it finds.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/buncontacts"
	"github.com/go-engage/engage/adapters/watermillbus"
	"github.com/go-engage/engage/contacts"
)

const schema = `CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, contact BLOB);
CREATE TABLE IF NOT EXISTS welcome_calls (contact BLOB)`

// host is a program with tables of its own that uses contacts from the suite.
type host struct {
	db    *bun.DB
	store *bunstore.Store
	crm   *contacts.Service
	ws    engage.WorkspaceID
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "hosttx")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	h, err := open(ctx, filepath.Join(dir, "shop.db"))
	if err != nil {
		return err
	}
	defer func() { _ = h.db.Close() }()

	undone := errors.New("the customer changed his mind")
	if err := h.buy(ctx, "o-1", "ana@acme.test", undone); !errors.Is(err, undone) {
		return fmt.Errorf("want the purchase undone, got %w", err)
	}
	h.report(ctx, "the host rolled back")
	if err := h.buy(ctx, "o-2", "ana@acme.test", nil); err != nil {
		return err
	}
	h.report(ctx, "the host committed")
	if err := h.importOrder(ctx, "o-3", "bob@acme.test", undone); !errors.Is(err, undone) {
		return fmt.Errorf("want the import undone, got %w", err)
	}
	h.report(ctx, "the suite rolled back")
	if err := h.importOrder(ctx, "o-3", "bob@acme.test", nil); err != nil {
		return err
	}
	h.report(ctx, "the suite committed")
	return h.consume(ctx)
}

// buy is the host's own use case in the host's own transaction, which the suite
// joins.
func (h *host) buy(ctx context.Context, order, email string, fault error) error {
	tx, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after the commit
	committed, err := h.store.InHostTx(ctx, h.ws, tx, func(ctx context.Context) error {
		who, err := h.crm.Identify(ctx, h.ws, contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.Email, Value: email}}})
		if err != nil {
			return err
		}
		id := who[0].Contact.ID
		_, err = tx.ExecContext(ctx, "INSERT INTO orders (id, contact) VALUES (?, ?)", order, id[:])
		return err
	})
	if err != nil || fault != nil {
		return errors.Join(err, fault)
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	committed() // wakes the consumers; without it they look by themselves within a second
	return nil
}

// importOrder is a use case in the suite's transaction, which the host's
// statement joins.
func (h *host) importOrder(ctx context.Context, order, email string, fault error) error {
	return h.store.InTx(ctx, h.ws, func(ctx context.Context) error {
		who, err := h.crm.Identify(ctx, h.ws, contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.Email, Value: email}}})
		if err != nil {
			return err
		}
		conn, _ := h.store.Conn(ctx)
		id := who[0].Contact.ID
		_, err = conn.NewRaw("INSERT INTO orders (id, contact) VALUES (?, ?)", order, bunstore.UID(id)).Exec(ctx)
		return errors.Join(err, fault)
	})
}

// consume runs a consumer that writes to the host's table in the transaction
// that moves its cursor. Its first try fails after the write.
func (h *host) consume(ctx context.Context) error {
	tries := 0
	caller := engage.NewConsumer("welcome_calls")
	engage.On(caller, func(ctx context.Context, _ engage.WorkspaceID, created []engage.Received[contacts.Created]) error {
		conn, _ := h.store.Conn(ctx)
		for _, c := range created {
			if _, err := conn.NewRaw("INSERT INTO welcome_calls (contact) VALUES (?)", bunstore.UID(c.Payload.ContactID)).Exec(ctx); err != nil {
				return err
			}
		}
		if tries++; tries == 1 {
			return &engage.Error{Code: engage.Unavailable, Op: "welcome_calls", Err: errors.New("power cut")}
		}
		return nil
	})
	bus, err := watermillbus.NewConsumers(watermillbus.Config{
		Tx: h.store, Log: h.store.Log(), Backoff: func(int) time.Duration { return 0 },
	}, caller)
	if err != nil {
		return err
	}
	if _, err := h.store.Sequence(ctx); err != nil {
		return err
	}
	_, err = bus.Step(ctx)
	h.report(ctx, fmt.Sprintf("the consumer's first try failed (%t)", err != nil))
	if _, err := bus.Step(ctx); err != nil {
		return err
	}
	h.report(ctx, "the consumer's second try did not")
	if n, err := bus.Step(ctx); n != 0 || err != nil {
		return fmt.Errorf("a third step passed %d events: %w", n, err)
	}
	return nil
}

func open(ctx context.Context, path string) (*host, error) {
	dsn := "file:" + path + "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)"
	writer, err := sql.Open("sqlite", dsn+"&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	writer.SetMaxOpenConns(1)
	if _, err := writer.ExecContext(ctx, schema); err != nil {
		return nil, err
	}
	reader, err := sql.Open("sqlite", dsn+"&_pragma=query_only(1)")
	if err != nil {
		return nil, err
	}
	h := &host{db: bun.NewDB(writer, sqlitedialect.New())}
	if h.store, err = bunstore.Open(ctx, bunstore.Config{Write: h.db, Read: bun.NewDB(reader, sqlitedialect.New())}); err != nil {
		return nil, err
	}
	if err := h.store.Migrate(ctx, buncontacts.Schema); err != nil {
		return nil, err
	}
	h.crm, err = contacts.New(contacts.Deps{
		Runtime:  engage.Runtime{Tx: h.store, Events: h.store},
		Contacts: buncontacts.NewContacts(h.store), Schema: buncontacts.NewAttributes(h.store),
		Tags: buncontacts.NewTags(h.store), Taggings: buncontacts.NewTaggings(h.store),
		Lists: buncontacts.NewLists(h.store), Members: buncontacts.NewMembers(h.store),
	}, contacts.Config{})
	h.ws = engage.WorkspaceID(engage.NewIDSource(engage.SystemClock{}, nil).NewID())
	return h, err
}

// report prints how many rows there are on both sides.
func (h *host) report(ctx context.Context, what string) {
	count := func(table string) (n int) {
		if err := h.db.NewRaw("SELECT count(*) FROM ?", bun.Ident(table)).Scan(ctx, &n); err != nil {
			panic(err)
		}
		return n
	}
	fmt.Printf("%-45s orders %d, contacts %d, welcome calls %d\n", what+":", count("orders"), count("engage_contacts"), count("welcome_calls"))
}
