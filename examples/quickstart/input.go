package main

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"log"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/stack"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
)

//go:embed contacts.csv events.jsonl
var files embed.FS

// workspace is the id of a tenant. A host keeps ids in its own tables; here they
// are made of the names.
func workspace(name string) engage.WorkspaceID {
	sum := sha256.Sum256([]byte(name))
	return engage.WorkspaceID(sum[:16])
}

// readContacts makes profiles of a CSV file: two identities, and the other
// columns as attributes.
func readContacts(name string) []contacts.Profile {
	rows := must(csv.NewReader(must(files.Open(name))).ReadAll())
	profiles := make([]contacts.Profile, len(rows)-1)
	for i, row := range rows[1:] {
		profiles[i] = contacts.Profile{
			Identities: []contacts.Identity{{Kind: contacts.UserID, Value: row[0]}, {Kind: contacts.Email, Value: row[1]}},
			Attributes: attribute.Set{},
		}
		for column := 2; column < len(row); column++ {
			profiles[i].Attributes[rows[0][column]] = attribute.String(row[column])
		}
	}
	return profiles
}

// readEvents makes events of a file of JSON lines, for contacts that are known.
func readEvents(name string, people []contacts.Identification) []events.Input {
	byUser := map[string]contacts.ID{}
	for _, p := range people {
		byUser[p.Contact.Identity(contacts.UserID).Value] = p.Contact.ID
	}
	var inputs []events.Input
	for lines := json.NewDecoder(must(files.Open(name))); lines.More(); {
		var line struct {
			MessageID  string          `json:"message_id"`
			UserID     string          `json:"user_id"`
			Event      string          `json:"event"`
			Properties attribute.Value `json:"properties"`
		}
		check(lines.Decode(&line))
		inputs = append(inputs, events.Input{
			MessageID: line.MessageID, ContactID: byUser[line.UserID], Name: line.Event, Properties: line.Properties,
		})
	}
	return inputs
}

func action(actor automation.Actor, params any) *automation.Action {
	return &automation.Action{Kind: actor.Kind(), Params: must(json.Marshal(params))}
}

func isNew(ctx context.Context, app *stack.Platform, ws engage.WorkspaceID) bool {
	return len(must(app.Automation.List(ctx, ws, engage.PageRequest{})).Items) == 0
}

func count(ctx context.Context, app *stack.Platform, ws engage.WorkspaceID) (n int) {
	for _, err := range app.Contacts.All(ctx, ws, contacts.Query{}) {
		check(err)
		n++
	}
	return n
}

// report prints what stands in the database.
func report(ctx context.Context, app *stack.Platform, ws engage.WorkspaceID) {
	recorded := 0
	for _, err := range app.Events.All(ctx, ws) {
		check(err)
		recorded++
	}
	fmt.Printf("acme: %d contacts, %d events\n", count(ctx, app, ws), recorded)
	for _, segment := range must(app.Segments.List(ctx, ws, engage.PageRequest{})).Items {
		for _, member := range must(app.Segments.Members(ctx, ws, segment.ID, engage.PageRequest{})).Items {
			who := must(app.Contacts.Get(ctx, ws, member.ContactID))
			name, _ := who.Attributes["name"].Text()
			fmt.Printf("acme: %s is in %q (welcomed: %s)\n", name, segment.Name, who.Attributes["welcomed"])
			for _, run := range must(app.Automation.RunsOf(ctx, ws, who.ID, engage.PageRequest{})).Items {
				for _, step := range must(app.Automation.Steps(ctx, ws, run.ID)) {
					fmt.Printf("acme:   %d. %s: %s\n", step.Seq, step.Node, step.Outcome)
				}
			}
			for _, m := range must(app.Messaging.MessagesOf(ctx, ws, who.ID, engage.PageRequest{})).Items {
				fmt.Printf("acme:   mail to %s: %s after %d attempt\n", m.Address, m.State, m.Attempts)
			}
		}
	}
}

// must and check are for examples: a program handles its errors.
func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
