package contactstest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
)

// model is what a workspace must hold, told in the simplest way: who stands, who
// owns which identity, and which events there are.
type model struct {
	people map[contacts.ID]*person // standing contacts
	owner  map[contacts.IdentityKey]contacts.ID
	added  map[contacts.IdentityKey]time.Time
	events map[events.ID]contacts.ID // whose they are
	// delivered is how many of the committed domain events the consumers have.
	delivered int
}

type person struct {
	anonymous bool
	absorbed  []contacts.ID
}

func newModel() *model {
	return &model{
		people: map[contacts.ID]*person{}, owner: map[contacts.IdentityKey]contacts.ID{},
		added: map[contacts.IdentityKey]time.Time{}, events: map[events.ID]contacts.ID{},
	}
}

func (m *model) clone() *model {
	c := &model{owner: maps.Clone(m.owner), added: maps.Clone(m.added), events: maps.Clone(m.events), delivered: m.delivered, people: map[contacts.ID]*person{}}
	for id, p := range m.people {
		c.people[id] = &person{p.anonymous, slices.Clone(p.absorbed)}
	}
	return c
}

// normal answers the keys of identities, the strongest first.
func normal(identities []contacts.Identity) []contacts.IdentityKey {
	var keys []contacts.IdentityKey
	for _, i := range identities {
		switch i.Kind {
		case contacts.Email:
			i.Value, _ = contacts.NormaliseEmail(i.Value)
		case contacts.Phone:
			i.Value = strings.Map(func(r rune) rune {
				if r == '+' || r >= '0' && r <= '9' {
					return r
				}
				return -1
			}, i.Value)
		case contacts.UserID, contacts.AnonymousID:
		}
		keys = append(keys, i.Key())
	}
	slices.SortFunc(keys, contacts.IdentityKey.Compare)
	return slices.Compact(keys)
}

// userOf is the user id of a contact, or "".
func (m *model) userOf(id contacts.ID) string {
	user := ""
	for key, owner := range m.owner {
		if owner == id && key.Kind == contacts.UserID && (user == "" || key.Value < user) {
			user = key.Value
		}
	}
	return user
}

// identify takes profiles in their order and says where the answers differ. The
// ids of new contacts are the service's to choose.
func (m *model) identify(now time.Time, profiles []contacts.Profile, got []contacts.Identification) string {
	who := make([]contacts.ID, len(profiles))
	for i, p := range profiles {
		keys, user := normal(p.Identities), ""
		if keys[0].Kind == contacts.UserID {
			user = keys[0].Value
		}
		var survivor contacts.ID
		for _, key := range keys {
			owner, owned := m.owner[key]
			if theirs := m.userOf(owner); owned && (user == "" || theirs == "" || theirs == user) {
				survivor = owner
				break
			}
		}
		if survivor.IsZero() != got[i].Created {
			return fmt.Sprintf("profile %d: created is %t", i, got[i].Created)
		}
		if survivor.IsZero() {
			survivor = contacts.ID{byte(i + 1)} // until the answer tells
			m.people[survivor] = &person{anonymous: true}
		}
		var conflicts []contacts.IdentityKey
		for _, key := range keys {
			owner, owned := m.owner[key]
			switch {
			case !owned:
				m.owner[key], m.added[key] = survivor, now
				m.people[survivor].anonymous = m.people[survivor].anonymous && !key.Kind.IsStrong()
			case owner == survivor:
			case m.people[owner].anonymous:
				m.move(owner, survivor)
				m.people[survivor].absorbed = append(append(m.people[survivor].absorbed, owner), m.people[owner].absorbed...)
				delete(m.people, owner)
				for j := range i {
					if who[j] == owner {
						who[j] = survivor
					}
				}
			default:
				conflicts = append(conflicts, key)
			}
		}
		if !slices.Equal(conflicts, got[i].Conflicts) {
			return fmt.Sprintf("profile %d: conflicts %v, want %v", i, got[i].Conflicts, conflicts)
		}
		m.dropOldDevices(survivor)
		who[i] = survivor
	}
	for i, id := range who {
		if id[1] == 0 && id != got[i].Contact.ID { // a provisional one
			m.people[got[i].Contact.ID] = m.people[id]
			delete(m.people, id)
			m.move(id, got[i].Contact.ID)
			for j := range who {
				if who[j] == id {
					who[j] = got[i].Contact.ID
				}
			}
		} else if id != got[i].Contact.ID {
			return fmt.Sprintf("profile %d went to %s, want %s", i, got[i].Contact.ID, id)
		}
	}
	return ""
}

