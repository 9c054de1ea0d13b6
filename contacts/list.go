package contacts

import (
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-engage/engage"
)

type listKind struct{}

func (listKind) IDPrefix() string { return "lst" }

// ListID identifies a list.
type ListID = engage.ID[listKind]

// Visibility says who may see and join a list.
type Visibility string

// The visibilities of lists.
const (
	Private Visibility = "private" // the workspace's own; the default
	Public  Visibility = "public"  // offered to contacts, who join and leave by themselves
)

// List is a set of contacts that is kept by hand, by import or by the contacts
// themselves.
type List struct {
	ID         ListID
	Name       string
	Visibility Visibility
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    engage.Version
}

// MembershipState is where a contact stands in a list.
type MembershipState string

// The states of a membership. A contact that was never in a list has none.
const (
	Pending      MembershipState = "pending"      // asked to confirm
	Subscribed   MembershipState = "subscribed"   // in the list
	Unsubscribed MembershipState = "unsubscribed" // left it
	Bounced      MembershipState = "bounced"      // could not be reached
	Complained   MembershipState = "complained"   // reported what it got as spam
)

// moves are the legal steps between states; repeating a state is always legal
// and changes nothing. A complaint ends only in a new confirmation.
var moves = map[MembershipState][]MembershipState{
	"":           {Pending, Subscribed, Unsubscribed},
	Pending:      {Subscribed, Unsubscribed, Bounced},
	Subscribed:   {Unsubscribed, Bounced, Complained},
	Unsubscribed: {Pending, Subscribed},
	Bounced:      {Pending, Subscribed, Unsubscribed},
	Complained:   {Pending, Unsubscribed},
}

// Membership is a contact's state in a list.
type Membership struct {
	ListID    ListID
	ContactID ID
	State     MembershipState
	Source    string    // where it came from, as "import" or "form"; at most engage.MaxKeyBytes
	At        time.Time // when the state was reached
}

// Become moves the membership to a state, and answers ErrFailedPrecondition for
// an illegal move. It reports whether anything changed.
func (m *Membership) Become(state MembershipState, source string, at time.Time) (bool, error) {
	if m.State == state {
		return false, nil
	}
	if !slices.Contains(moves[m.State], state) {
		return false, &engage.Error{
			Code: engage.FailedPrecondition, Op: "contacts.Membership",
			Fields: []engage.FieldError{{Path: "state", Code: "illegal_move", Message: string(m.State) + " does not become " + string(state)}},
		}
	}
	m.State, m.Source, m.At = state, source, at
	return true, nil
}

// ListRepository keeps lists. Writes need the transaction in ctx and take
// effect whole or not at all.
type ListRepository interface {
	// Insert stores a new list with Version 1; a taken id answers
	// ErrAlreadyExists.
	Insert(ctx context.Context, ws engage.WorkspaceID, list List) error
	// Update replaces a list and raises its version; a missing one answers
	// ErrNotFound, another stored version ErrConflict.
	Update(ctx context.Context, ws engage.WorkspaceID, list List) error
	// Delete removes a list with its memberships; a missing one answers
	// ErrNotFound.
	Delete(ctx context.Context, ws engage.WorkspaceID, id ListID) error
	// Get answers the lists among ids, ordered by id.
	Get(ctx context.Context, ws engage.WorkspaceID, ids []ListID) ([]List, error)
	// List answers lists ordered by id.
	List(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[List], error)
}

