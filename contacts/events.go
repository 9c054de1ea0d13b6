package contacts

import (
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts/attribute"
)

// Created says that a contact exists. Wire name contacts.contact.created.v1.
type Created struct {
	ContactID  ID            `json:"contact_id"`
	State      State         `json:"state"`
	Identities []IdentityKey `json:"identities,omitempty"`
	Attributes attribute.Set `json:"attributes,omitempty"`
}

// Updated says what changed about a contact: attributes, or with none listed
// its locale, its time zone or what is known of its identities. A large change is
// told in several. Wire name contacts.contact.updated.v1.
type Updated struct {
	ContactID ID                 `json:"contact_id"`
	Changes   []attribute.Change `json:"changes,omitempty"`
}

// IdentitiesChanged says which identities a contact gained or lost, and whether
// it became identified by that. Wire name contacts.contact.identified.v1.
type IdentitiesChanged struct {
	ContactID  ID            `json:"contact_id"`
	Added      []IdentityKey `json:"added,omitempty"`
	Removed    []IdentityKey `json:"removed,omitempty"`
	Identified bool          `json:"identified"`
}

// Merged says that a contact absorbed another. Wire name
// contacts.contact.merged.v1.
type Merged Absorption

// Deleted says that a contact is gone, with those it had absorbed. Of more than
// engage.MaxBatch each batch is told by itself. Wire name
// contacts.contact.deleted.v1.
type Deleted struct {
	ContactID ID   `json:"contact_id"`
	Absorbed  []ID `json:"absorbed,omitempty"`
}

// Gone are the ids of all contacts that deletions name, absorbed ones included:
// what a consumer of them removes its rows by.
func Gone(deleted []engage.Received[Deleted]) []ID {
	var gone []ID
	for _, d := range deleted {
		gone = append(append(gone, d.Payload.ContactID), d.Payload.Absorbed...)
	}
	return gone
}

// AttributeDefined says that an attribute of contacts was declared or changed.
// Wire name contacts.attribute.defined.v1.
type AttributeDefined struct {
	Key  string         `json:"key"`
	Type attribute.Type `json:"type"`
}

// TagChanged says that a tag was created, renamed or deleted. Wire name
// contacts.tag.changed.v1.
type TagChanged struct {
	TagID  TagID  `json:"tag_id"`
	Change Change `json:"change"`
	Name   string `json:"name"`
}

// TagAssigned says that a contact has a tag, or no longer has it. Wire name
// contacts.tag.assigned.v1.
type TagAssigned struct {
	ContactID ID    `json:"contact_id"`
	TagID     TagID `json:"tag_id"`
	Assigned  bool  `json:"assigned"`
}

// ListChanged says that a list was created, updated or deleted. Wire name
// contacts.list.changed.v1.
type ListChanged struct {
	ListID ListID `json:"list_id"`
	Change Change `json:"change"`
	Name   string `json:"name"`
}

// MembershipChanged says that a contact's state in a list changed. Wire name
// contacts.list.membership_changed.v1.
type MembershipChanged struct {
	ListID    ListID          `json:"list_id"`
	ContactID ID              `json:"contact_id"`
	From      MembershipState `json:"from,omitzero"`
	To        MembershipState `json:"to"`
	Source    string          `json:"source,omitzero"`
}

// Change is what happened to a tag or a list.
type Change string

// The changes of tags and lists.
const (
	ChangeCreated Change = "created"
	ChangeUpdated Change = "updated"
	ChangeDeleted Change = "deleted"
)

// EventName implements engage.Event.
func (Created) EventName() string { return "contacts.contact.created.v1" }

// EventName implements engage.Event.
func (Updated) EventName() string { return "contacts.contact.updated.v1" }

// EventName implements engage.Event.
func (IdentitiesChanged) EventName() string { return "contacts.contact.identified.v1" }

// EventName implements engage.Event.
func (Merged) EventName() string { return "contacts.contact.merged.v1" }

// EventName implements engage.Event.
func (Deleted) EventName() string { return "contacts.contact.deleted.v1" }

