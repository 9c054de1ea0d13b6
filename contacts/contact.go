package contacts

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts/attribute"
)

type kind struct{}

func (kind) IDPrefix() string { return "con" }

// ID identifies a contact. It never changes, whatever the contact's identities do.
type ID = engage.ID[kind]

// ObjectType is the type of contacts in references and attribute definitions.
const ObjectType = "contact"

// State says whether a contact is known.
type State string

// The states of a contact. A contact is identified from its first strong
// identity on, and never becomes anonymous again.
const (
	Anonymous  State = "anonymous"
	Identified State = "identified"
)

// Contact is a person that a workspace talks to, or a device whose owner is not
// known yet.
type Contact struct {
	ID         ID
	State      State
	Identities []Identity // ordered by IdentityKey.Compare
	Attributes attribute.Set
	Locale     string // BCP 47; "": the workspace's
	TimeZone   string // IANA; "": the workspace's
	MergedInto ID     // the contact that absorbed this one; zero: none
	CreatedAt  time.Time
	UpdatedAt  time.Time
	CreatedBy  engage.Actor
	UpdatedBy  engage.Actor
	Version    engage.Version
}

// Clone copies the contact, so that neither side's changes reach the other.
func (c Contact) Clone() Contact {
	c.Identities = slices.Clone(c.Identities)
	c.Attributes = c.Attributes.Clone()
	return c
}

// Identity answers the contact's first identity of a kind, the zero Identity
// when there is none.
func (c Contact) Identity(k IdentityKind) Identity {
	for _, i := range c.Identities {
		if i.Kind == k {
			return i
		}
	}
	return Identity{}
}

// IsAbsorbed reports whether another contact has absorbed this one.
func (c Contact) IsAbsorbed() bool { return !c.MergedInto.IsZero() }

// Add gives the contact an identity; a strong one makes it identified. It
// reports whether the contact did not have it.
func (c *Contact) Add(i Identity) bool {
	at, found := slices.BinarySearchFunc(c.Identities, i.Key(), func(have Identity, key IdentityKey) int {
		return have.Key().Compare(key)
	})
	if found {
		return false
	}
	c.Identities = slices.Insert(c.Identities, at, i)
	if i.Kind.IsStrong() {
		c.State = Identified
	}
	return true
}

// Remove takes an identity away and reports whether the contact had it. An
// identified contact stays identified.
func (c *Contact) Remove(key IdentityKey) bool {
	before := len(c.Identities)
	c.Identities = slices.DeleteFunc(c.Identities, func(i Identity) bool { return i.Key() == key })
	return len(c.Identities) < before
}

// Absorb moves the identities and the attributes of another contact, which
// becomes a mere pointer to this one. What both have stays as this one has it,
// and attributes beyond the limits of a contact are dropped.
func (c *Contact) Absorb(other *Contact) {
	for _, i := range other.Identities {
		c.Add(i)
	}
	size := len(c.Attributes.JSON())
	for _, key := range other.Attributes.Keys() {
		value := other.Attributes[key]
		_, have := c.Attributes[key]
		more := len(attribute.Set{key: value}.JSON())
		if have || len(c.Attributes) >= attribute.MaxKeys || size+more > attribute.MaxSetBytes {
			continue
		}
		if c.Attributes == nil {
			c.Attributes = attribute.Set{}
		}
		c.Attributes[key], size = value, size+more
	}
	if c.Locale == "" {
		c.Locale = other.Locale
	}
	if c.TimeZone == "" {
		c.TimeZone = other.TimeZone
	}
	other.Identities, other.Attributes, other.MergedInto = nil, nil, c.ID
}

// strong counts the identities that name the person.
func (c *Contact) strong() int {
	n := 0
	for _, i := range c.Identities {
		if i.Kind.IsStrong() {
			n++
		}
	}
	return n
}

// dropOldDevices takes away the anonymous ids beyond MaxIdentities that the
// contact has had for longest, and answers them.
func (c *Contact) dropOldDevices() []Identity {
	excess := len(c.Identities) - MaxIdentities
	if excess <= 0 {
		return nil
	}
	devices := slices.DeleteFunc(slices.Clone(c.Identities), func(i Identity) bool { return i.Kind.IsStrong() })
	slices.SortStableFunc(devices, func(a, b Identity) int { return a.AddedAt.Compare(b.AddedAt) })
	devices = devices[:min(excess, len(devices))]
	for _, device := range devices {
		c.Remove(device.Key())
	}
	return devices
}

