package segments

import (
	"context"
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

// Membership is what a revision of a segment's filter says of a contact. A
// contact that is no member and will not become one by the passing of time has
// none.
type Membership struct {
	SegmentID ID
	ContactID contacts.ID
	Revision  int // of the segment's filter
	Member    bool
	Since     time.Time // when Member last changed
	// DueAt is when the contact has to be judged again, because time alone may
	// change the verdict; zero: never.
	DueAt time.Time
}

// MembershipRepository keeps memberships. Slices hold at most engage.MaxBatch
// items; writes need the transaction in ctx.
type MembershipRepository interface {
	// Add stores memberships that there are not. One that there is answers
	// ErrAlreadyExists, and then none is stored.
	Add(ctx context.Context, ws engage.WorkspaceID, memberships []Membership) error
	// Save replaces memberships, stores those that there are not, and removes
	// those that are neither members nor due. Each segment, revision and contact
	// stands in the call once.
	Save(ctx context.Context, ws engage.WorkspaceID, memberships []Membership) error
	// Lock answers the memberships of contacts in segments, in all revisions,
	// ordered by contact, segment and revision, and holds them until the
	// transaction in ctx ends, which it needs.
	Lock(ctx context.Context, ws engage.WorkspaceID, segments []ID, contacts []contacts.ID) ([]Membership, error)
	// Of answers the memberships of contacts that are members, in all segments
	// and revisions, ordered by contact, segment and revision.
	Of(ctx context.Context, ws engage.WorkspaceID, contacts []contacts.ID) ([]Membership, error)
	// Members answers a page of the members of a revision, ordered by contact.
	Members(ctx context.Context, ws engage.WorkspaceID, segment ID, revision int, page engage.PageRequest) (engage.Page[Membership], error)
	// Count answers how many members a revision has.
	Count(ctx context.Context, ws engage.WorkspaceID, segment ID, revision int) (int, error)
	// Forget removes all memberships of contacts.
	Forget(ctx context.Context, ws engage.WorkspaceID, contacts []contacts.ID) error
	// Discard removes memberships that purges name, at most limit in all, itself
	// at most engage.MaxBatch, and answers how many it removed: less than limit
	// when none is left.
	Discard(ctx context.Context, ws engage.WorkspaceID, purges []Purge, limit int) (int, error)
}

// Due is a membership whose time has come.
type Due struct {
	Workspace engage.WorkspaceID
	SegmentID ID
	ContactID contacts.ID
}

// MembershipRepositoryAcross is what the timers need of all workspaces of a
// database.
type MembershipRepositoryAcross interface {
	// ClaimDueAcross answers memberships that are due at now, at most limit, each
	// segment and contact once, and makes them due again at now+lease, in case
	// nobody judges them until then. Workspaces take turns, so that a flood queues
	// behind its own tenant. It needs the InShard transaction in ctx.
	ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]Due, error)
}

// Members answers a page of a segment's members, ordered by contact. A segment
// that was never built has none; a missing one answers ErrNotFound.
func (s *Service) Members(ctx context.Context, ws engage.WorkspaceID, id ID, page engage.PageRequest) (engage.Page[Membership], error) {
	segment, err := s.get(ctx, ws, "segments.Members", id)
	if err != nil {
		return engage.Page[Membership]{}, err
	}
	return s.members.Members(ctx, ws, id, segment.Served, page)
}

// Count answers how many members a segment has, or ErrNotFound.
func (s *Service) Count(ctx context.Context, ws engage.WorkspaceID, id ID) (int, error) {
	segment, err := s.get(ctx, ws, "segments.Count", id)
	if err != nil {
		return 0, err
	}
	return s.members.Count(ctx, ws, id, segment.Served)
}

// Of answers which segments contacts, at most engage.MaxBatch, are members of,
// ordered by contact, then segment.
func (s *Service) Of(ctx context.Context, ws engage.WorkspaceID, ids ...contacts.ID) ([]Membership, error) {
	found, err := s.members.Of(ctx, ws, ids)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	heads, err := s.segments.Heads(ctx, ws)
	if err != nil {
		return nil, err
	}
	served := make(map[ID]int, len(heads))
	for _, head := range heads {
		served[head.ID] = head.Served
	}
	return slices.DeleteFunc(found, func(m Membership) bool { return served[m.SegmentID] != m.Revision }), nil
}
