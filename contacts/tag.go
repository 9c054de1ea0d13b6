package contacts

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-engage/engage"
)

type tagKind struct{}

func (tagKind) IDPrefix() string { return "tag" }

// TagID identifies a tag.
type TagID = engage.ID[tagKind]

// Tag is a word that a workspace puts on contacts. Names are unique without
// regard to case; the case they were given in is kept.
type Tag struct {
	ID        TagID
	Name      string
	Key       string // the folded name, unique in the workspace
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   engage.Version
}

// Tagging says that a contact has a tag.
type Tagging struct {
	ContactID ID
	TagID     TagID
	At        time.Time
}

// TagRepository keeps tags. Writes need the transaction in ctx and take
// effect whole or not at all.
type TagRepository interface {
	// Insert stores a new tag with Version 1; a taken id or key answers
	// ErrAlreadyExists.
	Insert(ctx context.Context, ws engage.WorkspaceID, tag Tag) error
	// Update replaces a tag and raises its version; a missing one answers
	// ErrNotFound, another stored version ErrConflict, a taken key
	// ErrAlreadyExists.
	Update(ctx context.Context, ws engage.WorkspaceID, tag Tag) error
	// Delete removes a tag from the workspace and from its contacts; a missing
	// one answers ErrNotFound.
	Delete(ctx context.Context, ws engage.WorkspaceID, id TagID) error
	// Get answers the tags among ids, ordered by id.
	Get(ctx context.Context, ws engage.WorkspaceID, ids []TagID) ([]Tag, error)
	// Lock answers a tag and keeps it from being changed or deleted until the
	// transaction in ctx ends, which it needs; others may lock it meanwhile. A
	// missing one answers ErrNotFound.
	Lock(ctx context.Context, ws engage.WorkspaceID, id TagID) (Tag, error)
	// Find answers the tag with a folded name, or ErrNotFound.
	Find(ctx context.Context, ws engage.WorkspaceID, key string) (Tag, error)
	// List answers tags ordered by key.
	List(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[Tag], error)
}

// TaggingRepository keeps which contact has which tag. Slices hold at most
// engage.MaxBatch items; writes need the transaction in ctx.
type TaggingRepository interface {
	// Assign stores taggings and answers, aligned, which were new.
	Assign(ctx context.Context, ws engage.WorkspaceID, taggings []Tagging) ([]bool, error)
	// Unassign removes taggings and answers, aligned, which there were.
	Unassign(ctx context.Context, ws engage.WorkspaceID, taggings []Tagging) ([]bool, error)
	// Of answers the taggings of contacts, ordered by contact, then tag.
	Of(ctx context.Context, ws engage.WorkspaceID, contacts []ID) ([]Tagging, error)
	// Tagged answers a page of the contacts that have a tag, ordered by id.
	Tagged(ctx context.Context, ws engage.WorkspaceID, tag TagID, page engage.PageRequest) (engage.Page[ID], error)
	// Move gives the tags of absorbed contacts to their survivors; what both had
	// stays once.
	Move(ctx context.Context, ws engage.WorkspaceID, absorptions []Absorption) error
	// Forget removes all taggings of contacts.
	Forget(ctx context.Context, ws engage.WorkspaceID, contacts []ID) error
}

// FoldName is the form in which names are compared: NFKC, case-folded, outer
// space removed and inner space single.
func FoldName(name string) string {
	return strings.Join(strings.Fields(fold(name)), " ")
}

// CreateTag makes a tag. A name that differs from another tag's only in case or
// spacing answers ErrAlreadyExists.
func (s *Service) CreateTag(ctx context.Context, ws engage.WorkspaceID, name string) (Tag, error) {
	if err := checkName("contacts.CreateTag", name); err != nil {
		return Tag{}, err
	}
	now := s.rt.Clock.Now()
	tag := Tag{
		ID: engage.NewID[tagKind](s.rt.IDs), Name: name, Key: FoldName(name),
		CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		if err := s.tags.Insert(ctx, ws, tag); err != nil {
			return err
		}
		return s.rt.Events.Publish(ctx, ws, TagChanged{TagID: tag.ID, Change: ChangeCreated, Name: name})
	})
	return tag, err
}

// RenameTag gives a tag another name; its id and contacts stay.
func (s *Service) RenameTag(ctx context.Context, ws engage.WorkspaceID, id TagID, name string) (Tag, error) {
	const op = "contacts.RenameTag"
	if err := checkName(op, name); err != nil {
		return Tag{}, err
	}
	var tag Tag
	err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		found, err := s.tags.Get(ctx, ws, []TagID{id})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return notFound(op, "tag", id)
		}
		tag = found[0]
		tag.Name, tag.Key, tag.UpdatedAt = name, FoldName(name), s.rt.Clock.Now()
		if err := s.tags.Update(ctx, ws, tag); err != nil {
			return err
		}
		tag.Version++
		return s.rt.Events.Publish(ctx, ws, TagChanged{TagID: id, Change: ChangeUpdated, Name: name})
	})
	return tag, err
}