// MembershipRepository keeps memberships. Slices hold at most engage.MaxBatch
// items; writes need the transaction in ctx.
type MembershipRepository interface {
	// Put stores memberships, replacing those of the same list and contact.
	Put(ctx context.Context, ws engage.WorkspaceID, memberships []Membership) error
	// Lock answers the memberships of the given lists and contacts (the state of
	// the argument is not looked at), without those that do not exist, and holds
	// them until the transaction in ctx ends.
	Lock(ctx context.Context, ws engage.WorkspaceID, memberships []Membership) ([]Membership, error)
	// Of answers the memberships of contacts, ordered by contact, then list.
	Of(ctx context.Context, ws engage.WorkspaceID, contacts []ID) ([]Membership, error)
	// Members answers a page of a list's memberships in a state ("": any), ordered
	// by contact.
	Members(ctx context.Context, ws engage.WorkspaceID, list ListID, state MembershipState, page engage.PageRequest) (engage.Page[Membership], error)
	// Move gives the memberships of absorbed contacts to their survivors. Where
	// both have one, the one that was reached later stays, the survivor's if they
	// are equally old.
	Move(ctx context.Context, ws engage.WorkspaceID, absorptions []Absorption) error
	// Forget removes all memberships of contacts.
	Forget(ctx context.Context, ws engage.WorkspaceID, contacts []ID) error
}

// CreateList makes a list.
func (s *Service) CreateList(ctx context.Context, ws engage.WorkspaceID, name string, visibility Visibility) (List, error) {
	if visibility == "" {
		visibility = Private
	}
	if err := checkList("contacts.CreateList", name, visibility); err != nil {
		return List{}, err
	}
	now := s.rt.Clock.Now()
	list := List{
		ID: engage.NewID[listKind](s.rt.IDs), Name: name, Visibility: visibility,
		CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		if err := s.lists.Insert(ctx, ws, list); err != nil {
			return err
		}
		return s.rt.Events.Publish(ctx, ws, ListChanged{ListID: list.ID, Change: ChangeCreated, Name: name})
	})
	return list, err
}

// UpdateList changes a list's name and visibility by a function.
func (s *Service) UpdateList(ctx context.Context, ws engage.WorkspaceID, id ListID, fn func(*List) error) (List, error) {
	const op = "contacts.UpdateList"
	var list List
	err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		found, err := s.lists.Get(ctx, ws, []ListID{id})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return notFound(op, "list", id)
		}
		edited := found[0]
		if err := fn(&edited); err != nil {
			return err
		}
		if err := checkList(op, edited.Name, edited.Visibility); err != nil {
			return err
		}
		list = found[0]
		list.Name, list.Visibility, list.UpdatedAt = edited.Name, edited.Visibility, s.rt.Clock.Now()
		if err := s.lists.Update(ctx, ws, list); err != nil {
			return err
		}
		list.Version++
		return s.rt.Events.Publish(ctx, ws, ListChanged{ListID: id, Change: ChangeUpdated, Name: list.Name})
	})
	return list, err
}

// DeleteList removes a list with its memberships.
func (s *Service) DeleteList(ctx context.Context, ws engage.WorkspaceID, id ListID) error {
	return s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		if err := s.lists.Delete(ctx, ws, id); err != nil {
			return err
		}
		return s.rt.Events.Publish(ctx, ws, ListChanged{ListID: id, Change: ChangeDeleted})
	})
}

// Lists answers a page of the workspace's lists, the oldest first.
func (s *Service) Lists(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[List], error) {
	return s.lists.List(ctx, ws, page)
}

// SetMemberships moves contacts to states in lists and answers how many
// memberships changed. Unknown lists and contacts answer ErrNotFound and illegal
// moves ErrFailedPrecondition, each by its index; then nothing is written. At is
// filled in. At most engage.MaxBatch memberships, each list and contact once.
func (s *Service) SetMemberships(ctx context.Context, ws engage.WorkspaceID, wanted ...Membership) (int, error) {
	const op = "contacts.SetMemberships"
	if err := checkMemberships(op, wanted); err != nil {
		return 0, err
	}
	changed := 0
	err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		if err := s.requireLists(ctx, ws, op, wanted); err != nil {
			return err
		}
		ids := make([]ID, len(wanted))
		for i, w := range wanted {
			ids[i] = w.ContactID
		}
		if err := s.requireContacts(ctx, ws, op, 0, ids); err != nil {
			return err
		}
		locked, err := s.members.Lock(ctx, ws, wanted)
		if err != nil {
			return err
		}
		writes, events, err := s.moveMemberships(op, wanted, locked)
		changed = len(writes)
		if err != nil || changed == 0 {
			return err
		}
		if err := s.members.Put(ctx, ws, writes); err != nil {
			return err
		}
		return s.rt.Events.Publish(ctx, ws, events...)
	})
	if err != nil {
		return 0, err
	}
	return changed, nil
}

