package events

import (
	"context"
	"iter"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
)

type kind struct{}

func (kind) IDPrefix() string { return "evt" }

// ID identifies an event. It is made from the client's message id, so a repeated
// message has the same one.
type ID = engage.ID[kind]

// Event is something a contact did.
type Event struct {
	ID         ID
	ContactID  contacts.ID
	Name       string
	OccurredAt time.Time // by the client
	ReceivedAt time.Time // by us
	Properties attribute.Value
}

// Input is an event as a client sends it.
type Input struct {
	// MessageID makes the event count once, however often it is sent; "" means
	// that it can't be sent twice. UUIDv7s are cheapest to store: random ids cost
	// SQLite a third of its rate.
	MessageID  string
	ContactID  contacts.ID
	Name       string
	OccurredAt time.Time       // zero: now
	Properties attribute.Value // an object; zero: none
}

// Appended is what became of an Input.
type Appended struct {
	ID        ID
	Duplicate bool // the event was there already; nothing was written
}

// Repository keeps events. Slices hold at most engage.MaxBatch items.
type Repository interface {
	// Append stores events and answers, aligned, which of them were new; of equal
	// ids in one call the first is. It needs the transaction in ctx. Two calls in
	// one transaction may deadlock with another such pair, for rows are ordered
	// within a call only.
	Append(ctx context.Context, ws engage.WorkspaceID, events []Event) ([]bool, error)
	// Get answers the events among ids, ordered by id.
	Get(ctx context.Context, ws engage.WorkspaceID, ids []ID) ([]Event, error)
	// History answers a page of the events of contacts, ordered by OccurredAt and
	// id.
	History(ctx context.Context, ws engage.WorkspaceID, query Query) (engage.Page[Event], error)
	// Scan answers a page of all events of the workspace, ordered by id.
	Scan(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[Event], error)
	// Forget removes the events of contacts and answers how many there were. It
	// needs the transaction in ctx.
	Forget(ctx context.Context, ws engage.WorkspaceID, contacts []contacts.ID) (int, error)
}

// Contacts tells which contacts exist; adapters of the contacts domain
// implement it.
type Contacts interface {
	// Existing answers those of at most engage.MaxBatch ids that are contacts of
	// the workspace, absorbed ones included, in any order.
	Existing(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.ID, error)
}

// Query selects the events of contacts.
type Query struct {
	Contacts   []contacts.ID // at most engage.MaxBatch
	Name       string        // "": all
	Descending bool          // the newest first
	engage.PageRequest
}

// Binding names the query for cursors.
func (q Query) Binding(ws engage.WorkspaceID) string {
	b := []byte("events|" + ws.String() + "|" + q.Name)
	if q.Descending {
		b = append(b, "|desc"...)
	}
	for _, c := range q.Contacts {
		b = append(b, c[:]...)
	}
	return string(b)
}

// Deps are what a Service works with.
type Deps struct {
	Runtime  engage.Runtime
	Events   Repository
	Contacts Contacts
}

// Config tunes a Service. The zero Config works.
type Config struct{}

// Service takes events in and gives them out. It is safe for concurrent use.
type Service struct {
	rt       engage.Runtime
	events   Repository
	contacts Contacts
	across   across // nil parts: the Collector writes workspace by workspace
}

// New makes a Service, or answers every fault of its arguments at once.
func New(d Deps, _ Config) (*Service, error) {
	var faults engage.Faults
	rt := d.Runtime.Resolve(&faults)
	if d.Events == nil {
		faults.Add("events", "required", "a Repository is required")
	}
	if d.Contacts == nil {
		faults.Add("contacts", "required", "a Contacts is required")
	}
	if err := faults.Err("events.New", ""); err != nil {
		return nil, err
	}
	s := &Service{rt: rt, events: d.Events, contacts: d.Contacts}
	s.across.events, _ = d.Events.(RepositoryAcross)
	s.across.contacts, _ = d.Contacts.(ContactsAcross)
	return s, nil
}

// Append stores events and tells of the new ones in the log; the answers are
// aligned with the inputs. It joins the caller's transaction, which should then
// call it once: two calls may deadlock with another pair. Faulty inputs answer
// ErrInvalid and unknown contacts ErrNotFound, all listed by index, and then
// nothing is written. More than engage.MaxBatch inputs run in chunks; a chunk
// that fails answers a *engage.PartialError.
func (s *Service) Append(ctx context.Context, ws engage.WorkspaceID, inputs ...Input) ([]Appended, error) {
	events, err := s.prepare(inputs)
	if err != nil {
		return nil, err
	}
	out := make([]Appended, 0, len(events))
	for chunk := range slices.Chunk(events, engage.MaxBatch) {
		var appended []Appended
		err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) (err error) {
			appended, err = s.write(ctx, ws, chunk)
			return err
		})
		if err != nil && len(events) > engage.MaxBatch {
			return out, &engage.PartialError{Done: len(out), Err: err}
		}
		if err != nil {
			return nil, err
		}
		out = append(out, appended...)
	}
	return out, nil
}

// prepare checks inputs and makes events of them.
func (s *Service) prepare(inputs []Input) ([]Event, error) {
	var faults engage.Faults
	now := s.rt.Clock.Now()
	events := make([]Event, len(inputs))
	for i, in := range inputs {
		checkInput(&faults, i, in)
		e := Event{
			ContactID: in.ContactID, Name: in.Name, ReceivedAt: now,
			OccurredAt: engage.Instant(in.OccurredAt), Properties: in.Properties,
		}
		if in.MessageID == "" {
			e.ID = engage.NewID[kind](s.rt.IDs)
		} else {
			e.ID = IDOf(in.MessageID)
		}
		if in.OccurredAt.IsZero() {
			e.OccurredAt = now
		}
		if in.Properties.IsZero() {
			e.Properties = noProperties
		}
		events[i] = e
	}
	return events, faults.Err("events.Append", "")
}