// Repository keeps contacts with their identities.
//
// Methods that write need the transaction in ctx. Slices hold at most
// engage.MaxBatch items; more answer ErrInvalid. A call takes effect whole or
// not at all; its error names the items at fault as "[3]".
type Repository interface {
	// Insert stores new contacts with Version 1. A taken id or identity answers
	// ErrAlreadyExists.
	Insert(ctx context.Context, ws engage.WorkspaceID, contacts []Contact) error

	// Update replaces contacts and their identities, and raises their versions by
	// one. A contact that is missing answers ErrNotFound, one whose stored version
	// differs ErrConflict, an identity that another contact owns
	// ErrAlreadyExists, one that the call names twice ErrInvalid. Identities may
	// move between contacts of one call.
	Update(ctx context.Context, ws engage.WorkspaceID, contacts []Contact) error

	// Delete removes contacts with their identities and answers how many there
	// were.
	Delete(ctx context.Context, ws engage.WorkspaceID, ids []ID) (int, error)

	// Get answers the contacts among ids, in the order of ids, without those that
	// are missing. Absorbed contacts are answered as they are.
	Get(ctx context.Context, ws engage.WorkspaceID, ids []ID) ([]Contact, error)

	// Lock is Get, and holds the rows until the transaction in ctx ends, which it
	// needs. Rows are locked in the order of their ids.
	Lock(ctx context.Context, ws engage.WorkspaceID, ids []ID) ([]Contact, error)

	// Owners answers who owns which of the identities; unowned ones are left out.
	Owners(ctx context.Context, ws engage.WorkspaceID, keys []IdentityKey) (map[IdentityKey]ID, error)

	// Absorbed answers the ids of all contacts that the given ones absorbed, by
	// survivor, each list sorted.
	Absorbed(ctx context.Context, ws engage.WorkspaceID, survivors []ID) (map[ID][]ID, error)

	// List answers contacts that nobody absorbed, in the order of the query.
	List(ctx context.Context, ws engage.WorkspaceID, query Query) (engage.Page[Contact], error)
}

// SortKey orders a list of contacts; equal keys are ordered by id.
type SortKey string

// The orders of a list of contacts.
const (
	ByCreation SortKey = ""        // by id, hence by time of creation; the default
	ByUpdate   SortKey = "updated" // by UpdatedAt
)

// Query selects and orders contacts.
type Query struct {
	State      State // "": both
	Sort       SortKey
	Descending bool
	engage.PageRequest
}

// Validate answers ErrInvalid for values outside the closed sets.
func (q Query) Validate() error {
	var faults engage.Faults
	if q.State != "" && q.State != Anonymous && q.State != Identified {
		faults.Add("state", "unknown", "%.40q is no state", string(q.State))
	}
	if q.Sort != ByCreation && q.Sort != ByUpdate {
		faults.Add("sort", "unknown", "%.40q is no order", string(q.Sort))
	}
	if _, err := q.Size(); err != nil {
		faults = append(faults, engage.FieldsOf(err)...)
	}
	return faults.Err("contacts.Query", "")
}

// Binding names the query for cursors: pages of one query do not continue
// another.
func (q Query) Binding(ws engage.WorkspaceID) string {
	direction := "asc"
	if q.Descending {
		direction = "desc"
	}
	return "contacts|" + ws.String() + "|" + string(q.State) + "|" + string(q.Sort) + "|" + direction
}

// Get answers a contact. The id of an absorbed contact answers the one that
// absorbed it; a missing one answers ErrNotFound.
func (s *Service) Get(ctx context.Context, ws engage.WorkspaceID, id ID) (Contact, error) {
	found, err := s.GetAll(ctx, ws, []ID{id})
	if err != nil {
		return Contact{}, err
	}
	if len(found) == 0 {
		return Contact{}, notFound("contacts.Get", "contact", id)
	}
	return found[0], nil
}

// GetAll answers the contacts among ids, at most engage.MaxBatch, in their
// order. An absorbed contact is answered as its survivor; missing ones are left
// out.
func (s *Service) GetAll(ctx context.Context, ws engage.WorkspaceID, ids []ID) ([]Contact, error) {
	standing, err := s.Standing(ctx, ws, ids)
	if err != nil {
		return nil, err
	}
	var found []Contact
	for _, id := range ids {
		if c, ok := standing[id]; ok {
			found = append(found, c)
		}
	}
	return found, nil
}

