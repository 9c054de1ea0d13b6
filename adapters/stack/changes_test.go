package stack_test

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/internal/testkit"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/segments"
	"github.com/go-engage/engage/segments/filter"
)

// change is something that happens to n of a world's objects at once, in one
// transaction, or by the passing of time.
type change struct {
	name    string
	between time.Duration // passes first
	make    func(ctx context.Context, w *world) error
}

// ignore drops what a call answers.
func ignore[T any](_ T, err error) error { return err }

// changes are in the order in which they happen to a world: first those of its
// people, then those of what people are sorted by.
func changes() []change { return append(peopleChanges(), otherChanges()...) }

func peopleChanges() []change {
	return []change{
		{name: "contacts come", make: func(ctx context.Context, w *world) error {
			return ignore(w.Contacts.Identify(ctx, w.ws, each(w.n, func(i int) contacts.Profile {
				return contacts.Profile{Identities: []contacts.Identity{email(2000 + i)}, Attributes: attribute.Set{"plan": attribute.String("trial")}}
			})...))
		}},
		{name: "devices come", make: func(ctx context.Context, w *world) error {
			return ignore(w.Contacts.Identify(ctx, w.ws, each(w.n, func(i int) contacts.Profile {
				return contacts.Profile{Identities: []contacts.Identity{device(2000 + i)}}
			})...))
		}},
		{name: "devices become their owners", make: func(ctx context.Context, w *world) error {
			return ignore(w.Contacts.Identify(ctx, w.ws, each(w.n, func(i int) contacts.Profile {
				return contacts.Profile{Identities: []contacts.Identity{email(i), device(2000 + i)}}
			})...))
		}},
		{name: "contacts do something", make: func(ctx context.Context, w *world) error {
			return ignore(w.Events.Append(ctx, w.ws, each(w.n, func(i int) events.Input {
				return events.Input{ContactID: w.people[i], Name: "signed_in"}
			})...))
		}},
		{name: "contacts lose a tag", make: func(ctx context.Context, w *world) error {
			return ignore(w.Contacts.RemoveTag(ctx, w.ws, w.tags[0], w.people...))
		}},
		{name: "contacts leave a list", make: func(ctx context.Context, w *world) error {
			return ignore(w.Contacts.SetMemberships(ctx, w.ws, each(w.n, func(i int) contacts.Membership {
				return contacts.Membership{ListID: w.lists[0], ContactID: w.people[i], State: contacts.Unsubscribed}
			})...))
		}},
		{name: "messages are sent", make: func(ctx context.Context, w *world) error {
			return ignore(w.Messaging.Enqueue(ctx, w.ws, each(w.n, func(i int) messaging.Send {
				return messaging.Send{Key: name("sent", i), ContactID: w.people[i], TemplateID: w.templates[i%w.m]}
			})...))
		}},
		{name: "messages go to absorbed contacts", make: func(ctx context.Context, w *world) error {
			history, err := w.Contacts.History(ctx, w.ws, w.survivor)
			if err != nil {
				return err
			}
			return ignore(w.Messaging.Enqueue(ctx, w.ws, each(w.n, func(i int) messaging.Send {
				return messaging.Send{Key: name("absorbed", i), ContactID: history[1+i], TemplateID: w.templates[i%w.m]}
			})...))
		}},
		{name: "runs wait no longer", between: day},
		{name: "verdicts change by time", between: 7 * day},
		{name: "attributes are set", make: func(ctx context.Context, w *world) error {
			return ignore(w.Contacts.SetAttributes(ctx, w.ws, each(w.n, func(i int) contacts.Patch {
				return contacts.Patch{ContactID: w.people[i], Attributes: attribute.Set{"plan": attribute.String("pro")}}
			})...))
		}},
		{name: "contacts are deleted", make: func(ctx context.Context, w *world) error {
			for _, id := range w.people {
				if err := w.Contacts.Delete(ctx, w.ws, id); err != nil {
					return err
				}
			}
			return nil
		}},
	}
}

func otherChanges() []change {
	return []change{
		{name: "segments get other filters", make: func(ctx context.Context, w *world) error {
			for i, id := range w.referring {
				err := ignore(w.Segments.Update(ctx, w.ws, id, func(s *segments.Segment) error {
					s.Filter = filter.New(filter.Or(filter.Segment(w.base.String()), filter.Tag(w.tags[0].String()),
						filter.List(w.lists[0].String()), filter.Attr("size_0").Is(i)))
					return nil
				}))
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{name: "a segment gets another filter", make: func(ctx context.Context, w *world) error {
			return ignore(w.Segments.Update(ctx, w.ws, w.base, func(s *segments.Segment) error {
				s.Filter = w.planned("pro", "trial", "free")
				return nil
			}))
		}},
		{name: "an attribute is defined", make: func(ctx context.Context, w *world) error {
			return w.Contacts.DefineAttributes(ctx, w.ws, definition(0))
		}},
		{name: "attributes are defined", make: func(ctx context.Context, w *world) error {
			return w.Contacts.DefineAttributes(ctx, w.ws, each(w.m, func(i int) attribute.Definition { return definition(2000 + i) })...)
		}},
		{name: "tags come and go", make: func(ctx context.Context, w *world) error {
			for i := range w.m {
				tag, err := w.Contacts.CreateTag(ctx, w.ws, name("brief", i))
				if err != nil {
					return err
				}
				if err := w.Contacts.DeleteTag(ctx, w.ws, tag.ID); err != nil {
					return err
				}
			}
			return nil
		}},
		{name: "a tag is deleted", make: func(ctx context.Context, w *world) error {
			return w.Contacts.DeleteTag(ctx, w.ws, w.tags[0])
		}},
		{name: "a list is deleted", make: func(ctx context.Context, w *world) error {
			return w.Contacts.DeleteList(ctx, w.ws, w.lists[0])
		}},
		{name: "segments are deleted", make: func(ctx context.Context, w *world) error {
			for _, id := range w.referring {
				if err := w.Segments.Delete(ctx, w.ws, id); err != nil {
					return err
				}
			}
			return nil
		}},
		{name: "a segment is deleted", make: func(ctx context.Context, w *world) error {
			return w.Segments.Delete(ctx, w.ws, w.base)
		}},
	}
}

// workersOf are the names in either of two records, sorted.
func workersOf(some, others map[string]testkit.Tally) []string {
	all := maps.Clone(some)
	maps.Copy(all, others)
	return slices.Sorted(maps.Keys(all))
}
