package filter

// TagLeaf is true for objects that carry a tag.
type TagLeaf struct {
	ID     string
	Absent bool // true for those that do not
}

// ListLeaf is true for contacts that are on a list in a state.
type ListLeaf struct {
	ID     string
	State  ListState // "": StateSubscribed
	Absent bool      // true for those that are not
}

// SegmentLeaf is true for members of a segment. Cycles of segments are refused
// by whoever keeps them.
type SegmentLeaf struct {
	ID     string
	Absent bool // true for those that are no members
}

// BucketLeaf is true for a stable random share of objects: those whose hash
// with Salt, modulo MaxBucket, is at least From and less than To. Two leaves
// with one salt and adjoining ranges never overlap; with two salts they are
// independent.
type BucketLeaf struct {
	Salt     string
	From, To int
}

// ListState is where a contact stands on a list.
type ListState string

// The states of a list's members. StateAny stands for all of them.
const (
	StateSubscribed   ListState = "subscribed"
	StatePending      ListState = "pending"
	StateUnsubscribed ListState = "unsubscribed"
	StateBounced      ListState = "bounced"
	StateComplained   ListState = "complained"
	StateAny          ListState = "any"
)

func (s ListState) orDefault() ListState {
	if s == "" {
		return StateSubscribed
	}
	return s
}

func (s ListState) known() bool {
	switch s {
	case StateSubscribed, StatePending, StateUnsubscribed, StateBounced, StateComplained, StateAny:
		return true
	}
	return false
}

// Tag is true for objects that carry the tag.
func Tag(id string) TagLeaf { return TagLeaf{ID: id} }

// List is true for contacts that are subscribed to the list.
func List(id string) ListLeaf { return ListLeaf{ID: id, State: StateSubscribed} }

// In is the leaf for another state on the list.
func (l ListLeaf) In(state ListState) ListLeaf {
	l.State = state
	return l
}

// Segment is true for members of the segment.
func Segment(id string) SegmentLeaf { return SegmentLeaf{ID: id} }

// Bucket is true for the share from/MaxBucket to to/MaxBucket of objects, drawn
// by salt.
func Bucket(salt string, from, to int) BucketLeaf { return BucketLeaf{Salt: salt, From: from, To: to} }
