package timeline

import (
	"context"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
)

// Kind says what an entry tells of.
type Kind string

// The kinds of entries.
const (
	ContactCreated    Kind = "contact_created"
	ContactIdentified Kind = "contact_identified"
	ContactMerged     Kind = "contact_merged"
	EventRecorded     Kind = "event"
	TagAssigned       Kind = "tag"
	ListChanged       Kind = "list"
)

// Entry is one line of a contact's timeline.
type Entry struct {
	// ID is the id of the domain event that the entry tells of, so an event makes
	// one entry, however often it is delivered.
	ID        engage.EventID
	ContactID contacts.ID
	Kind      Kind
	At        time.Time // when it happened
	Title     string    // the event's name, where it has one
	Data      attribute.Value
}

// Repository keeps entries. Slices hold at most engage.MaxBatch items.
type Repository interface {
	// Append stores entries; those whose id is there already are passed over. It
	// needs the transaction in ctx.
	Append(ctx context.Context, ws engage.WorkspaceID, entries []Entry) error
	// List answers a page of entries, ordered by At and id, the newest first.
	List(ctx context.Context, ws engage.WorkspaceID, query Query) (engage.Page[Entry], error)
	// Forget removes the entries of contacts. It needs the transaction in ctx.
	Forget(ctx context.Context, ws engage.WorkspaceID, contacts []contacts.ID) error
}

// Query selects entries of contacts.
type Query struct {
	Contacts []contacts.ID // at most engage.MaxBatch
	Kinds    []Kind        // empty: all
	engage.PageRequest
}

// Binding names the query for cursors.
func (q Query) Binding(ws engage.WorkspaceID) string {
	b := []byte("timeline|" + ws.String())
	for _, k := range q.Kinds {
		b = append(b, "|"+string(k)...)
	}
	for _, c := range q.Contacts {
		b = append(b, c[:]...)
	}
	return string(b)
}

// History answers whose entries belong to a contact: contacts.Service does.
type History interface {
	// History answers the contact's id and those of the contacts it absorbed.
	History(ctx context.Context, ws engage.WorkspaceID, id contacts.ID) ([]contacts.ID, error)
}

// Deps are what a Service works with.
type Deps struct {
	Runtime engage.Runtime
	Entries Repository
	History History
}

// Config tunes a Service. The zero Config works.
type Config struct{}

// Service reads timelines; its Consumer writes them.
type Service struct {
	rt      engage.Runtime
	entries Repository
	history History
}

// New makes a Service, or answers every fault of its arguments at once.
func New(d Deps, _ Config) (*Service, error) {
	var faults engage.Faults
	rt := d.Runtime.Resolve(&faults)
	if d.Entries == nil {
		faults.Add("entries", "required", "a Repository is required")
	}
	if d.History == nil {
		faults.Add("history", "required", "a History is required")
	}
	if err := faults.Err("timeline.New", ""); err != nil {
		return nil, err
	}
	return &Service{rt: rt, entries: d.Entries, history: d.History}, nil
}

// Of answers a page of a contact's timeline, the newest first, with what the
// contacts it absorbed had been through. kinds limits it; none means all.
func (s *Service) Of(ctx context.Context, ws engage.WorkspaceID, id contacts.ID, page engage.PageRequest, kinds ...Kind) (engage.Page[Entry], error) {
	ids, err := s.history.History(ctx, ws, id)
	if err != nil {
		return engage.Page[Entry]{}, err
	}
	// A contact that absorbed more keeps the timeline of the newest of them.
	if len(ids) > engage.MaxBatch {
		ids = append(ids[:1:1], ids[len(ids)-engage.MaxBatch+1:]...)
	}
	return s.entries.List(ctx, ws, Query{Contacts: ids, Kinds: kinds, PageRequest: page})
}

// Consumer writes an entry for each event that a timeline shows, and removes
// those of deleted contacts.
func (s *Service) Consumer() *engage.Consumer {
	c := engage.NewConsumer("contacts.timeline")
	tell(s, c, func(e contacts.Created) Entry {
		return Entry{ContactID: e.ContactID, Kind: ContactCreated}
	})
	tell(s, c, func(e contacts.IdentitiesChanged) Entry {
		return Entry{ContactID: e.ContactID, Kind: ContactIdentified, Data: identities(e)}
	})
	tell(s, c, func(e contacts.Merged) Entry {
		return Entry{ContactID: e.Survivor, Kind: ContactMerged, Data: attribute.Object(attribute.Set{
			"absorbed": attribute.String(e.Absorbed.String()),
		})}
	})
	tell(s, c, func(e events.Recorded) Entry {
		return Entry{ContactID: e.ContactID, Kind: EventRecorded, At: e.OccurredAt, Title: e.Name, Data: e.Properties}
	})
	tell(s, c, func(e contacts.TagAssigned) Entry {
		return Entry{ContactID: e.ContactID, Kind: TagAssigned, Data: attribute.Object(attribute.Set{
			"tag_id": attribute.String(e.TagID.String()), "assigned": attribute.Boolean(e.Assigned),
		})}
	})
	tell(s, c, func(e contacts.MembershipChanged) Entry {
		return Entry{ContactID: e.ContactID, Kind: ListChanged, Data: attribute.Object(attribute.Set{
			"list_id": attribute.String(e.ListID.String()), "to": attribute.String(string(e.To)),
		})}
	})
	engage.On(c, func(ctx context.Context, ws engage.WorkspaceID, deleted []engage.Received[contacts.Deleted]) error {
		return s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
			for chunk := range slices.Chunk(contacts.Gone(deleted), engage.MaxBatch) {
				if err := s.entries.Forget(ctx, ws, chunk); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return c
}

// tell makes entries of the events of one type.
func tell[E engage.Event](s *Service, c *engage.Consumer, entry func(E) Entry) {
	engage.On(c, func(ctx context.Context, ws engage.WorkspaceID, received []engage.Received[E]) error {
		entries := make([]Entry, len(received))
		for i, r := range received {
			e := entry(r.Payload)
			e.ID = r.ID
			if e.At.IsZero() {
				e.At = r.OccurredAt
			}
			if e.Data.IsZero() {
				e.Data = attribute.Object(nil)
			}
			entries[i] = e
		}
		return s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
			for chunk := range slices.Chunk(entries, engage.MaxBatch) {
				if err := s.entries.Append(ctx, ws, chunk); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func identities(e contacts.IdentitiesChanged) attribute.Value {
	list := func(keys []contacts.IdentityKey) attribute.Value {
		values := make([]attribute.Value, len(keys))
		for i, k := range keys {
			values[i] = attribute.String(k.String())
		}
		return attribute.List(values...)
	}
	return attribute.Object(attribute.Set{
		"added": list(e.Added), "removed": list(e.Removed), "identified": attribute.Boolean(e.Identified),
	})
}
