package filter

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"iter"
)

// Version is the version of the document that this package reads and writes.
const Version = 1

// Entity names the type of object that a filter chooses among, as "contact". Its
// spelling is checked here; that such a type exists, by whoever evaluates.
type Entity string

// Contact is the entity of filters that name none.
const Contact Entity = "contact"

// Zone says in whose time zone civil time is meant: ZoneWorkspace, ZoneContact,
// or an IANA name as "Europe/Paris". The spelling of a name is checked here;
// that the zone exists, by whoever evaluates, so that a document is valid on
// machines with different time zone data. In a leaf, the zero Zone is the
// filter's.
type Zone string

// The zones that are not names.
const (
	ZoneWorkspace Zone = "workspace"
	ZoneContact   Zone = "contact"
)

// Filter is a condition and what it is asked of. The zero Filter is not valid:
// it has no condition. Filters are values and are not changed by any method.
type Filter struct {
	Entity Entity // "": Contact
	Zone   Zone   // "": ZoneWorkspace
	Where  Node
}

// New makes a filter on contacts in the workspace's time zone, unchecked.
func New(where Node) Filter { return Filter{Entity: Contact, Zone: ZoneWorkspace, Where: where} }

// Build makes a filter on contacts in the workspace's time zone. A tree with
// faults answers engage.ErrInvalid and lists all of them.
func Build(where Node) (Filter, error) {
	f := New(where)
	if err := f.check("filter.Build"); err != nil {
		return Filter{}, err
	}
	return f, nil
}

// Parse reads a document. One with faults answers engage.ErrInvalid and lists
// all of them; only a document that is no JSON at all, too large or too deep
// has one fault.
func Parse(document []byte) (Filter, error) {
	var found faults
	f, readable := decode(document, &found)
	if readable {
		checkFilter(f, &found)
	}
	if err := found.err("filter.Parse"); err != nil {
		return Filter{}, err
	}
	return f, nil
}

// Validate answers nil, or engage.ErrInvalid with every fault of the filter. A
// valid filter's document is read back by Parse as an equal filter.
func (f Filter) Validate() error { return f.check("filter.Validate") }

func (f Filter) check(op string) error {
	var found faults
	checkFilter(f.withDefaults(), &found)
	return found.err(op)
}

func (f Filter) withDefaults() Filter {
	if f.Entity == "" {
		f.Entity = Contact
	}
	if f.Zone == "" {
		f.Zone = ZoneWorkspace
	}
	return f
}

// MarshalJSON is the document. A filter that is not valid answers
// engage.ErrInvalid, so none is ever stored.
func (f Filter) MarshalJSON() ([]byte, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	return encodeFilter(f), nil
}

// UnmarshalJSON is Parse. It leaves f unchanged on an error.
func (f *Filter) UnmarshalJSON(document []byte) error {
	parsed, err := Parse(document)
	if err != nil {
		return err
	}
	*f = parsed
	return nil
}

// Hash identifies the normal form of a filter.
type Hash [sha256.Size]byte

// String is the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Hash is the SHA-256 of the normal form's document: filters that are equal have
// the same, and may share what was computed for one of them. The filter must be
// valid.
func (f Filter) Hash() Hash { return sha256.Sum256(encodeFilter(f.Normal())) }

// Equal reports whether two valid filters have the same normal form. Filters
// that differ may still choose the same contacts.
func (f Filter) Equal(other Filter) bool {
	return bytes.Equal(encodeFilter(f.Normal()), encodeFilter(other.Normal()))
}

// Nodes yields every condition with its JSON Pointer, parents first. Whoever
// knows more than this package (which attributes exist, which lists) reports
// faults at those paths.
func (f Filter) Nodes() iter.Seq2[string, Node] {
	return func(yield func(string, Node) bool) { walk("/where", f.Where, MaxDepth+1, yield) }
}

func walk(path string, n Node, depth int, yield func(string, Node) bool) bool {
	if n == nil || depth < 0 {
		return true
	}
	if !yield(path, n) {
		return false
	}
	for at, below := range children(path, n) {
		if !walk(at, below, depth-1, yield) {
			return false
		}
	}
	return true
}
