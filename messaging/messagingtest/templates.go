package messagingtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/messaging"
)

// instants are those that databases cut, shift or refuse.
func instants() []time.Time {
	return []time.Time{
		start, time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC),
		time.Date(1, 2, 3, 4, 5, 6, 7000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
	}
}

func (f *fixture) saved(ids ...messaging.TemplateID) []messaging.SavedTemplate {
	f.T.Helper()
	found, err := f.Templates.Get(f.Ctx, f.WS, ids)
	f.No(err)
	return found
}

func (f *fixture) insert(all ...messaging.SavedTemplate) {
	f.T.Helper()
	f.In(func(ctx context.Context) error {
		for _, template := range all {
			if err := f.Templates.Insert(ctx, f.WS, template); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *fixture) update(template messaging.SavedTemplate) error {
	return f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error { return f.Templates.Update(ctx, f.WS, template) })
}

func templateCases(t *testing.T, a Adapter) {
	run(t, a, "answers what was stored, and what replaced it", func(f *fixture) {
		template := f.template()
		template.From, template.ReplyTo = messaging.Address{Name: "Ana 😀", Email: "ana@acme.test"}, messaging.Address{Name: "Help", Email: "help@acme.test"}
		template.Content = messaging.Template{
			Subject: `{{ data.n }} 'quotes' "and" \ ? ?0 $1`, HTML: strings.Repeat("<p>é😀</p>", 20_000), Text: " outer space \r\n", Missing: messaging.MissingIsEmpty,
		}
		template.CreatedBy, template.UpdatedBy = engage.Actor{Type: "user", ID: "u-1"}, engage.Actor{Type: "api_key", ID: "key 😀"}
		template.UpdatedAt = start.Add(time.Microsecond)
		f.insert(template)
		f.Same(f.saved(template.ID), []messaging.SavedTemplate{template})

		template.Name, template.From, template.ReplyTo = "Other", messaging.Address{Email: "b@acme.test"}, messaging.Address{}
		template.Content = messaging.Template{Text: "x"}
		template.UpdatedBy, template.UpdatedAt = engage.Actor{}, start.Add(time.Hour)
		f.No(f.update(template))
		template.Version = 2
		f.Same(f.saved(template.ID), []messaging.SavedTemplate{template})
	})
	run(t, a, "keeps texts as they are", func(f *fixture) {
		var all []messaging.SavedTemplate
		for _, text := range hostile() {
			template := f.template()
			template.Name, template.From.Name, template.Content = text, text, messaging.Template{Subject: text, HTML: text, Text: text}
			all = append(all, template)
		}
		f.insert(all...)
		slices.SortFunc(all, func(a, b messaging.SavedTemplate) int { return a.ID.Compare(b.ID) })
		ids := make([]messaging.TemplateID, len(all))
		for i, template := range all {
			ids[i] = template.ID
		}
		f.Same(f.saved(ids...), all)
	})
	run(t, a, "keeps instants to the microsecond, in UTC, before 1970 too", func(f *fixture) {
		for _, at := range instants() {
			template := f.template()
			template.CreatedAt, template.UpdatedAt = at, at
			f.insert(template)
			got := f.saved(template.ID)[0]
			if !got.CreatedAt.Equal(at) || !got.UpdatedAt.Equal(at) || got.CreatedAt.Location() != time.UTC {
				f.T.Errorf("stored %v, got %v and %v", at, got.CreatedAt, got.UpdatedAt)
			}
		}
	})
	run(t, a, "stores a new template as version 1, and refuses a taken id", func(f *fixture) {
		template := f.template()
		template.Version = 7
		f.insert(template)
		template.Version = 1
		f.Same(f.saved(template.ID), []messaging.SavedTemplate{template})
		thief := f.template()
		thief.ID, thief.Name = template.ID, "Thief"
		f.Code(f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error { return f.Templates.Insert(ctx, f.WS, thief) }), engage.AlreadyExists)
		f.Same(f.saved(template.ID), []messaging.SavedTemplate{template})
	})
	run(t, a, "updates what has the version that was read", func(f *fixture) {
		template := f.template()
		f.insert(template)
		edited := template
		edited.Name = "First"
		f.No(f.update(edited))
		edited.Name = "Second" // of the version before
		f.Code(f.update(edited), engage.Conflict)
		f.Code(f.update(f.template()), engage.NotFound)
		edited.Name, edited.Version = "First", 2
		f.Same(f.saved(template.ID), []messaging.SavedTemplate{edited})
	})
	run(t, a, "answers templates ordered by id, each once, without the missing", func(f *fixture) {
		all := []messaging.SavedTemplate{f.template(), f.template(), f.template()}
		f.insert(all...)
		got := f.saved(all[2].ID, all[0].ID, messaging.TemplateID(f.IDs.NewID()), all[2].ID, all[1].ID)
		slices.SortFunc(all, func(a, b messaging.SavedTemplate) int { return a.ID.Compare(b.ID) })
		f.Same(got, all)
	})
	run(t, a, "pages templates by id", func(f *fixture) {
		var all []messaging.SavedTemplate
		for i := range 7 {
			template := f.template()
			template.Name = fmt.Sprint(i)
			all = append(all, template)
		}
		f.insert(all...)
		slices.SortFunc(all, func(a, b messaging.SavedTemplate) int { return a.ID.Compare(b.ID) })
		pages(f, all, func(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[messaging.SavedTemplate], error) {
			return f.Templates.List(ctx, ws, page)
		})
	})
}

// pages checks a list against all its items.
func pages[T any](f *fixture, want []T, list func(context.Context, engage.WorkspaceID, engage.PageRequest) (engage.Page[T], error)) {
	f.T.Helper()
	for _, size := range []int{1, 3, len(want) - 1, len(want), len(want) + 1} {
		var got []T
		var after engage.Cursor
		for n := 0; ; n++ {
			page, err := list(f.Ctx, f.WS, engage.PageRequest{After: after, Limit: size})
			f.No(err)
			if len(page.Items) > size || n > len(want) {
				f.T.Fatalf("page %d of %d items, at most %d", n, len(page.Items), size)
			}
			got = append(got, page.Items...)
			if after = page.Next; after == "" {
				break
			}
			if len(page.Items) == 0 || len(got) == len(want) {
				f.T.Fatal("there is a next page behind the last item")
			}
			_, err = list(f.Ctx, f.Other, engage.PageRequest{After: after})
			f.Code(err, engage.Invalid)
			_, err = list(f.Ctx, f.WS, engage.PageRequest{After: after + "x"})
			f.Code(err, engage.Invalid)
		}
		f.Same(got, want)
	}
	for _, limit := range []int{-1, engage.MaxPageSize + 1} {
		_, err := list(f.Ctx, f.WS, engage.PageRequest{Limit: limit})
		f.Code(err, engage.Invalid)
	}
}
