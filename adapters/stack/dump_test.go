package stack_test

import (
	"context"
	"encoding/json"
	"iter"
	"strings"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/segments/filter"
)

// dump is everything that the platform's services answer of a workspace, a line
// an object.
func (b *testBundle) dump(t *testing.T, ws engage.WorkspaceID) string {
	t.Helper()
	d := &dumper{t: t, b: b, ws: ws}
	ctx := t.Context()
	definitions, err := b.Contacts.Attributes(ctx, ws)
	d.line("attributes", definitions, err)
	var people []contacts.ID
	for c, err := range b.Contacts.All(ctx, ws, contacts.Query{}) {
		d.line("contact", c, err)
		people = append(people, c.ID)
	}
	lines(d, "tag", b.Contacts.Tags)
	lines(d, "list", b.Contacts.Lists)
	for e, err := range b.Events.All(ctx, ws) {
		d.line("event", e, err)
	}
	for s, err := range walk(d, b.Segments.List) {
		s.Hash = filter.Hash{} // of ids, too, which another order of the workers' steps makes others
		d.line("segment", s, err)
		n, err := b.Segments.Count(ctx, ws, s.ID)
		d.line("count", n, err)
		members, err := b.Segments.Members(ctx, ws, s.ID, engage.PageRequest{Limit: engage.MaxPageSize})
		d.line("members", members.Items, err)
	}
	lines(d, "workflow", b.Automation.List)
	lines(d, "template", b.Messaging.Templates)
	for _, id := range people {
		d.contact(id)
	}
	return d.String()
}

// published are the domain events of a workspace behind a position of the log,
// in no order: it depends on when which worker had its turn. It moves the
// position on.
func (b *testBundle) published(t *testing.T, ws engage.WorkspaceID, position *engage.Position) string {
	t.Helper()
	d := &dumper{t: t, b: b, ws: ws}
	for {
		read, err := b.Log.Read(t.Context(), engage.DefaultShard, engage.PartitionOf(ws), *position, 100)
		must(t, err)
		if len(read) == 0 {
			return d.String()
		}
		for _, slice := range read {
			*position = slice.Position
			for _, event := range slice.Events {
				if slice.Workspace == ws {
					d.line(event.Name, map[string]any{"subject": event.Subject, "data": event.Data, "at": event.OccurredAt, "actor": event.Actor}, nil)
				}
			}
		}
	}
}

type dumper struct {
	strings.Builder
	t  *testing.T
	b  *testBundle
	ws engage.WorkspaceID
}

func (d *dumper) line(kind string, object any, err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatalf("dump of %s: %v", kind, err)
	}
	text, err := json.Marshal(object)
	if err != nil {
		d.t.Fatalf("dump of %s: %v", kind, err)
	}
	if string(text) == "null" { // no items, which some stores say otherwise
		text = []byte("[]")
	}
	d.WriteString(kind + " " + string(text) + "\n")
}

// lister is a method that answers pages of a workspace's objects.
type lister[T any] = func(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[T], error)

func walk[T any](d *dumper, list lister[T]) iter.Seq2[T, error] {
	return engage.Walk(d.t.Context(), func(ctx context.Context, page engage.PageRequest) (engage.Page[T], error) {
		return list(ctx, d.ws, page)
	})
}

func lines[T any](d *dumper, kind string, list lister[T]) {
	d.t.Helper()
	for object, err := range walk(d, list) {
		d.line(kind, object, err)
	}
}

// contact writes what hangs on a contact.
func (d *dumper) contact(id contacts.ID) {
	d.t.Helper()
	ctx, b := d.t.Context(), d.b
	history, err := b.Contacts.History(ctx, d.ws, id)
	d.line("history", history, err)
	tags, err := b.Contacts.TagsOf(ctx, d.ws, id)
	d.line("tags", tags, err)
	lists, err := b.Contacts.MembershipsOf(ctx, d.ws, id)
	d.line("lists", lists, err)
	in, err := b.Segments.Of(ctx, d.ws, id)
	d.line("segments", in, err)
	timeline, err := b.Timeline.Of(ctx, d.ws, id, engage.PageRequest{Limit: engage.MaxPageSize})
	d.line("timeline", timeline.Items, err)
	runs, err := b.Automation.RunsOf(ctx, d.ws, id, engage.PageRequest{})
	for _, run := range runs.Items {
		run.Token = 0 // the worker's, not the caller's
		d.line("run", run, err)
		steps, err := b.Automation.Steps(ctx, d.ws, run.ID)
		d.line("steps", steps, err)
	}
	messages, err := b.Messaging.MessagesOf(ctx, d.ws, id, engage.PageRequest{})
	for _, message := range messages.Items {
		message.Token = 0
		d.line("message", message, err)
	}
}
