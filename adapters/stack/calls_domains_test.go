package stack_test

import (
	"context"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/segments"
	"github.com/go-engage/engage/segments/filter"
)

func historyCalls() []serviceCall {
	type ws = engage.WorkspaceID
	did := func(w *world, messages string) []events.Input {
		return each(w.n, func(i int) events.Input {
			return events.Input{MessageID: name(messages, i), ContactID: w.people[i], Name: "signed_in"}
		})
	}
	return []serviceCall{
		{method: "Events.Append", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return several(w.Events.Append(ctx, ws, did(w, "appended")...))
		}},
		{method: "Events.Append", about: "again", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return several(w.Events.Append(ctx, ws, did(w, "appended")...))
		}},
		{method: "Collector.Append", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return several(w.Collector.Append(ctx, ws, did(w, "collected")...))
		}},
		{method: "Events.Get", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return one(w.Events.Get(ctx, ws, events.IDOf(name("m", 0))))
		}},
		{method: "Events.History", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return items(w.Events.History(ctx, ws, events.Query{Contacts: w.people}))
		}},
		{method: "Events.All", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			n := 0
			for e, err := range w.Events.All(ctx, ws) {
				if err != nil {
					return 0, err
				}
				for _, id := range w.people {
					if e.ContactID == id {
						n++
					}
				}
			}
			return n, nil
		}},
		{method: "Timeline.Of", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return items(w.Timeline.Of(ctx, ws, w.survivor, engage.PageRequest{}))
		}},
	}
}

func segmentCalls() []serviceCall {
	type ws = engage.WorkspaceID
	return []serviceCall{
		{method: "Segments.Create", makes: true, call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return none(w.Segments.Create(ctx, ws, "new", w.planned("pro")))
		}},
		{method: "Segments.Create", about: "that refers to others", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			_, err := w.Segments.Create(ctx, ws, "nested", filter.New(filter.Or(each(w.n, func(i int) filter.Node {
				return filter.Or(filter.Segment(w.referring[i].String()), filter.Tag(w.tags[i].String()), filter.List(w.lists[i].String()))
			})...)))
			if engage.CodeOf(err) == engage.Invalid && ws != w.ws && !ws.IsZero() {
				return 0, nil // what it names is not there
			}
			return done(err)
		}},
		{method: "Segments.Get", call: func(ctx context.Context, ws ws, w *world) (int, error) { return one(w.Segments.Get(ctx, ws, w.base)) }},
		{method: "Segments.List", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			page, err := w.Segments.List(ctx, ws, engage.PageRequest{})
			return of(page, append(w.referring, w.base), func(s segments.Segment) segments.ID { return s.ID }), err
		}},
		{method: "Segments.Members", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return items(w.Segments.Members(ctx, ws, w.base, engage.PageRequest{}))
		}},
		{method: "Segments.Count", call: func(ctx context.Context, ws ws, w *world) (int, error) { return w.Segments.Count(ctx, ws, w.base) }},
		{method: "Segments.Of", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return several(w.Segments.Of(ctx, ws, w.people...))
		}},
		{method: "Segments.Rebuild", makes: true, call: func(ctx context.Context, ws ws, w *world) (int, error) { return 0, w.Segments.Rebuild(ctx, ws) }},
		{method: "Segments.Update", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return one(w.Segments.Update(ctx, ws, w.base, func(s *segments.Segment) error {
				s.Filter = w.planned("trial", "pro")
				return nil
			}))
		}},
	}
}

func workflowCalls() []serviceCall {
	type ws = engage.WorkspaceID
	return []serviceCall{
		{method: "Automation.Create", makes: true, call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return none(w.Automation.Create(ctx, ws, "new", automation.Definition{}))
		}},
		{method: "Automation.Get", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return one(w.Automation.Get(ctx, ws, w.workflows[0]))
		}},
		{method: "Automation.List", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			page, err := w.Automation.List(ctx, ws, engage.PageRequest{})
			return of(page, w.workflows, func(f automation.Workflow) automation.WorkflowID { return f.ID }), err
		}},
		{method: "Automation.RunsOf", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return items(w.Automation.RunsOf(ctx, ws, w.survivor, engage.PageRequest{}))
		}},
		{method: "Automation.Run", call: func(ctx context.Context, ws ws, w *world) (int, error) { return one(w.Automation.Run(ctx, ws, w.run)) }},
		{method: "Automation.Steps", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return several(w.Automation.Steps(ctx, ws, w.run))
		}},
		{method: "Automation.Update", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return one(w.Automation.Update(ctx, ws, w.workflows[0], func(f *automation.Workflow) error { f.Name = "renamed"; return nil }))
		}},
		{method: "Automation.Publish", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return one(w.Automation.Publish(ctx, ws, w.workflows[0]))
		}},
		{method: "Automation.Pause", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return one(w.Automation.Pause(ctx, ws, w.workflows[0]))
		}},
		{method: "Automation.Resume", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return one(w.Automation.Resume(ctx, ws, w.workflows[0]))
		}},
		{method: "Automation.Archive", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return one(w.Automation.Archive(ctx, ws, w.workflows[0]))
		}},
	}
}

func messageCalls() []serviceCall {
	type ws = engage.WorkspaceID
	enqueue := func(ctx context.Context, ws ws, w *world, key string, to func(i int) contacts.ID) (int, error) {
		sent, err := w.Messaging.Enqueue(ctx, ws, each(w.n, func(i int) messaging.Send {
			return messaging.Send{Key: name(key, i), ContactID: to(i), TemplateID: w.templates[i]}
		})...)
		n := 0
		for _, s := range sent {
			if s.Duplicate {
				n++
			}
		}
		return n, err
	}
	return []serviceCall{
		{method: "Messaging.CreateTemplate", makes: true, call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return none(w.Messaging.CreateTemplate(ctx, ws, letter(1000)))
		}},
		{method: "Messaging.Template", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return one(w.Messaging.Template(ctx, ws, w.templates[0]))
		}},
		{method: "Messaging.Templates", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			page, err := w.Messaging.Templates(ctx, ws, engage.PageRequest{})
			return of(page, w.templates, func(t messaging.SavedTemplate) messaging.TemplateID { return t.ID }), err
		}},
		{method: "Messaging.UpdateTemplate", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return one(w.Messaging.UpdateTemplate(ctx, ws, w.templates[0], func(t *messaging.SavedTemplate) error { t.Name = "renamed"; return nil }))
		}},
		{method: "Messaging.Message", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return one(w.Messaging.Message(ctx, ws, w.messages[0]))
		}},
		{method: "Messaging.MessagesOf", call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return items(w.Messaging.MessagesOf(ctx, ws, w.survivor, engage.PageRequest{}))
		}},
		{method: "Messaging.Enqueue", makes: true, call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return enqueue(ctx, ws, w, "new", func(i int) contacts.ID { return w.people[i] })
		}},
		{method: "Messaging.Enqueue", about: "again", makes: true, call: func(ctx context.Context, ws ws, w *world) (int, error) {
			return enqueue(ctx, ws, w, "send", func(i int) contacts.ID { return w.people[i] })
		}},
	}
}