// Standing answers whom ids, at most engage.MaxBatch, stand for now, by the ids
// asked for: an absorbed contact's for its survivor. Missing ones are left out.
func (s *Service) Standing(ctx context.Context, ws engage.WorkspaceID, ids []ID) (map[ID]Contact, error) {
	if err := engage.CheckCall("contacts.Standing", ws, len(ids)); err != nil {
		return nil, err
	}
	return standing(slices.Clone(ids), func(ids []ID) ([]Contact, error) { return s.contacts.Get(ctx, ws, ids) })
}

// standing reads contacts, in the order of their ids, and the survivors of those
// that are absorbed.
func standing(ids []ID, read func(ids []ID) ([]Contact, error)) (map[ID]Contact, error) {
	sorted := func(ids []ID) []ID {
		slices.SortFunc(ids, ID.Compare)
		return slices.Compact(ids)
	}
	found, err := read(sorted(ids))
	if err != nil {
		return nil, err
	}
	stand := make(map[ID]Contact, len(found))
	absorbed := map[ID]ID{}
	for _, c := range found {
		if c.IsAbsorbed() {
			absorbed[c.ID] = c.MergedInto
		} else {
			stand[c.ID] = c
		}
	}
	if len(absorbed) == 0 {
		return stand, nil
	}
	survivors, err := read(sorted(slices.Collect(maps.Values(absorbed))))
	if err != nil {
		return nil, err
	}
	byID := make(map[ID]Contact, len(survivors))
	for _, c := range survivors {
		byID[c.ID] = c
	}
	for id, into := range absorbed {
		if c, ok := byID[into]; ok {
			stand[id] = c
		}
	}
	return stand, nil
}

// Find answers the contact that owns an identity, or ErrNotFound.
func (s *Service) Find(ctx context.Context, ws engage.WorkspaceID, kind IdentityKind, value string) (Contact, error) {
	var faults engage.Faults
	i := s.normaliseIdentity(ctx, ws, Identity{Kind: kind, Value: value}, &faults, "identity")
	if err := faults.Err("contacts.Find", ""); err != nil {
		return Contact{}, err
	}
	owners, err := s.contacts.Owners(ctx, ws, []IdentityKey{i.Key()})
	if err != nil {
		return Contact{}, err
	}
	id, ok := owners[i.Key()]
	if !ok {
		return Contact{}, &engage.Error{Code: engage.NotFound, Op: "contacts.Find", Entity: "contact by " + string(kind)}
	}
	return s.Get(ctx, ws, id)
}

// History answers the ids whose history is the contact's: its own, and those of
// the contacts that it absorbed. The id of an absorbed contact answers the
// history of the one that absorbed it; a missing one answers ErrNotFound.
func (s *Service) History(ctx context.Context, ws engage.WorkspaceID, id ID) ([]ID, error) {
	c, err := s.Get(ctx, ws, id)
	if err != nil {
		return nil, err
	}
	absorbed, err := s.contacts.Absorbed(ctx, ws, []ID{c.ID})
	if err != nil {
		return nil, err
	}
	return append([]ID{c.ID}, absorbed[c.ID]...), nil
}

// List answers a page of contacts; absorbed ones are not in it.
func (s *Service) List(ctx context.Context, ws engage.WorkspaceID, query Query) (engage.Page[Contact], error) {
	if err := query.Validate(); err != nil {
		return engage.Page[Contact]{}, err
	}
	return s.contacts.List(ctx, ws, query)
}

// All walks over every contact of a query, whatever its page size.
func (s *Service) All(ctx context.Context, ws engage.WorkspaceID, query Query) iter.Seq2[Contact, error] {
	return engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[Contact], error) {
		query.PageRequest = page
		return s.List(ctx, ws, query)
	})
}

