// Command handwired composes the suite without Wire: plain constructors, in the
// order in which the parts need each other. It is what package stack does for
// those who want all of it; a program that wants a part leaves lines out. It
// runs on a SQLite file in a temporary folder, sends one mail to a catcher and
// prints what the ledger says.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/actions"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunautomation"
	"github.com/go-engage/engage/adapters/bunstore/buncontacts"
	"github.com/go-engage/engage/adapters/bunstore/bunmessaging"
	"github.com/go-engage/engage/adapters/bunstore/bunsegments"
	"github.com/go-engage/engage/adapters/smtpmail"
	"github.com/go-engage/engage/adapters/smtpmail/mailcatcher"
	"github.com/go-engage/engage/adapters/watermillbus"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/contacts/timeline"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/segments"
)

// app is the program's own composition.
type app struct {
	contacts   *contacts.Service
	events     *events.Service
	timeline   *timeline.Service
	segments   *segments.Service
	automation *automation.Service
	messaging  *messaging.Service
	consumers  *watermillbus.Consumers
	workers    []engage.Worker
}

// compose makes the parts over a store and a sender of emails.
func compose(store *bunstore.Store, sender messaging.EmailSender) (*app, error) {
	var a app
	var err error
	runtime := engage.Runtime{Tx: store, Events: store}

	people, did := buncontacts.NewContacts(store), buncontacts.NewEvents(store)
	schema, tags, taggings := buncontacts.NewAttributes(store), buncontacts.NewTags(store), buncontacts.NewTaggings(store)
	lists, members := buncontacts.NewLists(store), buncontacts.NewMembers(store)
	if a.contacts, err = contacts.New(contacts.Deps{
		Runtime: runtime, Contacts: people, Schema: schema, Tags: tags, Taggings: taggings, Lists: lists, Members: members,
	}, contacts.Config{}); err != nil {
		return nil, err
	}
	if a.events, err = events.New(events.Deps{Runtime: runtime, Events: did, Contacts: people}, events.Config{}); err != nil {
		return nil, err
	}
	if a.timeline, err = timeline.New(timeline.Deps{
		Runtime: runtime, Entries: buncontacts.NewTimeline(store), History: a.contacts,
	}, timeline.Config{}); err != nil {
		return nil, err
	}
	belonging := bunsegments.NewMembers(store)
	if a.segments, err = segments.New(segments.Deps{
		Runtime: runtime, Segments: bunsegments.NewSegments(store), Facts: bunsegments.NewFacts(store), Members: belonging, Due: belonging,
		Contacts: people, History: did, Taggings: taggings, Subscriptions: members, Schema: schema, Tags: tags, Lists: lists,
	}, segments.Config{}); err != nil {
		return nil, err
	}
	messages := bunmessaging.NewMessages(store)
	if a.messaging, err = messaging.New(messaging.Deps{
		Runtime: runtime, Templates: bunmessaging.NewTemplates(store), Messages: messages, Due: messages, Contacts: a.contacts, Email: sender,
	}, messaging.Config{}); err != nil {
		return nil, err
	}
	runs := bunautomation.NewRuns(store)
	if a.automation, err = automation.New(automation.Deps{
		Runtime: runtime, Workflows: bunautomation.NewWorkflows(store), Runs: runs, Due: runs,
		Actors: []automation.Actor{
			actions.SendEmail{Messages: a.messaging}, actions.SetAttributes{Contacts: a.contacts}, actions.AddTag{Contacts: a.contacts},
		},
	}, automation.Config{}); err != nil {
		return nil, err
	}
	if a.consumers, err = watermillbus.NewConsumers(watermillbus.Config{Tx: store, Log: store.Log()},
		a.events.Consumer(), a.timeline.Consumer(), a.segments.Consumer(), a.automation.Consumer(), a.messaging.Consumer()); err != nil {
		return nil, err
	}
	store.OnSequenced(a.consumers.Poke)
	a.workers = append(store.Workers(), a.consumers.Workers()...)
	a.workers = append(a.workers, a.segments.Workers()...)
	a.workers = append(a.workers, a.automation.Workers()...)
	a.workers = append(a.workers, a.messaging.Workers()...)
	return &a, nil
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "handwired")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	store, err := open(ctx, filepath.Join(dir, "engage.db"))
	if err != nil {
		return err
	}
	catcher, err := mailcatcher.Start(mailcatcher.Config{})
	if err != nil {
		return err
	}
	defer func() { _ = catcher.Close() }()
	sender, err := smtpmail.New(smtpmail.Config{Addr: catcher.Addr(), TLS: smtpmail.UnsafePlaintext, Policy: catcher.Policy()})
	if err != nil {
		return err
	}
	defer func() { _ = sender.Close() }()
	a, err := compose(store, sender)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for _, w := range a.workers { // a server would wait for them after stop
		go func() { _ = w.Run(ctx) }()
	}
	return a.greet(ctx, catcher)
}

// greet sends one mail from a template and waits for it.
func (a *app) greet(ctx context.Context, catcher *mailcatcher.Catcher) error {
	ws := engage.WorkspaceID{1}
	who, err := a.contacts.Identify(ctx, ws, contacts.Profile{
		Identities: []contacts.Identity{{Kind: contacts.Email, Value: "ana@acme.test"}},
		Attributes: attribute.Set{"name": attribute.String("Ana")},
	})
	if err != nil {
		return err
	}
	letter, err := a.messaging.CreateTemplate(ctx, ws, messaging.SavedTemplate{
		Name: "hello", From: messaging.Address{Email: "team@acme.test"},
		Content: messaging.Template{Subject: "Hello, {{ contact.name }}", Text: "It works."},
	})
	if err != nil {
		return err
	}
	if _, err := a.messaging.Enqueue(ctx, ws, messaging.Send{Key: "hello", ContactID: who[0].Contact.ID, TemplateID: letter.ID}); err != nil {
		return err
	}
	caught, err := catcher.Wait(ctx, 1)
	if err != nil {
		return err
	}
	fmt.Printf("caught %q for %s\n", caught[0].Subject, caught[0].To)
	return nil
}

func open(ctx context.Context, path string) (*bunstore.Store, error) {
	dsn := "file:" + path + "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)"
	writer, err := sql.Open("sqlite", dsn+"&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	writer.SetMaxOpenConns(1)
	if err := writer.PingContext(ctx); err != nil {
		return nil, err
	}
	reader, err := sql.Open("sqlite", dsn+"&_pragma=query_only(1)")
	if err != nil {
		return nil, err
	}
	store, err := bunstore.Open(ctx, bunstore.Config{
		Write: bun.NewDB(writer, sqlitedialect.New()), Read: bun.NewDB(reader, sqlitedialect.New()),
	})
	if err != nil {
		return nil, err
	}
	return store, store.Migrate(ctx, buncontacts.Schema, bunsegments.Schema, bunautomation.Schema, bunmessaging.Schema)
}
