package segments

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/segments/filter"
)

type kind struct{}

func (kind) IDPrefix() string { return "seg" }

// ID identifies a segment.
type ID = engage.ID[kind]

// ObjectType is the type of segments in references.
const ObjectType = "segment"

// State says whether a segment's members are up to date.
type State string

// The states of a segment.
const (
	Building State = "building" // its filter is new and not yet judged for everybody
	Active   State = "active"   // its members are kept up to date
	Broken   State = "broken"   // its filter refers to something that is gone; its members are frozen
)

// Segment is a named condition on contacts.
type Segment struct {
	ID     ID
	Name   string
	Filter filter.Filter
	Hash   filter.Hash // of Filter
	State  State
	// Revision counts the filters of the segment, from 1.
	Revision int
	// Served is the revision by which members are answered; 0 until the first one
	// is built.
	Served int
	// BuiltTo is the last contact that a build has judged.
	BuiltTo   contacts.ID
	Cause     string // why it is broken
	CreatedAt time.Time
	UpdatedAt time.Time
	CreatedBy engage.Actor
	UpdatedBy engage.Actor
	Version   engage.Version
}

// revise gives the segment another filter, or its own anew, to be built.
func (s *Segment) revise(f filter.Filter) {
	s.Filter, s.Hash = f, f.Hash()
	s.State, s.Cause, s.BuiltTo = Building, "", contacts.ID{}
	s.Revision++
}

// advance notes how far a build has come.
func (s *Segment) advance(to contacts.ID) error {
	if s.State != Building {
		return s.illegal("be built")
	}
	s.BuiltTo = to
	return nil
}

// finish ends a build: its revision is the one that members are answered by.
func (s *Segment) finish() error {
	if s.State != Building {
		return s.illegal("become active")
	}
	s.State, s.Served, s.BuiltTo = Active, s.Revision, contacts.ID{}
	return nil
}

// fail freezes the segment. A build that it interrupts does not go on.
func (s *Segment) fail(cause string) {
	s.State, s.Cause, s.BuiltTo = Broken, cause, contacts.ID{}
}

// reached reports whether the segment's revision has been judged for a contact.
func (s *Segment) reached(c contacts.ID) bool {
	return s.State == Active || s.State == Building && c.Compare(s.BuiltTo) <= 0
}

func (s *Segment) illegal(move string) error {
	return &engage.Error{
		Code: engage.FailedPrecondition, Op: "segments.Segment", Entity: "segment " + s.ID.String(),
		Fields: []engage.FieldError{{Path: "state", Code: "illegal_move", Message: "a segment that is " + string(s.State) + " can't " + move}},
	}
}

// SegmentRepository keeps segments. Writes need the transaction in ctx and take
// effect whole or not at all. Slices hold at most engage.MaxBatch items.
type SegmentRepository interface {
	// Insert stores a new segment with Version 1; a taken id answers
	// ErrAlreadyExists.
	Insert(ctx context.Context, ws engage.WorkspaceID, segment Segment) error
	// Update replaces segments and raises their versions by one. A missing one
	// answers ErrNotFound, one whose stored version differs ErrConflict, and one
	// that stands in the call twice ErrInvalid; the error names those at fault as
	// "[3]".
	Update(ctx context.Context, ws engage.WorkspaceID, segments []Segment) error
	// Delete removes a segment; a missing one answers ErrNotFound. Its members'
	// rows stay.
	Delete(ctx context.Context, ws engage.WorkspaceID, id ID) error
	// Get answers the segments among ids, ordered by id.
	Get(ctx context.Context, ws engage.WorkspaceID, ids []ID) ([]Segment, error)
	// List answers a page of segments, ordered by id.
	List(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[Segment], error)
	// Heads answers all segments without their filters, ordered by id.
	Heads(ctx context.Context, ws engage.WorkspaceID) ([]Segment, error)
	// Lock is Heads, and holds the rows until the transaction in ctx ends, which
	// it needs.
	Lock(ctx context.Context, ws engage.WorkspaceID) ([]Segment, error)
}

// Create makes a segment and has it built. A faulty filter answers ErrInvalid
// with every fault, at the JSON Pointers of the document behind "filter".
func (s *Service) Create(ctx context.Context, ws engage.WorkspaceID, name string, f filter.Filter) (Segment, error) {
	const op = "segments.Create"
	now, actor := s.rt.Clock.Now(), engage.ActorFrom(ctx)
	segment := Segment{
		ID: engage.NewID[kind](s.rt.IDs), Name: name,
		CreatedAt: now, UpdatedAt: now, CreatedBy: actor, UpdatedBy: actor, Version: 1,
	}
	err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		heads, err := s.segments.Lock(ctx, ws)
		if err != nil {
			return err
		}
		if len(heads) >= MaxSegments {
			return &engage.Error{Code: engage.ResourceExhausted, Op: op, Fields: []engage.FieldError{
				{Path: "segments", Code: "too_many", Message: "the workspace has as many segments as it may have"},
			}}
		}
		if err := s.check(ctx, ws, op, segment.ID, name, f, heads); err != nil {
			return err
		}
		segment.revise(f)
		if err := s.segments.Insert(ctx, ws, segment); err != nil {
			return err
		}
		return s.rt.Events.Publish(ctx, ws, segment.changed(ChangeCreated), segment.build(""))
	})
	if err != nil {
		return Segment{}, err
	}
	return segment, nil
}