// Update changes one contact by a function: attributes, locale and time zone
// freely, identities by Add and Remove. The row is locked meanwhile, so fn works
// on the newest version and must not wait for anything; to refuse an outdated
// edit, compare the version in fn. Attribute values that do not fit their
// definition answer ErrInvalid. The id of an absorbed contact answers
// ErrNotFound.
func (s *Service) Update(ctx context.Context, ws engage.WorkspaceID, id ID, fn func(*Contact) error) (Contact, error) {
	const op = "contacts.Update"
	var updated Contact
	err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		locked, err := s.contacts.Lock(ctx, ws, []ID{id})
		if err != nil {
			return err
		}
		if len(locked) == 0 || locked[0].IsAbsorbed() {
			return notFound(op, "contact", id)
		}
		before, after := locked[0], locked[0].Clone()
		if err := fn(&after); err != nil {
			return err
		}
		definitions, err := s.schema.Definitions(ctx, ws, ObjectType)
		if err != nil {
			return err
		}
		changes, err := s.revise(ctx, ws, op, before, &after, definitions)
		if err != nil || changes == nil {
			updated = before
			return err
		}
		if err := s.contacts.Update(ctx, ws, []Contact{after}); err != nil {
			return err
		}
		after.Version++
		updated = after
		return s.rt.Events.Publish(ctx, ws, changes...)
	})
	return updated, err
}

// revise checks an edited contact against what it was and answers the events
// that tell of the difference, nil when there is none.
func (s *Service) revise(ctx context.Context, ws engage.WorkspaceID, op string, before Contact, after *Contact, definitions []attribute.Definition) ([]engage.Event, error) {
	var faults engage.Faults
	edits := attribute.Set{}
	for key, value := range after.Attributes {
		if value != before.Attributes[key] { // what stays is not held to newer definitions
			edits[key] = value
		}
	}
	for key := range before.Attributes {
		if _, kept := after.Attributes[key]; !kept {
			edits[key] = attribute.Null
		}
	}
	set, changed, rejected := before.Attributes.Apply(edits, definitions, s.cfg.UnknownAttributes)
	faults = append(faults, rejected...)
	identities := after.Identities
	after.Identities = nil
	for i, identity := range identities {
		identity = s.normaliseIdentity(ctx, ws, identity, &faults, "identities"+item(i, ""))
		if identity.AddedAt.IsZero() {
			identity.AddedAt = s.rt.Clock.Now()
		}
		after.Add(identity)
	}
	if len(after.Identities) > MaxIdentities {
		faults.Add("identities", "too_many", "at most %d", MaxIdentities)
	}
	validateProfile(&faults, "", after.Locale, after.TimeZone, set)
	if err := faults.Err(op, "contact "+before.ID.String()); err != nil {
		return nil, err
	}
	added := slices.DeleteFunc(slices.Clone(after.Identities), func(i Identity) bool {
		return slices.ContainsFunc(before.Identities, func(had Identity) bool { return had.Key() == i.Key() })
	})
	if len(changed) == 0 && slices.Equal(before.Identities, after.Identities) &&
		before.Locale == after.Locale && before.TimeZone == after.TimeZone {
		return nil, nil
	}
	after.ID, after.MergedInto, after.Version = before.ID, before.MergedInto, before.Version
	after.CreatedAt, after.CreatedBy, after.Attributes = before.CreatedAt, before.CreatedBy, set
	after.State = before.State
	if slices.ContainsFunc(after.Identities, func(i Identity) bool { return i.Kind.IsStrong() }) {
		after.State = Identified
	}
	after.UpdatedAt, after.UpdatedBy = s.rt.Clock.Now(), engage.ActorFrom(ctx)
	return changeEvents(before, *after, changed, added), nil
}

// Delete removes a contact and the contacts it absorbed. A missing one answers
// ErrNotFound.
func (s *Service) Delete(ctx context.Context, ws engage.WorkspaceID, id ID) error {
	return s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		locked, err := s.contacts.Lock(ctx, ws, []ID{id})
		if err != nil {
			return err
		}
		if len(locked) == 0 || locked[0].IsAbsorbed() {
			return notFound("contacts.Delete", "contact", id)
		}
		absorbed, err := s.contacts.Absorbed(ctx, ws, []ID{id})
		if err != nil {
			return err
		}
		for chunk := range slices.Chunk(append(slices.Clone(absorbed[id]), id), engage.MaxBatch) {
			if err := s.forget(ctx, ws, chunk); err != nil {
				return err
			}
		}
		return s.rt.Events.Publish(ctx, ws, deletions(id, absorbed[id])...)
	})
}

// forget removes the rows of contacts in all of the package's tables.
func (s *Service) forget(ctx context.Context, ws engage.WorkspaceID, ids []ID) error {
	if err := s.taggings.Forget(ctx, ws, ids); err != nil {
		return err
	}
	if err := s.members.Forget(ctx, ws, ids); err != nil {
		return err
	}
	_, err := s.contacts.Delete(ctx, ws, ids)
	return err
}