// DeleteTag removes a tag, also from the contacts that have it.
func (s *Service) DeleteTag(ctx context.Context, ws engage.WorkspaceID, id TagID) error {
	return s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		if err := s.tags.Delete(ctx, ws, id); err != nil {
			return err
		}
		return s.rt.Events.Publish(ctx, ws, TagChanged{TagID: id, Change: ChangeDeleted})
	})
}

// FindTag answers the tag of a name, in any case, or ErrNotFound.
func (s *Service) FindTag(ctx context.Context, ws engage.WorkspaceID, name string) (Tag, error) {
	return s.tags.Find(ctx, ws, FoldName(name))
}

// Tags answers a page of the workspace's tags, ordered by folded name.
func (s *Service) Tags(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[Tag], error) {
	return s.tags.List(ctx, ws, page)
}

// AddTag puts a tag on contacts and answers how many did not have it. An unknown
// tag answers ErrNotFound, as do unknown and absorbed contacts, each by its
// index; then nothing is written. More than engage.MaxBatch contacts run in
// chunks; a chunk that fails answers a *engage.PartialError.
func (s *Service) AddTag(ctx context.Context, ws engage.WorkspaceID, id TagID, contacts ...ID) (int, error) {
	return s.changeTag(ctx, ws, "contacts.AddTag", id, contacts, true)
}

// RemoveTag takes a tag from contacts and answers how many had it, as AddTag does.
func (s *Service) RemoveTag(ctx context.Context, ws engage.WorkspaceID, id TagID, contacts ...ID) (int, error) {
	return s.changeTag(ctx, ws, "contacts.RemoveTag", id, contacts, false)
}

func (s *Service) changeTag(ctx context.Context, ws engage.WorkspaceID, op string, id TagID, contacts []ID, assign bool) (int, error) {
	changed, done := 0, 0
	for chunk := range slices.Chunk(contacts, engage.MaxBatch) {
		n := 0
		err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) (err error) {
			n, err = s.changeTagChunk(ctx, ws, op, id, done, chunk, assign)
			return err
		})
		if err != nil && len(contacts) > engage.MaxBatch {
			return changed, &engage.PartialError{Done: done, Err: err}
		}
		if err != nil {
			return 0, err
		}
		changed, done = changed+n, done+len(chunk)
	}
	return changed, nil
}

// changeTagChunk changes a tag of the contacts that begin at an index of the call.
func (s *Service) changeTagChunk(ctx context.Context, ws engage.WorkspaceID, op string, id TagID, from int, contacts []ID, assign bool) (int, error) {
	if _, err := s.tags.Lock(ctx, ws, id); err != nil {
		return 0, err
	}
	if err := s.requireContacts(ctx, ws, op, from, contacts); err != nil {
		return 0, err
	}
	contacts = slices.Clone(contacts)
	slices.SortFunc(contacts, ID.Compare)
	contacts = slices.Compact(contacts)
	now := s.rt.Clock.Now()
	taggings := make([]Tagging, len(contacts))
	for i, contact := range contacts {
		taggings[i] = Tagging{ContactID: contact, TagID: id, At: now}
	}
	write := s.taggings.Unassign
	if assign {
		write = s.taggings.Assign
	}
	changed, err := write(ctx, ws, taggings)
	if err != nil {
		return 0, err
	}
	var events []engage.Event
	for i, did := range changed {
		if did {
			events = append(events, TagAssigned{ContactID: contacts[i], TagID: id, Assigned: assign})
		}
	}
	if len(events) == 0 {
		return 0, nil
	}
	return len(events), s.rt.Events.Publish(ctx, ws, events...)
}

// TagsOf answers which of the contacts, at most engage.MaxBatch, have which tags.
func (s *Service) TagsOf(ctx context.Context, ws engage.WorkspaceID, contacts ...ID) ([]Tagging, error) {
	return s.taggings.Of(ctx, ws, contacts)
}

// requireContacts locks contacts, so that what is written to them can't outlive
// them, and answers ErrNotFound for those that are missing or absorbed, each by
// its index in the call, where ids begin at from.
func (s *Service) requireContacts(ctx context.Context, ws engage.WorkspaceID, op string, from int, ids []ID) error {
	found, err := s.contacts.Lock(ctx, ws, ids)
	if err != nil {
		return err
	}
	known := make(map[ID]bool, len(found))
	for _, c := range found {
		known[c.ID] = !c.IsAbsorbed()
	}
	var missing engage.Faults
	for i, id := range ids {
		if !known[id] {
			missing.Add(item(from+i, ""), "not_found", "no contact %s", id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &engage.Error{Code: engage.NotFound, Op: op, Fields: missing}
}

func checkName(op, name string) error {
	var faults engage.Faults
	validateName(&faults, "name", name)
	switch key := FoldName(name); {
	case len(faults) > 0:
	case key == "":
		faults.Add("name", "required", "a name is more than space")
	case len(key) > engage.MaxKeyBytes: // one letter may fold to eighteen
		faults.Add("name", "too_long", "%d bytes when folded, at most %d", len(key), engage.MaxKeyBytes)
	}
	return faults.Err(op, "")
}
