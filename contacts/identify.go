package contacts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts/attribute"
)

// Profile is what a caller knows of a person: identities, at least one, and what
// else came with them.
type Profile struct {
	Identities []Identity
	Attributes attribute.Set // absent keys do not change, attribute.Null unsets
	Locale     string        // "": no change
	TimeZone   string        // "": no change
}

// Identification is what Identify made of a profile.
type Identification struct {
	Contact Contact
	Created bool
	// Absorbed are the anonymous contacts that turned out to be this one.
	Absorbed []ID
	// Conflicts are identities of the profile that belong to another person, and
	// stay there.
	Conflicts []IdentityKey
	// Rejected are the attributes that were left out, with the reason, and the
	// strong identities beyond MaxIdentities. Of anonymous ids beyond it the
	// oldest are dropped.
	Rejected []engage.FieldError
}

// Absorption says that one contact has become another.
type Absorption struct {
	Absorbed ID `json:"absorbed"`
	Survivor ID `json:"survivor"`
}

// Identify finds the contacts that profiles belong to, makes those that do not
// exist, and writes identities and attributes to them. The answers are aligned
// with the profiles, which take effect in their order.
//
// A profile belongs to the owner of its strongest identity, unless that contact
// has another user id than the profile. Anonymous contacts that own others of
// its identities are absorbed: identities, attributes, tags and memberships
// move, and their history is read with the survivor's. Identities of other
// identified contacts stay where they are and are answered as conflicts: two
// known persons are never made one by an event.
//
// Faulty profiles answer ErrInvalid, all of them listed, and then nothing is
// written. More than engage.MaxBatch profiles run in chunks; a chunk that fails
// answers a *engage.PartialError.
func (s *Service) Identify(ctx context.Context, ws engage.WorkspaceID, profiles ...Profile) ([]Identification, error) {
	var faults engage.Faults
	profiles = slices.Clone(profiles)
	for i := range profiles {
		s.checkProfile(ctx, ws, &profiles[i], &faults, item(i, ""))
	}
	if err := faults.Err("contacts.Identify", ""); err != nil {
		return nil, err
	}
	out := make([]Identification, 0, len(profiles))
	for chunk := range slices.Chunk(profiles, engage.MaxBatch) {
		identified, err := s.identifyChunk(ctx, ws, chunk)
		if err != nil && len(profiles) > engage.MaxBatch {
			return out, &engage.PartialError{Done: len(out), Err: err}
		}
		if err != nil {
			return nil, err
		}
		out = append(out, identified...)
	}
	return out, nil
}

func (s *Service) checkProfile(ctx context.Context, ws engage.WorkspaceID, p *Profile, faults *engage.Faults, path string) {
	if len(p.Identities) == 0 {
		faults.Add(path+".identities", "required", "a profile needs an identity")
	}
	if len(p.Identities) > MaxIdentities {
		faults.Add(path+".identities", "too_many", "at most %d", MaxIdentities)
		return
	}
	identities, users := make([]Identity, len(p.Identities)), 0
	for i, identity := range p.Identities {
		identities[i] = s.normaliseIdentity(ctx, ws, identity, faults, fmt.Sprintf("%s.identities[%d]", path, i))
		if identity.Kind == UserID {
			users++
		}
	}
	if users > 1 {
		faults.Add(path+".identities", "invalid", "a profile has one user_id at most")
	}
	slices.SortStableFunc(identities, func(a, b Identity) int { return a.Key().Compare(b.Key()) })
	p.Identities = slices.CompactFunc(identities, func(a, b Identity) bool { return a.Key() == b.Key() })
	validateProfile(faults, path+".", p.Locale, p.TimeZone, p.Attributes)
}

// identifyChunk runs one chunk in a transaction, again when another writer took
// one of its identities between reading and writing.
func (s *Service) identifyChunk(ctx context.Context, ws engage.WorkspaceID, profiles []Profile) (out []Identification, err error) {
	for range identifyAttempts {
		err = s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
			work, err := s.loadWork(ctx, ws, profiles)
			if err != nil {
				return err
			}
			out = make([]Identification, len(profiles))
			targets := make([]ID, len(profiles))
			for i, p := range profiles {
				targets[i] = work.apply(p, &out[i])
			}
			if err := work.save(ctx); err != nil {
				return err
			}
			for i := range out {
				out[i].Contact = work.result(targets[i])
			}
			return nil
		})
		if !errors.Is(err, engage.ErrAlreadyExists) && !errors.Is(err, engage.ErrConflict) {
			return out, err
		}
	}
	return nil, err
}

// identifying is the state of one chunk: every contact it touches, before and
// after, and who owns which identity.
type identifying struct {
	s           *Service
	ws          engage.WorkspaceID
	definitions []attribute.Definition
	owner       map[IdentityKey]ID
	touched     map[ID]*touched
	order       []ID // of first touch, in which events are told
	absorptions []Absorption
}

type touched struct {
	before, after Contact // before is zero for a new contact
	changed       map[string]attribute.Change
}