var noProperties = attribute.Object(nil)

func checkInput(faults *engage.Faults, i int, in Input) {
	switch {
	case in.Name == "":
		faults.Add(item(i, "name"), "required", "an event needs a name")
	case len(in.Name) > MaxNameBytes:
		faults.Add(item(i, "name"), "too_long", "%d bytes, at most %d", len(in.Name), MaxNameBytes)
	case !isText(in.Name):
		faults.Add(item(i, "name"), "invalid", "control characters and broken UTF-8 are refused")
	}
	if in.ContactID.IsZero() {
		faults.Add(item(i, "contact_id"), "required", "an event belongs to a contact")
	}
	if len(in.MessageID) > MaxMessageIDBytes || !isText(in.MessageID) {
		faults.Add(item(i, "message_id"), "invalid", "at most %d bytes of UTF-8 without control characters", MaxMessageIDBytes)
	}
	if y := in.OccurredAt.UTC().Year(); !in.OccurredAt.IsZero() && (y < 1970 || y > 9999) {
		faults.Add(item(i, "occurred_at"), "out_of_range", "want a year from 1970 to 9999")
	}
	switch n := len(in.Properties.String()); {
	case n > MaxPropertiesBytes:
		faults.Add(item(i, "properties"), "too_long", "%d bytes, at most %d", n, MaxPropertiesBytes)
	case n > 0 && !in.Properties.IsObject():
		faults.Add(item(i, "properties"), "wrong_type", "want a JSON object")
	default:
		for _, f := range engage.FieldsOf(in.Properties.Validate()) {
			faults.Add(item(i, "properties"), f.Code, "%s", f.Message)
		}
	}
}

func isText(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// write stores prepared events of existing contacts, in the transaction in ctx.
func (s *Service) write(ctx context.Context, ws engage.WorkspaceID, events []Event) ([]Appended, error) {
	if err := s.requireContacts(ctx, ws, events); err != nil {
		return nil, err
	}
	isNew, err := s.events.Append(ctx, ws, events)
	if err != nil {
		return nil, err
	}
	return s.tell(ctx, ws, events, isNew)
}

// tell publishes the events that are new and answers what became of each.
func (s *Service) tell(ctx context.Context, ws engage.WorkspaceID, events []Event, isNew []bool) ([]Appended, error) {
	out := make([]Appended, len(events))
	recorded := make([]engage.Event, 0, len(events))
	for i, e := range events {
		out[i] = Appended{ID: e.ID, Duplicate: !isNew[i]}
		if isNew[i] {
			recorded = append(recorded, Recorded{
				EventID: e.ID, ContactID: e.ContactID, Name: e.Name,
				OccurredAt: e.OccurredAt, ReceivedAt: e.ReceivedAt, Properties: e.Properties,
			})
		}
	}
	if len(recorded) == 0 {
		return out, nil
	}
	return out, s.rt.Events.Publish(ctx, ws, recorded...)
}

func (s *Service) requireContacts(ctx context.Context, ws engage.WorkspaceID, events []Event) error {
	ids := make([]contacts.ID, len(events))
	for i, e := range events {
		ids[i] = e.ContactID
	}
	slices.SortFunc(ids, contacts.ID.Compare)
	ids = slices.Compact(ids)
	existing, err := s.contacts.Existing(ctx, ws, ids)
	if err != nil || len(existing) == len(ids) {
		return err
	}
	known := make(map[contacts.ID]bool, len(existing))
	for _, id := range existing {
		known[id] = true
	}
	return missing(events, func(i int) bool { return known[events[i].ContactID] })
}

// missing is what to answer to events of which some are of no contact.
func missing(events []Event, exists func(i int) bool) error {
	var faults engage.Faults
	for i, e := range events {
		if !exists(i) {
			faults.Add(item(i, "contact_id"), "not_found", "no contact %s", e.ContactID)
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return &engage.Error{Code: engage.NotFound, Op: "events.Append", Fields: faults}
}

// Get answers an event, or ErrNotFound.
func (s *Service) Get(ctx context.Context, ws engage.WorkspaceID, id ID) (Event, error) {
	found, err := s.events.Get(ctx, ws, []ID{id})
	if err != nil {
		return Event{}, err
	}
	if len(found) == 0 {
		return Event{}, &engage.Error{Code: engage.NotFound, Op: "events.Get", Entity: "event " + id.String()}
	}
	return found[0], nil
}

// History answers a page of what contacts did, by time. To include what an
// absorbed contact did, ask for the ids that contacts.Service.History answers.
func (s *Service) History(ctx context.Context, ws engage.WorkspaceID, query Query) (engage.Page[Event], error) {
	if len(query.Contacts) > engage.MaxBatch {
		var faults engage.Faults
		faults.Add("contacts", "too_many", "%d, at most %d", len(query.Contacts), engage.MaxBatch)
		return engage.Page[Event]{}, faults.Err("events.History", "")
	}
	return s.events.History(ctx, ws, query)
}

// All walks over every event of the workspace in the order of their ids; what
// was derived from events is rebuilt with it.
func (s *Service) All(ctx context.Context, ws engage.WorkspaceID) iter.Seq2[Event, error] {
	return engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[Event], error) {
		return s.events.Scan(ctx, ws, page)
	})
}
