package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"go.uber.org/goleak"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/actions"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/netguard"
	"github.com/go-engage/engage/adapters/smtpmail"
	"github.com/go-engage/engage/adapters/smtpmail/mailcatcher"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/adapters/watermillbus"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/internal/scratch"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/segments/filter"
)

const (
	// lease is that of the claims of children, short so that a halt outlasts it.
	lease = 300 * time.Millisecond
	// stopTimeout is how long a child may take to stop: what its sender and the
	// transactions in progress are granted.
	stopTimeout = 3 * time.Second
	// connections are those of a process: PostgreSQL grants a hundred to all.
	connections = 10
)

// openMails composes the platform with a sender to the parent's mail server.
func openMails(ctx context.Context, c childConfig) (*stack.Platform, *smtpmail.Sender, error) {
	sender, err := smtpmail.New(smtpmail.Config{
		Addr: c.SMTP, TLS: smtpmail.UnsafePlaintext, Policy: netguard.Policy{Private: []string{c.SMTP}},
		Timeouts: smtpmail.Timeouts{Total: stopTimeout},
	})
	if err != nil {
		return nil, nil, err
	}
	unconfirmed := 0 // the default
	if c.Drain {
		unconfirmed = 64 // nobody kills the parent
	}
	var p *stack.Platform
	p, err = scratch.Open(ctx, c.Store, c.DSN, stack.Config{
		Email: sender, Messaging: messaging.Config{Lease: c.Lease, MaxUnconfirmed: unconfirmed},
		Bus:       watermillbus.Config{Lease: 500 * time.Millisecond, Grace: stopTimeout},
		Consumers: []*engage.Consumer{counting(func() *bunstore.Store { return p.SQL })},
	})
	if err == nil && c.Store != "sqlite" {
		p.Database.SetMaxOpenConns(connections)
	}
	return p, sender, err
}

// prepareMails makes, in each workspace, a workflow that mails everyone who enters
// a segment. One workspace's mails may be repeated once.
func prepareMails(ctx context.Context, p *stack.Platform) error {
	trials, err := filter.Build(filter.Attr("plan").Is("trial"))
	if err != nil {
		return err
	}
	for i, ws := range workspaces {
		class := messaging.Marketing
		if i == 0 {
			class = messaging.Transactional
		}
		segment, err := p.Segments.Create(ctx, ws, "trials", trials)
		if err != nil {
			return err
		}
		letter, err := p.Messaging.CreateTemplate(ctx, ws, messaging.SavedTemplate{
			Name: "welcome", From: messaging.Address{Email: "team@acme.test"}, Content: messaging.Template{Subject: "Welcome", Text: "Hello."},
		})
		if err != nil {
			return err
		}
		params, err := json.Marshal(actions.SendEmailParams{TemplateID: letter.ID, Class: class})
		if err != nil {
			return err
		}
		workflow, err := p.Automation.Create(ctx, ws, "welcome", automation.Definition{
			Trigger: automation.Trigger{Segment: segment.ID.String()},
			Nodes:   []automation.Node{{ID: "letter", Action: &automation.Action{Kind: actions.SendEmail{}.Kind(), Params: params}}},
		})
		if err != nil {
			return err
		}
		if _, err := p.Automation.Publish(ctx, ws, workflow.ID); err != nil {
			return err
		}
	}
	return p.Drain(ctx)
}

// mailsChild identifies contacts that get a mail each, and acknowledges them,
// while the workers run. Asked to stop it stops, and says what it leaves behind.
func mailsChild(ctx context.Context, c childConfig) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	p, sender, err := openMails(ctx, c)
	if err != nil {
		return err
	}
	fmt.Println("working")
	ran := make(chan error, 1)
	go func() { ran <- p.Run(ctx) }()
	err = feed(ctx, p, c)
	stop()
	err = errors.Join(err, <-ran, sender.Close(), p.Close())
	if leaked := goleak.Find(); leaked != nil {
		err = errors.Join(err, leaked)
	}
	return err
}

func feed(ctx context.Context, p *stack.Platform, c childConfig) error {
	random := rand.New(rand.NewPCG(c.Seed, 1)) //nolint:gosec // a script, not a secret
	pace := time.NewTicker(c.Pace)
	defer pace.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-pace.C:
		}
		profiles := make([]contacts.Profile, 1+random.IntN(5))
		names := make([]string, len(profiles))
		for i := range profiles {
			names[i] = fmt.Sprintf("%x-%d-%d", c.Seed, n, i)
			profiles[i] = contacts.Profile{
				Identities: []contacts.Identity{{Kind: contacts.UserID, Value: names[i]}, {Kind: contacts.Email, Value: names[i] + "@example.net"}},
				Attributes: attribute.Set{"plan": attribute.String("trial")},
			}
		}
		_, err := p.Contacts.Identify(ctx, workspaces[random.IntN(len(workspaces))], profiles...)
		switch {
		case ctx.Err() != nil: // the answer may have been lost
			return nil
		case err != nil:
			return err
		}
		_, _ = fmt.Fprintln(os.Stdout, strings.Join(names, "\n"))
	}
}

// checkMails compares the ledger with the contacts and with what the mail server
// took: one message for each contact, whose state is the server's truth. Unknown
// are mails, from here on.
func checkMails(ctx context.Context, p *stack.Platform, taken []mailcatcher.Message, found *result) error {
	complain := func(format string, args ...any) {
		found.Violations = append(found.Violations, fmt.Sprintf(format, args...))
	}
	arrived := map[string]int{}
	for _, m := range taken {
		id, _, _ := strings.Cut(m.MessageID, "@")
		arrived[id]++
	}
	var ledger []struct {
		ID        bunstore.UID    `bun:"id"`
		ContactID bunstore.UID    `bun:"contact_id"`
		State     messaging.State `bun:"state"`
		Repeats   int             `bun:"repeats"`
	}
	if err := p.Database.NewRaw("SELECT id, contact_id, state, repeats FROM engage_messaging_messages").Scan(ctx, &ledger); err != nil {
		return err
	}
	found.Unknown = 0
	messages := map[contacts.ID]int{}
	for _, m := range ledger {
		id := messaging.MessageID(m.ID).String()
		messages[contacts.ID(m.ContactID)]++
		n := arrived[id]
		delete(arrived, id)
		found.Duplicated += max(0, n-1-m.Repeats)
		switch m.State {
		case messaging.Accepted:
			if n == 0 {
				complain("%s is accepted, and the server never took it", id)
			}
		case messaging.Unknown:
			found.Unknown++
			if n > 0 {
				found.Refused++
			}
		case messaging.Planned, messaging.Intended, messaging.Failed, messaging.Skipped:
			complain("%s is %s, and the server took it %d times", id, m.State, n)
		}
	}
	for id := range arrived {
		complain("the server took %s, which the ledger does not know", id)
	}
	for _, ws := range workspaces {
		for contact, err := range p.Contacts.All(ctx, ws, contacts.Query{}) {
			if err != nil {
				return err
			}
			switch n := messages[contact.ID]; {
			case n == 0:
				found.Lost++
				complain("%s has no message", contact.ID)
			case n > 1:
				found.Duplicated += n - 1
			}
		}
	}
	return nil
}