func (s *Service) loadWork(ctx context.Context, ws engage.WorkspaceID, profiles []Profile) (*identifying, error) {
	keys := map[IdentityKey]bool{}
	for _, p := range profiles {
		for _, i := range p.Identities {
			keys[i.Key()] = true
		}
	}
	w := &identifying{s: s, ws: ws, owner: map[IdentityKey]ID{}, touched: map[ID]*touched{}}
	sorted := slices.SortedFunc(maps.Keys(keys), IdentityKey.Compare)
	for chunk := range slices.Chunk(sorted, engage.MaxBatch) {
		owners, err := s.contacts.Owners(ctx, ws, chunk)
		if err != nil {
			return nil, err
		}
		maps.Copy(w.owner, owners)
	}
	ids := slices.SortedFunc(maps.Values(w.owner), ID.Compare)
	ids = slices.Compact(ids)
	for chunk := range slices.Chunk(ids, engage.MaxBatch) {
		locked, err := s.contacts.Lock(ctx, ws, chunk)
		if err != nil {
			return nil, err
		}
		for _, c := range locked {
			w.touched[c.ID] = &touched{before: c, after: c.Clone()}
		}
	}
	// Between reading the owners and locking them an identity may have moved.
	for key, id := range w.owner {
		c := w.touched[id]
		if c == nil || !slices.ContainsFunc(c.before.Identities, func(i Identity) bool { return i.Key() == key }) {
			return nil, &engage.Error{Code: engage.Conflict, Op: "contacts.Identify", Entity: "contact " + id.String()}
		}
	}
	var err error
	w.definitions, err = s.schema.Definitions(ctx, ws, ObjectType)
	return w, err
}

// apply gives a profile to its contact and answers whose it is.
func (w *identifying) apply(p Profile, out *Identification) ID {
	now := w.s.rt.Clock.Now()
	survivor := w.survivor(p, out)
	target := w.touched[survivor]
	var full engage.Faults
	for _, identity := range p.Identities {
		key := identity.Key()
		owner, owned := w.owner[key]
		switch {
		case owned && owner == survivor:
		case owned && w.touched[owner].after.State == Anonymous:
			w.absorb(survivor, owner)
			out.Absorbed = append(out.Absorbed, owner)
		case owned:
			out.Conflicts = append(out.Conflicts, key)
		case key.Kind.IsStrong() && target.after.strong() >= MaxIdentities:
			full.Add("identities."+string(key.Kind), "too_many", "a contact has at most %d identities", MaxIdentities)
		default:
			identity.AddedAt = now
			target.after.Add(identity)
			w.owner[key] = survivor
		}
	}
	for _, device := range target.after.dropOldDevices() {
		delete(w.owner, device.Key())
	}
	set, changes, rejected := target.after.Attributes.Apply(p.Attributes, w.definitions, w.s.cfg.UnknownAttributes)
	if n := len(set.JSON()); n > attribute.MaxSetBytes {
		rejected = append(rejected, engage.FieldError{
			Path: "attributes", Code: "too_long",
			Message: fmt.Sprintf("%d bytes together, at most %d", n, attribute.MaxSetBytes),
		})
	} else {
		target.after.Attributes = set
		target.note(changes)
	}
	out.Rejected = append(full, rejected...)
	if p.Locale != "" {
		target.after.Locale = p.Locale
	}
	if p.TimeZone != "" {
		target.after.TimeZone = p.TimeZone
	}
	return survivor
}

// survivor is the contact that a profile belongs to: the owner of its strongest
// identity that is not somebody with another user id, else a new contact.
func (w *identifying) survivor(p Profile, out *Identification) ID {
	var userID string
	for _, i := range p.Identities {
		if i.Kind == UserID {
			userID = i.Value
		}
	}
	for _, i := range p.Identities {
		owner, owned := w.owner[i.Key()]
		if !owned {
			continue
		}
		theirs := w.touched[owner].after.Identity(UserID).Value
		if userID == "" || theirs == "" || theirs == userID {
			w.touch(owner)
			return owner
		}
	}
	now := w.s.rt.Clock.Now()
	id := engage.NewID[kind](w.s.rt.IDs)
	w.touched[id] = &touched{after: Contact{ID: id, State: Anonymous, CreatedAt: now, UpdatedAt: now}}
	w.touch(id)
	out.Created = true
	return id
}

func (w *identifying) touch(id ID) {
	if !slices.Contains(w.order, id) {
		w.order = append(w.order, id)
	}
}

func (w *identifying) absorb(survivor, absorbed ID) {
	target, other := w.touched[survivor], w.touched[absorbed]
	for _, i := range other.after.Identities {
		w.owner[i.Key()] = survivor
	}
	before := target.after.Attributes.Clone()
	target.after.Absorb(&other.after)
	for key, value := range target.after.Attributes {
		if before[key] != value {
			target.note([]attribute.Change{{Key: key, To: value}})
		}
	}
	w.touch(absorbed)
	w.absorptions = append(w.absorptions, Absorption{Absorbed: absorbed, Survivor: survivor})
}

// note keeps the first old and the last new value of each changed attribute.
func (t *touched) note(changes []attribute.Change) {
	for _, c := range changes {
		if t.changed == nil {
			t.changed = map[string]attribute.Change{}
		}
		if first, again := t.changed[c.Key]; again {
			c.From = first.From
		}
		t.changed[c.Key] = c
	}
}