type membershipKey struct {
	list    ListID
	contact ID
}

func (s *Service) moveMemberships(op string, wanted, locked []Membership) ([]Membership, []engage.Event, error) {
	current := make(map[membershipKey]Membership, len(locked))
	for _, m := range locked {
		current[membershipKey{m.ListID, m.ContactID}] = m
	}
	var writes []Membership
	var events []engage.Event
	var illegal engage.Faults
	for i, w := range wanted {
		m := current[membershipKey{w.ListID, w.ContactID}]
		m.ListID, m.ContactID = w.ListID, w.ContactID
		from := m.State
		moved, err := m.Become(w.State, w.Source, s.rt.Clock.Now())
		for _, f := range engage.FieldsOf(err) {
			illegal.Add(item(i, f.Path), f.Code, "%s", f.Message)
		}
		if moved {
			writes = append(writes, m)
			events = append(events, MembershipChanged{ListID: m.ListID, ContactID: m.ContactID, From: from, To: m.State, Source: m.Source})
		}
	}
	if len(illegal) > 0 {
		return nil, nil, &engage.Error{Code: engage.FailedPrecondition, Op: op, Fields: illegal}
	}
	return writes, events, nil
}

// MembershipsOf answers the memberships of contacts, at most engage.MaxBatch.
func (s *Service) MembershipsOf(ctx context.Context, ws engage.WorkspaceID, contacts ...ID) ([]Membership, error) {
	return s.members.Of(ctx, ws, contacts)
}

// Members answers a page of a list's memberships in a state, "" for any.
func (s *Service) Members(ctx context.Context, ws engage.WorkspaceID, list ListID, state MembershipState, page engage.PageRequest) (engage.Page[Membership], error) {
	return s.members.Members(ctx, ws, list, state, page)
}

func (s *Service) requireLists(ctx context.Context, ws engage.WorkspaceID, op string, wanted []Membership) error {
	ids := make([]ListID, len(wanted))
	for i, w := range wanted {
		ids[i] = w.ListID
	}
	slices.SortFunc(ids, ListID.Compare)
	found, err := s.lists.Get(ctx, ws, slices.Compact(ids))
	if err != nil {
		return err
	}
	var missing engage.Faults
	for i, w := range wanted {
		if !slices.ContainsFunc(found, func(l List) bool { return l.ID == w.ListID }) {
			missing.Add(item(i, "list_id"), "not_found", "no list %s", w.ListID)
		}
	}
	if len(missing) > 0 {
		return &engage.Error{Code: engage.NotFound, Op: op, Fields: missing}
	}
	return nil
}

func checkMemberships(op string, wanted []Membership) error {
	var faults engage.Faults
	if len(wanted) > engage.MaxBatch {
		faults.Add("memberships", "too_many", "%d, at most %d", len(wanted), engage.MaxBatch)
	}
	seen := map[membershipKey]bool{}
	for i, w := range wanted {
		key := membershipKey{w.ListID, w.ContactID}
		if _, known := moves[w.State]; !known || w.State == "" {
			faults.Add(item(i, "state"), "unknown", "%.40q is no state", string(w.State))
		}
		if len(w.Source) > engage.MaxKeyBytes || !utf8.ValidString(w.Source) || containsControl(w.Source) {
			faults.Add(item(i, "source"), "invalid", "at most %d bytes of UTF-8 without control characters", engage.MaxKeyBytes)
		}
		if seen[key] {
			faults.Add(item(i, ""), "duplicate", "the list and contact stand in the call twice")
		}
		seen[key] = true
	}
	return faults.Err(op, "")
}

func checkList(op, name string, visibility Visibility) error {
	var faults engage.Faults
	validateName(&faults, "name", name)
	if visibility != Private && visibility != Public {
		faults.Add("visibility", "unknown", "%.40q is no visibility", string(visibility))
	}
	return faults.Err(op, "")
}