// EventName implements engage.Event.
func (AttributeDefined) EventName() string { return "contacts.attribute.defined.v1" }

// EventName implements engage.Event.
func (TagChanged) EventName() string { return "contacts.tag.changed.v1" }

// EventName implements engage.Event.
func (TagAssigned) EventName() string { return "contacts.tag.assigned.v1" }

// EventName implements engage.Event.
func (ListChanged) EventName() string { return "contacts.list.changed.v1" }

// EventName implements engage.Event.
func (MembershipChanged) EventName() string { return "contacts.list.membership_changed.v1" }

// EventSubject is the contact.
func (e Created) EventSubject() engage.Ref { return Ref(e.ContactID) }

// EventSubject is the contact.
func (e Updated) EventSubject() engage.Ref { return Ref(e.ContactID) }

// EventSubject is the contact.
func (e IdentitiesChanged) EventSubject() engage.Ref { return Ref(e.ContactID) }

// EventSubject is the contact that stays.
func (e Merged) EventSubject() engage.Ref { return Ref(e.Survivor) }

// EventSubject is the contact.
func (e Deleted) EventSubject() engage.Ref { return Ref(e.ContactID) }

// EventSubject is empty: definitions have no id.
func (AttributeDefined) EventSubject() engage.Ref { return engage.Ref{} }

// EventSubject is the tag.
func (e TagChanged) EventSubject() engage.Ref { return engage.RefTo("tag", e.TagID) }

// EventSubject is the contact.
func (e TagAssigned) EventSubject() engage.Ref { return Ref(e.ContactID) }

// EventSubject is the list.
func (e ListChanged) EventSubject() engage.Ref { return engage.RefTo("list", e.ListID) }

// EventSubject is the contact.
func (e MembershipChanged) EventSubject() engage.Ref { return Ref(e.ContactID) }

// Ref points at a contact.
func Ref(id ID) engage.Ref { return engage.RefTo(ObjectType, id) }

func created(c Contact) engage.Event {
	return Created{ContactID: c.ID, State: c.State, Identities: keysOf(c.Identities), Attributes: c.Attributes}
}

// changeEvents tell how a contact that already existed differs from before.
func changeEvents(before, after Contact, changed []attribute.Change, added []Identity) []engage.Event {
	var events []engage.Event
	var removed []Identity
	for _, i := range before.Identities {
		if !slices.ContainsFunc(after.Identities, func(kept Identity) bool { return kept.Key() == i.Key() }) {
			removed = append(removed, i)
		}
	}
	if len(added)+len(removed) > 0 {
		events = append(events, IdentitiesChanged{
			ContactID: after.ID, Added: keysOf(added), Removed: keysOf(removed),
			Identified: before.State == Anonymous && after.State == Identified,
		})
	}
	known := len(events) > 0 || slices.Equal(before.Identities, after.Identities)
	if len(changed) == 0 && known && before.Locale == after.Locale && before.TimeZone == after.TimeZone {
		return events
	}
	var part []attribute.Change
	size := 0
	for _, c := range changed {
		more := len(c.Key) + len(c.From.String()) + len(c.To.String())
		if size+more > attribute.MaxSetBytes && len(part) > 0 {
			events, part, size = append(events, Updated{ContactID: after.ID, Changes: part}), nil, 0
		}
		part, size = append(part, c), size+more
	}
	return append(events, Updated{ContactID: after.ID, Changes: part})
}

// deletions tell of a contact and those it had absorbed.
func deletions(id ID, absorbed []ID) []engage.Event {
	var events []engage.Event
	for chunk := range slices.Chunk(absorbed, engage.MaxBatch) {
		events = append(events, Deleted{ContactID: id, Absorbed: chunk})
	}
	if len(events) == 0 {
		events = append(events, Deleted{ContactID: id})
	}
	return events
}

func keysOf(identities []Identity) []IdentityKey {
	var keys []IdentityKey
	for _, i := range identities {
		keys = append(keys, i.Key())
	}
	return keys
}
