package contactstest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/contacts/timeline"
)

func (f *fixture) event(c contacts.ID, name string, at time.Duration) events.Event {
	return events.Event{
		ID: events.ID(f.IDs.NewID()), ContactID: c, Name: name, OccurredAt: start.Add(at), ReceivedAt: start,
		Properties: attribute.Object(attribute.Set{"z": attribute.Integer(1), "a": attribute.String("<b>")}),
	}
}

func (f *fixture) append(all ...events.Event) []bool {
	f.T.Helper()
	var isNew []bool
	f.In(func(ctx context.Context) (err error) {
		isNew, err = f.Events.Append(ctx, f.WS, all)
		return err
	})
	return isNew
}

func eventCases(t *testing.T, a Adapter) {
	run(t, a, "stores an event once, whoever sends it again", func(f *fixture) {
		c := f.contactID()
		one, two := f.event(c, "signed_in", 0), f.event(c, "signed_in", time.Microsecond)
		f.Same(f.append(one, two, one), []bool{true, true, false})
		again := one
		again.Name, again.OccurredAt = "changed", start.Add(time.Hour)
		three := f.event(c, "bought", 0)
		f.Same(f.append(three, again), []bool{true, false})
		got, err := f.Events.Get(f.Ctx, f.WS, []events.ID{three.ID, one.ID, two.ID, events.ID(f.IDs.NewID())})
		f.No(err)
		f.Same(got, []events.Event{one, two, three})
	})
	run(t, a, "forgets an append that was rolled back", func(f *fixture) {
		e := f.event(f.contactID(), "signed_in", 0)
		_ = f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error {
			_, err := f.Events.Append(ctx, f.WS, []events.Event{e})
			f.No(err)
			return engage.ErrInternal
		})
		f.Same(f.append(e), []bool{true})
	})
	run(t, a, "keeps names and properties as they are", func(f *fixture) {
		var all []events.Event
		for i, name := range hostile() {
			if len(name) > events.MaxNameBytes {
				continue
			}
			e := f.event(f.contactID(), name, time.Duration(i)*time.Microsecond)
			e.Properties = attribute.Object(attribute.Set{"name": attribute.String(name), "n": attribute.Integer(1 << 62)})
			all = append(all, e)
		}
		f.append(all...)
		var got []events.Event
		for e, err := range engage.Walk(f.Ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[events.Event], error) {
			page.Limit = 4
			return f.Events.Scan(ctx, f.WS, page)
		}) {
			f.No(err)
			got = append(got, e)
		}
		f.Same(got, all)
	})
	run(t, a, "pages the history of several contacts by time, both ways", func(f *fixture) {
		ids := []contacts.ID{f.contactID(), f.contactID(), f.contactID()}
		var all []events.Event
		for i := range 23 {
			all = append(all, f.event(ids[i%3], fmt.Sprintf("e%d", i%2), -time.Duration(i/4)*time.Microsecond))
		}
		f.append(all...)
		want := slices.DeleteFunc(slices.Clone(all), func(e events.Event) bool { return e.ContactID == ids[2] })
		slices.SortStableFunc(want, func(a, b events.Event) int {
			if at := a.OccurredAt.Compare(b.OccurredAt); at != 0 {
				return at
			}
			return a.ID.Compare(b.ID)
		})
		for _, descending := range []bool{false, true} {
			f.Same(history(f, events.Query{Contacts: ids[:2], Descending: descending}), want)
			named := slices.DeleteFunc(slices.Clone(want), func(e events.Event) bool { return e.Name != "e1" })
			f.Same(history(f, events.Query{Contacts: ids[:2], Name: "e1", Descending: descending}), named)
			slices.Reverse(want)
		}
	})
	run(t, a, "forgets the events of contacts", func(f *fixture) {
		one, two := f.contactID(), f.contactID()
		kept := f.event(two, "kept", 0)
		f.append(f.event(one, "a", 0), f.event(one, "b", 0), kept)
		f.In(func(ctx context.Context) error {
			n, err := f.Events.Forget(ctx, f.WS, []contacts.ID{one, f.contactID()})
			f.Same(n, 2)
			return err
		})
		page, err := f.Events.Scan(f.Ctx, f.WS, engage.PageRequest{})
		f.No(err)
		f.Same(page.Items, []events.Event{kept})
	})
	run(t, a, "stores a whole batch with large properties", func(f *fixture) {
		c := f.contactID()
		large := attribute.Object(attribute.Set{"text": attribute.String(string(make16k()))})
		all := make([]events.Event, engage.MaxBatch)
		for i := range all {
			all[i] = f.event(c, "e", time.Duration(i)*time.Microsecond)
			if i%10 == 0 {
				all[i].Properties = large
			}
		}
		f.Same(slices.Contains(f.append(all...), false), false)
		got, err := f.Events.Get(f.Ctx, f.WS, []events.ID{all[990].ID})
		f.No(err)
		f.Same(got, all[990:991])
	})
}

func make16k() []rune {
	text := make([]rune, 4<<10)
	for i := range text {
		text[i] = '😀'
	}
	return text
}

func history(f *fixture, query events.Query) []events.Event {
	var got []events.Event
	query.Limit = 3
	for {
		page, err := f.Events.History(f.Ctx, f.WS, query)
		f.No(err)
		got = append(got, page.Items...)
		if query.After = page.Next; page.Next == "" {
			return got
		}
	}
}

func timelineCases(t *testing.T, a Adapter) {
	run(t, a, "keeps one entry an event and pages them, the newest first", func(f *fixture) {
		one, two := f.contactID(), f.contactID()
		var want []timeline.Entry
		for i := range 11 {
			e := timeline.Entry{
				ID: engage.EventID(f.IDs.NewID()), ContactID: one, Kind: timeline.EventRecorded, At: start.Add(time.Duration(i/3) * time.Microsecond),
				Title: "bought 😀", Data: attribute.Object(attribute.Set{"n": attribute.Integer(int64(i))}),
			}
			if i%2 == 1 {
				e.ContactID, e.Kind, e.Title = two, timeline.TagAssigned, ""
			}
			want = append(want, e)
		}
		appendAll := func(ctx context.Context) error { return f.Timeline.Append(ctx, f.WS, want) }
		f.In(appendAll)
		f.In(appendAll)
		slices.Reverse(want)
		list := func(query timeline.Query) []timeline.Entry {
			var got []timeline.Entry
			query.Limit = 2
			for {
				page, err := f.Timeline.List(f.Ctx, f.WS, query)
				f.No(err)
				got = append(got, page.Items...)
				if query.After = page.Next; page.Next == "" {
					return got
				}
			}
		}
		f.Same(list(timeline.Query{Contacts: []contacts.ID{one, two}}), want)
		tags := slices.DeleteFunc(slices.Clone(want), func(e timeline.Entry) bool { return e.Kind != timeline.TagAssigned })
		f.Same(list(timeline.Query{Contacts: []contacts.ID{one, two}, Kinds: []timeline.Kind{timeline.TagAssigned, timeline.ListChanged}}), tags)
		f.In(func(ctx context.Context) error { return f.Timeline.Forget(ctx, f.WS, []contacts.ID{one}) })
		f.Same(list(timeline.Query{Contacts: []contacts.ID{one, two}}), tags)
	})
}
