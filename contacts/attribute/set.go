package attribute

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/go-engage/engage"
)

// Set is an object's attributes by key.
type Set map[string]Value

// Clone copies the set; values are immutable.
func (s Set) Clone() Set { return maps.Clone(s) }

// Keys are the keys, sorted.
func (s Set) Keys() []string { return slices.Sorted(maps.Keys(s)) }

// JSON is the set as one canonical document, "{}" when it is empty.
func (s Set) JSON() []byte {
	if len(s) == 0 {
		return []byte("{}")
	}
	members := make([]member, 0, len(s))
	size := 2
	for key, value := range s {
		if value.IsZero() {
			value = Null
		}
		m := member{quote(key), value.json}
		members, size = append(members, m), size+len(m.key)+len(m.value)+2
	}
	sortMembers(members)
	doc := make([]byte, 0, size)
	for i, m := range members {
		separator := byte(',')
		if i == 0 {
			separator = '{'
		}
		doc = append(append(append(append(doc, separator), m.key...), ':'), m.value...)
	}
	return append(doc, '}')
}

// ParseSet reads what JSON wrote; it answers nil for an empty document.
func ParseSet(doc []byte) (Set, error) {
	var s Set
	if err := json.Unmarshal(doc, &s); err != nil {
		return nil, &engage.Error{Code: engage.Internal, Op: "attribute.ParseSet", Err: err}
	}
	if len(s) == 0 {
		return nil, nil
	}
	return s, nil
}

// Change is one attribute's old and new value; the zero Value means unset.
type Change struct {
	Key  string `json:"key"`
	From Value  `json:"from,omitzero"`
	To   Value  `json:"to,omitzero"`
}

// Policy says what happens to a key that has no definition.
type Policy string

// The policies for undefined keys.
const (
	AcceptUnknown Policy = "accept" // keep the value as it is; the default
	RejectUnknown Policy = "reject" // refuse the value, keep the others
)

// Apply writes changes into the set by the rules of definitions: absent keys do
// not change, null unsets, a value that does not fit its definition is left out
// and reported. It answers the set, what changed, ordered by key, and what was
// rejected, with paths like "attributes.plan". The receiver is not modified.
func (s Set) Apply(changes Set, definitions []Definition, unknown Policy) (Set, []Change, []engage.FieldError) {
	byKey := make(map[string]Definition, len(definitions))
	for _, d := range definitions {
		byKey[d.Key] = d
	}
	out := s.Clone()
	if out == nil {
		out = Set{}
	}
	var rejected engage.Faults
	var done []Change
	for _, key := range changes.Keys() {
		value, path := changes[key], "attributes."+key
		before := len(rejected)
		ValidateKey(&rejected, path, key)
		definition, defined := byKey[key]
		switch {
		case len(rejected) > before, value.IsZero():
			continue
		case value.Validate() != nil:
			reject(&rejected, path, value.Validate())
			continue
		case value.IsNull():
		case defined:
			coerced, err := definition.Coerce(value)
			if err != nil {
				reject(&rejected, path, err)
				continue
			}
			value = coerced
		case unknown == RejectUnknown:
			rejected.Add(path, "undefined", "this workspace defines no attribute %.100q", key)
			continue
		}
		old := out[key]
		switch {
		case value.IsNull():
			value = Value{}
			delete(out, key)
		case old.IsZero() && len(out) >= MaxKeys:
			rejected.Add(path, "too_many", "an object has at most %d attributes", MaxKeys)
			continue
		default:
			out[key] = value
		}
		if old != value {
			done = append(done, Change{Key: key, From: old, To: value})
		}
	}
	if len(out) == 0 {
		out = nil
	}
	return out, done, rejected
}

// reject notes a value's fault under the path of its attribute.
func reject(rejected *engage.Faults, path string, err error) {
	for _, f := range engage.FieldsOf(err) {
		rejected.Add(path, f.Code, "%s", f.Message)
	}
}