// Get answers a segment, or ErrNotFound.
func (s *Service) Get(ctx context.Context, ws engage.WorkspaceID, id ID) (Segment, error) {
	return s.get(ctx, ws, "segments.Get", id)
}

func (s *Service) get(ctx context.Context, ws engage.WorkspaceID, op string, id ID) (Segment, error) {
	found, err := s.segments.Get(ctx, ws, []ID{id})
	if err != nil {
		return Segment{}, err
	}
	if len(found) == 0 {
		return Segment{}, notFound(op, "segment", id)
	}
	return found[0], nil
}

// List answers a page of the workspace's segments, the oldest first.
func (s *Service) List(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[Segment], error) {
	return s.segments.List(ctx, ws, page)
}

// Update changes a segment's name and filter by a function. Another filter is
// built while members are still answered by the former one; a filter that means
// the same is not, unless the segment was broken.
func (s *Service) Update(ctx context.Context, ws engage.WorkspaceID, id ID, fn func(*Segment) error) (Segment, error) {
	const op = "segments.Update"
	var segment Segment
	err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		heads, err := s.segments.Lock(ctx, ws)
		if err != nil {
			return err
		}
		if segment, err = s.get(ctx, ws, op, id); err != nil {
			return err
		}
		edited := segment
		if err := fn(&edited); err != nil {
			return err
		}
		if err := s.check(ctx, ws, op, id, edited.Name, edited.Filter, heads); err != nil {
			return err
		}
		segment.Name = edited.Name
		told := []engage.Event{}
		if edited.Filter.Hash() != segment.Hash || segment.State == Broken {
			segment.revise(edited.Filter)
			told = append(told, segment.build(""))
		}
		segment.UpdatedAt, segment.UpdatedBy = s.rt.Clock.Now(), engage.ActorFrom(ctx)
		if err := s.segments.Update(ctx, ws, []Segment{segment}); err != nil {
			return err
		}
		segment.Version++
		return s.rt.Events.Publish(ctx, ws, append(told, segment.changed(ChangeUpdated))...)
	})
	if err != nil {
		return Segment{}, err
	}
	return segment, nil
}

// Delete removes a segment. Nobody exits: there is nothing left to have left.
// Segments that refer to it are broken by that.
func (s *Service) Delete(ctx context.Context, ws engage.WorkspaceID, id ID) error {
	const op = "segments.Delete"
	return s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		x, err := s.lockIndex(ctx, ws)
		if err != nil {
			return err
		}
		segment, err := s.get(ctx, ws, op, id)
		if err != nil {
			return err
		}
		if err := s.segments.Delete(ctx, ws, id); err != nil {
			return err
		}
		causes := map[int]string{}
		for _, at := range x.referring(id) {
			causes[at] = "the segment " + id.String() + " was deleted"
		}
		if err := s.breakThose(ctx, ws, x, causes); err != nil {
			return err
		}
		return s.rt.Events.Publish(ctx, ws, segment.changed(ChangeDeleted), Purge{SegmentID: id})
	})
}

// breakThose freezes segments of a locked index, by their places, each for its
// cause.
func (s *Service) breakThose(ctx context.Context, ws engage.WorkspaceID, x *index, causes map[int]string) error {
	at := slices.Sorted(maps.Keys(causes))
	at = slices.DeleteFunc(at, func(at int) bool { return x.segments[at].State == Broken })
	var freed places // those that waited for a build that does not go on
	for _, place := range at {
		if x.segments[place].State == Building {
			freed.join(x.referrers[place])
		}
	}
	err := s.edit(ctx, ws, x, at, func(segment *Segment) ([]engage.Event, error) {
		place := x.place(segment.ID)
		segment.fail(causes[place])
		x.segments[place].State = Broken
		segment.UpdatedAt, segment.UpdatedBy = s.rt.Clock.Now(), engage.ActorFrom(ctx)
		return []engage.Event{segment.changed(ChangeUpdated)}, nil
	})
	if err != nil {
		return err
	}
	return s.rebuild(ctx, ws, x, freed.list())
}
