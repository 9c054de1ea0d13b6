package contactstest

import (
	"context"
	"slices"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/contacts/timeline"
	"github.com/go-engage/engage/internal/porttest"
)

// Dump is everything that the ports answer of a workspace, as JSON lines. Two
// adapters that were told the same have equal dumps.
func Dump(ctx context.Context, t *testing.T, a Adapter, ws engage.WorkspaceID) string {
	t.Helper()
	out := porttest.NewDump(t)
	definitions, err := a.Attributes.Definitions(ctx, ws, contacts.ObjectType)
	out.Add("attributes", definitions, err)
	var ids []contacts.ID
	for c, err := range engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[contacts.Contact], error) {
		return a.Contacts.List(ctx, ws, contacts.Query{PageRequest: page})
	}) {
		out.Add("contact", c, err)
		ids = append(ids, c.ID)
	}
	// Absorbed contacts are in no list; their survivors lead to them.
	for _, chunk := range chunks(slices.Clone(ids)) {
		by, err := a.Contacts.Absorbed(ctx, ws, chunk)
		for _, survivor := range chunk {
			out.Add("absorbed", by[survivor], err)
			ids = append(ids, by[survivor]...)
			for _, part := range chunks(by[survivor]) {
				found, err := a.Contacts.Get(ctx, ws, part)
				out.Add("absorbed contacts", found, err)
			}
		}
	}
	for tag, err := range engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[contacts.Tag], error) {
		return a.Tags.List(ctx, ws, page)
	}) {
		out.Add("tag", tag, err)
	}
	for list, err := range engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[contacts.List], error) {
		return a.Lists.List(ctx, ws, page)
	}) {
		out.Add("list", list, err)
	}
	for event, err := range engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[events.Event], error) {
		return a.Events.Scan(ctx, ws, page)
	}) {
		out.Add("event", event, err)
	}
	for _, chunk := range chunks(ids) {
		taggings, err := a.Taggings.Of(ctx, ws, chunk)
		out.Add("taggings", taggings, err)
		memberships, err := a.Members.Of(ctx, ws, chunk)
		out.Add("memberships", memberships, err)
		for entry, err := range engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[timeline.Entry], error) {
			return a.Timeline.List(ctx, ws, timeline.Query{Contacts: chunk, PageRequest: page})
		}) {
			out.Add("entry", entry, err)
		}
	}
	return out.String()
}

func chunks(ids []contacts.ID) [][]contacts.ID {
	return slices.Collect(slices.Chunk(ids, engage.MaxBatch))
}
