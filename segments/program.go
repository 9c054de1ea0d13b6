package segments

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/segments/filter"
)

// program is a filter that is ready to be evaluated. It is immutable.
type program struct {
	where condition
	refs  filter.References
}

// condition is a part of a program that is asked of a contact.
type condition interface {
	judge(s *subject) verdict
	// cost orders conditions, so that the cheap ones may settle a whole before
	// the dear ones are asked.
	cost() int
}

// compile makes a program of a valid filter.
func compile(f filter.Filter) (*program, error) {
	c := compiler{zone: f.Zone}
	where, err := c.condition(f.Where)
	if err != nil {
		return nil, err
	}
	return &program{where: where, refs: f.References()}, nil
}

// compiler knows the zone of leaves that name none.
type compiler struct{ zone filter.Zone }

func (c compiler) zoneOf(z filter.Zone) filter.Zone { return cmp.Or(z, c.zone, filter.ZoneWorkspace) }

func (c compiler) condition(n filter.Node) (condition, error) {
	switch n := n.(type) {
	case filter.All:
		return c.every(n, false)
	case filter.Any:
		// One of them is true where not all are false.
		whole, err := c.every(n, true)
		return negation{whole}, err
	case filter.None:
		return c.every(n, true)
	case filter.Not:
		below, err := c.condition(n.Node)
		return negation{below}, err
	case filter.AttrLeaf:
		t, err := c.test(n.Test)
		return attributeLeaf{n.Key, t}, err
	case filter.EventLeaf:
		return c.event(n)
	case filter.TagLeaf:
		return tagLeaf(n), nil
	case filter.ListLeaf:
		n.State = cmp.Or(n.State, filter.StateSubscribed)
		return listLeaf(n), nil
	case filter.SegmentLeaf:
		return segmentLeaf(n), nil
	case filter.BucketLeaf:
		return bucketLeaf(n), nil
	}
	return nil, unsupported(n)
}

func (c compiler) every(nodes []filter.Node, negated bool) (condition, error) {
	whole := make(conjunction, len(nodes))
	for i, n := range nodes {
		below, err := c.condition(n)
		if err != nil {
			return nil, err
		}
		if negated {
			below = negation{below}
		}
		whole[i] = below
	}
	slices.SortStableFunc(whole, func(a, b condition) int { return cmp.Compare(a.cost(), b.cost()) })
	return whole, nil
}

type (
	conjunction   []condition
	negation      struct{ condition }
	attributeLeaf struct {
		key  string
		test *test
	}
	tagLeaf     filter.TagLeaf
	listLeaf    filter.ListLeaf
	segmentLeaf filter.SegmentLeaf
	bucketLeaf  filter.BucketLeaf
)

func (c conjunction) judge(s *subject) verdict {
	asked := len(s.wants)
	parts := make([]verdict, 0, len(c))
	for _, below := range c {
		v := below.judge(s)
		if !v.truth && v.settled() {
			s.wants = s.wants[:asked] // whatever the others say
			return v
		}
		parts = append(parts, v)
	}
	return all(parts)
}

func (c conjunction) cost() int {
	total := 0
	for _, below := range c {
		total += below.cost()
	}
	return total
}

func (n negation) judge(s *subject) verdict { return n.condition.judge(s).not() }

func (l attributeLeaf) judge(s *subject) verdict {
	return l.test.judge(s.contact.Attributes[l.key], s.types[l.key], s)
}

func (attributeLeaf) cost() int { return 2 }

func (l tagLeaf) judge(s *subject) verdict { return steady(s.tags[l.ID] != l.Absent) }

func (tagLeaf) cost() int { return 1 }

func (l listLeaf) judge(s *subject) verdict {
	state, member := s.lists[l.ID]
	in := member && (l.State == filter.StateAny || filter.ListState(state) == l.State)
	return steady(in != l.Absent)
}

func (listLeaf) cost() int { return 1 }

// A segment's own change is a new occasion to judge those that refer to it, so
// its next one is none of theirs.
func (l segmentLeaf) judge(s *subject) verdict {
	v := s.segments[l.ID]
	return verdict{truth: v.truth != l.Absent, unknown: v.unknown}
}

func (segmentLeaf) cost() int { return 1 }

func (l bucketLeaf) judge(s *subject) verdict {
	n := bucketOf(l.Salt, s.contact.ID)
	return steady(n >= l.From && n < l.To)
}

func (bucketLeaf) cost() int { return 3 }

// bucketOf is a contact's bucket: the SHA-256 of salt, a zero byte and the id,
// its first eight bytes modulo filter.MaxBucket.
func bucketOf(salt string, id contacts.ID) int {
	sum := sha256.Sum256(append(append([]byte(salt), 0), id[:]...))
	return int(binary.BigEndian.Uint64(sum[:8]) % filter.MaxBucket)
}

// propertyLeaf is asked of one occurrence.
type propertyLeaf struct {
	key  string
	test *test
}

// predicate is a condition on the properties of one occurrence.
type predicate interface {
	holds(properties attribute.Set, s *subject) verdict
}

type (
	predicates []predicate
	exclusion  struct{ predicate }
)

func (p predicates) holds(properties attribute.Set, s *subject) verdict {
	parts := make([]verdict, len(p))
	for i, below := range p {
		parts[i] = below.holds(properties, s)
	}
	return all(parts)
}

func (e exclusion) holds(properties attribute.Set, s *subject) verdict {
	return e.predicate.holds(properties, s).not()
}

func (l propertyLeaf) holds(properties attribute.Set, s *subject) verdict {
	return l.test.judge(properties[l.key], "", s)
}

func (c compiler) predicate(n filter.Node) (predicate, error) {
	switch n := n.(type) {
	case filter.All:
		return c.predicates(n, false)
	case filter.Any:
		whole, err := c.predicates(n, true)
		return exclusion{whole}, err
	case filter.None:
		return c.predicates(n, true)
	case filter.Not:
		below, err := c.predicate(n.Node)
		return exclusion{below}, err
	case filter.PropLeaf:
		t, err := c.test(n.Test)
		return propertyLeaf{n.Key, t}, err
	}
	return nil, unsupported(n)
}

func (c compiler) predicates(nodes []filter.Node, negated bool) (predicate, error) {
	whole := make(predicates, len(nodes))
	for i, n := range nodes {
		below, err := c.predicate(n)
		if err != nil {
			return nil, err
		}
		if negated {
			below = exclusion{below}
		}
		whole[i] = below
	}
	return whole, nil
}
