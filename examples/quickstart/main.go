// Command quickstart does the suite's main job on a SQLite file: contacts and
// events come in, a contact enters a segment, and a workflow waits and sends a
// personal email through a real SMTP conversation. Run it twice: the second time
// it changes nothing.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/actions"
	"github.com/go-engage/engage/adapters/smtpmail"
	"github.com/go-engage/engage/adapters/smtpmail/mailcatcher"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/segments/filter"
)

func main() {
	ctx, acme, globex := context.Background(), workspace("acme"), workspace("globex") // two tenants

	catcher := must(mailcatcher.Start(mailcatcher.Config{})) // an SMTP server on loopback
	sender := must(smtpmail.New(smtpmail.Config{Addr: catcher.Addr(), TLS: smtpmail.UnsafePlaintext, Policy: catcher.Policy()}))
	app := must(stack.SQLite(ctx, "quickstart.db", stack.Config{Email: sender}))
	check(app.Migrate(ctx)) // makes engage_* tables only; safe from every replica at once

	if isNew(ctx, app, acme) {
		trials := must(app.Segments.Create(ctx, acme, "active trials", must(filter.Build(filter.And(
			filter.Attr("plan").Is("trial"), filter.Event("signed_in").AtLeast(1).Within(7*24*time.Hour))))))
		letter := must(app.Messaging.CreateTemplate(ctx, acme, messaging.SavedTemplate{
			Name: "welcome", From: messaging.Address{Name: "Acme", Email: "team@acme.test"},
			Content: messaging.Template{Subject: `Welcome, {{ contact.name | default: "friend" }}`, Text: "Glad you are here."},
		}))
		welcome := must(app.Automation.Create(ctx, acme, "welcome", automation.Definition{
			Trigger: automation.Trigger{Segment: trials.ID.String()}, // each contact once
			Nodes: []automation.Node{
				{ID: "a moment", Wait: time.Second},
				{ID: "letter", Action: action(actions.SendEmail{}, actions.SendEmailParams{TemplateID: letter.ID})},
				{ID: "note", Action: action(actions.SetAttributes{}, map[string]any{"attributes": map[string]any{"welcomed": true}})},
			},
		}))
		must(app.Automation.Publish(ctx, acme, welcome.ID))
		check(app.Drain(ctx))
	}

	people := must(app.Contacts.Identify(ctx, acme, readContacts("contacts.csv")...))
	must(app.Events.Append(ctx, acme, readEvents("events.jsonl", people)...))
	check(app.Drain(ctx)) // in a server: go app.Run(ctx)
	<-time.After(1100 * time.Millisecond)
	check(app.Drain(ctx)) // the wait is over

	report(ctx, app, acme)
	_, err := app.Contacts.Get(ctx, globex, people[0].Contact.ID)
	fmt.Printf("globex: %d contacts; Ana's id there: %s\n", count(ctx, app, globex), engage.CodeOf(err))
	fmt.Printf("this run: %d mail(s) went through SMTP\n", len(catcher.Messages()))
	check(app.Close())
}
