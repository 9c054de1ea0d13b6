package segments

import (
	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

// Changed says that a segment was created, edited, built, broken or deleted.
// Wire name segments.segment.changed.v1.
type Changed struct {
	SegmentID ID     `json:"segment_id"`
	Change    Change `json:"change"`
	Name      string `json:"name"`
	State     State  `json:"state"`
	Revision  int    `json:"revision"`
}

// Change is what happened to a segment.
type Change string

// The changes of segments.
const (
	ChangeCreated Change = "created"
	ChangeUpdated Change = "updated"
	ChangeBuilt   Change = "built" // members are answered by the newest filter
	ChangeDeleted Change = "deleted"
)

// Entered says that a contact has become a member of a segment. Wire name
// segments.segment.entered.v1.
type Entered struct {
	SegmentID ID          `json:"segment_id"`
	ContactID contacts.ID `json:"contact_id"`
	// Rebuilt says that the segment changed, not the contact.
	Rebuilt bool `json:"rebuilt"`
}

// Exited says that a contact is a member of a segment no longer. Wire name
// segments.segment.exited.v1.
type Exited struct {
	SegmentID ID          `json:"segment_id"`
	ContactID contacts.ID `json:"contact_id"`
	// Rebuilt says that the segment changed, not the contact.
	Rebuilt bool `json:"rebuilt"`
}

// Build asks this package's consumer for the next step of a build. Wire name
// segments.segment.build.v1.
type Build struct {
	SegmentID ID            `json:"segment_id"`
	Revision  int           `json:"revision"`
	After     engage.Cursor `json:"after,omitzero"` // of the list of contacts
}

// Purge asks this package's consumer to remove what is left of a deleted segment
// or of its former revisions. Wire name segments.segment.purge.v1.
type Purge struct {
	SegmentID ID  `json:"segment_id"`
	Keep      int `json:"keep,omitzero"` // the first revision that stays; 0: none does
}

// TimerDue asks this package's consumer to judge contacts again, because time
// may have changed the verdict. Wire name segments.timer.due.v1.
type TimerDue struct {
	SegmentID  ID            `json:"segment_id"`
	ContactIDs []contacts.ID `json:"contact_ids"`
}

// RecountStep asks this package's consumer for the next step of counting facts
// anew. Wire name segments.facts.recount.v1.
type RecountStep struct {
	Run   engage.EventID `json:"run"`
	Phase Phase          `json:"phase"`
	First bool           `json:"first,omitzero"` // it begins, whatever another one is doing
	Last  bool           `json:"last,omitzero"`  // every event has been scanned
	After engage.Cursor  `json:"after,omitzero"` // of the scan of events
}

// EventName implements engage.Event.
func (Changed) EventName() string { return "segments.segment.changed.v1" }

// EventName implements engage.Event.
func (Entered) EventName() string { return "segments.segment.entered.v1" }

// EventName implements engage.Event.
func (Exited) EventName() string { return "segments.segment.exited.v1" }

// EventName implements engage.Event.
func (Build) EventName() string { return "segments.segment.build.v1" }

// EventName implements engage.Event.
func (Purge) EventName() string { return "segments.segment.purge.v1" }

// EventName implements engage.Event.
func (TimerDue) EventName() string { return "segments.timer.due.v1" }

// EventName implements engage.Event.
func (RecountStep) EventName() string { return "segments.facts.recount.v1" }

// EventSubject is empty: facts have no id.
func (RecountStep) EventSubject() engage.Ref { return engage.Ref{} }

// EventSubject is the segment.
func (e Changed) EventSubject() engage.Ref { return Ref(e.SegmentID) }

// EventSubject is the contact.
func (e Entered) EventSubject() engage.Ref { return contacts.Ref(e.ContactID) }

// EventSubject is the contact.
func (e Exited) EventSubject() engage.Ref { return contacts.Ref(e.ContactID) }

// EventSubject is the segment.
func (e Build) EventSubject() engage.Ref { return Ref(e.SegmentID) }

// EventSubject is the segment.
func (e Purge) EventSubject() engage.Ref { return Ref(e.SegmentID) }

// EventSubject is the segment.
func (e TimerDue) EventSubject() engage.Ref { return Ref(e.SegmentID) }

// Ref points at a segment.
func Ref(id ID) engage.Ref { return engage.RefTo(ObjectType, id) }

func (s *Segment) changed(what Change) engage.Event {
	return Changed{SegmentID: s.ID, Change: what, Name: s.Name, State: s.State, Revision: s.Revision}
}

func (s *Segment) build(after engage.Cursor) engage.Event {
	return Build{SegmentID: s.ID, Revision: s.Revision, After: after}
}