// changes are what became of the attributes, ordered by key.
func (t *touched) changes() []attribute.Change {
	changed := slices.SortedFunc(maps.Values(t.changed), func(a, b attribute.Change) int {
		return strings.Compare(a.Key, b.Key)
	})
	return slices.DeleteFunc(changed, func(c attribute.Change) bool { return c.From == c.To })
}

// save writes what the chunk changed and tells of it.
func (w *identifying) save(ctx context.Context) error {
	var inserts, updates []Contact
	var events []engage.Event
	now, actor := w.s.rt.Clock.Now(), engage.ActorFrom(ctx)
	w.settle()
	for _, id := range w.order {
		t := w.touched[id]
		if t.before.ID.IsZero() {
			t.after.CreatedBy, t.after.UpdatedBy, t.after.Version = actor, actor, 1
			inserts = append(inserts, t.after)
			events = append(events, created(t.after))
			continue
		}
		changed := t.changes()
		added := t.after.Identities[:0:0]
		for _, i := range t.after.Identities {
			if !slices.ContainsFunc(t.before.Identities, func(have Identity) bool { return have.Key() == i.Key() }) {
				added = append(added, i)
			}
		}
		if len(changed)+len(added) == 0 && t.before.Locale == t.after.Locale &&
			t.before.TimeZone == t.after.TimeZone && t.before.MergedInto == t.after.MergedInto {
			t.after = t.before
			continue
		}
		t.after.UpdatedAt, t.after.UpdatedBy = now, actor
		updates = append(updates, t.after)
		t.after.Version++
		if !t.after.IsAbsorbed() {
			events = append(events, changeEvents(t.before, t.after, changed, added)...)
		}
	}
	for _, a := range w.absorptions {
		events = append(events, Merged(a))
	}
	former, err := w.repoint(ctx)
	if err != nil {
		return err
	}
	if err := w.write(ctx, append(updates, former...), inserts); err != nil {
		return err
	}
	if len(events) == 0 {
		return nil
	}
	return w.s.rt.Events.Publish(ctx, w.ws, events...)
}

// settle makes every absorbed contact point at the contact that stands at the
// end of the chunk, whatever absorbed whom before.
func (w *identifying) settle() {
	for i := range w.absorptions {
		a := &w.absorptions[i]
		for t := w.touched[a.Survivor]; t.after.IsAbsorbed(); t = w.touched[a.Survivor] {
			a.Survivor = t.after.MergedInto
		}
		w.touched[a.Absorbed].after.MergedInto = a.Survivor
	}
}

// repoint answers the contacts that absorbed ones had absorbed themselves, as
// they point at the survivor.
func (w *identifying) repoint(ctx context.Context) ([]Contact, error) {
	survivors := map[ID]ID{}
	for _, a := range w.absorptions {
		survivors[a.Absorbed] = a.Survivor
	}
	var former []ID
	for chunk := range slices.Chunk(slices.SortedFunc(maps.Keys(survivors), ID.Compare), engage.MaxBatch) {
		absorbed, err := w.s.contacts.Absorbed(ctx, w.ws, chunk)
		if err != nil {
			return nil, err
		}
		for _, ids := range absorbed {
			former = append(former, ids...)
		}
	}
	slices.SortFunc(former, ID.Compare)
	var repointed []Contact
	for chunk := range slices.Chunk(former, engage.MaxBatch) {
		locked, err := w.s.contacts.Lock(ctx, w.ws, chunk)
		if err != nil {
			return nil, err
		}
		for _, c := range locked {
			c.MergedInto = survivors[c.MergedInto]
			repointed = append(repointed, c)
		}
	}
	return repointed, nil
}

// write stores contacts, then moves what hangs on absorbed ones. Those are
// written first, for identities move from them to others, and the port lets them
// move within one call only.
func (w *identifying) write(ctx context.Context, updates, inserts []Contact) error {
	slices.SortFunc(updates, func(a, b Contact) int {
		switch {
		case a.IsAbsorbed() == b.IsAbsorbed():
			return a.ID.Compare(b.ID)
		case a.IsAbsorbed():
			return -1
		}
		return 1
	})
	for chunk := range slices.Chunk(updates, engage.MaxBatch) {
		if err := w.s.contacts.Update(ctx, w.ws, chunk); err != nil {
			return err
		}
	}
	if len(inserts) > 0 {
		if err := w.s.contacts.Insert(ctx, w.ws, inserts); err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(w.absorptions, engage.MaxBatch) {
		if err := w.s.taggings.Move(ctx, w.ws, chunk); err != nil {
			return err
		}
		if err := w.s.members.Move(ctx, w.ws, chunk); err != nil {
			return err
		}
	}
	return nil
}

// result is the contact that a profile went to, at the end of the chunk.
func (w *identifying) result(id ID) Contact {
	t := w.touched[id]
	for t.after.IsAbsorbed() {
		t = w.touched[t.after.MergedInto]
	}
	return t.after.Clone()
}