// dropOldDevices takes the oldest anonymous ids from who has too many identities.
func (m *model) dropOldDevices(id contacts.ID) {
	var devices []contacts.IdentityKey
	excess := -contacts.MaxIdentities
	for key, owner := range m.owner {
		if owner == id {
			excess++
			if !key.Kind.IsStrong() {
				devices = append(devices, key)
			}
		}
	}
	if excess <= 0 {
		return
	}
	slices.SortFunc(devices, func(a, b contacts.IdentityKey) int {
		return cmp.Or(m.added[a].Compare(m.added[b]), a.Compare(b))
	})
	for _, key := range devices[:min(excess, len(devices))] {
		delete(m.owner, key)
	}
}

func (m *model) move(from, to contacts.ID) {
	for key, owner := range m.owner {
		if owner == from {
			m.owner[key] = to
		}
	}
}

// updated takes over the identities of a contact after an update.
func (m *model) updated(id contacts.ID, got contacts.Contact, err error, foreign bool) string {
	p, standing := m.people[id]
	switch {
	case !standing && !errors.Is(err, engage.ErrNotFound):
		return fmt.Sprintf("contact %s does not stand: %v", id, err)
	case standing && foreign:
		return "a contact of two workspaces"
	case err != nil:
		return ""
	}
	maps.DeleteFunc(m.owner, func(_ contacts.IdentityKey, owner contacts.ID) bool { return owner == id })
	for _, i := range got.Identities {
		if owner, owned := m.owner[i.Key()]; owned {
			return fmt.Sprintf("%s belongs to %s", i.Key(), owner)
		}
		m.owner[i.Key()], m.added[i.Key()] = id, i.AddedAt
		p.anonymous = p.anonymous && !i.Kind.IsStrong()
	}
	return ""
}

func (m *model) deleted(id contacts.ID, err error) string {
	_, standing := m.people[id]
	if standing != (err == nil) {
		return fmt.Sprintf("contact %s stands: %t: %v", id, standing, err)
	}
	if !standing {
		return ""
	}
	delete(m.people, id)
	maps.DeleteFunc(m.owner, func(_ contacts.IdentityKey, owner contacts.ID) bool { return owner == id })
	return ""
}

// appended counts each event once.
func (m *model) appended(inputs []events.Input, got []events.Appended, err error) string {
	if err != nil {
		return ""
	}
	for i, one := range got {
		_, known := m.events[one.ID]
		if known != one.Duplicate {
			return fmt.Sprintf("input %d: duplicate is %t", i, one.Duplicate)
		}
		if !known {
			m.events[one.ID] = inputs[i].ContactID
		}
	}
	return ""
}

// forget drops the events of contacts whose deletion was delivered.
func (m *model) forget(delivered []engage.Envelope) {
	for _, e := range delivered {
		var d contacts.Deleted
		if e.Name != d.EventName() || json.Unmarshal(e.Data, &d) != nil {
			continue
		}
		maps.DeleteFunc(m.events, func(_ events.ID, whose contacts.ID) bool {
			return whose == d.ContactID || slices.Contains(d.Absorbed, whose)
		})
	}
}

// check compares what is stored with the model.
func (x *side) check(ctx context.Context, s *script) {
	standing := 0
	for c, err := range s.contacts.All(ctx, x.ws, contacts.Query{}) {
		if err != nil {
			s.t.Fatal(err)
		}
		standing++
		p := x.people[c.ID]
		if p == nil {
			s.t.Errorf("contact %s should not be there", c.ID)
			continue
		}
		if p.anonymous != (c.State == contacts.Anonymous) {
			s.t.Errorf("contact %s is %s", c.ID, c.State)
		}
		for _, i := range c.Identities {
			if x.owner[i.Key()] != c.ID {
				s.t.Errorf("%s should belong to %s, not to %s", i.Key(), x.owner[i.Key()], c.ID)
			}
		}
		history, err := s.contacts.History(ctx, x.ws, c.ID)
		if err != nil || len(history) != 1+len(p.absorbed) {
			s.t.Errorf("contact %s has the history of %d, want %d: %v", c.ID, len(history), 1+len(p.absorbed), err)
		}
	}
	if standing != len(x.people) {
		s.t.Errorf("%d contacts stand, want %d", standing, len(x.people))
	}
	for key, owner := range x.owner {
		found, err := s.a.Contacts.Owners(ctx, x.ws, []contacts.IdentityKey{key})
		if err != nil || found[key] != owner {
			s.t.Errorf("%s belongs to %s, want %s: %v", key, found[key], owner, err)
		}
	}
	count := 0
	for e, err := range s.events.All(ctx, x.ws) {
		if _, known := x.events[e.ID]; !known || err != nil {
			s.t.Errorf("event %s should not be there: %v", e.ID, err)
		}
		count++
	}
	if count != len(x.events) {
		s.t.Errorf("%d events, want %d", count, len(x.events))
	}
}
