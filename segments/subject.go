package segments

import (
	"time"

	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/segments/filter"
)

// setting is what an evaluation knows besides the contact.
type setting struct {
	now       time.Time
	workspace *time.Location
	weekStart time.Weekday
	zones     func(name string) *time.Location // nil for a name that is no zone
	types     map[string]attribute.Type        // of the defined attributes
	counting  bool                             // facts are being counted anew and say nothing
}

// subject is a contact with all that conditions may ask of it.
type subject struct {
	*setting
	contact  contacts.Contact
	zone     *time.Location
	facts    map[string]Fact // by event name
	tags     map[string]bool // by id
	lists    map[string]contacts.MembershipState
	segments map[string]verdict // by id, as far as they are known
	// history is what the contact did, by event name, ordered by time; nil until
	// a condition has asked for it.
	history map[string][]occurrence
	wants   []want
	// verdicts are what was found, by segment.
	verdicts map[ID]verdict
}

// occurrence is one event of a contact's history.
type occurrence struct {
	at         time.Time
	id         events.ID
	properties attribute.Value
}

// want is a part of the history that facts can't stand for.
type want struct {
	event string
	since time.Time // zero: from the beginning
}

// newSubject resolves the contact's time zone: an unknown one is the
// workspace's.
func newSubject(s *setting, c contacts.Contact) *subject {
	sub := &subject{setting: s, contact: c, zone: s.workspace}
	if c.TimeZone != "" {
		if zone := s.zones(c.TimeZone); zone != nil {
			sub.zone = zone
		}
	}
	return sub
}

// location is the zone that a condition means.
func (s *subject) location(z filter.Zone) *time.Location {
	switch z {
	case filter.ZoneContact:
		return s.zone
	case filter.ZoneWorkspace, "":
		return s.workspace
	}
	if zone := s.zones(string(z)); zone != nil {
		return zone
	}
	return s.workspace
}
